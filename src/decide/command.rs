//! What a person asks for, and the answer once it is so.
//!
//! Promise: every command is answered exactly once: when what was asked for is the case, when it
//! cannot become the case, or after [`PATIENCE`] with how far it has come. What a person decided is
//! done even if it cannot be recorded, but then the answer is a refusal that says so.

use std::time::Duration;

use super::{
    Answer, Command, Effect, Fact, Level, PhaseRef, Refusal, RefusalKind, RequestId, Rig, SetBy,
    attempt::in_words,
    plan::{At, Progress},
    worker::{Asked, Life, Stopped, Worker},
};
use crate::{
    config::Config,
    model::{AttemptId, Exit, Mono, Now, WorkerName},
};

/// The longest that a person waits for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody waits for workers to come up or to be gone.
#[derive(Debug)]
pub(super) struct Waiter {
    id: RequestId,
    goals: Vec<Goal>,
    /// What is said beside what the goals say.
    said: Option<String>,
    decided: Vec<Decision>,
    pub(super) until: Mono,
}

/// A decision that the next daemon has to know of.
#[derive(Debug)]
struct Decision {
    fact: Fact,
    /// What a daemon does that does not know of it.
    otherwise: String,
}

impl Decision {
    fn run(worker: &WorkerName, run: bool) -> Self {
        Self {
            fact: Fact::Operator {
                worker: worker.clone(),
                run,
            },
            otherwise: match run {
                true => format!("keep {worker} stopped"),
                false => format!("start {worker} again"),
            },
        }
    }

    fn release(worker: &WorkerName) -> Self {
        Self {
            fact: Fact::Held {
                worker: worker.clone(),
                reason: None,
            },
            otherwise: format!("hold {worker} again"),
        }
    }

    fn pause(paused: Option<String>) -> Self {
        Self {
            otherwise: match paused {
                Some(_) => "let the loops go on".into(),
                None => "keep the loops paused".into(),
            },
            fact: Fact::Paused(paused),
        }
    }
}

#[derive(Debug)]
struct Goal {
    worker: WorkerName,
    to: To,
}

#[derive(Debug)]
enum To {
    /// Running, in another attempt than this one.
    Run { not: Option<AttemptId> },
    /// Nothing of it lives.
    End,
}

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
            Command::PhaseDone => match self.progress.at {
                At::Phase(index) => {
                    self.move_to(now, index + 1, SetBy::Operator, Some(id));
                    Ok(None)
                }
                At::NoPlan | At::Complete | At::Astray(_) => Err(self.no_phase()),
            },
            Command::Reload(config) => self.reload(now, *config).map(Some),
        };
        match done {
            Ok(None) => {}
            Ok(Some(text)) => self.out.push(Effect::Answer(id, Ok(text))),
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
        unknown.map_or(Ok(()), |name| {
            Err(Refusal {
                kind: RefusalKind::Unknown,
                message: format!("worker {name} does not exist"),
                hint: Some("`supervisorctl status` lists the workers".into()),
            })
        })
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
            if let Some(why) = self.unwanted(&wanted) {
                let hint = match &self.paused {
                    Some(_) => "`supervisorctl resume` ends the pause",
                    None => "`supervisorctl phase set ID` moves the resume point",
                };
                return Err(failed(
                    &format!("worker {name} cannot run now: {}", why.as_str()),
                    Some(hint),
                ));
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

    fn wait_for(
        &mut self,
        now: Now,
        id: RequestId,
        goals: Vec<Goal>,
        said: Option<String>,
        decided: Vec<Decision>,
    ) {
        self.waiters.push(Waiter {
            id,
            goals,
            said,
            decided,
            until: now.mono + PATIENCE,
        });
    }

    pub(super) fn pause(&mut self, now: Now, why: &str) -> String {
        if self.paused.is_some() && !self.point_is_lost() {
            return "the rig is paused already".into();
        }
        self.paused = Some(why.to_owned());
        self.ledger.add(Fact::Paused(self.paused.clone()));
        self.tell(
            now,
            "paused",
            Level::Info,
            None,
            format!("the rig is paused {why}"),
        );
        "paused: loops are being stopped and stay resumable; `supervisorctl resume` goes on".into()
    }

    fn resume(
        &mut self,
        now: Now,
        id: RequestId,
        phase: Option<&PhaseRef>,
    ) -> Result<Option<String>, Refusal> {
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
        self.progress.look_soon(now.mono);
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
        let index = self.resolve(phase)?;
        self.move_to(now, index, SetBy::Operator, Some(id));
        Ok(None)
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
            hint: Some(
                "`supervisorctl phase show` lists them; `supervisorctl phase done` ends the current one"
                    .into(),
            ),
        })
    }

    fn no_phase(&self) -> Refusal {
        match &self.progress.at {
            At::NoPlan => {
                let kept = self.progress.stored().and_then(|point| point.id.as_ref());
                let kept = kept.map_or(String::new(), |id| {
                    format!(", and the resume point, phase {id}, is kept for one that has it")
                });
                failed(
                    &format!("the rig has no plan{kept}"),
                    Some("declare phases under [plan], then: `supervisorctl reload`"),
                )
            }
            At::Phase(_) | At::Complete | At::Astray(_) => {
                let words = self.progress.in_words().unwrap_or_default();
                failed(
                    &format!("there is no current phase: the plan is {words}"),
                    Some("`supervisorctl phase set ID` moves the resume point"),
                )
            }
        }
    }

    /// Whether the rig would take this configuration now, by what [`Command::Reload`] goes by.
    ///
    /// # Errors
    /// What the command would be answered.
    pub fn may_reload(&self, now: Now, config: &Config) -> Result<(), Refusal> {
        self.progress_in(now, config).map(drop)
    }

    /// Where the plan of this configuration would stand.
    fn progress_in(&self, now: Now, config: &Config) -> Result<Progress, Refusal> {
        if self.progress.pending.is_some() {
            return Err(failed(
                "the resume point is being moved",
                Some("try again in a moment"),
            ));
        }
        let point = match &self.progress.at {
            // A point that the old plan did not have may be in the new one.
            At::Astray(Some(_)) => self.progress.stored().cloned(),
            At::NoPlan | At::Phase(_) | At::Complete | At::Astray(None) => {
                self.progress.point(now, SetBy::Plan)
            }
        };
        let lost = self.progress.at == At::Astray(None);
        let progress = Progress::begin(config.plan.clone(), point.as_ref(), lost, now.mono);
        // Without a plan there is no phase that could be kept or ended first.
        let has_place = matches!(self.progress.at, At::Phase(_) | At::Complete);
        if let (Some(why), true) = (progress.why_astray(), has_place) {
            return Err(failed(
                &format!("{why}; nothing changed"),
                Some("keep the phase, or move on first: `supervisorctl phase done`"),
            ));
        }
        Ok(progress)
    }

    fn reload(&mut self, now: Now, config: Config) -> Result<String, Refusal> {
        let progress = self.progress_in(now, &config)?;
        let told = self.progress.current().map(|(_, phase)| phase.id.clone());
        let was_astray = self.progress.why_astray().is_some();
        self.progress = progress;
        if !self.progress.is_still_at(told.as_ref()) {
            for worker in self.workers.values_mut() {
                worker.phase_changed(now);
            }
        }
        if let Some(point) = self.progress.point(now, SetBy::Plan) {
            self.ledger.add(Fact::Phase(point));
        }
        let removed: Vec<_> = self
            .workers
            .keys()
            .filter(|name| !config.workers.contains_key(*name))
            .cloned()
            .collect();
        for name in &removed {
            self.forget(now, name);
        }
        for (name, rules) in &config.workers {
            match self.workers.get_mut(name) {
                Some(worker) => {
                    worker.declared = true;
                    worker.adopt_rules(now, rules.clone());
                }
                None => {
                    self.workers
                        .insert(name.clone(), Worker::new(rules.clone(), now));
                }
            }
        }
        self.config = config;
        self.tell(
            now,
            "reloaded",
            Level::Info,
            None,
            "the configuration was reloaded".into(),
        );
        if let (Some(why), false) = (self.progress.why_astray(), was_astray) {
            return Ok(format!("reloaded; {}", self.tell_astray(now, &why)));
        }
        Ok("reloaded".into())
    }

    /// A worker is no longer declared: what was decided about it is void, should it come back.
    fn forget(&mut self, now: Now, name: &WorkerName) {
        self.release(now, name);
        if let Some(worker) = self.workers.get_mut(name) {
            worker.declared = false;
            worker.asked = Asked::Nothing;
            if !worker.run {
                worker.run = true;
                self.ledger.add(Fact::Operator {
                    worker: name.clone(),
                    run: true,
                });
            }
        }
    }

    /// Answers those whose wish has come true, or cannot any more.
    pub(super) fn answer_waiters(&mut self, now: Now) {
        for waiter in std::mem::take(&mut self.waiters) {
            match self.answer(&waiter, now) {
                Some(answer) => self.out.push(Effect::Answer(waiter.id, answer)),
                None => self.waiters.push(waiter),
            }
        }
    }

    fn answer(&self, waiter: &Waiter, now: Now) -> Option<Answer> {
        let reached: Vec<_> = waiter.goals.iter().map(|goal| self.reached(goal)).collect();
        if let Some(Some(Err(refusal))) = reached.iter().find(|one| matches!(one, Some(Err(_)))) {
            return Some(Err(refusal.clone()));
        }
        if reached.iter().all(Option::is_some) {
            let texts = reached.into_iter().flatten().filter_map(Result::ok);
            let texts: Vec<_> = texts.chain(waiter.said.clone()).collect();
            let unrecorded: Vec<_> = waiter
                .decided
                .iter()
                .filter(|decision| self.ledger.holds(&decision.fact))
                .map(|decision| decision.otherwise.as_str())
                .collect();
            match self.ledger.refusal(now.mono) {
                _ if unrecorded.is_empty() => return Some(Ok(texts.join("\n"))),
                Some(why) => return Some(Err(not_recorded(&texts, why, &unrecorded))),
                // The store is being asked.
                None => {}
            }
        }
        (now.mono >= waiter.until).then(|| {
            let open: Vec<_> = waiter
                .goals
                .iter()
                .filter_map(|goal| self.workers.get(&goal.worker))
                .map(|worker| match self.stray_of(worker.name()) {
                    Some(of) => {
                        format!("an older attempt of {} may live, {}", of.worker, of.attempt)
                    }
                    None => format!("{} is {}", worker.name(), worker.life.state()),
                })
                .collect();
            let message = format!("not done after {}: {}", in_words(PATIENCE), open.join(", "));
            Err(failed(
                &message,
                Some("it goes on; `supervisorctl status` shows how far it is"),
            ))
        })
    }

    fn reached(&self, goal: &Goal) -> Option<Answer> {
        let name = &goal.worker;
        let Some(worker) = self.workers.get(name) else {
            return Some(Ok(format!("{name} is gone from the configuration")));
        };
        match &goal.to {
            To::End => {
                let over = worker.life.attempt().is_none() && self.stray_of(name).is_none();
                (over && self.remembered.is_none()).then(|| Ok(format!("{name} stopped")))
            }
            To::Run { .. } if !worker.declared => Some(Err(failed(
                &format!("worker {name} was removed from the configuration meanwhile"),
                None,
            ))),
            To::Run { .. } if !worker.run => Some(Err(failed(
                &format!("worker {name} was stopped meanwhile"),
                None,
            ))),
            To::Run { not } => match &worker.life {
                Life::Running { attempt, .. } if Some(&attempt.of.attempt) != not.as_ref() => {
                    Some(Ok(format!("{name} running")))
                }
                Life::Held(why) => {
                    Some(Err(failed(&format!("worker {name} is held: {why}"), None)))
                }
                Life::BackingOff { why, .. } => Some(Err(failed(
                    &format!("worker {name} did not stay up: {why}"),
                    Some(&format!(
                        "it is tried again; `supervisorctl logs {name}` shows its output"
                    )),
                ))),
                Life::Stopped(why) => {
                    let text = format!("{name} {}", why.as_str());
                    let well = worker.last_exit.as_ref().is_some_and(Exit::is_success);
                    let done = *why == Stopped::Finished && well;
                    Some(if done {
                        Ok(text)
                    } else {
                        Err(failed(&text, None))
                    })
                }
                Life::Waiting(_) => self.hopeless(worker).map(Err),
                Life::Starting { .. }
                | Life::Running { .. }
                | Life::Stopping { .. }
                | Life::Lost { .. } => None,
            },
        }
    }
}

impl Rig {
    /// A worker waits for one that nobody will start.
    fn hopeless(&self, worker: &Worker) -> Option<Refusal> {
        let down = worker.rules.requires.iter().find(|name| {
            self.workers
                .get(*name)
                .is_some_and(|other| matches!(other.life, Life::Held(_) | Life::Stopped(_)))
        })?;
        let state = self.workers.get(down)?.life.state();
        let message = format!("worker {} needs {down}, which is {state}", worker.name());
        Some(failed(
            &message,
            Some(&format!("`supervisorctl start {down}`")),
        ))
    }
}

/// It is so, and the next daemon does not know it.
fn not_recorded(done: &[String], why: &str, otherwise: &[&str]) -> Refusal {
    let message = format!(
        "{}, but this is not recorded ({why}): a daemon started before it is will {}",
        done.join(", "),
        otherwise.join(" and ")
    );
    failed(
        &message,
        Some("it is recorded as soon as it can be; `supervisorctl status` shows when"),
    )
}

fn failed(message: &str, hint: Option<&str>) -> Refusal {
    Refusal {
        kind: RefusalKind::Failed,
        message: message.to_owned(),
        hint: hint.map(str::to_owned),
    }
}
