//! Secrets that change, as sops-nix changes them: a link that leads to another directory.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::rig::Rig;

const RIG: &str = r#"
[defaults]
launcher = "process"
[workers.changed]
command = 'cat "$CREDENTIALS_DIRECTORY/key" >had; exec sleep 1000'
secrets = { key = "secrets/changed" }
[workers.same]
command = "exec sleep 1000"
secrets = { key = "secrets/same" }
[workers.session]
launcher = "tmux"
command = "exec sleep 1000"
secrets = { key = "secrets/changed" }
[workers.told]
command = "trap 'cat secrets/changed >>told' HUP; while :; do sleep 0.02; done"
secrets = { key = "secrets/changed" }
on_secret_change = "HUP"
[workers.ignores]
command = "exec sleep 1000"
secrets = { key = "secrets/changed" }
on_secret_change = "ignore"
"#;

const NAMES: [&str; 5] = ["changed", "same", "session", "told", "ignores"];

/// Another generation of the secrets is made, and then taken.
fn activate(rig: &Rig, generation: u32, changed: &str) {
    let directory = rig.path(&format!("secrets.d/{generation}"));
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("changed"), changed).unwrap();
    fs::write(directory.join("same"), "same").unwrap();
    let new = rig.path("secrets.new");
    symlink(format!("secrets.d/{generation}"), &new).unwrap();
    fs::rename(new, rig.path("secrets")).unwrap();
}

fn pids(rig: &Rig) -> [i64; 5] {
    NAMES.map(|name| rig.until_state(name, "running")["pid"].as_i64().unwrap())
}

/// Waits until those are other processes who are to begin anew.
fn begun_anew(rig: &Rig, before: [i64; 5]) -> [i64; 5] {
    let other = |rig: &Rig, name: &str, before: i64| {
        let row = rig.worker(name);
        (row["state"] == "running" && row["pid"] != before).then_some(())
    };
    rig.eventually("who had the old one begins anew", |rig| {
        other(rig, "changed", before[0])?;
        other(rig, "session", before[2])
    });
    let now = pids(rig);
    for left_alone in [1, 3, 4] {
        assert_eq!(now[left_alone], before[left_alone], "{}", NAMES[left_alone]);
    }
    now
}

#[test]
fn whose_secret_changed_begins_anew_with_it_or_is_told_and_nobody_else() {
    let mut rig = Rig::new(RIG);
    activate(&rig, 1, "one\n");
    rig.start();
    let first = pids(&rig);
    rig.eventually("it has the first", |rig| {
        (rig.read("had") == "one\n").then_some(())
    });

    activate(&rig, 2, "two\n");
    let second = begun_anew(&rig, first);
    rig.eventually("it has the second", |rig| {
        (rig.read("had") == "two\n").then_some(())
    });
    rig.eventually("it was told", |rig| {
        (rig.read("told") == "two\n").then_some(())
    });
    let history = rig.done(&["history", "changed"]);
    assert!(history.contains("a secret of it changed"), "{history}");

    // Written anew, all say what they said; then one of them is written in its place.
    activate(&rig, 3, "two\n");
    fs::remove_dir_all(rig.path("secrets.d/2")).unwrap();
    rig.write("secrets.d/3/changed", "three\n");
    let third = begun_anew(&rig, second);
    rig.eventually("it was told again", |rig| {
        (rig.read("told") == "two\nthree\n").then_some(())
    });
    // What it began with is another content too, after those.
    rig.write("secrets.d/3/changed", "one\n");
    let third = begun_anew(&rig, third);
    rig.eventually("it was told of the first again", |rig| {
        (rig.read("told") == "two\nthree\none\n").then_some(())
    });

    // While there is no daemon.
    rig.kill_daemon();
    activate(&rig, 4, "one\n");
    rig.start();
    assert_eq!(pids(&rig), third, "nothing changed meanwhile");
    rig.kill_daemon();
    activate(&rig, 5, "five\n");
    rig.start();
    begun_anew(&rig, third);
    rig.eventually("it has the fifth", |rig| {
        (rig.read("had") == "five\n").then_some(())
    });
}

/// Who is told of a change is told once, whichever daemon it is; `other` shows that one has looked.
#[test]
fn a_change_is_told_once_whatever_becomes_of_the_daemon_and_the_file() {
    let mut rig = Rig::new(
        r#"
[defaults]
launcher = "process"
[workers.told]
command = "trap 'cat key >>told' HUP; : >listens; while :; do sleep 0.02; done"
secrets = { key = "key" }
on_secret_change = "HUP"
[workers.other]
command = "exec sleep 1000"
secrets = { other = "other" }
"#,
    );
    let put = |rig: &Rig, name: &str, content: &str| {
        rig.write("new", content);
        fs::rename(rig.path("new"), rig.path(name)).unwrap();
    };
    put(&rig, "key", "one\n");
    put(&rig, "other", "0");
    rig.start();
    let told = rig.until_state("told", "running")["pid"].clone();
    rig.eventually("it listens", |rig| {
        rig.path("listens").exists().then_some(())
    });
    let mut other = rig.until_state("other", "running")["pid"].clone();
    let mut has_looked = |rig: &Rig| {
        other = rig.eventually("a daemon looks at secrets", |rig| {
            let row = rig.worker("other");
            let anew = row["state"] == "running" && row["pid"] != other;
            anew.then(|| row["pid"].clone())
        });
    };
    let signals = |rig: &Rig| {
        let history = rig.done(&["history", "told"]);
        history.matches("SIGHUP to told").count()
    };

    put(&rig, "key", "two\n");
    rig.eventually("it is told", |rig| {
        (rig.read("told") == "two\n" && signals(rig) == 1).then_some(())
    });

    rig.kill_daemon();
    put(&rig, "other", "1");
    rig.start();
    has_looked(&rig);
    rig.end_daemon("TERM");
    put(&rig, "other", "2");
    rig.start();
    has_looked(&rig);

    // One that is not there says nothing, and neither does the same one that is there again.
    fs::remove_file(rig.path("key")).unwrap();
    put(&rig, "other", "3");
    has_looked(&rig);
    put(&rig, "key", "two\n");
    put(&rig, "other", "4");
    has_looked(&rig);

    put(&rig, "key", "one\n");
    rig.eventually("it is told of what it began with", |rig| {
        rig.read("told").ends_with("one\n").then_some(())
    });
    assert_eq!(rig.read("told"), "two\none\n");
    rig.eventually("each is in the history", |rig| {
        (signals(rig) == 2).then_some(())
    });
    assert_eq!(rig.until_state("told", "running")["pid"], told);

    let kept = kept(&rig);
    let [kept] = kept.as_slice() else {
        panic!("{kept:?}")
    };
    let mode = fs::metadata(kept).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    rig.done(&["stop", "told"]);
    rig.eventually("it goes with the attempt", |_| {
        (!kept.exists()).then_some(())
    });
}

/// Where it is kept what attempts were told.
fn kept(rig: &Rig) -> Vec<PathBuf> {
    let below = |path: PathBuf| {
        fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().path())
    };
    let of_rig = below(rig.path("run")).filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("told-")
    });
    of_rig.flat_map(below).flat_map(below).collect()
}

#[test]
fn who_is_started_before_its_secret_is_there_waits_for_it() {
    let rig = Rig::up(
        r#"
[workers.a]
launcher = "process"
command = "exec sleep 1000"
secrets = { key = "secrets/key" }
budget = { restarts = 0, window = "10m" }
"#,
    );
    let row = rig.until_state("a", "backing-off");
    assert_eq!(row["restarts"], 0, "{row}");
    let shown = rig.done(&["status"]);
    let told = format!(
        "secret key: {}: No such file",
        rig.path("secrets/key").display()
    );
    assert!(shown.contains(&told), "{shown}");
    fs::create_dir(rig.path("secrets")).unwrap();
    rig.write("secrets/key", "x");
    rig.until_state("a", "running");
}

#[test]
fn users_of_the_proxy_that_are_broken_are_told_of_and_waited_for() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = free.local_addr().unwrap();
    drop(free);
    let mut rig = Rig::new("");
    let file = rig.path("users").display().to_string();
    rig.configure(&format!("[proxy]\nlisten = '{listen}'\nauth = '{file}'\n"));
    rig.write("users", "ann:hunter2\n");
    rig.start();
    let first = rig.until_state("proxy", "running")["pid"].clone();
    let flaw = format!("credentials {file} line 2 is not valid: expected user:password");

    // Who has users goes on with them, and is not told of those.
    rig.write("users", "ann:hunter2\nhunter3\n");
    let goes_on = format!("proxy goes on with the users it has: {flaw}");
    rig.eventually("status tells", |rig| {
        rig.done(&["status"]).contains(&goes_on).then_some(())
    });
    assert_eq!(rig.until_state("proxy", "running")["pid"], first);
    let output = rig.ctl(&["restart", "proxy"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains(&flaw) && said.contains("nothing was restarted"),
        "{said}"
    );
    for ask in ["check", "doctor", "reload"] {
        let output = rig.ctl(&[ask]);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert!(said.contains(&flaw), "{ask}: {said}");
        assert!(!said.contains("hunter"), "{ask}: {said}");
    }

    // Who has to begin with them waits, and that is counted by nobody.
    let pid = i32::try_from(first.as_i64().unwrap()).unwrap();
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    let shown = rig.eventually("it waits for them", |rig| {
        let shown = rig.done(&["status"]);
        let waits = shown.contains(&flaw) && !shown.contains("goes on with");
        waits.then_some(shown)
    });
    assert!(!shown.contains("until it is there"), "{shown}");
    assert_eq!(rig.worker("proxy")["restarts"], 1, "the kill alone");
    rig.write("users", "ann:hunter2\nbob:hunter3\n");
    let row = rig.until_state("proxy", "running");
    assert_ne!(row["pid"], first);

    // And once they are mended, nothing is told any more.
    rig.write("users", "");
    rig.eventually("status tells that there are none", |rig| {
        let shown = rig.done(&["status"]);
        shown
            .contains("are empty: expected lines of user:password")
            .then_some(())
    });
    rig.write("users", "bob:hunter3\n");
    rig.eventually("all is well", |rig| {
        let shown = rig.done(&["status"]);
        (!shown.contains("goes on with")).then_some(())
    });
    assert_eq!(rig.until_state("proxy", "running")["pid"], row["pid"]);
    let history = rig.done(&["history"]);
    assert!(!history.contains("hunter"), "{history}");
}
