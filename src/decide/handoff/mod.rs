//! Gates that workers hand to each other: one claims, another one verifies, and says pass or back.
//!
//! # Promise
//!
//! Where a gate stands is in a file of its own, and changes only after that was written: it is one side's
//! turn at most, and after so many rounds a person's. Whoever is to hear of it finds one text in the inbox for
//! each step, and what is told to people is told at least once. A file that cannot be read is told, and never
//! written over. The gates of workers that nobody declares any more stay as they are, and that they wait is
//! shown (`vain`).
//!
//! # How
//!
//! ```text
//!  it lies there ─► decided (gate) ─► WriteHandoff ─► AnswerAsk
//!                                          │
//!                                          └─► notice, and a text to an inbox ─► WriteHandoff: told
//! ```
//!
//! A request that was done is known by its id, which is in the file: one that lies there still, for its
//! daemon was killed, is answered and not done again. A step that is not known to be told is told again: the
//! text is a file whose name is that of the step, so whoever delivers it finds that it is there already. A text
//! of an earlier step that nobody has begun to type is taken out of its inbox (`revoke`). What
//! cannot be written is written later, and until then the gate takes no other request.

mod gate;
mod revoke;
mod vain;
mod words;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::SignedDuration;

use super::{Effect, Level, Refusal, Rig, command::failed};
use crate::model::{GateName, ItemName, Mono, Now};
use gate::Asked;

pub use gate::{Ask, AskId, Asker, Claim, Gate, GateState, Happened, Step, Verified, is_text_of};

/// From what failed to the next try, at first and at the most.
const AGAIN: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));
/// So many gates may be open at once: each is looked at in each turn.
const MOST_OPEN: usize = 200;
/// Who asks for a step waits so long for the answer.
pub const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
/// Who asks for a step waits so long for a daemon, where none has the rig.
pub const RESTARTED_WITHIN: Duration = Duration::from_secs(3);
/// Whoever leaves a text in an inbox says within this time how that went, or it is done again.
const SILENCE: Duration = Duration::from_secs(60);

/// A request that lies there: what is asked for, or why that cannot be read.
pub type Lying = (AskId, Result<Ask, String>);

/// All gates, and what lies there to be done with them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Handoffs {
    gates: BTreeMap<GateName, Gate>,
    /// Those whose files cannot be read, and why.
    unreadable: BTreeMap<GateName, String>,
    lying: BTreeMap<Asker, Vec<Lying>>,
    /// What was answered, and lies there still.
    answered: BTreeSet<(Asker, AskId)>,
    writing: BTreeMap<GateName, Writing>,
    telling: BTreeMap<GateName, Telling>,
}

/// A gate on its way into its file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Writing {
    /// `None`: it is to be no gate any more.
    next: Option<Gate>,
    /// Who asked for that.
    ask: Option<(Asker, AskId)>,
    /// It was refused, and why; when it is tried again.
    refused: Option<(String, Mono)>,
    waits: Waits,
}

/// Somebody is to hear of a gate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Telling {
    /// When it is tried again, also if nobody has said how it went.
    until: Mono,
    /// Why the last try failed.
    failed: Option<String>,
    waits: Waits,
}

/// How long is waited from one try to the next: longer each time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Waits(Option<Duration>);

impl Waits {
    /// Until when, from now on.
    fn next(&mut self, now: Mono) -> Mono {
        let (first, most) = AGAIN;
        let wait = self.0.map_or(first, |before| (before * 2).min(most));
        self.0 = Some(wait);
        now + wait
    }

    fn is_first(&self) -> bool {
        self.0.is_none()
    }
}

impl Handoffs {
    /// With what the files say.
    pub(super) fn restored(files: BTreeMap<GateName, Result<Gate, String>>) -> Self {
        let mut handoffs = Self::default();
        for (name, read) in files {
            match read {
                Ok(gate) => drop(handoffs.gates.insert(name, gate)),
                Err(why) => drop(handoffs.unreadable.insert(name, why)),
            }
        }
        handoffs
    }

    pub(super) fn next_deadline(&self) -> Option<Mono> {
        let writing = self.writing.values();
        let writing = writing.filter_map(|one| one.refused.as_ref().map(|(_, again)| *again));
        let telling = self.telling.iter();
        let telling = telling.filter(|(gate, _)| !self.writing.contains_key(*gate));
        let telling = telling.map(|(_, one)| one.until);
        writing.chain(telling).min()
    }

    /// Those that are not over.
    pub(super) fn open(&self) -> impl Iterator<Item = &Gate> {
        let gates = self.gates.values();
        gates.filter(|gate| gate.state != GateState::Passed)
    }

    /// What keeps gates from going on, in words.
    pub(super) fn troubles(&self) -> impl Iterator<Item = String> {
        let unreadable = self.unreadable.iter();
        let unreadable = unreadable.map(|(gate, why)| cannot_be_read(gate, why));
        let writing = self.writing.iter().filter_map(|(gate, writing)| {
            let (why, _) = writing.refused.as_ref()?;
            Some(format!(
                "{}; it is tried again",
                cannot_be_written(gate, why)
            ))
        });
        let telling = self.telling.iter().filter_map(|(gate, telling)| {
            let why = telling.failed.as_ref()?;
            Some(format!("{}; it is tried again", cannot_be_told(gate, why)))
        });
        unreadable.chain(writing).chain(telling)
    }
}

impl Rig {
    /// Tells of what was found and cannot be read.
    pub(super) fn tell_unreadable_gates(&mut self, now: Now) {
        let unreadable = self.handoffs.unreadable.iter();
        let texts: Vec<_> = unreadable
            .map(|(gate, why)| cannot_be_read(gate, why))
            .collect();
        for text in texts {
            self.tell(now, "handoff-unreadable", Level::Error, None, text);
        }
    }

    /// Files that could not be read may have been mended.
    pub(super) fn look_at_unreadable_gates(&mut self) {
        let unreadable = self.handoffs.unreadable.keys().cloned();
        self.out.extend(unreadable.map(Effect::ReadHandoff));
    }

    /// What the file of a gate says that could not be read before.
    pub(super) fn handoff_read(&mut self, gate: GateName, read: Result<Option<Box<Gate>>, String>) {
        if self.handoffs.unreadable.remove(&gate).is_none() {
            return;
        }
        match read {
            Ok(Some(is)) => drop(self.handoffs.gates.insert(gate, *is)),
            Ok(None) => {}
            Err(why) => drop(self.handoffs.unreadable.insert(gate, why)),
        }
    }

    /// Somebody has looked for requests of this one.
    pub(super) fn asks_seen(&mut self, by: Asker, lying: Vec<Lying>) {
        let lies = |id: &AskId| lying.iter().any(|(other, _)| other == id);
        self.handoffs
            .answered
            .retain(|(whose, id)| *whose != by || lies(id));
        self.handoffs.lying.insert(by, lying);
    }

    /// A request was answered and taken away, or was not.
    pub(super) fn ask_answered(&mut self, by: &Asker, id: &AskId, answered: Result<(), String>) {
        if answered.is_err() {
            // A later look tells of it again.
            self.handoffs.answered.remove(&(by.clone(), id.clone()));
        }
        if let Some(lying) = self.handoffs.lying.get_mut(by) {
            lying.retain(|(other, _)| other != id);
        }
    }

    /// What is due for gates: what lies there is decided, what could not be written is tried again, and who is
    /// to hear of it is told.
    pub(super) fn tend_handoffs(&mut self, now: Now) {
        if self.leaving.is_some() {
            return;
        }
        self.write_again(now);
        let lying = self.handoffs.lying.iter().flat_map(|(by, all)| {
            let one = move |(id, ask): &Lying| (by.clone(), id.clone(), ask.clone());
            all.iter().map(one)
        });
        let lying: Vec<_> = lying.collect();
        for (by, id, ask) in lying {
            self.take_ask(now, by, id, ask);
        }
        // Of what is handed over nothing is being written; who is to hear of it hears it elsewhere.
        if self.refuse_handed_over().is_ok() {
            self.tell_turns(now);
        }
    }

    /// The gates are another machine's from now on: what is under way here would be on neither, and who is to
    /// hear of them hears it there.
    pub(super) fn give_up_handoffs(&mut self) -> Result<(), Refusal> {
        let hint = "once more in a moment; `supervisorctl status` shows what keeps it";
        if let Some(gate) = self.handoffs.writing.keys().next() {
            let message =
                format!("where gate {gate} stands is being written, so nothing is handed over");
            return Err(failed(&message, Some(hint)));
        }
        let mut lying = self.handoffs.lying.values().flatten();
        if let Some((id, _)) = lying.next() {
            let message =
                format!("request {id} about a gate is not answered yet, so nothing is handed over");
            return Err(failed(&message, Some(hint)));
        }
        self.handoffs.telling.clear();
        Ok(())
    }

    fn take_ask(&mut self, now: Now, by: Asker, id: AskId, ask: Result<Ask, String>) {
        if self.handoffs.answered.contains(&(by.clone(), id.clone())) {
            return;
        }
        let ask = match ask {
            Ok(ask) => ask,
            Err(why) => {
                let refusal = failed(&format!("request cannot be read: {why}"), None);
                return self.refuse_ask(now, by, id, refusal);
            }
        };
        if self.handoffs.writing.contains_key(&ask.gate) {
            return;
        }
        if let Some(why) = self.handoffs.unreadable.get(&ask.gate) {
            let refusal = failed(&cannot_be_read(&ask.gate, why), None);
            return self.refuse_ask(now, by, id, refusal);
        }
        let gate = self.handoffs.gates.get(&ask.gate);
        if let Some(gate) = gate.filter(|gate| gate.has_done(&by, &id)) {
            let done = gate.answer();
            return self.answer_ask(by, id, Ok(done));
        }
        if let Err(refusal) = self.refuse_handed_over() {
            return self.refuse_ask(now, by, id, refusal);
        }
        if let Asker::Worker(name) = &by
            && !self.workers.get(name).is_some_and(|worker| worker.declared)
        {
            let message = format!("worker {name} is not declared any more");
            let hint = "a person says it, or it asks again once it is declared";
            return self.refuse_ask(now, by, id, failed(&message, Some(hint)));
        }
        let worker = by.worker().and_then(|name| self.workers.get(name));
        let rules = worker.filter(|worker| worker.declared);
        if matches!(ask.step, Step::Claim(_))
            && gate.is_none()
            && self.handoffs.open().count() >= MOST_OPEN
        {
            let message = format!("{MOST_OPEN} gates are open already, so none is claimed");
            let hint =
                "`supervisorctl handoff list` shows them; a person drops those that are none";
            return self.refuse_ask(now, by, id, failed(&message, Some(hint)));
        }
        let asked = Asked {
            by: &by,
            id: &id,
            ask: &ask,
            rules: rules.and_then(|worker| worker.rules.handoff.as_ref()),
            in_vain: gate.is_some_and(|gate| self.waits_in_vain(gate)),
            at: now.wall,
        };
        match asked.done_to(gate) {
            Ok(next) => self.write_gate(ask.gate.clone(), next, Some((by, id))),
            Err(refusal) => self.refuse_ask(now, by, id, refusal),
        }
    }

    /// Who does not wait for the answer any more finds it in the history.
    fn refuse_ask(&mut self, now: Now, by: Asker, id: AskId, refusal: Refusal) {
        let without_daemon = |at| {
            let began = self.started.wall.duration_since(at);
            began.max(SignedDuration::ZERO).unsigned_abs()
        };
        let waits = |at| {
            without_daemon(at) <= RESTARTED_WITHIN
                && now.wall.duration_since(at).unsigned_abs() <= ANSWERED_WITHIN
        };
        if gate::asked_at(&id).is_some_and(|at| !waits(at)) {
            let who = by.worker().map_or("a person", |worker| worker.as_str());
            let text = format!(
                "request {id} of {who} about a gate is refused, and nobody waits for the answer: {}",
                refusal.message
            );
            let level = Level::Warning;
            match by.worker() {
                Some(worker) => self.tell_of(now, "handoff-refused", level, worker, text),
                None => self.tell(now, "handoff-refused", level, None, text),
            }
        }
        self.answer_ask(by, id, Err(refusal));
    }

    fn answer_ask(&mut self, by: Asker, id: AskId, answer: Result<String, Refusal>) {
        self.handoffs.answered.insert((by.clone(), id.clone()));
        self.out.push(Effect::AnswerAsk { by, id, answer });
    }

    fn write_gate(&mut self, gate: GateName, next: Option<Gate>, ask: Option<(Asker, AskId)>) {
        let writing = Writing {
            next,
            ask,
            refused: None,
            waits: Waits::default(),
        };
        self.out.push(writing.effect(&gate));
        self.handoffs.writing.insert(gate, writing);
    }

    fn write_again(&mut self, now: Now) {
        for (gate, writing) in &mut self.handoffs.writing {
            let due = |(_, again): &mut (String, Mono)| now.mono >= *again;
            if writing.refused.take_if(due).is_some() {
                self.out.push(writing.effect(gate));
            }
        }
    }

    /// The file of a gate was written, or taken away, or was not.
    pub(super) fn handoff_written(&mut self, now: Now, gate: GateName, done: Result<(), String>) {
        let Some(mut writing) = self.handoffs.writing.remove(&gate) else {
            return;
        };
        if let Err(why) = done {
            let text = cannot_be_written(&gate, &why);
            let is_first = writing.waits.is_first();
            writing.refused = Some((why, writing.waits.next(now.mono)));
            self.handoffs.writing.insert(gate, writing);
            if is_first {
                self.tell(now, "handoff-stuck", Level::Warning, None, text);
            }
            return;
        }
        if writing.ask.is_some() {
            self.handoffs.telling.remove(&gate);
        }
        let said = match &writing.next {
            Some(is) => is.answer(),
            None => {
                let text = format!("gate {gate} is dropped");
                self.tell(now, "handoff-dropped", Level::Info, None, text.clone());
                text
            }
        };
        match writing.next {
            Some(is) => drop(self.handoffs.gates.insert(gate, is)),
            None => {
                if let Some(was) = self.handoffs.gates.remove(&gate) {
                    self.revoke(&was, None);
                }
            }
        }
        if let Some((by, id)) = writing.ask {
            self.answer_ask(by, id, Ok(said));
        }
    }

    /// Whoever is to hear of a step and has not is told of it.
    fn tell_turns(&mut self, now: Now) {
        let untold = self.handoffs.gates.values();
        let untold = untold.filter(|gate| !gate.told);
        let untold: Vec<Gate> = untold
            .filter(|gate| !self.handoffs.writing.contains_key(&gate.gate))
            .cloned()
            .collect();
        for gate in untold {
            match self.handoffs.telling.get(&gate.gate) {
                None => {
                    let (event, level, text) = gate.notice();
                    self.tell_of(now, event, level, &gate.from, text);
                    self.revoke(&gate, Some(gate.item()));
                    self.tell_turn(now, &gate);
                }
                Some(telling) if now.mono >= telling.until => self.tell_turn(now, &gate),
                Some(_) => {}
            }
        }
    }

    fn tell_turn(&mut self, now: Now, gate: &Gate) {
        let Some(worker) = gate.hears() else {
            return self.is_told(gate);
        };
        let agent = self.agent_with_inbox(worker);
        let Some(one_line) = agent.map(|agent| !agent.typing.bracketed) else {
            let why =
                format!("{worker} has no inbox: it is not declared any more, or has no agent");
            return self.not_told(now, gate, why);
        };
        self.out.push(Effect::TellHandoff {
            gate: gate.gate.clone(),
            worker: worker.clone(),
            item: gate.item(),
            text: gate.text(one_line),
        });
        let telling = self.handoffs.telling.entry(gate.gate.clone());
        let until = now.mono + SILENCE;
        telling
            .and_modify(|telling| telling.until = until)
            .or_insert(Telling {
                until,
                failed: None,
                waits: Waits::default(),
            });
    }

    /// That is recorded, and it is not told again.
    fn is_told(&mut self, gate: &Gate) {
        self.handoffs.telling.remove(&gate.gate);
        let told = Gate {
            told: true,
            ..gate.clone()
        };
        self.write_gate(gate.gate.clone(), Some(told), None);
    }

    fn not_told(&mut self, now: Now, gate: &Gate, why: String) {
        let text = cannot_be_told(&gate.gate, &why);
        let before = self.handoffs.telling.remove(&gate.gate);
        let mut waits = before.map_or_else(Waits::default, |one| one.waits);
        let is_first = waits.is_first();
        let until = waits.next(now.mono);
        let telling = Telling {
            until,
            failed: Some(why),
            waits,
        };
        self.handoffs.telling.insert(gate.gate.clone(), telling);
        if is_first {
            self.tell_of(now, "handoff-stuck", Level::Warning, &gate.from, text);
        }
    }

    /// A text is in the inbox, and was perhaps before, or could not be left there.
    pub(super) fn handoff_told(
        &mut self,
        now: Now,
        gate: &GateName,
        item: &ItemName,
        left: Result<(), String>,
    ) {
        let is_it = |gate: &&Gate| !gate.told && gate.item() == *item;
        let Some(gate) = self.handoffs.gates.get(gate).filter(is_it).cloned() else {
            return;
        };
        if self.handoffs.writing.contains_key(&gate.gate) || self.refuse_handed_over().is_err() {
            // It is to stand elsewhere already, or is another machine's.
            return;
        }
        match left {
            Ok(()) => self.is_told(&gate),
            Err(why) => self.not_told(now, &gate, why),
        }
    }
}

impl Writing {
    fn effect(&self, gate: &GateName) -> Effect {
        match &self.next {
            Some(next) => Effect::WriteHandoff(Box::new(next.clone())),
            None => Effect::DropHandoff(gate.clone()),
        }
    }
}

fn cannot_be_read(gate: &GateName, why: &str) -> String {
    format!(
        "where gate {gate} stands cannot be read: {why}; mend handoff/{gate}.toml in the state directory, \
         or take it away"
    )
}

fn cannot_be_written(gate: &GateName, why: &str) -> String {
    format!("where gate {gate} stands cannot be written: {why}")
}

fn cannot_be_told(gate: &GateName, why: &str) -> String {
    format!("nobody can be told where gate {gate} stands: {why}")
}

#[cfg(test)]
mod tests;
