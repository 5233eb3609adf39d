//! Whether somebody killed a worker's unit with `systemctl kill`.
//!
//! How: the manager tells nobody but the journal, in a message of its own that names the signal. It is
//! asked after the end has been told, since nothing waits for the answer.

use std::fs;

use super::{RECORD, journal, record};
use crate::{
    launch::{command::Runner, directory::Directory},
    model::Signal,
    systemd::manager::Whose,
};

/// The last signal that was sent by hand to this life of a unit, as far as the journal says.
pub(super) async fn by_hand(runner: &Runner, whose: &Whose, invocation: &str) -> Option<Signal> {
    let of_it = match whose {
        Whose::System => ["_PID=1".to_owned(), format!("INVOCATION_ID={invocation}")],
        Whose::User(_) => [
            "_COMM=systemd".to_owned(),
            format!("USER_INVOCATION_ID={invocation}"),
        ],
    };
    let messages = journal::messages(runner, whose, &of_it).await?;
    messages.iter().rev().find_map(|message| sent(message))
}

/// That somebody killed a unit before its worker began, in words; the recorder knows which life of it
/// that was.
pub(super) async fn while_it_began(
    runner: &Runner,
    whose: &Whose,
    directory: &Directory,
) -> Option<String> {
    let text = fs::read_to_string(directory.path().join(RECORD)).ok()?;
    let invocation = record::last_invocation(&text)?;
    let signal = by_hand(runner, whose, invocation).await?;
    Some(format!(
        "{signal} was sent by the operator with systemctl kill, before the worker began"
    ))
}

/// `loopkeeper-x.service: Sent signal SIGKILL to main process 80 (sleep) on client request.`
fn sent(line: &str) -> Option<Signal> {
    let (_, rest) = line.split_once(": Sent signal ")?;
    let (signal, rest) = rest.split_once(' ')?;
    rest.ends_with(" on client request.")
        .then(|| signal.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_managers_words_are_understood() {
        let unit = "loopkeeper-x.service";
        for (line, signal) in [
            (
                "Sent signal SIGKILL to main process 80 (sleep) on client request.",
                Some(Signal::KILL),
            ),
            (
                "Sent signal SIGTERM to control process 8 (sh) on client request.",
                Some(Signal::TERM),
            ),
            ("Sent signal SIGTERM to main process 80 (sleep)", None),
            ("Deactivated successfully.", None),
        ] {
            assert_eq!(sent(&format!("{unit}: {line}")), signal, "{line}");
        }
    }
}
