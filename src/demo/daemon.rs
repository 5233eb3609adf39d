//! The real daemon, as a child: one life of it after the other.

use std::{
    fs::OpenOptions,
    io,
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::Sender,
    thread,
    time::Duration,
};

use super::{
    DemoError, Input,
    stage::{Stage, without_git},
};
use crate::{
    control::{
        client::{Client, ClientError, PATIENCE},
        protocol::{Request, StatusView},
    },
    host::process::{Process, exit_of_status},
    launch::environment::Inherited,
    model::Signal,
};

/// From one try to connect to the next, while the daemon starts.
const TRY_AGAIN: Duration = Duration::from_millis(20);
/// Far more notices than a demo has.
const ALL: usize = 100_000;

/// A daemon that was started.
#[derive(Debug)]
pub(super) struct Daemon {
    process: Process,
    socket: PathBuf,
    /// Counts them.
    pub(super) life: u32,
    /// It answered; before that, SIGINT would just kill it.
    pub(super) up: bool,
}

impl Daemon {
    /// Starts it. [`Input::Up`], its notices and [`Input::Ended`] come on `to`.
    pub(super) fn start(stage: &Stage, life: u32, to: &Sender<Input>) -> Result<Self, DemoError> {
        let failed = |error| DemoError::file(&stage.executable, error);
        let log = || {
            let opened = OpenOptions::new()
                .create(true)
                .append(true)
                .open(stage.log());
            opened.map_err(|error| DemoError::file(stage.log(), error))
        };
        let mut command = Command::new(&stage.executable);
        command
            .arg("daemon")
            .arg("--config")
            .arg(stage.config())
            .arg("--state-dir")
            .arg(stage.state())
            .arg("--socket")
            .arg(stage.socket())
            .stdin(Stdio::null())
            .stdout(log()?)
            .stderr(log()?)
            // Ctrl-C is for us; we stop it in our own order.
            .process_group(0);
        Inherited::of_this_process().apply(&mut command);
        without_git(&mut command);
        command
            .env_remove("CREDENTIALS_DIRECTORY")
            .env("RUNTIME_DIRECTORY", stage.runtime());
        let child = command.spawn().map_err(failed)?;
        let process = i32::try_from(child.id())
            .map_err(io::Error::other)
            .and_then(Process::of)
            .map_err(failed)?;
        let socket = stage.socket();
        wait(child, life, to.clone())?;
        listen(process, socket.clone(), life, to.clone())?;
        Ok(Self {
            process,
            socket,
            life,
            up: false,
        })
    }

    pub(super) fn pid(&self) -> i32 {
        self.process.pid
    }

    /// Kills it as nobody should.
    pub(super) fn kill(&self) -> Result<(), DemoError> {
        self.signal(Signal::KILL)
    }

    /// Asks it to stop its workers and end.
    pub(super) fn interrupt(&self) -> Result<(), DemoError> {
        let interrupt = Signal::from_number(nix::libc::SIGINT);
        interrupt.map_or(Ok(()), |signal| self.signal(signal))
    }

    /// That it is gone already is as good.
    fn signal(&self, signal: Signal) -> Result<(), DemoError> {
        let sent = self.process.signal(signal);
        sent.map(drop)
            .map_err(|error| DemoError::Process("signal to loopkeeperd", error))
    }

    pub(super) fn status(&self) -> Result<StatusView, DemoError> {
        let mut client = Client::connect(&self.socket, PATIENCE)?;
        Ok(client.ask(&Request::Status {})?)
    }
}

fn wait(mut child: Child, life: u32, to: Sender<Input>) -> Result<(), DemoError> {
    on_a_thread(move || {
        let how = match child.wait() {
            Ok(status) => exit_of_status(status.into_raw()).to_string(),
            Err(error) => format!("cannot be waited for: {error}"),
        };
        // Nobody listens when the demo is over.
        drop(to.send(Input::Ended { life, how }));
    })
}

/// Hands on what the daemon says, as long as it lives. What an earlier life said comes again.
fn listen(daemon: Process, socket: PathBuf, life: u32, to: Sender<Input>) -> Result<(), DemoError> {
    on_a_thread(move || {
        while daemon.lives() {
            // It is not there yet, or it is no more. Connecting is patient: by then it may be
            // the next daemon that answers, which has a listener of its own.
            if let Ok(client) = Client::connect(&socket, PATIENCE)
                && daemon.lives()
            {
                drop(to.send(Input::Up { life }));
                drop(hand_on(client, &to));
            }
            thread::sleep(TRY_AGAIN);
        }
    })
}

fn hand_on(mut client: Client, to: &Sender<Input>) -> Result<(), ClientError> {
    client.follow(&Request::Events {
        last: ALL,
        follow: true,
    })?;
    while let Some(notice) = client.next_event(None)? {
        drop(to.send(Input::Notice(Box::new(notice))));
    }
    Ok(())
}

fn on_a_thread(work: impl FnOnce() + Send + 'static) -> Result<(), DemoError> {
    thread::Builder::new()
        .spawn(work)
        .map(drop)
        .map_err(|error| DemoError::Process("thread", error))
}
