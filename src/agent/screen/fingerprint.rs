//! What stays the same when a program only paints its screen anew.
//!
//! Spinners turn and seconds and tokens are counted while nothing happens; and a pane that becomes
//! narrower wraps its lines elsewhere. None of that is work. All other numbers stay: "412 tests
//! passed" after "380 tests passed" is work.

use std::{fmt, hash::Hasher, sync::LazyLock};

use fnv::FnvHasher;
use regex::{Regex, RegexSet};
use serde::{Deserialize, Serialize};

use super::Screen;

/// A screen without what moves by itself; equal for equal screens, on every machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(u64);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Time that passes ("1m 5s", "1m02s", "00:12", "3.2 seconds"), clocks ("2026-11-22T15:00:03.2Z"), tokens
/// ("↓ 64.5k tokens"), and what turns in ASCII, alone at an end of the line.
#[expect(
    clippy::unwrap_used,
    reason = "the pattern is a constant, and tests compile it"
)]
static COUNTER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)\b(?:\d+(?:\.\d+)? ?(?:h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?|ms) ?)+\b",
        r"|\b(?:(?:\d{4}-\d\d-\d\d)?T)?\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?\b",
        r"|^\s*[-|/\\*+](?:\s|$)|\s[-|/\\]$",
        r"|[↑↓⚒]? ?\b\d[\d.,]*[km]? ?tokens?\b",
    ))
    .unwrap()
});

/// What turns.
fn is_spinner(character: char) -> bool {
    matches!(
        character,
        '\u{2800}'
            ..='\u{28ff}'
                | '◐'
                | '◓'
                | '◑'
                | '◒'
                | '◴'
                | '◷'
                | '◶'
                | '◵'
                | '░'
                | '▒'
                | '▓'
                | '█'
                | '✢'
                | '✣'
                | '✤'
                | '✳'
                | '✴'
                | '✶'
                | '✺'
                | '✻'
                | '✼'
                | '✽'
                | '∗'
                | '·'
                | '•'
                | '◦'
                | '⏺'
                | '●'
                | '○'
    )
}

impl Screen {
    /// The fingerprint of this screen without the lines that `moving` matches: status lines, clocks.
    pub fn fingerprint(&self, moving: &RegexSet) -> Fingerprint {
        let mut hasher = FnvHasher::default();
        for line in &self.lines {
            if moving.is_match(&line.text) {
                continue;
            }
            let text = COUNTER.replace_all(&line.text, "");
            // Blanks and breaks are where the pane's width puts them.
            for character in text
                .chars()
                .filter(|c| !c.is_whitespace() && !is_spinner(*c))
            {
                hasher.write(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        Fingerprint(hasher.finish())
    }
}
