//! What holds of the conversations of agents.
//!
//! Promise: an agent that keeps its conversation is started with another one only where the rules of the
//! phase call for that, or where it is told that it is lost; and that it is another one is told each time.
//! How: the id is in the arguments of each start, and the store has the one before.

use std::collections::BTreeSet;

use loopkeeper::{
    config::{Config, Keeps},
    decide::Effect,
    model::WorkerName,
};

use crate::store::Content;

use super::{Violation, ensure};

#[derive(Debug, Clone, Default, Hash)]
pub(crate) struct Conversations {
    /// Who was declared last.
    declared: BTreeSet<WorkerName>,
    /// Who was not declared any more after its last start: another one of that name has none yet.
    removed: BTreeSet<WorkerName>,
}

impl Conversations {
    /// These are declared from now on.
    pub(crate) fn declared(&mut self, config: &Config, content: &Content) {
        // While the disk is full, the store knows nothing of who has begun.
        let names = content.plain().workers.keys().chain(&self.declared);
        let removed = names.filter(|name| !config.workers.contains_key(*name));
        self.removed.extend(removed.cloned());
        self.declared = config.workers.keys().cloned().collect();
    }

    /// Of a turn, with what was recorded before it; gives how many agents go on with theirs.
    pub(super) fn turn(&mut self, effects: &[Effect], before: &Content) -> Result<u64, Violation> {
        let mut kept = 0;
        for effect in effects {
            let Effect::Start {
                attempt,
                worker,
                arguments,
                phase,
            } = effect
            else {
                continue;
            };
            // What was kept of one that is not declared any more stays until another one is begun.
            if worker.agent.is_none()
                || worker.conversation == Keeps::Nothing
                || self.removed.remove(&attempt.worker)
            {
                continue;
            }
            let last = before.plain().workers.get(&attempt.worker);
            let Some(last) = last.and_then(|known| known.conversation.as_ref()) else {
                continue;
            };
            if last.id.as_ref() == arguments.last() {
                kept += 1;
                continue;
            }
            let says = |event: &str, words: &str| {
                effects.iter().any(|effect| match effect {
                    Effect::Tell(notice) => {
                        notice.event == event
                            && notice.attempt.as_ref() == Some(&attempt.attempt)
                            && notice.text.contains(words)
                    }
                    _ => false,
                })
            };
            ensure!(
                says("worker-starting", "with a new conversation"),
                "conversation",
                "{attempt:?} is started with {arguments:?}, which is another than {last:?}, without a word"
            );
            let phase = phase.as_ref().map(|phase| &phase.id);
            let by_phase = worker.conversation == Keeps::InPhase && last.phase.as_ref() != phase;
            ensure!(
                by_phase || says("worker-conversation-lost", ""),
                "conversation",
                "{attempt:?} is started with {arguments:?}, and kept {last:?}"
            );
        }
        Ok(kept)
    }
}
