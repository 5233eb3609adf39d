//! What a look at a worker finds beside its screen, with real processes and a real git.

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
    time::{Duration, SystemTime},
};

use loopkeeper::agent::signs::{Child, Sights, Signs, Trace};

use crate::{
    alone::alone,
    signs::{INPUT, TMUX, drawing, look, see, sights},
    world::World,
};

#[test]
fn who_computes_is_told_from_who_waits() {
    alone("traces::who_computes_is_told_from_who_waits", || async {
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
                .filter(|name| !name.starts_with("a child of "))
                .collect();
            names.sort_unstable();
            names
        };
        let before = see(&world, &attempt, &sights(), "all are there", |signs| {
            names(signs) == ["bash", "sleep", "tail"]
        })
        .await;
        let own = |child: &&Child| child.pid == identity.pid;
        let own = before.children.iter().find(own).unwrap();
        assert_eq!(own.name, "a child of cat", "of its own there is this alone");
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

/// The agent is a script here, so that it is called as it should be, and keeps the terminal.
#[test]
fn what_the_agent_itself_computes_is_not_told_and_what_it_waited_for_is() {
    alone(
        "traces::what_the_agent_itself_computes_is_not_told_and_what_it_waited_for_is",
        || async {
            let mut world = World::new();
            let burn = "for ((i = 0; i < 300000; i++)); do :; done";
            let claude = format!("/bin/bash -c '{burn}'\nwhile :; do :; done\n");
            fs::write(world.path().join("claude.sh"), claude).unwrap();
            let script = "ln -s /bin/bash claude; ./claude claude.sh; exit";
            let worker = world.script(TMUX, script);
            let (attempt, _) = world.run(&worker).await;
            let waited = |signs: &Signs| {
                let children = signs.children.iter();
                let mut waited = children.filter(|child| child.name == "a child of claude");
                waited.any(|child| child.cpu >= Duration::from_millis(100))
            };
            let signs = see(&world, &attempt, &sights(), "it has waited", waited).await;
            let names: Vec<&str> = signs.children.iter().map(|c| c.name.as_str()).collect();
            assert!(
                names.iter().all(|name| name.starts_with("a child of ")),
                "{names:?}"
            );
            world.kill(&attempt).await;
        },
    );
}

#[test]
fn of_many_processes_those_that_compute_are_told() {
    alone(
        "traces::of_many_processes_those_that_compute_are_told",
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
            assert_eq!(signs.children.len(), 64 + 1);
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
    alone("traces::a_commit_and_a_touch_are_seen", || async {
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
            assert!(after.committed.is_newer_than(before.committed));
            let still = looks(other).await;
            assert_eq!(
                of_other.committed, still.committed,
                "somebody else's commit"
            );
            assert_eq!(after.committed, looks(own).await.committed);
        }
        assert_eq!(looks(world.path()).await.committed, Trace::Unseen);

        assert_eq!(looks(&main).await.heartbeat, Trace::Absent);
        fs::write(&heartbeat, "").unwrap();
        let beat = looks(&main).await.heartbeat;
        assert!(beat.is_newer_than(Trace::Absent));
        let later = SystemTime::now() + Duration::from_secs(5);
        File::open(&heartbeat).unwrap().set_modified(later).unwrap();
        assert!(looks(&main).await.heartbeat.is_newer_than(beat));
        world.kill(&attempt).await;
    });
}
