//! The rig as `status` shows it: what the core knows, and the daemon's own row beside it.

use jiff::Timestamp;

use crate::{
    control::protocol::{StatusView, WorkerView},
    decide::View,
    model::{
        AttemptRef, HostName, Kind, LauncherKind, Now, StateName, Verdict, VerdictIs, WorkerName,
    },
};

/// What the daemon holds of itself.
#[derive(Debug, Clone, Default)]
pub(super) struct OwnTurns {
    /// Turns of its loop that are complete.
    pub(super) turns: u64,
    /// The longest one, in milliseconds.
    pub(super) longest: u64,
}

/// The whole rig, with what only the daemon knows.
///
/// `carried`: each worker of this machine is a service of its own.
pub(super) fn status(
    view: &View<'_>,
    own: &OwnTurns,
    carried: bool,
    troubles: &[String],
    now: Now,
) -> StatusView {
    let mut status = StatusView::from(view);
    if carried {
        as_services(&mut status.workers);
    }
    status.degraded.extend(troubles.iter().cloned());
    status.workers.push(watchdog(view.started_at, own, now));
    status
}

fn as_services(workers: &mut [WorkerView]) {
    let here = |worker: &&mut WorkerView| worker.host == HostName::LOCAL;
    for worker in workers.iter_mut().filter(here) {
        worker.launcher = Some(LauncherKind::Systemd);
    }
}

/// The same, with what those who live and were frozen go on after.
pub(super) fn with_the_frozen(
    mut status: StatusView,
    thawed_by: impl Fn(&AttemptRef) -> Option<String>,
) -> StatusView {
    for worker in &mut status.workers {
        let lives = worker.attempt.as_ref().filter(|_| worker.pid.is_some());
        let of = lives.map(|attempt| AttemptRef {
            worker: worker.name.clone(),
            attempt: attempt.clone(),
        });
        if let Some(command) = of.and_then(|of| thawed_by(&of)) {
            worker.verdict = Some(Verdict {
                is: VerdictIs::Stalled,
                evidence: format!("it is frozen, and goes on after: {command}"),
                since: None,
            });
        }
    }
    status
}

/// The daemon's own row: its evidence is that its loop turns, this answer being one of the turns.
fn watchdog(since: Timestamp, own: &OwnTurns, now: Now) -> WorkerView {
    let evidence = format!(
        "its loop turns: {} so far, the longest took {} ms",
        own.turns, own.longest
    );
    WorkerView {
        name: WorkerName::watchdog(),
        kind: Kind::Watchdog,
        host: HostName::LOCAL.into(),
        launcher: None,
        state: StateName::Running,
        verdict: Some(Verdict {
            is: VerdictIs::Working,
            evidence,
            since: None,
        }),
        pid: i32::try_from(std::process::id()).ok(),
        attempt: None,
        since: Some(since.min(now.wall)),
        restarts: 0,
        last_exit: None,
        reason: None,
        next_start: None,
        output_at: None,
        worktree: None,
        worktree_on: None,
        conversation: None,
        inbox: None,
        owed: None,
        spent: None,
    }
}

/// One line for `systemctl status`.
pub(super) fn line(view: &View<'_>, troubles: &[String]) -> String {
    let of = |state| view.workers.iter().filter(move |row| row.state == state);
    let running = of(StateName::Running).count();
    let mut line = format!("{running} of {} running", view.workers.len());
    if let Some(phase) = &view.phase {
        line.push_str(&format!(", {}", phase.words));
    }
    if view.paused.is_some() {
        line.push_str(", paused");
    }
    for state in [StateName::BackingOff, StateName::Held, StateName::Lost] {
        let names: Vec<_> = of(state).map(|row| row.name.as_str()).collect();
        if !names.is_empty() {
            line.push_str(&format!(", {state}: {}", names.join(" ")));
        }
    }
    if let Some(first) = view.degraded.iter().chain(troubles).next() {
        line.push_str(&format!(", degraded: {first}"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_on_another_host_is_no_service_of_this_one() {
        let own = OwnTurns {
            turns: 1,
            longest: 1,
        };
        let now = super::super::now();
        let row = |host: &str| WorkerView {
            host: host.into(),
            launcher: Some(LauncherKind::Tmux),
            ..watchdog(now.wall, &own, now)
        };
        let mut rows = [row("local"), row("attic")];
        as_services(&mut rows);
        let launchers = rows.map(|row| row.launcher.unwrap());
        assert_eq!(launchers, [LauncherKind::Systemd, LauncherKind::Tmux]);
    }
}
