//! The host: performs what the rig asks for, and lets trees live and die.
//!
//! Attempts, their trees and their exit records outlive the daemon. What the host knows it says
//! truthfully, or it says for a while that it does not know.

use loopkeeper::{
    decide::{Effect, Event},
    model::{AttemptId, AttemptRef, Condition, Exit, Found, HostEvent, Identity, Signal},
};

use crate::{
    body::{Body, Signalled, Stage, Temper},
    check::{Checked, Order, Why, doubled, ensure},
    world::{After, Item, World},
};

/// Something that happens to a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    Begin,
    /// Its own process ends.
    End(Exit),
    /// What stayed behind ends.
    LeftoversEnd,
    /// SIGKILL takes effect on all of it.
    Killed,
}

impl World {
    pub(crate) fn perform(&mut self, effect: Effect) -> Checked {
        match effect {
            Effect::Record(facts) => {
                let Some(daemon) = &self.daemon else {
                    return Ok(());
                };
                self.checks
                    .record(self.t, &facts, &self.store.now, &daemon.told, &self.bodies)?;
                if !self.store.refuses {
                    self.checks.boots(&self.store.now, &facts)?;
                }
                let result = self.store.record(self.t, &facts);
                self.coverage.count(if result.is_ok() {
                    "records"
                } else {
                    "records refused"
                });
                if result.is_ok() {
                    let (content, boot) = (&self.store.now, &self.machine.boot);
                    self.checks.recorded(&facts, content, boot)?;
                }
                self.checks.owes = result.is_err();
                self.follow_first(Event::Recorded(result));
            }
            Effect::Survey => {
                let answer = self.survey();
                if let Ok(found) = &answer {
                    self.coverage.add(
                        "doubles found",
                        u64::try_from(doubled(found).len()).unwrap(),
                    );
                }
                self.result(Event::Surveyed(answer));
            }
            Effect::Inquire(of) => {
                let found = Found {
                    is: self.condition(&of),
                    attempt: of,
                };
                self.result(Event::Found(found));
            }
            Effect::Start {
                attempt,
                worker,
                phase,
            } => {
                let Some(daemon) = &self.daemon else {
                    return Ok(());
                };
                let content = &self.store.now;
                let (told, bodies) = (&daemon.told, &self.bodies);
                self.checks.start(
                    self.t,
                    Order {
                        of: &attempt,
                        worker: &worker,
                        phase: phase.as_ref(),
                    },
                    told,
                    bodies,
                    content,
                )?;
                ensure!(
                    !self.index.contains_key(&attempt),
                    "one-life",
                    "{attempt:?} is started twice"
                );
                let temper = self.nature.temper(&mut self.rng, &worker.stop);
                self.coverage.count("attempts");
                let body = Body {
                    of: attempt,
                    stage: Stage::Ordered,
                    boot: self.boot,
                    worker: *worker,
                    told: phase,
                    ordered: self.t,
                    began: None,
                    ended: None,
                    record: None,
                    watched: true,
                    concluded: false,
                    signals: Vec::new(),
                    double: false,
                    guessed: false,
                    temper,
                };
                self.add_body(body);
            }
            Effect::Adopt(of, _) => {
                if let Some(index) = self.index.get(&of).copied() {
                    self.adopt(index);
                }
            }
            Effect::Signal(of, signal) => self.signal(&of, signal)?,
            Effect::Conclude(of) => {
                if let Some(index) = self.index.get(&of).copied() {
                    let body = &mut self.bodies[index];
                    self.checks.conclude(&of, &self.store.now, body)?;
                    body.concluded = true;
                }
            }
            Effect::Probe(of, _) => self.probe(of),
            Effect::CheckPhase(id, _) => {
                let says = match self.nature.percent(&mut self.rng, 5) {
                    true => Err("cannot be looked at".into()),
                    false => Ok(self.over.contains(&id)),
                };
                self.result_or_loss(Event::PhaseChecked(id, says));
            }
            Effect::Answer(_, answer) => {
                self.coverage.count(if answer.is_ok() {
                    "answers"
                } else {
                    "refusals"
                });
            }
            Effect::Tell(notice) => match notice.event.as_str() {
                "worker-held" => self.coverage.count("workers held"),
                "plan-astray" => self.coverage.count("plan astray"),
                _ => {}
            },
            Effect::Notify(_) | Effect::Ready => {}
            Effect::Exit => {
                self.check_exit()?;
                self.coverage.count("daemon left");
                match self.after {
                    After::Restart => self.daemon_is_gone(),
                    After::Reboot => self.reboot(false),
                }
            }
        }
        Ok(())
    }

    fn add_body(&mut self, body: Body) -> usize {
        let index = self.bodies.len();
        let latency = body.temper.latency;
        self.index.insert(body.of.clone(), index);
        self.bodies.push(body);
        self.later(latency, Item::Body(index, Act::Begin));
        index
    }

    fn adopt(&mut self, index: usize) {
        self.coverage.count("attempts taken over");
        let body = &mut self.bodies[index];
        body.watched = true;
        if let Some(exit) = body.record.clone() {
            let (of, lives) = (body.of.clone(), body.lives());
            self.hear(index, HostEvent::Ended(of.clone(), exit));
            if !lives {
                self.hear(index, HostEvent::Gone(of));
            }
        }
    }

    fn signal(&mut self, of: &AttemptRef, signal: Signal) -> Checked {
        let Some(daemon) = &self.daemon else {
            return Ok(());
        };
        let why = self.checks.signal(
            self.t,
            of,
            signal,
            &daemon.told,
            &self.bodies,
            &self.store.now,
        )?;
        let first = self
            .index
            .get(of)
            .is_some_and(|index| self.bodies[*index].signals.is_empty());
        let why = match self.checks.condemned.get(of) {
            Some(condemned) if first => *condemned,
            _ => why,
        };
        self.coverage.count(match why {
            Why::Leftovers => "signals to leftovers",
            Why::Wanted(_) => "stops because it was not wanted",
            Why::Definition => "stops for another definition",
            Why::Restart => "stops for the operator's restart",
            Why::Phase => "stops for another phase",
            Why::Verdict("not ready") => "stops by verdict: not ready",
            Why::Verdict(_) => "stops by verdict: not well",
            Why::Double => "stops of doubles",
            Why::Continued => "stops continued",
        });
        let Some(index) = self.index.get(of).copied() else {
            return Ok(());
        };
        let body = &mut self.bodies[index];
        let declared = daemon.told.config.workers.get(&of.worker);
        let removed = daemon.told.graces.get(&of.worker).copied();
        let grace = declared.map(|rules| rules.stop.grace).or(removed);
        let grace = grace.unwrap_or(body.worker.stop.grace);
        body.watched = true;
        body.signals.push(Signalled {
            t: self.t,
            signal,
            grace,
        });
        if !body.lives() {
            self.hear(index, HostEvent::Gone(of.clone()));
        }
        self.feel(index, signal);
        Ok(())
    }

    /// What a signal does to a tree.
    fn feel(&mut self, index: usize, signal: Signal) {
        let body = &self.bodies[index];
        let temper = &body.temper;
        let act = match (&body.stage, signal) {
            (Stage::Alive(_) | Stage::Ended { left: 1.. }, Signal::KILL) => {
                Some((temper.killed_within, Act::Killed))
            }
            (Stage::Alive(_), _) => temper
                .obeys
                .as_ref()
                .map(|(within, exit)| (*within, Act::End(exit.clone()))),
            (Stage::Ended { left: 1.. }, _) if temper.leftovers_obey => {
                Some((50, Act::LeftoversEnd))
            }
            // Felt when it begins.
            (Stage::Ordered | Stage::Ended { .. } | Stage::NeverStarted, _) => None,
        };
        match act {
            Some((within, act)) => self.later(within, Item::Body(index, act)),
            None => self.coverage.count("signals without effect"),
        }
    }

    /// Something happens to a tree.
    pub(crate) fn act(&mut self, index: usize, act: Act) {
        let t = self.t;
        let body = &mut self.bodies[index];
        let of = body.of.clone();
        match (act, &body.stage) {
            (Act::Begin, Stage::Ordered) if body.temper.unstartable => {
                let why = "no such program".to_owned();
                body.stage = Stage::Ended { left: 0 };
                body.ended = Some(t);
                body.record = Some(Exit::Lost(format!("could not be started: {why}")));
                self.coverage.count("attempts that could not be started");
                self.hear(index, HostEvent::StartFailed(of, why));
            }
            (Act::Begin, Stage::Ordered) if body.temper.short => {
                body.stage = Stage::NeverStarted;
                self.coverage
                    .count("attempts for want of something not started");
                self.hear(index, HostEvent::Shortage(of, "no space left".into()));
            }
            (Act::Begin, Stage::Ordered) => self.begin(index),
            (Act::End(exit), Stage::Alive(_)) => {
                let kept = match body.temper.loses_exit {
                    true => Exit::Lost("its exit record could not be written".into()),
                    false => exit,
                };
                self.ends(index, kept);
            }
            (Act::Killed, Stage::Alive(_)) => {
                body.temper.leftovers = 0;
                let kept = match body.temper.loses_exit {
                    true => Exit::Lost("its exit record could not be written".into()),
                    false => Exit::Signal(Signal::KILL),
                };
                self.ends(index, kept);
            }
            (Act::Killed | Act::LeftoversEnd, Stage::Ended { left: 1.. }) => {
                body.stage = Stage::Ended { left: 0 };
                self.hear(index, HostEvent::Gone(of));
            }
            (Act::Begin | Act::End(_) | Act::Killed | Act::LeftoversEnd, _) => {}
        }
    }

    fn begin(&mut self, index: usize) {
        self.pid += 1;
        let identity = Identity {
            boot: self.boot_id().clone(),
            pid: self.pid,
            started: self.t,
        };
        let body = &mut self.bodies[index];
        body.stage = Stage::Alive(identity.clone());
        body.began = Some(self.t);
        let of = body.of.clone();
        let waiting: Vec<_> = body
            .signals
            .iter()
            .map(|signalled| signalled.signal)
            .collect();
        if let Some((lifetime, exit)) = body.temper.own_end.clone() {
            self.later(lifetime, Item::Body(index, Act::End(exit)));
        }
        self.hear(index, HostEvent::Started(of, identity));
        for signal in waiting {
            self.feel(index, signal);
        }
    }

    fn ends(&mut self, index: usize, exit: Exit) {
        let body = &mut self.bodies[index];
        let left = body.temper.leftovers;
        body.stage = Stage::Ended { left };
        body.ended = Some(self.t);
        body.record = Some(exit.clone());
        let of = body.of.clone();
        let leftovers_end = body.temper.leftovers_end;
        let what = if body.signals.is_empty() {
            "own ends"
        } else {
            "ends after a signal"
        };
        self.coverage.count(what);
        self.note(|| format!("  {of:?} ends: {exit}, {left} left"));
        self.hear(index, HostEvent::Ended(of.clone(), exit));
        match (left, leftovers_end) {
            (0, _) => self.hear(index, HostEvent::Gone(of)),
            (_, Some(after)) => self.later(after, Item::Body(index, Act::LeftoversEnd)),
            (_, None) => self.coverage.count("leftovers that stay"),
        }
    }

    /// The daemon hears of it, if it watches: sooner, later, twice or never.
    fn hear(&mut self, index: usize, event: HostEvent) {
        if self.bodies[index].watched {
            self.result_or_loss(Event::Host(event));
        }
    }

    /// An answer that comes for sure: at once, or later.
    fn result(&mut self, event: Event) {
        if self.nature.percent(&mut self.rng, 80) || self.nature.is_calm() {
            return self.follow_last(event);
        }
        let late = self.nature.delay(&mut self.rng);
        self.coverage.count("answers of the host delayed");
        self.tell_later(late, event);
    }

    fn result_or_loss(&mut self, event: Event) {
        if self.nature.loses(&mut self.rng) {
            self.coverage.count(match &event {
                Event::Host(HostEvent::Started(..)) => "lost: Started",
                Event::Host(HostEvent::Ended(..)) => "lost: Ended",
                Event::Host(HostEvent::Gone(..)) => "lost: Gone",
                Event::Host(HostEvent::StartFailed(..)) => "lost: StartFailed",
                Event::Host(HostEvent::Shortage(..)) => "lost: Shortage",
                Event::Probed(..) => "lost: Probed",
                _ => "lost: PhaseChecked",
            });
            return;
        }
        if self.nature.doubles(&mut self.rng) {
            self.coverage.count("events doubled");
            let late = self.nature.delay(&mut self.rng);
            self.tell_later(late, event.clone());
        }
        let late = self.nature.delay(&mut self.rng);
        self.tell_later(late, event);
    }

    pub(crate) fn tell_later(&mut self, late: u64, event: Event) {
        let Some(daemon) = &self.daemon else { return };
        let number = daemon.number;
        if self.lately.len() >= 32 {
            self.lately.pop_front();
        }
        self.lately.push_back(event.clone());
        self.later(late, Item::Tell(number, event));
    }

    fn probe(&mut self, of: AttemptRef) {
        let body = self.index.get(&of).map(|index| &self.bodies[*index]);
        let told = self
            .daemon
            .as_ref()
            .and_then(|daemon| daemon.told.heard.get(&of));
        let ready = told.is_none_or(|heard| !heard.answered);
        let says = match body {
            Some(body) => body.answers(self.t, ready),
            None => Err("there is no such attempt".into()),
        };
        if says.is_err() {
            self.coverage.count("looks that failed");
        }
        self.result_or_loss(Event::Probed(of, says));
    }

    fn survey(&mut self) -> Result<Vec<Found>, String> {
        if self.t < self.silent_until && self.rng.bool() {
            self.coverage.count("surveys that failed");
            return Err("cannot list processes".into());
        }
        let there = |body: &&Body| !body.concluded || body.lives();
        let refs: Vec<_> = self
            .bodies
            .iter()
            .filter(there)
            .map(|body| body.of.clone())
            .collect();
        let found = refs.into_iter().map(|of| Found {
            is: self.condition(&of),
            attempt: of,
        });
        Ok(found.collect())
    }

    fn condition(&mut self, of: &AttemptRef) -> Condition {
        if self.t < self.silent_until && self.rng.bool() {
            self.coverage.count("answers: unknown");
            return Condition::Unknown("the host does not answer".into());
        }
        let Some(index) = self.index.get(of) else {
            return Condition::NeverStarted;
        };
        let body = &self.bodies[*index];
        match &body.stage {
            Stage::Ordered => Condition::Unknown("it is being started".into()),
            Stage::Alive(identity) => Condition::Alive(identity.clone()),
            Stage::Ended { left } => Condition::Ended {
                exit: body
                    .record
                    .clone()
                    .unwrap_or_else(|| Exit::Lost("nobody saw it".into())),
                survivors: usize::try_from(*left).unwrap(),
            },
            Stage::NeverStarted => Condition::NeverStarted,
        }
    }

    /// The daemon that watched is gone. A start that was under way happens now or never, or what it
    /// led to is over at once, and nobody can tell whether it led to anything.
    pub(crate) fn orphan_bodies(&mut self) {
        for index in 0..self.bodies.len() {
            let body = &mut self.bodies[index];
            body.watched = false;
            body.guessed |= !self.store.now.attempts.contains_key(&body.of);
            if self.bodies[index].stage == Stage::Ordered {
                match self.rng.u32(0..4) {
                    0 | 1 => {
                        self.coverage.count("starts cut off, and it runs");
                        self.act(index, Act::Begin);
                    }
                    2 => {
                        self.coverage.count("starts cut off, and it never ran");
                        self.bodies[index].stage = Stage::NeverStarted;
                    }
                    _ => {
                        self.coverage
                            .count("starts cut off, and whether it ran is not known");
                        let body = &mut self.bodies[index];
                        body.stage = Stage::Ended { left: 0 };
                        body.ended = Some(self.t);
                        body.record = Some(Exit::start_unseen());
                    }
                }
            }
        }
    }

    pub(crate) fn bodies_of_this_boot_die(&mut self) {
        for body in &mut self.bodies {
            body.watched = false;
            if !body.lives() {
                continue;
            }
            if body.stage == Stage::Ordered && self.rng.bool() {
                body.stage = Stage::NeverStarted;
                continue;
            }
            body.ended.get_or_insert(self.t);
            body.record.get_or_insert_with(Exit::machine_went_down);
            body.stage = Stage::Ended { left: 0 };
        }
    }

    /// A tree that is believed to be well ends, and the news of it is lost.
    pub(crate) fn last_fault(&mut self) {
        let alive: Vec<_> = (0..self.bodies.len())
            .filter(|i| self.bodies[*i].runs())
            .collect();
        let Some(index) = self.rng.choice(alive).filter(|_| self.rng.bool()) else {
            return;
        };
        let body = &mut self.bodies[index];
        body.stage = Stage::Ended { left: 0 };
        body.ended = Some(self.t);
        body.record = Some(Exit::Code(1));
        let of = body.of.clone();
        self.note(|| format!("  {of:?} ends, and nobody hears of it"));
        self.coverage.count("ends in calm that nobody heard of");
    }

    /// Whatever lives is healthy from now on.
    pub(crate) fn bodies_recover(&mut self) {
        for index in 0..self.bodies.len() {
            let calm = Temper::calm(&mut self.rng);
            let body = &mut self.bodies[index];
            let began_ready = body.began.map(|began| self.t - began);
            body.temper = Temper {
                ready_after: began_ready.or(calm.ready_after),
                latency: body.temper.latency,
                ..calm
            };
        }
    }

    /// A second attempt of a living worker, such as a start that nobody knew of leaves behind.
    pub(crate) fn add_double(&mut self) -> Option<usize> {
        let alive: Vec<_> = (0..self.bodies.len())
            .filter(|i| self.bodies[*i].runs())
            .collect();
        let index = self.rng.choice(alive)?;
        let mut body = self.bodies[index].clone();
        let seconds = self.rng.i64(-3600..3600);
        let wall = self
            .wall()
            .checked_add(jiff::SignedDuration::from_secs(seconds))
            .unwrap();
        body.of.attempt = AttemptId::new(wall, self.rng.u32(..));
        body.stage = Stage::Ordered;
        body.double = true;
        body.signals.clear();
        body.concluded = false;
        body.watched = false;
        (body.began, body.ended, body.record) = (None, None, None);
        (body.temper.unstartable, body.temper.short) = (false, false);
        body.ordered = self.t;
        let double = self.add_body(body);
        self.act(double, Act::Begin);
        self.coverage.count("doubles made");
        Some(double)
    }
}
