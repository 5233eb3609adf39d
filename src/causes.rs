//! Errors for people: what failed, and what it came from.

use std::{error::Error, iter};

/// The error and its causes on one line: `what: why: why that`.
pub fn in_one_line(error: &dyn Error) -> String {
    let causes = iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
