//! One look at a worker in its terminal, on a real tmux, a real git and the kernel that is here.

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
    time::{Duration, Instant, SystemTime},
};

use loopkeeper::{
    agent::{
        screen::Screen,
        sighting::Seen,
        signs::{Child, Sights, Signs},
    },
    model::{AttemptRef, LauncherKind},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    alone::alone,
    tmux::ask,
    world::{SOON, World},
};

const TMUX: LauncherKind = LauncherKind::Tmux;

/// The box in which a person types; what it proposes is faint.
const INPUT: &str = "────────────────────\n\
                     ❯\u{a0}\x1b[7mf\x1b[0;2mix the tests\x1b[0m\n\
                     ────────────────────\n";

fn sights() -> Sights {
    Sights {
        agent: "claude".into(),
        worktree: None,
        heartbeat: None,
    }
}

async fn look(world: &World, attempt: &AttemptRef, sights: &Sights) -> Result<Signs, String> {
    world.local.signs(attempt.clone(), sights.clone()).await
}

/// Looks until that is seen.
async fn see(
    world: &World,
    attempt: &AttemptRef,
    sights: &Sights,
    what: &str,
    holds: impl Fn(&Signs) -> bool,
) -> Signs {
    let begin = Instant::now();
    loop {
        let signs = look(world, attempt, sights).await.unwrap();
        if holds(&signs) {
            return signs;
        }
        assert!(begin.elapsed() < SOON, "never: {what}: {signs:?}");
    }
}

/// A worker that draws this on its screen, and whatever comes into the file then.
async fn drawing(world: &mut World, text: &str) -> AttemptRef {
    fs::write(world.path().join("drawn"), text).unwrap();
    let worker = world.script(TMUX, "exec tail -n +1 -f drawn");
    world.run(&worker).await.0
}

fn draws(world: &World, text: &str) {
    use std::io::Write as _;
    let drawn = File::options()
        .append(true)
        .open(world.path().join("drawn"));
    drawn.unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn the_screen_of_an_agent_is_sighted() {
    alone("signs::the_screen_of_an_agent_is_sighted", || async {
        let mut world = World::new();
        let attempt = drawing(&mut world, INPUT).await;
        let signs = see(&world, &attempt, &sights(), "it waits", |signs| {
            signs.sighting.seen == Seen::Waiting
        })
        .await;
        let input = signs.sighting.input.unwrap();
        assert_eq!(input.typed, None, "what is proposed was typed by nobody");

        let spins =
            |sign| format!("\x1b[2J\x1b[H\x1b[38;5;174m{sign} Baking… (5s)\x1b[39m\n\n{INPUT}");
        draws(&world, &spins('✻'));
        let busy = |signs: &Signs| signs.sighting.seen == Seen::Busy;
        let before = see(&world, &attempt, &sights(), "it is busy", busy).await;
        let shown = |sign: char| {
            let (_, screen) = ask(&world, &attempt, &["capture-pane", "-p"]);
            screen.starts_with(sign)
        };
        draws(&world, &spins('✽'));
        crate::world::until("it spins", || shown('✽')).await;
        let after = look(&world, &attempt, &sights()).await.unwrap();
        assert_eq!(before.picture, after.picture, "a spinner turned");
        draws(&world, "⏺ Done.\n");
        see(&world, &attempt, &sights(), "another picture", |signs| {
            signs.picture != before.picture
        })
        .await;
        world.kill(&attempt).await;
    });
}

/// What the words are that a look asks tmux, with what comes of it.
#[test]
fn the_screen_comes_as_it_is_read() {
    alone("signs::the_screen_comes_as_it_is_read", || async {
        let mut world = World::new();
        // Signs of two columns up to the edge, and on.
        let wide = "界".repeat(100);
        let text = format!("{wide}rest\nshort  \n\x1b[2mfaint to the end\n\x1b[0m");
        let attempt = drawing(&mut world, &text).await;
        let capture = || {
            let words = ["capture-pane", "-p", "-e", "-t", "=builder:"];
            ask(&world, &attempt, &words).1
        };
        crate::world::until("all is drawn", || capture().contains("the end")).await;
        let screen = Screen::read(&capture(), Some(200));
        let lines: Vec<_> = screen.lines().iter().collect();
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, [wide.as_str(), "rest", "short", "faint to the end"]);
        assert!(lines[0].is_full() && !lines[1].is_full());
        assert_eq!(lines[3].solid.trim(), "");
        // Joined, what the terminal wrapped would look like a line that goes beyond the edge.
        let joined = ask(
            &world,
            &attempt,
            &["capture-pane", "-p", "-e", "-J", "-t", "=builder:"],
        );
        assert!(joined.1.contains("界rest"), "{}", joined.1);
        world.kill(&attempt).await;
    });
}

#[test]
fn who_computes_is_told_from_who_waits() {
    alone("signs::who_computes_is_told_from_who_waits", || async {
        let mut world = World::new();
        // The last one has left session and parent.
        let worker = world.script(
            TMUX,
            "/bin/bash -c 'while :; do :; done' & sleep 1000 & (setsid tail -f /dev/null &); exec cat",
        );
        let (attempt, identity) = world.run(&worker).await;
        let of = |signs: &Signs, name: &str| -> Option<Child> {
            let child = signs.children.iter().find(|child| child.name == name);
            child.cloned()
        };
        let names = |signs: &Signs| {
            let mut names: Vec<_> = signs
                .children
                .iter()
                .map(|child| child.name.clone())
                .collect();
            names.sort_unstable();
            names
        };
        let before = see(&world, &attempt, &sights(), "all are there", |signs| {
            names(signs) == ["bash", "sleep", "tail"]
        })
        .await;
        assert!(
            before
                .children
                .iter()
                .all(|child| child.pid != identity.pid)
        );
        let computed = of(&before, "bash").unwrap().cpu;
        let more = Duration::from_millis(100);
        let after = see(&world, &attempt, &sights(), "it has computed", |signs| {
            of(signs, "bash").is_some_and(|child| child.cpu >= computed + more)
        })
        .await;
        let [one, other] = [&before, &after].map(|signs| of(signs, "bash").unwrap());
        assert_eq!((one.pid, one.start), (other.pid, other.start));
        for idle in ["sleep", "tail"] {
            assert_eq!(of(&before, idle), of(&after, idle));
        }
        assert_eq!(after.children[0].name, "bash", "who computes most is first");
        world.kill(&attempt).await;
    });
}

#[test]
fn of_many_processes_those_that_compute_are_told() {
    alone(
        "signs::of_many_processes_those_that_compute_are_told",
        || async {
            let mut world = World::new();
            let worker = world.script(
            TMUX,
            "for i in $(seq 80); do sleep 1000 & done; /bin/bash -c 'while :; do :; done' & exec cat",
        );
            let (attempt, _) = world.run(&worker).await;
            let signs = see(&world, &attempt, &sights(), "it computes", |signs| {
                signs
                    .children
                    .first()
                    .is_some_and(|child| child.name == "bash" && !child.cpu.is_zero())
            })
            .await;
            assert_eq!(signs.children.len(), 64);
            world.kill(&attempt).await;
        },
    );
}

fn git(directory: &Path, words: &[&str]) {
    let done = Command::new("git")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
        .args(words)
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(done.status.success(), "{words:?}: {done:?}");
}

#[test]
fn a_commit_and_a_touch_are_seen() {
    alone("signs::a_commit_and_a_touch_are_seen", || async {
        let mut world = World::new();
        let (main, linked) = (world.path().join("main"), world.path().join("linked"));
        let heartbeat = world.path().join("beat");
        fs::create_dir(&main).unwrap();
        git(&main, &["init", "--quiet"]);
        git(
            &main,
            &["commit", "--quiet", "--allow-empty", "-m", "first"],
        );
        git(
            &main,
            &["worktree", "add", "--quiet", linked.to_str().unwrap()],
        );
        let attempt = drawing(&mut world, INPUT).await;
        let of = |worktree: &Path| Sights {
            worktree: Some(worktree.to_owned()),
            heartbeat: Some(heartbeat.clone()),
            ..sights()
        };
        let looks = async |worktree| look(&world, &attempt, &of(worktree)).await.unwrap();
        let commit = |worktree| {
            git(
                worktree,
                &["commit", "--quiet", "--allow-empty", "-m", "next"],
            )
        };
        for (own, other) in [(&main, &linked), (&linked, &main)] {
            let (before, of_other) = (looks(own).await, looks(other).await);
            commit(own);
            let after = looks(own).await;
            assert!(before.committed.is_some() && before.committed < after.committed);
            let still = looks(other).await;
            assert_eq!(
                of_other.committed, still.committed,
                "somebody else's commit"
            );
            assert_eq!(after.committed, looks(own).await.committed);
        }
        assert_eq!(looks(world.path()).await.committed, None);

        assert_eq!(looks(&main).await.heartbeat, None);
        fs::write(&heartbeat, "").unwrap();
        let beat = looks(&main).await.heartbeat;
        assert!(beat.is_some());
        let later = SystemTime::now() + Duration::from_secs(5);
        File::open(&heartbeat).unwrap().set_modified(later).unwrap();
        assert!(looks(&main).await.heartbeat > beat);
        world.kill(&attempt).await;
    });
}

#[test]
fn without_a_terminal_there_is_nothing_to_be_seen() {
    alone(
        "signs::without_a_terminal_there_is_nothing_to_be_seen",
        || async {
            let mut world = World::new();
            let worker = world.script(LauncherKind::Process, "exec sleep 1000");
            let (attempt, _) = world.run(&worker).await;
            let why = look(&world, &attempt, &sights()).await.unwrap_err();
            assert_eq!(why, "it has no terminal");
            world.kill(&attempt).await;
        },
    );
}

#[test]
fn a_tmux_that_hangs_ends_the_look_with_what_helps() {
    alone(
        "signs::a_tmux_that_hangs_ends_the_look_with_what_helps",
        || async {
            let mut world = World::new();
            let attempt = drawing(&mut world, INPUT).await;
            let start = world.directory(&attempt).start().unwrap();
            let server = start.pane.unwrap().server.pid;
            kill(Pid::from_raw(server), Signal::SIGSTOP).unwrap();
            let begin = Instant::now();
            let why = look(&world, &attempt, &sights()).await.unwrap_err();
            assert!(
                begin.elapsed() < Duration::from_secs(30),
                "{:?}",
                begin.elapsed()
            );
            let told = format!(
                "its tmux server, pid {server}, did not answer within 10 s: it is stopped, and goes on after: \
             kill -CONT {server}"
            );
            assert_eq!(why, told);
            kill(Pid::from_raw(server), Signal::SIGCONT).unwrap();
            see(&world, &attempt, &sights(), "it waits", |signs| {
                signs.sighting.seen == Seen::Waiting
            })
            .await;
            world.kill(&attempt).await;
        },
    );
}
