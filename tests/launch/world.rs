//! A host with its files, for one test.

use std::{
    collections::{BTreeMap, VecDeque},
    fs::OpenOptions,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use loopkeeper::{
    config::{
        self, Backoff, Budget, Daily, Keeps, Limit, OnPhase, Program, Restart, Say, Secrets,
        Unstick, Watch, Worker,
    },
    host::Executable,
    launch::{
        House, Local, News, Settings,
        directory::Directory,
        output::{
            Tail,
            recording::{Playback, Told},
        },
    },
    model::{
        AttemptId, AttemptRef, Condition, Exit, HostEvent, Identity, Kind, LauncherKind, Signal,
        Stop,
    },
};
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;

/// Generous: it only passes when something is broken.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Where a world has its files.
pub(crate) enum Place {
    Own(TempDir),
    Other(PathBuf),
}

/// A host, and what it said that no test asked for yet.
pub(crate) struct World {
    settings: Settings,
    place: Place,
    pub(crate) local: Local,
    news: UnboundedReceiver<News>,
    heard: VecDeque<HostEvent>,
    troubles: Vec<String>,
    count: u32,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::in_directory(Place::Own(tempfile::tempdir().unwrap()), House::None)
    }

    pub(crate) fn of(directory: TempDir) -> Self {
        Self::in_directory(Place::Own(directory), House::None)
    }

    pub(crate) fn in_directory(place: Place, house: House) -> Self {
        let directory = match &place {
            Place::Own(directory) => directory.path(),
            Place::Other(directory) => directory,
        };
        let settings = Settings {
            state: directory.join("state"),
            runtime: directory.join("run"),
            house,
            executable: Executable::at(env!("CARGO_BIN_EXE_loopkeeperd").into()).unwrap(),
        };
        let (local, news) = Local::open(settings.clone()).unwrap();
        Self {
            settings,
            place,
            local,
            news,
            heard: VecDeque::new(),
            troubles: Vec::new(),
            count: 0,
        }
    }

    /// The directory that is this test's own, and the workdir of its workers.
    pub(crate) fn path(&self) -> &Path {
        match &self.place {
            Place::Own(directory) => directory.path(),
            Place::Other(directory) => directory,
        }
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    pub(crate) fn runtime(&self) -> PathBuf {
        self.path().join("run")
    }

    /// Where the socket of a worker's tmux server is.
    pub(crate) fn socket(&self, worker: &loopkeeper::model::WorkerName) -> PathBuf {
        let state = self.settings.state.canonicalize().unwrap();
        let settings = Settings {
            state,
            ..self.settings.clone()
        };
        loopkeeper::launch::socket(&settings, worker)
    }

    pub(crate) fn directory(&self, attempt: &AttemptRef) -> Directory {
        Directory::of(&self.state(), attempt)
    }

    pub(crate) fn worker(
        &self,
        launcher: LauncherKind,
        program: &str,
        arguments: &[&str],
    ) -> Worker {
        Worker {
            name: "builder".parse().unwrap(),
            kind: Kind::Loop,
            on: config::On::Local,
            program: Program::Command(config::Command {
                program: program.into(),
                arguments: arguments
                    .iter()
                    .map(|argument| (*argument).to_owned())
                    .collect(),
            }),
            workdir: self.path().to_owned(),
            worktree: None,
            origin: None,
            environment: BTreeMap::new(),
            systemd: BTreeMap::new(),
            secrets: Secrets::default(),
            launcher,
            requires: Vec::new(),
            restart: Restart::Never,
            backoff: Backoff {
                first: Duration::ZERO,
                most: Duration::ZERO,
                jitter: 0,
                healthy: Duration::ZERO,
            },
            budget: Budget {
                restarts: 0,
                window: Duration::ZERO,
            },
            daily: Daily::default(),
            ready: None,
            alive: None,
            agent: None,
            conversation: Keeps::default(),
            watch: Watch::default(),
            say: Say::default(),
            limit: Limit::default(),
            handoff: None,
            unstick: Unstick::default(),
            breaker: None,
            stop: Stop {
                signal: Signal::TERM,
                grace: Duration::from_secs(1),
            },
            phases: None,
            on_phase: OnPhase::Keep,
            keep_output: 1024 * 1024,
            keep_attempts: 3,
        }
    }

    /// A worker that is a shell script.
    pub(crate) fn script(&self, launcher: LauncherKind, script: &str) -> Worker {
        self.worker(launcher, "/bin/sh", &["-c", script])
    }

    /// Starts an attempt of `worker` with an id that is new on this machine: tests run beside each
    /// other, and the id is how an attempt's processes are recognised.
    pub(crate) fn start(&mut self, worker: &Worker) -> AttemptRef {
        self.count += 1;
        assert!(self.count < 1 << 9, "ids are used up");
        // A pid has at most 22 bits (proc_sys_kernel(5), `pid_max`).
        let id = std::process::id() << 9 | self.count;
        let attempt = AttemptRef {
            worker: worker.name.clone(),
            attempt: AttemptId::new(Timestamp::now(), id),
        };
        self.local.start(attempt.clone(), worker, BTreeMap::new());
        attempt
    }

    /// Starts an attempt and waits until it runs.
    pub(crate) async fn run(&mut self, worker: &Worker) -> (AttemptRef, Identity) {
        let attempt = self.start(worker);
        let identity = self.started(&attempt).await;
        (attempt, identity)
    }

    /// Waits for the host's next word.
    async fn listen(&mut self) {
        let news = tokio::time::timeout(SOON, self.news.recv()).await;
        self.hear(news.expect("the host is silent").expect("the host is gone"));
    }

    /// What the host has said up to now.
    fn catch_up(&mut self) {
        while let Ok(news) = self.news.try_recv() {
            self.hear(news);
        }
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Event(event) => self.heard.push_back(event),
            News::Problem { text, .. } => self.troubles.push(text),
            News::Well(_) | News::NeedsMayDiffer | News::Reach(..) => {}
        }
    }

    /// The first event about this attempt, heard or to come.
    pub(crate) async fn event(&mut self, attempt: &AttemptRef) -> HostEvent {
        loop {
            let at = self.heard.iter().position(|event| of(event) == attempt);
            if let Some(at) = at {
                return self.heard.remove(at).unwrap();
            }
            self.listen().await;
        }
    }

    pub(crate) async fn started(&mut self, attempt: &AttemptRef) -> Identity {
        match self.event(attempt).await {
            HostEvent::Started(_, identity) => identity,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn start_failed(&mut self, attempt: &AttemptRef) -> String {
        match self.event(attempt).await {
            HostEvent::StartFailed(_, why) => why,
            other => panic!("{other:?}"),
        }
    }

    /// Why it could not be started, when that is for want of something.
    pub(crate) async fn shortage(&mut self, attempt: &AttemptRef) -> String {
        match self.event(attempt).await {
            HostEvent::Shortage(_, why) => why,
            other => panic!("{other:?}"),
        }
    }

    /// The exit, which must have been recorded before.
    pub(crate) async fn ended(&mut self, attempt: &AttemptRef) -> Exit {
        match self.event(attempt).await {
            HostEvent::Ended(_, exit, _) => {
                let recorded = self.directory(attempt).ended().expect("exit.json");
                assert_eq!(recorded.exit, exit);
                exit
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn gone(&mut self, attempt: &AttemptRef) {
        let event = self.event(attempt).await;
        assert_eq!(event, HostEvent::Gone(attempt.clone()));
    }

    pub(crate) async fn gone_after_end(&mut self, attempt: &AttemptRef) -> Exit {
        let exit = self.ended(attempt).await;
        self.gone(attempt).await;
        exit
    }

    /// Kills the attempt, and waits until nothing of it is left; how its own process ended.
    pub(crate) async fn kill(&mut self, attempt: &AttemptRef) -> Exit {
        self.local.signal(attempt, Signal::KILL);
        self.gone_after_end(attempt).await
    }

    /// What the host has said about this attempt up to now, and nobody asked for.
    pub(crate) fn said(&mut self, attempt: &AttemptRef) -> Vec<HostEvent> {
        self.catch_up();
        let about = self.heard.iter().filter(|event| of(event) == attempt);
        about.cloned().collect()
    }

    /// Waits for a problem whose text has `part`.
    pub(crate) async fn problem(&mut self, part: &str) -> String {
        loop {
            if let Some(text) = self.troubles.iter().find(|text| text.contains(part)) {
                return text.clone();
            }
            self.listen().await;
        }
    }

    /// How many problems with `part` were told up to now.
    pub(crate) fn problems(&mut self, part: &str) -> usize {
        self.catch_up();
        let told = self.troubles.iter().filter(|text| text.contains(part));
        told.count()
    }

    /// Surveys, and wants exactly one attempt to be found.
    pub(crate) async fn found(&mut self) -> (AttemptRef, Condition) {
        let mut found = self.local.survey().await.unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        let found = found.remove(0);
        (found.attempt, found.is)
    }

    /// Makes a gate: a worker's `read -r _ <gate` waits until it is [opened](Self::open_gate).
    pub(crate) fn make_gate(&self) {
        let gate = self.path().join("gate");
        nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::S_IRWXU).unwrap();
    }

    /// Lets the worker through that waits at the gate.
    pub(crate) async fn open_gate(&self) {
        open_gate(self.path()).await;
    }

    /// What the attempt's terminal was sent so far.
    pub(crate) fn recorded(&self, attempt: &AttemptRef) -> String {
        let mut playback = Playback::of(&self.directory(attempt).recording());
        let mut text = String::new();
        while let Some(moment) = playback.read().unwrap() {
            if let Told::Output(sent) = moment.told {
                text.push_str(&sent);
            }
        }
        text
    }

    /// Waits until the attempt's output has a line with `part`.
    pub(crate) async fn says(&self, attempt: &AttemptRef, part: &str) {
        let output = self.directory(attempt).output();
        if !output.exists() {
            let said = || self.recorded(attempt).contains(part);
            return until(&format!("it says {part:?}"), said).await;
        }
        let wait = async {
            let mut tail = Tail::from_head(&output).unwrap();
            let mut text = String::new();
            loop {
                text.push_str(&String::from_utf8_lossy(&tail.read().unwrap()));
                if text.contains(part) {
                    return;
                }
                tail.grown().await.unwrap();
            }
        };
        let said = tokio::time::timeout(SOON, wait).await;
        said.unwrap_or_else(|_| panic!("{part:?} was not said"));
    }
}

/// Lets the worker through that waits at the gate in this directory, as soon as it does so: an
/// open(2) that waits for a reader would wait for ever for one that died.
pub(crate) async fn open_gate(directory: &Path) {
    let gate = directory.join("gate");
    let mut open = OpenOptions::new();
    open.write(true).custom_flags(nix::libc::O_NONBLOCK);
    let mut opened = None;
    until("somebody is at the gate", || {
        opened = open.open(&gate).ok();
        opened.is_some()
    })
    .await;
    opened.unwrap().write_all(b"go\n").unwrap();
}

fn of(event: &HostEvent) -> &AttemptRef {
    match event {
        HostEvent::Started(of, _)
        | HostEvent::StartFailed(of, _)
        | HostEvent::Shortage(of, _)
        | HostEvent::Ended(of, ..)
        | HostEvent::KilledByHand(of, ..)
        | HostEvent::Gone(of) => of,
    }
}

/// Whether a process with this pid runs: a zombie does not.
pub(crate) fn lives(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// Waits for something that announces itself to nobody.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < SOON, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
