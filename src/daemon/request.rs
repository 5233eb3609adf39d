//! Requests on the control socket: a command for the core, or an answer from what is known.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use super::{Asked, Daemon, Input, files::SETTLES, journal, status};
use crate::{
    causes::in_one_line,
    config::Lack,
    control::{
        protocol::{
            FarView, PlanView, RebootView, Refusal, RefusalKind, Reply, Request, StatusView,
            WhereView,
        },
        server::{Answer, Call},
    },
    decide::{Command, Event, Level, PhaseRef, RequestId},
    launch,
    model::{AttemptId, AttemptRef, PhaseId, WorkerName},
    store::phase_file,
    systemd::service,
};

impl Daemon {
    pub(super) async fn call(&mut self, call: Call) {
        if let Some(refusal) = about_the_watchdog(&call.request) {
            return call.answer.error(refusal);
        }
        let Call {
            request, answer, ..
        } = call;
        let command = match request {
            Request::Start { workers } => Command::Start(workers),
            Request::Stop { workers } => Command::Stop(workers),
            Request::Restart { workers } => return self.look_before_restart(workers, answer),
            Request::Pause {} => Command::Pause,
            Request::Resume { phase } => Command::Resume(phase.map(|id| self.phase_ref(id))),
            Request::PhaseSet { phase } => Command::PhaseSet(self.phase_ref(phase)),
            Request::PhaseDone {} => Command::PhaseDone,
            Request::Forget { worker } => Command::Forget(worker),
            Request::HandOver { cutover } => Command::HandOver(cutover),
            Request::TakeBack {} => Command::TakeBack,
            Request::Reload { dry_run } => return self.reload(answer, dry_run),
            Request::Status {} => {
                return self.ask_what_was_written(answer);
            }
            Request::PhaseShow {} => {
                let view = self.rig.view(super::now(), |_, _| None);
                return answer.ok(Reply::Plan(PlanView::from(&view)));
            }
            Request::Reboots {} => return self.reboots(answer),
            Request::History { last, worker } => {
                return match self.store.history().notices(last, worker.as_ref()) {
                    // Of a worker that is not declared any more there may be a history.
                    Ok(notices) => {
                        match worker.filter(|name| notices.is_empty() && !self.has(name)) {
                            Some(unknown) => answer.error(self.rig.unknown_worker(&unknown).into()),
                            None => answer.ok(Reply::History(notices)),
                        }
                    }
                    Err(error) => answer.error(failed(in_one_line(&error))),
                };
            }
            Request::Events { last, follow } => return self.events(answer, last, follow),
            Request::Where { worker } => return self.place(answer, worker),
            Request::Nudge {
                worker,
                text,
                when,
                within,
            } => return self.nudge(answer, worker, text, when, within).await,
            Request::Hosts {} => return answer.ok(Reply::Hosts(self.hosts())),
            Request::HostCheck { hosts } => return self.host_check(answer, hosts),
            Request::HostStatus { hosts } => return self.host_status(answer, hosts),
        };
        self.command(answer, command).await;
    }

    async fn command(&mut self, answer: Answer, command: Command) {
        let reload = None;
        let answer = Some(answer);
        self.ask_core(Asked { answer, reload }, command).await;
    }

    /// What they lack is looked at beside the loop.
    fn look_before_restart(&self, workers: Vec<WorkerName>, answer: Answer) {
        let declared = workers
            .iter()
            .filter_map(|name| self.config.workers.get(name));
        let declared = declared.cloned().collect();
        let eyes = self.host.eyes();
        self.beside(async move {
            let lacking = eyes.lacking(declared).await;
            Input::Restart {
                workers,
                lacking,
                answer,
            }
        });
    }

    /// Restarts workers, unless that would only end who lives.
    pub(super) async fn restart(
        &mut self,
        workers: Vec<WorkerName>,
        lacking: Vec<(WorkerName, Lack)>,
        answer: Answer,
    ) {
        let lacking = lacking.iter().map(|(name, lack)| (name, lack.clone()));
        match self.rig.refused_restart(lacking) {
            Some(refusal) => answer.error(refusal.into()),
            None => self.command(answer, Command::Restart(workers)).await,
        }
    }

    pub(super) async fn ask_core(&mut self, asked: Asked, command: Command) -> RequestId {
        let id = self.request_id();
        self.asked.insert(id, asked);
        self.turn(Event::Command(id, command)).await;
        id
    }

    /// `2` may be an id or a number; an id wins, for people think in ids. They count from 1, as
    /// what they are shown does.
    fn phase_ref(&self, text: PhaseId) -> PhaseRef {
        let is_id = self.config.plan.phases.iter().any(|phase| phase.id == text);
        let number = text.as_str().parse::<usize>().ok();
        match number.and_then(|number| number.checked_sub(1)) {
            Some(index) if !is_id => PhaseRef::Index(index),
            _ => PhaseRef::Id(text),
        }
    }

    /// Before the rig is shown: the journal is asked beside the loop, and at no other time.
    fn ask_what_was_written(&self, answer: Answer) {
        let view = self.rig.view(super::now(), |_, _| None);
        let attempts = view.workers.iter().filter_map(|row| {
            Some(AttemptRef {
                worker: row.name.clone(),
                attempt: row.attempt?.clone(),
            })
        });
        let wrote = self.host.wrote(attempts.collect());
        self.beside(async move {
            let wrote = wrote.await;
            Input::Show { answer, wrote }
        });
    }

    /// The rig as it is shown, to somebody who asked for it.
    pub(super) fn show(&mut self, answer: Answer, wrote: &BTreeMap<AttemptRef, SystemTime>) {
        self.look_at_executable();
        answer.ok(Reply::Status(Box::new(self.status(wrote))));
    }

    fn status(&self, wrote: &BTreeMap<AttemptRef, SystemTime>) -> StatusView {
        let now = super::now();
        let quiet = |worker: &WorkerName, attempt: &AttemptId| {
            let of = AttemptRef {
                worker: worker.clone(),
                attempt: attempt.clone(),
            };
            wrote.get(&of)?.elapsed().ok()
        };
        let mut troubles = self.troubles.lines(now.mono);
        troubles.extend(self.executable_lost.clone());
        let status = status::status(
            &self.rig.view(now, quiet),
            &self.own,
            self.host.carries(),
            &troubles,
            now,
        );
        StatusView {
            config: self.paths.config.to_str().map(str::to_owned),
            state_dir: self.paths.state.to_str().map(str::to_owned),
            ..status::with_the_frozen(status, |of| self.host.thawed_by(of))
        }
    }

    fn reboots(&self, answer: Answer) {
        match self.store.history().boots(usize::MAX) {
            Ok(boots) => {
                let records = boots.iter().filter_map(|boot| boot.record.as_ref());
                answer.ok(Reply::Reboots(records.filter_map(RebootView::of).collect()));
            }
            Err(error) => answer.error(failed(in_one_line(&error))),
        }
    }

    fn events(&mut self, answer: Answer, last: usize, follow: bool) {
        let notices = match self.store.history().notices(last, None) {
            Ok(notices) => notices,
            Err(error) => return answer.error(failed(in_one_line(&error))),
        };
        match (answer.backlog(notices), follow) {
            (Ok(()), true) => self.followers.push(answer),
            (Ok(()), false) => answer.ok(Reply::End {}),
            (Err(_gone), _) => {}
        }
    }

    /// It is a row of the status.
    fn has(&self, worker: &WorkerName) -> bool {
        self.config.workers.contains_key(worker) || *worker == WorkerName::watchdog()
    }

    fn place(&self, answer: Answer, worker: WorkerName) {
        let Some(declared) = self.config.workers.get(&worker) else {
            return answer.error(self.rig.unknown_worker(&worker).into());
        };
        let mut found = WhereView {
            state: self.paths.state.clone(),
            launcher: Some(declared.launcher),
            tmux: None,
            tmux_lost: None,
            on: declared.on.host().cloned(),
            far: None,
            worker,
        };
        let view = self.rig.view(super::now(), |_, _| None);
        let row = view.workers.iter().find(|row| *row.name == found.worker);
        let Some(attempt) = row.and_then(|row| row.attempt) else {
            return answer.ok(Reply::Where(found));
        };
        let of = AttemptRef {
            worker: found.worker.clone(),
            attempt: attempt.clone(),
        };
        if let Some((on, way)) = self.host.way_there(&of) {
            found.on = Some(on);
            match way {
                Ok(far) => found.far = far.map(far_view),
                Err(why) => found.tmux_lost = Some(why),
            }
            return answer.ok(Reply::Where(found));
        }
        let way_in = self.host.way_in(of);
        tokio::task::spawn_local(async move {
            match way_in.await {
                Ok(tmux) => found.tmux = tmux,
                Err(why) => found.tmux_lost = Some(why),
            }
            answer.ok(Reply::Where(found));
        });
    }

    /// Somebody else than us wrote `phase-idx`, or it is gone.
    pub(super) async fn phase_file_changed(&mut self, settled: bool) {
        let plan: Vec<_> = self
            .config
            .plan
            .phases
            .iter()
            .map(|phase| phase.id.clone())
            .collect();
        if plan.is_empty() {
            return;
        }
        let damage = match phase_file::read(&self.paths.state) {
            Ok(Some(bytes)) if self.store.is_own_phase_file(&bytes) => return,
            Ok(Some(bytes)) => match phase_file::parse(&bytes, &plan) {
                Ok(point) => {
                    self.troubles.over(phase_file::NAME);
                    return self
                        .turn(Event::PhaseFile(PhaseRef::Index(point.index)))
                        .await;
                }
                Err(error) => in_one_line(&error),
            },
            Ok(None) => String::new(),
            Err(error) => in_one_line(&error),
        };
        if !settled {
            return self.later(SETTLES, Input::PhaseFile { settled: true });
        }
        let happened = match damage.as_str() {
            "" => "phase-idx was deleted".to_owned(),
            damage => format!("what phase-idx says cannot be used ({damage})"),
        };
        let (restored, kept) = match self.store.restore_phase_file() {
            Ok(aside) => ("it was written anew".to_owned(), aside),
            Err(error) => (
                format!("it cannot be written anew: {}", in_one_line(&error)),
                None,
            ),
        };
        let kept = kept.map_or(String::new(), |aside| {
            format!("; what it said is kept in {}", aside.display())
        });
        let view = self.rig.view(super::now(), |_, _| None);
        let words = view
            .phase
            .map_or(String::new(), |phase| format!(" at {}", phase.words));
        let text = format!("{happened}: the plan stays{words}, and {restored}{kept}");
        if !damage.is_empty() {
            let next = "edit it again, or: `supervisorctl phase set ID`";
            let text = format!("{text}; {next}");
            self.troubles
                .add(super::now(), phase_file::NAME.to_owned(), text);
        }
        self.announce("phase-file-damaged", Level::Error, text);
        self.turn(Event::Wake).await;
    }

    pub(super) fn later(&self, after: Duration, input: Input) {
        self.beside(async move {
            tokio::time::sleep(after).await;
            input
        });
    }

    /// What comes of it comes in.
    pub(super) fn beside(&self, input: impl Future<Output = Input> + 'static) {
        let inputs = self.later.clone();
        tokio::task::spawn_local(async move {
            if inputs.send(input.await).is_err() {
                tracing::debug!("the daemon is ending");
            }
        });
    }
}

/// It has a row in `status`, but it is no worker of its own.
fn about_the_watchdog(request: &Request) -> Option<Refusal> {
    let is_it = |worker: &WorkerName| *worker == WorkerName::watchdog();
    let pid = std::process::id().cast_signed();
    let (message, hint) = match request {
        Request::Start { workers } | Request::Stop { workers } | Request::Restart { workers }
            if workers.iter().any(is_it) =>
        {
            let ends = service::how_to_end(pid);
            let hint = format!("`{ends}` ends the daemon; the workers go on");
            ("begins and ends with it", hint)
        }
        Request::Where { worker } | Request::Nudge { worker, .. } if is_it(worker) => {
            let to = std::fs::read_link("/proc/self/fd/2").unwrap_or_default();
            let hint = match journal::is_there() {
                true => "the daemon writes into the journal: journalctl -u loopkeeper".to_owned(),
                false => format!("the daemon writes to its standard error: {}", to.display()),
            };
            ("has no terminal and no log of its own", hint)
        }
        _ => return None,
    };
    let message = format!("watchdog is part of the daemon, pid {pid}, and {message}");
    Some(Refusal::new(RefusalKind::Failed, message).hint(hint))
}

fn failed(message: String) -> Refusal {
    Refusal::new(RefusalKind::Failed, message)
}

fn far_view(session: launch::Session) -> FarView {
    let launch::Session {
        connection,
        socket,
        session,
        search,
    } = session;
    FarView {
        connection,
        socket,
        session,
        search,
    }
}
