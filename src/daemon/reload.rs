//! The configuration, read again: on request, on SIGHUP, or to see what would change.
//!
//! Promise: a file with a mistake, or one that the core refuses, changes nothing; and a dry run goes
//! by what the real one goes by.

use std::time::Duration;

use super::{Asked, Daemon, Input, files::NEEDS_SETTLE};
use crate::{
    config::{self, Complaints, Config, Diff},
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
}

impl Daemon {
    pub(super) async fn reload(&mut self, answer: Answer, dry_run: bool) {
        match self.read_config() {
            Err(complaints) => {
                let message = format!("configuration is refused:\n{}", complaints.render(false));
                let hint = format!("nothing was changed; check the file with: {}", self.check());
                answer.error(Refusal::new(RefusalKind::Usage, message).hint(hint));
            }
            Ok((config, diff)) => {
                // What the core refuses, it refuses for itself.
                let note = match self.rig.may_reload(super::now(), &config) {
                    Ok(note) if dry_run => {
                        return answer.ok(Reply::Diff(self.diff_view(&config, diff, note)));
                    }
                    Err(refusal) if dry_run => return answer.error(refusal.into()),
                    may => may.ok().flatten(),
                };
                let view = self.diff_view(&config, diff, note);
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
    pub(super) async fn reload_by_signal(&mut self, due: bool) {
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
        self.reloads = Reloads {
            last: Some(now),
            waits: false,
        };
        self.manager.reloading();
        match self.read_config() {
            Err(complaints) => {
                let why = format!("{complaints}; see all with: {}", self.check());
                self.refuse_reload(&why);
                self.turn(Event::Wake).await;
            }
            Ok((config, _)) if config == self.config => {
                self.troubles.over(RELOAD);
                tracing::info!("the configuration was read again, and nothing is different");
            }
            Ok((config, diff)) => {
                let command = Command::Reload(Box::new(config.clone()));
                // Nobody waits for the answer; the core tells it.
                self.warn(&config);
                let view = self.diff_view(&config, diff, None);
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
        self.store.note_declared(&config.kinds());
        self.config = config;
        self.look_at_limits();
        self.follow_needs();
    }

    /// Watches what the configuration has as secrets, and what else a worker waits for.
    pub(super) fn follow_needs(&mut self) {
        let environment = &self.environment;
        let paths = self.config.workers.values().flat_map(|worker| {
            let waits = !worker.lacks(environment).is_empty();
            let needs = waits.then(|| worker.needs(environment));
            let secrets = worker.secrets.files.values().cloned();
            needs.into_iter().flatten().chain(secrets)
        });
        self.files.follow_needs(paths);
    }

    /// Something on the way to what a worker needs is another. All that happens within
    /// [`NEEDS_SETTLE`] is looked at together.
    pub(super) async fn needs_changed(&mut self, settled: bool) {
        if settled {
            self.needs_settle = false;
            // What happens from now on is heard; what did not change is found to be the same.
            self.follow_needs();
            self.turn(Event::NeedsMayDiffer).await;
        } else if !self.needs_settle {
            self.needs_settle = true;
            self.later(NEEDS_SETTLE, Input::Needs { settled: true });
        }
    }

    fn diff_view(&self, config: &Config, diff: Diff, note: Option<String>) -> DiffView {
        DiffView {
            applied: false,
            note,
            warnings: config::doubts(config, &self.environment),
            diff,
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
    /// happens, and shown until a reload is done.
    pub(super) fn refuse_reload(&mut self, why: &str) {
        let told = format!("nothing was reloaded: {why}");
        let shown = format!("{told}; once that is mended: supervisorctl reload");
        self.troubles.begin(super::now(), RELOAD, shown);
        self.announce("reload-refused", Level::Error, told);
    }

    /// Says what of the configuration may be right and mostly is not, where nobody waits for it.
    pub(super) fn warn(&self, config: &Config) {
        for doubt in config::doubts(config, &self.environment) {
            tracing::warn!("{doubt}");
        }
    }

    fn read_config(&self) -> Result<(Config, Diff), Complaints> {
        let config = config::load(&self.paths.config, &self.environment)?;
        let diff = config::diff(&self.config, &config);
        Ok((config, diff))
    }

    /// What a person types to see every mistake.
    fn check(&self) -> String {
        format!("supervisorctl check {}", typed(&self.paths.config))
    }
}
