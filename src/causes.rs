//! Errors for people: what failed, and what it came from.

use std::{error::Error, io, iter};

/// The error and its causes on one line: `what: why: why that`.
pub fn in_one_line(error: &dyn Error) -> String {
    let causes = iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// What the system says, without the number that it has for it.
pub(crate) fn in_words(error: &io::Error) -> String {
    let text = error.to_string();
    let words = text.rsplit_once(" (os error ");
    words.map_or(text.as_str(), |(words, _)| words).to_owned()
}
