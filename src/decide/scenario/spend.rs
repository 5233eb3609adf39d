//! Budgets of a day: counted, kept over daemons and boots, and over with the day.

use std::sync::Arc;

use regex::Regex;

use super::{
    agents::{agent, busy, idle},
    *,
};
use crate::{
    agent::{
        profile::Profile,
        signs::{Signs, Trace},
        typed::By,
    },
    config::{Keeps, Template},
    decide::{Amounts, KnownSpent, Level, Nudge, Typed, When},
};

const MINUTE: u64 = 60_000;
/// From the beginning, at 11:06:40, to midnight.
const MIDNIGHT: u64 = 46_400_000;

/// What is on its screen.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shows {
    Works,
    Idle,
    /// The same, with so many turns and cents.
    Counts(u64, u64),
    /// The same, with a commit of then.
    Commits(i64),
}

use Shows::{Commits, Counts, Idle, Works};

pub(super) struct Stage {
    pub(super) play: Play,
    of: AttemptRef,
    pub(super) shows: Shows,
    pub(super) told: Vec<(Level, String, String)>,
}

fn one(daily: Daily) -> Config {
    rig([Worker {
        daily,
        ..agent("a")
    }])
}

fn turns(turns: u64) -> Config {
    one(Daily {
        turns: Some(turns),
        ..Daily::default()
    })
}

fn nudge(when: When) -> Command {
    Command::Nudge(Nudge {
        worker: "a".parse().unwrap(),
        text: "go on".into(),
        when,
        within: Duration::from_secs(60),
    })
}

impl Stage {
    pub(super) fn of(config: Config) -> Self {
        let (play, starts) = Play::running(config);
        let mut stage = Self {
            play,
            of: starts[0].clone(),
            shows: Idle,
            told: Vec::new(),
        };
        stage.tell(Event::Wake);
        stage.tell(Event::Watched(stage.of.clone(), Ok(Box::new(idle()))));
        stage
    }

    fn signs(&self) -> Signs {
        match self.shows {
            Works => busy(&format!("Read {}", self.play.t)),
            Idle => idle(),
            Counts(turns, cost) => Signs {
                turns: Some(turns),
                cost: Some(cost),
                ..idle()
            },
            Commits(at) => Signs {
                committed: Trace::At(Timestamp::from_second(at).unwrap()),
                ..idle()
            },
        }
    }

    pub(super) fn pass(&mut self, millis: u64) {
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

    pub(super) fn takes(&mut self, done: Vec<Effect>) {
        for effect in done {
            match effect {
                Effect::Watch(of, _) => {
                    let signs = Box::new(self.signs());
                    self.tell(Event::Watched(of, Ok(signs)));
                }
                Effect::Tell(notice) => {
                    self.told.push((notice.level, notice.event, notice.text));
                }
                Effect::Type { nudge, .. } => {
                    self.tell(Event::Typed(nudge, Typed::Taken(By::Transcript)));
                }
                Effect::Signal(of, _) => {
                    let done = self.play.ends(&of, Exit::Signal(Signal::TERM));
                    self.takes(done);
                }
                Effect::Start { attempt, .. } => {
                    self.of = attempt.clone();
                    let done = self.play.runs(&attempt);
                    self.takes(done);
                }
                _ => {}
            }
        }
    }

    /// A turn of its agent that is seen, and leaves this.
    pub(super) fn turn_to(&mut self, shows: Shows) {
        self.shows = Works;
        self.pass(2 * MINUTE);
        self.shows = shows;
        self.pass(2 * MINUTE);
    }

    fn turn(&mut self) {
        self.turn_to(Idle);
    }

    /// Somebody types to it.
    fn asks(&mut self) {
        let done = self.play.command(nudge(When::Idle));
        self.takes(done);
    }

    pub(super) fn next_daemon(&mut self) {
        let lives = self.play.rig.workers["a"].life.attempt().is_some();
        let found = lives.then(|| self.play.alive(&self.of));
        let done = self.play.next_daemon(Vec::from_iter(found));
        self.takes(done);
    }

    pub(super) fn state(&self) -> StateName {
        self.play.state("a")
    }

    fn budgets(&self) -> Vec<(Level, &str)> {
        let of = self
            .told
            .iter()
            .filter(|(_, told, _)| told == "worker-budget");
        of.map(|(level, _, text)| (*level, text.as_str())).collect()
    }

    fn known(&self) -> Option<KnownSpent> {
        let mut seen = Store::read_only(self.play.path(), &[]).unwrap();
        seen.restored.workers.remove("a")?.spent
    }

    fn spent(&self) -> Amounts {
        let view = self.play.rig.view(self.play.now(), |_, _| None);
        view.workers[0].spent.unwrap().spent
    }
}

#[test]
fn who_has_had_its_turns_is_held_until_midnight() {
    let mut stage = Stage::of(turns(3));
    for count in 0..3 {
        assert_eq!(
            (stage.state(), stage.spent().turns),
            (StateName::Running, count)
        );
        stage.turn();
    }
    assert_eq!(stage.state(), StateName::Held);
    let text = "a spent its 3 turns of today: it is held until midnight; `supervisorctl start a` gives it as much again";
    assert_eq!(stage.budgets(), [(Level::Warning, text)]);
    let reason = stage.play.rig.view(stage.play.now(), |_, _| None).workers[0]
        .reason
        .clone();
    assert_eq!(
        reason.unwrap(),
        "spent its 3 turns of today; goes on at midnight"
    );
    // As long as none runs, that is known of the next one.
    stage.play.unasked_daemon();
    let name = "a".parse().unwrap();
    let will = |stage: &Stage, now| stage.play.rig.will_hold(&name, now);
    let today = stage.play.now();
    let why = "spent its 3 turns of today; goes on at midnight";
    assert_eq!(will(&stage, today).as_deref(), Some(why));
    let tomorrow = Now {
        wall: today
            .wall
            .checked_add(jiff::SignedDuration::from_hours(13))
            .unwrap(),
        ..today
    };
    assert_eq!(will(&stage, tomorrow), None);
    // Whichever daemons and boots come between.
    stage.next_daemon();
    assert_eq!(stage.state(), StateName::Held);
    let done = stage.play.reboot(Vec::new());
    stage.takes(done);
    stage.pass(MINUTE);
    assert_eq!((stage.state(), stage.budgets().len()), (StateName::Held, 1));
    stage.pass(MIDNIGHT - stage.play.t - 1000);
    assert_eq!(stage.state(), StateName::Held);
    stage.pass(2 * MINUTE);
    assert_eq!(
        (stage.state(), stage.spent().turns),
        (StateName::Running, 0)
    );
}

#[test]
fn a_start_gives_it_as_much_again() {
    let mut stage = Stage::of(turns(1));
    for _ in 0..3 {
        stage.turn();
        assert_eq!(stage.state(), StateName::Held);
        let start = Command::Start(vec!["a".parse().unwrap()]);
        let done = stage.play.command(start);
        stage.takes(done);
        stage.pass(1000);
        assert_eq!(
            (stage.state(), stage.spent().turns),
            (StateName::Running, 0)
        );
    }
    assert_eq!(stage.known().unwrap().spent.turns, 3);
    // One that is not held is forgiven nothing.
    let mut stage = Stage::of(turns(2));
    stage.turn();
    let restart = Command::Restart(vec!["a".parse().unwrap()]);
    let done = stage.play.command(restart);
    stage.takes(done);
    stage.pass(MINUTE);
    assert_eq!(stage.spent().turns, 1);
}

#[test]
fn a_turn_may_end_first_but_not_for_long() {
    let time = |minutes: u64| {
        one(Daily {
            time: Some(Duration::from_secs(minutes * 60)),
            ..Daily::default()
        })
    };
    let mut stage = Stage::of(time(10));
    stage.shows = Works;
    stage.pass(15 * MINUTE);
    assert_eq!(
        (stage.state(), stage.budgets()),
        (StateName::Running, vec![])
    );
    stage.shows = Idle;
    stage.pass(2 * MINUTE);
    assert_eq!(stage.state(), StateName::Held);
    assert!(
        stage.budgets()[0]
            .1
            .starts_with("a ran for its 10 min of today: ")
    );

    let mut stage = Stage::of(time(10));
    stage.shows = Works;
    stage.pass(22 * MINUTE);
    assert_eq!(stage.state(), StateName::Held);
}

#[test]
fn the_time_without_a_daemon_counts_where_it_ran_and_no_other() {
    let hour = Daily {
        time: Some(Duration::from_secs(3600)),
        ..Daily::default()
    };
    let mut stage = Stage::of(one(hour));
    stage.pass(20 * MINUTE);
    stage.play.t += 30 * MINUTE;
    stage.next_daemon();
    stage.pass(1000);
    let minutes = |stage: &Stage| stage.spent().time / MINUTE;
    assert_eq!(minutes(&stage), 50);
    // The machine was down.
    stage.pass(2 * MINUTE);
    stage.play.t += 30 * MINUTE;
    let found = vec![ended_with_machine(&stage.of, Exit::machine_went_down())];
    let done = stage.play.reboot(found);
    stage.takes(done);
    stage.pass(MINUTE);
    assert!((51..=53).contains(&minutes(&stage)), "{}", minutes(&stage));
}

/// One whose screen counts its turns, and says what they cost.
fn counting() -> Config {
    let mut config = one(Daily {
        turns: Some(100),
        cost: Some(1000),
        ..Daily::default()
    });
    let mut profile = Profile::shipped("claude").unwrap();
    profile.turns = Some(Regex::new(r"turns: (?P<turns>\d+)").unwrap());
    let profile = Arc::new(profile);
    for worker in config.workers.values_mut() {
        worker.agent = Some(Arc::clone(&profile));
    }
    config
}

impl Stage {
    fn shows(&mut self, turns: u64, cost: u64) -> (u64, u64) {
        self.shows = Counts(turns, cost);
        self.pass(MINUTE);
        let spent = self.spent();
        (spent.turns, spent.cost)
    }

    fn restart(&mut self) {
        self.shows = Idle;
        let restart = Command::Restart(vec!["a".parse().unwrap()]);
        let done = self.play.command(restart);
        self.takes(done);
        self.pass(MINUTE);
    }
}

#[test]
fn numbers_on_its_screen_count_by_their_differences() {
    let mut stage = Stage::of(counting());
    // What was there before nobody counts.
    assert_eq!(stage.shows(7, 500), (0, 0));
    assert_eq!(stage.shows(9, 620), (2, 120));
    stage.next_daemon();
    assert_eq!(stage.shows(9, 620), (2, 120));
    // Another conversation, in another attempt.
    stage.restart();
    assert_eq!(stage.shows(1, 30), (3, 150));
    stage.turn();
    assert_eq!(stage.shows(2, 40), (4, 160));
    // The same one, in another attempt.
    stage.restart();
    assert_eq!(stage.shows(3, 900), (5, 1020));
    assert_eq!(stage.state(), StateName::Held);
    assert!(
        stage.budgets()[0]
            .1
            .starts_with("a spent its $10.00 of today: ")
    );
}

#[test]
fn a_new_conversation_has_cost_nothing_before() {
    let mut config = counting();
    for worker in config.workers.values_mut() {
        worker.conversation = Keeps::Always;
    }
    let mut stage = Stage::of(config);
    assert_eq!(stage.shows(1, 75).1, 75);
    // The same one goes on, and says the same.
    stage.turn();
    stage.restart();
    assert_eq!(stage.shows(2, 80).1, 80);
    // Another one, which is dearer when that is first seen.
    stage.play.command(Command::Forget("a".parse().unwrap()));
    stage.restart();
    assert_eq!(stage.shows(1, 200).1, 280);
}

#[test]
fn turns_and_dollars_outlive_a_daemon_that_is_killed_right_after() {
    let mut stage = Stage::of(counting());
    stage.shows(7, 500);
    for (turns, cost) in [(9, 620), (10, 630)] {
        stage.shows = Counts(turns, cost);
        while stage.spent().cost != cost - 500 {
            stage.pass(1000);
        }
    }
    // It is on the screen no more.
    stage.shows = Idle;
    stage.next_daemon();
    let spent = stage.spent();
    assert_eq!((spent.turns, spent.cost), (3, 130));
}

#[test]
fn a_text_that_is_taken_is_a_turn_however_soon_it_is_over() {
    let mut stage = Stage::of(turns(2));
    stage.pass(2 * MINUTE);
    for count in 1..=2 {
        stage.asks();
        assert_eq!(stage.spent().turns, count - 1);
        stage.pass(MINUTE);
        assert_eq!(stage.spent().turns, count);
    }
    stage.pass(MINUTE);
    assert_eq!(stage.state(), StateName::Held);
}

#[test]
fn texts_one_after_the_other_are_a_turn_each() {
    let mut stage = Stage::of(turns(4));
    stage.pass(2 * MINUTE);
    for count in 0..4 {
        stage.asks();
        assert_eq!(stage.spent().turns, count);
        stage.pass(2000);
    }
    // One that it takes while it works belongs to its turn.
    stage.shows = Works;
    stage.pass(2 * MINUTE);
    let nudge = nudge(When::Now);
    let done = stage.play.command(nudge);
    stage.takes(done);
    assert_eq!(stage.spent().turns, 3);
}

#[test]
fn to_who_has_spent_all_only_people_may_type() {
    let mut config = one(Daily {
        time: Some(Duration::from_secs(600)),
        ..Daily::default()
    });
    let worker = config.workers.values_mut().next().unwrap();
    worker.say.phase = Some(Template::unchecked("another phase"));
    worker.on_phase = OnPhase::Keep;
    config.plan.phases = ["p1", "p2"]
        .map(|id| phase(id, Condition::Operator))
        .to_vec();
    let mut stage = Stage::of(config);
    stage.shows = Works;
    stage.pass(11 * MINUTE);
    let done = stage.play.command(Command::PhaseDone);
    stage.takes(done);
    // One look, so that it is not known yet that its turn is over.
    stage.shows = Idle;
    let next = stage.play.rig.next_deadline().unwrap().0 - stage.play.t;
    stage.pass(next);
    let typed = |stage: &Stage| {
        stage
            .told
            .iter()
            .filter(|(_, told, _)| told == "worker-told")
            .count()
    };
    assert_eq!((stage.state(), typed(&stage)), (StateName::Running, 0));
    stage.asks();
    let nudged = stage
        .told
        .iter()
        .filter(|(_, told, _)| told == "worker-nudged");
    assert_eq!(nudged.count(), 1);
}

#[test]
fn a_smaller_number_that_it_prints_is_no_other_conversation() {
    let mut stage = Stage::of(counting());
    stage.shows(7, 500);
    for _ in 0..3 {
        assert_eq!(stage.shows(0, 10), (0, 0));
        assert_eq!(stage.shows(7, 500), (0, 0));
    }
    stage.next_daemon();
    assert_eq!(stage.shows(0, 10), (0, 0));
    assert_eq!(stage.shows(8, 510), (1, 10));
}

#[test]
fn numbers_beyond_all_measure_are_counted_as_far_as_numbers_go() {
    let mut stage = Stage::of(counting());
    stage.shows(0, 0);
    stage.shows(1, 1);
    stage.shows(u64::MAX, u64::MAX);
    stage.restart();
    stage.shows(5, 5);
    let known = stage.known().unwrap().spent;
    assert_eq!((known.turns, known.cost), (u64::MAX, u64::MAX));
}

#[test]
fn who_has_another_agent_has_its_turns_counted_all_the_same() {
    let mut stage = Stage::of(counting());
    stage.shows(3, 0);
    let done = stage.play.reload(|config| *config = turns(2));
    stage.takes(done);
    stage.turn();
    stage.turn();
    assert_eq!(stage.state(), StateName::Held);
}

#[test]
fn each_budget_that_is_spent_is_told() {
    let mut stage = Stage::of(turns(1));
    for count in 1..=3 {
        stage.turn();
        assert_eq!(
            (stage.state(), stage.budgets().len()),
            (StateName::Held, count)
        );
        let done = stage
            .play
            .reload(|config| *config = turns(count as u64 + 1));
        stage.takes(done);
        stage.pass(MINUTE);
        assert_eq!(stage.state(), StateName::Running);
    }
}

#[test]
fn what_is_spent_is_recorded_once_a_minute_at_most() {
    let day = Daily {
        time: Some(Duration::from_secs(36_000)),
        ..Daily::default()
    };
    let mut stage = Stage::of(one(day));
    let mut records = 0;
    for _ in 0..60 {
        for effect in stage.play.pass(10_000) {
            if let Effect::Record(facts) = &effect {
                let spent =
                    |fact: &&super::super::Fact| matches!(fact, super::super::Fact::Spent { .. });
                records += facts.iter().filter(spent).count();
            }
        }
    }
    assert!((8..=11).contains(&records), "{records}");
    // At the end, all of it.
    stage.play.pass(30_000);
    stage.play.tell(Event::Leave(Leave::WorkersGoOn));
    assert_eq!(stage.known().unwrap().spent.time / 1000, 630);
}

#[test]
fn of_what_is_not_bounded_any_more_nothing_is_kept() {
    let mut stage = Stage::of(turns(1));
    stage.turn();
    assert_eq!(stage.state(), StateName::Held);
    let done = stage.play.reload(|config| {
        for worker in config.workers.values_mut() {
            worker.daily = Daily::default();
        }
    });
    stage.takes(done);
    stage.pass(1000);
    assert_eq!((stage.state(), stage.known()), (StateName::Running, None));
}
