//! The demo as it goes: waits for what happens, tells the story of it, and does what that asks for.

use std::{
    collections::VecDeque,
    io,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    time::{Duration, Instant},
};

use notify::RecommendedWatcher;

use super::{
    DemoError, Ended, Input, Options,
    daemon::Daemon,
    line::{EchoServer, Line},
    ours, signals,
    stage::{self, Stage},
    story::{Commit, Happening, Moment, Seen, Story},
    summary::Summary,
    voice::Voice,
    watch,
};

/// Of the time given, this much is for stopping everything.
const TO_STOP: Duration = Duration::from_secs(2);
/// Between the fields of a commit; git knows it as %x1f.
const SEPARATOR: char = '\u{1f}';

/// Runs the demo to its end, and leaves nothing behind.
///
/// # Errors
/// What could not be set up, what was not seen, or what was left.
pub fn run(options: Options, voice: &mut Voice<'_>) -> Result<(), DemoError> {
    stage::check_programs()?;
    let executable = std::env::current_exe()
        .map_err(|error| DemoError::Process("path of this program", error))?;
    let begun = Instant::now();
    let (sender, inputs) = mpsc::channel();
    signals::catch(sender.clone())?;
    let echo = EchoServer::bind()?;
    let stage = Stage::set(executable, echo.address)?;
    let mut play = Play {
        begun,
        options,
        voice,
        watcher: Some(watch::begin(&stage, sender.clone())?),
        stage,
        echo: Some(echo),
        line: None,
        daemon: None,
        lives: 0,
        killed: None,
        head: String::new(),
        story: Story::new(),
        sender,
        inputs,
    };
    let seen = play.play();
    let stopped = play.stop();
    seen.and(stopped)
}

/// A demo under way.
pub(super) struct Play<'a, 'v> {
    pub(super) begun: Instant,
    pub(super) options: Options,
    pub(super) voice: &'a mut Voice<'v>,
    pub(super) stage: Stage,
    pub(super) watcher: Option<RecommendedWatcher>,
    /// Until the connection is made.
    pub(super) echo: Option<EchoServer>,
    pub(super) line: Option<Line>,
    pub(super) daemon: Option<Daemon>,
    /// Daemons that were started.
    pub(super) lives: u32,
    /// What ran when the daemon was killed, until its end is seen.
    pub(super) killed: Option<Vec<Seen>>,
    /// The last commit that was told.
    pub(super) head: String,
    pub(super) story: Story,
    pub(super) sender: Sender<Input>,
    pub(super) inputs: Receiver<Input>,
}

/// Why the waiting is over.
pub(super) enum Came {
    Input(Input),
    Deadline,
}

impl Play<'_, '_> {
    fn play(&mut self) -> Result<(), DemoError> {
        self.open()?;
        self.head = stage::git(&self.stage.origin(), &["rev-parse", "main"])?
            .trim()
            .to_owned();
        self.start_daemon()?;
        let deadline = self
            .options
            .within
            .map(|within| self.begun + within.saturating_sub(TO_STOP));
        let mut ended = Ended::Wrong;
        while !self.story.is_told() {
            match self.wait(deadline)? {
                Came::Input(Input::Signal) => {
                    ended = Ended::Interrupted;
                    break;
                }
                Came::Deadline => {
                    ended = Ended::OutOfTime;
                    break;
                }
                Came::Input(input) => self.take(input)?,
            }
        }
        let missing = self.story.missing();
        if ended != Ended::Interrupted {
            self.summary()?;
        }
        if !missing.is_empty() {
            return Err(DemoError::Incomplete { ended, missing });
        }
        if self.options.within.is_none() {
            self.stay()?;
        }
        Ok(())
    }

    fn open(&mut self) -> Result<(), DemoError> {
        self.voice
            .title("Loopkeeper keeps loops running. Here is a rig, and then things go wrong.")?;
        let place = self.stage.path.display();
        for line in [
            "A Builder that writes primes, an Adversary that refutes them, a SOCKS proxy beside them:",
            "real processes, git repositories, crashes. Nothing is installed; all of it lies in",
            &format!("{place}."),
            "",
        ] {
            self.voice.line(line)?;
        }
        Ok(())
    }

    pub(super) fn wait(&self, deadline: Option<Instant>) -> Result<Came, DemoError> {
        let closed = || DemoError::Process("watching", io::ErrorKind::UnexpectedEof.into());
        let Some(deadline) = deadline else {
            return self.inputs.recv().map(Came::Input).map_err(|_| closed());
        };
        match self
            .inputs
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            Ok(input) => Ok(Came::Input(input)),
            Err(RecvTimeoutError::Timeout) => Ok(Came::Deadline),
            Err(RecvTimeoutError::Disconnected) => Err(closed()),
        }
    }

    /// Turns what came in into what happened.
    fn take(&mut self, input: Input) -> Result<(), DemoError> {
        let mut current = self.daemon.as_mut();
        let happening = match input {
            Input::Signal => return Ok(()),
            Input::Up { life } => match &mut current {
                Some(daemon) if daemon.life == life && !daemon.up => {
                    daemon.up = true;
                    Happening::DaemonUp { pid: daemon.pid() }
                }
                Some(_) | None => return Ok(()),
            },
            Input::Ended { life, how } => {
                if current.is_none_or(|daemon| daemon.life != life) {
                    return Ok(());
                }
                self.daemon_ended(how)?
            }
            Input::Notice(notice) => Happening::Notice(*notice),
            Input::LineOpen => Happening::LineOpen,
            Input::LineCut(how) => Happening::LineCut(how),
            Input::Pushed => return self.pushed(),
            Input::BuilderWrites => Happening::BuilderWrites,
        };
        self.tell(happening)
    }

    /// Tells what happened and does what follows, which may be more.
    fn tell(&mut self, happening: Happening) -> Result<(), DemoError> {
        let mut happened = VecDeque::from([happening]);
        while let Some(happening) = happened.pop_front() {
            let now = Moment {
                at: self.begun.elapsed(),
                echoed: self.echoed(),
            };
            let step = self.story.hear(now, happening);
            for (who, text) in step.lines {
                self.voice.say(now.at, who, &text)?;
            }
            for deed in step.deeds {
                happened.extend(self.perform(deed)?);
            }
        }
        Ok(())
    }

    fn daemon_ended(&mut self, how: String) -> Result<Happening, DemoError> {
        let ended = self.daemon.take().filter(|daemon| daemon.up);
        let Some(ended) = ended else {
            let said = self.stage.last_words();
            return Err(DemoError::Daemon { how, said });
        };
        Ok(match self.killed.take() {
            Some(before) => Happening::DaemonKilled {
                pid: ended.pid(),
                before,
            },
            None => Happening::DaemonEnded { how },
        })
    }

    /// Tells the commits since the last that was told.
    fn pushed(&mut self) -> Result<(), DemoError> {
        let range = format!("{}..main", self.head);
        let format = "--format=%H%x1f%h%x1f%an%x1f%s";
        let log = stage::git(
            &self.stage.origin(),
            &["log", "--reverse", format, range.as_str()],
        )?;
        for line in log.lines() {
            let mut fields = line.splitn(4, SEPARATOR).map(str::to_owned);
            let (Some(head), Some(id), Some(author), Some(subject)) =
                (fields.next(), fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            self.head = head;
            self.tell(Happening::Pushed(Commit {
                id,
                author,
                subject,
            }))?;
        }
        Ok(())
    }

    fn echoed(&self) -> u64 {
        self.line.as_ref().map_or(0, Line::echoed)
    }

    fn summary(&mut self) -> Result<(), DemoError> {
        let living: Vec<_> = ours::living(&self.stage.path)?
            .into_iter()
            .map(|ours| ours.attempt)
            .collect();
        Summary {
            story: &self.story,
            exits: &self.stage.exits(&living)?,
            echoed: self.echoed(),
        }
        .tell(self.voice)
    }

    /// Goes on, for those who want to look around, until a signal.
    fn stay(&mut self) -> Result<(), DemoError> {
        self.story.stay();
        self.invite()?;
        loop {
            match self.wait(None)? {
                Came::Deadline | Came::Input(Input::Signal) => return Ok(()),
                Came::Input(input) => self.take(input)?,
            }
        }
    }

    fn invite(&mut self) -> Result<(), DemoError> {
        let binaries = self.stage.executable.parent().map(|path| path.display());
        let binaries = binaries.map_or(String::new(), |path| path.to_string());
        let attach = if self.stage.tmux {
            "  supervisorctl attach adversary  look over its shoulder; C-b d leaves"
        } else {
            "  supervisorctl events -f         what happens, as it happens"
        };
        self.voice.line("")?;
        self.voice
            .title("It goes on until Ctrl-C. In another terminal:")?;
        for line in [
            format!(
                "  export PATH={binaries}:$PATH LOOPKEEPER_SOCKET={}",
                self.stage.socket().display()
            ),
            "  supervisorctl status --watch    then kill -9 whatever you like, and watch"
                .to_owned(),
            "  supervisorctl logs -f builder   what it does".to_owned(),
            attach.to_owned(),
            "  supervisorctl phase done        the plan is complete, the loops rest".to_owned(),
            format!(
                "  git -C {} log     their work",
                self.stage.origin().display()
            ),
            String::new(),
        ] {
            self.voice.line(&line)?;
        }
        Ok(())
    }
}
