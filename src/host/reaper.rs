//! The one that collects ended children: those we started, and those their parents left to us.
//!
//! Promise: each child's true exit reaches whoever started it, no zombie stays, and no pid of a
//! child is free for somebody else before its exit was handed over.
//!
//! How: we are a child subreaper (PR_SET_CHILD_SUBREAPER(2const)), so processes whose parent died
//! become ours instead of init's. SIGCHLD wakes one task that waits for any child until none is
//! left to wait for. Children are started under the same lock, so none can be collected before its
//! exit has an address. There is one reaper in a process; nothing else in it may wait for children.

use std::{
    collections::HashMap,
    io,
    process::Command,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rustix::process::{WaitOptions, wait};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use super::{
    HostError,
    process::{Process, exit_of_status},
};
use crate::model::Exit;

/// Collects our children.
#[derive(Debug, Clone)]
pub(crate) struct Reaper(Arc<Mutex<Children>>);

#[derive(Debug, Default)]
struct Children {
    started: HashMap<i32, oneshot::Sender<Exit>>,
}

/// A child of ours.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) process: Process,
    exit: oneshot::Receiver<Exit>,
}

impl Child {
    /// Waits for its end. Cancel-safe; not to be called again after it returned.
    pub(crate) async fn exit(&mut self) -> Exit {
        let gone = |_| Exit::Lost("nobody collected it".into());
        (&mut self.exit).await.unwrap_or_else(gone)
    }
}

impl Reaper {
    /// Becomes the subreaper and starts to collect.
    pub(crate) fn start() -> Result<Self, HostError> {
        nix::sys::prctl::set_child_subreaper(true)
            .map_err(|error| HostError::Kernel("adopting orphans", error.into()))?;
        let mut ended = signal(SignalKind::child())
            .map_err(|error| HostError::Kernel("waiting for children", error))?;
        let reaper = Self(Arc::default());
        let children = Arc::downgrade(&reaper.0);
        tokio::spawn(async move {
            while ended.recv().await.is_some() {
                let Some(children) = children.upgrade() else {
                    break;
                };
                Self(children).collect();
            }
        });
        Ok(reaper)
    }

    fn children(&self) -> MutexGuard<'_, Children> {
        // A panic while it was held left a map that is still right.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn collect(&self) {
        let mut children = self.children();
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            let pid = pid.as_raw_nonzero().get();
            if let Some(waiting) = children.started.remove(&pid) {
                // Who started it may not care any more.
                drop(waiting.send(exit_of_status(status.as_raw())));
            }
        }
    }

    /// Starts a child.
    ///
    /// # Errors
    /// fork(2), execve(2) and what they need, with their own codes.
    pub(crate) fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        let mut children = self.children();
        let child = command.spawn()?;
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        let (waiting, exit) = oneshot::channel();
        children.started.insert(pid, waiting);
        match Process::of(pid) {
            Ok(process) => Ok(Child { process, exit }),
            Err(error) => {
                // Not collected yet, so the pid is still its own.
                let pid = nix::unistd::Pid::from_raw(pid);
                let _ = nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL);
                Err(error)
            }
        }
    }

    /// Whether this child of ours is one that we did not start: left behind by a parent that died.
    pub(crate) fn is_orphan(&self, pid: i32) -> bool {
        !self.children().started.contains_key(&pid)
    }
}
