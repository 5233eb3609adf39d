//! Whatever an agent does, by each profile: played in a real tmux, seen, and dealt with as it is to be.
//!
//! One rig a profile, in which each worker plays one scenario; short thresholds take the place of long
//! waits. What comes of it is printed as a table: `cargo nextest run --test daemon --success-output final
//! matrix`.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::fs::symlink,
    process::Stdio,
    time::Instant,
};

use jiff::{SignedDuration, Timestamp, Unit};
use serde_json::Value;

use crate::{
    program::program,
    rig::{PATIENCE, Rig},
};

/// What an agent does, and what is to come of it.
struct Scenario {
    name: &'static str,
    /// `END` is when its limit is over.
    script: &'static str,
    /// The step from which on it is so; of who works all the time there is none.
    from: Option<&'static str>,
    verdict: &'static str,
    action: Action,
}

/// What is done about it.
#[derive(Clone, Copy, PartialEq)]
enum Action {
    /// Nobody says or does anything.
    Nothing,
    /// The operator is told, and nothing else is done.
    Told,
    /// One text is typed when its limit is over, after which it works.
    Woken,
    /// One text is typed, as it does nothing, after which it works.
    Unstuck,
    /// It is nudged, which changes nothing, and the operator is told.
    GivenUp,
    /// It is started once more.
    Restarted,
}

const SCENARIOS: [Scenario; 9] = [
    Scenario {
        name: "stalls",
        script: "work 500ms\nstall\nwork 90s\n",
        from: Some("stall"),
        verdict: "stalled",
        action: Action::Unstuck,
    },
    Scenario {
        name: "repaints",
        script: "work 500ms\nrepaint 90s\n",
        from: Some("repaint 90s"),
        verdict: "stalled",
        action: Action::GivenUp,
    },
    Scenario {
        name: "asks",
        script: "work 500ms\nask \"Do you want to proceed?\"\n",
        from: Some("ask \"Do you want to proceed?\""),
        verdict: "asking",
        action: Action::Told,
    },
    Scenario {
        name: "outage",
        script: "work 500ms\noutage\nwork 90s\n",
        from: Some("outage"),
        verdict: "outage",
        action: Action::Unstuck,
    },
    Scenario {
        name: "limit",
        script: "work 500ms\nlimit \"resets END\"\nwork 90s\n",
        from: Some("limit \"resets END\""),
        verdict: "limited",
        action: Action::Woken,
    },
    Scenario {
        name: "ignores",
        script: "work 500ms\nignore 2\nlimit \"resets END\"\nwork 90s\n",
        from: Some("limit \"resets END\""),
        verdict: "limited",
        action: Action::Woken,
    },
    Scenario {
        name: "crash",
        script: "work 500ms\ncrash\n",
        from: Some("crash"),
        verdict: "ended",
        action: Action::Restarted,
    },
    // Longer than it takes to be stuck, and over before the limits are.
    Scenario {
        name: "build",
        script: "work 500ms\nchild 7s\nwork 90s\n",
        from: None,
        verdict: "working",
        action: Action::Nothing,
    },
    // Looked at when all others are over.
    Scenario {
        name: "works",
        script: "work 90s\n",
        from: None,
        verdict: "working",
        action: Action::Nothing,
    },
];

/// A limit lasts so many seconds from the start of the rig on.
const LASTS: i64 = 8;

/// A rig whose agents of this profile play all of it.
fn plays(profile: &str) -> Rig {
    // To nothing else is typed.
    let program_name = match profile {
        "shell" => "bash",
        profile => profile,
    };
    let end = Timestamp::now() + SignedDuration::from_secs(LASTS);
    let end = end.round(Unit::Second).unwrap().to_string();
    let workers = SCENARIOS.map(|Scenario { name, .. }| {
        format!(
            "[workers.{name}]\n\
             command = \"\"\"\n\
             [ -e {name}.begun ] && script=again || script={name}.script\n\
             touch {name}.begun\n\
             SCRIPTED_AGENT_SCRIPT=$script SCRIPTED_AGENT_LOG={name}.log exec ./{program_name} --profile {profile}\n\
             \"\"\"\n\
             agent = \"{profile}\"\n\
             backoff = {{ first = \"100ms\" }}\n\
             watch = {{ every = \"500ms\", slow = \"2s\", stuck = \"5s\" }}\n\
             limit = {{ margin = \"0s\", again = \"6s\" }}\n\
             unstick = {{ again = \"2s\" }}\n"
        )
    });
    let mut rig = Rig::new(&workers.concat());
    for Scenario { name, script, .. } in &SCENARIOS {
        rig.write(&format!("{name}.script"), &script.replace("END", &end));
    }
    rig.write("again", "work 90s\n");
    symlink(program(), rig.path(program_name)).unwrap();
    rig.start();
    rig
}

/// What happened to one agent.
struct Past {
    /// What it says itself.
    log: Vec<Value>,
    /// What the daemon told of it, the oldest first.
    told: Vec<Value>,
}

impl Past {
    fn of(rig: &Rig, told: &[Value], name: &str) -> Self {
        let log = rig.read(&format!("{name}.log"));
        // The last line may be in the midst of being written.
        let log = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let told = told.iter().filter(|entry| entry["worker"] == name);
        Self {
            log: log.collect(),
            told: told.cloned().collect(),
        }
    }

    fn is_told(&self, event: &str) -> Option<&Value> {
        self.told.iter().find(|entry| entry["event"] == event)
    }

    fn starts(&self) -> usize {
        let running = |entry: &&Value| entry["event"] == "worker-running";
        self.told.iter().filter(running).count()
    }

    fn texts(&self) -> usize {
        let submitted = |line: &&Value| line.get("submitted").is_some();
        self.log.iter().filter(submitted).count()
    }

    /// When it did that, by its own log.
    fn did(&self, event: &str, step: &str) -> Option<Timestamp> {
        let is_it = |line: &&Value| {
            let written = line["step"].as_str().unwrap_or_default();
            // The end of a limit is put in.
            let same = written == step || step.contains("END") && written.starts_with("limit ");
            line["event"] == event && same
        };
        self.log.iter().find(is_it).map(at)
    }
}

fn at(entry: &Value) -> Timestamp {
    entry["at"].as_str().unwrap().parse().unwrap()
}

/// They show no input line while they work, and so nothing is typed to who stalls there.
const CLOSED: [&str; 3] = ["aider", "shell", "generic"];

impl Scenario {
    /// The same of an agent of this profile.
    fn of(mut self, profile: &str) -> Self {
        if self.name == "stalls" && CLOSED.contains(&profile) {
            self.action = Action::GivenUp;
        }
        self
    }

    /// The event by which it is told that it is so.
    fn event(&self) -> String {
        format!("worker-{}", self.verdict)
    }

    /// What was to come has come, by what was told of it.
    fn is_over(&self, past: &Past) -> bool {
        match self.action {
            Action::Nothing => true,
            Action::Told => past.is_told(&self.event()).is_some(),
            Action::Woken => past.is_told("worker-limit-over").is_some(),
            Action::Unstuck => past.is_told("worker-unstuck").is_some(),
            Action::GivenUp => past.is_told("worker-stuck").is_some(),
            Action::Restarted => past.starts() > 1,
        }
    }

    /// What was done about it.
    fn done(&self, past: &Past) -> &'static str {
        match (past.texts(), past.starts()) {
            (0, 1) if self.action == Action::Nothing => "none",
            (0, 1) if past.is_told("worker-stuck").is_some() => "given up",
            (0, 1) => "told",
            (1, 1) if past.is_told("worker-unstuck").is_some() => "nudged, unstuck",
            (1, 1) if past.is_told("worker-woken").is_some() => "woken",
            // Its screen has no proof of that.
            (1, 1) => "woken, undecided",
            (0, 2) => "restarted",
            (_, _) => "wrong",
        }
    }

    /// From what it did to the verdict.
    fn time(&self, past: &Past) -> Option<SignedDuration> {
        let began = past.did("step", self.from?)?;
        Some(at(past.is_told(&self.event())?).duration_since(began))
    }

    /// Nothing was done that was not called for.
    fn check(&self, past: &Past, profile: &str) {
        let name = self.name;
        let wanted = match self.action {
            Action::Nothing | Action::Told | Action::GivenUp => (0, 1),
            Action::Woken | Action::Unstuck => (1, 1),
            Action::Restarted => (0, 2),
        };
        assert_eq!((past.texts(), past.starts()), wanted, "{profile}: {name}");
        let wrong = ["stalled", "asking", "limited", "outage"].map(|is| format!("worker-{is}"));
        let wrong = wrong.iter().filter(|event| **event != self.event());
        let wrong: Vec<_> = wrong
            .filter(|event| past.is_told(event).is_some())
            .collect();
        assert!(wrong.is_empty(), "{profile}: {name} is told {wrong:?}");
        let stopped = past.is_told("worker-stopping").is_some();
        assert!(!stopped, "{profile}: {name} was stopped");
    }
}

/// All that is told, until what was to come to each has come.
fn until_over(rig: &Rig, scenarios: &[Scenario]) -> Vec<Value> {
    let mut follower = rig.supervisorctl();
    follower.args(["events", "-f", "--json", "--lines", "1000"]);
    let mut follower = follower.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut told = Vec::new();
    let began = Instant::now();
    for line in lines.map(Result::unwrap) {
        told.push(serde_json::from_str(&line).unwrap());
        let is_over = |one: &Scenario| one.is_over(&Past::of(rig, &told, one.name));
        if scenarios.iter().all(is_over) {
            break;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "it takes too long\n{}",
            rig.log()
        );
    }
    follower.kill().unwrap();
    follower.wait().unwrap();
    told
}

fn all_of(profile: &str) {
    let rig = plays(profile);
    let scenarios = SCENARIOS.map(|scenario| scenario.of(profile));
    let told = until_over(&rig, &scenarios);
    for Scenario { name, action, .. } in &scenarios {
        if matches!(action, Action::Nothing | Action::Restarted) {
            rig.eventually(&format!("{name} works"), |rig| {
                (rig.worker(name)["verdict"]["is"] == "working").then_some(())
            });
        }
    }
    let build = Past::of(&rig, &told, "build");
    assert!(
        build.did("done", "child 7s").is_some(),
        "{profile}: it builds"
    );
    let pasts = scenarios.map(|scenario| (Past::of(&rig, &told, scenario.name), scenario));
    eprintln!("profile  scenario   verdict   action              time to verdict");
    for (past, scenario) in &pasts {
        let time = match scenario.time(past) {
            Some(time) => format!("{:.1} s", time.as_secs_f64()),
            None => "-".to_owned(),
        };
        let (name, verdict, done) = (scenario.name, scenario.verdict, scenario.done(past));
        eprintln!("{profile:<9}{name:<11}{verdict:<10}{done:<20}{time}");
    }
    for (past, scenario) in &pasts {
        scenario.check(past, profile);
    }
}

#[test]
fn of_claude() {
    all_of("claude");
}

#[test]
fn of_codex() {
    all_of("codex");
}

#[test]
fn of_aider() {
    all_of("aider");
}

#[test]
fn of_a_shell() {
    all_of("shell");
}

#[test]
fn of_a_generic_agent() {
    all_of("generic");
}
