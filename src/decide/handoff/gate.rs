//! A gate, and what may be done with it.
//!
//! Promise: whatever is asked for, by whomever and in whichever order, it is at most one side's turn, and
//! no round is above the number that is allowed.

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::super::{Refusal, RefusalKind, command::failed};
use crate::{
    config::Handoff,
    model::{GateName, ItemName, WorkerName},
};

/// Of what happened to a gate, so much is kept.
const KEPT: usize = 100;

/// Something that a worker says it has passed, and another one verifies: as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Gate {
    /// Its name.
    pub gate: GateName,
    /// Where it stands.
    pub state: GateState,
    /// Who claims it.
    pub from: WorkerName,
    /// Who verifies it.
    pub to: WorkerName,
    /// The how many-th claim it is since a person, or a claim of it anew, began to count; 0 before the first.
    pub round: u32,
    /// In the last of so many rounds a person is asked.
    pub rounds: u32,
    /// The commit that was claimed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Its branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// What is not in that commit, or nowhere but on this machine, where it was claimed all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacks: Option<String>,
    /// Since when it stands there.
    pub since: Timestamp,
    /// What was said last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Whoever is to hear of that has it in the inbox; a person, that the notification was run.
    pub told: bool,
    /// What was done, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub happened: Vec<Happened>,
}

/// Where a gate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GateState {
    /// It is to be verified.
    Claimed,
    /// Something is wrong: it is to be claimed again.
    Back,
    /// It is over.
    Passed,
    /// It was claimed too often: a person is to say how it goes on.
    Asks,
}

/// Something that was done with a gate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Happened {
    /// When.
    pub at: Timestamp,
    /// By which worker; a person where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<WorkerName>,
    /// Where it stood then.
    pub state: GateState,
    /// In which round.
    pub round: u32,
    /// What was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// By which request.
    pub ask: AskId,
}

/// Tells requests apart; given by who asks: the time, and something more.
pub type AskId = String;

/// When that was asked, where its id says it.
pub(super) fn asked_at(id: &AskId) -> Option<Timestamp> {
    let time = DateTime::strptime("%Y%m%dT%H%M%S%.fZ", id.get(..TIME)?).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Who asks for something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Asker {
    /// This worker.
    Worker(WorkerName),
    /// Root, or the daemon's user.
    Person,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Of which gate.
    pub gate: GateName,
    /// What.
    pub step: Step,
    /// Of which claim, where that was said.
    #[serde(default, skip_serializing_if = "Verified::is_any")]
    pub verified: Verified,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Which claim was verified: where another one stands by now, the step is not for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verified {
    /// Its round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
    /// How its commit begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl Verified {
    fn is_any(&self) -> bool {
        *self == Self::default()
    }

    fn is_of(&self, gate: &Gate) -> bool {
        let begins = |begin: &String| {
            let commit = gate.commit.as_ref();
            commit.is_some_and(|commit| commit.starts_with(begin.as_str()))
        };
        self.round.is_none_or(|round| round == gate.round)
            && self.commit.as_ref().is_none_or(begins)
    }
}

/// What may be done with a gate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Step {
    /// It is passed, says who works on it.
    Claim(Claim),
    /// It is passed indeed.
    Pass,
    /// Something is wrong.
    Back,
    /// It is not a gate any more.
    Drop,
}

/// What is claimed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// What is not in the commit, or not pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacks: Option<String>,
    /// Also where it has passed already.
    #[serde(default)]
    pub again: bool,
}

/// How long the time is in the name of a text.
const TIME: usize = "20261122T132425.123456Z".len();

/// Whether a file in an inbox is a text that says where this gate stands, or stood.
pub fn is_text_of(item: &ItemName, gate: &GateName) -> bool {
    let name = item.as_os_str().to_str();
    let time = name
        .and_then(|name| name.strip_prefix("handoff-")?.strip_suffix(".md"))
        .and_then(|rest| rest.strip_prefix(gate.as_str())?.strip_prefix('-'));
    // Gate 1d is not gate 1d-b.
    time.is_some_and(|time| time.len() == TIME && time.starts_with(|c: char| c.is_ascii_digit()))
}

impl Gate {
    /// Whose turn it is; `None` where it is a person's, or nobody's any more.
    pub fn turn(&self) -> Option<&WorkerName> {
        match self.state {
            GateState::Claimed => Some(&self.to),
            GateState::Back => Some(&self.from),
            GateState::Passed | GateState::Asks => None,
        }
    }

    /// Which worker is to hear of where it stands.
    pub(super) fn hears(&self) -> Option<&WorkerName> {
        match self.state {
            GateState::Claimed => Some(&self.to),
            GateState::Back | GateState::Passed => Some(&self.from),
            GateState::Asks => None,
        }
    }

    /// The file in an inbox that says where it stands.
    pub(in crate::decide) fn item(&self) -> ItemName {
        let since = self.since.to_zoned(TimeZone::UTC);
        let time = since.strftime("%Y%m%dT%H%M%S%.6fZ");
        format!("handoff-{}-{time}.md", self.gate).as_str().into()
    }

    /// Why whoever works on it cannot claim it as it stands, if so; `again`: also where it has passed. Of one that
    /// waits in vain for who verifies it, that is not all.
    pub(crate) fn why_not_claimed(&self, again: bool) -> Option<Refusal> {
        let hint = match self.state {
            GateState::Back => return None,
            GateState::Passed if again => return None,
            GateState::Passed => format!(
                "`supervisorctl handoff claim {} --again` begins anew",
                self.gate
            ),
            GateState::Claimed | GateState::Asks => what_happened(&self.gate),
        };
        Some(failed(&self.stands(), Some(&hint)))
    }

    /// Whether this was asked for, and done.
    pub(super) fn has_done(&self, by: &Asker, ask: &AskId) -> bool {
        let by = by.worker();
        let mut happened = self.happened.iter();
        happened.any(|one| one.ask == *ask && one.by.as_ref() == by)
    }

    /// The same with this done to it.
    fn steps(&self, state: GateState, round: u32, asked: &Asked<'_>) -> Self {
        // Two that happened in the same moment have names of their own in an inbox.
        let after = self.since.checked_add(SignedDuration::from_micros(1));
        let since = after.map_or(asked.at, |after| asked.at.max(after));
        let note = asked.ask.note.clone();
        let mut happened = self.happened.clone();
        happened.push(Happened {
            at: asked.at,
            by: asked.by.worker().cloned(),
            state,
            round,
            note: note.clone(),
            ask: asked.id.clone(),
        });
        let old = happened.len().saturating_sub(KEPT);
        happened.drain(..old);
        Self {
            state,
            round,
            since,
            note,
            told: false,
            happened,
            ..self.clone()
        }
    }
}

impl Asker {
    /// The worker, if it is one.
    pub fn worker(&self) -> Option<&WorkerName> {
        match self {
            Self::Worker(name) => Some(name),
            Self::Person => None,
        }
    }

    /// The worker that claims.
    ///
    /// # Errors
    /// Nobody else does.
    pub(crate) fn claims(&self) -> Result<&WorkerName, Refusal> {
        let hint = "say for which one: --as WORKER";
        self.worker()
            .ok_or_else(|| failed("a gate is claimed by a worker", Some(hint)))
    }
}

/// A request, with all that is known of it.
pub(super) struct Asked<'a> {
    pub(super) by: &'a Asker,
    pub(super) id: &'a AskId,
    pub(super) ask: &'a Ask,
    /// Who verifies what this worker claims.
    pub(super) rules: Option<&'a Handoff>,
    /// Whoever's turn it is, is not there.
    pub(super) in_vain: bool,
    pub(super) at: Timestamp,
}

impl Asked<'_> {
    /// What becomes of the gate; `None`: it is none any more.
    ///
    /// # Errors
    /// Why nothing does.
    pub(super) fn done_to(&self, gate: Option<&Gate>) -> Result<Option<Gate>, Refusal> {
        let known = || gate.ok_or_else(|| self.unknown());
        match &self.ask.step {
            Step::Claim(claim) => self.claim(gate, claim).map(Some),
            Step::Pass => self.pass(known()?).map(Some),
            Step::Back => self.back(known()?).map(Some),
            Step::Drop => match self.by {
                Asker::Person => known().map(|_| None),
                Asker::Worker(_) => {
                    let hint = format!(
                        "`supervisorctl handoff drop {}`, run by root or the daemon's user outside of any worker",
                        self.ask.gate
                    );
                    Err(self.refused("only a person drops a gate", Some(hint)))
                }
            },
        }
    }

    fn claim(&self, gate: Option<&Gate>, claim: &Claim) -> Result<Gate, Refusal> {
        let name = &self.ask.gate;
        let worker = self.by.claims()?;
        let rules = self.rules.ok_or_else(|| {
            let hint = format!(
                "write handoff = {{ to = \"WORKER\" }} in [workers.{worker}], then: `supervisorctl reload`"
            );
            self.refused(&format!("nobody verifies what {worker} claims"), Some(hint))
        })?;
        let round = match gate {
            None => 1,
            Some(gate) if gate.from != *worker => {
                let whose = format!("gate {name} is {}'s", gate.from);
                return Err(self.refused(&whose, None));
            }
            // Another one verifies the same round.
            Some(gate)
                if gate.state == GateState::Claimed && self.in_vain && rules.to != gate.to =>
            {
                gate.round
            }
            Some(gate) => match gate.why_not_claimed(claim.again) {
                Some(why_not) => return Err(why_not),
                None if gate.state == GateState::Passed => 1,
                None => gate.round.saturating_add(1),
            },
        };
        let before = gate.cloned().unwrap_or_else(|| Gate {
            gate: name.clone(),
            state: GateState::Claimed,
            from: worker.clone(),
            to: rules.to.clone(),
            round,
            rounds: rules.rounds,
            commit: None,
            branch: None,
            lacks: None,
            since: Timestamp::UNIX_EPOCH,
            note: None,
            told: false,
            happened: Vec::new(),
        });
        // A configuration that allows fewer rounds now does not cut off the one that begins.
        let rounds = rules.rounds.max(round);
        Ok(Gate {
            to: rules.to.clone(),
            rounds,
            commit: claim.commit.clone(),
            branch: claim.branch.clone(),
            lacks: claim.lacks.clone(),
            ..before.steps(GateState::Claimed, round, self)
        })
    }

    fn pass(&self, gate: &Gate) -> Result<Gate, Refusal> {
        self.may_judge(gate)?;
        Ok(gate.steps(GateState::Passed, gate.round, self))
    }

    fn back(&self, gate: &Gate) -> Result<Gate, Refusal> {
        self.may_judge(gate)?;
        Ok(match self.by {
            Asker::Worker(_) if gate.round >= gate.rounds => {
                gate.steps(GateState::Asks, gate.round, self)
            }
            Asker::Worker(_) => gate.steps(GateState::Back, gate.round, self),
            // From here it is counted anew.
            Asker::Person => gate.steps(GateState::Back, 0, self),
        })
    }

    /// Whether it is this one's turn to say how it is; a person may at any time, but not twice the same.
    fn may_judge(&self, gate: &Gate) -> Result<(), Refusal> {
        let may = match (self.by, gate.state) {
            (Asker::Worker(worker), GateState::Claimed) if *worker != gate.to => {
                let whose = format!("gate {} is for {} to verify", gate.gate, gate.to);
                return Err(self.refused(&whose, None));
            }
            (_, GateState::Claimed) | (Asker::Person, GateState::Asks) => true,
            (Asker::Person, GateState::Back) => self.ask.step == Step::Pass,
            (Asker::Person, GateState::Passed) => self.ask.step == Step::Back,
            (Asker::Worker(_), GateState::Back | GateState::Passed | GateState::Asks) => false,
        };
        if !may {
            return Err(self.refused(&gate.stands(), None));
        }
        match self.ask.verified.is_of(gate) {
            true => Ok(()),
            false => {
                let round = self.ask.verified.round;
                Err(self.refused(&gate.is_another_claim(round), None))
            }
        }
    }

    fn refused(&self, message: &str, hint: Option<String>) -> Refusal {
        let hint = hint.unwrap_or_else(|| what_happened(&self.ask.gate));
        failed(message, Some(&hint))
    }

    fn unknown(&self) -> Refusal {
        Refusal {
            kind: RefusalKind::Unknown,
            message: format!(
                "gate {} does not exist: nobody has claimed it",
                self.ask.gate
            ),
            hint: Some("`supervisorctl handoff list` shows those that were".into()),
            screen: None,
        }
    }
}

fn what_happened(gate: &GateName) -> String {
    format!("`supervisorctl handoff list {gate}` shows what happened to it")
}
