//! What a terminal may be sent.

use super::plain;
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
