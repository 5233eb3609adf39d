//! Checkouts of git: looked at, made and put right.
//!
//! Promise: nobody of the loop waits for a disk, a remote or a git that hangs. All of it is done by a
//! process of its own (`lk-git`), as the worker's user or, where none is said, as the user whose the checkout
//! is. git runs commands that its configuration has, of which the worker can write one, such as a filter: so
//! it is killed at the end of its time with all that it started, and what it left running when it was done
//! is killed before anybody hears of that.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use serde::de::DeserializeOwned;

use super::Daemon;
use crate::{
    causes::in_one_line,
    checkout::make::Wanted,
    config::Worker,
    decide::{CheckoutOf, Event, MakingId},
    launch::{
        as_user::AsUser,
        command::{Request, Runner},
    },
};

/// For a look, which is a handful of questions.
const LOOK_WITHIN: Duration = Duration::from_secs(2 * 60);
/// For a clone, which may be a large one over a slow line.
const MAKE_WITHIN: Duration = Duration::from_secs(30 * 60);
/// No answer is longer.
const KEEP: usize = 256 * 1024;

impl Daemon {
    pub(super) fn look_at_checkout(&self, of: CheckoutOf, path: PathBuf, was_on: Option<PathBuf>) {
        let worker = self.config.workers.get(&of.worker);
        let user = worker.and_then(AsUser::of);
        let user = user.map(|user| user.arguments()).unwrap_or_default();
        let mut arguments: Vec<OsString> = vec!["git-look".into()];
        arguments.extend(user.into_iter().map(OsString::from));
        if let Some(was_on) = was_on {
            arguments.extend(["--was-on".into(), was_on.into()]);
        }
        arguments.extend(["--".into(), path.into()]);
        let request = Request {
            arguments,
            ..request(LOOK_WITHIN)
        };
        let (results, runner) = (self.results.clone(), self.host.runner());
        tokio::task::spawn_local(async move {
            let seen = answer(&runner, request).await;
            // The receiver goes only with the daemon.
            drop(results.send(Event::Checkout(of, seen)));
        });
    }

    pub(super) fn make_worktree(&self, id: MakingId, worker: &Worker, was_on: Option<PathBuf>) {
        let Some(wanted) = Wanted::of(worker, was_on) else {
            return;
        };
        let request = Request {
            arguments: vec!["git-make".into()],
            as_user: AsUser::of(worker),
            // Paths and texts: there is nothing that cannot be written.
            input: serde_json::to_vec(&wanted).unwrap_or_default(),
            ..request(MAKE_WITHIN)
        };
        let (results, runner) = (self.results.clone(), self.host.runner());
        tokio::task::spawn_local(async move {
            let done = answer(&runner, request).await;
            drop(results.send(Event::WorktreeMade(id, done)));
        });
    }
}

fn request(limit: Duration) -> Request {
    Request {
        // This one, whatever has become of its file, also for another user.
        program: "/proc/self/exe".into(),
        arguments: Vec::new(),
        workdir: "/".into(),
        environment: Vec::new(),
        as_user: None,
        input: Vec::new(),
        limit,
        keep: KEEP,
        cgroup: None,
    }
}

/// What it says, or why it says nothing.
async fn answer<T: DeserializeOwned>(runner: &Runner, request: Request) -> Result<T, String> {
    let outcome = runner.run_alone(request).await;
    let outcome = outcome.map_err(|error| in_one_line(&error))?;
    if outcome.exit.is_success()
        && let Ok(said) = serde_json::from_slice(&outcome.output)
    {
        return said;
    }
    let said = String::from_utf8_lossy(&outcome.errors);
    let last = said.lines().rev().find(|line| !line.trim().is_empty());
    Err(match last {
        Some(line) => format!("lk-git: {line}"),
        None => format!("lk-git: {}", outcome.exit),
    })
}
