//! The invariants that hold after every event, each by name.

use std::collections::{BTreeMap, BTreeSet};

use loopkeeper::{
    config::{self, Plan, Restart},
    decide::{
        Answer, Command, Effect, Event, Fact, RequestId, ResumePoint, SetBy, Told as ToldPhase,
    },
    model::{
        AttemptId, AttemptRef, BootId, Condition, Exit, LauncherKind, Mono, PhaseId, Signal,
        WorkerName,
    },
};

use crate::{
    body::{Body, Stage},
    budget::Failures,
    overdue::Overdue,
    store::Content,
    told::{Place, Told, asked_for, meant, millis},
};

/// The longest that a person waits for an answer, with the lateness of a wake-up, ms.
const PATIENCE: u64 = 60_000 + 5_000;
/// The least time before a start for which there was not enough of something is tried again, ms.
const PUT_OFF: u64 = 1_000;
/// Turns in one simulated second for deadlines alone; more is a loop that runs hot.
const HOT: u32 = 200;

/// An invariant that does not hold.
#[derive(Debug, Clone)]
pub(crate) struct Violation {
    pub(crate) check: &'static str,
    pub(crate) message: String,
}

pub(crate) type Checked = Result<(), Violation>;

/// Fails the named check unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $check:literal, $($message:tt)+) => {
        if !$condition {
            return Err($crate::check::Violation { check: $check, message: format!($($message)+) });
        }
    };
}
pub(crate) use ensure;

/// Why a tree may be signalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    Leftovers,
    Wanted(&'static str),
    Definition,
    Restart,
    Phase,
    Verdict(&'static str),
    Double,
    Continued,
}

/// An attempt that the rig wants to be started.
#[derive(Clone, Copy)]
pub(crate) struct Order<'a> {
    pub(crate) of: &'a AttemptRef,
    pub(crate) worker: &'a config::Worker,
    pub(crate) phase: Option<&'a ToldPhase>,
}

/// Whether something is beyond doubt.
struct Surely(bool);

/// A question of a person that has no answer yet.
#[derive(Debug)]
struct Open {
    command: Command,
    asked: u64,
}

/// What the checks remember.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    pub(crate) failures: Failures,
    /// The number of the present boot.
    boot: usize,
    /// Already over when the rig, which had not heard of it, stopped them.
    raced: BTreeSet<AttemptRef>,
    /// Stopped while the disk refused, so that the next daemon cannot know.
    pub(crate) unknown_stops: BTreeSet<AttemptRef>,
    /// What the present daemon said of attempts, whether a disk took it or not.
    decided: BTreeMap<AttemptRef, (Option<PhaseId>, u64)>,
    /// Attempts whose stop is justified, by what.
    pub(crate) condemned: BTreeMap<AttemptRef, Why>,
    open: BTreeMap<RequestId, Open>,
    /// Resume points that somebody entitled asked for, of the present daemon.
    granted: Vec<(usize, Option<PhaseId>)>,
    /// The phases whose conditions were said to be true, since the plan last came to them.
    over: BTreeSet<PhaseId>,
    /// The store refused facts that the present daemon still owes.
    pub(crate) owes: bool,
    /// The last thing recorded was a goodbye.
    pub(crate) goodbye: bool,
    /// Ends that are in the history. A power cut may take them from it.
    told_ends: BTreeSet<(WorkerName, AttemptId)>,
    /// Workers of which a hold was recorded in this boot.
    pub(crate) held: BTreeSet<WorkerName>,
    /// When the resume point or the configuration last changed.
    moved: u64,
    pub(crate) overdue: Overdue,
    pub(crate) ready: bool,
    wakes: (u64, u32),
}

impl Checks {
    /// A new daemon begins.
    pub(crate) fn begin_daemon(&mut self, t: u64) {
        self.overdue.begin_daemon(t);
        self.open.clear();
        self.failures.forget_forgiveness();
        self.decided.clear();
        self.granted.clear();
        self.over.clear();
        self.owes = false;
        self.ready = false;
    }

    /// A new boot begins.
    pub(crate) fn begin_boot(&mut self) {
        self.boot += 1;
        self.failures.new_boot();
        self.condemned.clear();
        self.unknown_stops.clear();
        self.told_ends.clear();
        self.held.clear();
    }

    /// Before the effects of a turn are performed.
    pub(crate) fn turn(
        &mut self,
        t: u64,
        event: &Event,
        effects: &[Effect],
        told: &Told,
        world: &[Body],
        content: &Content,
    ) -> Checked {
        self.overdue.turn(t, event, effects, told, world)?;
        let last = effects.len().saturating_sub(1);
        for (at, effect) in effects.iter().enumerate() {
            let is_goodbye = matches!(effects.get(at + 1), Some(Effect::Exit)) && at + 1 == last;
            ensure!(
                !matches!(effect, Effect::Record(_)) || at == 0 || is_goodbye,
                "facts-first",
                "a record comes after {:?}",
                effects[at - 1]
            );
            if let Effect::Record(facts) = effect {
                ensure!(!facts.is_empty(), "facts-first", "an empty record");
            }
        }
        match event {
            Event::Command(id, command) => self.asked(t, *id, command, told, world),
            Event::PhaseFile(phase) => {
                self.grant(&told.config.plan, meant(&told.config.plan, phase))
            }
            Event::PhaseChecked(id, Ok(true)) => {
                self.over.insert(id.clone());
            }
            _ => {}
        }
        if let Event::Command(_, Command::Reload(_)) = event {
            self.failures
                .will_forgive_others(|name| told.config.workers.contains_key(name));
            self.moved = t;
        }
        for effect in effects {
            if let Effect::Answer(id, answer) = effect {
                self.answered(*id, answer, told, world, content)?;
            }
            if matches!(effect, Effect::Ready) {
                ensure!(!self.ready, "ready-once", "the rig came up twice");
                self.ready = true;
            }
        }
        let late = self.open.iter().find(|(_, open)| open.asked + PATIENCE < t);
        ensure!(
            late.is_none(),
            "answered",
            "nobody answered {:?}",
            late.map(|(_, open)| (&open.command, t - open.asked))
        );
        Ok(())
    }

    fn grant(&mut self, plan: &Plan, index: Option<usize>) {
        if let Some(index) = index {
            let id = plan.phases.get(index).map(|phase| phase.id.clone());
            self.granted.push((index, id));
        }
    }

    fn asked(&mut self, t: u64, id: RequestId, command: &Command, told: &Told, world: &[Body]) {
        let plan = &told.config.plan;
        match command {
            Command::PhaseSet(phase) | Command::Resume(Some(phase)) => {
                self.grant(plan, asked_for(plan, phase));
            }
            Command::PhaseDone => {
                if let Place::Phase(index, _) = told.at {
                    self.grant(plan, Some(index + 1));
                }
            }
            Command::Start(names) | Command::Restart(names) => {
                // Those of an accepted command; a refused one forgives nothing.
                for name in names
                    .iter()
                    .filter(|name| told.asked.get(*name) == Some(&t))
                {
                    let lives = world
                        .iter()
                        .any(|b| b.of.worker == *name && (b.lives() || !b.concluded));
                    self.failures.doubt(name);
                    if !lives {
                        self.failures.will_be_forgiven(name);
                    }
                }
            }
            Command::Reload(_) | Command::Stop(_) | Command::Pause | Command::Resume(None) => {}
        }
        self.open.insert(
            id,
            Open {
                command: command.clone(),
                asked: t,
            },
        );
    }

    fn answered(
        &mut self,
        id: RequestId,
        answer: &Answer,
        told: &Told,
        world: &[Body],
        content: &Content,
    ) -> Checked {
        let open = self.open.remove(&id);
        let Some(open) = open else {
            ensure!(
                false,
                "answered",
                "request {id:?} was answered twice: {answer:?}"
            );
            return Ok(());
        };
        if answer.is_err() {
            return Ok(());
        }
        Self::is_recorded(&open.command, told, content)?;
        match &open.command {
            Command::Stop(names) => {
                let lives = world
                    .iter()
                    .find(|body| names.contains(&body.of.worker) && body.lives());
                ensure!(
                    lives.is_none(),
                    "true-answers",
                    "a stop was reported as done while {:?} lives",
                    lives.map(|body| (&body.of, &body.stage))
                );
            }
            Command::Restart(names) => {
                for name in names
                    .iter()
                    .filter(|name| told.config.workers.contains_key(*name))
                {
                    let newer = world
                        .iter()
                        .any(|body| body.of.worker == *name && body.ordered >= open.asked);
                    ensure!(
                        newer,
                        "true-answers",
                        "{name} was reported as restarted and was not"
                    );
                }
            }
            Command::Start(names) => {
                for name in names
                    .iter()
                    .filter(|name| told.config.workers.contains_key(*name))
                {
                    let ran = world.iter().any(|body| {
                        body.of.worker == *name
                            && (body.runs()
                                || body.ended.is_some_and(|t| t >= open.asked)
                                || body.ordered >= open.asked
                                || !body.concluded)
                    });
                    // It had ended unheard when it was asked for, and that is what is answered.
                    let finished = answer.as_ref().is_ok_and(|text| {
                        text.lines().any(|line| line == format!("{name} finished"))
                    });
                    ensure!(
                        ran || finished,
                        "true-answers",
                        "{name} was reported as started and was not"
                    );
                }
            }
            Command::Pause
            | Command::Resume(_)
            | Command::PhaseSet(_)
            | Command::PhaseDone
            | Command::Reload(_) => {}
        }
        Ok(())
    }

    /// What a person decided and was told is done is known to the next daemon.
    fn is_recorded(command: &Command, told: &Told, content: &Content) -> Checked {
        let known = content.plain();
        let recorded = match command {
            Command::Start(names) | Command::Restart(names) | Command::Stop(names) => {
                let stop = matches!(command, Command::Stop(_));
                names.iter().all(|name| {
                    let stopped = known.workers.get(name).is_some_and(|known| known.stopped);
                    // The contrary may have been asked for meanwhile.
                    let stands =
                        told.config.workers.contains_key(name) && told.is_stopped(name) == stop;
                    !stands || stopped == stop
                })
            }
            Command::Pause | Command::Resume(None) => known.paused.is_some() == told.paused,
            Command::PhaseSet(phase) | Command::Resume(Some(phase)) => {
                let index = asked_for(&told.config.plan, phase);
                known.resume_point.as_ref().map(|point| point.index) == index
            }
            Command::PhaseDone | Command::Reload(_) => true,
        };
        ensure!(
            recorded,
            "true-answers",
            "{command:?} was reported as done and is not recorded"
        );
        Ok(())
    }

    /// After a turn: the rig must not want to be woken in the past, or all the time.
    pub(crate) fn deadline(&mut self, now: Mono, deadline: Option<Mono>) -> Checked {
        ensure!(
            deadline.is_none_or(|at| at > now),
            "deadline",
            "the next deadline {deadline:?} is not after {now:?}: a hot loop"
        );
        Ok(())
    }

    /// A turn for nothing but a deadline.
    pub(crate) fn woken(&mut self, t: u64) -> Checked {
        let second = t / 1000;
        let (of, count) = &mut self.wakes;
        if *of != second {
            (*of, *count) = (second, 0);
        }
        *count += 1;
        ensure!(
            *count <= HOT,
            "deadline",
            "woken {HOT} times within one second"
        );
        Ok(())
    }

    /// A batch is about to be recorded over what the store has.
    pub(crate) fn record(
        &mut self,
        t: u64,
        facts: &[Fact],
        before: &Content,
        told: &Told,
        world: &[Body],
    ) -> Checked {
        let old = before.plain().resume_point.as_ref();
        let mut points: Vec<_> = old.into_iter().collect();
        for fact in facts {
            if let Fact::Phase(point) = fact {
                self.phase(point, &points, told)?;
                points.push(point);
            }
        }
        // A batch is applied as a whole, so only the last of its points comes to lie anywhere.
        if let Some(point) = points.last().filter(|last| Some(**last) != old) {
            let plan = &told.config.plan;
            let id = plan.phases.get(point.index).map(|phase| &phase.id);
            // One that waited for a full disk while there was no plan names the same phase again.
            let moved = old.map(|old| &old.id) != Some(&point.id);
            ensure!(
                (!moved && self.owes) || plan.phases.is_empty() || id == point.id.as_ref(),
                "resume-point",
                "{point:?} is not a point of the plan"
            );
        }
        let mut decided = BTreeMap::new();
        for fact in facts {
            match fact {
                Fact::Phase(point) if before.plain().resume_point.as_ref() != Some(point) => {
                    self.moved = t;
                }
                Fact::Decided {
                    attempt,
                    phase,
                    definition,
                    ..
                } => {
                    decided.insert(&attempt.worker, attempt);
                    let known = (phase.clone(), *definition);
                    self.decided.insert(attempt.clone(), known);
                }
                Fact::Stopping { attempt, stopping } => {
                    let body = world.iter().find(|body| body.of == *attempt);
                    let why = body
                        .and_then(|body| self.justification(t, body, told, world, before))
                        .map(|why| match (why, told.verdict(t, attempt)) {
                            (Why::Leftovers | Why::Continued | Why::Double, _) | (_, None) => why,
                            // There may be two reasons in one turn; which one it was is recorded.
                            (_, Some(verdict)) if stopping.failed => Why::Verdict(verdict),
                            (_, Some(_)) => why,
                        });
                    ensure!(
                        why.is_some(),
                        "justified-signal",
                        "{attempt:?} is to be stopped and nobody wanted that: {stopping:?}"
                    );
                    self.condemn(attempt, why);
                    if why == Some(Why::Leftovers) && !self.condemned.contains_key(attempt) {
                        self.raced.insert(attempt.clone());
                    }
                }
                Fact::Ended {
                    attempt,
                    exit,
                    stopped,
                    ..
                } => {
                    let Some(body) = world.iter().find(|body| body.of == *attempt) else {
                        let lost = matches!(exit, Exit::Lost(_));
                        ensure!(
                            lost,
                            "exit-truth",
                            "{attempt:?} never was, and ended with {exit}"
                        );
                        continue;
                    };
                    let known = before.attempts.get(attempt);
                    if known.is_none_or(|known| known.ended.is_none()) {
                        let last = decided.get(&attempt.worker).copied();
                        let present = last.or(before.last(&attempt.worker)) == Some(attempt);
                        self.end(body, exit, stopped.as_deref(), present)?;
                        if present {
                            self.count(t, body, told);
                        }
                    }
                }
                Fact::Held {
                    worker,
                    reason: Some(reason),
                } => {
                    self.held.insert(worker.clone());
                    // What waited for a full disk may have been released since.
                    if self.owes {
                        continue;
                    }
                    let Some(rules) = told.config.workers.get(worker) else {
                        continue;
                    };
                    ensure!(
                        self.failures.may_be_exhausted(t, rules)
                            || may_have_run(worker, rules.restart, facts),
                        "held-for-cause",
                        "{worker} is held within its budget {:?}: {reason}",
                        rules.budget
                    );
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A batch was recorded.
    pub(crate) fn recorded(&mut self, facts: &[Fact], after: &Content, boot: &BootId) -> Checked {
        let last = after.boots.last().map(|last| &last.boot);
        ensure!(
            last == Some(boot),
            "one-record-per-boot",
            "something is recorded, and the boot {boot} is not"
        );
        self.goodbye = matches!(facts.last(), Some(Fact::Goodbye { .. }));
        for fact in facts {
            if let Fact::Restarts { worker, restarts } = fact
                && restarts.window.is_empty()
            {
                self.failures.forgiveness_is_recorded(worker);
            }
            if let Fact::Notice(notice) = fact
                && let ("worker-ended", Some(worker), Some(attempt)) =
                    (&*notice.event, &notice.worker, &notice.attempt)
            {
                let first = self.told_ends.insert((worker.clone(), attempt.clone()));
                ensure!(
                    first,
                    "one-end",
                    "{attempt} of {worker} ended twice in the history"
                );
            }
        }
        Ok(())
    }

    fn condemn(&mut self, of: &AttemptRef, why: Option<Why>) {
        if let Some(why) = why.filter(|why| *why != Why::Leftovers) {
            self.condemned.entry(of.clone()).or_insert(why);
        }
    }

    /// An end weighs on the budget from when it is recorded.
    fn count(&mut self, t: u64, body: &Body, told: &Told) {
        let Some(rules) = told.config.workers.get(&body.of.worker) else {
            return;
        };
        let healthy = self.overdue.was_healthy(&body.of);
        if self.failures.knows(&body.of) {
            self.failures.again(t, &body.of, healthy);
        } else if let Some(Surely(sure)) = self
            .is_failure(body, rules.restart)
            .filter(|_| body.boot == self.boot)
        {
            // Whether the rig knew of the end when it was asked for another attempt, and so forgave
            // it, cannot be told from outside.
            let forgiven = Self::was_asked_for_since(body, told);
            if forgiven {
                self.failures.doubt(&body.of.worker);
            }
            // What waits for a full disk was counted by the rules of then.
            let sure = sure && !forgiven && !self.owes;
            // As long as the rig may have believed it to live.
            let lived = t - body.began.unwrap_or(t);
            let maybe_healthy = lived >= millis(rules.backoff.healthy);
            // What waits for a full disk was counted before it is offered.
            let earliest = if self.owes {
                body.ended.unwrap_or(t)
            } else {
                t
            };
            self.failures.count(
                earliest..=t,
                &body.of,
                rules,
                sure,
                [healthy, maybe_healthy],
            );
        }
    }

    /// `before`: the recorded point, and those that come before this one in its batch.
    fn phase(&self, point: &ResumePoint, before: &[&ResumePoint], told: &Told) -> Checked {
        let plan = &told.config.plan;
        let granted = self.granted.contains(&(point.index, point.id.clone()));
        let follows = |old: &&ResumePoint| {
            // An end stays an end, or goes on with what was added to the plan since.
            let was = match &old.id {
                Some(id) => plan.phases.iter().position(|phase| phase.id == *id),
                None => Some(old.index),
            };
            let of = old.id.as_ref();
            let of = of.or_else(|| Some(&plan.phases.get(old.index)?.id));
            let over = of.is_some_and(|id| self.over.contains(id));
            let next = was.is_some_and(|was| was + 1 == point.index) && over;
            let same = match &old.id {
                // Wherever a changed plan has it.
                Some(id) => point.id.as_ref() == Some(id),
                // Or where further changes have since moved the phase that was added.
                None => {
                    let added = point.id.clone().map(|id| Place::Phase(point.index, id));
                    point.index == old.index || added.as_ref() == Some(&told.at)
                }
            };
            same || point.by == SetBy::Plan && next
        };
        let first = before.is_empty() && point.index == 0;
        let allowed = granted || first || before.iter().any(follows);
        ensure!(
            allowed,
            "resume-point",
            "moved from {before:?} to {point:?} by itself; over: {:?}",
            self.over
        );
        Ok(())
    }

    /// What is recorded of an end is what happened.
    fn end(&self, body: &Body, exit: &Exit, stopped: Option<&str>, present: bool) -> Checked {
        let of = &body.of;
        match &body.record {
            Some(record) => ensure!(
                record == exit || body.concluded,
                "exit-truth",
                "{of:?} ended with {record}, and {exit} is recorded"
            ),
            None => ensure!(
                matches!(exit, Exit::Lost(_)) && !body.lives(),
                "exit-truth",
                "{of:?} is {:?}, and {exit} is recorded",
                body.stage
            ),
        }
        let condemned = self
            .condemned
            .get(of)
            .is_some_and(|why| *why != Why::Double);
        let known = condemned && !self.unknown_stops.contains(of);
        if body.began.is_some() && known && present {
            ensure!(
                stopped.is_some() || !body.was_interrupted(),
                "interrupted-is-not-ended",
                "{of:?} was stopped ({:?}), and its end is recorded as its own",
                self.condemned.get(of)
            );
        }
        Ok(())
    }

    /// A boot is recorded.
    pub(crate) fn boots(&self, content: &Content, facts: &[Fact]) -> Checked {
        for fact in facts {
            if let Fact::Boot(boot) = fact {
                let again = content.boots.iter().any(|known| known.boot == boot.boot);
                ensure!(
                    !again,
                    "one-record-per-boot",
                    "{} is recorded a second time",
                    boot.boot
                );
                let from = boot.reboot.as_ref().map(|reboot| &reboot.from);
                let last = content.boots.last();
                ensure!(
                    from == last.map(|last| &last.boot),
                    "one-record-per-boot",
                    "{} follows {from:?}, and the last one recorded is {last:?}",
                    boot.boot
                );
                if let Some(reboot) = &boot.reboot {
                    ensure!(
                        reboot.clean == self.goodbye,
                        "clean-flag",
                        "{:?} is recorded; its last daemon said goodbye: {}",
                        reboot,
                        self.goodbye
                    );
                }
            }
        }
        Ok(())
    }

    /// An attempt is about to be started.
    pub(crate) fn start(
        &self,
        t: u64,
        Order { of, worker, phase }: Order<'_>,
        told: &Told,
        world: &[Body],
        content: &Content,
    ) -> Checked {
        let name = &of.worker;
        ensure!(
            told.surveyed,
            "asked-first",
            "{name} is started before the host has answered"
        );
        ensure!(
            self.owes || content.attempts.contains_key(of),
            "decided-first",
            "{of:?} is started, and the store does not know of it"
        );
        let unwanted = told.unwanted(name);
        ensure!(
            unwanted.is_none(),
            "wanted",
            "{name} is started although {unwanted:?}"
        );
        ensure!(
            told.config.workers.get(name) == Some(worker),
            "wanted",
            "{name} is started from another definition than the present one"
        );
        for body in world.iter().filter(|body| body.lives()) {
            ensure!(
                body.of.worker != *name,
                "one-life",
                "{of:?} is started while {:?} is {:?}",
                body.of,
                body.stage
            );
            // Where one runs whose start nobody recorded can only be guessed.
            let recorded = content.attempts.get(&body.of);
            let guessed = recorded.is_none_or(|known| known.definition != body.worker.definition());
            let tree = worker.worktree.as_ref();
            ensure!(
                tree.is_none() || body.worktree() != tree || guessed,
                "one-worktree",
                "{of:?} is started in {tree:?} while {:?} is {:?} there",
                body.of,
                body.stage
            );
        }
        for needed in &worker.requires {
            let up = told
                .heard
                .iter()
                .any(|(of, heard)| of.worker == *needed && heard.up && heard.ended.is_none());
            ensure!(
                up,
                "requires",
                "{name} is started although {needed} is not known to be ready"
            );
        }
        self.told_phase(phase, told)?;
        self.after_failure(t, of, told, world)?;
        Self::after_shortage(t, name, told, world)?;
        let finished = self.has_finished(name, told, world, content);
        ensure!(
            finished.is_none(),
            "finished",
            "{name} is started again after {finished:?}"
        );
        ensure!(
            worker.launcher == LauncherKind::Process,
            "wanted",
            "another launcher"
        );
        Ok(())
    }

    fn told_phase(&self, phase: Option<&ToldPhase>, told: &Told) -> Checked {
        let plan = &told.config.plan;
        let right = match (&told.at, phase) {
            (Place::Phase(index, id), Some(phase)) => {
                phase.index == *index && phase.id == *id && phase.brief == plan.phases[*index].brief
            }
            (Place::NoPlan | Place::Complete | Place::Astray, None) => true,
            _ => false,
        };
        ensure!(
            right,
            "told-what-is-recorded",
            "told {phase:?}, recorded is {:?}",
            told.at
        );
        Ok(())
    }

    /// The operator asked for an attempt after this one had begun to end.
    fn was_asked_for_since(body: &Body, told: &Told) -> bool {
        let ends = body
            .signals
            .first()
            .map(|signalled| signalled.t)
            .min(body.ended);
        let ends = ends.or(body.ended);
        let asked = told
            .asked
            .get(&body.of.worker)
            .is_some_and(|asked| Some(*asked) >= ends);
        asked || told.heard.get(&body.of).is_some_and(|heard| heard.restart)
    }

    /// The last attempt of a worker, if it ended by itself, its policy is content with that, and
    /// nothing has changed since, beyond doubt.
    fn has_finished<'a>(
        &self,
        name: &WorkerName,
        told: &Told,
        world: &'a [Body],
        content: &Content,
    ) -> Option<&'a AttemptRef> {
        let rules = &told.config.workers[name];
        let ended = |body: &&Body| body.of.worker == *name && body.ended.is_some();
        let last = world.iter().rev().find(ended)?;
        let known = content.attempts.get(&last.of)?;
        let is_last = content.last(name) == Some(&last.of);
        let content_with = match (&known.ended, rules.restart) {
            (Some((exit, None)), Restart::OnFailure) => exit.is_success(),
            (Some((_, None)), Restart::Never) => true,
            (Some((_, None)), Restart::Always) | (Some((_, Some(_))) | None, _) => false,
        };
        let same_phase = match &told.at {
            Place::Phase(_, id) => known.phase.as_ref() == Some(id),
            Place::Complete => known.phase.is_none(),
            Place::NoPlan | Place::Astray => true,
        };
        let untouched = last.signals.is_empty() && !last.double && !last.guessed;
        let same = last.boot == self.boot
            && known.definition == rules.definition()
            && last.worker.restart == rules.restart
            && last.ended.is_some_and(|ended| ended > self.moved);
        let asked = told.asked.contains_key(name) || Self::was_asked_for_since(last, told);
        let finished = is_last && content_with && same_phase && untouched && same && !asked;
        finished.then_some(&last.of)
    }

    /// A start that failed for want of something is put off.
    fn after_shortage(t: u64, name: &WorkerName, told: &Told, world: &[Body]) -> Checked {
        let short = told.heard.iter().filter(|(of, _)| of.worker == *name);
        let short = short.filter_map(|(of, heard)| Some((of, heard.short?)));
        let Some((of, since)) = short.max_by_key(|(_, since)| *since) else {
            return Ok(());
        };
        let asked = told.asked.get(name).is_some_and(|asked| *asked >= since);
        // It was to make way for another one by then.
        let signalled = |body: &Body| body.of == *of && !body.signals.is_empty();
        ensure!(
            t >= since + PUT_OFF || asked || world.iter().any(signalled),
            "put-off",
            "{name} is started again {} ms after there was not enough of something for {of:?}",
            t - since
        );
        Ok(())
    }

    /// A restart after a failure keeps to budget and backoff.
    fn after_failure(&self, t: u64, of: &AttemptRef, told: &Told, world: &[Body]) -> Checked {
        let last = world
            .iter()
            .rev()
            .find(|body| body.of.worker == of.worker && body.ended.is_some());
        let Some(last) = last.filter(|last| !Self::was_asked_for_since(last, told)) else {
            return Ok(());
        };
        let broken = self.failures.forbid(t, &last.of);
        ensure!(
            broken.is_none(),
            "budget",
            "{}: {}",
            of.worker,
            broken.unwrap_or_default()
        );
        Ok(())
    }

    /// An attempt is about to be signalled: for what reason?
    pub(crate) fn signal(
        &mut self,
        t: u64,
        of: &AttemptRef,
        signal: Signal,
        told: &Told,
        world: &[Body],
        content: &Content,
    ) -> Result<Why, Violation> {
        let Some(body) = world.iter().find(|body| body.of == *of) else {
            return Err(Violation {
                check: "justified-signal",
                message: format!("{of:?} is signalled and never was"),
            });
        };
        let why = self.justification(t, body, told, world, content);
        let Some(why) = why else {
            return Err(Violation {
                check: "justified-signal",
                message: format!(
                    "{of:?} ({:?}) got {signal}, and nobody wanted that; heard {:?}",
                    body.stage,
                    told.heard.get(of)
                ),
            });
        };
        if body.runs() && signal == Signal::KILL {
            let asked = body
                .signals
                .iter()
                .find(|signalled| signalled.signal != Signal::KILL);
            let now = told
                .config
                .workers
                .get(&of.worker)
                .map(|rules| rules.stop.grace);
            let grace = asked.map(|asked| asked.grace.min(now.unwrap_or(asked.grace)));
            let until = asked
                .zip(grace)
                .map(|(asked, grace)| asked.t + millis(grace));
            ensure!(
                until.is_some_and(|until| until <= t),
                "grace",
                "{of:?} is killed at {t} within its grace of {grace:?}: {:?}",
                body.signals
            );
        }
        self.condemn(of, Some(why));
        Ok(why)
    }

    fn justification(
        &self,
        t: u64,
        body: &Body,
        told: &Told,
        world: &[Body],
        content: &Content,
    ) -> Option<Why> {
        let of = &body.of;
        if body.ended.is_some() || body.stage == Stage::NeverStarted {
            return Some(Why::Leftovers);
        }
        if self.condemned.contains_key(of) {
            return Some(Why::Continued);
        }
        if let Some(why) = told.unwanted(&of.worker) {
            return Some(Why::Wanted(why));
        }
        if let Some(now) = told.config.workers.get(&of.worker) {
            let (phase, definition) = self.believed(body, content);
            if now.definition() != definition {
                return Some(Why::Definition);
            }
            if told.told_another_phase(now, phase) {
                return Some(Why::Phase);
            }
        }
        if told.heard.get(of).is_some_and(|heard| heard.restart) {
            return Some(Why::Restart);
        }
        if let Some(verdict) = told.verdict(t, of) {
            return Some(Why::Verdict(verdict));
        }
        let lives = |other: &&Body| other.of.worker == of.worker && other.lives();
        let doubled = world.iter().filter(lives).count() > 1 || told.another_lives(of);
        doubled.then_some(Why::Double)
    }

    /// The phase and the definition of an attempt. Of one whose start no disk took, a later daemon
    /// can only guess them, and abides by its guess.
    fn believed<'a>(&'a self, body: &'a Body, content: &'a Content) -> (Option<&'a PhaseId>, u64) {
        let recorded = content.attempts.get(&body.of);
        let guessed = body.guessed || body.double || recorded.is_none();
        let said = self.decided.get(&body.of).filter(|_| guessed);
        let guess = recorded.filter(|_| guessed);
        match (said, guess) {
            (Some((phase, definition)), _) => (phase.as_ref(), *definition),
            (None, Some(guess)) => (guess.phase.as_ref(), guess.definition),
            (None, None) => (
                body.told.as_ref().map(|told| &told.id),
                body.worker.definition(),
            ),
        }
    }

    /// An attempt is about to become history.
    pub(crate) fn conclude(&self, of: &AttemptRef, content: &Content, body: &Body) -> Checked {
        ensure!(
            !body.lives(),
            "concluded-when-over",
            "{of:?} is concluded while it is {:?}",
            body.stage
        );
        let known = content.attempts.get(of);
        ensure!(
            known.is_none_or(|known| known.ended.is_some()),
            "concluded-when-recorded",
            "{of:?} is concluded before its end is recorded"
        );
        Ok(())
    }

    /// Did this end count as a failure, for sure or perhaps?
    fn is_failure(&self, body: &Body, policy: Restart) -> Option<Surely> {
        let exit = body.record.as_ref()?;
        // What the daemon knew of these is not known out here.
        let unclear = body.double
            || body.guessed
            || self.raced.contains(&body.of)
            || self.unknown_stops.contains(&body.of);
        if unclear {
            return Some(Surely(false));
        }
        let failed = match self.condemned.get(&body.of) {
            Some(Why::Verdict(_)) => true,
            Some(_) => false,
            None => match policy {
                Restart::Always => true,
                Restart::OnFailure => !exit.is_success(),
                Restart::Never => false,
            },
        };
        failed.then_some(Surely(true))
    }

    /// The daemon is dead, for whatever reason.
    pub(crate) fn daemon_died(&mut self) {
        if self.owes {
            self.failures.doubt_all();
            self.unknown_stops.extend(self.condemned.keys().cloned());
        }
        self.open.clear();
    }
}

/// What is to be run once may have been, by an end that is recorded together with this.
fn may_have_run(worker: &WorkerName, policy: Restart, facts: &[Fact]) -> bool {
    let ended = facts.iter().any(|fact| match fact {
        Fact::Ended { attempt, exit, .. } => attempt.worker == *worker && exit.may_never_have_run(),
        _ => false,
    });
    policy == Restart::Never && ended
}

/// Names of workers that a list of findings has more than once alive.
pub(crate) fn doubled(found: &[loopkeeper::model::Found]) -> Vec<WorkerName> {
    let mut seen = BTreeMap::<&WorkerName, u32>::new();
    for one in found {
        if matches!(
            one.is,
            Condition::Alive(_) | Condition::Ended { survivors: 1.., .. }
        ) {
            *seen.entry(&one.attempt.worker).or_default() += 1;
        }
    }
    seen.into_iter()
        .filter(|(_, n)| *n > 1)
        .map(|(name, _)| name.clone())
        .collect()
}
