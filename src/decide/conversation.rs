//! With which conversation an agent is started.
//!
//! # Promise
//!
//! A worker that keeps its conversation goes on with the same one, whatever ended its program. A new
//! one is begun where there was none, where the operator asked for it, for another agent and, where it is
//! kept for a phase, in another phase. Where nobody knows how to go on, that is told, and never passed
//! over in silence. An id is recorded before the program is started with it. One that a program shows is
//! not given up for another one before two looks in a row have seen that, and then it is told.
//!
//! # How
//!
//! A program refuses to go on with a conversation in which nothing was said yet, and one that chooses
//! no id itself refuses to begin the same one twice. So what is begun is marked, as soon as a look sees
//! it work or a text is taken. The mark may be late: who fails before it was well and did nothing is
//! started the other way next, with the same id. Who shows an id is gone on with also without the mark;
//! should that fail so, nothing was said in it, and it is left for a new one.

use super::{
    Fact, KnownConversation, Level, Refusal, RequestId, Rig, command::failed, waiter::Decision,
    worker::Worker,
};
use crate::{
    agent::{profile::Session, sighting::Seen, signs::Signs},
    config::Keeps,
    model::{AttemptRef, Exit, Now, PhaseId, WorkerName},
};

const NEW: &str = ", with a new conversation";

/// How an agent is started, and what is to be told of it.
#[derive(Default)]
pub(super) struct Opening {
    /// Behind those of its command.
    pub(super) arguments: Vec<String>,
    /// Reads on after "starting builder".
    pub(super) words: String,
    /// It is a new one.
    pub(super) new: bool,
    /// There was a conversation, and nobody knows how to go on with it.
    pub(super) lost: bool,
}

impl Worker {
    /// The conversation that it would go on with in this phase.
    pub(super) fn conversation_in(&self, phase: Option<&PhaseId>) -> Option<&KnownConversation> {
        let agent = self.rules.agent.as_ref()?;
        let known = self.conversation.as_ref()?;
        let goes_on = match self.rules.conversation {
            Keeps::Nothing => false,
            Keeps::Always => true,
            Keeps::InPhase => known.phase.as_ref() == phase,
        };
        (goes_on && known.agent == agent.name).then_some(known)
    }
}

impl Rig {
    /// How the worker is started in this phase.
    pub(super) fn open_conversation(
        &mut self,
        name: &WorkerName,
        phase: Option<&PhaseId>,
    ) -> Opening {
        let Some(worker) = self.workers.get_mut(name) else {
            return Opening::default();
        };
        (worker.conversed, worker.resumes, worker.shown) = (false, false, None);
        let keeps = worker.rules.conversation != Keeps::Nothing;
        let Some(agent) = worker.rules.agent.clone().filter(|_| keeps) else {
            return Opening::default();
        };
        let known = worker.conversation_in(phase).cloned();
        let chosen = matches!(agent.session, Session::Chosen { .. });
        let shows = matches!(agent.session, Session::Shown { .. });
        let goes_on = |known: &KnownConversation| known.begun || shows && known.id.is_some();
        let way = known.as_ref().map(|known| match goes_on(known) {
            true => agent.going_on(known.id.as_deref()),
            false => agent.beginning(known.id.as_deref().unwrap_or_default()),
        });
        if let (Some(Some(arguments)), Some(known)) = (&way, known) {
            worker.resumes = goes_on(&known);
            let same = worker.resumes || chosen;
            let which = known.id.map_or(String::new(), |id| format!(" {id}"));
            return Opening {
                arguments: arguments.clone(),
                words: match same {
                    true => format!(", with its conversation{which}"),
                    false => NEW.to_owned(),
                },
                new: false,
                lost: false,
            };
        }
        let id = chosen.then(|| uuid(&mut self.rng));
        let arguments = agent.beginning(id.as_deref().unwrap_or_default());
        let new = KnownConversation {
            agent: agent.name.clone(),
            id,
            phase: phase.cloned(),
            begun: false,
        };
        worker.conversation = Some(new.clone());
        self.ledger.add(Fact::Conversation {
            worker: name.clone(),
            conversation: Some(new),
        });
        Opening {
            arguments: arguments.unwrap_or_default(),
            words: NEW.to_owned(),
            new: true,
            lost: way.is_some(),
        }
    }

    /// That its conversation is lost is told.
    pub(super) fn tell_lost_conversation(&mut self, now: Now, of: &AttemptRef) {
        let name = &of.worker;
        let text = format!(
            "{name} begins a new conversation: its screen never showed the id of the one before; \
             `supervisorctl replay {name}` shows what was said"
        );
        self.tell(
            now,
            "worker-conversation-lost",
            Level::Warning,
            Some(of),
            text,
        );
    }

    /// What a look says of its conversation.
    pub(super) fn conversation_seen(&mut self, now: Now, of: &AttemptRef, signs: &Signs) {
        if matches!(signs.sighting.seen, Seen::Busy) {
            self.conversation_began(of);
        }
        let Some(worker) = self.worker_of(of) else {
            return;
        };
        let before = std::mem::replace(&mut worker.shown, signs.session.clone());
        let (Some(shown), Some(known)) = (&signs.session, &worker.conversation) else {
            return;
        };
        let known = known.id.clone().filter(|known| known != shown);
        if known.is_some() && before.as_ref() != Some(shown) {
            return;
        }
        self.change_conversation(of, |known| known.id = Some(shown.clone()));
        if let Some(known) = known {
            let text = format!(
                "{} shows that it is in conversation {shown} now, and no longer in {known}; its next start \
                 goes on with {shown}",
                of.worker
            );
            let event = "worker-conversation-changed";
            self.tell(now, event, Level::Warning, Some(of), text);
        }
    }

    /// Something was said in it.
    pub(super) fn conversation_began(&mut self, of: &AttemptRef) {
        if let Some(worker) = self.worker_of(of) {
            worker.conversed = true;
        }
        self.change_conversation(of, |known| known.begun = true);
    }

    /// An attempt ended by itself. One that failed at once may have been started in the wrong way.
    pub(super) fn conversation_ended(
        &mut self,
        now: Now,
        of: &AttemptRef,
        exit: &Exit,
        healthy: bool,
    ) {
        let Some(worker) = self.worker_of(of) else {
            return;
        };
        let Some(agent) = worker.rules.agent.clone() else {
            return;
        };
        if healthy || worker.conversed || exit.is_success() || exit.never_ran() {
            return;
        }
        match agent.session {
            Session::Chosen { .. } => {
                self.change_conversation(of, |known| known.begun = !known.begun);
            }
            Session::Shown { .. } => self.leave_unsaid(now, of),
            Session::None | Session::Kept { .. } => {}
        }
    }

    /// It did not go on with what it had shown, and nobody saw that anything was said in it.
    fn leave_unsaid(&mut self, now: Now, of: &AttemptRef) {
        let Some(worker) = self.worker_of(of) else {
            return;
        };
        let tried = std::mem::take(&mut worker.resumes);
        let known = worker
            .conversation
            .as_ref()
            .filter(|known| tried && !known.begun);
        let Some(id) = known.and_then(|known| known.id.clone()) else {
            return;
        };
        self.change_conversation(of, |known| known.id = None);
        let name = &of.worker;
        let text = format!(
            "{name} begins a new conversation: it failed at once with {id}, in which nobody saw it work; \
             `supervisorctl replay {name}` shows what was said"
        );
        let event = "worker-conversation-lost";
        self.tell(now, event, Level::Warning, Some(of), text);
    }

    /// The operator wants a new one at the next start.
    pub(super) fn leave_conversation(
        &mut self,
        now: Now,
        id: RequestId,
        name: &WorkerName,
    ) -> Result<Option<String>, Refusal> {
        let worker = self.workers.get_mut(name).filter(|worker| worker.declared);
        let Some(worker) = worker else {
            return Err(self.unknown_worker(name));
        };
        if worker.rules.conversation == Keeps::Nothing {
            let hint =
                format!("conversation = \"kept\" in [workers.{name}] keeps one over its starts");
            let message =
                format!("worker {name} keeps no conversation: each start is as its command says");
            return Err(failed(&message, Some(&hint)));
        }
        let runs = worker.life.attempt().is_some();
        let known = worker.conversation.take();
        let which = known
            .and_then(|known| known.id)
            .map_or(String::new(), |id| format!(" {id}"));
        self.ledger.add(Fact::Conversation {
            worker: name.clone(),
            conversation: None,
        });
        let text = format!("{name}: its conversation{which} is left by the operator");
        self.tell_of(now, "worker-conversation-left", Level::Info, name, text);
        let next = match runs {
            true => format!("; `supervisorctl restart {name}` does so now"),
            false => String::new(),
        };
        let said = format!("{name}: its next start begins a new conversation{next}");
        let decided = Decision::forget(name);
        self.wait_for(now, id, Vec::new(), Some(said), vec![decided]);
        Ok(None)
    }

    fn change_conversation(
        &mut self,
        of: &AttemptRef,
        change: impl FnOnce(&mut KnownConversation),
    ) {
        let Some(worker) = self.worker_of(of) else {
            return;
        };
        let Some(known) = worker.conversation.as_mut() else {
            return;
        };
        let before = known.clone();
        change(known);
        if *known != before {
            let conversation = Some(known.clone());
            self.ledger.add(Fact::Conversation {
                worker: of.worker.clone(),
                conversation,
            });
        }
    }
}

/// A random UUID (RFC 9562, section 5.4).
fn uuid(rng: &mut fastrand::Rng) -> String {
    let random = rng.u128(..);
    let marked = random & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let digits = format!("{marked:032x}");
    [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ]
    .join("-")
}
