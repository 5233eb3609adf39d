//! What a person asks for: which decisions it makes, and for what its answer waits.
//!
//! Promise: what cannot be is refused with the command that helps, and then nothing has changed; who
//! is not refused is answered once it is so (`waiter`).

use super::{
    Command, Effect, Fact, Level, PhaseRef, Refusal, RefusalKind, RequestId, Rig, SetBy,
    life::Life,
    plan::At,
    waiter::{Decision, Goal, To, needs},
    worker::Asked,
};
use crate::{
    model::{Now, WorkerName},
    nearest::nearest,
};

impl Rig {
    pub(super) fn command(&mut self, now: Now, id: RequestId, command: Command) {
        self.ledger.ask_again(now.mono);
        let done = match command {
            Command::Start(names) => self.start_or_restart(now, id, &names, false),
            Command::Restart(names) => self.start_or_restart(now, id, &names, true),
            Command::Stop(names) => self.stop(now, id, &names),
            Command::Pause => {
                let said = self.pause(now, "by the operator");
                let paused = Decision::pause(self.paused.clone());
                self.wait_for(now, id, Vec::new(), Some(said), vec![paused]);
                Ok(None)
            }
            Command::Resume(phase) => self.resume(now, id, phase.as_ref()),
            Command::PhaseSet(phase) => self.phase_set(now, id, &phase),
            Command::PhaseDone => self.phase_done(now, id),
            Command::Reload(config) => self.reload(now, *config).map(Some),
            Command::Forget(name) => self.leave_conversation(now, id, &name),
            Command::HandOver(cutover) => self.hand_over(now, id, &cutover).map(|()| None),
            Command::TakeBack => self.take_back(now, id).map(|()| None),
            Command::Nudge(nudge) => self.nudge(now, id, nudge).map(|()| None),
        };
        match done {
            Ok(None) => {}
            Ok(Some(text)) => self.out.push(Effect::Answer(id, Ok(text.into()))),
            Err(refusal) => self.out.push(Effect::Answer(id, Err(refusal))),
        }
    }

    pub(super) fn refuse(&mut self, id: RequestId, message: &str, hint: Option<&str>) {
        self.out
            .push(Effect::Answer(id, Err(failed(message, hint))));
    }

    fn known(&self, names: &[WorkerName]) -> Result<(), Refusal> {
        let unknown = names
            .iter()
            .find(|name| !self.workers.get(*name).is_some_and(|w| w.declared));
        unknown.map_or(Ok(()), |name| Err(self.unknown_worker(name)))
    }

    /// The refusal of whoever names a worker that nobody declares.
    pub fn unknown_worker(&self, name: &WorkerName) -> Refusal {
        if self.workers.contains_key(name) || self.stray_of(name).is_some() {
            return Refusal {
                kind: RefusalKind::Unknown,
                message: format!("worker {name} is no longer declared, and is being ended"),
                hint: Some("`supervisorctl status` shows when it is gone".into()),
                screen: None,
            };
        }
        let declared = self.workers.iter().filter(|(_, worker)| worker.declared);
        let near = nearest(name.as_str(), declared.map(|(name, _)| name.as_str()))
            .map_or(String::new(), |near| format!("did you mean {near}? "));
        Refusal {
            kind: RefusalKind::Unknown,
            message: format!("worker {name} does not exist"),
            hint: Some(format!("{near}`supervisorctl status` lists the workers")),
            screen: None,
        }
    }

    fn start_or_restart(
        &mut self,
        now: Now,
        id: RequestId,
        names: &[WorkerName],
        again: bool,
    ) -> Result<Option<String>, Refusal> {
        self.known(names)?;
        for name in names {
            let Some(worker) = self.workers.get(name) else {
                continue;
            };
            let mut wanted = worker.clone();
            wanted.run = true;
            wanted.spend.forgive();
            wanted.breaker.try_now();
            if let Some(why) = self.barred(&wanted) {
                let hint = match &self.paused {
                    Some(_) => format!("{} ends the pause", self.way_out()),
                    None => "`supervisorctl phase set ID` moves the resume point".into(),
                };
                return Err(failed(
                    &format!("worker {name} cannot run now: {}", why.as_str()),
                    Some(&hint),
                ));
            }
            if let Some(down) = self.down(worker).find(|(name, _)| !names.contains(name)) {
                return Err(needs(worker, down, "; nothing changed", names));
            }
        }
        let goals = names
            .iter()
            .map(|name| self.send_up(now, name, again))
            .collect();
        let decided = names
            .iter()
            .flat_map(|name| [Decision::run(name, true), Decision::release(name)])
            .collect();
        self.wait_for(now, id, goals, None, decided);
        Ok(None)
    }

    fn send_up(&mut self, now: Now, name: &WorkerName, again: bool) -> Goal {
        let mut not = None;
        // Before the host has answered nobody knows whether there is a present one.
        let unclear = self.remembered.is_some() || self.stray_of(name).is_some();
        self.forgive_spent(name);
        self.try_breaker(name);
        if let Some(worker) = self.workers.get_mut(name) {
            if !worker.run {
                worker.run = true;
                self.ledger.add(Fact::Operator {
                    worker: name.clone(),
                    run: true,
                });
            }
            let present = worker.life.attempt().map(|a| a.of.attempt.clone());
            if again || matches!(worker.life, Life::Stopping { .. }) {
                not.clone_from(&present);
            }
            if again && (present.is_some() || unclear) {
                worker.asked = Asked::Restart;
            } else if worker.asked == Asked::Nothing && (not.is_some() || present.is_none()) {
                worker.asked = Asked::Start;
            }
            if present.is_none() {
                self.release(now, name);
            }
        }
        Goal {
            worker: name.clone(),
            to: To::Run { not },
        }
    }

    /// What was is forgiven: the hold, the delay and the budget.
    pub(super) fn release(&mut self, now: Now, name: &WorkerName) {
        let Some(worker) = self.workers.get_mut(name) else {
            return;
        };
        let remembered = self.remembered.as_mut().and_then(|all| all.get_mut(name));
        let was_held = remembered.is_some_and(|known| known.held.take().is_some());
        if was_held || matches!(worker.life, Life::Held(_)) {
            self.ledger.add(Fact::Held {
                worker: name.clone(),
                reason: None,
            });
        }
        worker.restarts.belong_to(&self.machine.boot);
        worker.restarts.forgive();
        self.ledger.add(Fact::Restarts {
            worker: name.clone(),
            restarts: worker.restarts.clone(),
        });
        if worker.life.attempt().is_none() {
            worker.becomes(Life::Waiting("about to start".into()), now);
        }
    }

    fn stop(
        &mut self,
        now: Now,
        id: RequestId,
        names: &[WorkerName],
    ) -> Result<Option<String>, Refusal> {
        self.known(names)?;
        let mut goals = Vec::new();
        for name in names {
            if let Some(worker) = self.workers.get_mut(name) {
                if worker.run {
                    worker.run = false;
                    self.ledger.add(Fact::Operator {
                        worker: name.clone(),
                        run: false,
                    });
                }
                worker.asked = Asked::Nothing;
            }
            goals.push(Goal {
                worker: name.clone(),
                to: To::End,
            });
        }
        let decided = names
            .iter()
            .map(|name| Decision::run(name, false))
            .collect();
        self.wait_for(now, id, goals, None, decided);
        Ok(None)
    }

    pub(super) fn pause(&mut self, now: Now, why: &str) -> String {
        if self.paused.is_some() && !self.point_is_lost() {
            return "the rig is paused already".into();
        }
        self.give_up_ending(now, "the rig was paused");
        self.is_paused_for(why.to_owned());
        self.tell(
            now,
            "paused",
            Level::Info,
            None,
            format!("the rig is paused {why}"),
        );
        let out = self.way_out();
        format!("paused: loops are being stopped and stay resumable; {out} goes on")
    }

    /// It is recorded why the rig is paused.
    pub(super) fn is_paused_for(&mut self, why: String) {
        self.paused = Some(why);
        self.ledger.add(Fact::Paused(self.paused.clone()));
    }

    fn resume(
        &mut self,
        now: Now,
        id: RequestId,
        phase: Option<&PhaseRef>,
    ) -> Result<Option<String>, Refusal> {
        self.refuse_handed_over()?;
        let target = phase.map(|phase| self.resolve(phase)).transpose()?;
        if let (Some(why), None) = (self.progress.why_astray(), target) {
            return Err(failed(
                &why,
                Some("say where to go on: `supervisorctl resume --phase ID`"),
            ));
        }
        let was = self.paused.take();
        if was.is_some() {
            self.ledger.add(Fact::Paused(None));
            self.tell(
                now,
                "resumed",
                Level::Info,
                None,
                "the rig is resumed".into(),
            );
        }
        self.progress.look_anew(now.mono);
        match target {
            Some(index) => {
                self.move_to(now, index, SetBy::Operator, Some(id));
                Ok(None)
            }
            None => {
                let at = self
                    .progress
                    .in_words()
                    .map_or(String::new(), |words| format!(" at {words}"));
                let said = match was {
                    Some(_) => format!("resumed{at}"),
                    None => "the rig was not paused".into(),
                };
                // Also of an earlier end of the pause, should that not be recorded yet.
                self.wait_for(now, id, Vec::new(), Some(said), vec![Decision::pause(None)]);
                Ok(None)
            }
        }
    }

    fn phase_set(
        &mut self,
        now: Now,
        id: RequestId,
        phase: &PhaseRef,
    ) -> Result<Option<String>, Refusal> {
        self.refuse_handed_over()?;
        let index = self.resolve(phase)?;
        self.move_to(now, index, SetBy::Operator, Some(id));
        Ok(None)
    }

    fn phase_done(&mut self, now: Now, id: RequestId) -> Result<Option<String>, Refusal> {
        self.refuse_handed_over()?;
        match self.progress.at {
            At::Phase(index) => {
                self.end_phase(now, index + 1, SetBy::Operator, Some(id));
                Ok(None)
            }
            At::NoPlan | At::Complete | At::Astray(_) => Err(self.no_phase()),
        }
    }

    fn resolve(&self, phase: &PhaseRef) -> Result<usize, Refusal> {
        if self.progress.at == At::NoPlan {
            return Err(self.no_phase());
        }
        let count = self.progress.plan.phases.len();
        let meant = self.progress.resolve(phase);
        // An end of the plan that is one number too far would be a slip.
        meant.filter(|index| *index < count).ok_or_else(|| Refusal {
            kind: RefusalKind::Unknown,
            message: format!("phase {phase} does not exist: the plan has {count}, from number 1"),
            hint: Some(format!(
                "{}`supervisorctl phase show` lists them; `supervisorctl phase done` ends the current one",
                self.near(phase)
            )),
            screen: None,
        })
    }

    fn near(&self, phase: &PhaseRef) -> String {
        let PhaseRef::Id(id) = phase else {
            return String::new();
        };
        let known = self.progress.plan.phases.iter();
        nearest(id.as_str(), known.map(|phase| phase.id.as_str()))
            .map_or(String::new(), |near| format!("did you mean {near}? "))
    }
}

pub(super) fn failed(message: &str, hint: Option<&str>) -> Refusal {
    Refusal {
        kind: RefusalKind::Failed,
        message: message.to_owned(),
        hint: hint.map(str::to_owned),
        screen: None,
    }
}
