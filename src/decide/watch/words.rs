//! What the looks at an agent came to, in words: the evidence of a verdict.

use std::{fmt::Display, time::Duration};

use jiff::{Timestamp, tz::TimeZone};

use super::{
    super::{attempt::in_words, verdict::ago},
    Sign, Watching,
};
use crate::{
    agent::{sighting::Seen, signs::Signs},
    config,
    model::{Mono, Now, Verdict},
};

impl Watching {
    /// The verdict with its evidence; `None` before the first look.
    pub(in crate::decide) fn verdict(&self, now: Now, rules: &config::Watch) -> Option<Verdict> {
        let evidence = match (&self.blind, &self.seen) {
            (Some(why), Some((at, _))) => {
                let blind = in_words(whole(now.mono.since(*at)));
                format!("nobody could look at it for {blind}: {why}")
            }
            (Some(why), None) => format!("nobody could look at it yet: {why}"),
            (None, Some((_, signs))) => self.evidence(signs, now, rules),
            (None, None) => return None,
        };
        Some(Verdict {
            is: self.judged(rules),
            evidence,
            since: Some(self.since.wall),
        })
    }

    fn evidence(&self, signs: &Signs, at: Now, rules: &config::Watch) -> String {
        let now = at.mono;
        match &signs.sighting.seen {
            Seen::Waiting => {
                let typed = signs.sighting.input.as_ref();
                // What it is, not everybody who may read the status is to know.
                match typed.is_some_and(|input| input.typed.is_some()) {
                    true => "text is on its input line, and not sent".into(),
                    false => "for a word, at its input line".into(),
                }
            }
            Seen::Asking { question } => short(question),
            Seen::Limited { words, until, menu } => {
                let words = short(words);
                let limit = match until {
                    Some(until) if *until <= at.wall => {
                        format!("was to end at {}: {words}", to_the_minute(*until))
                    }
                    Some(until) => format!("until {}: {words}", to_the_minute(*until)),
                    None => format!("until nobody knows when: {words}"),
                };
                match menu {
                    Some(menu) => format!("{limit}; and it asks: {}", short(&menu.question)),
                    None => limit,
                }
            }
            Seen::Outage { words } => short(words),
            Seen::Crashed { words } if self.is_over() => {
                format!("its program is over: {}", short(words))
            }
            Seen::Crashed { words } => {
                let over = "its screen says that a program is over";
                format!(
                    "{}; {over}: {}",
                    self.signs_of_work(now, rules),
                    short(words)
                )
            }
            Seen::Busy => self.signs_of_work(now, rules),
            Seen::Unknown => {
                let known = "its screen shows nothing that is known";
                format!("{}; {known}", self.signs_of_work(now, rules))
            }
        }
    }

    /// When there was a sign of work, and which.
    fn signs_of_work(&self, now: Mono, rules: &config::Watch) -> String {
        let (at, sign) = &self.sign;
        let idle = now.since(*at);
        let last = match sign {
            Sign::Begun => format!("watched since {}", in_words(whole(idle))),
            Sign::Screen => format!("its screen changed {}", ago(idle)),
            Sign::Commit => format!("committed {}", ago(idle)),
            Sign::Heartbeat => format!("touched its heartbeat {}", ago(idle)),
            Sign::Computes(name) if idle < rules.slow => {
                let quiet = now.since(self.shown);
                match quiet >= rules.slow {
                    true => format!(
                        "{name} computes; nothing else of it was seen for {}",
                        in_words(whole(quiet))
                    ),
                    false => format!("{name} computes"),
                }
            }
            Sign::Computes(name) => format!("{name} computed {}", ago(idle)),
        };
        match idle >= rules.slow {
            true => format!("no sign of work for {}: {last}", in_words(whole(idle))),
            false => last,
        }
    }
}

pub(in crate::decide) fn to_the_minute(at: Timestamp) -> impl Display {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC")
}

/// Whole seconds in the first minute, whole minutes from then on.
pub(in crate::decide) fn whole(duration: Duration) -> Duration {
    let seconds = duration.as_secs();
    Duration::from_secs(match seconds {
        0..60 => seconds,
        seconds => seconds - seconds % 60,
    })
}

/// A screen's words, as much as fits into a line of `status`.
pub(in crate::decide) fn short(words: &str) -> String {
    const MOST: usize = 100;
    let words: Vec<&str> = words.split_whitespace().collect();
    let words = words.join(" ");
    match words.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}
