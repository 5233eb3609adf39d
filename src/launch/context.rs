//! What every attempt of a host needs: its settings, its eyes, and the way to tell what happens.

use std::{os::fd::OwnedFd, path::PathBuf, sync::Arc};

use tokio::sync::{mpsc, watch};

use super::{
    House, News, Settings,
    ailment::Ailment,
    cgroup::Cgroup,
    command::Runner,
    directory::{Afar, Directory, Output, Start},
    not_started::NotStarted,
    remote::{Far, Hosts},
    secrets,
    tree::{Looker, Part, Tree},
    unit,
};
use crate::{
    causes::in_one_line,
    config::{Environment, Program, Worker},
    host::{inotify::Inotify, look::Looks, reaper::Reaper},
    model::{AttemptRef, BootId, Condition, Exit, HostEvent, Signal},
};

/// What every attempt of this host needs.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) settings: Settings,
    /// The machine, where what workers need is looked for.
    pub(crate) environment: Environment,
    pub(crate) boot: BootId,
    pub(crate) runner: Runner,
    pub(crate) looker: Looker,
    /// Looks at what may not answer.
    pub(crate) looks: Looks,
    /// News of files in attempts' directories, at once.
    pub(crate) arrivals: Inotify,
    /// News of growing outputs, now and then.
    pub(crate) appends: Inotify,
    pub(crate) open_files: Option<(u64, u64)>,
    /// Where output goes, once that is known.
    pub(crate) output: watch::Receiver<Option<Output>>,
    pub(crate) news: mpsc::UnboundedSender<News>,
    /// Whose turn it is to look whether somebody killed an attempt by hand.
    pub(crate) looks_for_hand: Arc<tokio::sync::Mutex<()>>,
    /// The other hosts.
    pub(crate) hosts: Hosts,
}

impl Context {
    pub(super) fn reaper(&self) -> &Reaper {
        &self.looker.reaper
    }

    /// Where output goes. Who begins before that is known waits: what it writes is to be found in one
    /// place.
    pub(super) async fn output(&self) -> Output {
        let mut output = self.output.clone();
        let known = output.wait_for(Option::is_some).await;
        known.ok().and_then(|known| *known).unwrap_or_default()
    }

    pub(super) fn tell(&self, event: HostEvent) {
        self.send(News::Event(event));
    }

    fn send(&self, news: News) {
        // The daemon that does not listen any more is ending.
        drop(self.news.send(news));
    }

    /// `about` is the same for the same thing, whatever the text says.
    pub(crate) fn problem(&self, about: String, text: String) {
        self.send(News::Problem { about, text });
    }

    /// Something of an attempt that lives does not work.
    pub(super) fn ails(&self, attempt: &AttemptRef, ailment: Ailment, text: &str) {
        let worker = &attempt.worker;
        self.problem(ailment.about(worker), format!("{worker}: {text}"));
    }

    /// Something of an attempt that lives works again.
    pub(super) fn is_well(&self, attempt: &AttemptRef, ailment: Ailment) {
        self.send(News::Well(ailment.about(&attempt.worker)));
    }

    /// Nothing of the attempt lives any more, so nothing ails it either.
    pub(super) fn gone(&self, attempt: AttemptRef) {
        self.take_back(&attempt);
        for ailment in Ailment::ALL {
            self.is_well(&attempt, ailment);
        }
        self.tell(HostEvent::Gone(attempt));
    }

    /// Our own executable, for what runs it as this worker.
    pub(super) fn executable(
        &self,
        worker: &Worker,
        directory: &Directory,
    ) -> Result<PathBuf, NotStarted> {
        let executable = &self.settings.executable;
        let apart =
            matches!(worker.program, Program::BuiltinProxy(_)) || !worker.systemd.is_empty();
        // Another user, or who is confined, cannot look at ours.
        match matches!(self.settings.house, House::Unit { .. }) && apart {
            true => executable
                .to_run_apart(&directory.program())
                .map_err(|error| {
                    NotStarted::because(&directory.program().display().to_string(), &error)
                }),
            false => Ok(executable.to_run()),
        }
    }

    /// What it was lent is nobody's any more.
    pub(super) fn take_back(&self, attempt: &AttemptRef) {
        let done = secrets::take_back(&self.settings, attempt);
        self.outcome(format!("copies of secrets of {}", attempt.worker), done);
    }

    /// Tells that it worked, or else the problem.
    pub(crate) fn outcome(&self, about: String, done: Result<(), String>) {
        match done {
            Ok(()) => self.send(News::Well(about)),
            Err(text) => self.problem(about, text),
        }
    }

    /// Records the end of an attempt, unless that is done.
    pub(crate) fn record_exit(&self, directory: &Directory, exit: &Exit) {
        let path = directory.path().display();
        let done = match directory.ended() {
            Some(_) => Ok(()),
            None => directory.record_exit(exit),
        };
        self.outcome(
            exit_record(directory),
            done.map_err(|error| format!("{path}: exit.json: {error}")),
        );
    }

    /// Records that an attempt runs.
    pub(crate) fn record_start(&self, directory: &Directory, start: &Start) {
        let path = directory.path().display();
        let done = directory.record_start(start);
        self.outcome(
            start_record(directory),
            done.map_err(|error| format!("{path}: start.json: {error}")),
        );
    }

    /// The attempt is history: nobody asks for records of it any more, so that one that could not be
    /// made is missed no longer.
    pub(super) fn records_are_history(&self, directory: &Directory) {
        for about in [start_record(directory), exit_record(directory)] {
            self.send(News::Well(about));
        }
    }

    pub(crate) fn directory(&self, attempt: &AttemptRef) -> Directory {
        Directory::of(&self.settings.state, attempt)
    }

    /// The other host on which an attempt is, where that is declared as it was.
    pub(super) fn far_of(&self, attempt: &AttemptRef) -> Option<Far> {
        let spec = self.directory(attempt).spec();
        spec?.far.and_then(|afar| self.hosts.declared(&afar).ok())
    }

    /// How an attempt on another host is; how it ended is recorded here as well.
    pub(super) fn condition_afar(&self, afar: &Afar, attempt: &AttemptRef) -> Condition {
        let is = self.hosts.condition(afar, attempt);
        if let Condition::Ended { exit, .. } = &is {
            self.record_exit(&self.directory(attempt), exit);
        }
        is
    }

    /// Recognises an attempt by what does not depend on its start having been recorded.
    pub(crate) fn tree(&self, attempt: &AttemptRef) -> Tree {
        let directory = self.directory(attempt);
        Tree {
            marker: (super::ATTEMPT_DIR, directory.path().as_os_str().to_owned()),
            root: None,
            session: None,
            cgroup: None,
            pane: None,
            carrier: match &self.settings.house {
                House::Unit { units, .. } => Some((units.clone(), attempt.worker.clone())),
                House::Delegated(_) | House::None => None,
            },
            ours: false,
        }
    }

    /// The attempt's own cgroup, if it gets one, and the way into it.
    pub(super) fn house(
        &self,
        attempt: &AttemptRef,
    ) -> Result<(Option<Cgroup>, Option<OwnedFd>), NotStarted> {
        let made = self.settings.house.make(attempt);
        made.map(Option::unzip)
            .map_err(|error| NotStarted::because("cgroup", &error))
    }

    /// Kills what came to be of a start that failed; returns why it failed, and what is left.
    pub(super) async fn clean_up(
        &self,
        attempt: &AttemptRef,
        cgroup: Option<Cgroup>,
        why: String,
    ) -> String {
        let tree = Tree {
            cgroup,
            ..self.tree(attempt)
        };
        let killed = self.looker.signal(&tree, Part::All, Signal::KILL).await;
        self.vacate(attempt, &tree).await;
        match killed {
            Ok(()) => why,
            Err(error) => format!(
                "{why}; and something of it may live: {}",
                in_one_line(&error)
            ),
        }
    }

    /// After the last process: leaves nothing of its cgroup in the next attempt's way.
    pub(super) async fn vacate(&self, attempt: &AttemptRef, tree: &Tree) {
        if let Some(cgroup) = &tree.cgroup {
            cgroup.remove();
        }
        if let House::Unit { units, .. } = &self.settings.house
            && let Err(error) = unit::gone(units, &attempt.worker).await
        {
            self.problem(
                format!("unit of {}", attempt.worker),
                format!("{}: {error}", attempt.worker),
            );
        }
    }
}

fn start_record(directory: &Directory) -> String {
    format!("start record of {}", directory.worker())
}

fn exit_record(directory: &Directory) -> String {
    format!("exit record of {}", directory.worker())
}
