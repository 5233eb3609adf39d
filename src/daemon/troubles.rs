//! What does not work at the moment and ends nothing: shown in `status` until it works again, or for
//! a while after it last happened, unless it lasts for sure.
//!
//! Promise: one line for each thing that does not work, however often and with whichever words.

use std::{collections::BTreeMap, time::Duration};

use crate::model::{Mono, Now};

/// How long one is shown after it last happened.
const SHOWS: Duration = Duration::from_secs(600);

/// By what does not work.
#[derive(Debug, Default)]
pub(super) struct Troubles(BTreeMap<String, Trouble>);

#[derive(Debug)]
struct Trouble {
    /// How it showed last.
    text: String,
    times: u64,
    last: Now,
    /// It is so until it is said to be over.
    lasts: bool,
}

impl Troubles {
    /// It happened, once more perhaps; says whether that is news.
    pub(super) fn add(&mut self, now: Now, about: String, text: String) -> bool {
        self.put(now, about, text, false)
    }

    /// It is so from now on; says whether that is news.
    pub(super) fn begin(&mut self, now: Now, about: &str, text: String) -> bool {
        self.put(now, about.to_owned(), text, true)
    }

    fn put(&mut self, now: Now, about: String, text: String, lasts: bool) -> bool {
        self.0.retain(|_, trouble| trouble.shows(now.mono));
        let known = self.0.get(&about);
        let times = known.map_or(0, |trouble| trouble.times) + 1;
        let trouble = Trouble {
            text,
            times,
            last: now,
            lasts,
        };
        self.0.insert(about, trouble);
        times == 1
    }

    /// It works.
    pub(super) fn over(&mut self, about: &str) {
        self.0.remove(about);
    }

    /// One line for each.
    pub(super) fn lines(&self, now: Mono) -> Vec<String> {
        let shown = self.0.values().filter(|trouble| trouble.shows(now));
        shown.map(Trouble::line).collect()
    }
}

impl Trouble {
    fn shows(&self, now: Mono) -> bool {
        self.lasts || now.since(self.last.mono) < SHOWS
    }

    fn line(&self) -> String {
        match self.times {
            1 => self.text.clone(),
            times => format!(
                "{} ({times} times, last at {})",
                self.text,
                self.last.wall.strftime("%Y-%m-%dT%H:%M:%SZ")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Now {
        Now {
            mono: Mono(seconds * 1000),
            wall: jiff::Timestamp::from_second(i64::try_from(seconds).unwrap()).unwrap(),
        }
    }

    #[test]
    fn a_trouble_is_one_line_until_it_is_over_or_old() {
        let thing = |worker: &str| format!("exit record of {worker}");
        let mut troubles = Troubles::default();
        assert!(troubles.add(at(1), thing("a"), "a: x: full".into()));
        for n in 2..1000 {
            assert!(!troubles.add(at(n), thing("a"), format!("a: x{n}: full")));
        }
        assert!(troubles.add(at(5), thing("b"), "b: full".into()));
        assert_eq!(
            troubles.lines(at(5).mono),
            [
                "a: x999: full (999 times, last at 1970-01-01T00:16:39Z)",
                "b: full"
            ]
        );
        troubles.over(&thing("a"));
        assert_eq!(troubles.lines(at(5).mono), ["b: full"]);
        assert_eq!(troubles.lines(at(605).mono), Vec::<String>::new());
        assert!(
            troubles.add(at(605), thing("b"), "b: full".into()),
            "new again"
        );
        assert!(troubles.begin(at(700), "reload", "refused".into()));
        assert_eq!(troubles.lines(at(99_999).mono), ["refused"]);
    }
}
