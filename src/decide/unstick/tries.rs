//! Texts that are to unstick an agent: whether they may be typed, and what becomes of them.

use std::time::Duration;

use super::{
    super::{
        BegunNudge, Rig, Trouble, Typed,
        life::Look,
        nudge::{Nudging, about},
        worker::Worker,
    },
    A_PERSON, Unstick, since_boot,
};
use crate::model::{Mono, Now, WorkerName};

/// After this time a text that was typed is drawn.
const STANDS: Duration = Duration::from_secs(2);

impl Unstick {
    /// The last one was typed, or may have been.
    fn was_typed(&mut self) {
        self.known.waits = false;
        // That was of what hindered it.
        self.known.told &= self.known.what == Trouble::Outage;
    }

    /// Nothing was typed of the last one.
    pub(super) fn was_no_try(&mut self, now: Now) {
        self.known.tries = self.known.tries.saturating_sub(1);
        self.known.waits = false;
        self.tried = Some(now.mono);
    }
}

impl Rig {
    /// Nobody else has another text for it, and its agent still does nothing; so may any be typed that is to
    /// unstick nobody.
    pub(in crate::decide) fn is_try_wanted(&self, nudge: &Nudging) -> bool {
        let Some(what) = nudge.unsticks() else {
            return true;
        };
        let shown = |worker: &&Worker| {
            let watching = worker.watching();
            worker.rules.unstick.nudge
                && nudge.is_of(worker)
                && worker
                    .unstick
                    .as_ref()
                    .is_some_and(|one| one.known.what == what && one.known.waits)
                && watching.is_some_and(|one| one.shows(what.verdict(), &worker.rules.watch))
        };
        let worker = self.workers.get(nudge.worker());
        self.leaving.is_none()
            && worker.filter(shown).is_some()
            && !self.others_come_first(nudge.worker(), what)
    }

    /// Texts for workers that are in no trouble any more, or that others want to type to.
    pub(in crate::decide) fn drop_tries(&mut self, now: Now) {
        let dropped = |nudge: &Nudging| nudge.is_waiting() && !self.is_try_wanted(nudge);
        let ids: Vec<_> = self
            .nudges
            .iter()
            .filter(|nudge| dropped(nudge))
            .map(|nudge| nudge.id)
            .collect();
        for id in ids {
            let Some(at) = self.nudges.iter().position(|nudge| nudge.id == id) else {
                continue;
            };
            let name = self.nudges.remove(at).worker().clone();
            let worker = self.workers.get_mut(&name);
            if let Some(unstick) = worker.and_then(|worker| worker.unstick.as_mut()) {
                unstick.was_no_try(now);
                self.record_trouble(&name);
            }
        }
    }

    /// Of a try that an earlier daemon recorded nothing was typed.
    pub(super) fn forget_untyped(&mut self, now: Now, name: &WorkerName) {
        let ours = |nudge: &Nudging| nudge.unsticks().is_some() && nudge.worker() == name;
        if self.nudges.iter().any(ours) {
            return;
        }
        let worker = self.workers.get_mut(name);
        let unstick = worker.and_then(|worker| worker.unstick.as_mut());
        if let Some(unstick) = unstick.filter(|unstick| unstick.known.waits) {
            unstick.was_no_try(now);
            self.record_trouble(name);
        }
    }

    /// A text is to be typed, and is recorded as a try.
    pub(super) fn try_to_unstick(&mut self, now: Now, name: &WorkerName) {
        let Some(worker) = self.workers.get_mut(name) else {
            return;
        };
        let (Some(attempt), Some(agent)) = (worker.life.attempt(), worker.rules.agent.clone())
        else {
            return;
        };
        let (of, rules) = (attempt.of.clone(), worker.rules.unstick.clone());
        let Some(watching) = worker.watching() else {
            return;
        };
        let committed = watching.committed();
        let fruit = worker
            .unstick
            .as_ref()
            .is_some_and(|one| one.bore_fruit(&rules, watching));
        let Some(unstick) = &mut worker.unstick else {
            return;
        };
        let known = &mut unstick.known;
        if known.what == Trouble::Idle && fruit {
            known.tries = 0;
        }
        known.tries = known.tries.saturating_add(1);
        (known.tried, known.taken, known.committed) = (Some(now.wall), false, committed);
        known.waits = true;
        (unstick.tried, unstick.worked, unstick.left) = (Some(now.mono), None, false);
        let (what, tries) = (known.what, known.tries);
        let interrupts = unstick.interrupts();
        let known = &mut unstick.known;
        let a_person = what == Trouble::Outage && tries >= A_PERSON && !known.told;
        known.told |= a_person;
        self.record_trouble(name);
        if a_person {
            self.tell_stuck(now, &of, "; it is nudged on");
        }
        self.nudge_to_unstick(now, of, agent, &rules, (what, interrupts));
    }

    /// What is typed now changes the screen until then; `None`: nothing was typed.
    pub(in crate::decide) fn types_to_unstick(&mut self, nudge: &Nudging, until: Option<Mono>) {
        let worker = self.worker_of(nudge.attempt());
        if nudge.unsticks() == Some(Trouble::Stall)
            && let Some(watching) = worker.and_then(Worker::watching_mut)
        {
            watching.is_typed_to(until);
        }
    }

    /// What changes on the screen after this look is no more the text: its agent may show a little of its
    /// work, and then nothing for long.
    fn look_once_it_stands(&mut self, now: Now, nudge: &Nudging) {
        let worker = self.worker_of(nudge.attempt());
        if nudge.unsticks() == Some(Trouble::Stall)
            && let Some(watching) = worker.and_then(Worker::watching_mut)
            && !watching.look.asked
        {
            watching.look = Look::at(now.mono + STANDS);
        }
    }

    /// Who typed says how it went.
    pub(in crate::decide) fn typed_to_unstick(&mut self, now: Now, nudge: &Nudging, typed: &Typed) {
        let nothing = matches!(typed, Typed::Refused { .. } | Typed::Nothing { .. });
        self.types_to_unstick(nudge, (!nothing).then_some(now.mono));
        if !nothing {
            self.look_once_it_stands(now, nudge);
        }
        let worker = self
            .worker_of(nudge.attempt())
            .filter(|_| nudge.unsticks().is_some());
        if let Some(unstick) = worker.and_then(|worker| worker.unstick.as_mut()) {
            unstick.left = unstick.interrupts() && matches!(typed, Typed::Failed { .. });
            unstick.known.waits = nothing;
        }
    }

    /// A try is over; `taken`: by a text that was taken, or may have been.
    pub(in crate::decide) fn tried_to_unstick(&mut self, now: Now, name: &WorkerName, taken: bool) {
        let worker = self.workers.get_mut(name);
        if let Some(unstick) = worker.and_then(|worker| worker.unstick.as_mut()) {
            unstick.tried = Some(now.mono);
            unstick.hindered = 0;
            (unstick.known.tried, unstick.known.taken) = (Some(now.wall), taken);
            unstick.was_typed();
            self.record_trouble(name);
        }
    }

    /// A daemon ended while it typed to one that did nothing any more.
    pub(in crate::decide) fn may_have_been_unstuck(&mut self, now: Now, begun: &BegunNudge) {
        let name = &begun.attempt.worker;
        let Some(worker) = self.workers.get_mut(name) else {
            return;
        };
        let text = about(&worker.rules.unstick.text);
        if let Some(unstick) = &mut worker.unstick
            && unstick.known.attempt == begun.attempt.attempt
            && unstick.known.tried.is_some_and(|tried| tried <= begun.at)
            && begun.about == text
        {
            (unstick.known.tried, unstick.known.taken) = (Some(begun.at), true);
            unstick.was_typed();
            unstick.tried = Some(since_boot(now, begun.at));
            self.record_trouble(name);
        }
    }
}
