//! Usage limits: waited for, and gone on after.

use super::{
    agents::{RULE, agent, busy, idle, signs_at},
    *,
};
use crate::{
    agent::{
        signs::Signs,
        typed::{By, Permission, Refusal},
    },
    decide::{KnownLimit, Level, NudgeId, Typed},
};

const MINUTE: u64 = 60_000;
/// At half past eleven, from the beginning on.
const END: u64 = 1_400_000;
const TEXT: &str = "Your usage limit is over. Go on where you stopped.";
const LIMIT: &str = "⎿ You've hit your limit · resets 11:30am (UTC)";

/// What is on a screen.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shows {
    /// It works, and its transcript grows.
    Works,
    Idle,
    /// It is at its limit, by these words.
    Limited(&'static str),
}

use Shows::{Idle, Limited, Works};

const AT_HALF_PAST: Shows = Limited("resets 11:30am (UTC)");

/// What becomes of a text that is typed.
#[derive(Debug, Clone)]
enum Comes {
    /// It is taken, and then this is on the screen.
    Taken(Shows),
    Refused(Refusal),
    /// Nobody says how it went.
    Nothing,
}

/// Agents in front of an audience that answers each look, and each text.
struct Stage {
    play: Play,
    of: BTreeMap<String, AttemptRef>,
    shows: BTreeMap<String, Shows>,
    comes: Comes,
    /// The texts that were typed: when, and to whom.
    typed: Vec<(u64, String)>,
    last: Option<(NudgeId, Permission)>,
    /// What went into the history.
    told: Vec<(Level, String, String)>,
}

fn agents<const N: usize>(names: [&str; N], change: impl Fn(&mut Limit)) -> Config {
    rig(names.map(|name| {
        let mut worker = agent(name);
        worker.limit = Limit::default();
        change(&mut worker.limit);
        worker
    }))
}

impl Stage {
    /// All of them run, and are at their limit.
    fn limited(config: Config) -> Self {
        Self::of(config, AT_HALF_PAST)
    }

    fn of(config: Config, shows: Shows) -> Self {
        let names: Vec<_> = config.workers.keys().map(ToString::to_string).collect();
        let (play, starts) = Play::running(config);
        let mut stage = Self {
            play,
            of: starts
                .into_iter()
                .map(|of| (of.worker.to_string(), of))
                .collect(),
            shows: names.into_iter().map(|name| (name, shows)).collect(),
            comes: Comes::Taken(Works),
            typed: Vec::new(),
            last: None,
            told: Vec::new(),
        };
        stage.tell(Event::Wake);
        // The first look was asked for while nobody answered.
        for (name, of) in stage.of.clone() {
            let signs = Box::new(stage.signs(&name));
            stage.tell(Event::Watched(of, Ok(signs)));
        }
        stage
    }

    fn signs(&self, name: &str) -> Signs {
        match self.shows[name] {
            Works => busy(&format!("Read {}", self.play.t)),
            Idle => idle(),
            Limited(words) => {
                let limit = format!("⏺ Bash\n  ⎿  You've hit your limit · {words}");
                let now = self.play.now().wall;
                signs_at(&format!("{limit}\n\n{RULE}\n❯ \n{RULE}\n"), now)
            }
        }
    }

    /// Time passes.
    fn pass(&mut self, millis: u64) {
        let until = self.play.t + millis;
        self.tell(Event::Wake);
        while self.play.t < until {
            let next = self.play.rig.next_deadline().map_or(until, |at| at.0);
            let done = self
                .play
                .pass(next.clamp(self.play.t + 1, until) - self.play.t);
            self.takes(done);
            self.tell(Event::Wake);
        }
    }

    /// Time passes until so long after the beginning.
    fn pass_to(&mut self, t: u64) {
        self.pass(t - self.play.t);
    }

    fn tell(&mut self, event: Event) {
        let done = self.play.tell(event);
        self.takes(done);
    }

    fn takes(&mut self, done: Vec<Effect>) {
        for effect in done {
            match effect {
                Effect::Watch(of, _) => {
                    let signs = self.signs(of.worker.as_str());
                    self.tell(Event::Watched(of, Ok(Box::new(signs))));
                }
                Effect::Type {
                    nudge,
                    attempt,
                    text,
                    permission,
                    ..
                } => {
                    assert_eq!(text, TEXT);
                    self.last = Some((nudge, permission));
                    self.is_typed(nudge, attempt.worker.as_str());
                }
                Effect::Tell(notice) => {
                    self.told.push((notice.level, notice.event, notice.text));
                }
                Effect::Start { attempt, .. } => {
                    self.of.insert(attempt.worker.to_string(), attempt.clone());
                    let done = self.play.runs(&attempt);
                    self.takes(done);
                }
                _ => {}
            }
        }
    }

    fn is_typed(&mut self, nudge: NudgeId, name: &str) {
        match self.comes.clone() {
            Comes::Taken(shows) => {
                self.typed.push((self.play.t, name.to_owned()));
                self.shows.insert(name.to_owned(), shows);
                self.tell(Event::Typed(nudge, Typed::Taken(By::Work)));
            }
            Comes::Refused(why) => {
                self.typed.push((self.play.t, name.to_owned()));
                let screen = "what is there".to_owned();
                self.tell(Event::Typed(nudge, Typed::Refused { why, screen }));
            }
            Comes::Nothing => self.typed.push((self.play.t, name.to_owned())),
        }
    }

    /// The next daemon begins.
    fn next_daemon(&mut self) {
        let found = self.of.values().map(|of| self.play.alive(of)).collect();
        let done = self.play.next_daemon(found);
        self.takes(done);
    }

    fn evidence(&self, name: &str) -> String {
        let view = self.play.rig.view(self.play.now(), |_, _| None);
        let row = view.workers.iter().find(|row| row.name.as_str() == name);
        row.unwrap().verdict.evidence.clone()
    }

    /// What was told of this kind, and how loudly.
    fn told(&self, event: &str) -> Vec<(Level, &str)> {
        let of = self.told.iter().filter(|(_, told, _)| told == event);
        of.map(|(level, _, text)| (*level, text.as_str())).collect()
    }

    fn known(&self, name: &str) -> Option<KnownLimit> {
        let mut seen = Store::read_only(self.play.path(), &[]).unwrap();
        seen.restored.workers.remove(name)?.limit
    }

    /// At which minutes after it who was typed to.
    fn minutes(&self) -> Vec<(i64, &str)> {
        let minute = |t: u64| (i64::try_from(t).unwrap() - i64::try_from(END).unwrap()) / 60_000;
        let typed = self.typed.iter();
        typed.map(|(t, name)| (minute(*t), name.as_str())).collect()
    }
}

fn attached() -> Refusal {
    Refusal::Attached {
        idle: Duration::from_secs(3),
    }
}

#[test]
fn one_is_woken_at_the_end_of_its_limit_and_seen_to_go_on() {
    let mut stage = Stage::limited(agents(["a"], |_| {}));
    stage.pass(MINUTE);
    let until = format!("until 2026-11-18 11:30 UTC: {LIMIT}; is woken at 2026-11-18 11:31 UTC");
    assert_eq!(stage.evidence("a"), until);
    assert_eq!(
        stage.told("worker-limited"),
        [(Level::Warning, format!("a is limited: {until}").as_str())]
    );
    let known = stage.known("a").unwrap();
    assert_eq!(known.until, Some("2026-11-18T11:30:00Z".parse().unwrap()));
    stage.pass_to(END + MINUTE - 1000);
    assert_eq!(stage.minutes(), []);
    stage.pass(2000);
    assert_eq!(stage.minutes(), [(1, "a")]);
    let permission = stage.last.unwrap().1;
    assert!(permission.limited && !permission.busy);
    let woken = format!("a was woken ({TEXT:?}, 50 bytes): a took it: it works");
    assert_eq!(stage.told("worker-woken"), [(Level::Info, woken.as_str())]);
    assert_eq!(stage.told("worker-limit-over"), []);
    stage.pass(2 * MINUTE);
    assert_eq!(stage.told("worker-limit-over").len(), 1);
    assert_eq!(stage.known("a"), None);
    stage.pass(60 * MINUTE);
    assert_eq!(stage.minutes().len(), 1);
    assert_eq!(stage.told("worker-wake-failed"), []);
}

#[test]
fn its_own_margin_text_and_will_are_kept_to() {
    let mut stage = Stage::limited(agents(["a"], |limit| limit.margin = Duration::ZERO));
    stage.pass_to(END + 2000);
    assert_eq!(stage.minutes(), [(0, "a")]);

    let mut stage = Stage::limited(agents(["a"], |limit| limit.wake = false));
    stage.pass_to(END + 60 * MINUTE);
    assert_eq!(stage.minutes(), []);
    let never = "; nobody wakes it: its limit has wake = false";
    assert!(stage.evidence("a").ends_with(never));
    // As soon as somebody wants it to be.
    let done = stage.play.reload(|config| {
        for worker in config.workers.values_mut() {
            worker.limit.wake = true;
        }
    });
    stage.takes(done);
    stage.pass(MINUTE);
    assert_eq!(stage.minutes(), [(60, "a")]);
}

#[test]
fn an_end_is_a_moment_of_the_clock_on_the_wall() {
    // The machine slept, or somebody has set it.
    let mut stage = Stage::limited(agents(["a"], |_| {}));
    stage.pass(10 * MINUTE);
    stage.play.set = i64::try_from(END).unwrap();
    stage.pass(MINUTE);
    assert_eq!(stage.typed.len(), 1);

    let mut stage = Stage::limited(agents(["a"], |_| {}));
    stage.pass(10 * MINUTE);
    stage.play.set = -3_600_000;
    stage.pass_to(END + 60 * MINUTE);
    assert_eq!(stage.typed.len(), 0);
    stage.pass(2 * MINUTE);
    assert_eq!(stage.typed.len(), 1);

    // A try that the clock now says is to come is one that was made.
    let mut stage = Stage::limited(agents(["a"], |_| {}));
    stage.comes = Comes::Taken(AT_HALF_PAST);
    stage.pass_to(END + 2 * MINUTE);
    stage.play.set = -36_000_000;
    stage.pass(32 * MINUTE);
    assert_eq!(stage.typed.len(), 2);
}

#[test]
fn what_a_killed_daemon_typed_is_told_and_not_typed_again_at_once() {
    let mut stage = Stage::limited(agents(["a"], |_| {}));
    stage.pass_to(END + MINUTE - 10);
    let due = stage.play.rig.workers["a"].limit_deadline();
    stage.play.t = due.unwrap().0;
    stage.play.cut(Event::Wake);
    stage.next_daemon();
    let said = stage.told("worker-nudge-undecided");
    assert!(
        said[0].1.starts_with("a may have been nudged ("),
        "{said:?}"
    );
    stage.pass_to(END + 30 * MINUTE);
    assert_eq!(stage.minutes(), []);
    let failed = "a was woken, and is at a limit still: ⎿ You've hit your limit · resets 11:30am (UTC); \
                  is woken at 2026-11-18 12:01 UTC";
    assert_eq!(stage.told("worker-wake-failed"), [(Level::Warning, failed)]);
    stage.pass(2 * MINUTE);
    assert_eq!(stage.minutes(), [(31, "a")]);

    // It had typed it, and that was seen.
    let mut stage = Stage::limited(agents(["a"], |_| {}));
    stage.comes = Comes::Taken(AT_HALF_PAST);
    stage.pass_to(END + MINUTE + 1000);
    stage.next_daemon();
    stage.pass_to(END + 30 * MINUTE);
    assert_eq!(stage.minutes(), [(1, "a")]);
    assert_eq!(stage.told("worker-nudge-undecided"), []);
}

#[test]
fn an_end_is_that_of_when_its_words_were_new() {
    for reboot in [false, true] {
        let mut stage = Stage::limited(agents(["a"], |_| {}));
        stage.pass(10 * MINUTE);
        stage.play.t = END + 20 * MINUTE;
        if reboot {
            let of = stage.of["a"].clone();
            let found = vec![ended_with_machine(&of, Exit::machine_went_down())];
            let done = stage.play.reboot(found);
            stage.takes(done);
        } else {
            stage.next_daemon();
        }
        stage.pass(2 * MINUTE);
        let evidence = stage.evidence("a");
        assert_eq!(stage.minutes().len(), 1, "{evidence}");
    }
}

#[test]
fn the_same_words_after_a_text_say_no_end_any_more() {
    let mut stage = Stage::limited(agents(["a"], |_| {}));
    stage.comes = Comes::Taken(AT_HALF_PAST);
    stage.pass_to(END + 10 * MINUTE);
    let evidence = format!("until nobody knows when: {LIMIT}; is woken at 2026-11-18 12:01 UTC");
    assert_eq!(stage.evidence("a"), evidence);
    stage.pass_to(END + 100 * MINUTE);
    assert_eq!(stage.minutes(), [(1, "a"), (31, "a"), (61, "a"), (91, "a")]);
    let levels: Vec<_> = stage
        .told("worker-wake-failed")
        .iter()
        .map(|told| told.0)
        .collect();
    let (warning, error) = (Level::Warning, Level::Error);
    assert_eq!(levels, [warning, warning, error, warning]);
    // Then it goes on, and the next limit is another one.
    stage.comes = Comes::Taken(Works);
    stage.pass(30 * MINUTE);
    assert_eq!(stage.known("a"), None);
    stage
        .shows
        .insert("a".into(), Limited("resets 12:30pm (UTC)"));
    stage.pass(2 * MINUTE);
    let known = stage.known("a").unwrap();
    assert_eq!((known.tried, known.failed), (None, 0));
}

#[test]
fn another_end_after_a_text_is_waited_for() {
    let mut stage = Stage::limited(agents(["a"], |_| {}));
    stage.comes = Comes::Taken(Limited("resets 12:30pm (UTC)"));
    stage.pass_to(END + 10 * MINUTE);
    let said = stage.told("worker-wake-failed");
    let plan = "a was woken, and is at a limit still: ⎿ You've hit your limit · resets 12:30pm (UTC); \
                is woken at 2026-11-18 12:31 UTC";
    assert_eq!(said, [(Level::Warning, plan)]);
    stage.comes = Comes::Taken(Works);
    stage.pass_to(END + 70 * MINUTE);
    assert_eq!(stage.minutes(), [(1, "a"), (61, "a")]);
    // However soon that is, nobody is woken more often than that.
    let mut stage = Stage::limited(agents(["a"], |_| {}));
    stage.comes = Comes::Taken(Limited("resets in 10 seconds"));
    stage.pass_to(END + 40 * MINUTE);
    assert_eq!(stage.minutes(), [(1, "a"), (31, "a")]);
}

#[test]
fn an_end_that_nobody_can_read_is_tried_again_and_again() {
    let mut stage = Stage::of(agents(["a"], |_| {}), Limited("ask your administrator"));
    stage.pass(MINUTE);
    let evidence = stage.evidence("a");
    assert!(
        evidence.starts_with("until nobody knows when: "),
        "{evidence}"
    );
    assert!(
        evidence.ends_with("; is woken at 2026-11-18 11:37 UTC"),
        "{evidence}"
    );
    stage.comes = Comes::Taken(Limited("ask your administrator"));
    stage.pass(70 * MINUTE);
    assert_eq!(stage.typed.len(), 2);
}

#[test]
fn who_types_there_is_not_disturbed_and_that_is_told() {
    let mut stage = Stage::limited(agents(["a"], |_| {}));
    stage.comes = Comes::Refused(attached());
    stage.pass_to(END + 11 * MINUTE);
    let tries = stage.typed.len();
    assert!((15..=22).contains(&tries), "{tries}");
    let put_off = "; is woken as soon as text can be typed there, tried for 30 min";
    assert!(stage.evidence("a").ends_with(put_off));
    assert_eq!(stage.told("worker-wake-failed"), []);
    stage.pass_to(END + 40 * MINUTE);
    let said = stage.told("worker-wake-failed");
    assert_eq!(said.len(), 1);
    let why = "a was not woken: nothing was typed into a within 30 min: somebody is attached";
    assert!(said[0].1.starts_with(why), "{said:?}");
    // He leaves, and it is not waited for once more.
    stage.comes = Comes::Taken(Works);
    stage.pass(MINUTE);
    assert_eq!(
        stage.typed.last(),
        Some(&(stage.typed.last().unwrap().0, "a".to_owned()))
    );
    assert_eq!(stage.told("worker-woken").len(), 1);
}

#[test]
fn what_no_waiting_changes_is_told_with_what_helps_and_tried_again_later() {
    let mut stage = Stage::limited(agents(["a"], |_| {}));
    stage.comes = Comes::Refused(Refusal::Limited {
        menu: Some("What do you want to do?".into()),
    });
    stage.pass_to(END + 40 * MINUTE);
    assert_eq!(stage.minutes(), [(1, "a"), (31, "a")]);
    let said = stage.told("worker-wake-failed");
    let why = "a was not woken: nothing was typed into a: its usage limit is reached, and it asks: \
               \"What do you want to do?\"; `supervisorctl attach a` to answer it; is woken at \
               2026-11-18 12:01 UTC";
    assert_eq!(said[0], (Level::Warning, why));
}

#[test]
fn a_full_disk_is_not_asked_again_and_again() {
    let mut stage = Stage::limited(agents(["a"], |_| {}));
    stage.pass(MINUTE);
    stage.play.refuses = true;
    stage.pass_to(END + 20 * MINUTE);
    assert_eq!(stage.minutes(), []);
    assert_eq!(stage.told("worker-wake-failed").len(), 1);
    stage.play.refuses = false;
    stage.pass_to(END + 40 * MINUTE);
    assert_eq!(stage.minutes(), [(31, "a")]);
}

#[test]
fn who_goes_on_by_itself_is_not_woken() {
    let mut stage = Stage::limited(agents(["a"], |_| {}));
    stage.pass(MINUTE);
    stage.shows.insert("a".into(), Works);
    stage.pass_to(END + 60 * MINUTE);
    assert_eq!(stage.minutes(), []);
    assert_eq!(stage.known("a"), None);

    // Also where that is seen while somebody is in the way.
    let mut stage = Stage::limited(agents(["a"], |_| {}));
    stage.comes = Comes::Refused(attached());
    stage.pass_to(END + 2 * MINUTE);
    let tries = stage.typed.len();
    stage.shows.insert("a".into(), Idle);
    stage.pass(60 * MINUTE);
    assert!(stage.typed.len() <= tries + 1);
    assert_eq!(stage.told("worker-wake-failed"), []);
}

#[test]
fn workers_of_one_account_are_woken_one_by_one() {
    let team = |limit: &mut Limit| limit.account = Some("team".into());
    let mut stage = Stage::limited(agents(["a", "b", "c"], team));
    stage.pass_to(END + MINUTE + 2000);
    assert_eq!(stage.minutes(), [(1, "a")]);
    let waits = "; waits for a of account team";
    assert!(stage.evidence("b").ends_with(waits) && stage.evidence("c").ends_with(waits));
    stage.pass(10 * MINUTE);
    let order: Vec<_> = stage.typed.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(order, ["a", "b", "c"]);
    // Each was seen by two looks to go on before the next one.
    let waited = stage.typed.windows(2).map(|two| two[1].0 - two[0].0);
    assert!(
        waited.clone().all(|waited| waited >= MINUTE / 2),
        "{:?}",
        stage.typed
    );
    assert_eq!(stage.told("worker-limit-over").len(), 3);

    // Those of no account have nothing to do with each other.
    let mut stage = Stage::limited(agents(["a", "b", "c"], |_| {}));
    stage.pass_to(END + 2 * MINUTE);
    assert_eq!(stage.minutes(), [(1, "a"), (1, "b"), (1, "c")]);
}

#[test]
fn a_limit_that_the_first_of_an_account_finds_is_that_of_all() {
    let team = |limit: &mut Limit| limit.account = Some("team".into());
    let mut stage = Stage::limited(agents(["a", "b"], team));
    stage.comes = Comes::Taken(Limited("resets 12:30pm (UTC)"));
    stage.pass_to(END + 50 * MINUTE);
    assert_eq!(stage.minutes(), [(1, "a")]);
    assert!(
        stage
            .evidence("b")
            .ends_with("; waits for a of account team")
    );
    // The next daemon knows it as well.
    stage.next_daemon();
    stage.comes = Comes::Taken(Works);
    stage.pass_to(END + 70 * MINUTE);
    let order: Vec<_> = stage.typed.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(
        (order, stage.minutes()[1]),
        (vec!["a", "a", "b"], (61, "a"))
    );
}

#[test]
fn who_cannot_be_woken_or_ends_is_in_nobody_s_way() {
    let team = |limit: &mut Limit| limit.account = Some("team".into());
    // It is refused at once, for long, or for ever.
    for why in [attached(), Refusal::Dead] {
        let mut stage = Stage::limited(agents(["a", "b"], team));
        stage.comes = Comes::Refused(why);
        stage.pass_to(END + MINUTE + 5000);
        assert_eq!(stage.minutes(), [(1, "a"), (1, "b")]);
    }
    // It ends, or is stopped, while it is looked at.
    for stop in [false, true] {
        let mut stage = Stage::limited(agents(["a", "b"], team));
        stage.comes = Comes::Taken(AT_HALF_PAST);
        stage.pass_to(END + MINUTE + 5000);
        assert_eq!(stage.minutes(), [(1, "a")]);
        let of = stage.of["a"].clone();
        if stop {
            let a = vec!["a".parse().unwrap()];
            let done = stage.play.command(Command::Stop(a));
            stage.takes(done);
        } else {
            stage.shows.insert("a".into(), Idle);
        }
        let done = stage.play.ends(&of, Exit::Code(1));
        stage.takes(done);
        stage.pass(1000);
        assert_eq!(stage.minutes(), [(1, "a"), (1, "b")]);
    }
}

#[test]
fn nothing_is_typed_into_what_is_stopped_and_what_is_started_is_seen_first() {
    let mut stage = Stage::limited(agents(["a"], |_| {}));
    stage.pass(MINUTE);
    stage
        .play
        .command(Command::Stop(vec!["a".parse().unwrap()]));
    let of = stage.of["a"].clone();
    stage.play.ends(&of, Exit::Code(0));
    stage.pass_to(END + 60 * MINUTE);
    assert_eq!(stage.minutes(), []);
    // What is started anew is at its limit by the words of before.
    let start = Command::Start(vec!["a".parse().unwrap()]);
    let done = stage.play.command(start);
    stage.takes(done);
    stage.pass(2 * MINUTE);
    assert_eq!(stage.minutes().len(), 1);
    assert_ne!(stage.of["a"], of);

    // Or it begins without one.
    let mut stage = Stage::limited(agents(["a"], |_| {}));
    stage.pass(MINUTE);
    stage.shows.insert("a".into(), Idle);
    let of = stage.of["a"].clone();
    let done = stage.play.ends(&of, Exit::Code(0));
    stage.takes(done);
    stage.pass_to(END + 60 * MINUTE);
    assert_eq!((stage.minutes(), stage.known("a")), (vec![], None));
}

#[test]
fn a_text_of_which_nothing_is_heard_is_not_typed_again_at_once() {
    let mut stage = Stage::limited(agents(["a"], |_| {}));
    stage.comes = Comes::Nothing;
    stage.pass_to(END + 25 * MINUTE);
    assert_eq!(stage.minutes(), [(1, "a")]);
    assert_eq!(stage.told("worker-nudge-undecided").len(), 1);
    stage.pass_to(END + 40 * MINUTE);
    assert_eq!(stage.minutes(), [(1, "a"), (32, "a")]);
}

#[test]
fn of_what_is_not_declared_any_more_nothing_is_kept() {
    let mut stage = Stage::limited(agents(["a", "b"], |_| {}));
    stage.pass(MINUTE);
    assert!(stage.known("b").is_some());
    stage.play.reload(|config| drop(config.workers.remove("b")));
    assert_eq!(stage.known("b"), None);
    stage.play.config.workers.remove("a");
    stage.next_daemon();
    assert_eq!(stage.known("a"), None);
}

#[test]
fn a_daemon_that_is_to_end_wakes_nobody() {
    let mut stage = Stage::limited(agents(["a"], |_| {}));
    stage.comes = Comes::Refused(attached());
    stage.pass_to(END + 2 * MINUTE);
    let done = stage.play.tell(Event::Leave(Leave::WorkersGoOn));
    assert!(done.contains(&Effect::Exit), "{done:?}");
    stage.comes = Comes::Taken(Works);
    stage.next_daemon();
    stage.pass(2 * MINUTE);
    assert_eq!(stage.told("worker-woken").len(), 1);
}

#[test]
fn what_it_is_to_be_told_waits_for_its_limit_and_keeps_nobody_from_waking_it() {
    let mut config = agents(["a"], |_| {});
    for worker in config.workers.values_mut() {
        worker.say.start = Some(config::Template::unchecked(TEXT));
    }
    let mut stage = Stage::limited(config);
    stage.comes = Comes::Taken(Idle);
    stage.pass_to(END);
    assert_eq!(stage.minutes(), []);
    stage.pass(10 * MINUTE);
    assert_eq!(stage.told("worker-woken").len(), 1);
    assert_eq!(stage.told("worker-told").len(), 1);
    assert_eq!(stage.minutes().len(), 2);
    assert_eq!(stage.minutes()[0], (1, "a"));
}
