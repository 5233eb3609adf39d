//! Those who wait for an answer, and what they are told once it is so.
//!
//! Promise: every command is answered exactly once: when what was asked for is the case, when it
//! cannot become the case, or after [`PATIENCE`] with how far it has come; of several workers, with what
//! became of each. What a person decided is done even if it cannot be recorded, but then the answer is
//! a refusal that says so.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Answer, Effect, Fact, Refusal, RequestId, Rig,
    attempt::in_words,
    command::failed,
    life::{Life, Stopped},
    worker::Worker,
};
use crate::model::{AttemptId, Exit, Mono, Now, StateName, WorkerName};

/// The longest that a person waits for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody waits for workers to come up or to be gone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Waiter {
    id: RequestId,
    goals: Vec<Goal>,
    /// What did not come true, of the worker whose goal it was.
    failed: BTreeMap<WorkerName, Refusal>,
    /// What is said beside what the goals say.
    said: Option<String>,
    decided: Vec<Decision>,
    pub(super) until: Mono,
}

/// A decision that the next daemon has to know of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Decision {
    fact: Fact,
    /// What a daemon does that does not know of it.
    otherwise: String,
}

impl Decision {
    pub(super) fn run(worker: &WorkerName, run: bool) -> Self {
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

    pub(super) fn release(worker: &WorkerName) -> Self {
        Self {
            fact: Fact::Held {
                worker: worker.clone(),
                reason: None,
            },
            otherwise: format!("hold {worker} again"),
        }
    }

    pub(super) fn forget(worker: &WorkerName) -> Self {
        Self {
            fact: Fact::Conversation {
                worker: worker.clone(),
                conversation: None,
            },
            otherwise: format!("go on with the conversation of {worker}"),
        }
    }

    pub(super) fn pause(paused: Option<String>) -> Self {
        Self {
            otherwise: match paused {
                Some(_) => "let the loops go on".into(),
                None => "keep the loops paused".into(),
            },
            fact: Fact::Paused(paused),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Goal {
    pub(super) worker: WorkerName,
    pub(super) to: To,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum To {
    /// Running, in another attempt than this one.
    Run { not: Option<AttemptId> },
    /// Nothing of it lives.
    End,
}

impl Rig {
    pub(super) fn wait_for(
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
            failed: BTreeMap::new(),
            said,
            decided,
            until: now.mono + PATIENCE,
        });
    }

    /// Answers those whose wish has come true, or cannot any more.
    pub(super) fn answer_waiters(&mut self, now: Now) {
        for mut waiter in std::mem::take(&mut self.waiters) {
            for goal in &waiter.goals {
                // It may be tried again while another is waited for.
                if let Some(Err(refusal)) = self.reached(goal) {
                    waiter.failed.entry(goal.worker.clone()).or_insert(refusal);
                }
            }
            match self.answer(&waiter, now) {
                Some(answer) => self.out.push(Effect::Answer(waiter.id, answer)),
                None => self.waiters.push(waiter),
            }
        }
    }

    fn answer(&self, waiter: &Waiter, now: Now) -> Option<Answer> {
        let open: Vec<_> = waiter
            .goals
            .iter()
            .filter(|goal| !waiter.failed.contains_key(&goal.worker))
            .collect();
        let reached: Vec<_> = open.iter().map(|goal| self.reached(goal)).collect();
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
                _ if !waiter.failed.is_empty() => {
                    return Some(Err(with_the_others(waiter.failed.values(), texts)));
                }
                _ if unrecorded.is_empty() => return Some(Ok(texts.join("\n").into())),
                Some(why) => return Some(Err(not_recorded(&texts, why, &unrecorded))),
                // The store is being asked.
                None => {}
            }
        }
        (now.mono >= waiter.until).then(|| {
            let open: Vec<_> = open
                .into_iter()
                .filter_map(|goal| self.workers.get(&goal.worker))
                .map(|worker| match self.stray_of(worker.name()) {
                    Some(of) => {
                        format!("an older attempt of {} may live, {}", of.worker, of.attempt)
                    }
                    None => format!("{} is {}", worker.name(), worker.life.state()),
                })
                .collect();
            let message = format!("not done after {}: {}", in_words(PATIENCE), open.join(", "));
            let late = failed(
                &message,
                Some("it goes on; `supervisorctl status` shows how far it is"),
            );
            Err(with_the_others(
                waiter.failed.values().chain([&late]),
                Vec::new(),
            ))
        })
    }

    fn reached(&self, goal: &Goal) -> Option<Result<String, Refusal>> {
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
                    let what = not.as_ref().map_or("running", |_| "restarted");
                    let pid = attempt.identity.as_ref();
                    let pid = pid.map_or(String::new(), |is| format!(", pid {}", is.pid));
                    Some(Ok(format!("{name} {what}{pid}")))
                }
                Life::Held(why) => {
                    Some(Err(failed(&format!("worker {name} is held: {why}"), None)))
                }
                Life::BackingOff { why, .. } if worker.short.is_some() => {
                    Some(Err(failed(&format!("{name} waits: {why}"), None)))
                }
                Life::BackingOff { why, .. } => Some(Err(failed(
                    &format!("worker {name} did not stay up: {why}"),
                    Some(&format!(
                        "it is tried again; `supervisorctl logs {name}` shows its output"
                    )),
                ))),
                // It is started as soon as the plan has gone on.
                Life::Stopped(Stopped::PhaseOver) => None,
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
                Life::Waiting(_) => {
                    let down = self.down(worker).next()?;
                    Some(Err(needs(worker, down, "", &[])))
                }
                Life::Starting { .. }
                | Life::Running { .. }
                | Life::Stopping { .. }
                | Life::Lost { .. } => None,
            },
        }
    }

    /// Those that a worker needs and nobody will start, with what has become of them.
    pub(super) fn down<'a>(
        &'a self,
        worker: &'a Worker,
    ) -> impl Iterator<Item = (&'a WorkerName, StateName)> {
        worker.rules.requires.iter().filter_map(|name| {
            let other = self.workers.get(name)?;
            matches!(other.life, Life::Held(_) | Life::Stopped(_))
                .then(|| (name, other.life.state()))
        })
    }
}

/// The refusal of whoever wants a worker that needs one that is down; `along` are to start with it.
pub(super) fn needs(
    worker: &Worker,
    (down, state): (&WorkerName, StateName),
    besides: &str,
    along: &[WorkerName],
) -> Refusal {
    let all = [std::slice::from_ref(down), along].concat();
    let all: Vec<_> = all.iter().map(WorkerName::as_str).collect();
    failed(
        &format!(
            "worker {} needs {down}, which is {state}{besides}",
            worker.name()
        ),
        Some(&format!("`supervisorctl start {}`", all.join(" "))),
    )
}

/// What did not come true, and after it what did.
fn with_the_others<'a>(refusals: impl Iterator<Item = &'a Refusal>, done: Vec<String>) -> Refusal {
    let (messages, hints): (Vec<_>, Vec<_>) = refusals
        .map(|refusal| (refusal.message.clone(), refusal.hint.clone()))
        .unzip();
    let messages: Vec<_> = messages.into_iter().chain(done).collect();
    let hints: Vec<_> = hints.into_iter().flatten().collect();
    let hint = (!hints.is_empty()).then(|| hints.join("; "));
    failed(&messages.join("; "), hint.as_deref())
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
