//! Whose connection it is.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    os::fd::OwnedFd,
    path::PathBuf,
    process::Stdio,
};

use nix::unistd::{Pid, getpid, getsid};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    process::{PidfdFlags, pidfd_open},
};
use tokio::{task::spawn_blocking, time::timeout};

use crate::{
    alone::{again, alone, block_on, kill, plays},
    world::{Here, SOON, World, descendants, name, up},
};

const PLACE: &str = "TEST_PLACE";
const PORT: &str = "TEST_PORT";

/// The one process of this name that this one has started.
pub(crate) fn only(called: &str, of: i32) -> i32 {
    let all = descendants(of).into_iter();
    let found: Vec<i32> = all.filter(|pid| name(*pid) == called).collect();
    assert_eq!(found.len(), 1, "{called}");
    found[0]
}

pub(crate) fn hold(pid: i32) -> OwnedFd {
    pidfd_open(
        rustix::process::Pid::from_raw(pid).unwrap(),
        PidfdFlags::empty(),
    )
    .unwrap()
}

/// Waits until it has ended.
pub(crate) async fn ended(held: OwnedFd) {
    let wait = move || {
        let mut polled = [PollFd::new(&held, PollFlags::IN)];
        // A child that ends interrupts it.
        while poll(&mut polled, None) == Err(Errno::INTR) {}
    };
    let ended = timeout(SOON, spawn_blocking(wait)).await;
    assert!(ended.is_ok(), "it lives");
}

#[test]
fn no_master_outlives_its_daemon() {
    const NAME: &str = "owner::no_master_outlives_its_daemon";
    if plays("daemon") {
        return block_on(async {
            let here = Here::at(PathBuf::from(env::var_os(PLACE).unwrap()));
            let port = env::var(PORT).unwrap().parse().unwrap();
            let link = here.link(here.target(port));
            up(&link).await;
            println!("\nconnected");
            std::future::pending().await
        });
    }
    alone(NAME, || async {
        let world = World::new();
        #[expect(clippy::zombie_processes, reason = "the reaper collects it")]
        let mut daemon = again(NAME, "daemon")
            .env(PLACE, world.path())
            .env(PORT, world.port.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(daemon.stdout.take().unwrap());
        let mut lines = said.lines().map_while(Result::ok);
        assert!(lines.any(|line| line == "connected"));
        let master = only("ssh", i32::try_from(daemon.id()).unwrap());
        // Nobody at the daemon's terminal can interrupt it.
        assert_eq!(
            getsid(Some(Pid::from_raw(master))).unwrap().as_raw(),
            master
        );
        let held = hold(master);
        kill(i32::try_from(daemon.id()).unwrap());
        ended(held).await;

        // The next one takes over.
        let left = || {
            let left = fs::read_dir(world.here().runtime().join("ssh"));
            left.unwrap().count()
        };
        assert_eq!(left(), 2, "its socket, and what its ssh has read");
        let link = world.link();
        up(&link).await;
        assert_eq!(left(), 2);
    });
}

#[test]
fn it_ends_with_the_last_who_keeps_it() {
    alone("owner::it_ends_with_the_last_who_keeps_it", || async {
        let world = World::new();
        let link = world.link();
        up(&link).await;
        let (clone, mut state) = (link.clone(), link.state());
        let master = only("ssh", getpid().as_raw());
        let held = hold(master);
        let script = loopkeeper::ssh::Script::new("read -r line");
        let mut channel = link.open_channel(&script).await.unwrap();
        drop(link);
        assert!(clone.run(&script, SOON, 0).await.is_ok());
        drop(clone);
        while state.changed().await.is_ok() {}
        ended(held).await;
        let lost = channel.line().await.unwrap_err();
        assert!(lost.to_string().starts_with("host there: lost"), "{lost}");
        let left = fs::read_dir(world.here().runtime().join("ssh")).unwrap();
        assert_eq!(left.count(), 0);
    });
}
