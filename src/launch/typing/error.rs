//! Why a text was not typed, or is not known to be taken. The words go into the history, so what stands on
//! an input line is in none of them.

use crate::agent::typed::{Refusal, Unfit};

/// How far it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// Nothing of the text was typed.
    Nothing,
    /// It was typed, and not submitted.
    Typed,
    /// The key that submits was pressed.
    Submitted,
}

/// A text was not taken, or not even typed.
#[derive(Debug, thiserror::Error)]
pub enum TypingError {
    /// It is not for typing.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// Now is not the moment.
    #[error("nothing was typed: {why}")]
    Refused {
        /// Why.
        why: Refusal,
        /// What is on the screen.
        screen: String,
    },
    /// Something was in the way, a key was pressed first, and then it could not be typed either.
    #[error("{pressed}, and then nothing was typed: {why}")]
    Pressed {
        /// Which key was, and what for.
        pressed: String,
        /// Why not.
        why: Refusal,
        /// What is on the screen.
        screen: String,
    },
    /// It was typed and never seen.
    #[error("text was typed, but is not seen on the input line; it was not submitted")]
    Unseen {
        /// What is there instead.
        shown: String,
        /// What is on the screen.
        screen: String,
    },
    /// What an earlier daemon typed is not known again.
    #[error("nothing was submitted: what was typed before does not stand on the input line")]
    NotThere,
    /// Something came between typing and submitting.
    #[error("text is left on the input line: {why}")]
    Held {
        /// What.
        why: Refusal,
        /// How far it went.
        extent: Extent,
        /// What is on the screen.
        screen: String,
    },
    /// The program does not take it.
    #[error("text is left on the input line, after {presses} presses of {key}")]
    Left {
        /// The key that submits.
        key: String,
        /// How often it was pressed.
        presses: usize,
        /// What is on the input line.
        left: String,
        /// What is on the screen.
        screen: String,
    },
    /// The terminal cannot be reached.
    #[error("{why}; {}", so_far(*extent))]
    Terminal {
        /// Why.
        why: String,
        /// How far it went.
        extent: Extent,
    },
}

fn so_far(extent: Extent) -> &'static str {
    match extent {
        Extent::Nothing => "nothing was typed",
        Extent::Typed => "text may be on the input line, and was not submitted",
        Extent::Submitted => "text was submitted, and may have been taken",
    }
}

impl TypingError {
    /// How far it went: what is not [`Extent::Nothing`] must not be typed again unseen.
    pub fn extent(&self) -> Extent {
        match self {
            Self::Unfit(_) | Self::Refused { .. } | Self::Pressed { .. } | Self::NotThere => {
                Extent::Nothing
            }
            Self::Unseen { .. } => Extent::Typed,
            Self::Left { .. } => Extent::Submitted,
            Self::Held { extent, .. } | Self::Terminal { extent, .. } => *extent,
        }
    }

    /// What is on the screen, where that was seen.
    pub fn screen(&self) -> Option<&str> {
        match self {
            Self::Refused { screen, .. }
            | Self::Pressed { screen, .. }
            | Self::Unseen { screen, .. }
            | Self::Held { screen, .. }
            | Self::Left { screen, .. } => Some(screen),
            Self::Unfit(_) | Self::NotThere | Self::Terminal { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_pressed_in_vain_comes_before_what_was_not_typed() {
        let error = TypingError::Pressed {
            pressed: "Escape was pressed to end what it did".into(),
            why: Refusal::Busy,
            screen: String::new(),
        };
        let words = "Escape was pressed to end what it did, and then nothing was typed: it works";
        assert_eq!(error.to_string(), words);
    }
}
