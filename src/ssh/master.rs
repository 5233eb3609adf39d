//! `ssh` as the master of a connection: a child of ours for as long as the connection is.
//!
//! Promise: it gets no signal that a terminal sends, and dies with us, whatever we die of; dropped, it is
//! killed with all that it has started.
//!
//! How: its `LocalCommand` is run when there is a connection and the socket is listened at, and says so on
//! standard output. Its end is the connection's; its standard error says why.

use std::{
    ffi::OsString,
    io,
    path::Path,
    process::{Command, Stdio},
};

use tokio::{io::AsyncReadExt, net::unix::pipe};

use super::configuration::CONNECTED;
use crate::{
    causes::in_words,
    host::reaper::Child,
    launch::command::{Runner, end_group},
    model::Exit,
    sys,
};

/// Bytes that are kept of what it says last.
const SAID: usize = 8192;

#[derive(Debug)]
pub(super) struct Master {
    child: Child,
    output: pipe::Receiver,
    errors: pipe::Receiver,
    said: Vec<u8>,
}

impl Master {
    /// Starts it.
    pub(super) fn start(runner: &Runner, ssh: &Path, arguments: &[OsString]) -> io::Result<Self> {
        let (output, its_output) = io::pipe()?;
        let (errors, its_errors) = io::pipe()?;
        let mut command = Command::new(ssh);
        command
            .args(arguments)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(its_output)
            .stderr(its_errors);
        runner.inherited.apply(&mut command);
        // By it ssh calls what its configuration names; of a system's user it may be one that does nothing.
        command.env("SHELL", "/bin/sh");
        let birth = sys::Birth {
            session: true,
            open_files: runner.open_files,
            dies_with_us: true,
            ..sys::Birth::default()
        };
        sys::before_exec(&mut command, birth);
        let output = pipe::Receiver::from_owned_fd(output.into())?;
        let errors = pipe::Receiver::from_owned_fd(errors.into())?;
        let child = runner.reaper.spawn(&mut command)?;
        Ok(Self {
            child,
            output,
            errors,
            said: Vec::new(),
        })
    }

    /// Waits until there is a connection, or for its end.
    pub(super) async fn connected(&mut self) -> Result<(), Exit> {
        let mut told = Vec::new();
        loop {
            tokio::select! {
                exit = self.child.exit() => {
                    self.hear_rest();
                    return Err(exit);
                }
                () = hear(&mut self.output, &mut told) => {
                    let mut lines = told.split(|byte| *byte == b'\n');
                    if lines.any(|line| line == CONNECTED.as_bytes()) {
                        // Why it ends one day is none of that.
                        self.said.clear();
                        return Ok(());
                    }
                }
                () = hear(&mut self.errors, &mut self.said) => {}
            }
        }
    }

    /// Waits for its end, which is the connection's.
    pub(super) async fn ended(&mut self) -> Exit {
        loop {
            tokio::select! {
                exit = self.child.exit() => {
                    self.hear_rest();
                    return exit;
                }
                () = hear(&mut self.errors, &mut self.said) => {}
            }
        }
    }

    /// What it says last.
    pub(super) fn said(&self) -> &[u8] {
        &self.said
    }

    /// What it wrote before it ended is in the pipe; who it left behind may hold that open. The kernel is
    /// asked, not tokio, which may not have heard yet that there is something.
    fn hear_rest(&mut self) {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = rustix::io::read(&self.errors, &mut buffer) {
            add(&mut self.said, &buffer[..count]);
            if count < buffer.len() {
                break;
            }
        }
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        if let Err(error) = end_group(self.child.process) {
            tracing::warn!("ssh is left behind: {}", in_words(&error));
        }
    }
}

/// Takes what is said next; nothing follows where nobody can say anything any more.
async fn hear(pipe: &mut pipe::Receiver, said: &mut Vec<u8>) {
    let mut buffer = vec![0; 4096];
    match pipe.read(&mut buffer).await {
        Ok(count @ 1..) => add(said, &buffer[..count]),
        _ => std::future::pending().await,
    }
}

fn add(said: &mut Vec<u8>, bytes: &[u8]) {
    said.extend_from_slice(bytes);
    let much = said.len().saturating_sub(SAID);
    said.drain(..much);
}
