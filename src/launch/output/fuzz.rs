//! What a terminal may be sent.

use std::time::Duration;

use super::{Page, plain};
use crate::fuzz::fuzz;

/// A jump goes no further.
const WIDEST: usize = 4096;

#[test]
fn what_is_left_of_it_can_be_read_and_is_bounded() {
    fuzz("terminal", 512, |bytes| {
        let lines = plain(bytes);
        for line in &lines {
            assert!(!line.contains(char::is_control), "{line:?}");
            assert_eq!(line.trim_end(), line);
            assert!(line.chars().count() <= WIDEST + bytes.len());
        }
        assert!(lines.len() <= bytes.len());
        let again: String = lines.iter().map(|line| format!("{line}\n")).collect();
        assert_eq!(plain(again.as_bytes()), lines, "plain text is plain");
    });
}

#[test]
fn its_lines_are_plain_and_bounded_however_they_arrive() {
    fuzz("terminal", 512, |bytes| {
        let mut page = Page::default();
        let mut lines = Vec::new();
        for (second, piece) in (0..).zip(bytes.chunks(7)) {
            lines.extend(page.take(Duration::from_secs(second), piece));
        }
        lines.extend(page.finish());
        for line in &lines {
            assert!(!line.contains(char::is_control), "{line:?}");
            assert!(!line.is_empty() && line.trim_end() == line, "{line:?}");
            assert!(line.chars().count() <= WIDEST, "{line:?}");
        }
        assert!(lines.len() <= bytes.len());
        assert_eq!(page.due(), None, "nothing is left");
    });
}
