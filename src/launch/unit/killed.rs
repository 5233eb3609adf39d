//! Whether somebody killed a worker's unit with `systemctl kill`.
//!
//! How: the manager tells nobody but the journal, in a message of its own that names the signal. It is
//! asked after the end has been told, since nothing waits for the answer.

use std::time::Duration;

use crate::{
    launch::{
        command::{Request, Runner},
        find,
    },
    model::Signal,
    systemd::manager::Whose,
};

/// What the journal is given to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// Of the manager's messages about one life of a unit.
const KEEP: usize = 1 << 20;

/// The last signal that was sent by hand to this life of a unit, as far as the journal says.
pub(super) async fn by_hand(runner: &Runner, whose: &Whose, invocation: &str) -> Option<Signal> {
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
    let of_it = match whose {
        Whose::System => {
            // The message may be on its way still; only root may wait for it.
            drop(runner.run(ask(vec!["--sync".into()])).await);
            vec!["_PID=1".to_owned(), format!("INVOCATION_ID={invocation}")]
        }
        Whose::User(_) => vec![
            "--user".to_owned(),
            "_COMM=systemd".to_owned(),
            format!("USER_INVOCATION_ID={invocation}"),
        ],
    };
    let quiet = ["--quiet", "--output=cat"].map(str::to_owned);
    let answer = runner.run(ask([&quiet[..], &of_it].concat())).await.ok()?;
    String::from_utf8_lossy(&answer.output)
        .lines()
        .rev()
        .find_map(sent)
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
