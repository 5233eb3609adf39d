//! What agents are told by themselves: on which occasion, to which attempt, once.

use super::{
    agents::{agent, busy, idle},
    *,
};
use crate::{
    agent::{
        signs::Signs,
        typed::{By, Refusal},
    },
    config::{Say, Template},
    decide::{Nudge, NudgeId, Owed, Typed, When},
};

/// One that is told on each occasion, in three phases.
fn talkative() -> Config {
    told_by(|_| {})
}

fn told_by(change: impl FnOnce(&mut Worker)) -> Config {
    let template = |text| Some(Template::unchecked(text));
    let mut a = agent("a");
    a.say = Say {
        start: template("begin {{ phase }}"),
        reboot: template("rebooted, {% if not clean %}uncleanly, {% endif %}{{ phase }}"),
        crash: template("ended: {{ exit }}"),
        phase: template("{{ previous_phase }} is over, {{ phase }} begins"),
    };
    change(&mut a);
    let mut config = rig([a]);
    config.plan.phases = ["p1", "p2", "p3"]
        .map(|id| phase(id, Condition::Operator))
        .to_vec();
    config
}

fn keeps(worker: &mut Worker) {
    worker.on_phase = OnPhase::Keep;
}

fn looks(play: &mut Play, of: &AttemptRef, signs: Signs) -> Vec<Effect> {
    play.tell(Event::Watched(of.clone(), Ok(Box::new(signs))))
}

/// Time passes until there is a look, and it shows an agent that waits.
fn waits(play: &mut Play, of: &AttemptRef) -> Vec<Effect> {
    let mut done = play.pass(30_000);
    done.extend(looks(play, of, idle()));
    done
}

/// What `status` says that it is still to be told.
fn owed(play: &Play) -> Option<Owed> {
    let view = play.rig.view(play.now(), |_, _| None);
    view.workers[0].owed.clone()
}

fn typed(effects: &[Effect]) -> Vec<(NudgeId, AttemptRef, String)> {
    let of = |effect: &Effect| match effect {
        Effect::Type {
            nudge,
            attempt,
            text,
            permission,
            ..
        } => {
            assert!(!permission.busy, "it waits for its agent");
            Some((*nudge, attempt.clone(), text.clone()))
        }
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

fn texts(effects: &[Effect]) -> Vec<String> {
    typed(effects)
        .into_iter()
        .map(|(_, _, text)| text)
        .collect()
}

fn taken(play: &mut Play, effects: &[Effect]) -> Vec<Effect> {
    let [(id, ..)] = typed(effects)[..] else {
        panic!("{effects:?}")
    };
    play.tell(Event::Typed(id, Typed::Taken(By::Work)))
}

fn refused(play: &mut Play, effects: &[Effect], why: Refusal) -> Vec<Effect> {
    let [(nudge, ..)] = typed(effects)[..] else {
        panic!("{effects:?}")
    };
    let screen = String::new();
    play.tell(Event::Typed(nudge, Typed::Refused { why, screen }))
}

fn told<'a>(effects: &'a [Effect]) -> Vec<(&'a str, &'a str)> {
    let of = |effect: &'a Effect| match effect {
        Effect::Tell(notice) => Some((notice.event.as_str(), notice.text.as_str())),
        _ => None,
    };
    let told = effects.iter().filter_map(of);
    told.filter(|(event, _)| event.contains("told") || event.contains("nudge"))
        .collect()
}

fn operator(play: &mut Play, command: fn(Vec<model::WorkerName>) -> Command) -> Vec<Effect> {
    play.command(command(vec!["a".parse().unwrap()]))
}

fn done(play: &mut Play) -> Vec<Effect> {
    play.command(Command::PhaseDone)
}

/// The attempt ends, and the next one runs: which it is, and what it is told when it waits.
fn next(play: &mut Play, of: &AttemptRef, exit: Exit) -> (AttemptRef, Vec<Effect>) {
    let mut all = play.ends(of, exit);
    all.extend(play.pass(8000));
    let next = started(&all).pop().expect("another one");
    play.runs(&next);
    let done = waits(play, &next);
    (next, done)
}

/// One that was told of its start.
fn kicked_off(config: Config) -> (Play, AttemptRef) {
    let (mut play, starts) = Play::running(config);
    let done = looks(&mut play, &starts[0], idle());
    assert_eq!(texts(&done), ["begin p1"]);
    taken(&mut play, &done);
    (play, starts[0].clone())
}

#[test]
fn a_first_start_is_told_once_when_it_waits() {
    let (mut play, starts) = Play::running(talkative());
    let of = &starts[0];
    assert_eq!(texts(&looks(&mut play, of, busy("1"))), [""; 0]);
    assert_eq!(owed(&play), Some(Owed::Start));
    // It is looked at often, for it has just been started.
    play.pass(2000);
    let done = looks(&mut play, of, idle());
    assert_eq!(texts(&done), ["begin p1"]);
    assert_eq!(owed(&play), None);
    let done = taken(&mut play, &done);
    let words = "a was told of its start (\"begin p1\", 8 bytes): a took it: it works";
    assert_eq!(told(&done), [("worker-told", words)]);
    assert_eq!(texts(&waits(&mut play, of)), [""; 0]);
    // Who is found alive is told nothing.
    let alive = play.alive(of);
    let done = play.next_daemon(vec![alive]);
    assert_eq!(texts(&done), [""; 0]);
    assert_eq!(texts(&looks(&mut play, of, idle())), [""; 0]);
}

#[test]
fn who_ended_by_itself_hears_how_and_who_was_restarted_begins() {
    let (mut play, of) = kicked_off(talkative());
    let (of, told) = next(&mut play, &of, Exit::Code(7));
    assert_eq!(texts(&told), ["ended: exit code 7"]);
    taken(&mut play, &told);
    operator(&mut play, Command::Restart);
    let (_, told) = next(&mut play, &of, Exit::Signal(Signal::TERM));
    assert_eq!(texts(&told), ["begin p1"]);
}

#[test]
fn who_was_stopped_as_failed_hears_why() {
    let (mut play, of) = kicked_off(told_by(|a| a.alive = Some(alive())));
    for _ in 0..2 {
        play.pass(5000);
        play.tell(Event::Probed(
            of.clone(),
            Looked::Failed("no answer".into()),
        ));
    }
    assert_eq!(play.state("a"), StateName::Stopping);
    let (_, told) = next(&mut play, &of, Exit::Signal(Signal::TERM));
    let texts = texts(&told);
    assert!(
        texts[0].starts_with("ended: killed by SIGTERM, after a stop ("),
        "{texts:?}"
    );
}

#[test]
fn how_one_ended_is_known_to_the_next_daemon() {
    for failed in [false, true] {
        let (mut play, of) = kicked_off(told_by(|a| {
            a.alive = Some(alive());
            a.backoff.first = Duration::from_secs(30);
        }));
        if failed {
            for _ in 0..2 {
                play.pass(5000);
                play.tell(Event::Probed(
                    of.clone(),
                    Looked::Failed("no answer".into()),
                ));
            }
        }
        play.ends(&of, Exit::Code(7));
        assert_eq!(play.state("a"), StateName::BackingOff);
        let mut done = play.next_daemon(vec![ended(&of, Exit::Code(7), 0)]);
        done.extend(play.pass(60_000));
        let next = started(&done).pop().unwrap();
        play.runs(&next);
        let texts = texts(&looks(&mut play, &next, idle()));
        assert!(texts[0].starts_with("ended: exit code 7"), "{texts:?}");
        assert_eq!(texts[0].contains("after a stop"), failed, "{texts:?}");
    }
}

#[test]
fn a_reboot_is_told_before_anything_else_that_happened() {
    let (mut play, of) = kicked_off(talkative());
    play.ends(&of, Exit::Code(7));
    done(&mut play);
    let done = play.reboot(vec![]);
    let next = started(&done).pop().unwrap();
    play.runs(&next);
    let told_it = looks(&mut play, &next, idle());
    assert_eq!(texts(&told_it), ["rebooted, uncleanly, p2"]);
    let told_it = taken(&mut play, &told_it);
    assert!(
        told(&told_it)[0]
            .1
            .starts_with("a was told of the reboot (\"rebooted")
    );
    // A crash after it is one of this boot.
    let (_, told) = self::next(&mut play, &next, Exit::Code(1));
    assert_eq!(texts(&told), ["ended: exit code 1"]);
}

#[test]
fn a_crash_before_it_was_told_of_the_reboot_loses_nothing() {
    let (mut play, of) = kicked_off(talkative());
    let found = ended(&of, Exit::machine_went_down(), 0);
    let mut of = started(&play.reboot(vec![found])).pop().unwrap();
    for _ in 0..2 {
        play.runs(&of);
        of = started(&{
            let mut all = play.ends(&of, Exit::Code(1));
            all.extend(play.pass(4000));
            all
        })
        .pop()
        .unwrap();
        // Nor does a daemon that is killed meanwhile.
        play.runs(&of);
        let alive = play.alive(&of);
        play.next_daemon(vec![alive]);
    }
    let told = looks(&mut play, &of, idle());
    assert_eq!(texts(&told), ["rebooted, uncleanly, p1"]);
    taken(&mut play, &told);
    let (_, told) = next(&mut play, &of, Exit::Code(1));
    assert_eq!(texts(&told), ["ended: exit code 1"]);
}

#[test]
fn what_never_ran_leaves_what_it_was_owed() {
    let (mut play, of) = kicked_off(talkative());
    let mut done = play.ends(&of, Exit::Code(7));
    done.extend(play.pass(2000));
    let short = started(&done).pop().unwrap();
    let mut done = play.says(HostEvent::Shortage(short, "no memory".into()));
    done.extend(play.pass(60_000));
    let next = started(&done).pop().unwrap();
    play.runs(&next);
    assert_eq!(
        texts(&looks(&mut play, &next, idle())),
        ["ended: exit code 7"]
    );
}

#[test]
fn another_phase_is_told_to_the_attempt_that_begins_for_it() {
    let (mut play, of) = kicked_off(talkative());
    done(&mut play);
    let (_, told) = next(&mut play, &of, Exit::Signal(Signal::TERM));
    assert_eq!(texts(&told), ["p1 is over, p2 begins"]);
}

#[test]
fn who_is_kept_hears_of_the_newest_phase_when_it_waits() {
    let (mut play, of) = kicked_off(told_by(keeps));
    assert_eq!(texts(&looks(&mut play, &of, busy("1"))), [""; 0]);
    play.pass(30_000);
    done(&mut play);
    done(&mut play);
    assert_eq!(texts(&looks(&mut play, &of, busy("2"))), [""; 0]);
    let told = waits(&mut play, &of);
    assert_eq!(texts(&told), ["p1 is over, p3 begins"]);
    taken(&mut play, &told);
    assert_eq!(texts(&waits(&mut play, &of)), [""; 0]);
    // It knows that one already.
    play.command(Command::PhaseSet(PhaseRef::Index(0)));
    play.command(Command::PhaseSet(PhaseRef::Index(2)));
    assert_eq!(texts(&waits(&mut play, &of)), [""; 0]);
}

#[test]
fn a_phase_that_changed_while_nobody_looked_is_told_to_who_is_kept() {
    let (mut play, of) = kicked_off(told_by(keeps));
    // Killed right after the phase is recorded.
    play.requests += 1;
    play.cut(Event::Command(RequestId(play.requests), Command::PhaseDone));
    let alive = play.alive(&of);
    play.next_daemon(vec![alive]);
    let told = looks(&mut play, &of, idle());
    assert_eq!(texts(&told), ["p1 is over, p2 begins"]);
    taken(&mut play, &told);
    let alive = play.alive(&of);
    play.next_daemon(vec![alive]);
    assert_eq!(texts(&looks(&mut play, &of, idle())), [""; 0]);
}

#[test]
fn a_daemon_killed_before_it_typed_leaves_it_to_the_next_one() {
    // Killed after the attempt was decided, after it ran, and while its agent was waited for.
    for until in 0..3 {
        let mut play = Play::unasked(talkative());
        if until == 0 {
            play.cut(Event::Surveyed(Ok(Vec::new())));
        }
        let starts = match until {
            0 => Vec::new(),
            _ => started(&play.tell(Event::Surveyed(Ok(Vec::new())))),
        };
        if until == 2 {
            play.runs(&starts[0]);
            looks(&mut play, &starts[0], busy("1"));
        }
        let found = starts.first().map(|of| play.alive(of));
        let mut done = play.next_daemon(found.into_iter().collect());
        done.extend(play.pass(2000));
        let of = started(&done).pop().unwrap_or_else(|| starts[0].clone());
        if starts.is_empty() {
            play.runs(&of);
        }
        let told = looks(&mut play, &of, idle());
        assert_eq!(texts(&told), ["begin p1"], "{until}");
    }
}

#[test]
fn a_daemon_killed_while_it_typed_leaves_it_undecided() {
    for begun in [true, false] {
        let (mut play, starts) = Play::running(talkative());
        let of = starts[0].clone();
        let look = Event::Watched(of.clone(), Ok(Box::new(idle())));
        match begun {
            // The record of it is the last that it did.
            true => play.cut(look),
            false => drop(play.tell(look)),
        }
        let alive = play.alive(&of);
        play.next_daemon(vec![alive]);
        let done = looks(&mut play, &of, busy("1"));
        let words = "a may have been nudged (its start: \"begin p1\", 8 bytes): the supervisor ended while \
                     it was typed, and it is not typed again; if it stands on its input line, not sent, \
                     nothing else is typed there: `supervisorctl attach a`, where Enter sends it and C-u \
                     clears it";
        assert_eq!(told(&done), [("worker-nudge-undecided", words)]);
        assert_eq!(texts(&looks(&mut play, &of, idle())), [""; 0]);
        assert_eq!(texts(&waits(&mut play, &of)), [""; 0]);
    }
}

#[test]
fn who_asks_or_is_at_its_limit_is_told_afterwards() {
    let (mut play, starts) = Play::running(talkative());
    let of = &starts[0];
    let typed = looks(&mut play, of, idle());
    let question = "trust it?".to_owned();
    let done = refused(&mut play, &typed, Refusal::Asking { question });
    assert_eq!((texts(&done), told(&done)), (vec![], vec![]));
    // A daemon that is killed now has not told it.
    let alive = play.alive(of);
    play.next_daemon(vec![alive]);
    let typed = looks(&mut play, of, idle());
    assert_eq!(texts(&typed), ["begin p1"]);
    assert!(told(&taken(&mut play, &typed))[0].0 == "worker-told");
}

#[test]
fn who_did_not_get_it_for_a_terminal_that_was_lost_is_told_afterwards() {
    let (mut play, starts) = Play::running(talkative());
    let of = &starts[0];
    let fails = |play: &mut Play, effects: &[Effect], screen: Option<String>| {
        let [(nudge, ..)] = typed(effects)[..] else {
            panic!("{effects:?}")
        };
        let failed = Typed::Failed {
            why: "tmux does not answer".into(),
            screen,
            submitted: false,
        };
        play.tell(Event::Typed(nudge, failed))
    };
    let typed = looks(&mut play, of, idle());
    let done = fails(&mut play, &typed, None);
    assert_eq!((texts(&done), told(&done)), (vec![], vec![]));
    let again = waits(&mut play, of);
    assert_eq!(texts(&again), ["begin p1"]);
    // Where it is seen what is there instead, a person has to look.
    let done = fails(&mut play, &again, Some("what is there".into()));
    assert_eq!(told(&done)[0].0, "worker-not-told");
}

#[test]
fn what_no_waiting_changes_is_told_as_not_told() {
    let (mut play, starts) = Play::running(talkative());
    let typed = looks(&mut play, &starts[0], idle());
    let done = refused(&mut play, &typed, Refusal::Unbracketed);
    let (event, text) = told(&done)[0];
    assert_eq!(event, "worker-not-told");
    assert!(
        text.starts_with("a was not told of its start: nothing was typed into a: "),
        "{text}"
    );
    assert_eq!(texts(&waits(&mut play, &starts[0])), [""; 0]);
}

#[test]
fn what_cannot_be_said_is_told_as_not_told() {
    let (mut play, starts) = Play::running(told_by(|a| {
        a.say.start = Some(Template::unchecked("{% if phase == 'p9' %}x{% endif %}"));
    }));
    let done = looks(&mut play, &starts[0], idle());
    let words = "a was not told of its start: of say.start the text is empty; \
                 `supervisorctl nudge a TEXT` tells it";
    assert_eq!(
        (texts(&done), told(&done)),
        (vec![], vec![("worker-not-told", words)])
    );
    assert_eq!(texts(&waits(&mut play, &starts[0])), [""; 0]);
}

#[test]
fn one_that_ends_while_it_is_typed_leaves_it_to_the_next() {
    // How it went is said before the next one begins, or after.
    for late in [false, true] {
        let (mut play, of) = kicked_off(talkative());
        let found = ended(&of, Exit::machine_went_down(), 0);
        let of = started(&play.reboot(vec![found])).pop().unwrap();
        play.runs(&of);
        let typed = looks(&mut play, &of, idle());
        assert_eq!(texts(&typed), ["rebooted, uncleanly, p1"]);
        let mut done = play.ends(&of, Exit::Code(1));
        if !late {
            refused(&mut play, &typed, Refusal::Dead);
        }
        done.extend(play.pass(2000));
        let next = started(&done).pop().unwrap();
        if late {
            refused(&mut play, &typed, Refusal::Dead);
        }
        play.runs(&next);
        assert_eq!(
            texts(&waits(&mut play, &next)),
            ["rebooted, uncleanly, p1"],
            "{late}"
        );
    }
}

#[test]
fn one_that_has_ended_before_that_is_known_leaves_it_as_well() {
    let (mut play, of) = kicked_off(talkative());
    let found = ended(&of, Exit::machine_went_down(), 0);
    let of = started(&play.reboot(vec![found])).pop().unwrap();
    play.runs(&of);
    let typed = looks(&mut play, &of, idle());
    assert_eq!(texts(&typed), ["rebooted, uncleanly, p1"]);
    let mut done = play.ends(&of, Exit::Code(1));
    done.extend(play.pass(2000));
    let other = started(&done).pop().unwrap();
    play.runs(&other);
    let mut done = play.ends(&other, Exit::Code(1));
    refused(&mut play, &typed, Refusal::Dead);
    done.extend(play.pass(4000));
    let next = started(&done).pop().unwrap();
    play.runs(&next);
    assert_eq!(texts(&waits(&mut play, &next)), ["rebooted, uncleanly, p1"]);
}

#[test]
fn what_people_say_waits_behind_it() {
    let (mut play, starts) = Play::running(talkative());
    let of = &starts[0];
    looks(&mut play, of, busy("1"));
    let nudge = |when| {
        Command::Nudge(Nudge {
            worker: "a".parse().unwrap(),
            text: "and tests".into(),
            when,
            within: Duration::from_secs(600),
        })
    };
    assert_eq!(texts(&play.command(nudge(When::Idle))), [""; 0]);
    play.pass(2000);
    let done = looks(&mut play, of, idle());
    assert_eq!(texts(&done), ["begin p1"]);
    let mut done = taken(&mut play, &done);
    done.extend(waits(&mut play, of));
    assert_eq!(texts(&done), ["and tests"]);
}

#[test]
fn a_full_disk_puts_it_off() {
    let (mut play, starts) = Play::running(talkative());
    let of = &starts[0];
    play.refuses = true;
    for _ in 0..3 {
        assert_eq!(texts(&waits(&mut play, of)), [""; 0]);
    }
    play.refuses = false;
    play.pass(5000);
    let done = waits(&mut play, of);
    assert_eq!(texts(&done), ["begin p1"]);
    taken(&mut play, &done);
    assert_eq!(texts(&waits(&mut play, of)), [""; 0]);
}

#[test]
fn a_daemon_that_ends_leaves_what_is_owed_to_the_next_one() {
    let (mut play, starts) = Play::running(talkative());
    let of = starts[0].clone();
    looks(&mut play, &of, busy("1"));
    let done = play.tell(Event::Leave(Leave::WorkersGoOn));
    assert!(
        done.contains(&Effect::Exit) && told(&done).is_empty(),
        "{done:?}"
    );
    let alive = play.alive(&of);
    play.next_daemon(vec![alive]);
    assert_eq!(texts(&looks(&mut play, &of, idle())), ["begin p1"]);
}

#[test]
fn another_template_counts_for_what_is_still_owed_and_none_ends_it() {
    let (mut play, starts) = Play::running(talkative());
    let of = &starts[0];
    looks(&mut play, of, busy("1"));
    let say = |text: Option<&str>| {
        let start = text.map(Template::unchecked);
        move |config: &mut Config| {
            let a = config.workers.get_mut("a").unwrap();
            a.say.start = start;
        }
    };
    play.reload(say(Some("go")));
    assert_eq!(play.state("a"), StateName::Running);
    play.pass(2000);
    let done = looks(&mut play, of, idle());
    assert_eq!(texts(&done), ["go"]);
    taken(&mut play, &done);
    let (mut play, starts) = Play::running(talkative());
    looks(&mut play, &starts[0], busy("1"));
    play.reload(say(None));
    assert_eq!(texts(&waits(&mut play, &starts[0])), [""; 0]);
    // Nobody waits behind it.
    play.command(Command::Nudge(Nudge {
        worker: "a".parse().unwrap(),
        text: "x".into(),
        when: When::Idle,
        within: Duration::from_secs(600),
    }));
    assert_eq!(texts(&waits(&mut play, &starts[0])).len(), 0);
}

#[test]
fn the_report_of_a_reboot_says_all_of_it() {
    let (mut play, of) = kicked_off(told_by(|a| {
        a.say.reboot = Some(Template::unchecked("{{ report }}"));
    }));
    play.t += 60_000;
    let found = ended(&of, Exit::machine_went_down(), 0);
    let of = started(&play.reboot(vec![found])).pop().unwrap();
    play.runs(&of);
    let done = looks(&mut play, &of, idle());
    let at = play.rig.last_boot.booted.to_string();
    let at = at.replace('T', " ");
    let at = at.split('.').next().unwrap().trim_end_matches('Z');
    let report = format!(
        "Reboot 1: the machine came up at {at} UTC.\n\
         The boot before ended uncleanly: its supervisor said no goodbye.\n\
         It was down for at most 1 min.\n\
         Before, a ran.\n\
         The plan: phase 1 of 3 (p1)."
    );
    assert_eq!(texts(&done), [report]);
}
