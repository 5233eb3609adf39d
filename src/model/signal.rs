//! Signals by number and by name, real-time signals included.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A Linux signal, 1 to 64 (signal(7)).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Signal(i32);

/// glibc keeps the first two real-time signals for itself, so `SIGRTMIN` is 34 for programs.
const RT_MIN: i32 = 34;
const LAST: i32 = 64;

impl Signal {
    /// Ask to end.
    pub const TERM: Self = Self(nix::libc::SIGTERM);
    /// Cannot be refused.
    pub const KILL: Self = Self(nix::libc::SIGKILL);
    /// Lets a process that is stopped go on.
    pub const CONT: Self = Self(nix::libc::SIGCONT);
    /// The terminal is gone.
    pub const HUP: Self = Self(nix::libc::SIGHUP);

    /// The signal with that number, if there is one.
    pub fn from_number(number: i32) -> Option<Self> {
        (1..=LAST).contains(&number).then_some(Self(number))
    }

    /// Its number.
    pub fn number(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match nix::sys::signal::Signal::try_from(self.0) {
            Ok(known) => f.pad(known.as_str()),
            Err(_) if self.0 == RT_MIN => f.pad("SIGRTMIN"),
            Err(_) if self.0 > RT_MIN => f.pad(&format!("SIGRTMIN+{}", self.0 - RT_MIN)),
            Err(_) => f.pad(&format!("SIG{}", self.0)),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text names no signal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a signal; write a name such as SIGTERM, SIGINT or SIGRTMIN+3")]
pub struct UnknownSignal(String);

impl FromStr for Signal {
    type Err = UnknownSignal;

    /// Accepts `SIGTERM`, `TERM`, `sigterm`, `15`, `SIGRTMIN+3`.
    fn from_str(text: &str) -> Result<Self, UnknownSignal> {
        let unknown = || UnknownSignal(text.to_owned());
        let upper = text.trim().to_ascii_uppercase();
        let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
        if let Ok(number) = bare.parse::<i32>() {
            return Self::from_number(number).ok_or_else(unknown);
        }
        if let Some(offset) = bare.strip_prefix("RTMIN") {
            let offset = match offset.strip_prefix('+') {
                Some(digits) => digits.parse::<i32>().map_err(|_| unknown())?,
                None if offset.is_empty() => 0,
                None => return Err(unknown()),
            };
            return RT_MIN
                .checked_add(offset)
                .and_then(Self::from_number)
                .ok_or_else(unknown);
        }
        format!("SIG{bare}")
            .parse::<nix::sys::signal::Signal>()
            .map(|known| Self(known as i32))
            .map_err(|_| unknown())
    }
}

impl TryFrom<String> for Signal {
    type Error = UnknownSignal;
    fn try_from(text: String) -> Result<Self, UnknownSignal> {
        text.parse()
    }
}

impl From<Signal> for String {
    fn from(signal: Signal) -> Self {
        signal.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_is_read_back_from_its_own_name() {
        for number in 1..=LAST {
            let signal = Signal::from_number(number).unwrap();
            assert_eq!(signal.to_string().parse(), Ok(signal), "{signal}");
        }
        assert_eq!(Signal::from_number(0), None);
        assert_eq!(Signal::from_number(65), None);
    }

    #[test]
    fn people_write_signals_in_several_ways() {
        for text in ["TERM", "sigterm", "SIGTERM", "15"] {
            assert_eq!(text.parse(), Ok(Signal::TERM), "{text}");
        }
        assert_eq!("SIGRTMIN+3".parse(), Ok(Signal(37)));
        for bad in ["", "SIGNOPE", "RTMIN+99", "RTMIN3", "0", "99999999999"] {
            assert!(bad.parse::<Signal>().is_err(), "{bad}");
        }
    }
}
