//! Connects to a host, again and again, for as long as it is kept.

use std::{fs, io, path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout},
};

use super::{State, Target, configuration, master::Master, place::Place, turns::Turns, words};
use crate::{
    causes::{in_one_line, in_words},
    decide::link,
    host::look::At,
    launch::{self, command::Runner},
};

/// How long a try to connect may take: the first packet, keys, who we are, and every host on the way.
const CONNECTS_WITHIN: Duration = Duration::from_secs(45);

/// Why a connection ends that is of no use any more.
const RENEWED: &str =
    "it is made anew, since scripts that were given up and go on take its channels";

/// What connects, and to what.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) target: Target,
    pub(super) place: Place,
    pub(super) runner: Runner,
    /// Somebody wants a try at once.
    pub(super) now: Arc<Notify>,
    /// The connection is of no use any more.
    pub(super) renew: Arc<Notify>,
    pub(super) turns: Turns,
}

impl Keeper {
    /// Connects, again and again.
    pub(super) async fn keep(self, tell: watch::Sender<State>) {
        let mut rng = fastrand::Rng::new();
        let (mut failures, mut life) = (0, 0);
        let mut down_since = Timestamp::now();
        loop {
            let (why, lived) = match self.connect().await {
                Err(why) => (why, None),
                Ok(mut master) => {
                    life += 1;
                    self.turns.begin_anew();
                    tell.send_replace(State::Up { life });
                    let begin = Instant::now();
                    let why = tokio::select! {
                        exit = master.ended() => words::why(master.said(), &exit, &self.by_hand()),
                        () = self.renew.notified() => RENEWED.to_owned(),
                    };
                    down_since = Timestamp::now();
                    (why, Some(begin.elapsed()))
                }
            };
            failures = link::failures(failures, lived);
            let asked = self.now.notified();
            tokio::pin!(asked);
            // Who is told may ask at once.
            asked.as_mut().enable();
            let since = down_since;
            tell.send_replace(State::Down { why, since });
            tokio::select! {
                () = asked => {}
                () = sleep(link::again(failures, &mut rng)) => {}
            }
        }
    }

    /// One try.
    async fn connect(&self) -> Result<Master, String> {
        let unusable = |what: &Path, error: io::Error| {
            let (path, error) = (what.display(), in_words(&error));
            format!("{path}: {error}")
        };
        let Place {
            socket,
            configuration: file,
        } = &self.place;
        let ssh = launch::find("ssh");
        let ssh = ssh.ok_or("ssh is not in PATH: install OpenSSH's client (openssh-client)")?;
        self.see().await?;
        let text = configuration::text(&self.target).map_err(|error| error.to_string())?;
        let executable = self.runner.executable.to_run();
        let arguments = configuration::arguments(&self.target, &self.place, &executable);
        let arguments = arguments.map_err(|error| error.to_string())?;
        fs::write(file, text).map_err(|error| unusable(file, error))?;
        self.place
            .clear()
            .map_err(|error| unusable(socket, error))?;
        let master = Master::start(&self.runner, &ssh, &arguments);
        let mut master = master.map_err(|error| unusable(&ssh, error))?;
        match timeout(CONNECTS_WITHIN, master.connected()).await {
            Ok(Ok(())) => Ok(master),
            Ok(Err(exit)) => Err(words::why(master.said(), &exit, &self.by_hand())),
            Err(_) => Err(words::too_long(master.said(), CONNECTS_WITHIN)),
        }
    }

    /// Whether the files are there that were declared: ssh goes on without them.
    async fn see(&self) -> Result<(), String> {
        let files = [&self.target.ssh_config, &self.target.identity];
        for path in files.into_iter().flatten() {
            let file = path.clone();
            let look = move |at: &At| {
                at.comes_to(&file);
                fs::File::open(&file).map(drop)
            };
            let looks = &self.runner.looks;
            let seen = looks.look(&path.display().to_string(), look).await;
            let seen = seen.map_err(|error| in_one_line(&error))?;
            seen.map_err(|error| format!("{}: {}", path.display(), in_words(&error)))?;
        }
        Ok(())
    }

    fn by_hand(&self) -> String {
        configuration::by_hand(&self.target, &self.runner.executable.to_run())
    }
}
