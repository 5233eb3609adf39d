//! The task that keeps knowing how everything there is.

use std::{collections::BTreeSet, convert::Infallible, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep, sleep_until},
};

use super::{Far, Way, known::Entry, lines, why};
use crate::{
    launch::{
        News, Reach,
        directory::{self, Directory},
        remote::{
            Seen,
            answer::{self, Line},
        },
    },
    model::AttemptRef,
    ssh::State,
};

/// Nobody tells that news were lost.
const ASK_EVERY: Duration = Duration::from_secs(60);
/// After something that failed although there is a connection.
const AGAIN: Duration = Duration::from_secs(2);

impl Far {
    /// Nothing is known any more.
    pub(super) fn lose(&self, why: &str) {
        let text = format!("host {} does not answer: {why}", self.name());
        let was_known = {
            let mut known = self.known();
            let was_known = known.unreachable.replace(text.clone()).is_none();
            if was_known {
                known.since = Timestamp::now();
            }
            for entry in known.attempts.values_mut() {
                (entry.awaited, entry.followed) = (false, false);
                let seen = Seen::Unreachable(text.clone());
                entry.seen.send_replace(seen);
            }
            was_known
        };
        let why = why.to_owned();
        self.reach(if was_known {
            Reach::Lost(why)
        } else {
            Reach::Never(why)
        });
    }

    pub(super) fn reach(&self, is: Reach) {
        self.news(News::Reach(self.name().clone(), is));
    }

    /// Asks for everything.
    async fn ask(&self) -> Result<(), String> {
        let mut asked = self.recorded();
        // What is begun meanwhile may not be in the answer.
        let before: BTreeSet<AttemptRef> = {
            let known = self.known();
            let there = known
                .attempts
                .keys()
                .filter(|of| !known.beginning.contains(*of));
            there.cloned().collect()
        };
        asked.retain(|(of, _)| !self.known().beginning.contains(of));
        let script = self.way_now().place.ask(&asked);
        let output = self.run(&script).await?;
        let lines = lines(&output);
        if lines.last() != Some(&Line::End) {
            let said = String::from_utf8_lossy(&output.errors);
            let what = "what is there cannot be told";
            return Err(format!("{what}: {}: {}", output.exit, said.trim()));
        }
        let there: BTreeSet<AttemptRef> = lines
            .iter()
            .filter_map(|line| match line {
                Line::Attempt(of, _) => Some(of.clone()),
                Line::Boot(..) | Line::More(_) | Line::Gone(_) | Line::End => None,
            })
            .collect();
        for line in lines {
            self.learn(line);
        }
        let mut known = self.known();
        known
            .attempts
            .retain(|of, _| there.contains(of) || !before.contains(of));
        // Of what was begun on another machine this one knows nothing.
        let elsewhere = asked.into_iter().filter(|(of, _)| !there.contains(of));
        for (of, machine) in elsewhere {
            let why = format!(
                "host {} is another machine than the one on which it was started: that was {}, and this is {}",
                self.name(),
                machine.unwrap_or_default(),
                known.machine.clone().unwrap_or_default(),
            );
            let seen = Seen::Unreachable(why);
            known.attempts.insert(of, Entry::new(seen));
        }
        if known.unreachable.take().is_some() {
            known.since = Timestamp::now();
        }
        let never_ran: BTreeSet<AttemptRef> = there
            .iter()
            .filter(|of| known.never_ran(of))
            .cloned()
            .collect();
        let finished = known.finished.clone();
        drop(known);
        self.0.answered.notify_waiters();
        let mut unknown = Vec::new();
        for of in there {
            let directory = Directory::of(&self.0.state, &of);
            let is_here = directory.path().exists();
            if directory.is_concluded()
                || finished.contains(&of)
                || !is_here && never_ran.contains(&of)
            {
                self.tidy(&of);
            } else if !is_here {
                unknown.push(of);
            }
        }
        self.tell_of_unknown(&unknown);
        self.known().unknown = unknown;
        Ok(())
    }

    /// What this rig has there, and nobody here has a record of. Nothing is done to it, and nothing is started
    /// beside it.
    fn tell_of_unknown(&self, unknown: &[AttemptRef]) {
        let names = unknown
            .iter()
            .map(|of| format!("{} ({})", of.worker, of.attempt));
        let names: Vec<String> = names.collect();
        let (name, rig) = (self.name(), &self.0.afar.rig);
        let about = format!("unknown attempts on host {name}");
        self.news(match unknown {
            [] => News::Well(about),
            _ => News::Problem {
                about,
                text: format!(
                    "host {name}: there are attempts of rig {rig} that nobody here has a record of: {}",
                    names.join(", ")
                ),
            },
        });
    }

    /// The attempts of this host that are not concluded, and the machine on which they were started.
    pub(super) fn recorded(&self) -> Vec<(AttemptRef, Option<String>)> {
        let state = &self.0.state;
        let mut all = Vec::new();
        for worker in directory::workers(state).unwrap_or_default() {
            for attempt in directory::attempts(state, &worker).unwrap_or_default() {
                let worker = worker.clone();
                let of = AttemptRef { worker, attempt };
                let directory = Directory::of(state, &of);
                if directory.is_concluded() {
                    continue;
                }
                let afar = directory.spec().and_then(|spec| spec.far);
                if let Some(afar) = afar.filter(|afar| self.is_of(afar)) {
                    all.push((of, afar.machine));
                }
            }
        }
        all
    }

    /// One connection, as long as it stands: asks, then listens.
    async fn listen(
        &self,
        way: &Way,
        wanted: &mut mpsc::UnboundedReceiver<String>,
        state: &mut watch::Receiver<State>,
    ) -> Result<Infallible, String> {
        let channel = way.link.open_channel(&way.place.watch()).await;
        let mut channel = channel.map_err(why)?;
        // What was wished of the process before is wished again.
        while wanted.try_recv().is_ok() {}
        for entry in self.known().attempts.values_mut() {
            (entry.awaited, entry.followed) = (false, false);
        }
        self.ask().await?;
        self.reach(Reach::Reached);
        self.measure().await;
        let mut again = Instant::now() + self.asks_again_after();
        loop {
            tokio::select! {
                line = channel.line() => self.hear(&line.map_err(why)?),
                Some(wish) = wanted.recv() => channel.send(&wish).await.map_err(why)?,
                _ = state.changed() => if let State::Down { why, .. } = &*state.borrow_and_update() {
                    return Err(why.clone());
                },
                () = sleep_until(again) => {
                    self.ask().await?;
                    self.measure().await;
                    again = Instant::now() + self.asks_again_after();
                }
            }
        }
    }

    /// What an earlier daemon was about to start is told of by nobody.
    fn asks_again_after(&self) -> Duration {
        let known = self.known();
        let mut attempts = known.attempts.iter();
        let left = attempts.any(|(of, entry)| {
            !known.beginning.contains(of) && *entry.seen.borrow() == Seen::Starting
        });
        if left { AGAIN } else { ASK_EVERY }
    }

    fn hear(&self, line: &[u8]) {
        if let Some(line) = answer::read(&String::from_utf8_lossy(line)) {
            self.learn(line);
        }
    }
}

/// Until this is aborted: listens while there is a connection, and tells why there is none.
pub(super) async fn keep(far: Far, way: Arc<Way>, mut wanted: mpsc::UnboundedReceiver<String>) {
    let mut state = way.link.state();
    // The first try is on its way.
    if matches!(*state.borrow_and_update(), State::Down { .. }) && state.changed().await.is_err() {
        return;
    }
    loop {
        let now = state.borrow_and_update().clone();
        match now {
            State::Down { why, .. } => {
                far.lose(&why);
                if state.changed().await.is_err() {
                    return;
                }
            }
            State::Up { .. } => {
                let name = far.name();
                let words =
                    format!("host {name} is connected, and has not told yet what runs there");
                far.known().unreachable = Some(words);
                let Err(why) = far.listen(&way, &mut wanted, &mut state).await;
                far.lose(&why);
                sleep(AGAIN).await;
            }
        }
    }
}
