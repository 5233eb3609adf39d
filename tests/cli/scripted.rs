//! A scripted daemon: a real control server whose answers the test gives.

use std::{
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, channel},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use assert_cmd::{Command, cargo::cargo_bin};
use loopkeeper::{
    control::{
        protocol::{LastReboot, PROTOCOL, PhaseView, RebootsView, Request, StatusView, WorkerView},
        server::{Answer, Call, Server, policy},
    },
    model::{Exit, Kind, LauncherKind, StateName, Verdict, VerdictIs},
};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// For anything that happens at once on a machine that is not busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A directory for one test, and the daemon in it.
pub(crate) struct Scripted {
    pub(crate) home: Home,
    /// What was asked, in order.
    pub(crate) asked: Receiver<Request>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Scripted {
    pub(crate) fn start(answer: impl FnMut(Request, Answer) + Send + 'static) -> Self {
        Self::start_in(Home::new(), answer)
    }

    pub(crate) fn start_in(
        home: Home,
        mut answer: impl FnMut(Request, Answer) + Send + 'static,
    ) -> Self {
        let (socket, state) = (home.socket(), home.state());
        let (stop, mut stopped) = oneshot::channel();
        let (ready, is_ready) = channel();
        let (ask, asked) = channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let mut server = Server::bind(&socket, &state, policy(false, None), None).unwrap();
                ready.send(()).unwrap();
                loop {
                    tokio::select! {
                        _ = &mut stopped => break,
                        Call { request, answer: to, .. } = server.next() => {
                            // The test may have ended before its last client.
                            drop(ask.send(request.clone()));
                            answer(request, to);
                        }
                    }
                }
                server.close().await;
            });
        });
        is_ready.recv_timeout(PATIENCE).unwrap();
        Self {
            home,
            asked,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Ends the daemon in order.
    pub(crate) fn end(&mut self) {
        if let (Some(stop), Some(thread)) = (self.stop.take(), self.thread.take()) {
            stop.send(()).unwrap();
            thread.join().unwrap();
        }
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.end();
        }
    }
}

/// A home directory with nothing in it.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path().join("run/control.sock")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    /// Where a user's configuration is.
    pub(crate) fn config(&self) -> PathBuf {
        self.path().join(".config/loopkeeper/loopkeeper.toml")
    }

    /// Writes a configuration to its usual place.
    pub(crate) fn declare(&self, rig: &str) {
        std::fs::create_dir_all(self.config().parent().unwrap()).unwrap();
        std::fs::write(self.config(), rig).unwrap();
    }

    /// `supervisorctl` with nothing of our environment.
    pub(crate) fn supervisorctl(&self) -> Command {
        let mut command = Command::new(cargo_bin("supervisorctl"));
        command
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("TZ", "UTC")
            .env("LOOPKEEPER_SOCKET", self.socket())
            // Root's places are those of the machine, so these are named.
            .env("CONFIGURATION_DIRECTORY", self.config().parent().unwrap())
            .env("STATE_DIRECTORY", self.state())
            .timeout(Duration::from_secs(60));
        command
    }
}

/// Waits for something for which there is no event.
pub(crate) fn until(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < deadline, "{what}: not within 30 s");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A rig in good health.
pub(crate) fn status() -> StatusView {
    StatusView {
        protocol: PROTOCOL,
        version: "0.1.0".into(),
        boot_id: "6f3a1c52-0b1e-4a55-9f0c-2f1f7f0e8a11".parse().unwrap(),
        started_at: Some("2026-11-21T00:43:19Z".parse().unwrap()),
        rig: "pi".into(),
        config: None,
        state_dir: None,
        daemon: true,
        phase: Some(PhaseView {
            index: Some(2),
            id: Some("2".into()),
            count: 6,
            ending: None,
        }),
        paused: false,
        paused_because: None,
        degraded: vec![],
        handoffs: vec![],
        reboots: RebootsView {
            count: 3,
            last: Some(LastReboot {
                boot_id: "6f3a1c52-0b1e-4a55-9f0c-2f1f7f0e8a11".parse().unwrap(),
                at: "2026-11-20T23:59:00Z".parse().unwrap(),
                clean: true,
            }),
        },
        workers: vec![worker("builder")],
    }
}

pub(crate) fn worker(name: &str) -> WorkerView {
    WorkerView {
        name: name.parse().unwrap(),
        kind: Kind::Loop,
        host: "local".into(),
        launcher: Some(LauncherKind::Tmux),
        state: StateName::Running,
        verdict: Some(Verdict {
            is: VerdictIs::Working,
            evidence: "output 4 s ago".into(),
            since: None,
        }),
        pid: Some(123),
        attempt: Some("20261121T004319Z-7f3a9c01".parse().unwrap()),
        since: Some("2026-11-21T00:43:19Z".parse().unwrap()),
        restarts: 0,
        last_exit: Some(Exit::Code(42)),
        reason: None,
        next_start: None,
        output_at: None,
        worktree: None,
        worktree_on: None,
        conversation: None,
        inbox: None,
        owed: None,
        spent: None,
    }
}
