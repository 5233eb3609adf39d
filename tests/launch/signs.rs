//! One look at a worker in its terminal, on a real tmux: its screen, and what is said where there is none.

use std::{
    fs::{self, File},
    sync::Arc,
    time::{Duration, Instant},
};

use loopkeeper::{
    agent::{
        profile::Profile,
        screen::Screen,
        sighting::Seen,
        signs::{Sights, Signs},
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

pub(crate) const TMUX: LauncherKind = LauncherKind::Tmux;

/// The box in which a person types; what it proposes is faint.
pub(crate) const INPUT: &str = "────────────────────\n\
                     ❯\u{a0}\x1b[7mf\x1b[0;2mix the tests\x1b[0m\n\
                     ────────────────────\n";

pub(crate) fn sights() -> Sights {
    Sights {
        agent: Arc::new(Profile::shipped("claude").unwrap()),
        worktree: None,
        heartbeat: None,
    }
}

pub(crate) async fn look(
    world: &World,
    attempt: &AttemptRef,
    sights: &Sights,
) -> Result<Signs, String> {
    world.local.signs(attempt.clone(), sights.clone()).await
}

/// Looks until that is seen.
pub(crate) async fn see(
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
pub(crate) async fn drawing(world: &mut World, text: &str) -> AttemptRef {
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
