//! The end of the demo: everything is stopped, and nothing is left.

use std::time::{Duration, Instant};

use super::{
    DemoError, Input, ours,
    play::{Came, Play},
};

/// A daemon that has not stopped its workers by then is killed, and they with it.
const STOPS_WITHIN: Duration = Duration::from_secs(20);

impl Play<'_, '_> {
    /// Stops everything, and tells only what was checked.
    pub(super) fn stop(mut self) -> Result<(), DemoError> {
        // The proxy would wait for it to end by itself.
        self.line = None;
        self.watcher = None;
        let in_order = self.stop_daemon();
        let left = ours::end(&self.stage.path)?;
        let path = self.stage.path.clone();
        self.stage.strike(self.options.keep)?;
        if in_order? && !left.is_empty() {
            let names = left
                .iter()
                .map(|ours| format!("{} (pid {})", ours.worker, ours.process.pid));
            return Err(DemoError::Left(names.collect()));
        }
        let path = path.display();
        let rest = if self.options.keep {
            format!("{path} is kept: origin.git, loopkeeperd.log, state/attempts/*/*")
        } else {
            format!("{path} is removed")
        };
        self.voice.line("")?;
        self.voice
            .line(&format!("Stopped. Nothing of it runs any more, {rest}."))
    }

    /// As a person would, with SIGINT. False when there was no daemon that could be asked.
    fn stop_daemon(&mut self) -> Result<bool, DemoError> {
        let Some(daemon) = self.daemon.take() else {
            return Ok(false);
        };
        let deadline = Some(Instant::now() + STOPS_WITHIN);
        let mut up = daemon.up;
        let mut asked = false;
        loop {
            // Before it is up, SIGINT would just kill it.
            if up && !asked {
                daemon.interrupt()?;
                asked = true;
            }
            match self.wait(deadline)? {
                Came::Input(Input::Up { life }) if life == daemon.life => up = true,
                Came::Input(Input::Ended { life, .. }) if life == daemon.life => return Ok(asked),
                Came::Input(_) => {}
                Came::Deadline => {
                    daemon.kill()?;
                    return Err(DemoError::Daemon {
                        how: format!("did not stop within {} s", STOPS_WITHIN.as_secs()),
                        said: self.stage.last_words(),
                    });
                }
            }
        }
    }
}
