//! What must have happened by now: a rule that is kept by doing nothing is not kept.
//!
//! Each of these is judged by the strictest reading of what the daemon was told: where the host did
//! not know, or the rules changed meanwhile, nothing is demanded.

use std::collections::BTreeMap;

use loopkeeper::{
    config::Condition as Until,
    decide::{Command, Effect, Event, Fact, Looked},
    model::{AttemptRef, Condition, Found, HostEvent, PhaseId, Signal},
};

use crate::{
    body::Body,
    check::{Checked, ensure},
    told::{Place, Told, millis},
};

/// What a late wake-up may cost, ms.
const LATE: u64 = 5_000;
/// How long a tree has whose worker nobody declares any more, ms.
const UNDECLARED: u64 = 30_000;
/// A store that refused is asked again after this time, ms.
const STORE_AGAIN: u64 = 5_000;
/// So is a host that could not say what lives.
const SURVEY_AGAIN: u64 = 10_000;
/// A condition without a rhythm of its own is looked at this often, ms.
const LOOK_AGAIN: u64 = 10_000;
/// A look that has not come back is asked for again after this time, ms.
const LOOK_SILENCE: u64 = 15 * 60_000;
/// A look at a worker that comes later than this is none, ms.
const PROBE_SILENCE: u64 = 60_000;

/// What is beyond doubt of one attempt.
#[derive(Debug, Clone, Default, Hash)]
struct Seen {
    /// The present daemon started it.
    ordered: bool,
    started: Option<u64>,
    /// When it became ready.
    ready: Option<u64>,
    /// A look that is waited for.
    asked: Option<u64>,
    /// When it could not be looked at last.
    unable: Option<u64>,
    /// Bad looks at its health in a row.
    sick: u32,
    /// It was asked to end when nobody declared its worker.
    undeclared: bool,
    /// It was said to have ended, or was signalled.
    over: bool,
    /// It was ready for the healthy time before that.
    healthy: bool,
    /// What the rig makes of it cannot be followed.
    unclear: bool,
}

/// What the present daemon has to do, and by when.
#[derive(Debug, Clone, Default, Hash)]
pub(crate) struct Overdue {
    /// When the daemon began.
    since: u64,
    seen: BTreeMap<AttemptRef, Seen>,
    /// The last batch had something that stays wanted when it is refused.
    lasting: bool,
    store: Option<u64>,
    survey: Option<u64>,
    look: Option<(PhaseId, u64)>,
    /// The plan stood still after the last turn.
    stands_still: bool,
}

impl Overdue {
    /// A new daemon begins.
    pub(crate) fn begin_daemon(&mut self, t: u64) {
        *self = Self {
            since: t,
            ..Self::default()
        };
    }

    /// This attempt ended, or was stopped, after it had been ready for the healthy time.
    pub(crate) fn was_healthy(&self, of: &AttemptRef) -> bool {
        let seen = self.seen.get(of);
        seen.is_some_and(|seen| seen.healthy && !seen.unclear)
    }

    /// One turn, before its effects are performed. What is done in it may be too late all the same: the
    /// rig is to wake by itself for what is due.
    pub(crate) fn turn(
        &mut self,
        t: u64,
        event: &Event,
        effects: &[Effect],
        told: &Told,
        world: &[Body],
    ) -> Checked {
        self.hear(t, event, told);
        self.watch(t, effects, told);
        self.kills(t, world)?;
        self.verdicts(t, told)?;
        self.store(t, event, effects)?;
        self.survey(t, event, effects, told)?;
        self.looks(t, event, effects, told)
    }

    fn seen(&mut self, of: &AttemptRef) -> &mut Seen {
        self.seen.entry(of.clone()).or_default()
    }

    fn hear(&mut self, t: u64, event: &Event, told: &Told) {
        match event {
            Event::Surveyed(Ok(found)) => found.iter().for_each(|one| self.found(t, one, told)),
            Event::Found(found) => self.found(t, found, told),
            Event::Host(HostEvent::Started(of, _)) => {
                self.seen(of).started.get_or_insert(t);
            }
            Event::Host(
                HostEvent::Ended(of, ..)
                | HostEvent::StartFailed(of, _)
                | HostEvent::Shortage(of, _),
            ) => {
                self.is_over(t, of, told);
            }
            Event::Probed(of, result) => {
                let seen = self.seen(of);
                match (seen.asked.take(), result) {
                    (Some(asked), _) if asked + PROBE_SILENCE <= t => seen.unclear = true,
                    (Some(_), Looked::Well) => {
                        seen.sick = 0;
                        if seen.started.is_some() {
                            seen.ready.get_or_insert(t);
                        }
                    }
                    (Some(_), Looked::Failed(_)) => seen.sick += u32::from(seen.ready.is_some()),
                    (Some(_), Looked::Unable(_)) => {
                        seen.sick = 0;
                        seen.unable = Some(t);
                    }
                    (None, _) => {}
                }
            }
            Event::Command(_, Command::Reload(_)) => {
                self.seen.values_mut().for_each(|seen| seen.unclear = true);
            }
            _ => {}
        }
        for (of, seen) in &mut self.seen {
            let rules = told.config.workers.get(&of.worker);
            if rules.is_some_and(|rules| rules.ready.is_none()) && seen.started.is_some() {
                seen.ready.get_or_insert(t);
            }
        }
    }

    fn found(&mut self, t: u64, found: &Found, told: &Told) {
        match &found.is {
            Condition::Alive(_) => {
                self.seen(&found.attempt).started.get_or_insert(t);
            }
            Condition::Unknown(_) => self.seen(&found.attempt).unclear = true,
            Condition::Ended { .. } | Condition::NeverStarted => {
                self.is_over(t, &found.attempt, told);
            }
        }
    }

    fn is_over(&mut self, t: u64, of: &AttemptRef, told: &Told) {
        let healthy = told.config.workers.get(&of.worker);
        let healthy = healthy.map(|rules| millis(rules.backoff.healthy));
        let seen = self.seen(of);
        if !seen.over {
            let since = seen.ready.zip(healthy);
            seen.healthy = since.is_some_and(|(ready, healthy)| ready + healthy <= t);
        }
        seen.over = true;
    }

    fn watch(&mut self, t: u64, effects: &[Effect], told: &Told) {
        for effect in effects {
            match effect {
                Effect::Start { attempt, .. } => self.seen(attempt).ordered = true,
                Effect::Probe(of, _) => self.seen(of).asked = Some(t),
                Effect::Signal(of, _) => {
                    self.is_over(t, of, told);
                    self.seen(of).undeclared |= !told.config.workers.contains_key(&of.worker);
                }
                _ => {}
            }
        }
    }

    /// What was asked to end and has not by the end of its grace is killed.
    fn kills(&self, t: u64, world: &[Body]) -> Checked {
        for body in world.iter().filter(|body| body.lives()) {
            let since = body.signals.iter().filter(|one| one.t >= self.since);
            if since.clone().any(|one| one.signal == Signal::KILL) {
                continue;
            }
            let Some(first) = since.clone().next() else {
                continue;
            };
            let undeclared = self.seen.get(&body.of).is_some_and(|seen| seen.undeclared);
            let least = if undeclared { UNDECLARED } else { 0 };
            let until = first.t + millis(first.grace).max(least) + LATE;
            ensure!(
                t <= until,
                "killed-after-grace",
                "{:?} was asked to end {} ms ago, lives, and is not killed",
                body.of,
                t - first.t
            );
        }
        Ok(())
    }

    /// Who is not ready in time, or no longer well, is stopped.
    fn verdicts(&self, t: u64, told: &Told) -> Checked {
        for (of, seen) in self.seen.iter().filter(|(_, s)| !s.over && !s.unclear) {
            let Some(rules) = told.config.workers.get(&of.worker) else {
                continue;
            };
            if let Some(alive) = &rules.alive {
                ensure!(
                    seen.sick < alive.failures,
                    "verdict",
                    "{of:?} is not well by {} looks in a row, and goes on",
                    seen.sick
                );
            }
            if let (Some(ready), Some(started), None, true) =
                (&rules.ready, seen.started, seen.ready, seen.ordered)
            {
                let since = seen
                    .unable
                    .map_or(started, |at| at + millis(ready.every) + PROBE_SILENCE);
                ensure!(
                    t <= since + millis(ready.timeout) + LATE,
                    "verdict",
                    "{of:?} is not ready {} ms after its start, and goes on",
                    t - started
                );
            }
        }
        Ok(())
    }

    /// What a store refused is offered again.
    fn store(&mut self, t: u64, event: &Event, effects: &[Effect]) -> Checked {
        ensure!(
            self.store.is_none_or(|due| t <= due + LATE),
            "asked-again",
            "the store refused, and was not asked again"
        );
        match event {
            Event::Recorded(Ok(())) => self.store = None,
            Event::Recorded(Err(_)) if self.lasting => self.store = Some(t + STORE_AGAIN),
            _ => {}
        }
        for effect in effects {
            if let Effect::Record(facts) = effect {
                self.lasting = facts.iter().any(lasts);
                self.store = None;
            }
        }
        Ok(())
    }

    /// A host that could not say what lives is asked again.
    fn survey(&mut self, t: u64, event: &Event, effects: &[Effect], told: &Told) -> Checked {
        ensure!(
            self.survey.is_none_or(|due| t <= due + LATE),
            "asked-again",
            "the host could not say what lives, and was not asked again"
        );
        if matches!(event, Event::Surveyed(Err(_))) {
            self.survey = Some(t + SURVEY_AGAIN);
        }
        if told.surveyed || effects.iter().any(|e| matches!(e, Effect::Survey)) {
            self.survey = None;
        }
        Ok(())
    }

    /// The end condition of the current phase is looked at.
    fn looks(&mut self, t: u64, event: &Event, effects: &[Effect], told: &Told) -> Checked {
        let stood_still = self.stands_still;
        self.stands_still = told.paused || told.leaving.is_some();
        let Place::Phase(index, id) = &told.at else {
            self.look = None;
            return Ok(());
        };
        let again = match &told.config.plan.phases[*index].until {
            Until::Operator => {
                self.look = None;
                return Ok(());
            }
            Until::Command { every, .. } => millis(*every),
            Until::File { .. } => LOOK_AGAIN,
        };
        let known = self.look.take().filter(|(of, _)| of == id);
        // Rather too late than too early: the plan stands still, or a move may wait for the disk.
        let waits = self.stands_still
            || stood_still
            || self.store.is_some()
            || matches!(event, Event::Recorded(Err(_)));
        let missed = known.as_ref().is_some_and(|(_, due)| t > due + LATE);
        ensure!(
            waits || !missed,
            "looked-at",
            "nobody looked whether phase {id} is over"
        );
        let asked = |effect: &Effect| matches!(effect, Effect::CheckPhase(of, _) if of == id);
        let due = match known {
            _ if effects.iter().any(asked) => t + LOOK_SILENCE,
            _ if matches!(event, Event::PhaseChecked(of, _) if of == id) => t + again,
            Some((_, due)) => due,
            None => t,
        };
        let due = match waits {
            true => due.max(t + again.max(LOOK_AGAIN)),
            false => due,
        };
        self.look = Some((id.clone(), due));
        Ok(())
    }
}

/// Whether it is offered until a disk takes it. What is not begun is offered when it is tried again.
fn lasts(fact: &Fact) -> bool {
    match fact {
        Fact::Phase(_) => false,
        Fact::NudgeBegun(begun) => begun.item.is_none(),
        _ => true,
    }
}
