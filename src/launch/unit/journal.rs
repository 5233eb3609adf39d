//! What the manager tells nobody but the journal.

use std::time::Duration;

use crate::{
    launch::{
        command::{Request, Runner},
        find,
    },
    systemd::manager::Whose,
};

/// What the journal is given to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// Of the messages that match.
const KEEP: usize = 1 << 20;

/// The messages that match all of this (journalctl(1)), a line each, which begins with its time in
/// seconds since 1970, the oldest first; `None` when the journal does not answer.
pub(super) async fn messages(
    runner: &Runner,
    whose: &Whose,
    matches: &[String],
) -> Option<Vec<String>> {
    let journalctl = find("journalctl")?;
    let ask = |arguments: Vec<String>| Request {
        program: journalctl.clone(),
        arguments: arguments.into_iter().map(Into::into).collect(),
        workdir: "/".into(),
        environment: Vec::new(),
        input: Vec::new(),
        limit: ANSWERS_WITHIN,
        keep: KEEP,
        cgroup: None,
    };
    let of_user = match whose {
        Whose::System => {
            // The message may be on its way still; only root may wait for it.
            drop(runner.run(ask(vec!["--sync".into()])).await);
            None
        }
        Whose::User(_) => Some("--user".to_owned()),
    };
    let quiet = ["--quiet", "--output=short-unix"].map(str::to_owned);
    let arguments = quiet.into_iter().chain(of_user);
    let arguments = arguments.chain(matches.iter().cloned()).collect();
    let answer = runner.run(ask(arguments)).await.ok()?;
    let text = String::from_utf8_lossy(&answer.output);
    Some(text.lines().map(str::to_owned).collect())
}
