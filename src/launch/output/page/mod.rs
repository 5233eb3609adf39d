//! What a terminal is sent, as lines of text while it is sent.
//!
//! Promise: each line comes out once, as it stood when it was finished; a progress bar is its last
//! state. Who paints the same lines again and again is not repeated: of what is repainted only comes
//! out what is new, and of one place on the screen no more than a line in ten seconds.
//!
//! How: a line is finished when it leaves the screen at its top, or when it has not changed for a
//! moment. The screen has the size that a session begins with; it is a reading of what was printed, not
//! a picture of it, as [`plain`](super::plain()) is for what is whole already.

mod terminal;

use std::{collections::VecDeque, time::Duration};

use vte::Parser;

/// Rows of a session to which nobody is attached.
const HEIGHT: usize = 50;
/// What does not change for so long is finished.
const SETTLES: Duration = Duration::from_millis(300);
/// How often the same place may be told again.
const AGAIN: Duration = Duration::from_secs(10);
/// So many lines are remembered, to know them again when they are repainted elsewhere.
const REMEMBERED: usize = 2 * HEIGHT;

/// A terminal's screen, and what of it was told already. Times count from any fixed moment.
#[derive(Default)]
pub(crate) struct Page {
    parser: Parser,
    screen: Screen,
}

impl Page {
    /// The lines that are finished by these bytes.
    pub(crate) fn take(&mut self, now: Duration, bytes: &[u8]) -> Vec<String> {
        self.screen.now = now;
        self.parser.advance(&mut self.screen, bytes);
        self.screen.look();
        self.settle(now)
    }

    /// The lines that are finished by now, since nothing happened to them.
    pub(crate) fn settle(&mut self, now: Duration) -> Vec<String> {
        self.screen.now = now;
        self.screen
            .tell(|row| row.due().is_some_and(|due| due <= now));
        std::mem::take(&mut self.screen.told)
    }

    /// When to ask again.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.screen.rows.iter().filter_map(Row::due).min()
    }

    /// Nothing more comes: the rest.
    pub(crate) fn finish(&mut self) -> Vec<String> {
        self.screen.tell(|_| true);
        std::mem::take(&mut self.screen.told)
    }
}

#[derive(Default)]
struct Row {
    text: Vec<char>,
    /// Something was done to it since the last look.
    touched: bool,
    /// What it was at the last look: to be erased and painted again is no change.
    seen: Vec<char>,
    /// When it last changed, unless that was told.
    changed: Option<Duration>,
    /// When it was told last, and what it was.
    told: Option<(Duration, String)>,
    /// The cursor came back to it.
    repainted: bool,
}

impl Row {
    fn due(&self) -> Option<Duration> {
        let settled = self.changed? + SETTLES;
        let told = self.told.as_ref();
        Some(told.map_or(settled, |(at, _)| settled.max(*at + AGAIN)))
    }
}

#[derive(Default)]
struct Screen {
    now: Duration,
    /// From the top down to the lowest that was used.
    rows: VecDeque<Row>,
    row: usize,
    column: usize,
    told: Vec<String>,
    /// What was told last.
    memory: VecDeque<String>,
}

impl Screen {
    /// Notices which rows have changed.
    fn look(&mut self) {
        for row in self.rows.iter_mut().filter(|row| row.touched) {
            row.touched = false;
            // Erased, it may be painted again in a moment.
            let blank = row.text.iter().all(|place| *place == ' ');
            if row.text != row.seen && !blank {
                row.seen.clone_from(&row.text);
                row.changed = Some(self.now);
            }
        }
    }

    /// Tells what is new in these rows.
    fn tell(&mut self, which: impl Fn(&Row) -> bool) {
        for at in 0..self.rows.len() {
            if which(&self.rows[at]) {
                self.tell_row(at);
            }
        }
    }

    fn tell_row(&mut self, at: usize) {
        let row = &mut self.rows[at];
        row.changed = None;
        let text: String = row.text.iter().collect();
        let text = text.trim_end();
        if text.is_empty() {
            row.seen.clear();
            return;
        }
        let same = row.told.as_ref().is_some_and(|(_, told)| told == text);
        let known = row.repainted && self.memory.iter().any(|told| told == text);
        if same || known {
            return;
        }
        row.told = Some((self.now, text.to_owned()));
        if self.memory.len() == REMEMBERED {
            self.memory.pop_front();
        }
        self.memory.push_back(text.to_owned());
        self.told.push(text.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// What comes out when each of these is sent a tenth of a second after the one before.
    fn told(sent: &[&str]) -> Vec<String> {
        let mut page = Page::default();
        let mut lines = Vec::new();
        for (tenths, bytes) in (0..).zip(sent) {
            lines.extend(page.take(at(tenths * 100), bytes.as_bytes()));
        }
        lines.extend(page.finish());
        lines
    }

    #[test]
    fn lines_come_out_as_they_stood_when_they_were_finished() {
        for (sent, lines) in [
            (&["one\r\ntwo\r\n"][..], &["one", "two"][..]),
            (&["tick\r\n", "tick\r\n"], &["tick", "tick"]),
            (
                &["\x1b[1;31mred\x1b[0m plain\x1b]0;title\x07\r\n"],
                &["red plain"],
            ),
            (&["10%\r", "50%\r", "100%\n", "done"], &["100%", "done"]),
            (&["long line\rok\x1b[K\n"], &["ok"]),
            (&["a\r\nb\r\n\x1b[2J\x1b[Hc"], &["a", "b", "c"]),
            (
                &["before\r\n\x1b[?1049hpainted\x1b[?1049lafter"],
                &["before", "painted", "after"],
            ),
            (&["\x1b[3;5Hbelow\x1b[Habove"], &["above", "    below"]),
            (&["a\tb\n\n"], &["a       b"]),
        ] {
            assert_eq!(told(sent), lines, "{sent:?}");
        }
    }

    #[test]
    fn a_line_comes_out_as_soon_as_it_has_settled() {
        let mut page = Page::default();
        assert_eq!(page.take(at(0), b"question? "), [""; 0]);
        assert_eq!(page.due(), Some(at(300)));
        assert_eq!(page.settle(at(299)), [""; 0]);
        assert_eq!(page.settle(at(300)), ["question?"]);
        assert_eq!(page.due(), None);
        // The same place, told again at most every ten seconds.
        assert_eq!(page.take(at(400), b"yes"), [""; 0]);
        assert_eq!(page.due(), Some(at(10_300)));
        assert_eq!(page.settle(at(10_300)), ["question? yes"]);
    }

    #[test]
    fn more_lines_than_the_screen_has_come_out_in_order_at_once() {
        let lines: Vec<String> = (0..200).map(|number| format!("line {number}")).collect();
        let mut page = Page::default();
        let mut told = page.take(at(0), (lines.join("\r\n") + "\r\n").as_bytes());
        assert!(told.len() > 200 - HEIGHT, "{}", told.len());
        told.extend(page.settle(at(300)));
        assert_eq!(told, lines);
    }

    #[test]
    fn what_is_repainted_comes_out_where_it_is_new() {
        let mut page = Page::default();
        let mut told = Vec::new();
        // A frame of three rows, ten times a second for a minute: one row stays, one spins, and one
        // changes every twenty seconds.
        for frame in 0..600 {
            let minute = frame / 200;
            let rows = format!("title\r\n{frame} spins\r\nstep {minute}\r\n");
            let back = if frame == 0 { "" } else { "\x1b[3A\x1b[J" };
            told.extend(page.take(at(frame * 100), format!("{back}{rows}").as_bytes()));
        }
        told.extend(page.finish());
        let of = |word: &str| told.iter().filter(|line| line.contains(word)).count();
        assert_eq!((of("title"), of("step")), (1, 3), "{told:?}");
        assert!((1..=7).contains(&of("spins")), "{told:?}");
    }

    #[test]
    fn what_is_erased_and_painted_again_in_a_moment_has_not_changed() {
        let mut page = Page::default();
        let mut told = Vec::new();
        for frame in 0..20 {
            let erased = page.take(at(frame * 100), b"\x1b[H\x1b[J");
            told.extend([erased, page.take(at(frame * 100 + 5), b"header\r\n")].concat());
        }
        assert_eq!(told, ["header"]);
    }

    #[test]
    fn a_line_without_an_end_costs_no_memory() {
        let mut page = Page::default();
        let mut count = 0;
        for _ in 0..1000 {
            let told = page.take(at(0), &[b'x'; 4096]);
            count += told.iter().map(String::len).sum::<usize>();
        }
        assert!(page.screen.rows.len() <= HEIGHT);
        assert_eq!(count + page.finish().concat().len(), 4096 * 1000);
        assert!(
            page.take(at(0), b"\x1b[65535G\x1b[65535B\x1b[65535Cx")
                .is_empty()
        );
    }
}
