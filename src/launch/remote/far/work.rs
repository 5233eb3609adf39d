//! What is done with attempts there: each is one script.

use std::{
    collections::BTreeMap,
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::timeout;

use super::{Far, LONGEST, Session, Turn, WITHIN, WayThere, known::Entry, lines, why};
use crate::{
    causes::in_one_line,
    launch::{
        directory::Directory,
        remote::{
            Seen,
            answer::Line,
            around::{self, Around},
            log,
            script::{Also, Asked, Work},
        },
    },
    model::{AttemptRef, Signal, WorkerName},
    ssh::{Output, State},
};

/// How long who is about to start something waits for a connection to be tried.
const TRIES_WITHIN: Duration = Duration::from_secs(10);
/// How long a question and its answer may be on their way, beside what who is asked takes.
const ON_ITS_WAY: Duration = Duration::from_secs(10);

/// An attempt that is about to be begun.
#[derive(Debug)]
pub(in crate::launch::remote) struct Beginning {
    far: Far,
    of: AttemptRef,
}

impl Drop for Beginning {
    fn drop(&mut self) {
        self.far.known().beginning.remove(&self.of);
    }
}

impl Far {
    /// An attempt is about to be begun: until this is dropped, nobody asks the host for it, which would have
    /// it never begin.
    pub(in crate::launch::remote) fn begins(&self, of: &AttemptRef) -> Beginning {
        let mut known = self.known();
        known.beginning.insert(of.clone());
        let entry = Entry::new(Seen::Starting);
        known.attempts.insert(of.clone(), entry);
        Beginning {
            far: self.clone(),
            of: of.clone(),
        }
    }

    /// Begins an attempt. Where the answer is lost, it is learned when the host is asked again.
    ///
    /// # Errors
    /// It never began, and nothing of it is there.
    pub(in crate::launch::remote) async fn begin(
        &self,
        Beginning { of, .. }: &Beginning,
        work: &Work<'_>,
    ) -> Result<(), String> {
        let way = self.way_now();
        let script = way.place.begin(of, work);
        let script = script.map_err(|error| error.to_string())?;
        let said = way.link.run(&script, WITHIN, LONGEST).await;
        match said {
            Err(error) if error.never_began() => {
                return Err(format!(
                    "host {} does not answer: {}",
                    self.name(),
                    why(error)
                ));
            }
            // Whether it began is asked.
            Err(_) => {}
            Ok(output) => {
                let lines = lines(&output);
                let own = |line: &Line| matches!(line, Line::Attempt(which, _) if which == of);
                match lines.into_iter().find(own) {
                    Some(line) => self.learn(line),
                    None => {
                        let said = String::from_utf8_lossy(&output.errors);
                        let why = format!("its shell says: {}: {}", output.exit, said.trim());
                        self.problem("starts", why);
                    }
                }
            }
        }
        Ok(())
    }

    /// Waits until the host has told what is there; where there is no connection, for one try to have one.
    ///
    /// # Errors
    /// Why it has not.
    pub(in crate::launch::remote) async fn answers(&self) -> Result<(), String> {
        let way = self.way_now();
        let mut state = way.link.state();
        let tries = async {
            if matches!(*state.borrow_and_update(), State::Down { .. }) {
                way.link.now();
                // It is not there, as before.
                drop(state.changed().await);
            }
            while matches!(*state.borrow(), State::Up { .. }) && self.unreachable().is_some() {
                tokio::select! {
                    _ = state.changed() => {}
                    () = self.0.answered.notified() => {}
                }
            }
        };
        drop(timeout(TRIES_WITHIN, tries).await);
        self.unreachable().map_or(Ok(()), Err)
    }

    fn unreachable(&self) -> Option<String> {
        self.known().unreachable.clone()
    }

    /// Signals all that an attempt has started.
    pub(in crate::launch::remote) async fn signal(
        &self,
        of: &AttemptRef,
        signal: Signal,
    ) -> Result<(), String> {
        let script = self.way_now().place.signal(of, signal);
        let output = self.run(&script).await?;
        match output.exit.is_success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.errors).trim().to_owned()),
        }
    }

    /// The way to the session of an attempt; `None` where nothing of it lives.
    ///
    /// # Errors
    /// Why that is not known.
    pub(in crate::launch) fn way(&self, of: &AttemptRef) -> WayThere {
        match self.seen(of) {
            Seen::Unreachable(why) => Err(why),
            Seen::Failed(_) | Seen::Busy(_) | Seen::Ended { left: 0, .. } => Ok(None),
            Seen::Starting | Seen::Alive(_) | Seen::Ended { .. } => Ok(Some(Session {
                connection: self.way_now().link.socket().to_owned(),
                socket: self.way_now().place.socket(&of.worker),
                session: self.session(&of.worker),
                search: self.way_now().place.search().to_owned(),
            })),
        }
    }

    /// What tmux calls the session of a worker.
    pub(in crate::launch) fn session(&self, of: &WorkerName) -> String {
        self.way_now().place.session(of)
    }

    /// Asks the tmux of an attempt; what it says, and what else is to be seen, where that is wanted.
    ///
    /// # Errors
    /// Why there is no answer; what was asked may have been done.
    pub(in crate::launch) async fn tmux(
        &self,
        of: &AttemptRef,
        asked: &Asked<'_>,
        keep: usize,
    ) -> Result<(String, Option<Around>), String> {
        let way = self.way_now();
        let script = way.place.tmux(of, asked);
        let limit = asked.within + ON_ITS_WAY;
        let output = way.link.run(&script, limit, keep).await;
        let output = output.map_err(|error| in_one_line(&error))?;
        let name = self.name();
        if !output.exit.is_success() {
            let said = String::from_utf8_lossy(&output.errors);
            return Err(format!("host {name}: tmux: {}", said.trim()));
        }
        let said = String::from_utf8_lossy(&output.output).into_owned();
        if matches!(asked.also, Also::Nothing) {
            return Ok((said, None));
        }
        let strange = || format!("host {name}: what is to be seen of it cannot be read");
        let (around, said) = around::read(&said).ok_or_else(strange)?;
        Ok((said.to_owned(), Some(around)))
    }

    fn turns(&self) -> MutexGuard<'_, BTreeMap<AttemptRef, Turn>> {
        // A panic while it was held left what is still right.
        self.0.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose turn it is to bring the log of this one.
    pub(in crate::launch::remote) fn turn(&self, of: &AttemptRef) -> Turn {
        Arc::clone(self.turns().entry(of.clone()).or_default())
    }

    /// A part of the log of an attempt.
    pub(in crate::launch::remote) async fn read(
        &self,
        of: &AttemptRef,
        from: u64,
        most: u64,
        last: bool,
        forget: u64,
    ) -> Result<Vec<u8>, String> {
        let script = self.way_now().place.read(of, from, most, last, forget);
        let output = self.run(&script).await?;
        match output.exit.is_success() {
            true => Ok(output.output),
            false => Err(String::from_utf8_lossy(&output.errors).trim().to_owned()),
        }
    }

    /// It is history here: its log is brought home, and nothing of it stays there. Where that cannot be done
    /// now, it is when the host is asked next.
    pub(crate) fn tidy(&self, of: &AttemptRef) {
        let (far, of) = (self.clone(), of.clone());
        self.known().finished.insert(of.clone());
        tokio::spawn(async move {
            let directory = Directory::of(&far.0.state, &of);
            if log::fetch(&far, &of, &directory, true).await.is_err() {
                return;
            }
            if far.run(&far.way_now().place.drop(&of)).await.is_ok() {
                let mut known = far.known();
                known.attempts.remove(&of);
                known.finished.remove(&of);
                drop(known);
                far.turns().remove(&of);
            }
        });
    }

    pub(super) async fn run(&self, script: &crate::ssh::Script) -> Result<Output, String> {
        let way = self.way_now();
        let ran = way.link.run(script, WITHIN, LONGEST).await;
        ran.map_err(why)
    }

    /// The process there is to tell when there is more of the log than this.
    pub(in crate::launch::remote) fn wish_for_more(&self, of: &AttemptRef, than: u64) {
        let mut known = self.known();
        let Some(entry) = known.attempts.get_mut(of) else {
            return;
        };
        if !entry.followed {
            entry.followed = true;
            self.wish(format!("more {} {} {than}", of.worker, of.attempt));
        }
    }

    pub(super) fn wish(&self, line: String) {
        // The task that takes them lives as long as we do.
        drop(self.way_now().wishes.send(line));
    }
}
