//! The configuration, read again: on request, on SIGHUP, or to see what would change.
//!
//! Promise: a file with a mistake, or one that the core refuses, changes nothing; and a dry run goes
//! by what the real one goes by.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{Asked, Daemon, Input};
use crate::{
    config::{self, Complaints, Config},
    control::{
        protocol::{DiffView, Refusal, RefusalKind, Reply},
        server::Answer,
    },
    decide::{Command, Event, Level},
    model::Mono,
    paths::typed,
};

/// The kind of trouble of a configuration that was not taken over.
const RELOAD: &str = "reload";
/// The kind of trouble of limits that nobody keeps.
const LIMITS: &str = "limits";
/// From one SIGHUP that is obeyed to the next.
const RELOADS_APART: Duration = Duration::from_secs(1);

/// When SIGHUP is obeyed.
#[derive(Debug, Default)]
pub(super) struct Reloads {
    last: Option<Mono>,
    /// One more will be at the end of the pause.
    waits: bool,
    /// Whose turn it is to read: what was read first counts first.
    turn: Arc<Mutex<()>>,
}

/// The configuration with what is doubtful of it, or what is wrong with it.
type Read = Result<(Config, Vec<String>), Complaints>;

/// What the file says.
pub(super) struct Loaded {
    /// Who asked, and whether nothing is to be changed; a signal leaves nobody to answer.
    answer: Option<(Answer, bool)>,
    read: Read,
    /// Nobody else reads before this counts.
    _turn: OwnedMutexGuard<()>,
}

/// Says what of the configuration may be right and mostly is not, where nobody waits for it.
fn warn(doubts: &[String]) {
    for doubt in doubts {
        tracing::warn!("{doubt}");
    }
}

impl Daemon {
    pub(super) fn reload(&mut self, answer: Answer, dry_run: bool) {
        self.read_config(Some((answer, dry_run)));
    }

    /// What the file says now is known; who asked for it hears what comes of it.
    pub(super) async fn loaded(&mut self, loaded: Loaded) {
        match loaded.answer {
            Some((answer, dry_run)) => self.loaded_for(answer, dry_run, loaded.read).await,
            None => self.loaded_by_signal(loaded.read).await,
        }
    }

    async fn loaded_for(&mut self, answer: Answer, dry_run: bool, read: Read) {
        match read {
            Err(complaints) => {
                if !dry_run {
                    self.show_not_reloaded(&self.in_short(&complaints));
                }
                let message = format!("configuration is refused:\n{}", complaints.render(false));
                let hint = format!("nothing was changed; check the file with: {}", self.check());
                answer.error(Refusal::new(RefusalKind::Usage, message).hint(hint));
            }
            Ok((config, warnings)) => {
                // What the core refuses, it refuses for itself.
                let note = match self.rig.may_reload(super::now(), &config) {
                    Ok(note) if dry_run => {
                        return answer.ok(Reply::Diff(self.diff_view(&config, warnings, note)));
                    }
                    Err(refusal) if dry_run => return answer.error(refusal.into()),
                    may => may.ok().flatten(),
                };
                let view = self.diff_view(&config, warnings, note);
                let command = Command::Reload(Box::new(config.clone()));
                let reload = Some((config, view));
                self.ask_core(
                    Asked {
                        answer: Some(answer),
                        reload,
                    },
                    command,
                )
                .await;
            }
        }
    }

    /// SIGHUP: a refusal is told and shown, for nobody waits for it. However many come within
    /// [`RELOADS_APART`] after one was obeyed, they are one more.
    pub(super) fn reload_by_signal(&mut self, due: bool) {
        let now = super::now().mono;
        let left = self.reloads.last.map_or(Duration::ZERO, |last| {
            RELOADS_APART.saturating_sub(now.since(last))
        });
        if !due && (self.reloads.waits || !left.is_zero()) {
            if !self.reloads.waits {
                self.reloads.waits = true;
                self.later(left, Input::Reload { due: true });
            }
            return;
        }
        self.reloads.last = Some(now);
        self.reloads.waits = false;
        self.manager.reloading();
        self.read_config(None);
    }

    async fn loaded_by_signal(&mut self, read: Read) {
        match read {
            Err(complaints) => {
                self.refuse_reload(&self.in_short(&complaints));
                self.turn(Event::Wake).await;
            }
            Ok((config, _)) if config == self.config => {
                self.troubles.over(RELOAD);
                tracing::info!("the configuration was read again, and nothing is different");
            }
            Ok((config, warnings)) => {
                let command = Command::Reload(Box::new(config.clone()));
                // Nobody waits for the answer; the core tells it.
                warn(&warnings);
                let view = self.diff_view(&config, warnings, None);
                let reload = Some((config, view));
                self.ask_core(
                    Asked {
                        answer: None,
                        reload,
                    },
                    command,
                )
                .await;
            }
        }
        self.manager.ready();
    }

    /// What the shell itself uses of the configuration.
    pub(super) fn adopt_config(&mut self, config: Config) {
        self.troubles.over(RELOAD);
        self.files.follow(&config.plan);
        self.store.note_declared(&config.rig, &config.kinds());
        self.config = config;
        self.look_at_limits();
        self.host.keep_hosts(&self.config);
        self.follow_needs();
        self.inboxes.follow(&self.config);
        self.handoffs.follow(&self.config);
    }

    fn diff_view(&self, config: &Config, warnings: Vec<String>, note: Option<String>) -> DiffView {
        DiffView {
            applied: false,
            note,
            warnings,
            diff: config::diff(&self.config, config),
        }
    }

    /// Says what of the configuration is not kept on this machine.
    pub(super) fn look_at_limits(&mut self) {
        match self.host.not_kept(self.config.workers.values()) {
            Some(text) => self.last(LIMITS, text),
            None => self.troubles.over(LIMITS),
        }
    }

    /// Nobody waits for the answer to a signal, so a refusal is told like everything else that
    /// happens.
    pub(super) fn refuse_reload(&mut self, why: &str) {
        self.show_not_reloaded(why);
        let told = format!("nothing was reloaded: {why}");
        self.announce("reload-refused", Level::Error, told);
    }

    /// What runs is not what the file says, until a reload is done: the next daemon goes by the file.
    pub(super) fn show_not_reloaded(&mut self, why: &str) {
        let shown = format!(
            "what runs is not what {} says: {why}; once that is mended: supervisorctl reload",
            self.paths.config.display()
        );
        self.troubles.begin(super::now(), RELOAD, shown);
    }

    fn in_short(&self, complaints: &Complaints) -> String {
        format!("{complaints}; see all with: {}", self.check())
    }

    /// Says what of the configuration may be right and mostly is not, where nobody waits for it.
    pub(super) fn warn_of_doubts(&self) {
        let (eyes, config) = (self.host.eyes(), self.config.clone());
        tokio::task::spawn_local(async move { warn(&eyes.doubts(&config).await) });
    }

    /// Reads it beside the loop, one reading after the other.
    fn read_config(&self, answer: Option<(Answer, bool)>) {
        let turn = Arc::clone(&self.reloads.turn).lock_owned();
        let (file, environment) = (self.paths.config.clone(), self.environment.clone());
        let eyes = self.host.eyes();
        self.beside(async move {
            let turn = turn.await;
            let read = match config::load_by(eyes.looks(), &file, &environment).await {
                Ok(config) => {
                    let warnings = eyes.doubts(&config).await;
                    Ok((config, warnings))
                }
                Err(complaints) => Err(complaints),
            };
            Input::Loaded(Loaded {
                answer,
                read,
                _turn: turn,
            })
        });
    }

    /// What a person types to see every mistake.
    fn check(&self) -> String {
        format!("supervisorctl check {}", typed(&self.paths.config))
    }
}
