//! What our scripts say over there, read.
//!
//! Promise: a line that is not wholly understood says nothing.

use super::Seen;
use crate::model::{AttemptRef, BootId, Exit, Identity, Signal};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// The boot of the host, and which machine it is.
    Boot(BootId, String),
    /// How an attempt is.
    Attempt(AttemptRef, Seen),
    /// The log of an attempt is longer than it was when that was asked.
    More(AttemptRef),
    /// Nothing of an attempt lives, and its log is complete.
    Gone(AttemptRef),
    /// All was said.
    End,
}

/// What a line says.
pub(super) fn read(line: &str) -> Option<Line> {
    let mut words = line.split(' ');
    let what = words.next()?;
    match what {
        "boot" => {
            let boot = words.next()?.parse().ok()?;
            return Some(Line::Boot(boot, words.next()?.to_owned()));
        }
        "end" => return Some(Line::End),
        _ => {}
    }
    let of = AttemptRef {
        worker: words.next()?.parse().ok()?,
        attempt: words.next()?.parse().ok()?,
    };
    match what {
        "more" => Some(Line::More(of)),
        "gone" => Some(Line::Gone(of)),
        "attempt" => {
            let how = words.next()?;
            let rest: Vec<&str> = words.collect();
            Some(Line::Attempt(of, seen(how, &rest)?))
        }
        _ => None,
    }
}

fn seen(how: &str, words: &[&str]) -> Option<Seen> {
    match (how, words) {
        ("starting", []) => Some(Seen::Starting),
        ("failed", why) => Some(Seen::Failed(why.join(" ").trim().to_owned())),
        ("busy", why) => Some(Seen::Busy(why.join(" ").trim().to_owned())),
        ("alive", [pid, started, boot, _size]) => Some(Seen::Alive(identity(pid, started, boot)?)),
        ("ended", [pid, started, boot, kind, value, left, _size]) => Some(Seen::Ended {
            identity: identity(pid, started, boot)?,
            exit: exit(kind, value)?,
            left: left.parse().ok()?,
        }),
        _ => None,
    }
}

fn identity(pid: &str, started: &str, boot: &str) -> Option<Identity> {
    Some(Identity {
        boot: boot.parse().ok()?,
        pid: pid.parse().ok().filter(|pid| *pid > 0)?,
        started: started.parse().ok()?,
    })
}

fn exit(kind: &str, value: &str) -> Option<Exit> {
    match (kind, value) {
        ("code", code) => Some(Exit::Code(code.parse().ok()?)),
        ("signal", name) => Some(name.parse::<Signal>().map_or_else(
            |_| Exit::Lost(format!("killed by {name}, which is no signal here")),
            Exit::Signal,
        )),
        ("shell", code) => {
            let code: u8 = code.parse().ok()?;
            let signal = code.wrapping_sub(128);
            Some(Exit::Lost(format!(
                "its shell says {code}, which is exit code {code} or signal {signal}; with perl on that \
                 host it would be known"
            )))
        }
        ("lost", "host") => Some(Exit::machine_went_down()),
        ("lost", _) => Some(crate::launch::end::unseen()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: &str = "4c8f1f9d-3f9d-4b7e-9a53-6d0f3b8f2a11";

    fn of() -> AttemptRef {
        AttemptRef {
            worker: "train".parse().unwrap(),
            attempt: "20261121T004319Z-7f3a9c01".parse().unwrap(),
        }
    }

    fn line(rest: &str) -> Option<Seen> {
        let of = of();
        let (worker, attempt) = (&of.worker, &of.attempt);
        match read(&format!("attempt {worker} {attempt} {rest}")) {
            Some(Line::Attempt(which, seen)) if which == of => Some(seen),
            None => None,
            Some(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_condition_is_read() {
        let identity = Identity {
            boot: BOOT.parse().unwrap(),
            pid: 42,
            started: 4711,
        };
        assert_eq!(line("starting"), Some(Seen::Starting));
        let why = Seen::Failed("make is not there".into());
        assert_eq!(line("failed make is not there "), Some(why));
        assert_eq!(line("busy another"), Some(Seen::Busy("another".into())));
        let alive = Seen::Alive(identity.clone());
        assert_eq!(line(&format!("alive 42 4711 {BOOT} 12")), Some(alive));
        for (how, exit) in [
            ("code 143", Exit::Code(143)),
            ("signal SIGTERM", Exit::Signal(Signal::TERM)),
            ("lost host", Exit::machine_went_down()),
            ("lost pane", crate::launch::end::unseen()),
        ] {
            let seen = line(&format!("ended 42 4711 {BOOT} {how} 2 12"));
            let (identity, left) = (identity.clone(), 2);
            let expected = Seen::Ended {
                identity,
                exit,
                left,
            };
            assert_eq!(seen, Some(expected), "{how}");
        }
        let ambiguous = line(&format!("ended 42 4711 {BOOT} shell 143 0 12")).unwrap();
        let Seen::Ended {
            exit: Exit::Lost(why),
            ..
        } = ambiguous
        else {
            panic!("{ambiguous:?}");
        };
        assert!(why.contains("exit code 143 or signal 15"), "{why}");
    }

    #[test]
    fn what_is_not_wholly_understood_says_nothing() {
        for rest in [
            "",
            "alive 42 4711",
            &format!("alive 0 4711 {BOOT} 12"),
            &format!("alive 42 4711 {BOOT} 12 13"),
            &format!("ended 42 4711 {BOOT} code 256 0 12"),
            &format!("ended 42 4711 {BOOT} code 1 0"),
            "starting now",
        ] {
            assert_eq!(line(rest), None, "{rest}");
        }
        assert_eq!(read("Welcome to Ubuntu"), None);
        assert_eq!(read("more train"), None);
        assert_eq!(read("boot 1 machine"), None);
    }
}
