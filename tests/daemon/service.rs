//! What the daemon tells the service manager and its clients.

use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixStream;

use crate::rig::Rig;

const RIG: &str = r#"
[proxy]
listen = "127.0.0.1:PORT"
[workers.first]
kind = "service"
command = "sleep 0.2; echo up; exec sleep 1000"
launcher = "process"
ready = { output = "^up$", every = "10ms" }
[workers.second]
command = "exec sleep 1000"
launcher = "process"
requires = ["first", "proxy"]
"#;

/// A port that nobody has at the moment.
fn with_port(rig: &str) -> String {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    rig.replace("PORT", &free.to_string())
}

#[test]
fn ready_comes_when_everything_required_was_ready_in_order() {
    let mut rig = Rig::up(&with_port(RIG));
    let history = rig.done(&["history"]);
    let at = |text: &str| {
        history
            .find(text)
            .unwrap_or_else(|| panic!("no {text} in {history}"))
    };
    assert!(at("first running") < at("starting second"), "{history}");
    assert!(at("proxy running") < at("starting second"), "{history}");
    rig.daemon
        .as_mut()
        .unwrap()
        .wait_for("STATUS=3 of 3 running");
}

#[test]
fn the_watchdog_is_fed_by_completed_turns_and_stopping_is_announced() {
    let mut rig = Rig::new(&with_port(RIG));
    rig.start_with(|command| {
        command.env("WATCHDOG_USEC", "400000");
    });
    let daemon = rig.daemon.as_mut().unwrap();
    for _ in 0..3 {
        daemon.wait_for("WATCHDOG=1");
        daemon.said.clear();
    }
    daemon.signal("INT");
    daemon.wait_for("STOPPING=1");
    daemon.wait_for("EXTEND_TIMEOUT_USEC=");
}

#[test]
fn the_socket_speaks_the_contract() {
    let rig = Rig::up(&with_port(RIG));
    let stream = UnixStream::connect(rig.path("run/control.sock")).unwrap();
    let mut lines = BufReader::new(&stream).lines();
    let greeting: serde_json::Value =
        serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(greeting["protocol"], 1);
    let status = rig.status();
    for (field, is) in [
        ("protocol", status["protocol"].is_u64()),
        ("version", status["version"].is_string()),
        ("boot_id", status["boot_id"].is_string()),
        ("started_at", status["started_at"].is_string()),
        ("phase", status["phase"].is_null()),
        ("paused", status["paused"].is_boolean()),
        ("reboots.count", status["reboots"]["count"].is_u64()),
        ("reboots.last", status["reboots"]["last"].is_null()),
    ] {
        assert!(is, "{field} in {status}");
    }
    let names: Vec<_> = status["workers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].clone())
        .collect();
    assert_eq!(names, ["first", "proxy", "second", "watchdog"]);
    let row = rig.worker("second");
    for (field, is) in [
        ("kind", row["kind"] == "loop"),
        ("host", row["host"] == "local"),
        ("launcher", row["launcher"] == "process"),
        ("state", row["state"] == "running"),
        ("verdict.is", row["verdict"]["is"] == "working"),
        ("verdict.evidence", row["verdict"]["evidence"].is_string()),
        ("pid", row["pid"].is_u64()),
        ("attempt", row["attempt"].is_string()),
        ("since", row["since"].is_string()),
        ("restarts", row["restarts"] == 0),
        ("last_exit", row["last_exit"].is_null()),
    ] {
        assert!(is, "{field} in {row}");
    }
}

#[test]
fn status_without_a_daemon_says_so_first_and_shows_what_is_known() {
    let mut rig = Rig::up(&with_port(RIG));
    let pid = rig.pid("second");
    rig.kill_daemon();
    let output = rig.ctl(&["status"]);
    assert_eq!(output.status.code(), Some(3));
    let all = crate::rig::text(&output.stderr) + &crate::rig::text(&output.stdout);
    assert!(all.contains("not running"), "{all}");
    let shown = crate::rig::text(&output.stdout);
    assert!(shown.contains("second"), "{shown}");
    let json = rig.ctl(&["status", "--json"]);
    assert_eq!(json.status.code(), Some(3));
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["daemon"], false);
    let second = json["workers"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["name"] == "second");
    assert_eq!(
        second.unwrap()["pid"],
        pid,
        "the host is asked, not the dead daemon's memory"
    );
}

#[test]
fn the_watchdog_is_a_row_and_says_that_it_is_no_worker() {
    let rig = Rig::up("[workers.well]\ncommand = \"exec sleep 1000\"\nlauncher = \"process\"\n");
    let (daemon, well) = (rig.pid("watchdog"), rig.pid("well"));
    for verb in ["stop", "restart", "start"] {
        let why = rig.refused(1, &[verb, "well", "watchdog"]);
        let said =
            format!("error: watchdog is part of the daemon, pid {daemon}, and begins and ends");
        assert!(why.starts_with(&said), "{why}");
        assert!(
            why.contains(&format!("hint: `kill -s TERM {daemon}` ends")),
            "{why}"
        );
    }
    for verb in ["attach", "logs"] {
        let why = rig.refused(1, &[verb, "watchdog"]);
        assert!(why.contains("no terminal and no log of its own"), "{why}");
        let log = rig.path("daemon.log").display().to_string();
        assert!(why.contains(&format!("standard error: {log}")), "{why}");
    }
    assert_eq!(rig.pid("well"), well, "a refused command was done by half");
}

#[test]
fn the_manager_hears_why_a_daemon_cannot_start() {
    let mut rig = Rig::new("[workers.a]\ncommand = 'x'\nkin = 'loop'\n");
    rig.start_with(|_| ());
    let file = rig.path("loopkeeper.toml").display().to_string();
    let mut daemon = rig.daemon.take().unwrap();
    daemon.wait_for("STATUS=");
    let expected = format!(
        "STATUS=cannot start: {file}:3:1: key `kin` is unknown in `workers.a`; see all with: \
         supervisorctl check {file}"
    );
    assert_eq!(daemon.said, [expected]);
    assert_eq!(daemon.exit_code(), Some(2));
}

#[test]
fn the_manager_hears_who_waits_and_that_a_file_was_refused() {
    let rig = "[workers.a]\nlauncher = 'process'\ncommand = 'exec sleep 1000'\n";
    let late = "[workers.b]\nlauncher = 'process'\ncommand = ['./late']\n";
    let file = format!("{rig}{late}");
    let mut rig = Rig::up(&file);
    rig.daemon
        .as_mut()
        .unwrap()
        .wait_for("STATUS=1 of 2 running, backing-off: b");
    rig.configure("nonsense");
    let daemon = rig.daemon.as_mut().unwrap();
    daemon.signal("HUP");
    daemon.wait_for("STATUS=1 of 2 running, backing-off: b, degraded: what runs is not what ");
    rig.configure(&file);
}

#[test]
fn a_proxy_is_not_ready_by_what_another_one_answers() {
    let config = with_port(
        "[defaults]\nbackoff = { first = \"50ms\", most = \"50ms\" }\n\
         [proxy]\nlisten = \"127.0.0.1:PORT\"\n\
         [workers.needy]\ncommand = \"exec sleep 1000\"\nlauncher = \"process\"\nrequires = [\"proxy\"]\n",
    );
    let first = Rig::up(&config);
    let mut second = Rig::new(&config);
    second.start_with(|_| {});
    second.daemon.as_mut().unwrap().wait_for("READY=1");
    second.eventually("its proxy was tried some times", |rig| {
        (rig.worker("proxy")["restarts"].as_u64()? >= 5).then_some(())
    });
    let history = second.done(&["history", "--lines", "1000"]);
    assert!(!history.contains("proxy running"), "{history}");
    assert!(!history.contains("starting needy"), "{history}");
    assert_eq!(first.worker("proxy")["restarts"], 0);
}
