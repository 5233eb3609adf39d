//! What a restart, a crash and an upgrade of the daemon do to workers: nothing.

use std::path::Path;

use crate::rig::{Rig, program};

const RIG: &str = r#"
[workers.session]
command = "while :; do echo tick; sleep 1; done"
launcher = "tmux"
[workers.child]
command = "while :; do echo tick; sleep 1; done"
launcher = "process"
"#;

/// With the builtin proxy, at a port that is free.
fn with_proxy() -> String {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = free.local_addr().unwrap();
    format!("[proxy]\nkind = \"builtin\"\nlisten = \"{listen}\"\n{RIG}")
}

fn identities(rig: &Rig) -> Vec<(String, i64, String)> {
    ["session", "child"]
        .map(|name| {
            let row = rig.worker(name);
            let attempt = row["attempt"].as_str().unwrap().to_owned();
            (name.to_owned(), rig.pid(name), attempt)
        })
        .to_vec()
}

#[test]
fn workers_do_not_notice_that_the_daemon_is_killed() {
    let mut rig = Rig::up(RIG);
    let before = identities(&rig);
    let since = |rig: &Rig| {
        let since = rig.worker("child")["since"].as_str().unwrap().to_owned();
        since.parse::<jiff::Timestamp>().unwrap()
    };
    let running_since = since(&rig);
    rig.kill_daemon();
    rig.start();
    assert_eq!(identities(&rig), before);
    assert!(since(&rig) <= running_since, "since the daemon began");
    assert_eq!(rig.worker("session")["restarts"], 0);
    assert_eq!(rig.worker("child")["restarts"], 0);
}

#[test]
fn workers_do_not_notice_that_the_state_directory_is_removed() {
    let mut rig = Rig::up(RIG);
    let before = identities(&rig);
    std::fs::remove_dir_all(rig.path("state")).unwrap();
    rig.kill_daemon();
    rig.start();
    assert_eq!(identities(&rig), before);
    let status = rig.done(&["status"]);
    assert!(
        status.contains("was removed while its worker runs"),
        "{status}"
    );
    rig.done(&["restart", "child", "session"]);
    let status = rig.done(&["status"]);
    assert!(
        !status.contains("was removed while its worker runs"),
        "of attempts that are gone: {status}"
    );
}

#[test]
fn sigterm_leaves_workers_to_the_next_daemon() {
    let mut rig = Rig::up(RIG);
    let before = identities(&rig);
    assert_eq!(rig.end_daemon("TERM"), Some(0));
    rig.start();
    assert_eq!(identities(&rig), before);
}

#[test]
fn sigint_stops_workers_and_the_next_daemon_starts_them_again() {
    let mut rig = Rig::up(RIG);
    let before = identities(&rig);
    assert_eq!(rig.end_daemon("INT"), Some(0));
    assert_eq!(rig.alive(), Vec::<i32>::new());
    rig.start();
    let after = identities(&rig);
    assert!(
        before.iter().zip(&after).all(|(old, new)| old.2 != new.2),
        "{before:?} {after:?}"
    );
}

#[test]
fn how_a_session_ended_while_no_daemon_was_there_is_known() {
    let mut rig = Rig::up(
        "[workers.once]\ncommand = \"until [ -e go ]; do sleep 0.05; done; exit 42\"\n\
         launcher = \"tmux\"\nrestart = \"never\"\n",
    );
    rig.kill_daemon();
    rig.write("go", "");
    rig.eventually("the session ends", |rig| {
        rig.alive().is_empty().then_some(())
    });
    rig.start();
    let row = rig.until_state("once", "stopped");
    assert_eq!(row["last_exit"], serde_json::json!({"code": 42}));
}

#[test]
fn how_a_process_ended_while_no_daemon_was_there_is_known_or_admitted_to_be_lost() {
    let mut rig = Rig::up(
        "[workers.once]\ncommand = \"until [ -e go ]; do sleep 0.05; done; exit 42\"\n\
         launcher = \"process\"\nrestart = \"never\"\n",
    );
    rig.kill_daemon();
    rig.write("go", "");
    rig.eventually("the process ends", |rig| {
        rig.alive().is_empty().then_some(())
    });
    rig.start();
    let row = rig.until_state("once", "stopped");
    // Whoever inherited it may have collected it by now; if not, the kernel still knows.
    let exit = &row["last_exit"];
    assert!(
        *exit == serde_json::json!({"code": 42}) || exit["lost"].is_string(),
        "{row}"
    );
}

#[test]
fn the_restart_budget_survives_the_daemon() {
    let mut rig = Rig::up(
        "[workers.hot]\ncommand = \"exit 7\"\nlauncher = \"process\"\n\
         backoff = { first = \"1ms\", most = \"1ms\" }\nbudget = { restarts = 3, window = \"1h\" }\n",
    );
    let held = rig.until_state("hot", "held");
    assert_eq!(held["restarts"], 3);
    rig.kill_daemon();
    rig.start();
    let row = rig.worker("hot");
    assert_eq!(
        (&row["state"], &row["restarts"]),
        (&held["state"], &held["restarts"])
    );
    assert!(
        row["reason"]
            .as_str()
            .unwrap()
            .contains("more than 3 restarts in 1 h"),
        "{row}"
    );
    let why = rig.refused(1, &["--socket", "/nowhere/control.sock", "status"]);
    assert!(why.contains("daemon runs (pid "), "{why}");
    rig.ctl(&["start", "hot"]);
    assert_eq!(rig.until_state("hot", "held")["restarts"], 6);
}

#[test]
fn what_the_operator_stopped_stays_stopped() {
    let mut rig = Rig::up(RIG);
    rig.done(&["stop", "session"]);
    rig.kill_daemon();
    rig.start();
    assert_eq!(rig.worker("session")["state"], "stopped");
    assert_eq!(rig.worker("child")["state"], "running");
}

#[test]
fn the_name_of_the_daemon_is_that_of_no_other_process() {
    let rig = Rig::up(&with_proxy());
    rig.until_state("proxy", "running");
    let name = |pid: i32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    // Each takes its name once it runs, so that one that was just begun may not have it yet.
    rig.eventually("ours have other names", |rig| {
        let mut names: Vec<_> = rig.alive().into_iter().map(name).collect();
        names.sort();
        names.dedup();
        names.retain(|name| name.starts_with('l'));
        (names == ["lk-pane\n", "lk-proxy\n", "lk-record\n"]).then_some(())
    });
    let daemon = i32::try_from(rig.daemon.as_ref().unwrap().pid()).unwrap();
    assert_eq!(name(daemon), "loopkeeperd\n");
}

#[test]
fn an_upgrade_under_a_running_daemon_fails_no_start() {
    let mut rig = Rig::new(&with_proxy());
    let installed = rig.path("loopkeeperd");
    let install = |from: &Path| {
        let new = installed.with_extension("new");
        std::fs::copy(from, &new).unwrap();
        std::fs::rename(&new, &installed).unwrap();
    };
    install(Path::new(env!("CARGO_BIN_EXE_loopkeeperd")));
    rig.start_from(&installed);
    assert_eq!(rig.status()["degraded"], serde_json::json!([]));

    let start_all_again = |rig: &Rig| {
        for name in ["session", "child", "proxy"] {
            let pid = rig.pid(name);
            rig.done(&["restart", name]);
            assert_ne!(rig.pid(name), pid);
        }
    };
    std::fs::remove_file(&installed).unwrap();
    start_all_again(&rig);
    // Something that is no Loopkeeper at all.
    install(&program("false"));
    start_all_again(&rig);
    for row in rig.status()["workers"].as_array().unwrap() {
        assert_eq!(
            (&row["state"], &row["restarts"]),
            (&"running".into(), &0.into()),
            "{row}"
        );
    }
    let doctor = rig.ctl(&["doctor"]);
    let shown = rig.done(&["status"]) + &crate::rig::text(&doctor.stdout);
    let told = format!("{} was replaced; this daemon goes on", installed.display());
    assert_eq!(shown.matches(&told).count(), 2, "{shown}");
    for once in ["cannot be found", "was replaced"] {
        let log = rig.until_logged(once);
        assert_eq!(log.matches(once).count(), 1, "{log}");
    }
    rig.until_logged("WARN");
    rig.kill_daemon();
    rig.start();
    assert_eq!(rig.status()["degraded"], serde_json::json!([]));
}

#[test]
fn a_second_daemon_on_the_same_state_is_refused() {
    let rig = Rig::up(RIG);
    let before = identities(&rig);
    let second = rig.loopkeeperd().output().unwrap();
    let said = crate::rig::text(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(
        said.contains("is in use by") && said.contains("hint:"),
        "{said}"
    );
    assert_eq!(identities(&rig), before);
}

#[test]
fn a_session_whose_state_directory_was_moved_says_so() {
    let mut rig = Rig::up(RIG);
    let before = identities(&rig);
    rig.kill_daemon();
    let moved = rig.path("moved");
    std::fs::rename(rig.path("state"), &moved).unwrap();
    rig.start_with(|command| {
        command.env("STATE_DIRECTORY", &moved);
    });
    rig.daemon.as_mut().unwrap().wait_for("READY=1");
    assert_eq!(identities(&rig), before, "they run on");
    let told = rig.refused(1, &["attach", "session"]);
    let began_in = rig.path("state").display().to_string();
    let why = format!("its state directory was moved while it ran (it began in {began_in}/");
    assert!(told.contains(&why), "{told}");
    let helps = "supervisorctl restart session";
    assert!(told.contains(helps), "{told}");
    rig.done(&["restart", "session"]);
    let told = rig.refused(2, &["attach", "session"]);
    assert!(told.contains("standard input is not a terminal"), "{told}");
}
