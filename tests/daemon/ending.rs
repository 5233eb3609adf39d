//! The end of a phase waits for clean checkouts.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown},
    process::{Child, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::rig::{Rig, text};

const RIG: &str = r#"
[plan]
quiesce = "10m"
phases = [{ id = "1d", until = { file = "done" } }, { id = "2" }]
[workers.loop]
command = "exec sleep 1000"
launcher = "process"
worktree = "tree"
"#;

/// A rig whose loop runs in a checkout with one commit.
fn up(config: &str) -> Rig {
    let mut rig = Rig::new(config);
    git(&rig, &["init", "--quiet", "-b", "main", "tree"]);
    rig.write("tree/file", "text\n");
    git(&rig, &["-C", "tree", "add", "--all"]);
    git(&rig, &["-C", "tree", "commit", "--quiet", "-m", "begin"]);
    rig.start();
    rig.until_state("loop", "running");
    rig
}

fn git(rig: &Rig, words: &[&str]) {
    let identity = ["-c", "user.name=Loop", "-c", "user.email=loop@localhost"];
    let mut command = Command::new("git");
    command
        .args(identity)
        .args(words)
        .current_dir(rig.path("."));
    assert!(command.status().unwrap().success(), "git {words:?}");
}

fn until_phase(rig: &Rig, wanted: &str) {
    rig.eventually(wanted, |rig| {
        (rig.status()["phase"]["id"] == wanted).then_some(())
    });
}

/// The phase is being wound up, and waits for the loop because of this.
fn until_waits(rig: &Rig, because: &str) {
    rig.eventually(because, |rig| {
        let waits = &rig.status()["phase"]["ending"]["waits_for"][0];
        let said = waits["because"].as_str().unwrap_or_default();
        (waits["worker"] == "loop" && said.contains(because)).then_some(())
    });
}

#[test]
fn a_phase_waits_for_a_clean_checkout_and_the_loop_is_stopped_there() {
    let rig = up(RIG);
    let pid = rig.pid("loop");
    rig.write("tree/new", "half of it");
    rig.write("done", "");
    until_waits(&rig, "1 file is not committed: new");
    let shown = rig.done(&["status"]);
    assert!(
        shown.contains("ENDING: the phase is over since "),
        "{shown}"
    );
    assert!(
        shown.contains("loop (1 file is not committed: new)"),
        "{shown}"
    );
    assert_eq!(rig.pid("loop"), pid);
    assert_eq!(rig.status()["phase"]["id"], "1d");
    git(&rig, &["-C", "tree", "add", "--all"]);
    git(&rig, &["-C", "tree", "commit", "--quiet", "-m", "the rest"]);
    until_phase(&rig, "2");
    rig.until_state("loop", "running");
    assert_ne!(rig.pid("loop"), pid);
    let history = rig.done(&["history"]);
    assert!(
        history.contains("stopping loop: its phase is over"),
        "{history}"
    );
    assert_eq!(rig.status()["phase"].get("ending"), None);
}

#[test]
fn what_has_a_remote_has_to_be_there_as_well() {
    let rig = up(RIG);
    git(&rig, &["init", "--quiet", "--bare", "remote.git"]);
    git(
        &rig,
        &["-C", "tree", "remote", "add", "origin", "../remote.git"],
    );
    rig.write("done", "");
    until_waits(&rig, "1 commit is not pushed: main");
    git(
        &rig,
        &["-C", "tree", "push", "--quiet", "-u", "origin", "main"],
    );
    until_phase(&rig, "2");
}

#[test]
fn when_its_time_is_over_the_plan_goes_on_and_says_who_was_not_ready() {
    let rig = up(&RIG.replace("10m", "1s"));
    rig.write("tree/new", "half of it");
    rig.write("done", "");
    until_phase(&rig, "2");
    let history = rig.done(&["history"]);
    let wanted = "not at a safe point were: loop (1 file is not committed: new)";
    assert!(history.contains(wanted), "{history}");
    assert_eq!(rig.read("tree/new"), "half of it");
}

#[test]
fn what_one_leaves_that_is_killed_or_stopped_meanwhile_is_told() {
    for by_operator in [false, true] {
        let rig = up(RIG);
        let pid = rig.pid("loop");
        rig.write("tree/new", "half of it");
        rig.write("done", "");
        until_waits(&rig, "1 file is not committed: new");
        match by_operator {
            true => drop(rig.done(&["stop", "loop"])),
            false => {
                let pid = i32::try_from(pid).unwrap();
                kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
            }
        }
        until_phase(&rig, "2");
        let history = rig.done(&["history"]);
        let wanted = "not at a safe point were: loop (it has ended: 1 file is not committed: new)";
        assert!(history.contains(wanted), "{history}");
        assert_eq!(rig.read("tree/new"), "half of it");
    }
}

#[test]
fn what_is_half_done_where_nobody_runs_is_told_and_the_plan_goes_on() {
    let rig = up(RIG);
    rig.done(&["stop", "loop"]);
    rig.until_state("loop", "stopped");
    rig.write("tree/new", "half of it");
    rig.write("done", "");
    until_phase(&rig, "2");
    let history = rig.done(&["history"]);
    let wanted = "not at a safe point were: loop (it does not run: 1 file is not committed: new)";
    assert!(history.contains(wanted), "{history}");
    assert_eq!(rig.read("tree/new"), "half of it");
}

#[test]
fn who_ends_a_phase_is_answered_when_it_is_wound_up() {
    let rig = up(RIG);
    let done = rig.done(&["phase", "done"]);
    assert!(
        done.contains("the resume point is phase 2 of 2 (2)"),
        "{done}"
    );
    let history = rig.done(&["history"]);
    assert!(
        history.contains("stopping loop: its phase is over"),
        "{history}"
    );
}

#[test]
fn what_is_no_checkout_has_no_safe_point() {
    let mut rig = Rig::new(RIG);
    fs::create_dir(rig.path("tree")).unwrap();
    rig.write("tree/new", "");
    rig.start();
    rig.until_state("loop", "running");
    rig.write("done", "");
    until_phase(&rig, "2");
}

#[test]
fn what_git_does_not_know_for_a_checkout_any_more_is_at_no_safe_point() {
    let why = "its worktree cannot be looked at: git does not take ";
    let rig = up(RIG);
    // As when the machine loses its power.
    let head = rig.read("tree/.git/HEAD");
    rig.write("tree/.git/HEAD", "");
    rig.write("done", "");
    until_waits(&rig, why);
    rig.write("tree/.git/HEAD", &head);
    until_phase(&rig, "2");
    let rig = up(&RIG.replace("10m", "1s"));
    fs::remove_file(rig.path("tree/.git/HEAD")).unwrap();
    rig.write("done", "");
    until_phase(&rig, "2");
    let history = rig.done(&["history"]);
    let wanted = format!("not at a safe point were: loop ({why}");
    assert!(history.contains(&wanted), "{history}");
}

#[test]
fn a_daemon_that_is_killed_meanwhile_leaves_it_to_the_next() {
    let mut rig = up(RIG);
    let pid = rig.pid("loop");
    rig.write("tree/new", "half of it");
    rig.write("done", "");
    until_waits(&rig, "new");
    rig.kill_daemon();
    rig.start();
    until_waits(&rig, "new");
    assert_eq!(rig.pid("loop"), pid);
    fs::remove_file(rig.path("tree/new")).unwrap();
    until_phase(&rig, "2");
}

/// A person says that the phase is over while something is half-done, and waits.
fn said(rig: &Rig) -> Child {
    rig.write("tree/new", "half of it");
    let mut says = rig.supervisorctl();
    let waits = says.args(["phase", "done"]).stderr(Stdio::piped()).spawn();
    until_waits(rig, "1 file is not committed: new");
    waits.unwrap()
}

fn answer(waits: Child) -> String {
    String::from_utf8(waits.wait_with_output().unwrap().stderr).unwrap()
}

/// Ended by nobody but the operator.
fn by_operator() -> String {
    let rig = RIG.replace(r#", until = { file = "done" }"#, "");
    format!("[rig]\nname = \"r\"\nnotify = {{ command = \"cat >>told\" }}\n{rig}")
}

#[test]
fn what_an_operator_said_outlives_a_daemon_that_is_killed() {
    let mut rig = up(&by_operator());
    let pid = rig.pid("loop");
    let waits = said(&rig);
    let since = rig.status()["phase"]["ending"]["since"].clone();
    rig.kill_daemon();
    let broke = answer(waits);
    assert!(broke.contains("broke"), "{broke}");
    let shown = text(&rig.ctl(&["status"]).stdout);
    let left = "and the next daemon winds it up";
    assert!(
        shown.contains("ENDING: ") && shown.contains(left),
        "{shown}"
    );
    rig.start();
    until_waits(&rig, "1 file is not committed: new");
    assert_eq!(rig.status()["phase"]["ending"]["since"], since);
    assert_eq!(
        (rig.pid("loop"), &rig.status()["phase"]["id"]),
        (pid, &"1d".into())
    );
    fs::remove_file(rig.path("tree/new")).unwrap();
    until_phase(&rig, "2");
    let history = rig.done(&["history"]);
    assert!(
        history.contains("phase 1d is wound up still: "),
        "{history}"
    );
    rig.eventually("notify", |rig| {
        rig.read("told")
            .contains("the resume point is phase 2")
            .then_some(())
    });
    // And that is the end of it.
    rig.done(&["phase", "set", "1d"]);
    rig.kill_daemon();
    rig.start();
    assert_eq!(rig.status()["phase"].get("ending"), None);
    assert_eq!(rig.status()["phase"]["id"], "1d");
}

#[test]
fn a_daemon_that_ends_in_order_says_that_the_next_goes_on() {
    let mut rig = up(&by_operator());
    let waits = said(&rig);
    rig.end_daemon("TERM");
    let answer = answer(waits);
    let wanted = "the supervisor ends before phase 1d does; the next one goes on with it";
    assert!(answer.contains(wanted), "{answer}");
    rig.start();
    until_waits(&rig, "1 file is not committed: new");
    // A plan that has no such phase any more.
    rig.kill_daemon();
    rig.configure(&by_operator().replace("id = \"1d\" }, ", "id = \"0\" }, "));
    rig.start();
    let told = rig.eventually("notify", |rig| {
        let told = rig.read("told");
        told.contains("phase 1d is not wound up any more")
            .then_some(told)
    });
    assert!(told.contains("an operator said that it is over"), "{told}");
}

#[test]
fn what_a_look_leaves_running_is_killed() {
    let rig = up(RIG);
    // Whoever works there says what git runs when it compares a file with what was committed.
    let pid = rig.path("pid").display().to_string();
    let left = format!("setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $! >{pid}; cat");
    git(&rig, &["-C", "tree", "config", "filter.x.clean", &left]);
    rig.write("tree/.git/info/attributes", "file filter=x\n");
    rig.write("tree/file", "text\n");
    rig.write("done", "");
    until_phase(&rig, "2");
    let pid: i32 = rig.read("pid").trim().parse().unwrap();
    rig.eventually("it is gone", |_| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
        stat.map_or(true, |stat| {
            !stat.contains("(sleep)") || stat.contains(") Z ")
        })
        .then_some(())
    });
}

#[test]
fn a_checkout_below_another_users_directory_is_looked_at_as_the_workers_user() {
    /// The user `daemon`, whom every system has.
    const ANOTHER: u32 = 1;
    if !nix::unistd::geteuid().is_root() {
        eprintln!("only root can look as somebody else");
        return;
    }
    let rig = Rig::new("");
    fs::set_permissions(rig.path("."), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(rig.path("above")).unwrap();
    git(&rig, &["init", "--quiet", "above/tree"]);
    let own = Command::new("chown")
        .args(["-R", "nobody", "above/tree"])
        .current_dir(rig.path("."))
        .status();
    assert!(own.unwrap().success());
    chown(rig.path("above"), Some(ANOTHER), None).unwrap();
    let look = |user: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loopkeeperd"));
        let command = command.arg("git-look").args(user).arg("--");
        let done = command.arg(rig.path("above/tree")).output().unwrap();
        String::from_utf8(done.stdout).unwrap()
    };
    let seen = look(&[]);
    assert!(seen.contains("dubious ownership"), "{seen}");
    assert_eq!(look(&["--user=nobody"]), r#"{"Ok":[]}"#);
}
