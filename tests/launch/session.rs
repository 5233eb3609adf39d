//! A tmux session whose server, wrapper or daemon dies.

use std::fs;

use loopkeeper::{
    launch::directory::{Directory, attempts},
    model::{AttemptRef, Condition, Exit, LauncherKind, Signal},
};

use crate::{
    adoption::told_by_the_kernel,
    alone::{after_death, alone, kill},
    tmux::ask,
    world::{World, lives, open_gate, until},
};

const TMUX: LauncherKind = LauncherKind::Tmux;

#[test]
fn the_end_is_known_also_when_the_server_is_killed() {
    alone(
        "session::the_end_is_known_also_when_the_server_is_killed",
        || async {
            let mut world = World::new();
            let worker = world.script(TMUX, "exec sleep 1000");
            let (attempt, identity) = world.run(&worker).await;
            let server = world
                .directory(&attempt)
                .start()
                .unwrap()
                .pane
                .unwrap()
                .server;
            kill(server.pid);
            assert_eq!(
                world.gone_after_end(&attempt).await,
                Exit::Signal(Signal::HUP)
            );
            assert!(!lives(identity.pid));
        },
    );
}

#[test]
fn a_session_that_has_ended_leaves_no_socket_and_the_next_one_has_its_own() {
    alone(
        "session::a_session_that_has_ended_leaves_no_socket_and_the_next_one_has_its_own",
        || async {
            let mut world = World::new();
            world.make_gate();
            for kills in [true, false, true] {
                let worker = world.script(TMUX, "read -r _ <gate");
                let (attempt, _) = world.run(&worker).await;
                let socket = world.socket(&attempt.worker);
                assert!(socket.exists(), "its session lives");
                let pane = world.directory(&attempt).start().unwrap().pane.unwrap();
                match kills {
                    true => kill(pane.server.pid),
                    false => world.open_gate().await,
                }
                world.gone_after_end(&attempt).await;
                assert!(!socket.exists(), "nobody listens there");
            }
        },
    );
}

#[test]
fn the_end_is_known_also_when_the_wrapper_is_killed() {
    alone(
        "session::the_end_is_known_also_when_the_wrapper_is_killed",
        || async {
            let mut world = World::new();
            world.make_gate();
            let worker = world.script(TMUX, "trap '' HUP; echo ready; read -r _ <gate; exit 9");
            let (attempt, _) = world.run(&worker).await;
            world.says(&attempt, "ready").await;
            let wrapper = world
                .directory(&attempt)
                .start()
                .unwrap()
                .pane
                .unwrap()
                .wrapper;
            kill(wrapper.pid);
            until("the wrapper ended", || !wrapper.lives()).await;
            // The worker goes on without its terminal; the kernel tells how it ended.
            world.open_gate().await;
            told_by_the_kernel(&world.gone_after_end(&attempt).await, &Exit::Code(9));
        },
    );
}

#[test]
fn who_is_left_behind_has_the_session_until_its_own_end() {
    alone(
        "session::who_is_left_behind_has_the_session_until_its_own_end",
        || async {
            let mut world = World::new();
            // It clears up for longer than tmux is given to close a terminal.
            let worker = world.script(
                TMUX,
                "trap 'exit 4' TERM
                 (trap '' TERM; trap 'echo hung up >>story; exit' HUP; sleep 3 &
                  echo ready; wait; echo cleared up >>story; echo the last word) &
                 while :; do sleep 0.1; done",
            );
            let (attempt, _) = world.run(&worker).await;
            world.says(&attempt, "ready").await;
            world.local.signal(&attempt, Signal::TERM);
            assert_eq!(world.ended(&attempt).await, Exit::Code(4));
            assert!(ask(&world, &attempt, &["list-sessions"]).0, "it is gone");
            world.gone(&attempt).await;
            let story = fs::read_to_string(world.path().join("story")).unwrap();
            assert_eq!(story, "cleared up\n");
            world.says(&attempt, "the last word").await;
        },
    );
}

#[test]
fn a_session_outlives_the_daemon_and_the_next_one_takes_it_over() {
    after_death(
        "session::a_session_outlives_the_daemon_and_the_next_one_takes_it_over",
        |mut world| async move {
            let worker = world.script(
                TMUX,
                "echo ready; trap 'exit 6' TERM; while :; do sleep 0.1; done",
            );
            let (attempt, _) = world.run(&worker).await;
            world.says(&attempt, "ready").await;
        },
        |directory| async {
            let mut world = World::of(directory);
            let (attempt, condition) = world.found().await;
            let Condition::Alive(identity) = condition else {
                panic!("{condition:?}");
            };
            assert!(lives(identity.pid));
            // A runtime directory is removed with the unit it belongs to.
            fs::remove_dir_all(world.runtime()).unwrap();
            world.local.adopt(&attempt, &identity);
            until("the socket is back", || {
                ask(&world, &attempt, &["list-sessions"]).0
            })
            .await;
            world.local.signal(&attempt, Signal::TERM);
            assert_eq!(world.gone_after_end(&attempt).await, Exit::Code(6));
        },
    );
}

#[test]
fn how_it_ended_is_known_also_when_it_ended_without_a_daemon() {
    after_death(
        "session::how_it_ended_is_known_also_when_it_ended_without_a_daemon",
        |mut world| async move {
            let worker = world.script(TMUX, "read -r _ <gate; exit 77");
            world.make_gate();
            world.run(&worker).await;
        },
        |directory| async {
            let state = directory.path().join("state");
            let worker = "builder".parse().unwrap();
            let attempt = attempts(&state, &worker).unwrap().remove(0);
            let attempt = AttemptRef { worker, attempt };
            open_gate(directory.path()).await;
            let of = Directory::of(&state, &attempt);
            until("it ended", || of.ended().is_some()).await;
            let mut world = World::of(directory);
            let (found, condition) = world.found().await;
            assert_eq!(found, attempt);
            match condition {
                Condition::Ended { exit, .. } => assert_eq!(exit, Exit::Code(77)),
                // The wrapper may be in its last moment.
                Condition::Alive(identity) => {
                    world.local.adopt(&found, &identity);
                    assert_eq!(world.ended(&found).await, Exit::Code(77));
                }
                other => panic!("{other:?}"),
            }
        },
    );
}
