//! The host: performs what the rig asks for, and lets trees live and die.
//!
//! Attempts, their trees and their exit records outlive the daemon. What the host knows it says
//! truthfully, or it says for a while that it does not know.
//!
//! An effect that the checks judge is judged first, and then performed, here; what becomes of a tree
//! is in `trees`, what the daemon hears in `news`, and what befalls trees from outside in `fates`.

mod fates;
mod news;
mod night;
mod trees;
mod typing;

use loopkeeper::{
    decide::{Effect, Event, Prepared},
    model::{Exit, Found},
};

use crate::{
    body::{Body, Stage},
    check::{Checked, Order, ensure, explained},
    inboxes::To,
    world::{After, World},
};

use news::doubled;

/// Something that happens to a tree.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
                    self.checks.boots(&self.store.now, &facts, &self.bodies)?;
                }
                let result = self.store.record(self.t, &facts);
                self.coverage.count(if result.is_ok() {
                    "records"
                } else {
                    "records refused"
                });
                if result.is_ok() {
                    self.checks.nudges.recorded(&facts)?;
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
                    on: None,
                    stop: self.stop_of(&of),
                    is: self.condition(&of),
                    attempt: of,
                };
                self.result(Event::Found(found));
            }
            Effect::Start {
                attempt,
                worker,
                arguments: _,
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
                    with_machine: None,
                    until_reboot: false,
                    watched: true,
                    concluded: false,
                    limit: None,
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
            Effect::Watch(of, _) => {
                let signs = self.signs(&of);
                self.result_or_loss(Event::Watched(of, signs));
            }
            Effect::Type {
                nudge,
                attempt,
                text,
                item,
                permission,
                ..
            } => match self.night {
                Some(_) => self.type_at_night(nudge, &attempt, permission),
                None => self.type_text(nudge, &attempt, &text, item.as_ref())?,
            },
            Effect::Submit {
                nudge,
                attempt,
                digest,
                ..
            } => self.submit_left(nudge, &attempt, digest)?,
            Effect::Settle {
                worker,
                item,
                how,
                begun,
            } => self.settle_file(worker, item, To { how, begun })?,
            Effect::CheckPhase(id, _) => {
                let says = match self.nature.percent(&mut self.rng, 5) {
                    true => Err("cannot be looked at".into()),
                    false => Ok(self.over.contains(&id)),
                };
                self.result_or_loss(Event::PhaseChecked(id, says));
            }
            Effect::LookAtCheckout(of, ..) => {
                self.coverage.count(match of.attempt {
                    Some(_) => "checkouts of who runs or ran",
                    None => "checkouts of who does not run",
                });
                let seen = self.checkout();
                self.result_or_loss(Event::Checkout(of, seen));
            }
            Effect::MakeWorktree(id, ..) => {
                let done = match self.nature.percent(&mut self.rng, 20) {
                    true => Err("fatal: repository does not exist".into()),
                    false => Ok(Prepared::default()),
                };
                self.coverage.count(match done {
                    Ok(_) => "worktrees made",
                    Err(_) => "worktrees that could not be made",
                });
                self.result(Event::WorktreeMade(id, done));
            }
            Effect::Answer(_, answer) => {
                self.coverage.count(if answer.is_ok() {
                    "answers"
                } else {
                    "refusals"
                });
            }
            Effect::Tell(notice) => {
                explained(&notice)?;
                if let Some(night) = &mut self.night {
                    night.told(&notice.event);
                }
                match notice.event.as_str() {
                    "worker-held" => self.coverage.count("workers held"),
                    "plan-astray" => self.coverage.count("plan astray"),
                    "phase-ending" => self.coverage.count("phases wound up"),
                    "phase-not-quiet" => self.coverage.count("phases not wound up in time"),
                    "phase-goes-on" => self.coverage.count("phases that went on"),
                    "worker-stray" => self.coverage.count("strays"),
                    _ => {}
                }
            }
            // No worker of these worlds has secrets, or claims a gate.
            Effect::Notify(_)
            | Effect::Ready
            | Effect::CompareSecrets(..)
            | Effect::Reload(..)
            | Effect::WriteHandoff(_)
            | Effect::DropHandoff(_)
            | Effect::ReadHandoff(_)
            | Effect::TellHandoff { .. }
            | Effect::RevokeHandoff { .. }
            | Effect::AnswerAsk { .. } => {}
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
}
