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
    /// Nobody saw it end, or it never began; the text says why.
    Lost(String),
}

/// The text of a [`Exit::Lost`] that the machine is to blame for.
const WENT_DOWN: &str = "the machine went down";
/// How the text of a [`Exit::Lost`] begins that was no run at all.
const NOT_STARTED: &str = "could not be started: ";
/// The text of a [`Exit::Lost`] of which it is not even known whether there was a run.
const START_UNSEEN: &str =
    "the supervisor died before it had recorded the start; whether it ran is not known";

impl Exit {
    /// Of an attempt that could not be started at all.
    pub fn not_started(why: &str) -> Self {
        Self::Lost(format!("{NOT_STARTED}{why}"))
    }

    /// Of an attempt that the machine took along.
    pub fn machine_went_down() -> Self {
        Self::Lost(WENT_DOWN.to_owned())
    }

    /// Of an attempt that was about to be started when the supervisor died, and of which nothing
    /// lives.
    pub fn start_unseen() -> Self {
        Self::Lost(START_UNSEEN.to_owned())
    }

    /// Whether it may be that of an attempt which never ran, as well as of one that did.
    pub fn may_never_have_run(&self) -> bool {
        matches!(self, Self::Lost(why) if why == START_UNSEEN)
    }

    /// Who stopped it, where that was the machine: then it did not end by itself.
    pub fn stopped_by_machine(&self) -> Option<String> {
        match self {
            Self::Lost(why) if why == WENT_DOWN => Some(why.clone()),
            Self::Code(_) | Self::Signal(_) | Self::Lost(_) => None,
        }
    }

    /// Whether it is that of an attempt which could not be started.
    pub fn is_not_started(&self) -> bool {
        matches!(self, Self::Lost(why) if why.starts_with(NOT_STARTED))
    }

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
            Self::Lost(why) if self.is_not_started() => f.write_str(why),
            Self::Lost(why) => write!(f, "exit lost: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_that_never_began_has_lost_nothing() {
        let exit = Exit::not_started("no such file");
        assert_eq!(exit.to_string(), "could not be started: no such file");
        assert!(exit.is_not_started());
        let lost = Exit::machine_went_down();
        assert_eq!(lost.to_string(), "exit lost: the machine went down");
        assert!(!lost.is_not_started() && !lost.may_never_have_run());
        assert!(Exit::start_unseen().may_never_have_run());
    }

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
