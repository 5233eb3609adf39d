//! `check` and `doctor`.

use std::{
    io::{Read, Write},
    net::TcpListener,
};

use loopkeeper::{control::protocol::Reply, model::StateName, store::Store};
use predicates::{prelude::PredicateBooleanExt as _, str::contains};
use serde_json::Value;

use crate::scripted::{Home, Scripted, status, worker};

#[test]
fn a_good_file_is_called_good() {
    let home = Home::new();
    home.declare("[workers.builder]\ncommand = [\"/bin/sh\"]\n");
    let good = format!("{}: good, 1 worker, 0 phases\n", home.config().display());
    home.supervisorctl()
        .arg("check")
        .arg(home.config())
        .assert()
        .code(0)
        .stdout(good.clone());
    home.supervisorctl()
        .arg("check")
        .assert()
        .code(0)
        .stdout(good);
    home.supervisorctl()
        .args(["check", "--json"])
        .assert()
        .code(0)
        .stdout("{\"complaints\":[],\"good\":true,\"warnings\":[]}\n");
}

#[test]
fn hosts_are_counted_and_one_without_a_worker_is_a_warning() {
    let home = Home::new();
    home.declare(
        "[hosts.attic]\nssh = \"attic\"\n[hosts.pi]\nssh = \"pi\"\n\
         [workers.w]\ncommand = \"true\"\non = \"pi\"\nworktree = \"/nowhere\"\n",
    );
    home.supervisorctl()
        .arg("check")
        .assert()
        .code(0)
        .stdout(contains("good, 1 worker, 0 phases, 2 hosts\n"))
        .stderr("warning: no worker is on host attic: say on = \"attic\" in [workers.NAME]\n");
}

#[test]
fn a_brief_that_is_not_there_is_a_warning() {
    let home = Home::new();
    home.declare(
        "[workers.w]\ncommand = \"true\"\n[[plan.phases]]\nid = \"1\"\nbrief = \"1.md\"\n",
    );
    let brief = home.config().with_file_name("1.md");
    let words = format!("brief {} of phase 1 does not exist", brief.display());
    let check = || home.supervisorctl().arg("check").assert().code(0);
    check()
        .stdout(contains("good"))
        .stderr(format!("warning: {words}\n"));
    let json = home.supervisorctl().args(["check", "--json"]).assert();
    let json: Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    assert_eq!(json["warnings"], serde_json::json!([words]));
    std::fs::write(brief, "").unwrap();
    check().stderr("");
}

#[test]
fn what_this_machine_lacks_is_not_told_of_another_ones() {
    let home = Home::new();
    home.declare(
        "[workers.w]\ncommand = \"true\"\nworktree = \"/nowhere\"\nlauncher = \"tmux\"\n\
         [[plan.phases]]\nid = \"2\"\nbrief = \"1.md\"\n[[plan.phases]]\nid = \"x\"\n",
    );
    let check = || {
        let mut command = home.supervisorctl();
        command.env("PATH", "/nowhere").arg("check");
        command
    };
    let here = check().assert().code(0);
    let here = String::from_utf8_lossy(&here.get_output().stderr).into_owned();
    for lacks in ["tmux", "/nowhere", "1.md", "phase 2 is number 1"] {
        assert!(here.contains(lacks), "{lacks}: {here}");
    }
    let mistaken = "phase 2 is number 1 of the plan, and number 2 is phase x: `phase set 2` means phase 2; an id \
                    that is no number, such as \"p2\", is not mistaken";
    check()
        .arg("--elsewhere")
        .assert()
        .code(0)
        .stdout(contains("good, 1 worker, 2 phases"))
        .stderr(format!("warning: {mistaken}\n"));

    home.declare("[workers.w]\ncomand = \"true\"\n");
    check()
        .arg("--elsewhere")
        .assert()
        .code(2)
        .stderr(contains("comand"));
}

#[test]
fn every_mistake_is_shown_with_its_place() {
    let home = Home::new();
    home.declare("[workers.builder]\ncomand = [\"/bin/sh\"]\n[workers.x]\ncommand = 7\n");
    home.supervisorctl()
        .arg("check")
        .assert()
        .code(2)
        .stdout("")
        .stderr(contains("comand"))
        .stderr(contains("workers.x"));
    let json = home
        .supervisorctl()
        .args(["check", "--json"])
        .assert()
        .code(2)
        .stderr("");
    let json: Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    assert_eq!(json["good"], false);
    let lines: Vec<_> = json["complaints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["line"])
        .collect();
    assert!(
        lines.contains(&&Value::from(2)) && lines.contains(&&Value::from(4)),
        "{json}"
    );
}

#[test]
fn a_file_that_is_not_there_is_a_mistake_in_the_usage() {
    let home = Home::new();
    home.supervisorctl()
        .args(["check", "/nonexistent.toml"])
        .assert()
        .code(2)
        .stderr(contains("configuration /nonexistent.toml cannot be read"))
        .stderr(contains("unless another is named").not())
        .stderr(contains("hint:").not());
    home.supervisorctl()
        .env("CONFIGURATION_DIRECTORY", "/nonexistent/loopkeeper")
        .arg("check")
        .assert()
        .code(2)
        .stderr(contains("unless another is named"))
        .stderr(contains(
            "\nhint: write a configuration first, beginning with: mkdir -p /nonexistent/loopkeeper && \
             supervisorctl generate config > /nonexistent/loopkeeper/loopkeeper.toml\n",
        ));
}

/// What `doctor` found, by check.
fn findings(home: &Home, code: i32) -> impl Fn(&str) -> (String, String) + use<> {
    let json = home
        .supervisorctl()
        .args(["doctor", "--json"])
        .assert()
        .code(code);
    let list: Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    move |check| {
        let found = list
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["check"] == check);
        let found = found.unwrap_or_else(|| panic!("{check} is not in {list}"));
        (
            found["is"].as_str().unwrap().into(),
            found["found"].as_str().unwrap().into(),
        )
    }
}

/// A SOCKS5 server, as far as a greeting goes.
fn greeter(answer: &'static [u8]) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut greeting = [0; 4];
            stream.read_exact(&mut greeting).unwrap();
            assert_eq!(greeting, [5, 2, 0, 2]);
            stream.write_all(answer).unwrap();
        }
    });
    address
}

fn rig(listen: std::net::SocketAddr) -> String {
    format!(
        "[proxy]\nkind = \"builtin\"\nlisten = \"{listen}\"\n\
         [workers.builder]\ncommand = [\"/bin/sh\"]\nlauncher = \"tmux\"\n"
    )
}

#[test]
fn a_rig_in_good_health() {
    let home = Home::new();
    home.declare(&rig(greeter(&[5, 0])));
    std::fs::create_dir(home.state()).unwrap();
    let rig = Scripted::start_in(home, |_, answer| {
        answer.ok(Reply::Status(Box::new(status())))
    });
    let found = findings(&rig.home, 0);
    for check in [
        "configuration",
        "state",
        "daemon",
        "tmux",
        "clock",
        "database",
        "open files",
        "proxy",
    ] {
        assert_eq!(found(check).0, "ok", "{check}: {}", found(check).1);
    }
    assert!(
        found("tmux").1.starts_with("tmux 3."),
        "{}",
        found("tmux").1
    );
    // What a container may lack is worth a warning and no more.
    for check in [
        "systemd",
        "cgroups",
        "journald",
        "file system",
        "clock sync",
        "memory",
    ] {
        assert_ne!(found(check).0, "fail", "{check}: {}", found(check).1);
    }
    let text = rig.home.supervisorctl().arg("doctor").assert().code(0);
    text.stdout(contains(
        "ok    daemon         version 0.1.0 runs and answers\n",
    ));
}

#[test]
fn a_stranger_on_the_proxys_port_that_says_nothing_is_told_from_nobody() {
    let home = Home::new();
    // Its queue takes connections, and nobody ever answers them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = silent.local_addr().unwrap();
    home.declare(&rig(listen));
    let (is, found) = findings(&home, 1)("proxy");
    assert_eq!(is, "fail");
    assert_eq!(
        found,
        format!(
            "{listen} takes connections and says nothing within 3 s: not a SOCKS5 server that works"
        )
    );
    drop(silent);
    let (is, found) = findings(&home, 1)("proxy");
    assert_eq!(is, "warn");
    assert!(found.contains("Connection refused"), "{found}");
}

#[test]
fn a_proxy_that_was_stopped_is_no_failure() {
    let home = Home::new();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    home.declare(&rig(nobody.local_addr().unwrap()));
    drop(nobody);
    std::fs::create_dir(home.state()).unwrap();
    let mut state = StateName::Stopped;
    let rig = Scripted::start_in(home, move |_, answer| {
        let mut proxy = worker("proxy");
        proxy.state = std::mem::replace(&mut state, StateName::Running);
        let mut status = status();
        status.workers.push(proxy);
        answer.ok(Reply::Status(Box::new(status)));
    });
    let (is, found) = findings(&rig.home, 0)("proxy");
    assert_eq!(is, "warn");
    assert!(
        found.ends_with(" does not answer: the proxy is stopped"),
        "{found}"
    );
    let (is, found) = findings(&rig.home, 1)("proxy");
    assert_eq!(is, "fail");
    assert!(found.contains("Connection refused"), "{found}");
}

#[test]
fn each_thing_that_is_missing_is_found() {
    let home = Home::new();
    home.declare(&rig(greeter(b"HT")));
    std::fs::write(home.state(), "a file").unwrap();
    let found = findings(&home, 1);
    assert_eq!(found("daemon").0, "fail");
    assert_eq!(found("state").0, "fail");
    assert!(found("state").1.ends_with("is not a directory"));
    assert_eq!(found("proxy").0, "fail");
    assert!(
        found("proxy")
            .1
            .ends_with("answers, and not as a SOCKS5 server")
    );

    home.declare("[wrkers]\n");
    let found = findings(&home, 1);
    assert_eq!(found("configuration").0, "fail");

    let without_tmux = home
        .supervisorctl()
        .env("PATH", "/nonexistent")
        .arg("doctor")
        .assert();
    without_tmux
        .code(1)
        .stdout(contains("warn  tmux           tmux cannot be run"))
        .stdout(contains(
            "hint: needed for workers with launcher = \"tmux\"",
        ));
}

#[test]
fn tmux_is_not_missed_where_no_worker_needs_it() {
    let home = Home::new();
    home.declare(
        "[workers.w]\ncommand = [\"/bin/sh\"]\nlauncher = \"process\"\n\
         [workers.there]\ncommand = [\"x\"]\non = \"pi\"\n[hosts.pi]\nssh = \"pi\"\n",
    );
    let mut doctor = home.supervisorctl();
    let doctor = doctor.env("PATH", "/nonexistent").arg("doctor").assert();
    doctor
        .stdout(contains("ok    tmux           tmux cannot be run: "))
        .stdout(contains("; no worker needs it\n"));
}

#[test]
fn a_state_that_a_reboot_takes_away_is_warned_of() {
    let home = Home::new();
    home.declare("[workers.w]\ncommand = [\"/bin/sh\"]\n");
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let doctor = home
        .supervisorctl()
        .args(["doctor", "--state-dir"])
        .arg(memory.path().join("not/yet"))
        .assert()
        .code(1);
    doctor
        .stdout(contains("warn  file system    /dev/shm/"))
        .stdout(contains(" is on tmpfs, mounted at /dev/shm: in memory: "));
}

#[test]
fn a_secret_that_everybody_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;

    let home = Home::new();
    let users = home.path().join("users");
    std::fs::write(&users, "ann:hunter2\n").unwrap();
    std::fs::create_dir(home.state()).unwrap();
    home.declare(&format!(
        "[proxy]\nlisten = \"127.0.0.1:1\"\nauth = \"{}\"\n",
        users.display()
    ));
    for (mode, is, said) in [
        (0o644, "warn", "of proxy can be read by everybody here"),
        (0o600, "ok", "of proxy can be read"),
    ] {
        std::fs::set_permissions(&users, std::fs::Permissions::from_mode(mode)).unwrap();
        let found = findings(&home, 1)("secret");
        assert_eq!(found.0, is);
        assert!(found.1.ends_with(said), "{}", found.1);
        assert!(!found.1.contains("hunter2"));
    }
    home.declare(&format!(
        "[workers.w]\ncommand = [\"/bin/sh\"]\nsecrets = {{ users = \"{}\" }}\n",
        users.display()
    ));
    let found = findings(&home, 1)("secret");
    assert!(found.1.ends_with("of w can be read"), "{}", found.1);
}

#[test]
fn a_degraded_daemon_is_a_failure() {
    let rig = Scripted::start(|_, answer| {
        let mut status = status();
        status.degraded = vec!["store cannot be written".into()];
        answer.ok(Reply::Status(Box::new(status)));
    });
    let found = findings(&rig.home, 1);
    assert_eq!(found("daemon").0, "fail");
    assert!(found("daemon").1.contains("store cannot be written"));
}

#[test]
fn what_the_daemon_makes_is_missed_only_while_it_runs() {
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let home = Home::new();
    home.declare(&rig(nobody));
    let found = findings(&home, 1);
    assert_eq!(
        (found("proxy").0, found("state").0),
        ("warn".into(), "ok".into())
    );
    let rig = Scripted::start_in(home, |_, answer| {
        answer.ok(Reply::Status(Box::new(status())))
    });
    let found = findings(&rig.home, 1);
    assert_eq!(found("proxy").0, "fail");
    // That it has not been made yet is no excuse any more.
    assert_eq!(found("state").0, "fail");
}

#[test]
fn a_database_that_a_daemon_could_not_use_is_found() {
    let home = Home::new();
    home.declare(&rig(greeter(&[5, 0])));
    drop(Store::open(&home.state(), &[]).unwrap());
    assert_eq!(findings(&home, 1)("database").0, "ok");

    let database = home.state().join("loopkeeper.db");
    let whole = std::fs::read(&database).unwrap();
    let mut newer = whole.clone();
    newer[60..64].copy_from_slice(&[0, 0, 0, 99]);
    std::fs::write(&database, newer).unwrap();
    let found = findings(&home, 1)("database");
    assert_eq!(found.0, "fail");
    assert!(
        found.1.contains("was written by a newer loopkeeper"),
        "{}",
        found.1
    );
    let shown = home.supervisorctl().arg("doctor").assert().code(1);
    shown.stdout(contains(
        "hint: nothing was touched, and workers that run go on",
    ));

    std::fs::write(&database, &whole[..whole.len() / 2]).unwrap();
    let found = findings(&home, 1)("database");
    assert_eq!(found.0, "fail");
    assert!(found.1.contains("is damaged"), "{}", found.1);
    assert_eq!(
        std::fs::read(&database).unwrap().len(),
        whole.len() / 2,
        "it was touched"
    );
}
