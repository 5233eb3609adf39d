//! What an agent does: by its screen, and by what it leaves behind.

use std::sync::Arc;

use super::*;
use crate::{
    agent::{
        profile::Profile,
        screen::Screen,
        sighting::sight,
        signs::{Child, Signs, Trace},
    },
    decide::{Level, Notice},
    model::VerdictIs,
};

const NEVER: &str = "; nobody wakes it: its limit has wake = false";
pub(super) const RULE: &str = "────────────────────────────────────────";
/// From one look to the next, in milliseconds.
pub(super) const EVERY: u64 = 30_000;
pub(super) const MINUTE: u64 = 60_000;
/// After it, one is slow; after twice as long, stalled.
pub(super) const SLOW: u64 = 10 * MINUTE;

pub(super) fn agent(name: &str) -> Worker {
    Worker {
        launcher: LauncherKind::Tmux,
        agent: Profile::shipped("claude").map(Arc::new),
        limit: Limit {
            wake: false,
            ..Limit::default()
        },
        unstick: Unstick {
            nudge: false,
            ..Unstick::default()
        },
        watch: Watch {
            slow: Duration::from_millis(SLOW),
            stuck: Duration::from_millis(2 * SLOW),
            ..Watch::default()
        },
        ..worker(name)
    }
}

pub(super) fn signs(screen: &str) -> Signs {
    signs_at(screen, now(0).wall)
}

pub(super) fn signs_at(screen: &str, now: Timestamp) -> Signs {
    let profile = Profile::shipped("claude").unwrap();
    let screen = Screen::read(screen, None);
    Signs {
        sighting: sight(&profile, &screen, now, &TimeZone::UTC),
        picture: profile.fingerprint(&screen),
        size: (80, 24),
        attended: None,
        taken: 1,
        children: Vec::new(),
        committed: Trace::Unseen,
        heartbeat: Trace::Unseen,
        session: None,
        turns: None,
        cost: None,
    }
}

pub(super) fn busy(done: &str) -> Signs {
    signs(&format!(
        "⏺ {done}\n\n✻ Thinking… (3s)\n\n{RULE}\n❯ \n{RULE}\n"
    ))
}

pub(super) fn idle() -> Signs {
    signs(&format!("⏺ Done.\n\n{RULE}\n❯ \n{RULE}\n"))
}

pub(super) fn limited() -> Signs {
    let limit = "⏺ Bash\n  ⎿  You've hit your limit · resets 3pm (UTC)";
    signs(&format!("{limit}\n\n{RULE}\n❯ \n{RULE}\n"))
}

pub(super) fn asks() -> Signs {
    asks_to("proceed")
}

fn asks_to(what: &str) -> Signs {
    signs(&format!("Do you want to {what}?\n❯ 1. Yes\n  2. No\n"))
}

/// A limit, and what to do about it.
fn menu() -> Signs {
    let limit = "  ⎿  You've hit your limit · resets 3pm (UTC)\n\nWhat do you want to do?";
    let choices = "❯ 1. Stop and wait for limit to reset\n  2. Upgrade";
    signs(&format!("{limit}\n{choices}\n\nEnter to confirm\n"))
}

pub(super) fn with_child(cpu: u64) -> Signs {
    let child = Child {
        pid: 7,
        start: 3,
        name: "rustc".into(),
        cpu: Duration::from_secs(cpu),
    };
    Signs {
        children: vec![child],
        ..busy("Build")
    }
}

/// The looks that are asked for until `within` is over, each answered with `sees`.
pub(super) fn looks(play: &mut Play, of: &AttemptRef, within: u64, sees: &Signs) -> Vec<Effect> {
    look_by(play, of, within, |_| Ok(Box::new(sees.clone())))
}

pub(super) fn look_by(
    play: &mut Play,
    of: &AttemptRef,
    within: u64,
    mut sees: impl FnMut(u64) -> Result<Box<Signs>, String>,
) -> Vec<Effect> {
    let mut all = Vec::new();
    for _ in 0..within / EVERY {
        let done = play.pass(EVERY);
        let asked = done
            .iter()
            .filter(|effect| matches!(effect, Effect::Watch(..)));
        assert_eq!(asked.count(), 1, "{done:?}");
        all.extend(done);
        all.extend(play.tell(Event::Watched(of.clone(), sees(play.t))));
    }
    all
}

pub(super) fn verdict(play: &Play) -> (VerdictIs, String) {
    let view = play.rig.view(now(play.t), |_, _| None);
    let verdict = view.workers[0].verdict.clone();
    (verdict.is, verdict.evidence)
}

/// What went into the history.
fn told(effects: &[Effect]) -> Vec<(Level, &str)> {
    let notices = effects.iter().filter_map(|effect| match effect {
        Effect::Tell(notice) => Some(notice),
        _ => None,
    });
    notices
        .map(|notice| (notice.level, notice.text.as_str()))
        .collect()
}

/// What the operator is told of.
fn notified(effects: &[Effect]) -> Vec<&str> {
    let notices = effects.iter().filter_map(|effect| match effect {
        Effect::Notify(notice) => Some(notice.event.as_str()),
        _ => None,
    });
    notices.collect()
}

/// One that runs, with its first look asked for and answered.
pub(super) fn begun(sees: &Signs) -> (Play, AttemptRef) {
    let (mut play, starts) = Play::running(rig([agent("a")]));
    let of = starts[0].clone();
    play.tell(Event::Wake);
    play.tell(Event::Watched(of.clone(), Ok(Box::new(sees.clone()))));
    (play, of)
}

#[test]
fn what_its_screen_says_holds_however_long_it_lasts() {
    for (sees, is, evidence, level, event) in [
        (
            idle(),
            VerdictIs::Waiting,
            "for a word, at its input line",
            Level::Info,
            None,
        ),
        (
            signs(&format!("⏺ Done.\n\n{RULE}\n❯ the password is x\n{RULE}\n")),
            VerdictIs::Waiting,
            "text is on its input line, and not sent",
            Level::Info,
            None,
        ),
        (
            asks(),
            VerdictIs::Asking,
            "Do you want to proceed?",
            Level::Warning,
            Some("worker-asking"),
        ),
        (
            limited(),
            VerdictIs::Limited,
            "until 2026-11-18 15:00 UTC: ⎿ You've hit your limit · resets 3pm (UTC)",
            Level::Warning,
            Some("worker-limited"),
        ),
    ] {
        let (mut play, of) = begun(&sees);
        assert_eq!(verdict(&play), (is, evidence.into()));
        let done = looks(&mut play, &of, 5 * SLOW, &sees);
        let plan = match is {
            VerdictIs::Limited => NEVER,
            _ => "",
        };
        let evidence = format!("{evidence}{plan}");
        assert_eq!(
            told(&done),
            [(level, format!("a is {is}: {evidence}").as_str())]
        );
        assert_eq!(notified(&done), Vec::from_iter(event));
        assert_eq!((verdict(&play).0, signalled(&done)), (is, vec![]));
    }
}

#[test]
fn who_works_is_slow_and_then_stalled_by_the_last_sign_of_work() {
    let (mut play, of) = begun(&busy("Read 1 file"));
    looks(&mut play, &of, 3 * MINUTE, &busy("Read 2 files"));
    assert_eq!(
        verdict(&play),
        (VerdictIs::Working, "its screen changed 2 min ago".into())
    );
    let done = looks(&mut play, &of, SLOW, &busy("Read 2 files"));
    let slow = "no sign of work for 12 min: its screen changed 12 min ago";
    assert_eq!(verdict(&play), (VerdictIs::Working, slow.into()));
    assert_eq!(told(&done), []);
    let done = looks(&mut play, &of, SLOW, &busy("Read 2 files"));
    let stalled = "a is stalled: no sign of work for 20 min: its screen changed 20 min ago";
    assert_eq!(told(&done), [(Level::Warning, stalled)]);
    assert_eq!(notified(&done), ["worker-stalled"]);
    assert_eq!(signalled(&done), vec![]);
    let done = looks(&mut play, &of, MINUTE, &busy("Read 3 files"));
    let works = "a is working: its screen changed 30 s ago";
    assert_eq!(told(&done), [(Level::Info, works)]);
}

#[test]
fn a_long_build_is_work_and_a_child_that_idles_is_none() {
    let (mut play, of) = begun(&with_child(0));
    let mut cpu = 0;
    let done = look_by(&mut play, &of, 5 * SLOW, |_| {
        cpu += 30;
        Ok(Box::new(with_child(cpu)))
    });
    assert_eq!(told(&done), []);
    let computes = "rustc computes; nothing else of it was seen for 50 min";
    assert_eq!(verdict(&play), (VerdictIs::Working, computes.into()));
    // A server of tools computes for a second in half a minute.
    let done = look_by(&mut play, &of, 2 * SLOW + MINUTE, |_| {
        cpu += 1;
        Ok(Box::new(with_child(cpu)))
    });
    let stalled = "a is stalled: no sign of work for 20 min: rustc computed 20 min ago";
    assert_eq!(told(&done), [(Level::Warning, stalled)]);
}

#[test]
fn many_that_compute_little_are_work_together_and_a_stranger_is_none() {
    let child = |pid, start, seconds| Child {
        pid,
        start,
        name: format!("cc{pid}"),
        cpu: Duration::from_secs(seconds),
    };
    let of = |children: Vec<Child>| Signs {
        children,
        ..busy("Build")
    };
    let (mut play, of_all) = begun(&of(vec![child(7, 1, 5), child(8, 1, 5)]));
    looks(
        &mut play,
        &of_all,
        EVERY,
        &of(vec![child(7, 1, 6), child(8, 1, 6)]),
    );
    assert_eq!(verdict(&play).1, "cc8 computes");
    // It ran before the last look, and was not seen then.
    let (mut play, of_all) = begun(&busy("Build"));
    looks(&mut play, &of_all, EVERY, &of(vec![child(7, 1, 500)]));
    assert_eq!(verdict(&play).1, "watched since 30 s");
    let both = of(vec![child(7, 1, 500), child(8, 2, 5)]);
    looks(&mut play, &of_all, EVERY, &both);
    assert_eq!(verdict(&play).1, "cc8 computes");
}

#[test]
fn a_terminal_of_another_size_is_no_sign_of_work() {
    let wide = Signs {
        size: (120, 24),
        ..busy("Read the file that is wider than it was")
    };
    let (mut play, of) = begun(&busy("Read the file that"));
    looks(&mut play, &of, EVERY, &wide);
    assert_eq!(verdict(&play).1, "watched since 30 s");
    let more = Signs {
        size: (120, 24),
        ..busy("Read another file")
    };
    looks(&mut play, &of, EVERY, &more);
    assert_eq!(verdict(&play).1, "its screen changed just now");
}

#[test]
fn commits_and_heartbeats_are_work_from_the_second_look_on() {
    let at = |second| Trace::At(Timestamp::from_second(second).unwrap());
    let of_both = |committed, heartbeat| Signs {
        committed,
        heartbeat,
        ..busy("Run the loop")
    };
    let (mut play, of) = begun(&of_both(at(1), at(1)));
    looks(&mut play, &of, MINUTE, &of_both(at(1), at(1)));
    assert_eq!(verdict(&play).1, "watched since 1 min");
    looks(&mut play, &of, MINUTE, &of_both(at(2), at(1)));
    assert_eq!(verdict(&play).1, "committed 30 s ago");
    looks(&mut play, &of, MINUTE, &of_both(at(2), at(9)));
    assert_eq!(verdict(&play).1, "touched its heartbeat 30 s ago");
    // One that could not be seen, or that the clock put back, is none.
    looks(&mut play, &of, MINUTE, &of_both(Trace::Unseen, at(3)));
    assert_eq!(verdict(&play).1, "touched its heartbeat 1 min ago");
    // What a look missed is seen by the next one, and who touches it first makes it.
    looks(&mut play, &of, EVERY, &of_both(at(4), at(3)));
    assert_eq!(verdict(&play).1, "committed just now");
    looks(&mut play, &of, MINUTE, &of_both(at(4), Trace::Absent));
    looks(&mut play, &of, EVERY, &of_both(at(4), at(2)));
    assert_eq!(verdict(&play).1, "touched its heartbeat just now");
}

#[test]
fn one_look_alone_is_not_told() {
    let (mut play, of) = begun(&busy("Read 1 file"));
    let mut all = Vec::new();
    for sees in [idle(), busy("Read 2 files"), asks(), busy("Read 3 files")] {
        all.extend(looks(&mut play, &of, EVERY, &sees));
    }
    assert_eq!(told(&all), []);
}

#[test]
fn another_question_is_news_that_two_looks_agree_on() {
    let (mut play, of) = begun(&asks());
    looks(&mut play, &of, MINUTE, &asks());
    let since = |play: &Play| {
        let view = play.rig.view(now(play.t), |_, _| None);
        view.workers[0].verdict.since
    };
    let first = since(&play);
    let once = looks(&mut play, &of, EVERY, &asks_to("push"));
    assert_eq!((told(&once), notified(&once)), (vec![], vec![]));
    let again = now(play.t).wall;
    let twice = looks(&mut play, &of, SLOW, &asks_to("push"));
    let other = "a is asking: Do you want to push?";
    assert_eq!(told(&twice), [(Level::Warning, other)]);
    assert_eq!(notified(&twice), ["worker-asking"]);
    assert_eq!(since(&play), Some(again));
    assert_ne!(first, since(&play));
    // Of questions that come and go none is told again and again.
    let mut count = 0;
    let done = look_by(&mut play, &of, SLOW, |_| {
        count += 1;
        Ok(Box::new(asks_to(&format!("take {count}"))))
    });
    assert_eq!(told(&done), []);
}

#[test]
fn a_limit_that_asks_is_told_like_a_question() {
    let (mut play, of) = begun(&limited());
    looks(&mut play, &of, MINUTE, &limited());
    let done = looks(&mut play, &of, MINUTE, &menu());
    let (is, evidence) = verdict(&play);
    assert_eq!(is, VerdictIs::Limited);
    let limit = "until 2026-11-18 15:00 UTC: ⎿ You've hit your limit · resets 3pm (UTC)";
    let asks = "; and it asks: What do you want to do?";
    assert_eq!(evidence, format!("{limit}{asks}{NEVER}"));
    assert_eq!(
        (told(&done).len(), notified(&done)),
        (1, vec!["worker-limited"])
    );
}

#[test]
fn a_limit_ends_when_its_words_said_so_first() {
    let limited = |resets: &str, t| {
        let limit = format!("  ⎿  You've hit your limit · resets {resets}");
        signs_at(&format!("{limit}\n\n{RULE}\n❯ \n{RULE}\n"), now(t).wall)
    };
    let at = |t: u64| now(t).wall.to_zoned(TimeZone::UTC);
    let (mut play, of) = begun(&limited("in 10 minutes", 0));
    let end = at(10 * MINUTE).strftime("%Y-%m-%d %H:%M UTC").to_string();
    look_by(&mut play, &of, 5 * MINUTE, |t| {
        Ok(Box::new(limited("in 10 minutes", t)))
    });
    let words = "⎿ You've hit your limit · resets in 10 minutes";
    assert_eq!(verdict(&play).1, format!("until {end}: {words}{NEVER}"));
    look_by(&mut play, &of, 15 * MINUTE, |t| {
        Ok(Box::new(limited("in 10 minutes", t)))
    });
    assert_eq!(
        verdict(&play).1,
        format!("was to end at {end}: {words}{NEVER}")
    );
    // Other words are of another one.
    let t = play.t + EVERY;
    looks(&mut play, &of, EVERY, &limited("in 20 minutes", t));
    let end = at(t + 20 * MINUTE).strftime("%Y-%m-%d %H:%M UTC");
    let words = "⎿ You've hit your limit · resets in 20 minutes";
    assert_eq!(verdict(&play).1, format!("until {end}: {words}{NEVER}"));
}

#[test]
fn a_look_that_saw_nothing_says_nothing() {
    let (mut play, of) = begun(&idle());
    let blind = |_| Err("tmux does not answer".to_owned());
    let done = look_by(&mut play, &of, 3 * SLOW, blind);
    let unknown = "nobody could look at it for 30 min: tmux does not answer";
    assert_eq!(verdict(&play), (VerdictIs::Unknown, unknown.into()));
    assert_eq!((told(&done).len(), signalled(&done)), (1, vec![]));
    // One that never comes back is asked for again.
    let asked = play.pass(EVERY);
    assert!(
        asked
            .iter()
            .any(|effect| matches!(effect, Effect::Watch(..)))
    );
    let again = play.pass(61_000);
    assert!(
        again
            .iter()
            .any(|effect| matches!(effect, Effect::Watch(..)))
    );
    // An answer nobody waits for changes nothing.
    play.tell(Event::Watched(of.clone(), Ok(Box::new(idle()))));
    play.tell(Event::Watched(of, Ok(Box::new(asks()))));
    assert_eq!(verdict(&play).0, VerdictIs::Waiting);
}

#[test]
fn an_end_of_a_program_in_what_goes_on_is_none() {
    let over = || signs("⏺ Read 1 file\n\nResume this session with:\n");
    let (mut play, of) = begun(&busy("Read 1 file"));
    let done = looks(&mut play, &of, MINUTE, &over());
    let words = "a is stalled: its program is over: Resume this session with:";
    assert_eq!(told(&done), [(Level::Warning, words)]);
    assert_eq!(notified(&done), ["worker-stalled"]);

    let (mut play, of) = begun(&busy("Read 1 file"));
    let mut cpu = 0;
    let done = look_by(&mut play, &of, SLOW, |_| {
        cpu += 30;
        let children = with_child(cpu).children;
        Ok(Box::new(Signs { children, ..over() }))
    });
    assert_eq!((told(&done), notified(&done)), (vec![], vec![]));
    let (is, evidence) = verdict(&play);
    let says = "its screen says that a program is over: Resume this session with:";
    assert_eq!(is, VerdictIs::Working);
    assert!(evidence.ends_with(says), "{evidence}");
}

#[test]
fn until_its_first_sign_of_work_nobody_knows_what_it_does() {
    let (mut play, of) = begun(&busy("Read 1 file"));
    let done = looks(&mut play, &of, SLOW, &busy("Read 1 file"));
    let since = "no sign of work for 10 min: watched since 10 min";
    assert_eq!(verdict(&play), (VerdictIs::Unknown, since.into()));
    assert_eq!(told(&done), []);
    let done = looks(&mut play, &of, SLOW + MINUTE, &busy("Read 1 file"));
    assert_eq!(verdict(&play).0, VerdictIs::Stalled);
    assert_eq!(
        (told(&done).len(), notified(&done)),
        (1, vec!["worker-stalled"])
    );

    // Other rules of the watch take nothing away.
    let mut slower = agent("a");
    slower.watch.every = Duration::from_millis(EVERY / 2);
    let reload = Command::Reload(Box::new(rig([slower])));
    let done = play.tell(Event::Command(RequestId(1), reload));
    let asked = |effect: &Effect| matches!(effect, Effect::Watch(..));
    assert!(done.iter().any(asked), "{done:?}");
    let again = play.tell(Event::Watched(
        of.clone(),
        Ok(Box::new(busy("Read 1 file"))),
    ));
    assert_eq!(verdict(&play).0, VerdictIs::Stalled);
    assert_eq!(notified(&again), <[&str; 0]>::default());

    // So it is for the next daemon.
    play.next_daemon(vec![play.alive(&of)]);
    play.tell(Event::Wake);
    play.tell(Event::Watched(of, Ok(Box::new(busy("Read 1 file")))));
    let (is, evidence) = verdict(&play);
    assert_eq!(is, VerdictIs::Stalled);
    let watched = evidence.contains(": watched since ");
    assert!(watched, "{evidence}");
}

#[test]
fn what_is_judged_is_the_last_look() {
    let (mut play, of) = begun(&busy("Read 1 file"));
    looks(&mut play, &of, MINUTE, &busy("Read 2 files"));
    looks(&mut play, &of, 2 * SLOW - MINUTE, &busy("Read 2 files"));
    assert_eq!(verdict(&play).0, VerdictIs::Working);
    play.pass(MINUTE);
    assert_eq!(verdict(&play).0, VerdictIs::Working);
}

#[test]
fn another_agent_is_looked_at_anew_and_none_not_at_all() {
    let (mut play, of) = begun(&idle());
    let mut other = agent("a");
    other.agent = Profile::shipped("codex").map(Arc::new);
    play.tell(Event::Command(
        RequestId(1),
        Command::Reload(Box::new(rig([other]))),
    ));
    assert_eq!(
        verdict(&play),
        (VerdictIs::Working, "its process lives".into())
    );
    play.tell(Event::Watched(of.clone(), Ok(Box::new(asks()))));
    assert_eq!(verdict(&play).0, VerdictIs::Asking);
    let none = Worker {
        agent: None,
        conversation: Keeps::default(),
        ..agent("a")
    };
    play.tell(Event::Command(
        RequestId(2),
        Command::Reload(Box::new(rig([none]))),
    ));
    let done = play.pass(5 * MINUTE);
    assert!(
        !done
            .iter()
            .any(|effect| matches!(effect, Effect::Watch(..)))
    );
    assert_eq!(play.state("a"), StateName::Running);
}

#[test]
fn one_that_was_taken_over_and_never_answered_is_looked_at_at_once() {
    let mut deaf = agent("a");
    deaf.ready = Some(Ready {
        timeout: Duration::from_secs(12),
        ..ready()
    });
    let (mut play, starts) = Play::running(rig([deaf]));
    let of = starts[0].clone();
    // What is recorded would be another turn at once; this is asked for each five seconds.
    play.refuses = true;
    play.next_daemon(vec![play.alive(&of)]);
    let mut watched = 0;
    while play.state("a") == StateName::Starting {
        let done = play.pass(500);
        watched += done
            .iter()
            .filter(|effect| matches!(effect, Effect::Watch(..)))
            .count();
        let looked = Looked::Failed("does not answer".into());
        play.tell(Event::Probed(of.clone(), looked));
    }
    assert_eq!((play.state("a"), watched), (StateName::Running, 1));
}

#[test]
fn the_end_of_a_limit_is_told_once_whatever_is_seen_in_between() {
    let (mut play, of) = begun(&limited());
    let minutes = |count| count * MINUTE;
    let done = looks(&mut play, &of, minutes(5), &limited());
    assert_eq!(notified(&done), ["worker-limited"]);
    let blind = |_| Err("tmux does not answer".to_owned());
    let done = look_by(&mut play, &of, minutes(5), blind);
    assert_eq!(notified(&done), <[&str; 0]>::default());
    let done = looks(&mut play, &of, minutes(5), &limited());
    assert_eq!(notified(&done), ["worker-limited"]);
    let done = look_by(&mut play, &of, minutes(5), |t| {
        Ok(Box::new(busy(&format!("Read {t}"))))
    });
    let over = "a is working, its limit is over: its screen changed just now";
    assert_eq!(notified(&done), ["worker-limit-over"]);
    assert_eq!(told(&done), [(Level::Info, over)]);
    let done = looks(&mut play, &of, minutes(5), &idle());
    assert_eq!(notified(&done), <[&str; 0]>::default());
}

#[test]
fn the_operator_is_told_of_what_he_chose() {
    let notify = |on: &[&str]| {
        let all = rig([agent("a")]);
        let usual = all.notify.clone().unwrap();
        let on = on.iter().map(|event| (*event).to_owned()).collect();
        Config {
            notify: Some(Notify { on, ..usual }),
            ..all
        }
    };
    let minutes = |count| count * MINUTE;
    let heard = |config: Config| {
        let (mut play, starts) = Play::running(config);
        let of = starts[0].clone();
        play.tell(Event::Wake);
        play.tell(Event::Watched(of.clone(), Ok(Box::new(asks()))));
        let mut done = looks(&mut play, &of, minutes(5), &asks());
        done.extend(looks(&mut play, &of, minutes(5), &idle()));
        let trouble = |level| Notice {
            at: Timestamp::UNIX_EPOCH,
            event: "store-damaged".into(),
            level,
            worker: None,
            attempt: None,
            phase: None,
            text: "a page is damaged".into(),
        };
        done.extend(play.tell(Event::Notice(trouble(Level::Error))));
        done.extend(play.tell(Event::Notice(trouble(Level::Warning))));
        let heard = notified(&done).into_iter().map(str::to_owned);
        heard.collect::<Vec<_>>()
    };
    assert_eq!(heard(rig([agent("a")])), ["worker-asking", "store-damaged"]);
    assert_eq!(heard(notify(&["error"])), ["store-damaged"]);
    assert_eq!(heard(notify(&["worker-verdict"])), ["worker-verdict"]);
    assert_eq!(heard(notify(&["store-damaged"])), ["store-damaged"; 2]);
    assert_eq!(heard(notify(&[])), <[&str; 0]>::default());
    let nobody = Config {
        notify: None,
        ..rig([agent("a")])
    };
    assert_eq!(heard(nobody), <[&str; 0]>::default());
}
