//! What each happening means for the story.

use std::{collections::BTreeSet, time::Duration};

use super::{Commit, Crash, Death, Deed, LOOPS, Moment, PHASES, Seen, Story, Without, seconds};
use crate::{
    decide::{Level, Notice},
    demo::voice::Who,
    model::PhaseId,
};

impl Story {
    pub(super) fn daemon_up(&mut self, now: Moment, pid: i32) {
        let text = match &mut self.death {
            Death::Again { without, .. } => {
                without.lasted = now.at.saturating_sub(without.since.at);
                format!("is back after {}, pid {pid}", seconds(without.lasted))
            }
            Death::Ahead | Death::Ordered | Death::Dead { .. } | Death::Survived { .. } => {
                format!("is up, pid {pid}")
            }
        };
        self.tell(Who::Daemon, text);
    }

    pub(super) fn daemon_killed(&mut self, now: Moment, pid: i32, before: Vec<Seen>) {
        let without = Without {
            since: now,
            commits: 0,
            bytes: 0,
            lasted: Duration::ZERO,
        };
        self.death = Death::Dead { before, without };
        self.tell(Who::Demo, format!("kill -9 {pid}: the supervisor is dead"));
    }

    pub(super) fn daemon_ended(&mut self, how: &str) {
        if self.over {
            self.tell(
                Who::Daemon,
                format!("ended: {how}; it is started again, as systemd would"),
            );
            self.step.deeds.push(Deed::StartDaemon);
        } else {
            self.wrong
                .get_or_insert(format!("loopkeeperd ended by itself: {how}"));
        }
    }

    pub(super) fn builder_killed(&mut self, now: Moment, pid: i32, unfinished: bool) {
        let at = now.at;
        self.crash = Crash::Dead { at, unfinished };
        let what = if unfinished {
            "the Builder dies with its work half written"
        } else {
            "the Builder dies between two pieces of work"
        };
        self.tell(Who::Demo, format!("kill -9 {pid}: {what}"));
    }

    pub(super) fn pushed(&mut self, now: Moment, commit: &Commit) {
        let who = Who::worker(&commit.author.to_lowercase());
        let review = commit.subject.strip_prefix("review: ");
        let text = match review {
            None => format!("pushes {}: {}", commit.id, commit.subject),
            Some("approved") => "approves it".to_owned(),
            Some(why) => format!("rejects it: {why}"),
        };
        match review {
            None => self.work.commits += 1,
            Some("approved") => self.work.approved += 1,
            Some(_) => self.work.rejected += 1,
        }
        if self.over {
            return;
        }
        self.tell(who, text);
        match (&mut self.crash, review) {
            (Crash::Ahead, Some(why)) if why != "approved" => self.crash = Crash::Armed,
            (Crash::Back { after, unfinished }, None) => {
                self.healed += 1;
                self.crash = match *unfinished {
                    true => Crash::Healed { after: *after },
                    // It healed, and it is to be shown in the midst of work.
                    false => Crash::Armed,
                };
            }
            _ => {}
        }
        match &mut self.death {
            Death::Ahead
                if review.is_some_and(|why| why != "approved")
                    && self.phase > 0
                    && self.told.contains(&self.phase)
                    && matches!(self.crash, Crash::Healed { .. }) =>
            {
                self.death = Death::Ordered;
                self.step.deeds.push(Deed::KillDaemon);
            }
            Death::Dead { before, without } => {
                without.commits += 1;
                without.bytes = now.echoed.saturating_sub(without.since.echoed);
                if without.bytes > 0 {
                    let (before, without) = (std::mem::take(before), *without);
                    self.death = Death::Again {
                        before,
                        without,
                        taken_over: BTreeSet::new(),
                    };
                    self.step.deeds.push(Deed::StartDaemon);
                }
            }
            Death::Ahead | Death::Ordered | Death::Again { .. } | Death::Survived { .. } => {}
        }
    }

    pub(super) fn notice(&mut self, now: Moment, notice: &Notice) {
        let worker = notice.worker.as_ref().map(ToString::to_string);
        match (notice.event.as_str(), worker) {
            ("worker-starting", Some(worker)) => self.starting(&worker),
            ("worker-running", Some(worker)) => self.running(now, &worker, notice),
            ("worker-ended", Some(worker)) if notice.level > Level::Info => {
                self.tell(Who::worker(&worker), of_worker(&worker, &notice.text));
            }
            ("phase", _) => {
                let id = notice.phase.as_ref().map(ToString::to_string);
                let index = PHASES.iter().position(|phase| id.as_deref() == Some(phase));
                if let Some(index) = index {
                    self.phase_begins(index, &notice.text);
                }
            }
            ("plan-complete", _) => self.tell(Who::Plan, "is complete; the loops are stopped"),
            (_, worker) if notice.level > Level::Info => {
                let who = worker.map_or(Who::Daemon, |worker| Who::worker(&worker));
                self.tell(who, notice.text.clone());
            }
            _ => {}
        }
    }

    fn starting(&mut self, worker: &str) {
        let ran = |before: &[Seen]| before.iter().any(|seen| seen.worker == worker);
        if let Death::Again { before, .. } = &self.death
            && ran(before)
        {
            self.wrong
                .get_or_insert(format!("the next daemon started {worker} again"));
        }
    }

    fn running(&mut self, now: Moment, worker: &str, notice: &Notice) {
        let attempt = notice.attempt.as_ref().map(ToString::to_string);
        if let Death::Again {
            before, taken_over, ..
        } = &mut self.death
        {
            taken_over.extend(attempt.filter(|id| before.iter().any(|seen| seen.attempt == *id)));
            if taken_over.len() == before.len() {
                self.step.deeds.push(Deed::Look);
            }
            return;
        }
        let who = Who::worker(worker);
        let text = of_worker(worker, &notice.text);
        if worker == "builder"
            && let Crash::Dead { at, unfinished } = self.crash
        {
            let after = now.at.saturating_sub(at);
            self.crash = Crash::Back { after, unfinished };
            self.tell(who, format!("{text}: back after {}", seconds(after)));
        } else {
            self.tell(who, text);
        }
        if worker == "proxy" && !self.line {
            self.step.deeds.push(Deed::OpenLine);
        }
        if notice.phase.as_ref().map(PhaseId::as_str) == PHASES.get(self.phase).copied()
            && self.awaited.remove(worker)
            && self.awaited.is_empty()
        {
            self.step.deeds.push(Deed::Look);
        }
    }

    fn phase_begins(&mut self, index: usize, words: &str) {
        let text = if index == self.phase + 1 {
            let (before, phase) = (PHASES[self.phase], PHASES[index]);
            format!("phase {before} is over; both loops are restarted with phase {phase}")
        } else {
            words.to_owned()
        };
        self.phase = index;
        self.awaited = LOOPS.iter().copied().collect();
        self.tell(Who::Plan, text);
    }

    pub(super) fn seen(&mut self, now: Moment, seen: &[Seen]) {
        if let Death::Again {
            before, without, ..
        } = &self.death
        {
            let same = |was: &Seen| {
                seen.iter()
                    .any(|is| (is.pid, &is.attempt) == (was.pid, &was.attempt))
            };
            match before.iter().find(|was| !same(was)) {
                Some(other) => {
                    let other = &other.worker;
                    self.wrong.get_or_insert(format!(
                        "{other} is not the process that ran before the daemon's death"
                    ));
                }
                None => {
                    let names: Vec<_> = before.iter().map(|was| was.worker.as_str()).collect();
                    let names = names.join(", ");
                    let (workers, without) = (before.len(), *without);
                    self.death = Death::Survived { workers, without };
                    self.echoed_then = Some(now.echoed);
                    self.tell(
                        Who::Daemon,
                        format!("takes over {names}: same pids, same attempts, no connection cut"),
                    );
                }
            }
        }
        let told = |name: &&str| {
            let phase = PHASES.get(self.phase).copied();
            seen.iter()
                .any(|seen| seen.worker == **name && seen.phase.as_deref() == phase)
        };
        if LOOPS.iter().all(told) {
            self.told.insert(self.phase);
        }
    }
}

/// What a notice says of a worker, without its name.
fn of_worker(worker: &str, text: &str) -> String {
    let rest = text.strip_prefix(worker).unwrap_or(text);
    rest.trim_start().to_owned()
}
