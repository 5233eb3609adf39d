//! How an attempt ended.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Signal;

/// How an attempt ended: the truth, or the admission that it is lost. Never a made-up number.
///
/// As JSON: `{"code":42}`, `{"signal":"SIGKILL"}`, `{"signal":"SIGKILL","oom":true}`,
/// `{"lost":"why"}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Json", into = "Json")]
pub enum Exit {
    /// It returned this status, 0 to 255.
    Code(u8),
    /// It was ended by this signal.
    Signal(Signal),
    /// The kernel killed it, or something of it, because memory ran out; how it ended itself.
    OutOfMemory(Status),
    /// Nobody saw it end, or it never began; the text says why.
    Lost(String),
}

/// What a process leaves behind (wait(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// It returned this status, 0 to 255.
    Code(u8),
    /// It was ended by this signal.
    Signal(Signal),
}

impl From<Status> for Exit {
    fn from(status: Status) -> Self {
        match status {
            Status::Code(code) => Self::Code(code),
            Status::Signal(signal) => Self::Signal(signal),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signal: Option<Signal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lost: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    oom: bool,
}

impl From<Exit> for Json {
    fn from(exit: Exit) -> Self {
        let oom = matches!(exit, Exit::OutOfMemory(_));
        let (code, signal, lost) = match exit {
            Exit::Code(code) | Exit::OutOfMemory(Status::Code(code)) => (Some(code), None, None),
            Exit::Signal(signal) | Exit::OutOfMemory(Status::Signal(signal)) => {
                (None, Some(signal), None)
            }
            Exit::Lost(why) => (None, None, Some(why)),
        };
        Self {
            code,
            signal,
            lost,
            oom,
        }
    }
}

/// The JSON says none of what an exit can be, or more than one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an exit is one of code, signal and lost")]
struct NotAnExit;

impl TryFrom<Json> for Exit {
    type Error = NotAnExit;

    fn try_from(json: Json) -> Result<Self, NotAnExit> {
        let status = match (json.code, json.signal, json.lost) {
            (Some(code), None, None) => Status::Code(code),
            (None, Some(signal), None) => Status::Signal(signal),
            (None, None, Some(why)) if !json.oom => return Ok(Self::Lost(why)),
            _ => return Err(NotAnExit),
        };
        Ok(if json.oom {
            Self::OutOfMemory(status)
        } else {
            status.into()
        })
    }
}

/// The text of a [`Exit::Lost`] that the machine is to blame for.
const WENT_DOWN: &str = "the machine went down";
/// How the text of a [`Exit::Lost`] begins that was no run at all.
const NOT_STARTED: &str = "could not be started: ";
/// The text of a [`Exit::Lost`] that nobody even tried to start.
const NEVER_BEGAN: &str = "never began";
/// The text of a [`Exit::Lost`] of which it is not even known whether there was a run.
const START_UNSEEN: &str = "its start was not recorded; whether it ran is not known";

impl Exit {
    /// Of an attempt that could not be started at all.
    pub fn not_started(why: &str) -> Self {
        Self::Lost(format!("{NOT_STARTED}{why}"))
    }

    /// Of an attempt that was decided on and not come to.
    pub fn never_began() -> Self {
        Self::Lost(NEVER_BEGAN.to_owned())
    }

    /// Of an attempt that the machine took along.
    pub fn machine_went_down() -> Self {
        Self::Lost(WENT_DOWN.to_owned())
    }

    /// Who stopped one of which it is known how it ended, when that was the machine.
    pub fn by_machine() -> String {
        WENT_DOWN.to_owned()
    }

    /// Of an attempt that was about to be started when its supervisor ended, and of which nothing
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
            Self::Code(_) | Self::Signal(_) | Self::OutOfMemory(_) | Self::Lost(_) => None,
        }
    }

    /// Whether it is that of an attempt which could not be started.
    pub fn is_not_started(&self) -> bool {
        self.why_not_started().is_some()
    }

    /// Why it could not be started, if so.
    pub fn why_not_started(&self) -> Option<&str> {
        match self {
            Self::Lost(why) => why.strip_prefix(NOT_STARTED),
            Self::Code(_) | Self::Signal(_) | Self::OutOfMemory(_) => None,
        }
    }

    /// Whether it is certain that there was no run of which it could be the exit.
    pub fn never_ran(&self) -> bool {
        self.is_not_started() || *self == Self::never_began()
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
            Self::OutOfMemory(status) => write!(f, "{}, out of memory", Self::from(*status)),
            Self::Lost(why) if self.never_ran() => f.write_str(why),
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
        let unbegun = Exit::never_began();
        assert_eq!(unbegun.to_string(), "never began");
        assert!(exit.never_ran() && unbegun.never_ran() && !unbegun.is_not_started());
        assert!(!Exit::start_unseen().never_ran());
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
            (
                Exit::OutOfMemory(Status::Signal(Signal::KILL)),
                r#"{"signal":"SIGKILL","oom":true}"#,
            ),
            (
                Exit::OutOfMemory(Status::Code(143)),
                r#"{"code":143,"oom":true}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&exit).unwrap(), json);
            assert_eq!(serde_json::from_str::<Exit>(json).unwrap(), exit);
        }
        for bad in [
            r#"{"code":256}"#,
            r#"{"code":-1}"#,
            r#"{"signal":"SIGNOPE"}"#,
            r#"{"code":1,"signal":"SIGKILL"}"#,
            r#"{"lost":"why","oom":true}"#,
            r#"{"oom":true}"#,
            r#"{"code":1,"more":1}"#,
            "{}",
            "null",
        ] {
            assert!(serde_json::from_str::<Exit>(bad).is_err(), "{bad}");
        }
    }
}
