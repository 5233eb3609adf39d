//! How an attempt ended.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Signal;

/// How an attempt ended: the truth, or the admission that it is lost. Never a made-up number.
///
/// As JSON: `{"code":42}`, `{"signal":"SIGKILL"}`, `{"lost":"why"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Exit {
    /// It returned this status, 0 to 255.
    Code(u8),
    /// It was ended by this signal.
    Signal(Signal),
    /// Nobody was there to see it end; the text says why.
    Lost(String),
}

impl Exit {
    /// Ended of its own will, without an error.
    pub fn is_success(&self) -> bool {
        *self == Self::Code(0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "killed by {signal}"),
            Self::Lost(why) => write!(f, "exit lost: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_is_the_contract() {
        for (exit, json) in [
            (Exit::Code(42), r#"{"code":42}"#),
            (Exit::Signal(Signal::KILL), r#"{"signal":"SIGKILL"}"#),
            (Exit::Lost("why".into()), r#"{"lost":"why"}"#),
        ] {
            assert_eq!(serde_json::to_string(&exit).unwrap(), json);
            assert_eq!(serde_json::from_str::<Exit>(json).unwrap(), exit);
        }
        for bad in [
            r#"{"code":256}"#,
            r#"{"code":-1}"#,
            r#"{"signal":"SIGNOPE"}"#,
            "{}",
            "null",
        ] {
            assert!(serde_json::from_str::<Exit>(bad).is_err(), "{bad}");
        }
    }
}
