//! Agents that go on with their conversation when they are started again.

use std::sync::Arc;

use super::{
    agents::{agent, busy, idle},
    *,
};
use crate::{
    agent::{profile::Profile, signs::Signs},
    decide::{Fact, Refusal},
};

const SHOWN: &str = "0199d2a5-3c1f-7b12-9c55-0123456789ab";

fn keeps(profile: &str, conversation: Keeps) -> Worker {
    Worker {
        agent: Profile::shipped(profile).map(Arc::new),
        conversation,
        ..agent("a")
    }
}

/// The arguments with which attempts are started, behind those of the command.
fn arguments(effects: &[Effect]) -> Vec<Vec<&str>> {
    let starts = effects.iter().filter_map(|effect| match effect {
        Effect::Start { arguments, .. } => Some(arguments.iter().map(String::as_str).collect()),
        _ => None,
    });
    starts.collect()
}

/// What the first daemon starts, and the attempt, which runs then.
fn begun(worker: Worker) -> (Play, AttemptRef, Vec<String>) {
    let mut play = Play::unasked(rig([worker]));
    let done = play.tell(Event::Surveyed(Ok(Vec::new())));
    let of = started(&done).remove(0);
    let with = owned(&arguments(&done)[0]);
    play.runs(&of);
    (play, of, with)
}

fn owned(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|text| (*text).to_owned()).collect()
}

/// A look sees this.
fn sees(play: &mut Play, of: &AttemptRef, signs: Signs) -> Vec<Effect> {
    play.pass(30_000);
    play.tell(Event::Watched(of.clone(), Ok(Box::new(signs))))
}

/// It ends so, and is started again.
fn again(play: &mut Play, of: &AttemptRef, exit: Exit) -> (AttemptRef, Vec<String>) {
    let mut done = play.ends(of, exit);
    done.extend(play.pass(600_000));
    let next = started(&done).remove(0);
    let with = owned(&arguments(&done)[0]);
    play.runs(&next);
    (next, with)
}

fn told<'a>(effects: &'a [Effect], event: &str) -> Vec<&'a str> {
    let of = |effect: &'a Effect| match effect {
        Effect::Tell(notice) if notice.event == event => Some(notice.text.as_str()),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

#[test]
fn one_that_worked_is_gone_on_with_whatever_ended_its_program() {
    let (mut play, of, with) = begun(keeps("claude", Keeps::Always));
    let [flag, id] = &with[..] else {
        panic!("{with:?}");
    };
    assert_eq!((flag.as_str(), id.len()), ("--session-id", 36));
    let goes_on = ["--resume".to_owned(), id.clone()];
    sees(&mut play, &of, busy("Read"));
    let (of, with) = again(&mut play, &of, Exit::Code(1));
    assert_eq!(with, goes_on, "a crash");
    sees(&mut play, &of, busy("Read"));
    // The operator, and the daemon in between.
    let found = vec![play.alive(&of)];
    assert_eq!(arguments(&play.next_daemon(found)), [[""; 0]; 0]);
    play.command(Command::Stop(vec![of.worker.clone()]));
    play.ends(&of, Exit::Signal(Signal::TERM));
    let done = play.command(Command::Start(vec![of.worker.clone()]));
    assert_eq!(owned(&arguments(&done)[0]), goes_on, "the operator");
    let of = started(&done).remove(0);
    play.runs(&of);
    let done = play.reboot(Vec::new());
    assert_eq!(owned(&arguments(&done)[0]), goes_on, "a reboot");
    assert_eq!(
        told(&done, "worker-starting"),
        [format!("starting a, with its conversation {id}")]
    );
}

#[test]
fn the_id_is_recorded_before_the_program_is_started() {
    let mut play = Play::unasked(rig([keeps("claude", Keeps::Always)]));
    let done = play.tell(Event::Surveyed(Ok(Vec::new())));
    let is_fact = |fact: &Fact| matches!(fact, Fact::Conversation { .. });
    let recorded =
        |effect: &Effect| matches!(effect, Effect::Record(facts) if facts.iter().any(is_fact));
    let at = done.iter().position(recorded).unwrap();
    let start = done
        .iter()
        .position(|effect| matches!(effect, Effect::Start { .. }));
    assert!(at < start.unwrap(), "{done:?}");
    // The daemon is killed there, and nothing of the attempt has come to be.
    let before = owned(&arguments(&done)[0]);
    let done = play.next_daemon(Vec::new());
    assert_eq!(owned(&arguments(&done)[0]), before);
}

#[test]
fn one_in_which_nothing_was_said_is_begun_again_under_its_id() {
    let (mut play, of, first) = begun(keeps("claude", Keeps::Always));
    sees(&mut play, &of, idle());
    let done = play.reboot(Vec::new());
    assert_eq!(owned(&arguments(&done)[0]), first);
}

#[test]
fn who_fails_at_once_is_started_the_other_way_with_the_same_id() {
    let (mut play, of, first) = begun(keeps("claude", Keeps::Always));
    let resume = ["--resume".to_owned(), first[1].clone()];
    let (of, with) = again(&mut play, &of, Exit::Code(1));
    assert_eq!(with, resume, "it was begun, and no look saw it");
    let (of, with) = again(&mut play, &of, Exit::Code(1));
    assert_eq!(with, first);
    // Who was well has no trouble with that.
    play.pass(3_600_000);
    let (_, with) = again(&mut play, &of, Exit::Code(1));
    assert_eq!(with, first);
}

#[test]
fn an_id_that_the_screen_shows_is_used() {
    let (mut play, of, with) = begun(keeps("codex", Keeps::Always));
    assert!(with.is_empty());
    let shown = Signs {
        session: Some(SHOWN.into()),
        ..busy("Read")
    };
    sees(&mut play, &of, shown);
    // It is gone from the screen.
    sees(&mut play, &of, busy("Write"));
    let (_, with) = again(&mut play, &of, Exit::Signal(Signal::KILL));
    assert_eq!(with, ["resume", SHOWN]);
}

/// Its screen shows this id.
fn shows(id: &str, signs: Signs) -> Signs {
    let session = Some(id.into());
    Signs { session, ..signs }
}

#[test]
fn one_whose_id_was_seen_and_whose_work_was_not_is_gone_on_with() {
    let (mut play, of, _) = begun(keeps("codex", Keeps::Always));
    sees(&mut play, &of, shows(SHOWN, idle()));
    let done = play.reboot(Vec::new());
    assert_eq!(owned(&arguments(&done)[0]), ["resume", SHOWN]);
    let goes_on = format!("starting a, with its conversation {SHOWN}");
    assert_eq!(told(&done, "worker-starting"), [goes_on]);
}

#[test]
fn one_in_which_nothing_may_have_been_said_is_left_loudly_where_nobody_can_go_on_with_it() {
    let (mut play, of, _) = begun(keeps("codex", Keeps::Always));
    sees(&mut play, &of, shows(SHOWN, idle()));
    let (of, with) = again(&mut play, &of, Exit::Code(1));
    assert_eq!(with, ["resume", SHOWN]);
    // It does not know it.
    let mut done = play.ends(&of, Exit::Code(1));
    done.extend(play.pass(600_000));
    let of = started(&done).remove(0);
    assert!(arguments(&done)[0].is_empty());
    let new = ["starting a, with a new conversation"];
    assert_eq!(told(&done, "worker-starting"), new);
    let lost = told(&done, "worker-conversation-lost");
    assert!(lost.len() == 1 && lost[0].contains(SHOWN), "{lost:?}");
    // Of one in which it worked nobody lets go.
    play.runs(&of);
    sees(&mut play, &of, shows(SHOWN, busy("Read")));
    let (of, with) = again(&mut play, &of, Exit::Code(1));
    assert_eq!(with, ["resume", SHOWN]);
    let (_, with) = again(&mut play, &of, Exit::Code(1));
    assert_eq!(with, ["resume", SHOWN]);
}

#[test]
fn another_id_in_the_place_of_a_known_one_takes_two_looks_and_is_told() {
    let other = "11111111-1111-1111-1111-111111111111";
    let (mut play, of, _) = begun(keeps("codex", Keeps::Always));
    sees(&mut play, &of, shows(SHOWN, busy("Read")));
    let mut done = sees(&mut play, &of, shows(other, busy("Replay")));
    done.extend(sees(&mut play, &of, shows(SHOWN, busy("Read"))));
    done.extend(sees(&mut play, &of, shows(other, busy("Replay"))));
    done.extend(sees(&mut play, &of, busy("Write")));
    done.extend(sees(&mut play, &of, shows(other, busy("Replay"))));
    assert_eq!(told(&done, "worker-conversation-changed"), [""; 0]);
    let done = sees(&mut play, &of, shows(other, busy("Replay")));
    let changed = format!(
        "a shows that it is in conversation {other} now, and no longer in {SHOWN}; its next start goes \
         on with {other}"
    );
    assert_eq!(told(&done, "worker-conversation-changed"), [changed]);
    let (_, with) = again(&mut play, &of, Exit::Code(1));
    assert_eq!(with, ["resume", other]);
}

#[test]
fn a_new_one_in_the_place_of_one_that_nobody_can_go_on_with_is_told() {
    let (mut play, of, _) = begun(keeps("codex", Keeps::Always));
    sees(&mut play, &of, busy("Read"));
    let done = play.reboot(Vec::new());
    assert!(arguments(&done)[0].is_empty());
    let lost = told(&done, "worker-conversation-lost");
    assert_eq!(lost.len(), 1);
    assert!(
        lost[0].starts_with("a begins a new conversation: "),
        "{lost:?}"
    );
    // It was told of that one. In the new one nothing was said.
    let mut done = play.next_daemon(Vec::new());
    done.extend(play.pass(600_000));
    assert_eq!(started(&done).len(), 1);
    assert_eq!(told(&done, "worker-conversation-lost"), [""; 0]);
}

#[test]
fn what_the_program_keeps_needs_no_id() {
    let (mut play, of, with) = begun(keeps("aider", Keeps::Always));
    assert!(with.is_empty());
    sees(&mut play, &of, busy("Read"));
    let (of, with) = again(&mut play, &of, Exit::Code(1));
    assert_eq!(with, ["--restore-chat-history"]);
    // Without it, it would be a new one.
    let (_, with) = again(&mut play, &of, Exit::Code(1));
    assert_eq!(with, ["--restore-chat-history"]);
}

#[test]
fn one_of_a_phase_ends_with_it() {
    let mut config = rig([keeps("claude", Keeps::InPhase)]);
    config.plan.phases = ["1", "2"].map(|id| phase(id, Condition::Operator)).to_vec();
    let mut play = Play::unasked(config);
    let done = play.tell(Event::Surveyed(Ok(Vec::new())));
    let (of, first) = (started(&done).remove(0), owned(&arguments(&done)[0]));
    play.runs(&of);
    sees(&mut play, &of, busy("Read"));
    let (of, with) = again(&mut play, &of, Exit::Code(1));
    assert_eq!(with, ["--resume", &first[1]]);
    sees(&mut play, &of, busy("Read"));
    play.command(Command::PhaseDone);
    let done = play.ends(&of, Exit::Signal(Signal::TERM));
    let second = owned(&arguments(&done)[0]);
    assert_eq!(second[0], "--session-id");
    assert_ne!(second[1], first[1]);
}

#[test]
fn another_agent_has_none_yet() {
    let (mut play, of, _) = begun(keeps("claude", Keeps::Always));
    sees(&mut play, &of, busy("Read"));
    play.reload(|config| {
        let worker = config.workers.values_mut().next().unwrap();
        *worker = keeps("aider", Keeps::Always);
    });
    let (_, with) = again(&mut play, &of, Exit::Code(1));
    assert!(with.is_empty(), "{with:?}");
}

#[test]
fn the_operator_may_have_a_new_one() {
    let (mut play, of, first) = begun(keeps("claude", Keeps::Always));
    sees(&mut play, &of, busy("Read"));
    let done = play.command(Command::Forget(of.worker.clone()));
    assert_eq!(
        answered(&done).unwrap(),
        "a: its next start begins a new conversation; `supervisorctl restart a` does so now"
    );
    // What the old one still does brings it not back.
    sees(&mut play, &of, busy("Write"));
    let done = play.reboot(Vec::new());
    let with = owned(&arguments(&done)[0]);
    assert_eq!(with[0], "--session-id");
    assert_ne!(with[1], first[1]);
}

#[test]
fn a_new_one_is_told_also_where_a_start_is_tried_again() {
    let (mut play, of, _) = begun(keeps("claude", Keeps::Always));
    sees(&mut play, &of, busy("Read"));
    let mut done = play.ends(&of, Exit::Code(1));
    done.extend(play.pass(600_000));
    let short = |of: &AttemptRef| HostEvent::Shortage(of.clone(), "no space left".into());
    play.says(short(&started(&done)[0]));
    play.command(Command::Forget(of.worker.clone()));
    let done = play.pass(600_000);
    let new = ["starting a, with a new conversation"];
    assert_eq!(told(&done, "worker-starting"), new);
    // It is the same at the next try.
    play.says(short(&started(&done)[0]));
    assert_eq!(told(&play.pass(600_000), "worker-starting"), [""; 0]);
}

#[test]
fn who_keeps_none_is_started_as_its_command_says() {
    let (mut play, of, with) = begun(keeps("claude", Keeps::Nothing));
    assert!(with.is_empty());
    sees(&mut play, &of, busy("Read"));
    let refused = answered(&play.command(Command::Forget(of.worker.clone()))).unwrap_err();
    assert_eq!(
        refused.message,
        "worker a keeps no conversation: each start is as its command says"
    );
    let (_, with) = again(&mut play, &of, Exit::Code(1));
    assert!(with.is_empty());
}

fn answered(effects: &[Effect]) -> Result<String, Refusal> {
    let of = |effect: &Effect| match effect {
        Effect::Answer(_, answer) => Some(answer.clone().map(|said| said.to_string())),
        _ => None,
    };
    effects.iter().find_map(of).unwrap()
}
