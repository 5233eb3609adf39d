//! What is refused while a worker lacks something of the machine.

use super::{Refusal, Rig, command::failed};
use crate::{config::Lack, model::WorkerName};

impl Rig {
    /// Why these are not restarted, with what each lacks now: of one that lives, a restart is refused
    /// which would only end it.
    pub fn refused_restart<'a>(
        &self,
        mut lacking: impl Iterator<Item = (&'a WorkerName, Lack)>,
    ) -> Option<Refusal> {
        let lives = |name| {
            let worker = self.workers.get(name);
            worker.is_some_and(|worker| worker.life.attempt().is_some())
        };
        let (name, lack) = lacking.find(|(name, _)| lives(*name))?;
        let text = format!("worker {name} could not start again: {lack}; nothing was restarted");
        Some(failed(&text, lack.hint.as_deref()))
    }
}
