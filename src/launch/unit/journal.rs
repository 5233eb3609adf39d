//! What the manager tells nobody but the journal.

use std::{path::Path, time::Duration};

use crate::{
    launch::{
        command::{Request, Runner},
        find,
    },
    systemd::{
        journal::{ORDERS, synchronize},
        manager::Whose,
    },
};

/// What the journal is given to answer.
pub(super) const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// Of the messages that match.
const KEEP: usize = 1 << 20;

/// Waits until journald has written what it was sent before, as far as it can be asked for that. One that
/// hangs is waited for.
pub(super) async fn caught_up(whose: &Whose) {
    if *whose == Whose::System {
        // Who is not there writes nothing either.
        drop(synchronize(Path::new(ORDERS)).await);
    }
}

/// The messages that match all of this (journalctl(1)), a line each, which begins with its time in
/// seconds since 1970, the oldest first; `None` when the journal does not answer.
pub(super) async fn messages(
    runner: &Runner,
    whose: &Whose,
    matches: &[String],
) -> Option<Vec<String>> {
    let of_user = match whose {
        Whose::System => None,
        Whose::User(_) => Some("--user".to_owned()),
    };
    let quiet = ["--quiet", "--output=short-unix"].map(str::to_owned);
    let arguments = quiet.into_iter().chain(of_user);
    let arguments = arguments.chain(matches.iter().cloned());
    let request = Request {
        program: find("journalctl")?,
        arguments: arguments.map(Into::into).collect(),
        workdir: "/".into(),
        environment: Vec::new(),
        as_user: None,
        input: Vec::new(),
        limit: ANSWERS_WITHIN,
        keep: KEEP,
        cgroup: None,
    };
    let answer = runner.run(request).await.ok()?;
    let text = String::from_utf8_lossy(&answer.output);
    Some(text.lines().map(str::to_owned).collect())
}
