//! What a daemon was told and must act on, kept apart from what the rig made of it.
//!
//! Promise: nothing in here is learned by asking the rig. It is made from the events that were
//! delivered, from what lies in the store and from the configuration; of the rig's effects only
//! the answers are read: whether a reload was accepted, and a start refused for what it needs.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use jiff::Timestamp;
use loopkeeper::{
    config::{Config, OnPhase, Plan, Resume, Worker},
    decide::{
        Answer, Command, Effect, Event, Leave, Looked, MakingId, PhaseRef, RequestId, ResumePoint,
        SetBy,
    },
    model::{AttemptRef, Condition, HostEvent, Kind, PhaseId, WorkerName},
};

use crate::store::Content;

/// A look that has not come back for so long counts as a bad one, ms.
const SILENCE: u64 = 60_000;

/// Where the plan stands, by what is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    NoPlan,
    Phase(usize, PhaseId),
    Complete,
    Astray,
}

/// Nobody knows where the plan stands: no loop is started, and one that runs goes on.
pub(crate) const ASTRAY: &str = "astray";

/// Where a recorded point lies in a plan; `lost`: that there is none does not mean the beginning.
pub(crate) fn place(plan: &Plan, point: Option<&ResumePoint>, lost: bool) -> Place {
    let at = |index: usize| Place::Phase(index, plan.phases[index].id.clone());
    if plan.phases.is_empty() {
        return Place::NoPlan;
    }
    let Some(point) = point else {
        return if lost { Place::Astray } else { at(0) };
    };
    match &point.id {
        Some(id) => match plan.phases.iter().position(|phase| phase.id == *id) {
            Some(index) => at(index),
            None => Place::Astray,
        },
        None => {
            let before = plan.phases.iter().zip(&point.done);
            let appended = before.clone().count() == point.done.len()
                && before.clone().all(|(phase, id)| phase.id == *id);
            match point.done.len() {
                n @ 1.. if appended && n < plan.phases.len() => at(n),
                _ => Place::Complete,
            }
        }
    }
}

/// The index that a person means.
pub(crate) fn meant(plan: &Plan, phase: &PhaseRef) -> Option<usize> {
    match phase {
        PhaseRef::Index(index) => (*index <= plan.phases.len()).then_some(*index),
        PhaseRef::Id(id) => plan.phases.iter().position(|phase| phase.id == *id),
    }
}

/// The same in a command: the end of a plan is no phase.
pub(crate) fn asked_for(plan: &Plan, phase: &PhaseRef) -> Option<usize> {
    meant(plan, phase).filter(|index| *index < plan.phases.len())
}

/// What one attempt was heard of.
#[derive(Debug, Clone, Default, Hash)]
pub(crate) struct Heard {
    /// When the host said that it runs.
    pub(crate) started: Option<u64>,
    /// An earlier daemon started it.
    pub(crate) adopted: bool,
    /// This daemon started it.
    ordered: bool,
    /// It was ready, by the rules of then.
    pub(crate) up: bool,
    /// A look said yes.
    pub(crate) answered: bool,
    /// Bad looks in a row.
    pub(crate) bad: u32,
    /// When it could not be looked at last.
    pub(crate) unable: Option<u64>,
    /// When a look was asked for that has not come back.
    pub(crate) asked: Option<u64>,
    /// When the host said that its own process ended.
    pub(crate) ended: Option<u64>,
    /// The operator wants another one in its place.
    pub(crate) restart: bool,
    /// When the host said that there was not enough of something to start it, or that it never ran.
    pub(crate) short: Option<u64>,
}

/// What the present daemon was told.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Told {
    pub(crate) config: Config,
    pub(crate) stopped: BTreeMap<WorkerName, bool>,
    pub(crate) paused: bool,
    pub(crate) leaving: Option<Leave>,
    pub(crate) at: Place,
    /// The point of which the plan's place was made, and the last one seen in the store.
    point: Option<ResumePoint>,
    seen: Option<ResumePoint>,
    /// A rig that was paused has no point: it was lost.
    lost: bool,
    pub(crate) heard: BTreeMap<AttemptRef, Heard>,
    /// When the operator last asked for an attempt of a worker.
    pub(crate) asked: BTreeMap<WorkerName, u64>,
    /// The grace of each worker that was removed, as it was then.
    pub(crate) graces: BTreeMap<WorkerName, Duration>,
    /// The host has said what lives.
    pub(crate) surveyed: bool,
    /// Those that a reload gave another definition in this turn.
    pub(crate) redefined: Vec<WorkerName>,
    /// Attempts whose checkouts were said to have nothing half-done.
    pub(crate) safe: BTreeSet<AttemptRef>,
    /// Worktrees that are being made, and where.
    pub(crate) makings: BTreeMap<MakingId, (WorkerName, Option<PathBuf>)>,
    /// Workers whose worktree was said to be made.
    pub(crate) made: BTreeSet<WorkerName>,
    /// Those that were started in the last turn.
    started: Vec<WorkerName>,
}

impl Told {
    /// A new daemon.
    pub(crate) fn new(config: Config, content: &Content, is_new_boot: bool) -> Self {
        let known = content.plain();
        let stopped = known
            .workers
            .iter()
            .filter(|(name, _)| config.workers.contains_key(*name))
            .map(|(name, worker)| (name.clone(), worker.stopped))
            .collect();
        let rebooted = is_new_boot && !content.boots.is_empty();
        let mut told = Self {
            paused: known.paused.is_some() || (rebooted && config.plan.resume == Resume::Manual),
            point: known.resume_point.clone(),
            seen: known.resume_point.clone(),
            at: place(
                &config.plan,
                known.resume_point.as_ref(),
                known.paused.is_some(),
            ),
            lost: known.paused.is_some()
                && known.resume_point.is_none()
                && !config.plan.phases.is_empty(),
            config,
            stopped,
            leaving: None,
            heard: BTreeMap::new(),
            asked: BTreeMap::new(),
            surveyed: false,
            graces: BTreeMap::new(),
            redefined: Vec::new(),
            safe: BTreeSet::new(),
            makings: BTreeMap::new(),
            made: BTreeSet::new(),
            started: Vec::new(),
        };
        told.settle_point();
        told
    }

    pub(crate) fn heard(&mut self, of: &AttemptRef) -> &mut Heard {
        self.heard.entry(of.clone()).or_default()
    }

    /// Was another attempt of the same worker said to live, and not to have ended?
    pub(crate) fn another_lives(&self, of: &AttemptRef) -> bool {
        self.heard.iter().any(|(other, heard)| {
            let lives = heard.started.is_some() && heard.ended.is_none();
            other.worker == of.worker && other != of && lives
        })
    }

    /// When it was heard that this attempt had ended.
    pub(crate) fn ended(&self, of: &AttemptRef) -> Option<u64> {
        self.heard.get(of)?.ended
    }

    pub(crate) fn is_stopped(&self, name: &WorkerName) -> bool {
        self.stopped.get(name).copied().unwrap_or(false)
    }

    /// Takes in one turn; `alive` are the attempts that live.
    pub(crate) fn turn(
        &mut self,
        t: u64,
        event: &Event,
        effects: &[Effect],
        content: &Content,
        alive: &[AttemptRef],
    ) {
        self.redefined.clear();
        for name in std::mem::take(&mut self.started) {
            self.made.remove(&name);
        }
        match event {
            Event::Checkout(of, Ok(half_done)) if half_done.is_empty() => {
                let attempt = of.attempt.clone().map(|attempt| AttemptRef {
                    worker: of.worker.clone(),
                    attempt,
                });
                self.safe.extend(attempt);
            }
            Event::WorktreeMade(id, done) => {
                let making = self.makings.remove(id);
                self.made
                    .extend(making.filter(|_| done.is_ok()).map(|(name, _)| name));
            }
            Event::Surveyed(Ok(found)) => {
                if !self.surveyed {
                    // What was asked for before is done now, whatever ended before.
                    self.asked.values_mut().for_each(|asked| *asked = t);
                }
                self.surveyed = true;
                for one in found {
                    self.found(t, &one.attempt, &one.is);
                }
            }
            Event::Surveyed(Err(_)) | Event::Recorded(Err(_)) => {}
            Event::Found(found) => self.found(t, &found.attempt, &found.is),
            Event::Host(HostEvent::Started(of, _)) => {
                self.heard(of).started.get_or_insert(t);
            }
            Event::Host(HostEvent::Ended(of, ..) | HostEvent::StartFailed(of, _)) => {
                self.heard(of).ended.get_or_insert(t);
            }
            Event::Host(HostEvent::Shortage(of, _)) => {
                let heard = self.heard(of);
                if heard.ended.is_none() {
                    heard.ended = Some(t);
                    heard.short.get_or_insert(t);
                }
            }
            Event::Probed(of, result) => {
                // A second answer to the same question says nothing, nor does one that comes when
                // the question is no longer waited for.
                let heard = self.heard(of);
                match (heard.asked.take_if(|asked| *asked + SILENCE > t), result) {
                    (None, _) => {}
                    (Some(_), Looked::Well) => {
                        heard.answered = true;
                        heard.bad = 0;
                    }
                    (Some(_), Looked::Failed(_)) => heard.bad += 1,
                    (Some(_), Looked::Unable(_)) => {
                        heard.bad = 0;
                        heard.unable = Some(t);
                    }
                }
            }
            Event::Recorded(Ok(())) => {
                self.look_at(content);
            }
            Event::Command(id, Command::Reload(config)) => {
                let accepted =
                    |effect: &Effect| matches!(effect, Effect::Answer(of, Ok(_)) if of == id);
                if effects.iter().any(accepted) {
                    self.reload(config);
                }
            }
            Event::Command(id, command) if !refused_untouched(effects, *id) => {
                self.command(t, command, alive);
            }
            Event::Leave(how) if self.leaving != Some(Leave::StopWorkers) => {
                self.leaving = Some(*how);
            }
            _ => {}
        }
        for (of, heard) in &mut self.heard {
            let rules = self.config.workers.get(&of.worker);
            let has_probe = rules.is_some_and(|rules| rules.ready.is_some());
            let started = heard.started.is_some() && (heard.answered || !has_probe);
            heard.up |= heard.adopted || started;
        }
        for effect in effects {
            if let Effect::Probe(of, _) = effect {
                let heard = self.heard(of);
                heard.bad += u32::from(heard.asked.is_some_and(|asked| asked + SILENCE <= t));
                heard.asked = Some(t);
            }
            if let Effect::Start { attempt, .. } = effect {
                self.heard(attempt).ordered = true;
                self.started.push(attempt.worker.clone());
            }
            if let Effect::MakeWorktree(id, worker, _) = effect {
                let making = (worker.name.clone(), worker.worktree.clone());
                self.makings.insert(*id, making);
            }
            if let Effect::Adopt(of, _) = effect {
                let heard = self.heard(of);
                heard.adopted = !heard.ordered;
                heard.started.get_or_insert(t);
            }
        }
    }

    fn found(&mut self, t: u64, of: &AttemptRef, is: &Condition) {
        match is {
            Condition::Alive(_) => {
                self.heard(of).started.get_or_insert(t);
            }
            Condition::Ended { .. } => {
                self.heard(of).ended.get_or_insert(t);
            }
            Condition::NeverStarted => {
                let heard = self.heard(of);
                if heard.ordered {
                    heard.short.get_or_insert(t);
                }
            }
            Condition::Unknown(_) => {}
        }
    }

    fn reload(&mut self, config: &Config) {
        self.stopped
            .retain(|name, _| config.workers.contains_key(name));
        self.makings
            .retain(|_, (name, _)| config.workers.contains_key(name));
        self.asked
            .retain(|name, _| config.workers.contains_key(name));
        for (of, heard) in &mut self.heard {
            // Should it come back, it is another one.
            heard.short = heard
                .short
                .filter(|_| config.workers.contains_key(&of.worker));
        }
        for (name, rules) in &self.config.workers {
            self.graces.insert(name.clone(), rules.stop.grace);
        }
        for (name, rules) in &config.workers {
            let before = self.config.workers.get(name);
            if before.is_some_and(|before| before.definition() != rules.definition()) {
                self.redefined.push(name.clone());
            }
        }
        self.config = config.clone();
        let plan = &config.plan;
        self.at = place(plan, self.point.as_ref(), self.lost);
        self.settle_point();
    }

    /// From now on the point is this one, whatever becomes of the plan before it is recorded.
    fn settle_point(&mut self) {
        if let Place::Phase(index, id) = &self.at {
            let point = self.point.get_or_insert(ResumePoint {
                index: 0,
                id: None,
                count: self.config.plan.phases.len(),
                at: Timestamp::UNIX_EPOCH,
                by: SetBy::Plan,
                done: Vec::new(),
            });
            (point.index, point.id) = (*index, Some(id.clone()));
            point.done.clear();
        }
    }

    /// A record was made: was the resume point moved by it?
    fn look_at(&mut self, content: &Content) {
        let point = content.plain().resume_point.clone();
        if point != self.seen {
            self.seen.clone_from(&point);
            self.point = point;
            self.at = place(&self.config.plan, self.point.as_ref(), self.lost);
        }
    }

    fn command(&mut self, t: u64, command: &Command, alive: &[AttemptRef]) {
        match command {
            Command::Stop(names) if self.all_declared(names) => {
                for name in names {
                    self.stopped.insert(name.clone(), true);
                    self.asked.remove(name);
                }
            }
            Command::Start(names) | Command::Restart(names) if self.may_start(names) => {
                for name in names {
                    self.stopped.insert(name.clone(), false);
                    self.asked.insert(name.clone(), t);
                }
                if matches!(command, Command::Restart(_)) {
                    for of in alive.iter().filter(|of| names.contains(&of.worker)) {
                        self.heard(of).restart = true;
                    }
                }
            }
            Command::Pause => self.paused = true,
            Command::Resume(None) if self.at != Place::Astray => self.paused = false,
            Command::Resume(Some(phase))
                if self.at != Place::NoPlan && asked_for(&self.config.plan, phase).is_some() =>
            {
                self.paused = false;
            }
            Command::Stop(_)
            | Command::Start(_)
            | Command::Restart(_)
            | Command::Resume(_)
            | Command::PhaseSet(_)
            | Command::PhaseDone
            | Command::Reload(_)
            | Command::Forget(_)
            | Command::HandOver(_)
            | Command::TakeBack
            | Command::Nudge(_) => {}
        }
    }

    pub(crate) fn all_declared(&self, names: &[WorkerName]) -> bool {
        names
            .iter()
            .all(|name| self.config.workers.contains_key(name))
    }

    /// Would a start of these be accepted?
    pub(crate) fn may_start(&self, names: &[WorkerName]) -> bool {
        self.all_declared(names)
            && names
                .iter()
                .all(|name| self.not_now(&self.config.workers[name]).is_none())
    }

    /// Why this worker should not run, if it should not.
    pub(crate) fn unwanted(&self, name: &WorkerName) -> Option<&'static str> {
        let Some(worker) = self.config.workers.get(name) else {
            return Some("removed");
        };
        if self.is_stopped(name) {
            return Some("stopped by the operator");
        }
        self.not_now(worker)
    }

    /// The same, whatever the operator said of this one.
    fn not_now(&self, worker: &Worker) -> Option<&'static str> {
        let is_loop = worker.kind == Kind::Loop;
        if self.leaving == Some(Leave::StopWorkers) {
            return Some("leaving");
        }
        if is_loop && self.paused {
            return Some("paused");
        }
        match &self.at {
            Place::Astray if is_loop => Some(ASTRAY),
            Place::Complete if is_loop || worker.phases.is_some() => Some("plan complete"),
            Place::Phase(_, id) => {
                let elsewhere = worker.phases.as_ref().is_some_and(|own| !own.contains(id));
                elsewhere.then_some("another phase")
            }
            Place::NoPlan | Place::Complete | Place::Astray => None,
        }
    }

    /// A worker that runs in both phases and was told the wrong one.
    pub(crate) fn told_another_phase(&self, worker: &Worker, told: Option<&PhaseId>) -> bool {
        match &self.at {
            Place::Phase(_, id) => worker.on_phase == OnPhase::Restart && told != Some(id),
            Place::NoPlan | Place::Complete | Place::Astray => false,
        }
    }

    /// Is there a verdict against this attempt?
    pub(crate) fn verdict(&self, t: u64, of: &AttemptRef) -> Option<&'static str> {
        let worker = self.config.workers.get(&of.worker)?;
        let heard = self.heard.get(of)?;
        let silent = u32::from(heard.asked.is_some_and(|asked| asked + SILENCE <= t));
        if let (Some(ready), Some(started)) = (&worker.ready, heard.started)
            && !heard.answered
            && !heard.adopted
            && heard.unable.unwrap_or(started) + millis(ready.timeout) <= t
        {
            return Some("not ready");
        }
        let alive = worker.alive.as_ref()?;
        (heard.bad + silent >= alive.failures).then_some("not well")
    }
}

/// Was this answered with a refusal that says that nothing changed? Whether it is right is for
/// [`crate::check`] to judge.
fn refused_untouched(effects: &[Effect], id: RequestId) -> bool {
    effects.iter().any(
        |effect| matches!(effect, Effect::Answer(of, answer) if *of == id && is_untouched(answer)),
    )
}

pub(crate) fn is_untouched(answer: &Answer) -> bool {
    let refusal = answer.as_ref().err();
    refusal.is_some_and(|refusal| refusal.message.ends_with("; nothing changed"))
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap()
}
