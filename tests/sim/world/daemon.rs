//! The daemon's part of the world: its process, and its turns.

use std::collections::VecDeque;

use loopkeeper::{
    decide::{Effect, Event, Rig},
    model::{Mono, WorkerName},
};

use super::{Item, KERNEL, World};
use crate::{
    check::Checked,
    effects::{is_quiet, leaves_a_trace},
    told::Told,
};

/// The daemon's process.
#[derive(Debug, Clone)]
pub(crate) struct Daemon {
    pub(crate) number: u64,
    pub(crate) rig: Rig,
    pub(crate) told: Told,
    follow: VecDeque<Event>,
    /// Wake-ups for this deadline come at this time.
    pub(crate) wake: Option<(Mono, u64)>,
}

impl World {
    pub(super) fn daemon_up(&mut self) -> Checked {
        if self.daemon.is_some() {
            return Ok(());
        }
        self.while_down();
        self.daemons += 1;
        self.lines.began = self.t;
        let restored = self.store.restored();
        let is_new_boot = restored
            .boot
            .as_ref()
            .is_none_or(|last| last.boot != self.machine.boot);
        let told = Told::new(self.config.clone(), &self.store.now, is_new_boot);
        let left = u64::try_from(restored.nudges.len()).unwrap();
        self.coverage.add("texts left by a daemon that died", left);
        self.note(|| format!("DAEMON starts; restored {restored:?}"));
        self.coverage.count("daemons started");
        if restored.ending.is_some() {
            self.coverage.count("ends of phases taken up");
            if is_new_boot {
                self.coverage
                    .count("ends of phases taken up after a reboot");
            }
        }
        self.store.now.opened();
        self.checks.begin_daemon(self.t, &told, is_new_boot);
        let declared = |name: &WorkerName| self.config.workers.contains_key(name);
        self.checks.failures.doubt_others(declared);
        for (name, rules) in &self.config.workers {
            let last = self.store.now.last(name);
            let last = last.and_then(|of| self.store.now.attempts.get(of));
            if last.is_some_and(|last| last.definition != rules.definition()) {
                self.checks.failures.doubt(name);
            }
        }
        self.checks.says.declared(&self.config, &self.store.now);
        self.checks
            .conversations
            .declared(&self.config, &self.store.now);
        let (rig, effects) = Rig::new(
            self.config.clone(),
            restored,
            self.machine.clone(),
            self.now(),
            self.rng.u64(..),
        );
        self.daemon = Some(Daemon {
            number: self.daemons,
            rig,
            told,
            follow: VecDeque::new(),
            wake: None,
        });
        self.keep_inboxes(self.daemons);
        self.turned(&Event::Wake, effects)?;
        self.follow()
    }

    /// The daemon hears of something and does all that follows from it at once.
    pub(crate) fn tell(&mut self, event: Event) -> Checked {
        if let Some(daemon) = &mut self.daemon {
            daemon.follow.push_back(event);
        }
        self.follow()
    }

    fn follow(&mut self) -> Checked {
        let now = self.now();
        while let Some(daemon) = &mut self.daemon {
            let Some(event) = daemon.follow.pop_front() else {
                break;
            };
            let effects = daemon.rig.handle(now, event.clone());
            self.coverage.count("turns");
            self.note(|| format!("  event {event:?}"));
            self.turned(&event, effects)?;
        }
        let Some(daemon) = &mut self.daemon else {
            return Ok(());
        };
        let deadline = daemon.rig.next_deadline();
        self.checks.deadline(now.mono, deadline)?;
        if daemon.wake.map(|(at, _)| at) != deadline {
            let late = self.nature.lateness(&mut self.rng);
            daemon.wake = deadline.map(|at| (at, at.0 - KERNEL + self.booted + late));
        }
        Ok(())
    }

    /// One turn of the rig is over: its effects are checked and performed.
    fn turned(&mut self, event: &Event, effects: Vec<Effect>) -> Checked {
        let Some(daemon) = &mut self.daemon else {
            return Ok(());
        };
        let alive: Vec<_> = match event {
            Event::Command(..) => self
                .bodies
                .iter()
                .filter(|body| body.lives())
                .map(|body| body.of.clone())
                .collect(),
            _ => Vec::new(),
        };
        let first_heard = matches!(event, Event::Surveyed(Ok(_))) && !daemon.told.surveyed;
        daemon
            .told
            .turn(self.t, event, &effects, &self.store.now, &alive);
        self.checks.turn(
            self.t,
            event,
            &effects,
            &daemon.told,
            &self.bodies,
            &self.store.now,
        )?;
        let kept = self.checks.goes_on(&effects, &self.store.now)?;
        self.coverage.add("conversations gone on with", kept);
        if first_heard {
            self.check_who_stood(&effects)?;
        }
        if effects.iter().any(|effect| !is_quiet(effect)) {
            self.busy = self.t;
        }
        for effect in effects {
            if let Some(left) = self.dies_in.as_mut().filter(|_| leaves_a_trace(&effect)) {
                if *left == 0 {
                    self.coverage.count("daemon killed between two effects");
                    self.kill_daemon();
                    return Ok(());
                }
                *left -= 1;
            }
            self.note(|| format!("    {effect:?}"));
            self.perform(effect)?;
        }
        if let Some(daemon) = &self.daemon {
            let owes = self.checks.owes;
            self.checks.endings.turned(self.t, &daemon.told, owes);
        }
        Ok(())
    }

    /// What comes back before anything else is heard.
    pub(crate) fn follow_first(&mut self, event: Event) {
        if let Some(daemon) = &mut self.daemon {
            daemon.follow.push_front(event);
        }
    }

    pub(crate) fn follow_last(&mut self, event: Event) {
        if let Some(daemon) = &mut self.daemon {
            daemon.follow.push_back(event);
        }
    }

    pub(crate) fn kill_daemon(&mut self) {
        if self.daemon.is_none() {
            return;
        }
        self.note(|| "DAEMON is killed".into());
        self.coverage.count("daemon kills");
        self.daemon_is_gone();
    }

    /// Dead or left; a start that is under way comes to something or to nothing.
    pub(crate) fn daemon_is_gone(&mut self) {
        self.note_who_stands();
        self.daemon = None;
        self.dies_in = None;
        let typing = self.checks.nudges.typing();
        self.leave_lines(&typing);
        self.checks.daemon_died();
        self.lately.clear();
        self.orphan_bodies();
        self.cut_off_moves();
        let down = self.nature.downtime(&mut self.rng);
        self.later(down, Item::DaemonUp);
    }
}
