//! `supervisorctl demo` as a person runs it: the real daemon, proxy, loops, git and (where it says
//! so) tmux, in a temporary directory of each test's own.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests, their helpers included"
)]

mod fixture;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use fixture::{Demo, Over, programs};

/// The text of a row of the summary.
fn row<'a>(said: &'a str, name: &str) -> &'a str {
    let (_, summary) = said.split_once("What you saw").expect(said);
    let line = summary
        .lines()
        .find_map(|line| line.strip_prefix("  ")?.strip_prefix(name))
        .unwrap_or_else(|| panic!("no row {name}: {summary}"));
    line.trim()
}

fn numbers(text: &str) -> Vec<f64> {
    text.split(|c: char| !c.is_ascii_digit() && c != '.')
        .filter_map(|number| number.parse().ok())
        .collect()
}

fn git(repository: &Path, arguments: &[&str]) -> String {
    let outcome = Command::new("git")
        .arg("-C")
        .arg(repository)
        .args(arguments)
        .output()
        .unwrap();
    assert!(outcome.status.success(), "{outcome:?}");
    String::from_utf8(outcome.stdout).unwrap()
}

#[test]
fn it_shows_everything_and_what_it_says_is_in_the_repository() {
    let over = Demo::start(&["--seconds", "60", "--keep"]).over();
    assert_eq!(over.code, Some(0), "{}\n{}", over.said, over.complained);
    assert_eq!(over.complained, "");
    assert_eq!(over.living(), [""; 0]);
    let [kept] = &over.directories()[..] else {
        panic!("{:?}", over.directories());
    };
    assert!(over.said.contains(&format!(
        "{} is kept",
        kept.canonicalize().unwrap().display()
    )));
    assert!(kept.join("loopkeeperd.log").is_file());

    let said = &over.said;
    assert_eq!(row(said, "phases"), "2 of 3 done");
    let log = git(
        &kept.join("origin.git"),
        &["log", "--format=%an %s", "main"],
    );
    let count = |what: &dyn Fn(&str) -> bool| log.lines().filter(|line| what(line)).count();
    let commits = count(&|line| line.starts_with("Builder primes below"));
    let approved = count(&|line| line == "Adversary review: approved");
    let rejected = count(&|line| line.starts_with("Adversary review: ")) - approved;
    // What was pushed while it was being stopped is in the repository alone.
    let told: Vec<_> = numbers(row(said, "work"))
        .iter()
        .map(|n| *n as usize)
        .collect();
    let [of_builder, reviews, no, yes] = told[..] else {
        panic!("{said}");
    };
    assert!(
        of_builder >= 6 && no >= 4 && yes == 2 && reviews == no + yes,
        "{said}"
    );
    for (told, real) in [(of_builder, commits), (no, rejected), (yes, approved)] {
        assert!(
            (told..=told + 2).contains(&real),
            "{told} told, {real} in {log}"
        );
    }
    assert_eq!(
        fs::read_to_string(kept.join("approved")).unwrap(),
        "below-100\nbelow-300\n"
    );

    // One that comes between two pieces of work, as on a busy machine, is made once more.
    let kills = said.matches("the Builder dies").count();
    assert!(
        row(said, "crashes").starts_with(&format!("{kills} healed: the Builder was back after")),
        "{said}"
    );
    assert_eq!(
        row(said, "daemon"),
        "1 restart after kill -9: 3 of 3 workers ran on"
    );
    let without = numbers(row(said, "without it"));
    assert!(without[1] >= 1.0 && without[2] > 0.0, "{said}");
    assert!(numbers(row(said, "proxy"))[0] > without[2], "{said}");
    let exits = row(said, "exits");
    let known = numbers(exits);
    assert!(known[0] >= 5.0 && known[0] == known[1], "{exits}");
    assert!(exits.contains(&format!("{kills} by SIGKILL")), "{exits}");

    // One attempt of the proxy, whatever became of the daemon; one exit record for each attempt.
    let attempts = |worker: &str| -> Vec<PathBuf> {
        let of_worker = kept.join("state/attempts").join(worker);
        let entries = fs::read_dir(of_worker).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    assert_eq!(attempts("proxy").len(), 1);
    assert_eq!(
        (attempts("builder").len(), attempts("adversary").len()),
        (3 + kills, 3)
    );
    for worker in ["proxy", "builder", "adversary"] {
        for attempt in attempts(worker) {
            assert!(attempt.join("exit.json").is_file(), "{attempt:?}");
        }
    }
}

#[test]
fn it_needs_no_tmux() {
    let programs = programs(&[
        "git", "sh", "awk", "sed", "grep", "cat", "head", "tail", "sleep", "paste", "wc", "rm",
    ]);
    let demo = Demo::start_with(&["--seconds", "60"], |command| {
        command.env("PATH", programs.path());
    });
    let over = demo.over();
    assert_eq!(over.code, Some(0), "{}\n{}", over.said, over.complained);
    over.left_nothing();
}

#[test]
fn somebody_elses_git_configuration_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let config =
        "[commit]\n gpgsign = true\n[core]\n hooksPath = /nowhere\n[user]\n name = Other\n";
    fs::write(home.path().join(".gitconfig"), config).unwrap();
    let mut demo = Demo::start_with(&["--seconds", "60"], |command| {
        command
            .env("HOME", home.path())
            .env("GIT_DIR", "/nowhere")
            .env("GIT_AUTHOR_NAME", "Other");
    });
    demo.hear("builder      pushes");
    demo.hear("adversary    rejects it");
    demo.signal(Signal::SIGINT);
    demo.over().left_nothing();
}

#[test]
fn without_git_it_says_so() {
    let programs = programs(&["sh", "awk", "sed", "grep"]);
    let over = Demo::start_with(&["--seconds", "30"], |command| {
        command.env("PATH", programs.path());
    })
    .over();
    assert_eq!(over.code, Some(1));
    assert_eq!(
        over.complained,
        "error: git: not found in $PATH\n\
         hint: the demo's loops work in git repositories; install git\n"
    );
    over.left_nothing();
}

#[test]
fn it_needs_nothing_but_its_own_executable() {
    let place = tempfile::tempdir().unwrap();
    let alone = place.path().join("copied");
    fs::copy(env!("CARGO_BIN_EXE_supervisorctl"), &alone).unwrap();
    let over = Demo::start_from(&alone, &["--seconds", "60"], |_| {}).over();
    assert_eq!(over.code, Some(0), "{}\n{}", over.said, over.complained);
    over.left_nothing();
}

#[test]
fn a_temporary_directory_that_is_too_deep_for_sockets_is_refused() {
    let deep = tempfile::tempdir().unwrap();
    let long = deep.path().join("x".repeat(90));
    fs::create_dir(&long).unwrap();
    let over = Demo::start_with(&["--seconds", "30"], |command| {
        command.env("TMPDIR", &long);
    })
    .over();
    assert_eq!(over.code, Some(1));
    assert!(
        over.complained
            .contains("too long for the sockets in it\nhint: set TMPDIR"),
        "{}",
        over.complained
    );
    assert_eq!(fs::read_dir(&long).unwrap().count(), 0);
}

#[test]
fn ctrl_c_in_the_midst_of_it_leaves_nothing() {
    let mut demo = Demo::start(&[]);
    demo.hear("rejects it");
    demo.signal(Signal::SIGINT);
    let over = demo.over();
    assert_eq!(over.code, Some(1));
    assert!(
        over.complained
            .starts_with("error: demo was interrupted before everything was shown: "),
        "{}",
        over.complained
    );
    over.left_nothing();
}

#[test]
fn ctrl_c_before_anything_runs_leaves_nothing() {
    let mut demo = Demo::start(&[]);
    demo.hear("/loopkeeper-demo-");
    demo.signal(Signal::SIGINT);
    let over = demo.over();
    assert_eq!(over.code, Some(1), "{}", over.complained);
    over.left_nothing();
}

#[test]
fn ctrl_c_while_the_daemon_is_dead_leaves_nothing() {
    let mut demo = Demo::start(&[]);
    demo.hear("the supervisor is dead");
    demo.signal(Signal::SIGTERM);
    let over = demo.over();
    assert_eq!(over.code, Some(1));
    over.left_nothing();
}

#[test]
fn a_reader_that_has_seen_enough_ends_it() {
    let mut demo = Demo::start(&[]);
    demo.hear("builder      pushes");
    let Demo {
        child,
        lines,
        temporary,
        said,
    } = demo;
    drop(lines);
    let outcome = child.wait_with_output().unwrap();
    let over = Over {
        code: outcome.status.code(),
        said,
        complained: String::from_utf8(outcome.stderr).unwrap(),
        temporary,
    };
    assert_eq!((over.code, over.complained.as_str()), (Some(1), ""));
    over.left_nothing();
}

#[test]
fn time_that_is_too_short_is_kept_and_what_was_not_seen_is_named() {
    let begun = Instant::now();
    let over = Demo::start(&["--seconds", "5"]).over();
    let took = begun.elapsed();
    assert_eq!(over.code, Some(1));
    assert!(
        over.complained
            .contains("demo ran out of time before everything was shown: ")
    );
    assert!(
        over.complained.contains("the daemon was not killed"),
        "{}",
        over.complained
    );
    assert!(over.complained.contains("\nhint: give it more --seconds"));
    // Stopping has its own limit; on a busy machine it may use more than what is set aside.
    assert!(took < Duration::from_secs(15), "{took:?}");
    over.left_nothing();
}

#[test]
fn who_stays_can_kill_what_they_like_until_they_leave() {
    let mut demo = Demo::start(&[]);
    let export = demo.hear("export PATH=");
    let socket = export.trim().split_once("LOOPKEEPER_SOCKET=").unwrap().1;
    let status = |socket: &str| -> serde_json::Value {
        let outcome = Command::new(env!("CARGO_BIN_EXE_supervisorctl"))
            .args(["--socket", socket, "status", "--json"])
            .output()
            .unwrap();
        assert!(outcome.status.success(), "{outcome:?}");
        serde_json::from_slice(&outcome.stdout).unwrap()
    };
    let pid = |status: &serde_json::Value, worker: &str| {
        let rows = status["workers"].as_array().unwrap();
        let row = rows.iter().find(|row| row["name"] == worker).unwrap();
        Pid::from_raw(i32::try_from(row["pid"].as_i64().unwrap()).unwrap())
    };
    let before = status(socket);
    let (daemon, builder, proxy) = (
        pid(&before, "watchdog"),
        pid(&before, "builder"),
        pid(&before, "proxy"),
    );
    kill(builder, Signal::SIGKILL).unwrap();
    demo.hear("builder      ended: killed by SIGKILL");
    demo.hear("builder      running, pid");
    kill(daemon, Signal::SIGKILL).unwrap();
    demo.hear("loopkeeperd  ended: killed by SIGKILL; it is started again");
    demo.hear("loopkeeperd  is up");
    demo.hear("proxy        taken over, running");
    let after = status(socket);
    assert_eq!(pid(&after, "proxy"), proxy);
    assert_ne!(pid(&after, "watchdog"), daemon);
    demo.signal(Signal::SIGINT);
    let over = demo.over();
    assert_eq!(over.code, Some(0), "{}\n{}", over.said, over.complained);
    over.left_nothing();
}
