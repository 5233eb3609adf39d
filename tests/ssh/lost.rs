//! Connections that end, and what follows.

use std::time::{Duration, Instant};

use loopkeeper::ssh::{LinkError, NOTICED_WITHIN, Script, State};
use nix::sys::signal::Signal;
use tokio::time::timeout;

use crate::{
    alone::alone,
    world::{Fifo, SOON, World, down, send, up},
};

#[test]
fn a_lost_connection_is_told_and_made_again() {
    alone("lost::a_lost_connection_is_told_and_made_again", || async {
        let mut world = World::new();
        let link = world.link();
        assert_eq!(up(&link).await, 1);
        let reads = Script::new("read -r line");
        let mut channel = link.open_channel(&reads).await.unwrap();
        let fifo = Fifo::make(&world, "begins");
        let script = Script::new("echo >\"$1\"; sleep 1000").arg(fifo.path());
        let other = link.clone();
        let running = tokio::spawn(async move { other.run(&script, SOON * 2, 0).await });
        fifo.told().await;

        let connections = world.stop();
        assert!(!connections.is_empty());
        for pid in connections {
            send(pid, Signal::SIGKILL);
        }
        let why = down(&link).await;
        let lost = timeout(SOON, channel.line()).await.unwrap().unwrap_err();
        assert!(matches!(lost, LinkError::Lost { .. }), "{lost}");
        let lost = timeout(SOON, running).await.unwrap().unwrap().unwrap_err();
        assert!(
            matches!(lost, LinkError::Lost { .. }) && !lost.never_began(),
            "{lost}"
        );
        assert!(why.contains("127.0.0.1"), "{why}");
        let none = link.run(&reads, SOON, 0).await.unwrap_err();
        assert!(matches!(none, LinkError::Down { .. }), "{none}");

        world.start();
        link.now();
        assert_eq!(up(&link).await, 2);
        assert!(link.run(&Script::new("true"), SOON, 0).await.is_ok());
        assert!(channel.send("x").await.is_err(), "it was of the first one");
    });
}

#[test]
fn who_asks_for_a_try_gets_one() {
    alone("lost::who_asks_for_a_try_gets_one", || async {
        let mut world = World::new();
        world.stop();
        let link = world.link();
        let first = down(&link).await;
        let mut state = link.state();
        let since = since(&state.borrow_and_update());
        // By itself it would take some minutes.
        for _ in 0..10 {
            link.now();
            timeout(SOON, state.changed()).await.unwrap().unwrap();
            assert_eq!(self::since(&state.borrow_and_update()), since);
        }
        assert_eq!(down(&link).await, first);
    });
}

fn since(state: &State) -> jiff::Timestamp {
    match state {
        State::Down { since, .. } => *since,
        State::Up { .. } => panic!("it is up"),
    }
}

#[test]
fn a_frozen_connection_is_noticed() {
    alone("lost::a_frozen_connection_is_noticed", || async {
        let world = World::new();
        let link = world.link();
        up(&link).await;
        let mut channel = link
            .open_channel(&Script::new("read -r line"))
            .await
            .unwrap();
        for pid in world.connections() {
            send(pid, Signal::SIGSTOP);
        }
        let frozen = Instant::now();
        let limit = Duration::from_millis(500);
        let late = link.run(&Script::new("true"), limit, 0).await.unwrap_err();
        assert!(matches!(late, LinkError::NoChannel { .. }), "{late}");
        let lost = channel.line().await.unwrap_err();
        assert!(lost.to_string().contains("not responding"), "{lost}");
        // The machine that looks may be busy.
        let after = frozen.elapsed();
        assert!(
            after < NOTICED_WITHIN + Duration::from_millis(1500),
            "{after:?}"
        );
        assert_eq!(up(&link).await, 2);
    });
}

#[test]
fn a_script_that_takes_too_long_is_given_up() {
    alone("lost::a_script_that_takes_too_long_is_given_up", || async {
        let world = World::new();
        let link = world.link();
        up(&link).await;
        let limit = Duration::from_secs(2);
        let late = link
            .run(&Script::new("sleep 1000"), limit, 0)
            .await
            .unwrap_err();
        assert!(
            matches!(late, LinkError::TimedOut { .. }) && !late.never_began(),
            "{late}"
        );
    });
}

#[test]
fn scripts_that_were_given_up_do_not_use_up_the_channels() {
    alone(
        "lost::scripts_that_were_given_up_do_not_use_up_the_channels",
        || async {
            let world = World::with("MaxSessions 2");
            let link = world.link();
            assert_eq!(up(&link).await, 1);
            let fifo = Fifo::make(&world, "begins");
            let hangs = Script::new("echo >\"$1\"; sleep 1000").arg(fifo.path());
            for _ in 0..2 {
                let run = link.run(&hangs, SOON, 0);
                tokio::select! {
                    done = run => panic!("{done:?}"),
                    told = fifo.told() => assert_eq!(told, "\n"),
                }
            }
            let quick = Script::new("true");
            let error = link.run(&quick, SOON, 0).await.unwrap_err();
            assert!(matches!(error, LinkError::NoChannel { .. }), "{error}");
            // That it is made anew may be over before anybody looks.
            let mut state = link.state();
            let anew = state.wait_for(|state| matches!(state, State::Up { life: 2 }));
            timeout(SOON, anew).await.unwrap().unwrap();
            assert!(link.run(&quick, SOON, 0).await.is_ok());
        },
    );
}
