//! Another configuration takes the place of the one before.
//!
//! Promise: what did not change is not touched; the resume point stays with its phase, and where the
//! other plan does not have that, nothing is guessed.

use super::{
    Fact, Level, Refusal, Rig, SetBy,
    command::failed,
    life::Life,
    plan::{At, Progress},
    worker::{Asked, Worker},
};
use crate::{
    config::Config,
    model::{Now, WorkerName},
};

impl Rig {
    /// Whether the rig would take this configuration now, by what a reload goes by, and what it
    /// would not do that one may expect.
    ///
    /// # Errors
    /// What the command would be answered.
    pub fn may_reload(&self, now: Now, config: &Config) -> Result<Option<String>, Refusal> {
        Ok(self.progress_in(now, config)?.why_complete())
    }

    /// Where the plan of this configuration would stand.
    fn progress_in(&self, now: Now, config: &Config) -> Result<Progress, Refusal> {
        if self.progress.pending.is_some() || self.sender.is_some() {
            return Err(failed(
                "the resume point is being moved",
                Some("try again in a moment"),
            ));
        }
        let point = match &self.progress.at {
            // A point that the old plan did not have may be in the new one.
            At::Astray(Some(_)) => self.progress.stored().cloned(),
            At::NoPlan | At::Phase(_) | At::Complete | At::Astray(None) => {
                self.progress.point(now, SetBy::Plan)
            }
        };
        let progress = self
            .progress
            .changed(config.plan.clone(), point.as_ref(), now.mono);
        // Without a plan there is no phase that could be kept or ended first.
        let has_place = matches!(self.progress.at, At::Phase(_) | At::Complete);
        if let (Some(why), true) = (progress.why_astray(), has_place) {
            return Err(failed(
                &format!("{why}; nothing changed"),
                Some("keep the phase, or move on first: `supervisorctl phase done`"),
            ));
        }
        Ok(progress)
    }

    pub(super) fn reload(&mut self, now: Now, config: Config) -> Result<String, Refusal> {
        let progress = self.progress_in(now, &config)?;
        if progress.plan != self.progress.plan {
            self.give_up_ending(now, "the plan is another one");
        }
        let told = self.progress.current().map(|(_, phase)| phase.id.clone());
        let was_astray = self.progress.why_astray().is_some();
        let stored = self.progress.stored().cloned();
        let just_set = self.progress.just_set && progress.is_still_at(told.as_ref());
        self.progress = progress;
        self.progress.just_set = just_set;
        let point = self.progress.point(now, SetBy::Plan);
        if let Some(point) = point.filter(|point| stored.as_ref() != Some(point)) {
            self.ledger.add(Fact::Phase(point));
            self.record_ending();
        }
        let in_vain = self.names_in_vain();
        let removed: Vec<_> = self
            .workers
            .keys()
            .filter(|name| !config.workers.contains_key(*name))
            .cloned()
            .collect();
        for name in &removed {
            self.forget(now, name);
        }
        let mut mended = Vec::new();
        for (name, rules) in &config.workers {
            match self.workers.get_mut(name) {
                Some(worker) => {
                    let before = worker.definition;
                    worker.declared = true;
                    worker.adopt_rules(now, rules.clone());
                    if matches!(worker.life, Life::Held(_)) && !worker.is_of(before) {
                        mended.push(name);
                    }
                }
                None => {
                    self.workers
                        .insert(name.clone(), Worker::new(rules.clone(), now));
                }
            }
        }
        for name in mended {
            self.release(now, name);
        }
        if !self.progress.is_still_at(told.as_ref()) {
            self.phase_changed(now);
        }
        self.config = config;
        self.tell(
            now,
            "reloaded",
            Level::Info,
            None,
            "the configuration was reloaded".into(),
        );
        self.tell_gates_in_vain(now, &in_vain);
        if let (Some(why), false) = (self.progress.why_astray(), was_astray) {
            return Ok(format!("reloaded; {}", self.tell_astray(now, &why)));
        }
        if let Some(why) = self.progress.why_complete() {
            self.tell(now, "plan-stays-complete", Level::Warning, None, why);
        }
        Ok("reloaded".into())
    }

    /// A worker is no longer declared: what was decided about it is void, should it come back.
    fn forget(&mut self, now: Now, name: &WorkerName) {
        self.release(now, name);
        self.forget_trouble(name);
        self.forget_spent(name);
        self.forget_breaker(name);
        if let Some(worker) = self.workers.get_mut(name) {
            worker.declared = false;
            worker.asked = Asked::Nothing;
            if worker.limit.take().is_some() {
                self.ledger.add(Fact::Limit {
                    worker: name.clone(),
                    limit: None,
                });
            }
            if !worker.run {
                worker.run = true;
                self.ledger.add(Fact::Operator {
                    worker: name.clone(),
                    run: true,
                });
            }
        }
    }
}
