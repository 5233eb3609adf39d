//! Files in the inboxes of agents: each typed once, in order, whatever ends in between.

use super::{
    agents::{agent, asks, busy, idle, limited},
    *,
};
use crate::{
    agent::{
        signs::Signs,
        typed::{By, Refusal},
    },
    decide::{Fact, Lies, Moved, Nudge, NudgeId, Settle, Typed, When},
};

/// One that runs, waits for a word, and whose files are these.
fn waiting(files: &[(&str, &str)]) -> (Play, AttemptRef, Vec<Effect>) {
    let (mut play, starts) = Play::running(rig([agent("a")]));
    let of = starts[0].clone();
    sees(&mut play, &of, idle());
    let done = lies(&mut play, files);
    (play, of, done)
}

fn sees(play: &mut Play, of: &AttemptRef, signs: Signs) -> Vec<Effect> {
    play.tell(Event::Watched(of.clone(), Ok(Box::new(signs))))
}

/// A look finds these, in this order.
fn lies(play: &mut Play, files: &[(&str, &str)]) -> Vec<Effect> {
    let first = files.first();
    let lies = Lies {
        first: first.map(|(name, text)| ((*name).into(), Ok((*text).to_owned()))),
        queued: files.len(),
        failed: 0,
        oldest: first.map(|_| now(play.t).wall),
    };
    play.tell(Event::Inbox("a".parse().unwrap(), lies))
}

/// What is typed, and of which file.
fn typed(effects: &[Effect]) -> Vec<(NudgeId, String, &str)> {
    let of = |effect| match effect {
        &Effect::Type {
            nudge,
            ref text,
            ref item,
            permission,
            ..
        } => {
            assert!(!permission.busy);
            Some((nudge, item.as_ref().unwrap().to_string(), text.as_str()))
        }
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

fn one(effects: &[Effect]) -> NudgeId {
    let typed = typed(effects);
    assert_eq!(typed.len(), 1, "{effects:?}");
    typed[0].0
}

/// What is moved.
fn settled(effects: &[Effect]) -> Vec<(String, Settle)> {
    let of = |effect: &Effect| match effect {
        Effect::Settle { item, how, .. } => Some((item.to_string(), how.clone())),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

fn taken(play: &mut Play, id: NudgeId) -> Vec<Effect> {
    play.tell(Event::Typed(id, Typed::Taken(By::Work)))
}

fn refuses(play: &mut Play, id: NudgeId, why: Refusal) -> Vec<Effect> {
    let screen = String::new();
    play.tell(Event::Typed(id, Typed::Refused { why, screen }))
}

/// The file was moved, and is called so, or was not there.
fn moved(play: &mut Play, name: &str, to: Option<&str>) -> Vec<Effect> {
    let to = Ok(to.map_or(Moved::Gone, |to| Moved::To(to.into())));
    play.tell(Event::Settled("a".parse().unwrap(), name.into(), to))
}

fn cannot_be_moved(play: &mut Play, name: &str) -> Vec<Effect> {
    let why = Err("no space left on device".into());
    play.tell(Event::Settled("a".parse().unwrap(), name.into(), why))
}

fn told(effects: &[Effect]) -> Vec<(&str, &str)> {
    let notices = effects.iter().filter_map(|effect| match effect {
        Effect::Tell(notice) => Some((notice.event.as_str(), notice.text.as_str())),
        _ => None,
    });
    let of_inbox = |(event, _): &(&str, &str)| event.starts_with("worker-inbox");
    notices.filter(of_inbox).collect()
}

fn is_over(effects: &[Effect], id: NudgeId) -> bool {
    let over = Fact::NudgeOver { nudge: id };
    let records =
        |effect: &Effect| matches!(effect, Effect::Record(facts) if facts.contains(&over));
    effects.iter().any(records)
}

fn delivered(name: &str) -> [(String, Settle); 1] {
    [(name.to_owned(), Settle::Delivered)]
}

#[test]
fn each_is_recorded_typed_and_moved_and_then_the_next_one_is() {
    let (mut play, of, done) = waiting(&[("1.md", "first"), ("2.md", "second")]);
    let id = one(&done);
    assert_eq!(typed(&done), [(id, "1.md".into(), "first")]);
    let begun =
        |fact: &Fact| matches!(fact, Fact::NudgeBegun(begun) if begun.item == Some("1.md".into()));
    let place = |wanted: &dyn Fn(&Effect) -> bool| done.iter().position(wanted).unwrap();
    let records =
        place(&|effect| matches!(effect, Effect::Record(facts) if facts.iter().any(begun)));
    assert!(records < place(&|effect| matches!(effect, Effect::Type { .. })));
    let done = taken(&mut play, id);
    assert_eq!(settled(&done), delivered("1.md"));
    assert!(!is_over(&done, id), "before it is moved");
    // A look from before it was moved.
    assert_eq!(
        typed(&lies(&mut play, &[("1.md", "first"), ("2.md", "second")])),
        []
    );
    let done = moved(&mut play, "1.md", Some("T-1.md"));
    assert!(is_over(&done, id));
    let words = "1.md of its inbox (\"first\", 5 bytes): a took it: it works";
    assert_eq!(told(&done), [("worker-inbox-delivered", words)]);
    assert_eq!(typed(&done), []);
    let done = lies(&mut play, &[("2.md", "second")]);
    let id = one(&done);
    assert_eq!(typed(&done)[0].1, "2.md");
    let done = play.tell(Event::Typed(id, Typed::Undecided));
    assert_eq!(settled(&done), delivered("2.md"));
    let done = moved(&mut play, "2.md", Some("T-2.md"));
    assert!(
        told(&done)[0].1.contains("this screen does not say"),
        "{done:?}"
    );
    // Nothing waits, and nobody looks more often for it.
    lies(&mut play, &[]);
    sees(&mut play, &of, idle());
    assert_eq!(settled(&play.pass(100_000)), []);
}

#[test]
fn what_passes_keeps_it_where_it_is() {
    for why in [
        Refusal::Busy,
        Refusal::Dead,
        Refusal::Mode,
        Refusal::Asking {
            question: "Proceed?".into(),
        },
        Refusal::Limited { menu: None },
        Refusal::Crashed {
            words: String::new(),
        },
        Refusal::Unsent {
            typed: String::new(),
        },
        Refusal::NoInput {
            profile: "claude".into(),
        },
        Refusal::Attached {
            idle: Duration::from_secs(1),
        },
        Refusal::Foreground {
            found: vec!["vim".into()],
            profile: "claude".into(),
            wanted: vec!["claude".into()],
        },
    ] {
        let (mut play, of, done) = waiting(&[("1.md", "go on")]);
        let first = one(&done);
        let mut done = refuses(&mut play, first, why.clone());
        assert!(is_over(&done, first), "{why:?}");
        assert_eq!((told(&done), settled(&done)), (vec![], vec![]), "{why:?}");
        let mut tries = 0;
        while typed(&done).is_empty() {
            done = play.pass(2000);
            done.extend(sees(&mut play, &of, idle()));
            tries += 1;
            assert!(tries < 20, "{why:?}");
        }
        assert!(tries == 1 || why != Refusal::Busy);
        let id = one(&done);
        assert_ne!(id, first);
        // What was said of the first try once more is not said of this one.
        assert_eq!(taken(&mut play, first), []);
        assert_eq!(settled(&taken(&mut play, id)), delivered("1.md"));
    }
}

#[test]
fn nothing_is_tried_while_it_works_asks_or_is_limited() {
    for signs in [busy("1"), asks(), limited()] {
        let (mut play, starts) = Play::running(rig([agent("a")]));
        sees(&mut play, &starts[0], signs.clone());
        let mut done = lies(&mut play, &[("1.md", "go on")]);
        for _ in 0..50 {
            done.extend(play.pass(30_000));
            done.extend(sees(&mut play, &starts[0], signs.clone()));
        }
        assert_eq!(typed(&done), [], "{signs:?}");
        play.pass(30_000);
        let done = sees(&mut play, &starts[0], idle());
        assert_eq!(typed(&done).len(), 1);
    }
}

#[test]
fn what_can_never_be_typed_is_put_away_with_the_reason() {
    let (mut play, _, done) = waiting(&[("1.md", "go\non")]);
    let done = refuses(&mut play, one(&done), Refusal::Unbracketed);
    assert!(matches!(&settled(&done)[..], [(name, Settle::Failed(why))]
        if name == "1.md" && why.contains("bracketed paste")));
    let done = moved(&mut play, "1.md", Some("T-1.md"));
    let [("worker-inbox-failed", words)] = told(&done)[..] else {
        panic!("{done:?}");
    };
    let helps =
        "; make one line of failed/T-1.md there, then: `supervisorctl inbox a retry T-1.md`";
    assert!(words.ends_with(helps), "{words}");
    let notified =
        |effect: &Effect| matches!(effect, Effect::Notify(notice) if notice.text == words);
    assert!(done.iter().any(notified));

    // Also without anybody who could take it.
    let (mut play, starts) = Play::running(rig([agent("a")]));
    play.ends(&starts[0], Exit::Code(1));
    let unfit = Lies {
        first: Some(("2.md".into(), Err("it is not UTF-8".into()))),
        queued: 1,
        ..Lies::default()
    };
    let done = play.tell(Event::Inbox("a".parse().unwrap(), unfit));
    let why = Settle::Failed("it is not UTF-8".into());
    assert_eq!(settled(&done), [("2.md".to_owned(), why)]);
    let words = "2.md in the inbox of a cannot be typed: it is not UTF-8; mend failed/T-2.md there, then: \
                 `supervisorctl inbox a retry T-2.md`";
    let done = moved(&mut play, "2.md", Some("T-2.md"));
    assert_eq!(told(&done), [("worker-inbox-failed", words)]);
}

#[test]
fn what_was_typed_and_is_not_known_to_be_taken_is_put_away() {
    let failed = |submitted| Typed::Failed {
        why: "no server".into(),
        screen: None,
        submitted,
    };
    for typed_so in [failed(true), failed(false)] {
        let (mut play, _, done) = waiting(&[("1.md", "go on")]);
        let done = play.tell(Event::Typed(one(&done), typed_so));
        let how = Settle::Failed("no server".into());
        assert_eq!(settled(&done), [("1.md".to_owned(), how)]);
        let done = moved(&mut play, "1.md", Some("T-1.md"));
        let again = "; `supervisorctl inbox a retry T-1.md` types it again";
        assert!(told(&done)[0].1.ends_with(again), "{done:?}");
    }
    let (mut play, _, _) = waiting(&[("1.md", "go on")]);
    let done = play.pass(60_000);
    assert!(matches!(&settled(&done)[..], [(_, Settle::Failed(why))] if why.contains("no word")));
    assert_eq!(typed(&done), []);
}

#[test]
fn until_it_is_begun_the_latest_counts_and_what_is_gone_is_not_typed() {
    let (mut play, starts) = Play::running(rig([agent("a")]));
    let of = &starts[0];
    sees(&mut play, of, busy("1"));
    lies(&mut play, &[("1.md", "old")]);
    lies(&mut play, &[("1.md", "new"), ("2.md", "second")]);
    play.pass(2000);
    let done = sees(&mut play, of, idle());
    assert_eq!(typed(&done)[0].2, "new");
    // As who types it finds out at the last moment.
    let nothing = |id| {
        let why = "its file has changed, or is gone".into();
        Event::Typed(id, Typed::Nothing { why })
    };
    let done = play.tell(nothing(one(&done)));
    assert_eq!((settled(&done), told(&done)), (vec![], vec![]));
    assert_eq!(lies(&mut play, &[]), []);
    play.pass(30_000);
    assert_eq!(typed(&sees(&mut play, of, idle())), []);
    let done = lies(&mut play, &[("2.md", "second")]);
    assert_eq!(typed(&done)[0].1, "2.md");
}

#[test]
fn it_waits_for_the_next_attempt() {
    let (mut play, of, done) = waiting(&[("1.md", "go on")]);
    refuses(&mut play, one(&done), Refusal::Dead);
    play.ends(&of, Exit::Code(1));
    let next = started(&play.pass(1000));
    play.runs(&next[0]);
    let done = sees(&mut play, &next[0], idle());
    assert_eq!(typed(&done)[0].2, "go on");

    // What is stopped gets nothing, and what is in its inbox stays there.
    let (mut play, of, done) = waiting(&[("1.md", "go on")]);
    refuses(&mut play, one(&done), Refusal::Dead);
    play.command(Command::Stop(vec!["a".parse().unwrap()]));
    play.ends(&of, Exit::Code(0));
    let done = play.pass(700_000);
    assert_eq!((typed(&done), settled(&done)), (vec![], vec![]));
    let next = started(&play.command(Command::Start(vec!["a".parse().unwrap()])));
    play.runs(&next[0]);
    assert_eq!(typed(&sees(&mut play, &next[0], idle())).len(), 1);
}

#[test]
fn people_come_first() {
    let (mut play, starts) = Play::running(rig([agent("a")]));
    let of = &starts[0];
    sees(&mut play, of, busy("1"));
    lies(&mut play, &[("1.md", "go on")]);
    let asked = play.command(Command::Nudge(Nudge {
        worker: "a".parse().unwrap(),
        text: "by hand".into(),
        when: When::Idle,
        within: Duration::from_secs(600),
    }));
    let texts = |effects: &[Effect]| -> Vec<(NudgeId, String)> {
        let of = |effect: &Effect| match effect {
            Effect::Type { nudge, text, .. } => Some((*nudge, text.clone())),
            _ => None,
        };
        effects.iter().filter_map(of).collect()
    };
    let [(id, text)] = &texts(&asked)[..] else {
        panic!("{asked:?}");
    };
    assert_eq!(text, "by hand");
    refuses(&mut play, *id, Refusal::Busy);
    play.pass(2000);
    let done = sees(&mut play, of, idle());
    let [(id, text)] = &texts(&done)[..] else {
        panic!("{done:?}");
    };
    assert_eq!(text, "by hand");
    let done = taken(&mut play, *id);
    assert_eq!(typed(&done)[0].2, "go on");
}

#[test]
fn one_that_cannot_be_moved_is_told_tried_again_and_typed_no_more() {
    let (mut play, of, done) = waiting(&[("1.md", "first"), ("2.md", "second")]);
    let id = one(&done);
    taken(&mut play, id);
    let done = cannot_be_moved(&mut play, "1.md");
    assert!(
        matches!(told(&done)[..], [("worker-inbox-stuck", _)]),
        "{done:?}"
    );
    let mut moves = Vec::new();
    let began = play.t;
    while play.t < began + 3_600_000 {
        lies(&mut play, &[("1.md", "first"), ("2.md", "second")]);
        let mut done = play.pass(1000);
        done.extend(sees(&mut play, &of, idle()));
        assert_eq!(typed(&done), []);
        if !settled(&done).is_empty() {
            assert_eq!(settled(&done), delivered("1.md"));
            moves.push(play.t - began);
            assert_eq!(told(&cannot_be_moved(&mut play, "1.md")), []);
        }
        let view = play.rig.view(now(play.t), |_, _| None);
        assert!(
            view.degraded
                .iter()
                .any(|line| line.contains("no space left"))
        );
    }
    assert_eq!(moves[..3], [5000, 15_000, 35_000], "{moves:?}");
    assert!((14..=20).contains(&moves.len()), "{moves:?}");
    play.pass(300_000);
    sees(&mut play, &of, idle());
    let done = moved(&mut play, "1.md", Some("T-1.md"));
    assert!(is_over(&done, id));
    assert_eq!(typed(&lies(&mut play, &[("2.md", "second")])).len(), 1);
}

#[test]
fn a_word_that_is_lost_is_asked_for_again() {
    let (mut play, _, done) = waiting(&[("1.md", "first")]);
    let id = one(&done);
    taken(&mut play, id);
    let done = play.pass(70_000);
    assert_eq!(settled(&done), delivered("1.md"));
    // The first one had done it.
    let done = moved(&mut play, "1.md", None);
    assert!(is_over(&done, id));
    assert_eq!(told(&done)[0].0, "worker-inbox-delivered");
    assert_eq!(moved(&mut play, "1.md", None), [], "heard twice");
}

/// The daemon is killed in the turn in which this happens, and the next one begins.
fn killed(play: &mut Play, of: &AttemptRef, event: Event) -> Vec<Effect> {
    play.cut(event);
    let alive = play.alive(of);
    play.next_daemon(vec![alive])
}

#[test]
fn what_a_killed_daemon_had_begun_is_put_away_as_undecided_and_never_typed() {
    for reboots in [false, true] {
        let (mut play, of, _) = waiting(&[]);
        let begins = Event::Inbox(
            "a".parse().unwrap(),
            Lies {
                first: Some(("1.md".into(), Ok("first".into()))),
                queued: 1,
                ..Lies::default()
            },
        );
        play.cut(begins);
        let done = match reboots {
            true => play.reboot(vec![ended_with_machine(&of, Exit::Signal(Signal::KILL))]),
            false => {
                let alive = play.alive(&of);
                play.next_daemon(vec![alive]);
                sees(&mut play, &of, busy("1"))
            }
        };
        let [(name, Settle::Failed(why))] = &settled(&done)[..] else {
            panic!("{done:?}");
        };
        assert_eq!(name, "1.md");
        assert!(why.starts_with("may have been typed"), "{why}");
        // Before it is moved the look sees it still.
        let mut done = lies(&mut play, &[("1.md", "first")]);
        if !reboots {
            done.extend(sees(&mut play, &of, idle()));
        }
        assert_eq!(typed(&done), []);
        let done = moved(&mut play, "1.md", Some("T-1.md"));
        assert_eq!(told(&done).len(), 1);
        let says = "; if it stands on its input line, not sent, nothing else is typed there: `supervisorctl \
                    attach a`, where Enter sends it and C-u clears it; `supervisorctl inbox a retry T-1.md`";
        assert!(told(&done)[0].1.contains(says), "{done:?}");
        // It is over for the daemons that follow.
        let alive = vec![];
        assert_eq!(settled(&play.next_daemon(alive)), []);
    }
}

#[test]
fn what_a_killed_daemon_had_begun_is_told_though_nobody_says_that_it_was_moved() {
    let (mut play, of, done) = waiting(&[("1.md", "first")]);
    let id = one(&done);
    let alive = play.alive(&of);
    play.next_daemon(vec![alive]);
    let failed = settled(&sees(&mut play, &of, busy("1")));
    assert!(matches!(&failed[..], [(_, Settle::Failed(_))]));
    assert_eq!(settled(&play.pass(70_000)), failed);
    // The first of the two moves had done it, as far as anybody knows.
    let done = moved(&mut play, "1.md", None);
    assert!(is_over(&done, id));
    assert_eq!(told(&done)[0].0, "worker-inbox-failed");
}

#[test]
fn what_a_killed_daemon_had_typed_or_moved_is_not_typed_again() {
    // Typed, and not moved: nobody recorded how it went.
    let (mut play, of, done) = waiting(&[("1.md", "first")]);
    let id = one(&done);
    let event = Event::Typed(id, Typed::Taken(By::Work));
    let mut done = killed(&mut play, &of, event);
    done.extend(sees(&mut play, &of, busy("1")));
    assert!(
        matches!(&settled(&done)[..], [(_, Settle::Failed(_))]),
        "{done:?}"
    );
    assert_eq!(typed(&done), []);

    // Moved, and that is not recorded: the file is not there any more.
    let before = Event::Settled("a".parse().unwrap(), "1.md".into(), Ok(Moved::Before));
    let done = play.tell(before);
    assert_eq!(told(&done), []);
    assert!(is_over(&done, id));
    let alive = play.alive(&of);
    assert_eq!(settled(&play.next_daemon(vec![alive])), []);
}

#[test]
fn what_a_killed_daemon_had_begun_is_told_though_its_file_was_taken_away() {
    let (mut play, of, done) = waiting(&[("1.md", "first")]);
    let id = one(&done);
    let began = now(play.t).wall;
    let alive = play.alive(&of);
    play.next_daemon(vec![alive]);
    sees(&mut play, &of, idle());
    let done = lies(&mut play, &[]);
    // Where it may have been moved is looked at for one that was begun then.
    let begun = done.iter().find_map(|effect| match effect {
        Effect::Settle { begun, .. } => *begun,
        _ => None,
    });
    assert_eq!(begun, Some(began));
    let done = moved(&mut play, "1.md", None);
    let says = "1.md in the inbox of a may have been typed: the supervisor ended while it was typed; if it stands on \
                its input line, not sent, nothing else is typed there: ";
    let [("worker-inbox-failed", text)] = told(&done)[..] else {
        panic!("{done:?}");
    };
    assert!(text.starts_with(says), "{text}");
    assert!(is_over(&done, id));
}

#[test]
fn what_was_tried_and_refused_is_tried_by_the_next_daemon() {
    let (mut play, of, done) = waiting(&[("1.md", "first")]);
    refuses(&mut play, one(&done), Refusal::Busy);
    let alive = play.alive(&of);
    let done = play.next_daemon(vec![alive]);
    assert_eq!(settled(&done), []);
    sees(&mut play, &of, idle());
    assert_eq!(typed(&lies(&mut play, &[("1.md", "first")])).len(), 1);
}

#[test]
fn on_a_full_disk_nothing_is_typed_until_it_can_be_recorded() {
    let (mut play, starts) = Play::running(rig([agent("a")]));
    let of = &starts[0];
    sees(&mut play, of, idle());
    play.refuses = true;
    let mut done = lies(&mut play, &[("1.md", "first")]);
    let mut records = 0;
    for _ in 0..60 {
        done.extend(play.pass(2000));
        done.extend(sees(&mut play, of, idle()));
    }
    for effect in &done {
        records += usize::from(matches!(effect, Effect::Record(_)));
    }
    assert_eq!((typed(&done), settled(&done)), (vec![], vec![]));
    assert!(records < 60, "{records} tries to record within two minutes");
    play.refuses = false;
    let mut done = play.pass(40_000);
    done.extend(sees(&mut play, of, idle()));
    assert_eq!(typed(&done).len(), 1, "{done:?}");
}

#[test]
fn a_daemon_that_is_to_end_waits_for_the_move_and_begins_nothing() {
    let (mut play, of, done) = waiting(&[("1.md", "first"), ("2.md", "second")]);
    let id = one(&done);
    let ends = |effects: &[Effect]| effects.contains(&Effect::Exit);
    assert!(!ends(&play.tell(Event::Leave(Leave::WorkersGoOn))));
    assert!(!ends(&taken(&mut play, id)));
    let done = moved(&mut play, "1.md", Some("T-1.md"));
    assert!(ends(&done), "{done:?}");
    assert_eq!(typed(&done), []);
    let alive = play.alive(&of);
    assert_eq!(settled(&play.next_daemon(vec![alive])), []);

    // One that cannot be moved holds nobody.
    let (mut play, _, done) = waiting(&[("1.md", "first")]);
    taken(&mut play, one(&done));
    cannot_be_moved(&mut play, "1.md");
    assert!(ends(&play.tell(Event::Leave(Leave::WorkersGoOn))));
}

#[test]
fn what_lies_there_is_shown_and_so_is_that_it_waits_for_long() {
    let (mut play, starts) = Play::running(rig([agent("a"), worker("plain")]));
    let of = starts.iter().find(|of| of.worker.as_str() == "a").unwrap();
    sees(&mut play, of, busy("1"));
    lies(&mut play, &[("1.md", "first"), ("2.md", "second")]);
    let shown = |play: &Play| {
        let view = play.rig.view(now(play.t), |_, _| None);
        let rows = view.workers.iter();
        rows.map(|row| {
            row.inbox
                .map(|inbox| (inbox.queued, inbox.failed, inbox.late.is_some()))
        })
        .collect::<Vec<_>>()
    };
    assert_eq!(shown(&play), [Some((2, 0, false)), None]);
    play.pass(3_600_000);
    assert_eq!(shown(&play), [Some((2, 0, true)), None]);
    let done = play.reload(|config| {
        config.workers.remove("a");
    });
    assert_eq!(settled(&done), []);
    assert_eq!(shown(&play)[1..], [None]);
}
