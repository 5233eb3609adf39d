//! Agents that do nothing any more: given a word, looked at, and at last a person is told.

use super::{
    agents::{RULE, agent, asks, busy, idle, signs, with_child},
    *,
};
use crate::{
    agent::{
        signs::{Signs, Trace},
        typed::{By, Permission, Refusal},
    },
    config::{AtLast, Template},
    decide::{KnownTrouble, Level, Lies, Nudge, NudgeId, Typed, When},
    model::ItemName,
};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60_000;
/// After so long without a sign of work it is stalled, and seen to be so a minute later at the latest.
const STALLED: u64 = 21 * MINUTE;
const TEXT: &str =
    "You seem to have stopped. Go on where you are; if you cannot, say what you need.";

/// Why a text did not arrive.
const LOST: &str = "Escape was pressed to end what it did, and then nothing was typed: it works";

/// What is on a screen.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shows {
    /// It works, and its transcript grows.
    Works,
    /// It says that it works, and nothing moves; by how many texts its screen was changed.
    Hangs(u64),
    /// The same, while a child of it computes.
    Builds,
    Idle,
    /// The same, after something else was said, with so many commits.
    Done(i64),
    /// The same, after so many texts, and without a worktree in which somebody commits.
    Says(usize),
    Outage,
    Asks,
    Crashed,
}

use Shows::{Asks, Builds, Crashed, Done, Hangs, Idle, Outage, Says, Works};

/// What becomes of a text that is typed.
#[derive(Debug, Clone)]
enum Comes {
    /// It is taken, and then this is on the screen.
    Taken(Shows),
    Refused(Refusal),
    /// It is not seen to arrive, and then this is on the screen.
    Lost(Shows),
    /// Nobody says how it went.
    Nothing,
}

/// An agent in front of an audience that answers each look, and each text.
struct Stage {
    play: Play,
    of: AttemptRef,
    shows: Shows,
    comes: Comes,
    /// When texts were typed.
    typed: Vec<u64>,
    last: Option<(NudgeId, Permission)>,
    /// What went into the history.
    told: Vec<(Level, String, String)>,
    stopped: Vec<AttemptRef>,
    /// Its terminal is another one in size.
    wide: bool,
    /// How long ago somebody who is attached pressed a key.
    attended: Option<Duration>,
}

fn one(change: impl FnOnce(&mut Unstick)) -> Config {
    let mut worker = agent("a");
    worker.unstick = Unstick::default();
    change(&mut worker.unstick);
    rig([worker])
}

impl Stage {
    fn of(config: Config, shows: Shows) -> Self {
        let (play, starts) = Play::running(config);
        let mut stage = Self {
            play,
            of: starts[0].clone(),
            shows,
            comes: Comes::Taken(Works),
            typed: Vec::new(),
            last: None,
            told: Vec::new(),
            stopped: Vec::new(),
            wide: false,
            attended: None,
        };
        stage.tell(Event::Wake);
        // The first look was asked for while nobody answered.
        let signs = Box::new(stage.signs());
        stage.tell(Event::Watched(stage.of.clone(), Ok(signs)));
        stage
    }

    /// One that is seen to be stalled now.
    fn stalled(config: Config, comes: Comes) -> Self {
        let mut stage = Self::of(config, Hangs(0));
        stage.comes = comes;
        stage.pass(STALLED);
        stage
    }

    fn signs(&self) -> Signs {
        let boxed = format!("{RULE}\n❯ \n{RULE}\n");
        let seen = match self.shows {
            Works => busy(&format!("Read {}", self.play.t)),
            Hangs(texts) => busy(&format!("Read {texts} texts")),
            Builds => with_child(self.play.t / SECOND),
            Idle => idle(),
            Done(commits) => Signs {
                committed: Trace::At(Timestamp::from_second(commits).unwrap()),
                ..signs(&format!("⏺ Done with {commits}.\n\n{boxed}"))
            },
            Says(texts) => signs(&format!("⏺ Done, {texts} texts ago.\n\n{boxed}")),
            Outage => signs(&format!(
                "⏺ Bash\n  ⎿  API Error: 500 Internal server error\n\n{boxed}"
            )),
            Asks => asks(),
            Crashed => signs("Resume this session with:\nclaude --resume 7\n"),
        };
        Signs {
            size: if self.wide { (200, 50) } else { seen.size },
            attended: self.attended,
            ..seen
        }
    }

    /// Time passes.
    fn pass(&mut self, millis: u64) {
        let until = self.play.t + millis;
        self.tell(Event::Wake);
        while self.play.t < until {
            let next = self.play.rig.next_deadline().map_or(until, |at| at.0);
            let next = next.clamp(self.play.t + 1, until);
            let done = self.play.pass(next - self.play.t);
            self.takes(done);
            self.tell(Event::Wake);
        }
    }

    fn tell(&mut self, event: Event) {
        let done = self.play.tell(event);
        self.takes(done);
    }

    fn takes(&mut self, done: Vec<Effect>) {
        for effect in done {
            match effect {
                Effect::Watch(of, _) => {
                    let signs = Box::new(self.signs());
                    self.tell(Event::Watched(of, Ok(signs)));
                }
                Effect::Type {
                    nudge,
                    text,
                    permission,
                    ..
                } if text == TEXT => {
                    self.last = Some((nudge, permission));
                    self.typed.push(self.play.t);
                    self.is_typed(nudge);
                }
                Effect::Type { nudge, .. } => match self.comes {
                    Comes::Refused(Refusal::Unsent { .. }) => self.is_typed(nudge),
                    _ => self.tell(Event::Typed(nudge, Typed::Taken(By::Work))),
                },
                Effect::Tell(notice) => {
                    self.told.push((notice.level, notice.event, notice.text));
                }
                Effect::Signal(of, _) => self.stopped.push(of),
                Effect::Start { attempt, .. } => {
                    self.of = attempt.clone();
                    let done = self.play.runs(&attempt);
                    self.takes(done);
                }
                _ => {}
            }
        }
    }

    fn is_typed(&mut self, nudge: NudgeId) {
        match self.comes.clone() {
            Comes::Taken(shows) => {
                self.shows = match shows {
                    Hangs(texts) => Hangs(texts + u64::try_from(self.typed.len()).unwrap()),
                    shows => shows,
                };
                self.tell(Event::Typed(nudge, Typed::Taken(By::Transcript)));
            }
            Comes::Refused(why) => {
                let screen = "what is there".to_owned();
                self.tell(Event::Typed(nudge, Typed::Refused { why, screen }));
            }
            Comes::Lost(shows) => {
                self.shows = shows;
                let lost = Typed::Failed {
                    why: LOST.into(),
                    screen: None,
                    submitted: false,
                };
                self.tell(Event::Typed(nudge, lost));
            }
            Comes::Nothing => {}
        }
    }

    /// The next daemon begins.
    fn next_daemon(&mut self) {
        let found = vec![self.play.alive(&self.of)];
        let done = self.play.next_daemon(found);
        self.takes(done);
    }

    fn evidence(&self) -> String {
        let view = self.play.rig.view(self.play.now(), |_, _| None);
        view.workers[0].verdict.evidence.clone()
    }

    /// What was told of this kind, and how loudly.
    fn told(&self, event: &str) -> Vec<(Level, &str)> {
        let of = self.told.iter().filter(|(_, told, _)| told == event);
        of.map(|(level, _, text)| (*level, text.as_str())).collect()
    }

    fn known(&self) -> Option<KnownTrouble> {
        let mut seen = Store::read_only(self.play.path(), &[]).unwrap();
        seen.restored.workers.remove("a")?.trouble
    }

    /// From one text to the next, in minutes.
    fn between(&self) -> Vec<u64> {
        let pairs = self.typed.windows(2);
        pairs.map(|two| (two[1] - two[0]) / MINUTE).collect()
    }
}

fn attached() -> Refusal {
    Refusal::Attached {
        idle: Duration::from_secs(3),
    }
}

#[test]
fn one_that_stalls_is_nudged_once_and_seen_to_go_on() {
    let mut stage = Stage::of(one(|_| {}), Hangs(0));
    stage.pass(20 * MINUTE - SECOND);
    assert_eq!(stage.typed.len(), 0);
    stage.pass(2 * MINUTE);
    assert_eq!(stage.typed.len(), 1);
    let permission = stage.last.unwrap().1;
    assert!(permission.busy && !permission.interrupt && !permission.unseen && !permission.limited);
    let nudged = format!(
        "a is stalled, and was nudged ({TEXT:?}, 80 bytes): a took it: it is in its transcript"
    );
    assert_eq!(
        stage.told("worker-nudged"),
        [(Level::Info, nudged.as_str())]
    );
    stage.pass(2 * MINUTE);
    let said = stage.told("worker-unstuck");
    assert_eq!(said.len(), 1);
    let begins = "a is working again: it was nudged once, ";
    assert!(
        said[0].0 == Level::Info && said[0].1.starts_with(begins),
        "{said:?}"
    );
    assert!(stage.known().unwrap().over.is_some());
    stage.pass(180 * MINUTE);
    assert_eq!((stage.typed.len(), stage.known()), (1, None));
    assert_eq!(stage.told("worker-stuck"), []);
}

#[test]
fn what_its_text_changes_on_the_screen_is_no_sign_of_work() {
    let mut stage = Stage::stalled(one(|_| {}), Comes::Taken(Hangs(0)));
    let nudged = "; nudged 1 of 2, 30 s ago";
    assert!(stage.evidence().contains(nudged), "{}", stage.evidence());
    stage.pass(10 * MINUTE);
    assert!(stage.evidence().starts_with("no sign of work for "));
    assert_eq!(
        (stage.typed.len(), stage.told("worker-unstuck")),
        (1, vec![])
    );
    stage.pass(7 * MINUTE);
    // For the second one it is interrupted first.
    assert_eq!(stage.between(), [15]);
    assert!(stage.last.unwrap().1.interrupt);
    assert_eq!(stage.told("worker-stuck"), []);
    stage.pass(16 * MINUTE);
    let stuck = "a is stuck: it is stalled for 30 min, and nudged twice without a sign of work; \
                 `supervisorctl attach a` to look at it, `supervisorctl restart a` to start it anew";
    assert_eq!(stage.told("worker-stuck"), [(Level::Error, stuck)]);
    assert!(stage.evidence().ends_with("; a person has to look"));
    stage.pass(600 * MINUTE);
    assert_eq!(
        (stage.typed.len(), stage.told("worker-stuck").len()),
        (2, 1)
    );
    assert_eq!(stage.stopped, []);
    // Then somebody has mended it.
    stage.shows = Works;
    stage.pass(2 * MINUTE);
    assert_eq!(stage.told("worker-unstuck").len(), 1);
}

#[test]
fn who_shows_what_it_is_about_to_do_and_then_nothing_is_not_interrupted() {
    let mut stage = Stage::of(one(|_| {}), Hangs(0));
    stage.comes = Comes::Taken(Hangs(0));
    while stage.typed.is_empty() {
        stage.pass(SECOND);
    }
    stage.pass(5 * SECOND);
    stage.shows = Hangs(2);
    stage.pass(18 * MINUTE);
    assert_eq!(
        (stage.typed.len(), stage.told("worker-unstuck").len()),
        (1, 1)
    );
}

#[test]
fn who_works_is_not_typed_to() {
    for shows in [Works, Builds, Asks, Idle] {
        let mut stage = Stage::of(one(|_| {}), shows);
        stage.pass(120 * MINUTE);
        assert_eq!((stage.typed.len(), stage.known()), (0, None), "{shows:?}");
    }
    // It goes on in the last moment: one more look sees that.
    let mut stage = Stage::stalled(one(|_| {}), Comes::Taken(Hangs(0)));
    let due = stage.play.rig.workers["a"].unstick_deadline().unwrap().0;
    stage.pass(due - stage.play.t - SECOND);
    stage.shows = Works;
    stage.pass(180 * MINUTE);
    assert_eq!(stage.typed.len(), 1);
    assert_eq!(stage.told("worker-unstuck").len(), 1);
    assert_eq!(stage.told("worker-stuck"), []);
}

#[test]
fn who_goes_on_while_a_disk_takes_its_text_is_not_typed_to() {
    let mut stage = Stage::of(one(|_| {}), Hangs(0));
    stage.pass(20 * MINUTE + 15 * SECOND);
    stage.play.t += 15 * SECOND;
    stage.play.tell(Event::Wake);
    let signs = Box::new(stage.signs());
    stage.play.cut(Event::Watched(stage.of.clone(), Ok(signs)));
    stage.shows = Works;
    stage.pass(MINUTE);
    stage.tell(Event::Recorded(Ok(())));
    stage.pass(60 * MINUTE);
    assert_eq!((stage.typed.len(), stage.known()), (0, None));
    let said = stage.told("worker-unstuck");
    let begins = "a is working again: by itself; it was stalled for ";
    assert!(said.len() == 1 && said[0].1.starts_with(begins), "{said:?}");
}

#[test]
fn the_last_look_says_what_has_to_be_on_the_screen_when_it_is_typed() {
    let stage = Stage::stalled(one(|_| {}), Comes::Nothing);
    let still = stage.last.unwrap().1.still;
    assert_eq!(still, Some(stage.signs().picture));
    let mut stage = Stage::of(one(|_| {}), Outage);
    stage.pass(18 * MINUTE);
    assert_eq!(stage.last.unwrap().1.still, None);
}

#[test]
fn who_was_interrupted_and_did_not_get_its_text_is_told() {
    let mut stage = Stage::stalled(one(|_| {}), Comes::Lost(Hangs(0)));
    stage.comes = Comes::Lost(Idle);
    stage.pass(20 * MINUTE);
    assert_eq!(stage.typed.len(), 2);
    let said = stage.told("worker-stuck");
    let begins = "a is stuck: what it did was to be ended for a text that it did not get, ";
    assert!(
        said.len() == 1 && said[0].0 == Level::Error && said[0].1.starts_with(begins),
        "{said:?}"
    );
    assert_eq!(stage.told("worker-unstuck"), []);
    // Who was not interrupted waits because it has ended its turn.
    let mut stage = Stage::stalled(one(|_| {}), Comes::Lost(Idle));
    stage.pass(20 * MINUTE);
    assert_eq!(stage.told("worker-stuck"), []);
    assert_eq!(stage.told("worker-unstuck").len(), 1);
}

#[test]
fn who_begins_to_work_after_a_long_wait_is_not_stalled() {
    // Somebody attaches, which draws everything anew, and gives it a task.
    let mut stage = Stage::of(one(|_| {}), Idle);
    stage.pass(300 * MINUTE);
    stage.shows = Hangs(0);
    stage.wide = true;
    stage.pass(15 * MINUTE);
    assert_eq!(
        (stage.typed.len(), stage.told("worker-stalled")),
        (0, vec![])
    );
}

#[test]
fn who_goes_on_with_a_build_is_unstuck() {
    let mut stage = Stage::stalled(one(|_| {}), Comes::Taken(Builds));
    stage.pass(180 * MINUTE);
    assert_eq!(
        (stage.typed.len(), stage.told("worker-unstuck").len()),
        (1, 1)
    );
}

#[test]
fn what_a_killed_daemon_tried_is_told_and_counted() {
    // It is recorded, and not typed.
    let mut stage = Stage::of(one(|_| {}), Hangs(0));
    stage.pass(20 * MINUTE + 15 * SECOND);
    stage.play.t += 15 * SECOND;
    stage.play.tell(Event::Wake);
    let signs = Box::new(stage.signs());
    stage.play.cut(Event::Watched(stage.of.clone(), Ok(signs)));
    stage.comes = Comes::Taken(Hangs(0));
    stage.next_daemon();
    assert_eq!(stage.told("worker-nudge-undecided").len(), 1);
    let known = stage.known().unwrap();
    assert_eq!((known.tries, known.taken), (1, true));
    // By the one that is there now it has been seen once to be stalled; and the try was a try.
    stage.pass(14 * MINUTE);
    assert_eq!(stage.typed, [0; 0]);
    stage.pass(2 * MINUTE);
    assert_eq!(
        (stage.typed.len(), stage.last.unwrap().1.interrupt),
        (1, true)
    );
    stage.pass(60 * MINUTE);
    assert_eq!(
        (stage.typed.len(), stage.told("worker-stuck").len()),
        (1, 1)
    );
    // What was told is not told once more.
    stage.next_daemon();
    stage.pass(60 * MINUTE);
    assert_eq!(
        (stage.typed.len(), stage.told("worker-stuck").len()),
        (1, 1)
    );
}

#[test]
fn a_daemon_that_dies_beside_a_stall_delays_nothing() {
    let mut stage = Stage::of(one(|_| {}), Hangs(0));
    stage.comes = Comes::Taken(Hangs(0));
    for _ in 0..3 {
        stage.pass(6 * MINUTE);
        stage.next_daemon();
    }
    stage.pass(5 * MINUTE);
    assert_eq!(stage.typed.len(), 1);
    // What the text has changed on the screen is known, too.
    stage.next_daemon();
    stage.pass(15 * MINUTE);
    assert_eq!((stage.typed.len(), stage.between()), (2, vec![15]));
    assert_eq!(stage.told("worker-unstuck"), []);
}

#[test]
fn one_that_is_to_be_restarted_is_stopped_as_failed_and_begins_anew() {
    let mut stage = Stage::stalled(
        one(|unstick| unstick.then = AtLast::Restart),
        Comes::Taken(Hangs(0)),
    );
    let first = stage.of.clone();
    stage.pass(32 * MINUTE);
    assert_eq!(stage.stopped.first(), Some(&first));
    let said = stage.told("worker-stuck");
    assert!(said.len() == 1 && said[0].1.ends_with("; it is stopped, and started again"));
    let done = stage.play.ends(&first, Exit::Signal(Signal::TERM));
    stage.takes(done);
    stage.shows = Works;
    stage.pass(2 * MINUTE);
    assert_ne!(stage.of, first);
    assert_eq!((stage.known(), stage.typed.len()), (None, 2));
    assert_eq!(stage.play.rig.workers["a"].restarts.total, 1);
    assert_eq!(stage.told("worker-unstuck"), []);
}

/// One that is to be restarted after one try.
fn impatient() -> Config {
    one(|unstick| (unstick.tries, unstick.then) = (1, AtLast::Restart))
}

#[test]
fn under_who_types_there_nothing_is_stopped_and_what_hinders_is_told_once() {
    let mut stage = Stage::stalled(impatient(), Comes::Refused(attached()));
    stage.pass(120 * MINUTE);
    assert_eq!(stage.stopped, []);
    let said = stage.told("worker-stuck");
    let why = "a is stuck: it is stalled for 15 min, and cannot be nudged: nothing was typed into a \
               within 15 min: somebody is attached, and pressed a key 3 s ago; nudge it again when \
               nobody types there; it is nudged as soon as nothing hinders that";
    assert_eq!(said, [(Level::Error, why)]);
    assert_eq!(stage.told("worker-nudge-failed"), []);
    // He leaves, and what was to be tried is.
    stage.comes = Comes::Taken(Hangs(0));
    stage.pass(10 * MINUTE);
    assert_eq!(stage.told("worker-nudged").len(), 1);
    assert_eq!(stage.stopped, []);
    stage.pass(20 * MINUTE);
    assert_eq!(stage.stopped.first(), Some(&stage.of));
}

#[test]
fn who_has_come_after_the_last_text_is_not_stopped_under_his_hands() {
    let mut stage = Stage::stalled(impatient(), Comes::Taken(Hangs(0)));
    stage.attended = Some(Duration::from_secs(2));
    stage.pass(60 * MINUTE);
    assert_eq!(stage.stopped, []);
    let said = stage.told("worker-stuck");
    let why = "; somebody is attached and presses keys there, so it is not stopped; \
               `supervisorctl restart a` to start it anew";
    assert!(said.len() == 1 && said[0].1.ends_with(why), "{said:?}");
    // Who only looks on is none.
    let mut stage = Stage::stalled(impatient(), Comes::Taken(Hangs(0)));
    stage.attended = Some(Duration::from_secs(600));
    stage.pass(16 * MINUTE);
    assert_eq!(stage.stopped.first(), Some(&stage.of));
}

#[test]
fn a_text_that_was_typed_and_did_not_arrive_is_a_try() {
    let mut stage = Stage::stalled(impatient(), Comes::Lost(Hangs(0)));
    stage.pass(16 * MINUTE);
    assert_eq!(stage.stopped.first(), Some(&stage.of));
}

#[test]
fn what_did_not_arrive_is_told_without_a_word_of_what_was_taken() {
    let mut stage = Stage::stalled(one(|_| {}), Comes::Lost(Hangs(0)));
    let said = stage.told("worker-nudge-failed");
    let why = format!(
        "a is stalled, and was not nudged: a did not take it: {LOST}; `supervisorctl attach a` shows what \
         became of it"
    );
    assert_eq!(said, [(Level::Warning, why.as_str())]);
    stage.pass(40 * MINUTE);
    let said = stage.told("worker-stuck");
    let why = ", and the last of 2 tries to nudge it failed; ";
    assert!(said.len() == 1 && said[0].1.contains(why), "{said:?}");
    stage.shows = Works;
    stage.pass(5 * MINUTE);
    let said = stage.told("worker-unstuck");
    let begins = "a is working again: the last of 2 tries to nudge it failed, ";
    assert!(said.len() == 1 && said[0].1.starts_with(begins), "{said:?}");
}

#[test]
fn a_daemon_counts_no_try_of_which_nothing_was_typed() {
    let mut stage = Stage::stalled(impatient(), Comes::Refused(attached()));
    stage.next_daemon();
    stage.pass(120 * MINUTE);
    assert_eq!(stage.stopped, []);
    assert_eq!(stage.told("worker-stuck").len(), 1);
    // Of what was told the next one knows, and that nothing was typed yet.
    stage.next_daemon();
    stage.comes = Comes::Taken(Hangs(0));
    stage.pass(60 * MINUTE);
    assert_eq!(stage.told("worker-nudged").len(), 1);
    assert_eq!(stage.told("worker-stuck").len(), 2);
    assert_eq!(stage.stopped.first(), Some(&stage.of));
}

#[test]
fn whose_program_is_over_is_not_typed_to() {
    let mut stage = Stage::of(one(|_| {}), Crashed);
    stage.pass(MINUTE);
    assert_eq!(stage.typed, [0; 0]);
    let said = stage.told("worker-stuck");
    let why = "a is stuck: its program is over: Resume this session with:; ";
    assert!(said.len() == 1 && said[0].1.starts_with(why), "{said:?}");
}

#[test]
fn a_provider_is_waited_for_without_an_end() {
    let mut stage = Stage::of(one(|_| {}), Outage);
    stage.comes = Comes::Taken(Outage);
    stage.pass(5 * MINUTE);
    assert_eq!(stage.typed, [0; 0]);
    assert!(
        stage.evidence().ends_with("; is nudged in 10 min"),
        "{}",
        stage.evidence()
    );
    stage.pass(12 * MINUTE);
    assert_eq!(stage.typed.len(), 1);
    assert!(!stage.last.unwrap().1.busy);
    stage.pass(300 * MINUTE);
    assert_eq!(stage.between(), [30, 60, 60, 60, 60]);
    let said = stage.told("worker-stuck");
    let why = "a is stuck: it has no answer from its provider for 1 h 45 min, nudged twice so far; it is nudged on";
    assert_eq!(said, [(Level::Error, why)]);
    let evidence = stage.evidence();
    assert!(
        evidence.contains("; nudged 6 times, ") && evidence.contains(", again in "),
        "{evidence}"
    );
    // It answers.
    stage.comes = Comes::Taken(Works);
    stage.pass(62 * MINUTE);
    assert_eq!(stage.told("worker-unstuck").len(), 1);
}

#[test]
fn a_provider_that_only_seems_to_answer_is_the_same_one() {
    let mut stage = Stage::of(one(|_| {}), Outage);
    stage.comes = Comes::Taken(Works);
    stage.pass(18 * MINUTE);
    assert_eq!(stage.typed.len(), 1);
    stage.shows = Outage;
    stage.pass(25 * MINUTE);
    assert_eq!(stage.typed.len(), 1);
    stage.pass(10 * MINUTE);
    assert_eq!(stage.typed.len(), 2);
    assert_eq!(stage.known().unwrap().tries, 2);
    // Later it is another one.
    stage.pass(120 * MINUTE);
    assert_eq!(stage.known(), None);
}

#[test]
fn who_waits_is_nudged_where_that_is_wanted() {
    let minds = |unstick: &mut Unstick| unstick.idle = Some(Duration::from_secs(600));
    let mut stage = Stage::of(one(minds), Done(7));
    stage.comes = Comes::Taken(Done(7));
    stage.pass(9 * MINUTE);
    assert_eq!(stage.typed, [0; 0]);
    assert!(
        stage
            .evidence()
            .starts_with("for a word, at its input line; is nudged in ")
    );
    stage.pass(25 * MINUTE);
    assert_eq!(stage.between(), [10]);
    let why = "a is stuck: it waits at its input line, and nothing came of it to nudge it twice in a row; ";
    let said = stage.told("worker-stuck");
    assert!(said.len() == 1 && said[0].1.starts_with(why), "{said:?}");
    stage.pass(300 * MINUTE);
    assert_eq!(stage.typed.len(), 2);

    // Each turn leaves a commit.
    let mut stage = Stage::of(one(minds), Done(0));
    for commits in 1..9 {
        stage.comes = Comes::Taken(Done(commits));
        stage.pass(11 * MINUTE);
    }
    assert_eq!((stage.typed.len(), stage.told("worker-stuck")), (8, vec![]));
}

#[test]
fn without_commits_as_much_work_as_waiting_counts_and_not_what_is_on_the_screen() {
    let minds = |unstick: &mut Unstick| unstick.idle = Some(Duration::from_secs(600));
    let mut stage = Stage::of(one(minds), Says(0));
    for texts in 1..9 {
        stage.comes = Comes::Taken(Says(texts));
        stage.pass(11 * MINUTE);
    }
    assert_eq!(stage.typed.len(), 2);
    assert_eq!(stage.told("worker-stuck").len(), 1);

    let mut stage = Stage::of(one(minds), Says(0));
    for texts in 1..9 {
        stage.comes = Comes::Taken(Works);
        stage.pass(24 * MINUTE);
        stage.shows = Says(texts);
    }
    assert_eq!((stage.typed.len(), stage.told("worker-stuck")), (8, vec![]));
}

#[test]
fn a_word_of_somebody_else_is_no_turn_that_came_to_nothing() {
    let minds = |unstick: &mut Unstick| unstick.idle = Some(Duration::from_secs(600));
    let mut stage = Stage::of(one(minds), Done(7));
    stage.comes = Comes::Taken(Done(7));
    for _ in 0..6 {
        stage.pass(12 * MINUTE);
        let nudge = Command::Nudge(Nudge {
            worker: "a".parse().unwrap(),
            text: "do this".into(),
            when: When::Idle,
            within: Duration::from_secs(600),
        });
        let done = stage.play.command(nudge);
        stage.takes(done);
    }
    assert_eq!(stage.told("worker-stuck"), []);
    assert_eq!(stage.typed.len(), 6);
}

#[test]
fn texts_of_people_come_first_and_a_file_in_its_inbox_waits_for_it() {
    // A file waits for an agent that has stopped.
    let mut stage = Stage::of(one(|_| {}), Hangs(0));
    let item = ItemName::from("review.md");
    let lies = Lies {
        first: Some((item, Ok("a review".into()))),
        queued: 1,
        ..Lies::default()
    };
    stage.tell(Event::Inbox("a".parse().unwrap(), lies));
    stage.pass(22 * MINUTE);
    assert_eq!(stage.typed.len(), 1);

    let mut stage = Stage::of(one(|_| {}), Hangs(0));
    stage.pass(20 * MINUTE - SECOND);
    let nudge = Command::Nudge(Nudge {
        worker: "a".parse().unwrap(),
        text: "do this".into(),
        when: When::Idle,
        within: Duration::from_secs(600),
    });
    // It waits for its agent to be idle.
    let done = stage.play.command(nudge);
    for effect in done {
        if let Effect::Type { nudge, .. } = effect {
            let why = Refusal::Busy;
            let screen = String::new();
            stage.tell(Event::Typed(nudge, Typed::Refused { why, screen }));
        }
    }
    stage.pass(5 * MINUTE);
    assert_eq!(stage.typed, [0; 0]);
    assert!(
        stage
            .evidence()
            .ends_with("; is nudged after the text that waits")
    );
}

/// Where text stands on its input line, a file in its inbox is not typed, nor is the word for who waits.
#[test]
fn what_cannot_be_typed_to_who_waits_keeps_nobody_from_being_told() {
    let minds = |unstick: &mut Unstick| unstick.idle = Some(Duration::from_secs(600));
    let mut stage = Stage::of(one(minds), Done(7));
    let typed = "half a sentence".into();
    stage.comes = Comes::Refused(Refusal::Unsent { typed });
    let lies = Lies {
        first: Some((ItemName::from("review.md"), Ok("a review".into()))),
        queued: 1,
        ..Lies::default()
    };
    stage.tell(Event::Inbox("a".parse().unwrap(), lies));
    stage.pass(12 * MINUTE);
    let put_off = "; is nudged 1 of 2 as soon as text can be typed there";
    assert!(stage.evidence().ends_with(put_off), "{}", stage.evidence());
    stage.pass(48 * MINUTE);
    assert_eq!(stage.told("worker-nudge-failed").len(), 1);
    let said = stage.told("worker-stuck");
    let why = "a is stuck: it waits at its input line, and cannot be nudged: nothing was typed into a \
               within 15 min: ";
    assert!(said.len() == 1 && said[0].1.starts_with(why), "{said:?}");
    let on = "; it is nudged as soon as nothing hinders that";
    assert!(said[0].1.ends_with(on), "{said:?}");
    // Nothing was typed, and nothing else is said.
    stage.pass(300 * MINUTE);
    assert_eq!(stage.told("worker-stuck").len(), 1);
    assert!(
        !stage.evidence().contains(" 2 of 2"),
        "{}",
        stage.evidence()
    );
    assert!(stage.known().unwrap().tries <= 1);
    assert_eq!(stage.told("worker-nudged"), []);
    // It is cleared: what is typed from then on counts.
    stage.comes = Comes::Taken(Done(7));
    stage.pass(60 * MINUTE);
    let said = stage.told("worker-stuck");
    assert_eq!(said.len(), 2);
    let why = "a is stuck: it waits at its input line, and nothing came of it to nudge it twice in a row; ";
    assert!(said[1].1.starts_with(why), "{said:?}");
}

/// Whatever it is in: nobody is said to have been nudged, and no longer wait follows.
#[test]
fn what_could_not_be_typed_is_no_try() {
    let minds = |unstick: &mut Unstick| unstick.idle = Some(Duration::from_secs(600));
    for shows in [Hangs(0), Done(7), Outage] {
        let mut stage = Stage::of(one(minds), shows);
        stage.comes = Comes::Refused(attached());
        stage.pass(300 * MINUTE);
        assert!(stage.known().unwrap().tries <= 1, "{shows:?}");
        let said = stage.told("worker-stuck");
        assert!(
            said.len() == 1 && said[0].1.contains(", and cannot be nudged: "),
            "{shows:?}: {said:?}"
        );
        stage.comes = Comes::Taken(shows);
        stage.pass(31 * MINUTE);
        assert!(!stage.told("worker-nudged").is_empty(), "{shows:?}");
    }
}

/// What it is owed was refused, too, and comes first when the line is clear: that is the word for it.
#[test]
fn what_was_refused_and_is_typed_at_last_is_a_word_for_who_waits() {
    let mut config = one(|unstick| unstick.idle = Some(Duration::from_secs(600)));
    for worker in config.workers.values_mut() {
        worker.say.start = Some(Template::unchecked("begin"));
    }
    let mut stage = Stage::of(config, Works);
    let typed = "half a sentence".into();
    stage.comes = Comes::Refused(Refusal::Unsent { typed });
    stage.shows = Done(7);
    stage.pass(13 * MINUTE);
    let put_off = "; is nudged 1 of 2 as soon as text can be typed there";
    assert!(stage.evidence().ends_with(put_off), "{}", stage.evidence());
    let tries = stage.typed.len();
    stage.comes = Comes::Taken(Done(7));
    stage.pass(9 * MINUTE);
    assert_eq!(stage.told("worker-told").len(), 1);
    assert_eq!(stage.typed.len(), tries);
    stage.pass(3 * MINUTE);
    assert_eq!(stage.typed.len(), tries + 1);
}

#[test]
fn it_is_left_alone_where_that_is_wanted() {
    let mut stage = Stage::stalled(one(|unstick| unstick.nudge = false), Comes::Taken(Works));
    stage.pass(300 * MINUTE);
    assert_eq!((stage.typed.len(), stage.known()), (0, None));
    assert_eq!(stage.told("worker-stuck"), []);
    // Until somebody wants it.
    let done = stage.play.reload(|config| {
        for worker in config.workers.values_mut() {
            worker.unstick.nudge = true;
        }
    });
    stage.takes(done);
    stage.pass(MINUTE);
    assert_eq!(stage.typed.len(), 1);
}

#[test]
fn who_types_there_is_not_disturbed_and_that_is_told() {
    let mut stage = Stage::stalled(one(|_| {}), Comes::Refused(attached()));
    stage.pass(5 * MINUTE);
    let put_off = "; is nudged 1 of 2 as soon as text can be typed there";
    assert!(stage.evidence().ends_with(put_off), "{}", stage.evidence());
    assert_eq!(stage.told("worker-nudge-failed"), []);
    stage.pass(11 * MINUTE);
    let said = stage.told("worker-nudge-failed");
    assert_eq!(said.len(), 1);
    let why = "a is stalled, and was not nudged: nothing was typed into a within 15 min: somebody is attached";
    assert!(said[0].1.starts_with(why), "{said:?}");
    // Where he goes on by himself, what waits is not typed any more.
    let mut stage = Stage::stalled(one(|_| {}), Comes::Refused(attached()));
    let tries = stage.typed.len();
    stage.shows = Works;
    stage.comes = Comes::Taken(Works);
    stage.pass(60 * MINUTE);
    assert_eq!(stage.typed.len(), tries);
}

#[test]
fn a_text_of_which_nothing_is_heard_is_not_typed_again_at_once() {
    let mut stage = Stage::stalled(one(|_| {}), Comes::Nothing);
    stage.pass(10 * MINUTE);
    assert_eq!(stage.typed.len(), 1);
    assert_eq!(stage.told("worker-nudge-undecided").len(), 1);
    stage.pass(8 * MINUTE);
    assert_eq!(stage.typed.len(), 2);
}

#[test]
fn on_a_full_disk_nothing_is_typed() {
    let mut stage = Stage::of(one(|_| {}), Hangs(0));
    stage.pass(MINUTE);
    stage.play.refuses = true;
    stage.pass(120 * MINUTE);
    assert_eq!(stage.typed, [0; 0]);
    stage.play.refuses = false;
    stage.pass(MINUTE);
    assert_eq!(stage.told("worker-stuck").len(), 1);
}

#[test]
fn of_what_is_stopped_or_not_declared_any_more_nothing_is_kept() {
    let mut stage = Stage::stalled(one(|_| {}), Comes::Taken(Hangs(0)));
    assert!(stage.known().is_some());
    let stop = Command::Stop(vec!["a".parse().unwrap()]);
    let done = stage.play.command(stop);
    stage.takes(done);
    let of = stage.of.clone();
    stage.play.ends(&of, Exit::Code(0));
    assert_eq!(stage.known(), None);

    let mut stage = Stage::stalled(one(|_| {}), Comes::Taken(Hangs(0)));
    stage.play.reload(|config| drop(config.workers.remove("a")));
    assert_eq!(stage.known(), None);

    let mut stage = Stage::stalled(one(|_| {}), Comes::Taken(Hangs(0)));
    stage.play.config.workers.remove("a");
    stage.next_daemon();
    assert_eq!(stage.known(), None);
}

#[test]
fn a_daemon_that_is_to_end_nudges_nobody() {
    let mut stage = Stage::stalled(one(|_| {}), Comes::Refused(attached()));
    let tries = stage.typed.len();
    let done = stage.play.tell(Event::Leave(Leave::WorkersGoOn));
    assert!(done.contains(&Effect::Exit), "{done:?}");
    assert_eq!(stage.typed.len(), tries);
}
