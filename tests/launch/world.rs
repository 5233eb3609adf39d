//! A host of its own for each test, in a process of its own.
//!
//! A [`Local`] collects every child of its process, so a test that has one runs in a process where
//! nothing else does: [`alone`] runs the test binary again for just that test.

use std::{
    collections::{BTreeMap, VecDeque},
    env,
    fs::File,
    future::Future,
    io::{BufRead, BufReader, Read, Seek},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use loopkeeper::{
    config::{self, Backoff, Budget, OnPhase, Program, Restart, Stop, Worker},
    host::{AttemptRef, Condition, HostEvent, Local, Settings},
    launch::{House, directory::Directory, output::Tail},
    model::{AttemptId, Exit, Identity, Kind, LauncherKind, Signal},
};
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;

const ROLE: &str = "TEST_ROLE";
/// Marks everything that a test starts, so that nothing is left of one that failed.
const RUN: &str = "TEST_RUN";
const STATE: &str = "TEST_DIRECTORY";

/// Generous: it only passes when something is broken.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Runs `test` in a process of its own; `name` is the test's path.
pub(crate) fn alone<F: Future<Output = ()>>(name: &str, test: impl FnOnce() -> F) {
    in_a_process_of_its_own(again(name), name, test);
}

/// As [`alone`], where the test may mount file systems, and only it sees them.
pub(crate) fn alone_with_mounts<F: Future<Output = ()>>(name: &str, test: impl FnOnce() -> F) {
    let again = again(name);
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if !nix::unistd::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command
        .arg("--")
        .arg(again.get_program())
        .args(again.get_args());
    in_a_process_of_its_own(command, name, test);
}

fn in_a_process_of_its_own<F: Future<Output = ()>>(
    mut command: Command,
    name: &str,
    test: impl FnOnce() -> F,
) {
    if env::var(ROLE).is_ok_and(|role| role == name) {
        return block_on(test());
    }
    // What systemd tells a daemon, and what a daemon around this one told it.
    for private in [
        "NOTIFY_SOCKET",
        "WATCHDOG_USEC",
        "LISTEN_FDS",
        "INVOCATION_ID",
    ] {
        command.env(private, "1");
    }
    // Into files: what a failed test leaves behind would hold pipes open.
    let (mut stdout, mut stderr) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    let run = format!("{}.{name}", std::process::id());
    let status = command
        .env("LOOPKEEPER_OUTER", "1")
        .env("TMUX", "/nonexistent,1,0")
        .env(ROLE, name)
        .env(RUN, &run)
        .stdout(stdout.try_clone().unwrap())
        .stderr(stderr.try_clone().unwrap())
        .status()
        .unwrap();
    // Nothing to do after a test that passed.
    marked(RUN, &run).into_iter().for_each(kill);
    let read = |file: &mut File| {
        let mut text = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    };
    let (said, complained) = (read(&mut stdout), read(&mut stderr));
    assert!(status.success(), "{name}: {}\n{said}\n{complained}", status);
    assert!(
        said.contains("1 passed"),
        "{name} is not the name of a test\n{said}"
    );
}

/// As [`alone`], for a test that has a daemon die first: `daemon` runs in one more process, which is
/// killed with SIGKILL as soon as `daemon` returns. `test` finds what it left.
pub(crate) fn after_death<D: Future<Output = ()>, T: Future<Output = ()>>(
    name: &str,
    daemon: impl FnOnce(World) -> D,
    test: impl FnOnce(TempDir) -> T,
) {
    let dying = format!("{name} daemon");
    if env::var(ROLE).is_ok_and(|role| role == dying) {
        let directory = PathBuf::from(env::var_os(STATE).unwrap());
        return block_on(async {
            daemon(World::in_directory(Place::Other(directory), House::None)).await;
            // The test harness has begun a line.
            println!("\ndone");
            std::future::pending().await
        });
    }
    alone(name, || async {
        let directory = tempfile::tempdir().unwrap();
        let mut daemon = again(name)
            .env(ROLE, &dying)
            .env(STATE, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(daemon.stdout.take().unwrap());
        let done = output
            .lines()
            .map_while(Result::ok)
            .any(|line| line == "done");
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        assert!(done, "the daemon did not get so far");
        test(directory).await;
    });
}

/// Kills a process, if it exists.
pub(crate) fn kill(pid: i32) {
    let pid = nix::unistd::Pid::from_raw(pid);
    let _ = nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL);
}

/// Processes that were started with this variable.
pub(crate) fn marked(variable: &str, value: &str) -> Vec<i32> {
    let mark = format!("{variable}={value}\0");
    let all = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment
                .windows(mark.len())
                .any(|part| part == mark.as_bytes())
        })
        .collect()
}

fn again(name: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]);
    command
}

fn block_on(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(test);
}

/// Where a world has its files.
pub(crate) enum Place {
    Own(TempDir),
    Other(PathBuf),
}

/// A host, and what it said that no test asked for yet.
pub(crate) struct World {
    place: Place,
    pub(crate) local: Local,
    news: UnboundedReceiver<HostEvent>,
    heard: VecDeque<HostEvent>,
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
            loopkeeperd: env!("CARGO_BIN_EXE_loopkeeperd").into(),
        };
        let (local, news) = Local::open(settings).unwrap();
        Self {
            place,
            local,
            news,
            heard: VecDeque::new(),
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
            program: Program::Command(config::Command {
                program: program.into(),
                arguments: arguments
                    .iter()
                    .map(|argument| (*argument).to_owned())
                    .collect(),
            }),
            workdir: self.path().to_owned(),
            worktree: None,
            environment: BTreeMap::new(),
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
            ready: None,
            alive: None,
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

    /// Starts an attempt of `worker` with an id that is new in this world.
    pub(crate) fn start(&mut self, worker: &Worker) -> AttemptRef {
        self.count += 1;
        let attempt = AttemptRef {
            worker: worker.name.clone(),
            attempt: AttemptId::new(Timestamp::now(), std::process::id() << 10 | self.count),
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

    async fn next(&mut self) -> HostEvent {
        let event = tokio::time::timeout(SOON, self.news.recv()).await;
        event
            .expect("the host is silent")
            .expect("the host is gone")
    }

    /// The first event about this attempt, heard or to come.
    pub(crate) async fn event(&mut self, attempt: &AttemptRef) -> HostEvent {
        if let Some(at) = self
            .heard
            .iter()
            .position(|event| of(event) == Some(attempt))
        {
            return self.heard.remove(at).unwrap();
        }
        loop {
            let event = self.next().await;
            if of(&event) == Some(attempt) {
                return event;
            }
            self.heard.push_back(event);
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

    /// The exit, which must have been recorded before.
    pub(crate) async fn ended(&mut self, attempt: &AttemptRef) -> Exit {
        match self.event(attempt).await {
            HostEvent::Ended(_, exit) => {
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

    /// What the host has said about this attempt up to now, and nobody asked for.
    pub(crate) fn said(&mut self, attempt: &AttemptRef) -> Vec<HostEvent> {
        while let Ok(event) = self.news.try_recv() {
            self.heard.push_back(event);
        }
        let about = self.heard.iter().filter(|event| of(event) == Some(attempt));
        about.cloned().collect()
    }

    /// Waits for a problem whose text has `part`.
    pub(crate) async fn problem(&mut self, part: &str) -> String {
        loop {
            let heard = self.heard.iter().find_map(|event| match event {
                HostEvent::Problem(text) if text.contains(part) => Some(text.clone()),
                _ => None,
            });
            if let Some(text) = heard {
                return text;
            }
            let event = self.next().await;
            self.heard.push_back(event);
        }
    }

    /// How many problems with `part` were told up to now.
    pub(crate) fn problems(&mut self, part: &str) -> usize {
        while let Ok(event) = self.news.try_recv() {
            self.heard.push_back(event);
        }
        let told =
            |event: &&HostEvent| matches!(event, HostEvent::Problem(text) if text.contains(part));
        self.heard.iter().filter(told).count()
    }

    /// Surveys, and wants exactly one attempt to be found.
    pub(crate) async fn found(&mut self) -> (AttemptRef, Condition) {
        let mut found = self.local.survey().await.unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        let found = found.remove(0);
        (found.attempt, found.is)
    }

    /// Waits until the attempt's output has a line with `part`.
    pub(crate) async fn says(&self, attempt: &AttemptRef, part: &str) {
        let output = self.directory(attempt).output();
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

fn of(event: &HostEvent) -> Option<&AttemptRef> {
    match event {
        HostEvent::Started(of, _)
        | HostEvent::StartFailed(of, _)
        | HostEvent::Ended(of, _)
        | HostEvent::Gone(of) => Some(of),
        HostEvent::Problem(_) => None,
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
