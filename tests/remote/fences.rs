//! What keeps attempts there apart.

use std::{fs, process::Command};

use crate::{mount::can_mount, rig::program, there::There};

const SLEEPS: &str = "[workers.sleeps]\nkind = \"service\"\non = \"gpu\"\n\
    backoff = { first = \"100ms\", most = \"200ms\" }\ncommand = [\"sleep\", \"1000\"]\n";

#[test]
fn nothing_is_begun_beside_one_of_which_nobody_knows() {
    let mut there = There::up(SLEEPS);
    there.rig.until_state("sleeps", "running");
    let pid = there.rig.pid("sleeps");
    let name = there.attempts("sleeps").pop().unwrap();
    there.rig.kill_daemon();
    // All that was known here is lost.
    fs::remove_dir_all(there.path("state")).unwrap();
    there.rig.start();
    let words = "another attempt of it runs there: loopkeeper-far-sleeps";
    there.rig.until_logged(words);
    there.rig.until_logged(&format!(
        "host gpu: there are attempts of rig far that nobody here has a record of: sleeps ({name})"
    ));
    let sleeping = crate::there::with_environment(&format!("LOOPKEEPER_ATTEMPT={name}"));
    assert_eq!(sleeping, [i32::try_from(pid).unwrap()]);
}

#[test]
fn a_worktree_there_is_held_by_one_alone() {
    let tree = tempfile::tempdir().unwrap();
    let mut holder = Command::new(program("flock"))
        .arg(tree.path())
        .args(["sh", "-c", "echo; read -r line"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = [0];
    std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut line).unwrap();
    let config = format!("{SLEEPS}worktree = \"{}\"\n", tree.path().display());
    let there = There::up(&config);
    there.rig.until_logged(&format!(
        "worktree {} is held by another attempt",
        tree.path().display()
    ));
    drop(holder.stdin.take());
    holder.wait().unwrap();
    there.rig.until_state("sleeps", "running");
    let held = Command::new(program("flock"))
        .arg("-n")
        .arg(tree.path())
        .arg("true")
        .status();
    assert_eq!(held.unwrap().code(), Some(1), "the attempt has it");
}

#[test]
fn one_that_was_never_seen_to_begin_never_will() {
    let there = There::up(SLEEPS);
    there.rig.until_state("sleeps", "running");
    // What a start that was cut off leaves, however far it came.
    let rig = there.path("there/rigs/far/sleeps");
    let begun = there.attempt("sleeps");
    let late = rig.join("20261121T004319Z-7f3a9c01");
    fs::create_dir_all(&late).unwrap();
    fs::copy(begun.join("run"), late.join("run")).unwrap();
    let here = there.path("state/attempts/sleeps/20261121T004319Z-7f3a9c01");
    fs::create_dir(&here).unwrap();
    let spec = begun.file_name().unwrap().to_str().unwrap();
    let spec = there.path(&format!("state/attempts/sleeps/{spec}/spec.json"));
    fs::copy(spec, here.join("spec.json")).unwrap();
    let mut there = there;
    there.cut();
    there.rig.until_state("sleeps", "lost");
    there.listen();
    there.rig.until_state("sleeps", "running");
    let failed = fs::read_to_string(late.join("failed")).unwrap();
    assert_eq!(failed, "its start was cut off\n");
    assert!(
        late.join("go").exists(),
        "whoever comes late finds it taken"
    );
}

#[test]
fn another_machine_of_the_same_name_is_not_asked_for_what_runs_on_the_first() {
    if !can_mount(
        "fences::another_machine_of_the_same_name_is_not_asked_for_what_runs_on_the_first",
    ) {
        return;
    }
    let mut there = There::up(SLEEPS);
    there.rig.until_state("sleeps", "running");
    let pid = there.rig.pid("sleeps");
    there.cut();
    there.rig.until_state("sleeps", "lost");
    there
        .rig
        .write("machine-id", "0123456789abcdef0123456789abcdef\n");
    there.listen_with(&[("machine-id", "/etc/machine-id")]);
    there.rig.eventually("why it is lost", |rig| {
        let row = rig.worker("sleeps");
        let why = row["verdict"]["evidence"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let other = "host gpu is another machine than the one on which it was started: ";
        (row["state"] == "lost" && why.starts_with(other)).then_some(())
    });
    there.cut();
    there.listen();
    there.rig.until_state("sleeps", "running");
    assert_eq!(there.rig.pid("sleeps"), pid);
}

#[test]
fn what_runs_is_followed_though_its_host_is_declared_anew() {
    let there = There::up(SLEEPS);
    there.rig.until_state("sleeps", "running");
    let pid = there.rig.pid("sleeps");
    // The directory of the records is another one, and then the one before, reached in another way.
    let before = there.configuration("", SLEEPS);
    let place = format!("path = \"{}\"", there.path("there").display());
    there
        .rig
        .configure(&before.replace(&place, "path = \"elsewhere\""));
    there.rig.done(&["reload"]);
    there.rig.eventually("why it is lost", |rig| {
        let row = rig.worker("sleeps");
        let why = row["verdict"]["evidence"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let words = "it was started on host gpu, which is not declared as it was then: ";
        (row["state"] == "lost" && why.starts_with(words)).then_some(())
    });
    let other = there.path("other");
    fs::copy(there.path("user"), &other).unwrap();
    let identity = there.path("user").display().to_string();
    there
        .rig
        .configure(&before.replace(&identity, &other.display().to_string()));
    there.rig.done(&["reload"]);
    there.rig.until_state("sleeps", "running");
    assert_eq!(there.rig.pid("sleeps"), pid);
    crate::there::kill(i32::try_from(pid).unwrap());
    let row = there.rig.eventually("its end is told", |rig| {
        let row = rig.worker("sleeps");
        (!row["last_exit"].is_null()).then_some(row)
    });
    assert_eq!(row["last_exit"].to_string(), r#"{"signal":"SIGKILL"}"#);
}

#[test]
fn nobody_is_signalled_who_has_the_pid_of_a_pane_that_is_gone() {
    let there = There::up(SLEEPS);
    there.rig.until_state("sleeps", "running");
    let mut stranger = Command::new(program("setsid"))
        .args(["sh", "-c", "sleep 1000 & echo $!; wait"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = String::new();
    let said = stranger.stdout.as_mut().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(said), &mut child).unwrap();
    // As if the kernel had given it away again.
    let start = there.attempt("sleeps").join("start");
    let text = fs::read_to_string(&start).unwrap();
    let mut words: Vec<&str> = text.trim().split(' ').collect();
    let pid = stranger.id().to_string();
    words[2] = &pid;
    fs::write(&start, format!("{}\n", words.join(" "))).unwrap();
    there.rig.done(&["stop", "sleeps"]);
    assert_eq!(there.rig.worker("sleeps")["state"], "stopped");
    for pid in [pid.as_str(), child.trim()] {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        assert!(!stat.contains(") Z "), "{stat}");
    }
    crate::there::kill(child.trim().parse().unwrap());
    stranger.wait().unwrap();
}
