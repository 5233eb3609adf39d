//! Effects, performed. No rule lives here: what an effect means is decided before it comes.

use std::{collections::BTreeMap, path::Path};

use super::{Daemon, Input, journal, notification, probe};
use crate::{
    agent::{profile::Profile, signs::Sights},
    causes::in_one_line,
    config::{Condition, On, Probe, Worker},
    control::protocol::{self, DiffView, Reply},
    decide::{self, Asker, Effect, Event, Level, Notice, RequestId, Told},
    fault, handoff, inbox,
    launch::{
        directory::Directory,
        typing::{Left, Text},
    },
    model::{self, AttemptRef, Found, HostEvent},
    store::{Problem, StoreError, phase_file},
};

/// The event, and the kind of problem, of a store that takes no writes.
pub(super) const DEGRADED: &str = "degraded";

impl Daemon {
    /// Performs what a new rig asks for before any event.
    pub(super) async fn begin(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.perform(effect).await;
        }
        self.turn(Event::Wake).await;
    }

    pub(super) async fn perform(&mut self, effect: Effect) {
        fault::point(|| {
            let effect = format!("{effect:?}");
            let name = effect.split(|c: char| !c.is_alphanumeric()).next();
            format!("before {}", name.unwrap_or_default())
        });
        match effect {
            Effect::Record(facts) => {
                let result = self.store.record(&facts);
                let result = self.stored(result);
                if result.is_ok() {
                    self.troubles.over(DEGRADED);
                }
                // First in the queue: what waits for the record comes before anything else.
                self.follow.push_front(Event::Recorded(result));
            }
            Effect::Survey => {
                let found = self
                    .host
                    .survey()
                    .await
                    .map_err(|error| in_one_line(&error));
                self.follow.push_back(Event::Surveyed(found));
            }
            Effect::Inquire(attempt) => {
                let found = self.inquire(attempt).await;
                self.follow.push_back(Event::Found(found));
            }
            Effect::Start {
                attempt,
                mut worker,
                arguments,
                phase,
            } => {
                self.look_at_executable();
                if let Err(why) = self.keep_directory() {
                    // No fault of the worker's.
                    let refused = HostEvent::Shortage(attempt, why);
                    return self.follow.push_back(Event::Host(refused));
                }
                let environment = environment(&worker, phase.as_ref(), &self.paths.state);
                worker.program.add(arguments);
                self.host.start(attempt, &worker, environment);
            }
            Effect::MakeWorktree(id, worker, was_on) => self.make_worktree(id, &worker, was_on),
            Effect::Adopt(attempt, identity) => self.host.adopt(&attempt, &identity),
            Effect::Signal(attempt, signal) => self.host.signal(&attempt, signal),
            Effect::Conclude(attempt) => self.host.conclude(&attempt),
            Effect::Probe(attempt, looked) => self.probe(attempt, looked),
            Effect::Watch(attempt, sights) => self.look_at_terminal(attempt, sights),
            Effect::Type {
                nudge,
                attempt,
                agent,
                text,
                item,
                permission,
            } => {
                let text = Text {
                    profile: Profile::clone(&agent),
                    text,
                    permission,
                };
                self.type_text(nudge, attempt, text, item);
            }
            Effect::Submit {
                nudge,
                attempt,
                agent,
                digest,
                undisturbed,
            } => {
                let left = Left {
                    profile: Profile::clone(&agent),
                    digest,
                    undisturbed,
                };
                self.submit_left(nudge, attempt, left);
            }
            Effect::Settle {
                worker,
                item,
                how,
                begun,
            } => self.inboxes.settle(worker, item, how, begun),
            Effect::WriteHandoff(gate) => self.write_handoff(&gate),
            Effect::DropHandoff(gate) => self.drop_handoff(gate),
            Effect::ReadHandoff(gate) => self.read_handoff(gate),
            Effect::TellHandoff {
                gate,
                worker,
                item,
                text,
            } => self.inboxes.send(gate, worker, item, text),
            Effect::RevokeHandoff { gate, worker, but } => self.inboxes.revoke(gate, worker, but),
            Effect::AnswerAsk { by, id, answer } => self.handoffs.answer(by, id, answer),
            Effect::CompareSecrets(attempt, files) => {
                let worker = self.config.workers.get(&attempt.worker).cloned();
                let seen = self.host.secrets_of(&attempt, files, worker);
                self.beside(async move {
                    let seen = seen.await;
                    Input::Secrets { attempt, seen }
                });
            }
            Effect::Reload(attempt, identity, signal) => {
                self.host.reload(&attempt, &identity, signal);
            }
            Effect::CheckPhase(id, condition) => self.check_phase(id, condition),
            Effect::LookAtCheckout(of, path, was_on) => self.look_at_checkout(of, path, was_on),
            Effect::Tell(notice) => self.tell(&notice),
            Effect::Notify(notice) => self.notify(&notice),
            Effect::Answer(id, answer) => self.answer(id, answer),
            Effect::Ready => {
                self.manager.ready();
                journal::tell(&own_notice("up", Level::Info, "the rig is up".into()));
            }
            Effect::Exit => self.leave = true,
        }
    }

    /// Sees to it that the state directory is there and ours; the error says why it is not.
    pub(super) fn keep_directory(&mut self) -> Result<(), String> {
        let kept = self.store.keep();
        self.stored(kept)
    }

    /// Reports what the store found, and that its directory is somebody else's.
    pub(super) fn stored(&mut self, result: Result<(), StoreError>) -> Result<(), String> {
        for problem in self.store.problems() {
            self.report(&problem);
        }
        result.map_err(|error| {
            let why = in_one_line(&error);
            if matches!(error, StoreError::InUse { .. } | StoreError::Another { .. }) {
                self.report(&Problem::Degraded(error));
            }
            why
        })
    }

    /// What the host has of one attempt; one that it does not list was never started.
    async fn inquire(&mut self, attempt: AttemptRef) -> Found {
        if let Some(found) = self.host.elsewhere(&attempt) {
            return found;
        }
        match self.host.survey().await {
            Ok(found) => found
                .into_iter()
                .find(|found| found.attempt == attempt)
                .unwrap_or(Found {
                    attempt,
                    on: None,
                    stop: None,
                    is: model::Condition::NeverStarted,
                }),
            Err(error) => Found {
                attempt,
                on: None,
                stop: None,
                is: model::Condition::Unknown(in_one_line(&error)),
            },
        }
    }

    fn probe(&self, attempt: AttemptRef, looked: Probe) {
        let results = self.results.clone();
        let place = Directory::of(&self.paths.state, &attempt);
        let runner = self.host.runner();
        let worker = self.config.workers.get(&attempt.worker).cloned();
        let looked = match looked {
            Probe::Command(command) => Probe::Command(command.looked_up(&self.environment)),
            other => other,
        };
        tokio::task::spawn_local(async move {
            let result = probe::look(&looked, &attempt, &place, worker.as_ref(), &runner).await;
            // The receiver goes only with the daemon.
            drop(results.send(Event::Probed(attempt, result)));
        });
    }

    fn look_at_terminal(&self, attempt: AttemptRef, sights: Sights) {
        let results = self.results.clone();
        let signs = self.host.signs(attempt.clone(), sights);
        tokio::task::spawn_local(async move {
            let signs = signs.await.map(Box::new);
            // The receiver goes only with the daemon.
            drop(results.send(Event::Watched(attempt, signs)));
        });
    }

    fn check_phase(&self, id: model::PhaseId, mut condition: Condition) {
        if let Condition::Command { command, .. } = &mut condition {
            *command = command.looked_up(&self.environment);
        }
        let results = self.results.clone();
        let runner = self.host.runner();
        let directory = self
            .paths
            .config
            .parent()
            .unwrap_or(Path::new("/"))
            .to_owned();
        tokio::task::spawn_local(async move {
            let result = probe::phase_is_over(&condition, &directory, &id, &runner).await;
            drop(results.send(Event::PhaseChecked(id, result)));
        });
    }

    fn tell(&mut self, notice: &Notice) {
        journal::tell(notice);
        if matches!(notice.event.as_str(), "phase" | "plan-complete") {
            self.troubles.over(phase_file::NAME);
        }
        self.followers
            .retain(|follower| follower.event(notice).is_ok());
    }

    /// Runs the operator's notification command.
    fn notify(&self, notice: &Notice) {
        let Some(notify) = &self.config.notify else {
            return;
        };
        let directory = self.paths.config.parent().unwrap_or(Path::new("/"));
        let (rig, environment) = (&self.config.rig, &self.environment);
        match notification::request(notify, rig, directory, environment, notice) {
            Ok(request) => {
                let said = notification::run(self.host.runner(), request, notice.text.clone());
                tokio::task::spawn_local(said);
            }
            Err(why) => tracing::warn!("notification cannot be written: {why}"),
        }
    }

    fn answer(&mut self, id: RequestId, answer: decide::Answer) {
        let Some(asked) = self.asked.remove(&id) else {
            return;
        };
        if let (Some(_), Some(_), Err(refusal)) = (&asked.answer, &asked.reload, &answer) {
            self.show_not_reloaded(&refusal.message);
        }
        let reply = answer
            .map_err(protocol::Refusal::from)
            .map(|text| match asked.reload {
                Some((config, diff)) => {
                    self.adopt_config(config);
                    Reply::Diff(DiffView {
                        applied: true,
                        ..diff
                    })
                }
                None => Reply::from(text),
            });
        match (asked.answer, reply) {
            (Some(client), Ok(reply)) => client.ok(reply),
            (Some(client), Err(refusal)) => client.error(refusal),
            (None, Ok(_)) => {}
            (None, Err(refusal)) => self.refuse_reload(&refusal.message),
        }
    }

    /// Reports what the store found, in its own words: in the journal, in the history, and, where a
    /// person has to look, in `status`. What is found again and again is told once.
    pub(super) fn report(&mut self, problem: &Problem) {
        let event = event_of(problem);
        let text = in_one_line(problem);
        let level = problem.level();
        let now = super::now();
        let about = problem.kind().to_owned();
        let lasting = matches!(event, "store-damaged" | DEGRADED);
        if lasting && !self.troubles.add(now, about, text.clone()) {
            return;
        }
        self.announce(event, level, text);
    }

    /// Has the core tell and keep it.
    pub(super) fn announce(&mut self, event: &str, level: Level, text: String) {
        let notice = own_notice(event, level, text);
        self.follow.push_back(Event::Notice(notice));
    }
}

/// What happened to the daemon itself.
pub(super) fn own_notice(event: &str, level: Level, text: String) -> Notice {
    Notice {
        at: super::now().wall,
        event: event.to_owned(),
        level,
        worker: None,
        attempt: None,
        phase: None,
        text,
    }
}

/// What a worker is told beyond its own environment.
fn environment(worker: &Worker, phase: Option<&Told>, state: &Path) -> BTreeMap<String, String> {
    let mut environment = worker.environment.clone();
    if worker.agent.is_some() {
        // What is written on another host nobody reads here.
        if worker.on == On::Local {
            let inbox = inbox::path(state, &worker.name).display().to_string();
            environment.insert("LOOPKEEPER_INBOX".into(), inbox);
            let asks = handoff::path(state, &Asker::Worker(worker.name.clone()));
            environment.insert("LOOPKEEPER_HANDOFF".into(), asks.display().to_string());
        }
        if let Some(worktree) = &worker.worktree {
            let worktree = worktree.display().to_string();
            environment.insert("LOOPKEEPER_WORKTREE".into(), worktree);
        }
    }
    if let Some(told) = phase {
        environment.insert("LOOPKEEPER_PHASE".into(), told.id.to_string());
        environment.insert("LOOPKEEPER_PHASE_INDEX".into(), told.index.to_string());
        environment.insert("RESUME_PHASE".into(), "1".into());
        // Empty where the phase has none: a script with `set -u` ends at a variable that is not there.
        let brief = told.brief.as_ref().map(|brief| brief.display().to_string());
        environment.insert("LOOPKEEPER_BRIEF".into(), brief.unwrap_or_default());
    }
    environment
}

/// The word in the journal for what the store found.
fn event_of(problem: &Problem) -> &'static str {
    match problem {
        Problem::PhaseFileDamaged { .. }
        | Problem::PhaseFileMissing(_)
        | Problem::ResumePointLost(_) => "phase-file-damaged",
        Problem::PhaseFileEdited { .. } => "phase-file-edited",
        Problem::Degraded(_) => DEGRADED,
        Problem::DatabaseDamaged { .. }
        | Problem::DatabaseMissing { .. }
        | Problem::DirectoryLost { .. }
        | Problem::DatabaseLost { .. }
        | Problem::RebootsFileDamaged { .. }
        | Problem::BootsLost { .. } => "store-damaged",
    }
}

/// A seed for jitter and attempt ids, different in each daemon.
pub(super) fn seed() -> u64 {
    fastrand::u64(..)
}
