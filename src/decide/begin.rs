//! How a rig begins: with what earlier daemons recorded, until the host has answered (`resume`).
//!
//! Promise: nothing is started before the host has said what lives; a boot is recorded once.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::{Timestamp, tz::TimeZone};

use super::{
    Boot, Effect, Fact, Level, Machine, Reboot, Restarts, Restored, Rig, SIGN_OF_LIFE, SetBy,
    attempt::in_words, breaker::Breaker, handoff::Handoffs, ledger::Ledger, limit::Limit,
    plan::Progress, say::Past, spend::Spend, unstick::Unstick, worker::Worker,
};
use crate::{
    config::{Config, Resume},
    model::{AttemptRef, Now, WorkerName},
};

impl Rig {
    /// A rig on its machine, with what was recorded before. The first effects are to be performed
    /// like those of [`Rig::handle`].
    pub fn new(
        config: Config,
        restored: Restored,
        machine: Machine,
        now: Now,
        seed: u64,
    ) -> (Self, Vec<Effect>) {
        let progress = Progress::begin(
            config.plan.clone(),
            restored.resume_point.as_ref(),
            restored.paused.is_some(),
            now.mono,
        );
        let mut workers: BTreeMap<_, _> = config
            .workers
            .iter()
            .map(|(n, w)| (n.clone(), Worker::new(w.clone(), now)))
            .collect();
        for (name, known) in &restored.workers {
            if let Some(worker) = workers.get_mut(name) {
                worker.run = !known.stopped;
                worker.restarts = known.restarts.clone();
                worker.restarts.belong_to(&machine.boot);
                worker.limit = known.limit.clone().map(Limit::new);
                worker.spend = Spend::restored(known.spent.clone());
                let rounds = known.breaker.clone();
                worker.breaker = rounds.map(Breaker::restored).unwrap_or_default();
                let trouble = known.trouble.clone();
                worker.unstick = trouble.map(|known| Unstick::restored(known, now));
                worker.last_exit = known.last_exit.clone();
                worker.past = known
                    .last
                    .as_ref()
                    .map(|last| Past::recorded(last, &machine.boot));
                worker.short = known.shortage(&machine.boot);
                worker.conversation = known.conversation.clone();
                worker.conversed = known.conversation.as_ref().is_some_and(|known| known.begun);
            }
        }
        let before = the_one_before(&restored);
        let is_new = restored
            .boot
            .as_ref()
            .is_none_or(|last| last.boot != machine.boot);
        let reboot = is_new
            .then(|| reboot(&restored, &machine, &progress))
            .flatten();
        let booted = came_up(&restored, &machine, now);
        let last_boot = match restored.boot.filter(|_| !is_new) {
            Some(same) => same,
            None => Boot {
                boot: machine.boot.clone(),
                booted,
                seen: now.wall,
                reboot,
            },
        };
        let mut rig = Self {
            config,
            started: now,
            rng: fastrand::Rng::with_seed(seed),
            workers,
            worktrees: restored.worktrees,
            progress,
            ending: None,
            paused: restored.paused,
            ledger: Ledger::default(),
            reboots: restored.reboots + u64::from(is_new && last_boot.reboot.is_some()),
            last_boot,
            waiters: Vec::new(),
            sender: None,
            nudges: Vec::new(),
            left: Vec::new(),
            inboxes: BTreeMap::new(),
            handoffs: Handoffs::restored(restored.handoffs),
            strays: BTreeMap::new(),
            remembered: Some(restored.workers),
            survey_at: None,
            sign_of_life: now.mono + SIGN_OF_LIFE,
            up: false,
            leaving: None,
            gone: false,
            out: Vec::new(),
            machine,
        };
        rig.begin(now, is_new, restored.resume_point.is_none(), &before);
        if let Some(known) = restored.ending {
            rig.take_up_ending(now, known);
        }
        rig.find_left(now, restored.nudges);
        rig.tell_unreadable_gates(now);
        rig.tell_gates_in_vain(now, &BTreeSet::new());
        let effects = rig.finish_turn(now);
        (rig, effects)
    }

    fn begin(&mut self, now: Now, is_new_boot: bool, first_plan: bool, before: &str) {
        if is_new_boot {
            self.ledger.add(Fact::Boot(self.last_boot.clone()));
            self.forget_holds();
        }
        self.forget_undeclared();
        let hello = Fact::Hello {
            boot: self.machine.boot.clone(),
            at: now.wall,
        };
        self.ledger.add(hello);
        let version = env!("CARGO_PKG_VERSION");
        let text = format!("the supervisor begins, version {version}; {before}");
        self.tell(now, "beginning", Level::Info, None, text);
        if let Some(point) = self.progress.point(now, SetBy::Plan).filter(|_| first_plan) {
            self.ledger.add(Fact::Phase(point));
        }
        if let Some(why) = self.progress.why_astray() {
            self.tell_astray(now, &why);
        }
        if let Some(why) = self.progress.why_complete() {
            self.tell(now, "plan-stays-complete", Level::Warning, None, why);
        }
        if is_new_boot && let Some(reboot) = self.last_boot.reboot.clone() {
            self.report(now, &reboot);
            if self.config.plan.resume == Resume::Manual {
                self.pause(now, "after a reboot (resume = \"manual\")");
            }
        }
        self.out.push(Effect::Survey);
    }

    /// Tells that nobody knows where the plan stands, and how to go on; gives the same in words.
    pub(super) fn tell_astray(&mut self, now: Now, why: &str) -> String {
        let loops = if self.paused.is_none() || self.point_is_lost() {
            "loops that run go on, and none is started"
        } else {
            "loops wait"
        };
        let text = format!("{why}; {loops}; `supervisorctl resume --phase ID` goes on");
        self.tell(now, "plan-astray", Level::Error, None, text.clone());
        text
    }

    /// What was decided about workers that are no longer declared is void, should they come back.
    fn forget_undeclared(&mut self) {
        let declared = |name: &WorkerName| self.workers.contains_key(name);
        for (name, known) in self.remembered.iter_mut().flatten() {
            if declared(name) {
                continue;
            }
            if std::mem::take(&mut known.stopped) {
                self.ledger.add(Fact::Operator {
                    worker: name.clone(),
                    run: true,
                });
            }
            if known.held.take().is_some() {
                self.ledger.add(Fact::Held {
                    worker: name.clone(),
                    reason: None,
                });
            }
            if known.limit.take().is_some() {
                self.ledger.add(Fact::Limit {
                    worker: name.clone(),
                    limit: None,
                });
            }
            if known.spent.take().is_some() {
                self.ledger.add(Fact::Spent {
                    worker: name.clone(),
                    spent: None,
                });
            }
            if known.breaker.take().is_some() {
                self.ledger.add(Fact::Breaker {
                    worker: name.clone(),
                    breaker: None,
                });
            }
            if known.trouble.take().is_some() {
                self.ledger.add(Fact::Trouble {
                    worker: name.clone(),
                    trouble: None,
                });
            }
            if known.restarts != Restarts::default() {
                known.restarts = Restarts::default();
                self.ledger.add(Fact::Restarts {
                    worker: name.clone(),
                    restarts: Restarts::default(),
                });
            }
        }
    }

    /// A hold belongs to the boot in which the budget ran out.
    fn forget_holds(&mut self) {
        let remembered = self.remembered.iter_mut().flatten();
        for (name, known) in remembered.filter(|(_, known)| known.held.is_some()) {
            known.held = None;
            self.ledger.add(Fact::Held {
                worker: name.clone(),
                reason: None,
            });
        }
    }

    fn report(&mut self, now: Now, reboot: &Reboot) {
        let how = if reboot.clean {
            "cleanly"
        } else {
            "uncleanly: its supervisor said no goodbye"
        };
        let down = self.last_boot.down_for();
        let down = down.map_or(String::new(), |down| format!(", down for {down}"));
        let running = match reboot.running.len() {
            0 => "nothing ran".to_owned(),
            _ => {
                let names: Vec<_> = reboot.running.iter().map(WorkerName::as_str).collect();
                format!("{} ran", names.join(", "))
            }
        };
        let point = reboot
            .resume_point
            .as_ref()
            .map_or(String::new(), |p| format!("; {p}"));
        let text = format!(
            "reboot {}: the boot before ended {how}{down}; {running}{point}",
            self.reboots
        );
        let level = if reboot.clean {
            Level::Info
        } else {
            Level::Warning
        };
        self.tell(now, "reboot", level, None, text);
    }
}

/// How the supervisor before this one ended.
fn the_one_before(restored: &Restored) -> String {
    match (restored.goodbye, restored.last_alive) {
        (Some(at), _) => format!("the one before ended in order ({})", utc(at)),
        (None, Some(at)) => format!(
            "the one before died without a goodbye (last sign of life {})",
            utc(at)
        ),
        (None, None) => "no other was here before".to_owned(),
    }
}

/// A moment of another daemon, for people.
pub(super) fn utc(at: Timestamp) -> impl std::fmt::Display {
    at.to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%d %H:%M:%S UTC")
        .to_string()
}

/// When the machine came up. A clock that says this was before the boot before had ended is not
/// believed: a container may have its host's. Then it is when we first saw this boot.
fn came_up(restored: &Restored, machine: &Machine, now: Now) -> Timestamp {
    match restored.goodbye.max(restored.last_alive) {
        Some(ended) if machine.booted < ended => now.wall,
        Some(_) | None => machine.booted,
    }
}

/// What came before this boot; `None` if no boot was ever seen.
fn reboot(restored: &Restored, machine: &Machine, progress: &Progress) -> Option<Reboot> {
    let from = restored.boot.as_ref()?.boot.clone();
    let ran = restored.unended();
    let ran = ran.filter(|attempt| !machine.over.contains(*attempt));
    Some(Reboot {
        clean: restored.goodbye.is_some(),
        last_alive: restored.goodbye.max(restored.last_alive),
        running: ran.map(|attempt| attempt.worker.clone()).collect(),
        resume_point: progress.in_words(),
        from,
    })
}

impl Restored {
    /// Of each worker the attempt that was its last in the recorded boot, if no daemon saw it ending.
    pub fn unended(&self) -> impl Iterator<Item = &AttemptRef> {
        let boot = self.boot.as_ref().map(|last| &last.boot);
        let last = self
            .workers
            .values()
            .filter_map(|known| known.last.as_ref());
        last.filter(move |last| Some(&last.boot) == boot && last.ended.is_none())
            .map(|last| &last.attempt)
    }
}

impl Boot {
    /// For how long the machine was down before, in words, where that can be said.
    pub(super) fn down_for(&self) -> Option<String> {
        let last = self.reboot.as_ref()?.last_alive?;
        let seconds = self.booted.duration_since(last).as_secs();
        let at_most = match self.is_downtime_known() {
            true => "",
            false => "at most ",
        };
        let down = Duration::from_secs(u64::try_from(seconds).ok()?);
        Some(format!("{at_most}{}", in_words(down)))
    }

    /// Whether it is known for how long the machine was down, and not only how long that was at most.
    pub fn is_downtime_known(&self) -> bool {
        let clean = self.reboot.as_ref().is_some_and(|reboot| reboot.clean);
        clean && self.booted != self.seen
    }
}
