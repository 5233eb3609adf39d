//! What is said of gates: to agents, to people, in the history.

use super::{
    super::Level,
    gate::{Gate, GateState},
};

/// Digits of a commit that are enough to know it.
const DIGITS: usize = 12;

fn short(commit: &str) -> &str {
    commit.get(..DIGITS).unwrap_or(commit)
}

impl Gate {
    /// What is typed to the agent that is to hear of it. Who cannot be given several lines gets one.
    pub(super) fn text(&self, one_line: bool) -> String {
        let Self { gate, to, from, .. } = self;
        let note = self.note.as_deref().unwrap_or("without a word");
        let text = match self.state {
            GateState::Claimed => format!(
                "{from} claims gate {gate}{}, {}: {note}\nVerify it, then run: supervisorctl handoff pass \
                 {gate}{of}, or: supervisorctl handoff back {gate}{of} -m WHY",
                self.claimed(),
                self.counted(),
                of = self.options(),
            ),
            GateState::Back => format!(
                "Gate {gate} is back from {}, {}: {note}\nMend it, then run: supervisorctl handoff claim {gate}",
                self.by(),
                self.counted(),
            ),
            GateState::Passed => format!("Gate {gate} has passed, says {}: {note}", self.by()),
            GateState::Asks => format!("Gate {gate} of {from} and {to} waits for a person: {note}"),
        };
        match one_line {
            true => text.replace('\n', " "),
            false => text,
        }
    }

    /// What is told of it: the event, how loud it is, and its words.
    pub(super) fn notice(&self) -> (&'static str, Level, String) {
        let Self { gate, to, from, .. } = self;
        let note = match &self.note {
            Some(note) => format!(": {note}"),
            None => String::new(),
        };
        match self.state {
            GateState::Claimed => (
                "handoff-claimed",
                Level::Info,
                format!(
                    "{from} claims gate {gate}{}, {}; {to} verifies it{note}",
                    self.claimed(),
                    self.counted()
                ),
            ),
            GateState::Back => (
                "handoff-back",
                Level::Info,
                format!(
                    "gate {gate} is back from {}, {}; it is {from}'s turn{note}",
                    self.by(),
                    self.counted()
                ),
            ),
            GateState::Passed => (
                "handoff-passed",
                Level::Info,
                format!("gate {gate} of {from} has passed, says {}{note}", self.by()),
            ),
            GateState::Asks => (
                "handoff-rounds",
                Level::Error,
                format!(
                    "gate {gate} of {from} waits for a person: {to} says back in {}{note}; `supervisorctl handoff \
                     pass {gate}`, `back {gate} -m WHY` or `drop {gate}` goes on",
                    self.counted()
                ),
            ),
        }
    }

    /// What who asked is answered.
    pub(super) fn answer(&self) -> String {
        let Self { gate, to, from, .. } = self;
        match self.state {
            GateState::Claimed => format!(
                "gate {gate} is claimed{}, {}; {to} verifies it",
                self.claimed(),
                self.counted()
            ),
            GateState::Back => format!(
                "gate {gate} is back, {}; it is {from}'s turn",
                self.counted()
            ),
            GateState::Passed => format!("gate {gate} has passed; {from} is told"),
            GateState::Asks => {
                format!(
                    "gate {gate} waits for a person: that was {}",
                    self.counted()
                )
            }
        }
    }

    /// ` at commit 0123456789ab (branch main)`, as far as that is known.
    fn claimed(&self) -> String {
        let Some(commit) = &self.commit else {
            return String::new();
        };
        let branch = match &self.branch {
            Some(branch) => format!("branch {branch}"),
            None => "on no branch".to_owned(),
        };
        let lacks = match &self.lacks {
            Some(lacks) => format!("; {lacks}"),
            None => String::new(),
        };
        let commit = short(commit);
        format!(" at commit {commit} ({branch}{lacks})")
    }

    /// What says which claim a verdict is about.
    fn options(&self) -> String {
        let commit = self.commit.as_deref().map(short);
        let commit = commit.map_or(String::new(), |commit| format!(" --commit {commit}"));
        format!(" --round {}{commit}", self.round)
    }

    /// Why this is not the moment.
    pub(super) fn stands(&self) -> String {
        let Self {
            gate: name,
            from,
            to,
            round,
            rounds,
            ..
        } = self;
        match self.state {
            GateState::Claimed => format!("gate {name} is claimed already, and waits for {to}"),
            GateState::Back => format!("gate {name} is back already, and waits for {from}"),
            GateState::Passed => format!("gate {name} has passed already"),
            GateState::Asks => {
                format!("gate {name} waits for a person, after round {round} of {rounds}")
            }
        }
    }

    /// Why a verdict is not for it, that was said of another round or of another commit.
    pub(super) fn is_another_claim(&self, round: Option<u32>) -> String {
        if let Some(round) = round.filter(|round| *round != self.round) {
            return format!(
                "gate {} is not in round {round}: it is {}{}, and is to be verified as it stands there",
                self.gate,
                match self.round {
                    0 => self.counted(),
                    _ => format!("in {}", self.counted()),
                },
                self.claimed()
            );
        }
        format!(
            "gate {} is another claim than that which was verified, {}{}: it is to be verified anew",
            self.gate,
            self.counted(),
            self.claimed()
        )
    }

    fn counted(&self) -> String {
        match self.round {
            0 => format!("with {} rounds ahead", self.rounds),
            round => format!("round {round} of {}", self.rounds),
        }
    }

    /// Who did the last thing to it.
    fn by(&self) -> &str {
        let last = self.happened.last().and_then(|last| last.by.as_ref());
        last.map_or("a person", |worker| worker.as_str())
    }
}
