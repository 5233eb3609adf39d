//! Gates, handed from one worker to another: each step done once and told once, whatever ends in between.

#![expect(
    clippy::disallowed_methods,
    reason = "people break the files of gates, and mend them"
)]

use std::collections::VecDeque;

use super::{
    agents::{agent, idle},
    *,
};
use crate::{
    config::Handoff,
    decide::{Ask, AskId, Asker, Claim, Gate, GateState, Lies, Step, Typed, Verified, is_text_of},
    model::{GateName, ItemName, WorkerName},
};

/// A rig whose builder claims and whose adversary verifies, and all that is around it.
struct Hands {
    play: Play,
    /// What lies there, by who asks.
    asks: BTreeMap<Asker, Vec<(AskId, Ask)>>,
    answers: BTreeMap<AskId, Result<String, String>>,
    /// Whose, and the name and text of what was left there.
    inbox: Vec<(String, String, String)>,
    /// Of those, whose and the names of what was taken away.
    revoked: BTreeSet<(String, String)>,
    told: Vec<(String, String)>,
    /// What helps whoever was refused last.
    hint: Option<String>,
    /// What the last command was answered.
    answered: Option<Result<String, String>>,
    /// So many effects are performed, and then the daemon is killed.
    left: usize,
    /// Nothing can be left in an inbox.
    shut: bool,
    /// Which claim the verdicts are about.
    verified: Verified,
}

fn name(worker: &str) -> WorkerName {
    worker.parse().unwrap()
}

fn gate() -> GateName {
    "1d".parse().unwrap()
}

fn by(worker: &str) -> Asker {
    match worker {
        "person" => Asker::Person,
        worker => Asker::Worker(name(worker)),
    }
}

fn claim() -> Step {
    Step::Claim(Claim {
        commit: Some("0123456789abcdef".into()),
        branch: Some("main".into()),
        ..Claim::default()
    })
}

impl Hands {
    fn new(rounds: u32) -> Self {
        Self::of(Play::begin(Self::rig(rounds)))
    }

    /// A rig that is paused, so that no loop runs.
    fn paused() -> Self {
        let mut play = Play::unasked(Self::rig(5));
        play.command(Command::Pause);
        play.tell(Event::Surveyed(Ok(Vec::new())));
        Self::of(play)
    }

    fn rig(rounds: u32) -> Config {
        let builder = Worker {
            handoff: Some(Handoff {
                to: name("adversary"),
                rounds,
            }),
            ..agent("builder")
        };
        let mut config = rig([builder, agent("adversary")]);
        config.plan.phases = ["one", "two"]
            .map(|id| phase(id, Condition::Operator))
            .into();
        config
    }

    fn of(play: Play) -> Self {
        Self {
            play,
            asks: BTreeMap::new(),
            answers: BTreeMap::new(),
            inbox: Vec::new(),
            revoked: BTreeSet::new(),
            told: Vec::new(),
            hint: None,
            answered: None,
            left: usize::MAX,
            shut: false,
            verified: Verified::default(),
        }
    }

    /// Somebody asks, and the daemon sees it; what is answered.
    fn asks(&mut self, worker: &str, step: Step, note: &str) -> Result<String, String> {
        let id = self.leaves(worker, step, note);
        self.look();
        self.answers.remove(&id).expect("it is answered")
    }

    /// Somebody asks, and nobody looks.
    fn leaves(&mut self, worker: &str, step: Step, note: &str) -> AskId {
        let lying = self.asks.entry(by(worker)).or_default();
        self.play.requests += 1;
        let id = format!("{:03}", self.play.requests);
        let ask = Ask {
            gate: gate(),
            step,
            verified: self.verified.clone(),
            note: Some(note.to_owned()).filter(|note| !note.is_empty()),
        };
        lying.push((id.clone(), ask));
        id
    }

    /// The daemon looks for requests.
    fn look(&mut self) {
        for (by, lying) in self.asks.clone() {
            let lying = lying.into_iter().map(|(id, ask)| (id, Ok(ask)));
            self.tell(Event::HandoffAsks(by, lying.collect()));
        }
    }

    /// What is answered to a person.
    fn commands(&mut self, command: Command) -> Result<String, String> {
        self.play.requests += 1;
        let id = RequestId(self.play.requests);
        self.answered = None;
        self.tell(Event::Command(id, command));
        self.answered.take().expect("it is answered")
    }

    fn tell(&mut self, event: Event) {
        if self.left > 0 {
            let effects = self.play.rig.handle(self.play.now(), event);
            self.perform(effects);
        }
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        let mut effects: VecDeque<_> = effects.into();
        let mut events = VecDeque::new();
        loop {
            for effect in std::mem::take(&mut effects) {
                if self.left == 0 {
                    return;
                }
                self.left -= 1;
                self.effect(effect, &mut events);
            }
            let Some(event) = events.pop_front() else {
                return;
            };
            effects = self.play.rig.handle(self.play.now(), event).into();
        }
    }

    fn effect(&mut self, effect: Effect, events: &mut VecDeque<Event>) {
        if let Some(recorded) = self.play.record(&effect) {
            return events.push_front(Event::Recorded(recorded));
        }
        let full = self.play.refuses.then(|| "no space left".to_owned());
        let full = full.map_or(Ok(()), Err);
        let store = self.play.store.as_mut().unwrap();
        match effect {
            Effect::WriteHandoff(gate) => {
                let written = full.and_then(|()| {
                    let written = store.write_gate(&gate);
                    written.map_err(|error| crate::causes::in_one_line(&error))
                });
                events.push_back(Event::HandoffWritten(gate.gate.clone(), written));
            }
            Effect::DropHandoff(gate) => {
                let dropped = store.drop_gate(&gate);
                let dropped = dropped.map_err(|error| crate::causes::in_one_line(&error));
                events.push_back(Event::HandoffWritten(gate, dropped));
            }
            Effect::ReadHandoff(gate) => {
                let read = store.read_gate(&gate).map(|read| read.map(Box::new));
                events.push_back(Event::HandoffRead(gate, read));
            }
            Effect::TellHandoff {
                gate,
                worker,
                item,
                text,
            } => {
                let left = match self.shut {
                    true => Err("no space left".into()),
                    false => Ok(()),
                };
                let is_it = |(whose, name, _): &(String, String, String)| {
                    *whose == worker.to_string() && *name == item.to_string()
                };
                if !self.shut && !self.inbox.iter().any(is_it) {
                    self.inbox
                        .push((worker.to_string(), item.to_string(), text));
                }
                events.push_back(Event::HandoffTold(gate, item, left));
            }
            Effect::RevokeHandoff { gate, worker, but } => {
                let waits = self.inbox.iter().map(|(whose, item, _)| (whose, item));
                let taken = waits.filter(|(whose, item)| {
                    let item = item.as_str().into();
                    **whose == worker.to_string()
                        && is_text_of(&item, &gate)
                        && !but.contains(&item)
                });
                let taken = taken.map(|(whose, item)| (whose.clone(), item.clone()));
                self.revoked.extend(taken);
            }
            Effect::AnswerAsk { by, id, answer } => {
                let lying = self.asks.get_mut(&by).unwrap();
                lying.retain(|(other, _)| *other != id);
                let answer = answer.map_err(|refusal| {
                    self.hint = refusal.hint;
                    refusal.message
                });
                self.answers.insert(id.clone(), answer);
                events.push_back(Event::AskAnswered(by, id, Ok(())));
            }
            Effect::Answer(_, answer) => {
                let said = answer.map(|_| String::new());
                self.answered = Some(said.map_err(|refusal| refusal.message));
            }
            Effect::Tell(notice) if notice.event.starts_with("handoff") => {
                self.told.push((notice.event, notice.text));
            }
            _ => {}
        }
    }

    /// The daemon is killed, and the next one begins.
    fn next_daemon(&mut self) {
        self.left = usize::MAX;
        self.play.store = None;
        let (now, boot) = (self.play.now(), machine(&self.play.boot));
        let (store, rig, effects) = open(&self.play.dir, &self.play.config, boot, now);
        (self.play.store, self.play.rig) = (Some(store), rig);
        self.perform(effects);
    }

    fn pass(&mut self, seconds: u64) {
        let until = self.play.t + seconds * 1000;
        while let Some(Mono(at)) = self.play.rig.next_deadline().filter(|at| at.0 <= until) {
            self.play.t = at.max(self.play.t + 1);
            self.tell(Event::Wake);
        }
        self.play.t = until;
    }

    fn gate(&self) -> Gate {
        let gates = crate::store::gates::all(self.play.path()).unwrap();
        gates[&gate()].clone().unwrap()
    }

    /// What is left in an inbox.
    fn texts(&self, worker: &str) -> Vec<&str> {
        let of = |(whose, _, _): &&(String, String, String)| whose == worker;
        self.inbox
            .iter()
            .filter(of)
            .map(|one| one.2.as_str())
            .collect()
    }

    /// The names of what lies there still.
    fn waits(&self, worker: &str) -> Vec<ItemName> {
        let there = self.inbox.iter().filter(|(whose, item, _)| {
            whose == worker && !self.revoked.contains(&(whose.clone(), item.clone()))
        });
        there.map(|(_, item, _)| item.as_str().into()).collect()
    }

    fn events(&self) -> Vec<&str> {
        self.told.iter().map(|(event, _)| event.as_str()).collect()
    }

    fn degraded(&self) -> Vec<String> {
        self.play.rig.view(self.play.now(), |_, _| None).degraded
    }
}

#[test]
fn a_gate_is_claimed_goes_back_is_claimed_again_and_passes() {
    let mut hands = Hands::new(5);
    let commit = "at commit 0123456789ab (branch main)";
    let said = hands.asks("builder", claim(), "all is green");
    let claimed = format!("gate 1d is claimed {commit}, round 1 of 5; adversary verifies it");
    assert_eq!(said, Ok(claimed));
    let of = "--round 1 --commit 0123456789ab";
    let answers = format!(
        "Verify it, then run: supervisorctl handoff pass 1d {of}, or: supervisorctl handoff back 1d {of} -m WHY"
    );
    let text = format!("builder claims gate 1d {commit}, round 1 of 5: all is green\n{answers}");
    assert_eq!(hands.texts("adversary"), [text.as_str()]);
    let is = hands.gate();
    assert_eq!((is.state, is.round, is.told), (GateState::Claimed, 1, true));
    let view = hands.play.rig.view(hands.play.now(), |_, _| None);
    assert_eq!(view.handoffs, [&is]);
    hands.play.t += 1000;
    let said = hands.asks("adversary", Step::Back, "two tests fail");
    assert_eq!(
        said,
        Ok("gate 1d is back, round 1 of 5; it is builder's turn".into())
    );
    let text = "Gate 1d is back from adversary, round 1 of 5: two tests fail\n\
                Mend it, then run: supervisorctl handoff claim 1d";
    assert_eq!(hands.texts("builder"), [text]);
    assert!(
        hands
            .asks("builder", claim(), "")
            .unwrap()
            .contains("round 2 of 5")
    );
    assert!(hands.texts("adversary")[1].contains("round 2 of 5: without a word"));
    let said = hands.asks("adversary", Step::Pass, "");
    assert_eq!(said, Ok("gate 1d has passed; builder is told".into()));
    assert!(hands.texts("builder")[1].starts_with("Gate 1d has passed, says adversary"));
    assert_eq!(
        hands.events(),
        [
            "handoff-claimed",
            "handoff-back",
            "handoff-claimed",
            "handoff-passed"
        ]
    );
    let view = hands.play.rig.view(hands.play.now(), |_, _| None);
    assert_eq!(view.handoffs, [] as [&Gate; 0]);
    // A loop that begins anew after a reboot does not open it by saying so once more.
    let said = hands.asks("builder", claim(), "");
    assert_eq!(said, Err("gate 1d has passed already".into()));
    let anew = Step::Claim(Claim {
        again: true,
        ..Claim::default()
    });
    let said = hands.asks("builder", anew, "").unwrap();
    assert_eq!(
        said,
        "gate 1d is claimed, round 1 of 5; adversary verifies it"
    );
}

#[test]
fn who_is_not_to_is_refused_and_nothing_changes() {
    let mut hands = Hands::new(1);
    let refused = |hands: &mut Hands, worker: &str, step: Step, why: &str| {
        let before = crate::store::gates::all(hands.play.path()).unwrap();
        let said = hands.asks(worker, step, "x");
        assert_eq!(said, Err(why.to_owned()));
        assert_eq!(crate::store::gates::all(hands.play.path()).unwrap(), before);
    };
    let unknown = "gate 1d does not exist: nobody has claimed it";
    refused(&mut hands, "adversary", Step::Pass, unknown);
    refused(&mut hands, "person", Step::Drop, unknown);
    let nobody = "nobody verifies what adversary claims";
    refused(&mut hands, "adversary", claim(), nobody);
    let person = "a gate is claimed by a worker";
    refused(&mut hands, "person", claim(), person);
    hands.asks("builder", claim(), "").unwrap();
    let claimed = "gate 1d is claimed already, and waits for adversary";
    refused(&mut hands, "builder", claim(), claimed);
    for step in [Step::Pass, Step::Back] {
        let whose = "gate 1d is for adversary to verify";
        refused(&mut hands, "builder", step, whose);
    }
    let drop = "only a person drops a gate";
    refused(&mut hands, "adversary", Step::Drop, drop);
    let hint = hands.hint.take().unwrap();
    assert!(
        hint.starts_with("`supervisorctl handoff drop 1d`, run by root "),
        "{hint}"
    );
    hands.asks("adversary", Step::Back, "no").unwrap();
    for (worker, step) in [
        ("builder", claim()),
        ("adversary", Step::Pass),
        ("adversary", Step::Back),
    ] {
        let asks = "gate 1d waits for a person, after round 1 of 1";
        refused(&mut hands, worker, step, asks);
    }
    hands.asks("person", Step::Back, "once more").unwrap();
    let back = "gate 1d is back already, and waits for builder";
    refused(&mut hands, "adversary", Step::Pass, back);
    refused(&mut hands, "person", Step::Back, back);
}

#[test]
fn in_the_last_round_a_person_is_asked_and_counts_anew() {
    let mut hands = Hands::new(2);
    for _ in 0..2 {
        hands.asks("builder", claim(), "").unwrap();
        hands.asks("adversary", Step::Back, "it is wrong").unwrap();
    }
    assert_eq!(hands.gate().state, GateState::Asks);
    let (event, text) = hands.told.last().unwrap();
    assert_eq!(event, "handoff-rounds");
    assert_eq!(
        text,
        "gate 1d of builder waits for a person: adversary says back in round 2 of 2: it is wrong; \
         `supervisorctl handoff pass 1d`, `back 1d -m WHY` or `drop 1d` goes on"
    );
    let told = hands.play.rig.config.notify.as_ref().unwrap();
    assert!(told.on.contains(config::ERROR));
    // Neither of the two is typed to.
    assert_eq!(
        (hands.texts("builder").len(), hands.texts("adversary").len()),
        (1, 2)
    );
    let said = hands.asks("person", Step::Back, "do it as in 1c").unwrap();
    assert_eq!(
        said,
        "gate 1d is back, with 2 rounds ahead; it is builder's turn"
    );
    assert!(
        hands.texts("builder")[1]
            .starts_with("Gate 1d is back from a person, with 2 rounds ahead: do")
    );
    let said = hands.asks("builder", claim(), "").unwrap();
    assert!(said.contains("round 1 of 2"), "{said}");
    let said = hands.asks("person", Step::Drop, "").unwrap();
    assert_eq!(said, "gate 1d is dropped");
    assert!(hands.events().ends_with(&["handoff-dropped"]));
    assert!(
        crate::store::gates::all(hands.play.path())
            .unwrap()
            .is_empty()
    );
    assert!(
        hands
            .asks("builder", claim(), "")
            .unwrap()
            .contains("round 1")
    );
}

/// Each life of the daemon is killed one effect later, until one comes to the end.
#[test]
fn whatever_a_daemon_is_killed_at_each_step_is_done_once_and_told_once() {
    let steps = [
        ("builder", claim(), GateState::Claimed, "adversary"),
        ("adversary", Step::Back, GateState::Back, "builder"),
        ("builder", claim(), GateState::Claimed, "adversary"),
        ("adversary", Step::Back, GateState::Asks, ""),
        ("person", Step::Pass, GateState::Passed, "builder"),
    ];
    for at in 0..steps.len() {
        let mut lives = 0;
        for left in 0.. {
            let mut hands = Hands::new(2);
            for (worker, step, _, _) in &steps[..at] {
                hands.asks(worker, step.clone(), "x").unwrap();
                hands.play.t += 1000;
            }
            let (worker, step, state, hears) = &steps[at];
            let before = hands.inbox.len();
            hands.told.clear();
            hands.left = left;
            let id = hands.leaves(worker, step.clone(), "y");
            hands.look();
            let killed = hands.left == 0;
            hands.next_daemon();
            hands.look();
            hands.look();
            let is = hands.gate();
            assert_eq!((is.state, is.told), (*state, true), "{left}");
            assert_eq!(is.happened.len(), at + 1, "{left}");
            let texts = hands.inbox[before..].iter().map(|one| one.0.as_str());
            let hears = [*hears].into_iter().filter(|hears| !hears.is_empty());
            assert!(texts.eq(hears), "{left}: {:?}", hands.inbox);
            assert!(hands.answers.remove(&id).unwrap().is_ok(), "{left}");
            // People may hear of it twice.
            assert!(
                (1..=2).contains(&hands.told.len()),
                "{left}: {:?}",
                hands.told
            );
            // Nothing is left to be done.
            hands.told.clear();
            hands.next_daemon();
            assert_eq!(hands.events(), [""; 0]);
            lives = left;
            if !killed {
                break;
            }
        }
        assert!(lives > 5, "{lives}");
    }
}

#[test]
fn what_cannot_be_written_is_not_so_and_is_written_when_it_can_be() {
    let mut hands = Hands::new(5);
    hands.play.refuses = true;
    let id = hands.leaves("builder", claim(), "");
    hands.look();
    hands.look();
    assert_eq!(hands.answers, BTreeMap::new());
    assert_eq!(
        (hands.inbox.len(), hands.events()),
        (0, vec!["handoff-stuck"])
    );
    let why = "where gate 1d stands cannot be written: no space left; it is tried again";
    assert!(hands.degraded().contains(&why.to_owned()));
    hands.pass(600);
    assert_eq!(hands.answers, BTreeMap::new());
    hands.play.refuses = false;
    hands.pass(600);
    assert!(hands.answers.remove(&id).unwrap().is_ok());
    assert_eq!(hands.texts("adversary").len(), 1);
    assert_eq!(hands.events(), ["handoff-stuck", "handoff-claimed"]);
    assert!(hands.degraded().iter().all(|line| !line.contains("gate")));
}

#[test]
fn what_cannot_be_left_in_an_inbox_is_left_there_later() {
    let mut hands = Hands::new(5);
    hands.shut = true;
    hands.asks("builder", claim(), "").unwrap();
    assert!(!hands.gate().told);
    hands.pass(1000);
    assert_eq!(hands.events(), ["handoff-claimed", "handoff-stuck"]);
    let why = "nobody can be told where gate 1d stands: no space left; it is tried again";
    assert!(hands.degraded().contains(&why.to_owned()));
    hands.shut = false;
    hands.pass(600);
    assert_eq!(
        (hands.texts("adversary").len(), hands.gate().told),
        (1, true)
    );
    assert!(!hands.degraded().contains(&why.to_owned()));
}

#[test]
fn the_gates_of_who_is_not_declared_any_more_stay_as_they_are() {
    let mut hands = Hands::new(5);
    hands.asks("builder", claim(), "").unwrap();
    hands.asks("adversary", Step::Back, "no").unwrap();
    let id = RequestId(9999);
    hands.play.config.workers.remove("builder");
    let config = Box::new(hands.play.config.clone());
    hands.tell(Event::Command(id, Command::Reload(config)));
    let is = hands.gate();
    let view = hands.play.rig.view(hands.play.now(), |_, _| None);
    assert_eq!(view.handoffs, [&is]);
    let waits = "gate 1d waits for builder, which is not declared any more, or has no agent: ";
    assert!(hands.degraded().iter().any(|line| line.starts_with(waits)));
    let said = hands.asks("builder", claim(), "");
    assert_eq!(said, Err("worker builder is not declared any more".into()));
    hands.asks("person", Step::Pass, "").unwrap();
    let why = "nobody can be told where gate 1d stands: builder has no inbox";
    assert!(hands.degraded().iter().any(|line| line.starts_with(why)));
    hands.pass(1000);
    assert_eq!(hands.texts("builder").len(), 1);
}

#[test]
fn a_file_that_cannot_be_read_is_told_left_alone_and_read_once_it_is_mended() {
    let mut hands = Hands::new(5);
    hands.asks("builder", claim(), "").unwrap();
    let file = hands.play.path().join("handoff/1d.toml");
    let right = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, "gate = ").unwrap();
    hands.told.clear();
    hands.next_daemon();
    assert_eq!(hands.events(), ["handoff-unreadable"]);
    for step in [Step::Pass, Step::Back] {
        let said = hands.asks("adversary", step, "").unwrap_err();
        assert!(
            said.starts_with("where gate 1d stands cannot be read: "),
            "{said}"
        );
    }
    hands.asks("builder", claim(), "").unwrap_err();
    hands.asks("person", Step::Drop, "").unwrap_err();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "gate = ");
    let mends = |line: &String| line.contains("mend handoff/1d.toml");
    assert!(hands.degraded().iter().any(mends));
    std::fs::write(&file, right).unwrap();
    hands.pass(61);
    hands.asks("adversary", Step::Pass, "").unwrap();
    assert_eq!(hands.gate().state, GateState::Passed);
}

#[test]
fn one_that_came_to_be_unread_is_not_written_over() {
    let mut hands = Hands::new(5);
    let file = hands.play.path().join("handoff/1d.toml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "somebody's").unwrap();
    let gate = Gate {
        gate: gate(),
        state: GateState::Claimed,
        from: name("builder"),
        to: name("adversary"),
        round: 1,
        rounds: 1,
        commit: None,
        branch: None,
        lacks: None,
        since: Timestamp::UNIX_EPOCH,
        note: None,
        told: false,
        happened: Vec::new(),
    };
    let store = hands.play.store.as_mut().unwrap();
    store.write_gate(&gate).unwrap_err();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "somebody's");
}

/// The power went between the file's new name and the word of it.
#[test]
fn one_that_says_already_what_it_is_to_say_is_written() {
    let mut hands = Hands::new(5);
    hands.asks("builder", claim(), "").unwrap();
    let next = Gate {
        state: GateState::Passed,
        ..hands.gate()
    };
    let file = hands.play.path().join("handoff/1d.toml");
    std::fs::write(&file, toml::to_string(&next).unwrap()).unwrap();
    let store = hands.play.store.as_mut().unwrap();
    store.write_gate(&next).unwrap();
    assert_eq!(hands.gate(), next);
}

#[test]
fn who_reads_line_by_line_gets_one_line() {
    let mut hands = Hands::new(5);
    let mut profile = crate::agent::profile::Profile::shipped("shell").unwrap();
    profile.typing.bracketed = false;
    let config = &mut hands.play.config;
    config.workers.get_mut("adversary").unwrap().agent = Some(profile.into());
    let config = Box::new(config.clone());
    hands.tell(Event::Command(RequestId(9999), Command::Reload(config)));
    hands.asks("builder", claim(), "two\nlines").unwrap();
    let text = hands.texts("adversary")[0];
    assert!(
        text.contains("two lines Verify it, then run: ") && !text.contains('\n'),
        "{text}"
    );
}

#[test]
fn a_request_that_cannot_be_read_is_refused() {
    let mut hands = Hands::new(5);
    let lying = vec![("1".to_owned(), Err("it is a symbolic link".to_owned()))];
    hands.asks.insert(by("builder"), Vec::new());
    hands.tell(Event::HandoffAsks(by("builder"), lying));
    let why = "request cannot be read: it is a symbolic link".to_owned();
    assert_eq!(hands.answers.remove("1"), Some(Err(why)));
}

fn hand_over() -> Command {
    Command::HandOver("20261122T193512Z-0000002a".parse().unwrap())
}

#[test]
fn what_is_handed_over_takes_no_step_and_tells_nobody_until_it_is_taken_back() {
    let mut hands = Hands::paused();
    hands.shut = true;
    let claims = hands.leaves("builder", claim(), "");
    hands.look();
    assert!(hands.answers.remove(&claims).unwrap().is_ok());
    hands.commands(hand_over()).unwrap();
    let before = hands.gate();
    assert!(!before.told);
    hands.shut = false;
    for _ in 0..2 {
        for (worker, step) in [
            ("adversary", Step::Pass),
            ("adversary", Step::Back),
            ("builder", claim()),
            ("person", Step::Drop),
        ] {
            let why = hands.asks(worker, step, "x").unwrap_err();
            assert!(
                why.starts_with("the rig was handed over by cutover"),
                "{why}"
            );
        }
        let id = "two".parse().unwrap();
        for command in [Command::PhaseSet(PhaseRef::Id(id)), Command::PhaseDone] {
            let why = hands.commands(command).unwrap_err();
            assert!(
                why.starts_with("the rig was handed over by cutover"),
                "{why}"
            );
        }
        hands.pass(1000);
        assert_eq!(hands.gate(), before);
        assert_eq!(hands.inbox.len(), 0);
        hands.next_daemon();
        hands.tell(Event::Surveyed(Ok(Vec::new())));
    }
    hands.commands(Command::TakeBack).unwrap();
    assert_eq!(hands.texts("adversary").len(), 1);
    assert!(hands.gate().told);
}

#[test]
fn what_came_too_late_into_an_inbox_is_told_where_the_gate_is_now() {
    let mut hands = Hands::paused();
    hands.shut = true;
    hands.asks("builder", claim(), "").unwrap();
    hands.commands(hand_over()).unwrap();
    let item = hands.gate().item();
    hands.tell(Event::HandoffTold(gate(), item, Ok(())));
    assert!(!hands.gate().told);
}

#[test]
fn whom_nobody_could_tell_before_is_told_at_once_when_it_is_taken_back() {
    let mut hands = Hands::paused();
    hands.shut = true;
    hands.asks("builder", claim(), "").unwrap();
    hands.commands(hand_over()).unwrap();
    assert!(hands.degraded().iter().all(|line| !line.contains("gate")));
    hands.shut = false;
    hands.commands(Command::TakeBack).unwrap();
    assert_eq!(hands.texts("adversary").len(), 1);
}

#[test]
fn what_is_under_way_is_not_handed_over() {
    let mut hands = Hands::paused();
    let waits = hands.leaves("builder", claim(), "");
    // It is on its way to the disk.
    let lying = vec![(waits, Ok(hands.asks[&by("builder")][0].1.clone()))];
    let seen = Event::HandoffAsks(by("builder"), lying);
    let effects = hands.play.rig.handle(hands.play.now(), seen);
    let why = hands.commands(hand_over()).unwrap_err();
    let writes = "where gate 1d stands is being written, so nothing is handed over";
    assert_eq!(why, writes);
    // It is there, and nobody is answered yet.
    let write = |effect: &Effect| matches!(effect, Effect::WriteHandoff(_));
    assert!(effects.iter().any(write));
    let written = Event::HandoffWritten(gate(), Ok(()));
    let answers = hands.play.rig.handle(hands.play.now(), written);
    let told = hands.play.rig.handoffs.clone();
    let why = hands.commands(hand_over()).unwrap_err();
    assert!(why.ends_with("so nothing is handed over"), "{why}");
    assert_eq!(hands.play.rig.handoffs, told);
    hands.perform(effects);
    hands.perform(answers);
    hands.commands(hand_over()).unwrap();
}

#[test]
fn a_gate_whose_verifier_is_gone_is_told_and_another_one_may_verify_it() {
    let mut hands = Hands::new(5);
    hands.asks("builder", claim(), "").unwrap();
    hands.told.clear();
    let config = &mut hands.play.config;
    config.workers.remove("adversary");
    config.workers.insert(name("judge"), agent("judge"));
    config.workers.get_mut("builder").unwrap().handoff = Some(Handoff {
        to: name("judge"),
        rounds: 5,
    });
    let config = Box::new(config.clone());
    for _ in 0..2 {
        hands.tell(Event::Command(
            RequestId(9999),
            Command::Reload(config.clone()),
        ));
    }
    let waits = "gate 1d waits for adversary, which is not declared any more, or has no agent: ";
    let [(event, text)] = &hands.told[..] else {
        panic!("{:?}", hands.told);
    };
    assert_eq!(event, "handoff-stuck");
    assert!(
        text.starts_with(waits) && text.contains("drop 1d"),
        "{text}"
    );
    assert!(hands.degraded().contains(text));
    // Also by a daemon that comes later.
    hands.told.clear();
    hands.next_daemon();
    assert_eq!(hands.events(), ["handoff-stuck"]);
    let said = hands.asks("builder", claim(), "").unwrap();
    assert!(said.contains("round 1 of 5; judge verifies it"), "{said}");
    assert_eq!(hands.texts("judge").len(), 1);
    assert!(hands.degraded().iter().all(|line| !line.contains("gate")));
    hands.asks("builder", claim(), "").unwrap_err();
}

#[test]
fn who_can_verify_it_still_is_not_passed_over_nor_asked_twice() {
    let mut hands = Hands::new(5);
    hands.asks("builder", claim(), "").unwrap();
    let claimed = "gate 1d is claimed already, and waits for adversary";
    let mut is_then = |config: Config| {
        hands.play.config = config.clone();
        let reload = Command::Reload(Box::new(config));
        hands.tell(Event::Command(RequestId(9999), reload));
        assert_eq!(hands.asks("builder", claim(), ""), Err(claimed.to_owned()));
    };
    // Another one verifies what is claimed from now on.
    let mut config = Hands::rig(5);
    config.workers.insert(name("judge"), agent("judge"));
    let judge = Handoff {
        to: name("judge"),
        rounds: 5,
    };
    config.workers.get_mut("builder").unwrap().handoff = Some(judge);
    is_then(config);
    // The same one, who has no agent any more.
    let mut config = Hands::rig(5);
    config.workers.get_mut("adversary").unwrap().agent = None;
    is_then(config);
}

#[test]
fn a_text_of_an_earlier_step_is_taken_away_before_it_is_typed() {
    let mut hands = Hands::new(5);
    hands.asks("builder", claim(), "").unwrap();
    assert_eq!(hands.waits("adversary"), [hands.gate().item()]);
    hands.asks("person", Step::Back, "no").unwrap();
    assert_eq!(hands.waits("adversary"), [] as [ItemName; 0]);
    assert_eq!(hands.waits("builder"), [hands.gate().item()]);
    hands.asks("builder", claim(), "").unwrap();
    assert_eq!(hands.waits("builder"), [] as [ItemName; 0]);
    assert_eq!(hands.waits("adversary"), [hands.gate().item()]);
    hands.asks("person", Step::Drop, "").unwrap();
    assert_eq!(hands.waits("adversary"), [] as [ItemName; 0]);
    for (item, is) in [
        ("handoff-1d-20261122T132425.123456Z.md", true),
        ("handoff-1d-b-20261122T132425.123456Z.md", false),
        ("handoff-1d-notes-of-me-in-the-even.md", false),
        ("handoff-1d-2-20261122T132425.123456Z.md", false),
        ("handoff-1d-2.md", false),
        ("20261122T132425.123456Z-1.md", false),
    ] {
        assert_eq!(is_text_of(&item.into(), &gate()), is, "{item}");
    }
}

#[test]
fn what_a_look_saw_of_an_earlier_step_is_not_typed_and_what_is_being_typed_or_moved_stays() {
    for (begun, ended) in [(false, false), (true, false), (true, true)] {
        let (play, starts) = Play::running(Hands::rig(5));
        let mut hands = Hands::of(play);
        let verifier = starts.iter().find(|of| of.worker == name("adversary"));
        let verifier = verifier.unwrap().clone();
        hands.asks("builder", claim(), "").unwrap();
        let item = hands.gate().item();
        let lies = Lies {
            first: Some((item.clone(), Ok("Verify it".to_owned()))),
            queued: 1,
            ..Lies::default()
        };
        hands.tell(Event::Inbox(name("adversary"), lies));
        let idle = Event::Watched(verifier, Ok(Box::new(idle())));
        if begun {
            hands.tell(idle.clone());
        }
        if ended {
            let failed = Typed::Failed {
                why: "nobody knows".into(),
                screen: None,
                submitted: true,
            };
            let nudge = hands.play.rig.nudges[0].id;
            hands.tell(Event::Typed(nudge, failed));
            assert!(hands.play.rig.nudges.is_empty());
        }
        hands.asks("person", Step::Drop, "").unwrap();
        let waits = hands.waits("adversary");
        let types = hands.play.rig.handle(hands.play.now(), idle);
        let types = types.iter().any(|effect| match effect {
            Effect::Record(_) | Effect::Type { .. } => hands
                .play
                .rig
                .items_in_hand(&name("adversary"))
                .next()
                .is_some(),
            _ => false,
        });
        match begun {
            true => assert_eq!(waits, [item]),
            false => assert!(waits.is_empty() && !types, "{waits:?}"),
        }
    }
}

#[test]
fn a_verdict_on_an_earlier_claim_is_not_one_on_the_present_one() {
    let mut hands = Hands::new(5);
    hands.asks("builder", claim(), "").unwrap();
    let first = Verified {
        round: Some(1),
        commit: Some("0123456789ab".into()),
    };
    hands.asks("person", Step::Drop, "").unwrap();
    let other = Step::Claim(Claim {
        commit: Some("fedcba9876543210".into()),
        branch: Some("main".into()),
        ..Claim::default()
    });
    hands.asks("builder", other, "").unwrap();
    let of_round = |round| Verified {
        round: Some(round),
        commit: None,
    };
    let another = "gate 1d is another claim than that which was verified, round 1 of 5 at commit \
                   fedcba987654 (branch main): it is to be verified anew";
    let wrong = "gate 1d is not in round 2: it is in round 1 of 5 at commit fedcba987654 (branch main), \
                 and is to be verified as it stands there";
    for (verified, why) in [(first, another), (of_round(2), wrong)] {
        hands.verified = verified;
        for step in [Step::Pass, Step::Back] {
            assert_eq!(hands.asks("adversary", step, "x"), Err(why.into()));
        }
    }
    hands.verified = of_round(1);
    hands.asks("adversary", Step::Pass, "").unwrap();
}

#[test]
fn a_file_that_somebody_else_wrote_is_not_written_over_nor_taken_away() {
    let edit = |right: &str| right.replace("0123456789abcdef", "fedcba9876543210");
    for edit in [edit, |_: &str| "gate = ".to_owned()] {
        for (worker, step) in [("adversary", Step::Back), ("person", Step::Drop)] {
            let mut hands = Hands::new(5);
            hands.asks("builder", claim(), "").unwrap();
            let file = hands.play.path().join("handoff/1d.toml");
            let right = std::fs::read_to_string(&file).unwrap();
            let wrong = edit(&right);
            std::fs::write(&file, &wrong).unwrap();
            let id = hands.leaves(worker, step, "x");
            hands.look();
            hands.pass(600);
            assert_eq!(std::fs::read_to_string(&file).unwrap(), wrong);
            assert_eq!(hands.answers, BTreeMap::new());
            assert_eq!(hands.events(), ["handoff-claimed", "handoff-stuck"]);
            let helps = |line: &String| line.contains("it is written anew; it is tried again");
            assert!(hands.degraded().iter().any(helps), "{:?}", hands.degraded());
            // It is taken away, or as it was.
            std::fs::write(&file, &right).unwrap();
            hands.pass(600);
            assert!(hands.answers.remove(&id).unwrap().is_ok());
        }
    }
}

#[test]
fn a_refusal_that_nobody_waits_for_is_told() {
    // Seconds from when the daemon began: it was asked, and it is refused. Who met no daemon waits for 3 s, who did
    // for 10 s.
    for (asked, refused, told) in [
        (-2, 0, false),
        (-2, 7, false),
        (-2, 9, true),
        (-4, 0, true),
        (1, 10, false),
        (1, 12, true),
    ] {
        let mut hands = Hands::new(5);
        let at = hands.play.now().wall + jiff::SignedDuration::from_secs(asked);
        hands.pass(refused);
        let at = at.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%S%.6fZ");
        let id = format!("{at}-4711");
        let ask = Ask {
            gate: gate(),
            step: Step::Pass,
            verified: Verified::default(),
            note: None,
        };
        hands.asks.insert(by("adversary"), vec![(id.clone(), ask)]);
        hands.look();
        assert!(hands.answers.remove(&id).unwrap().is_err());
        let about = |(event, _): &&(String, String)| event == "handoff-refused";
        let texts: Vec<_> = hands.told.iter().filter(about).collect();
        assert_eq!(
            texts.len(),
            usize::from(told),
            "{asked} {refused}: {texts:?}"
        );
        assert!(texts.iter().all(|(_, text)| {
            text.contains("of adversary") && text.ends_with("nobody has claimed it")
        }));
    }
}

#[test]
fn more_gates_than_anybody_has_are_not_opened() {
    let mut hands = Hands::new(5);
    let mut said = None;
    for number in 0..=200 {
        let ask = Ask {
            gate: format!("g{number}").parse().unwrap(),
            step: claim(),
            verified: Verified::default(),
            note: None,
        };
        let id = number.to_string();
        hands.asks.insert(by("builder"), vec![(id.clone(), ask)]);
        hands.look();
        said = hands.answers.remove(&id);
    }
    let why = "200 gates are open already, so none is claimed";
    assert_eq!(said, Some(Err(why.to_owned())));
    // One of them goes on, and makes room for another one once it has passed.
    let mut asks = |worker: &str, name: &str, step: Step| {
        let ask = Ask {
            gate: name.parse().unwrap(),
            step,
            verified: Verified::default(),
            note: None,
        };
        let id = format!("{worker}-{}", hands.play.requests);
        hands.play.requests += 1;
        hands.asks.insert(by(worker), vec![(id.clone(), ask)]);
        hands.look();
        hands.answers.remove(&id).unwrap()
    };
    asks("adversary", "g0", Step::Back).unwrap();
    asks("builder", "g0", claim()).unwrap();
    asks("builder", "g200", claim()).unwrap_err();
    asks("adversary", "g0", Step::Pass).unwrap();
    asks("builder", "g200", claim()).unwrap();
}
