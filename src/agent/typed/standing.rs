//! What of a text is on the input line.

use super::Look;
use crate::agent::profile::Profile;

/// So much of a text's end tells it from others.
const TELLS: usize = 24;

/// What is on the input line, by a text that was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The text, to its end, or the program's mark for it.
    Text,
    /// Nothing.
    Empty,
    /// Something else, or not all of it.
    Other(String),
    /// There is no input line.
    Unseen,
}

/// What is on the input line.
pub fn standing(profile: &Profile, text: &str, look: &Look) -> Standing {
    let Some(input) = look.input(profile) else {
        return Standing::Unseen;
    };
    match &input.typed {
        None => Standing::Empty,
        Some(typed) if is_text(profile, text, typed) => Standing::Text,
        Some(typed) => Standing::Other(typed.clone()),
    }
}

/// Whether exactly this text is on the input line, with no mark in its place.
pub(super) fn is_whole(text: &str, typed: &str) -> bool {
    let text = key(text);
    !text.is_empty() && key(typed) == text
}

/// Whether some of the text is on the input line, and nothing else.
pub(super) fn is_part(text: &str, typed: &str) -> bool {
    key(text).contains(&key(typed))
}

/// All pieces between marks are of the text, in its order, and the last one is its end.
fn is_text(profile: &Profile, text: &str, typed: &str) -> bool {
    let whole = key(text);
    let (pieces, marks): (Vec<String>, usize) = match &profile.input.pasted {
        Some(mark) => (
            mark.split(typed).map(key).collect(),
            mark.find_iter(typed).count(),
        ),
        None => (vec![key(typed)], 0),
    };
    let mut rest = whole.as_str();
    for piece in &pieces {
        let Some(at) = rest.find(piece.as_str()) else {
            return false;
        };
        rest = &rest[at + piece.len()..];
    }
    if marks > 0 {
        return true;
    }
    let shown = &pieces[0];
    whole.ends_with(shown.as_str()) && shown.len() >= whole.len().min(TELLS)
}

/// Whether the text has come to be on the screen, wherever; of `before` it is known without.
pub fn shows(text: &str, before: &Look, after: &Look) -> bool {
    let Some(end) = end(text) else {
        return false;
    };
    let times = |look: &Look| {
        let lines = look.screen.lines().iter();
        let all: String = lines.map(|line| key(&line.text)).collect();
        all.matches(end.as_str()).count()
    };
    times(after) > times(before)
}

/// What tells a text at its end.
pub(super) fn end(text: &str) -> Option<String> {
    let whole = key(text);
    let count = whole.chars().count();
    let end: String = whole.chars().skip(count.saturating_sub(TELLS)).collect();
    (!end.is_empty()).then_some(end)
}

/// What of a text every terminal shows as it is.
pub(super) fn key(text: &str) -> String {
    let stays = |c: &char| c.is_alphanumeric() || c.is_ascii_graphic();
    text.chars().filter(stays).collect()
}
