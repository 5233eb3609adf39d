//! What is wrong with a profile, and what helps.

use super::SHIPPED;
use crate::nearest::nearest;

/// What is wrong with a profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The profile that this one goes on from does not exist.
    #[error("profile {profile}: extends: {base:?} does not exist")]
    Base {
        /// The profile.
        profile: String,
        /// What it extends.
        base: String,
    },
    /// It is no TOML, or has keys or values that a profile has not.
    #[error("profile {profile}: {}", .source.to_string().trim_end())]
    Form {
        /// The profile.
        profile: String,
        /// Where, and what.
        source: toml::de::Error,
    },
    /// An expression does not compile.
    #[error("profile {profile}: {key}: not a regular expression: {}", .source.to_string().trim_end())]
    Expression {
        /// The profile.
        profile: String,
        /// The key, with the place in its list.
        key: String,
        /// Why not.
        source: regex::Error,
    },
    /// A value can never be right.
    #[error("profile {profile}: {key}: {what}")]
    Value {
        /// The profile.
        profile: String,
        /// The key.
        key: String,
        /// What is wrong with it.
        what: String,
        /// What helps.
        help: String,
    },
}

impl ProfileError {
    /// What helps.
    pub fn help(&self) -> String {
        match self {
            Self::Base { base: name, .. } => {
                let meant = nearest(name, SHIPPED);
                let meant = meant.map(|meant| format!("{meant} is probably meant; "));
                let all = SHIPPED.join(", ");
                format!("{}there are {all}", meant.unwrap_or_default())
            }
            Self::Form { .. } => {
                "a file that says extends = \"generic\" needs to say only what is different"
                    .to_owned()
            }
            Self::Expression { .. } => {
                "write it in single quotes, so that TOML leaves its backslashes alone; there is no \
                 look-around and there are no back-references"
                    .to_owned()
            }
            Self::Value { help, .. } => help.clone(),
        }
    }
}
