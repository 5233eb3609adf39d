//! Gates between two played agents in real tmux servers: claimed, verified, sent back and passed, each told once.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};

use crate::{
    nudges::{told, until_told},
    program::program,
    rig::{Rig, text},
};

const RIG: &str = r#"
[rig]
notify = "cat >>notices"

[defaults]
environment = { SCRIPTED_AGENT_SCRIPT = "script" }

[workers.builder]
command = "SCRIPTED_AGENT_LOG=builder.log exec ./claude"
workdir = "."
worktree = "work"
agent = "claude"
watch = { every = "1s", slow = "2h" }
handoff = { to = "adversary", rounds = 2 }

[workers.adversary]
command = "SCRIPTED_AGENT_LOG=adversary.log exec ./claude"
agent = "claude"
watch = { every = "1s", slow = "2h" }
"#;

/// A rig of both, each of which waits for a word.
fn waiting() -> Rig {
    let mut rig = Rig::new(RIG);
    rig.write("script", &"wait\n".repeat(300));
    symlink(program(), rig.path("claude")).unwrap();
    repository(&rig);
    rig.start();
    for worker in ["builder", "adversary"] {
        rig.eventually("first step", |rig| {
            log(rig, worker)
                .iter()
                .any(|line| line["event"] == "step")
                .then_some(())
        });
        rig.eventually("where it asks", |rig| {
            rig.path("state/handoff/workers")
                .join(worker)
                .is_dir()
                .then_some(())
        });
    }
    rig
}

/// The builder's worktree, whose one commit is pushed.
fn repository(rig: &Rig) {
    let remote = rig.path("work.git").display().to_string();
    git(&rig.path("."), &["init", "-q", "--bare", &remote]);
    git(&rig.path("."), &["init", "-q", "-b", "main", "work"]);
    for words in [
        &["config", "user.name", "a loop"][..],
        &["config", "user.email", "loop@example.org"],
        &["remote", "add", "origin", &remote],
    ] {
        git(&rig.path("work"), words);
    }
    commits(rig, "first");
}

fn commits(rig: &Rig, file: &str) {
    let work = rig.path("work");
    fs::write(work.join(file), file).unwrap();
    git(&work, &["add", file]);
    git(&work, &["commit", "-q", "-m", file]);
    git(&work, &["push", "-q", "-u", "origin", "main"]);
}

fn git(at: &Path, words: &[&str]) -> String {
    let done = Command::new("git").args(words).current_dir(at).output();
    let done = done.unwrap();
    assert!(done.status.success(), "{words:?}: {done:?}");
    text(&done.stdout)
}

fn log(rig: &Rig, worker: &str) -> Vec<Value> {
    let log = rig.read(&format!("{worker}.log"));
    let lines = log.lines();
    let lines = lines.filter_map(|line| serde_json::from_str(line).ok());
    lines.collect()
}

/// What was typed to it.
fn submitted(rig: &Rig, worker: &str) -> Vec<String> {
    let lines = log(rig, worker).into_iter();
    lines
        .filter_map(|line| Some(line.get("submitted")?.as_str()?.to_owned()))
        .collect()
}

fn until_submitted(rig: &Rig, worker: &str, count: usize) -> String {
    rig.eventually(&format!("text {count} of {worker}"), |rig| {
        let texts = submitted(rig, worker);
        assert!(texts.len() <= count, "{texts:?}");
        texts.get(count - 1).cloned()
    })
}

/// `supervisorctl` as the agent of this worker has it in its terminal.
fn in_terminal(rig: &Rig, worker: &str) -> Command {
    let environment = fs::read(format!("/proc/{}/environ", rig.pid(worker))).unwrap();
    let mut command = rig.supervisorctl();
    command.arg("handoff");
    for name in [
        "LOOPKEEPER_HANDOFF",
        "LOOPKEEPER_WORKTREE",
        "LOOPKEEPER_WORKER",
    ] {
        let variable = environment.split(|byte| *byte == 0).find_map(|one| {
            let (found, value) = std::str::from_utf8(one).ok()?.split_once('=')?;
            (found == name).then(|| value.to_owned())
        });
        command.envs(variable.map(|value| (name, value)));
    }
    command
}

fn says(rig: &Rig, worker: &str, arguments: &[&str]) -> Output {
    in_terminal(rig, worker).args(arguments).output().unwrap()
}

fn done(rig: &Rig, worker: &str, arguments: &[&str]) -> String {
    let output = says(rig, worker, arguments);
    let errors = text(&output.stderr);
    assert!(
        output.status.success(),
        "{arguments:?}: {errors}\n{}",
        rig.log()
    );
    text(&output.stdout)
}

fn refused(rig: &Rig, worker: &str, code: i32, arguments: &[&str]) -> String {
    let output = says(rig, worker, arguments);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?}: {output:?}"
    );
    text(&output.stderr)
}

fn gate(rig: &Rig) -> Value {
    let list: Value = serde_json::from_str(&rig.done(&["handoff", "list", "--json"])).unwrap();
    list["gates"][0].clone()
}

fn file(rig: &Rig) -> PathBuf {
    rig.path("state/handoff/1d.toml")
}

fn until_all_is_told(rig: &Rig) {
    rig.eventually("all is told", |rig| {
        let written = fs::read_to_string(file(rig)).unwrap();
        written.contains("\ntold = true\n").then_some(())
    });
}

#[test]
fn a_gate_is_claimed_typed_to_the_other_goes_back_and_passes() {
    let rig = waiting();
    let head = git(&rig.path("work"), &["rev-parse", "HEAD"]);
    let at = format!("at commit {} (branch main)", &head[..12]);
    let said = done(&rig, "builder", &["claim", "1d", "-m", "all is green"]);
    assert_eq!(
        said,
        format!("gate 1d is claimed {at}, round 1 of 2; adversary verifies it\n")
    );
    let typed = until_submitted(&rig, "adversary", 1);
    let of = format!(" --round 1 --commit {}", &head[..12]);
    assert_eq!(
        typed,
        format!(
            "builder claims gate 1d {at}, round 1 of 2: all is green\nVerify it, then run: supervisorctl handoff \
             pass 1d{of}, or: supervisorctl handoff back 1d{of} -m WHY"
        )
    );
    let shown = rig.status()["handoffs"].clone();
    assert_eq!(
        (&shown[0]["gate"], &shown[0]["turn"]),
        (&json!("1d"), &json!("adversary"))
    );
    assert!(
        rig.done(&["status"])
            .contains("GATE 1d: claimed by builder, adversary's turn for ")
    );

    rig.write("findings", "no test for an empty file\n");
    let findings = rig.path("findings").display().to_string();
    done(&rig, "adversary", &["back", "1d", "--file", &findings]);
    let typed = until_submitted(&rig, "builder", 1);
    assert!(
        typed.starts_with(
            "Gate 1d is back from adversary, round 1 of 2: no test for an empty file\n"
        ),
        "{typed}"
    );

    // What the other one cannot see is no claim.
    fs::write(rig.path("work/second"), "x").unwrap();
    let said = refused(&rig, "builder", 1, &["claim", "1d"]);
    assert!(
        said.contains("1 file is not committed: second\nhint: commit and push it"),
        "{said}"
    );
    assert_eq!(gate(&rig)["state"], "back");
    commits(&rig, "second");
    assert!(done(&rig, "builder", &["claim", "1d"]).contains("round 2 of 2"));
    until_submitted(&rig, "adversary", 2);
    let said = done(&rig, "adversary", &["pass", "1d"]);
    assert_eq!(said, "gate 1d has passed; builder is told\n");
    assert!(until_submitted(&rig, "builder", 2).starts_with("Gate 1d has passed, says adversary"));

    until_all_is_told(&rig);
    let claimed = told(&rig, "handoff-claimed");
    assert_eq!(claimed.len(), 2, "{claimed:?}");
    assert_eq!(told(&rig, "handoff-passed").len(), 1);
    let listed = rig.done(&["handoff", "list", "1d"]);
    assert!(
        listed.contains("builder claims it (round 1): all is green"),
        "{listed}"
    );
    assert!(rig.status().get("handoffs").is_none());
    let said = refused(&rig, "builder", 1, &["claim", "1d"]);
    assert!(
        said.contains("gate 1d has passed already\nhint: `supervisorctl handoff claim 1d --again`"),
        "{said}"
    );
}

#[test]
fn who_is_not_to_is_told_why_and_after_the_last_round_a_person_is_asked() {
    let rig = waiting();
    let said = refused(&rig, "adversary", 4, &["pass", "1d"]);
    assert!(said.contains("gate 1d does not exist"), "{said}");
    let said = refused(&rig, "adversary", 2, &["back", "1d"]);
    assert!(said.contains("say it with -m WHY"), "{said}");
    let said = refused(&rig, "builder", 2, &["pass", "1d", "-m", "a\u{1b}b"]);
    assert!(said.contains("an escape character"), "{said}");
    for round in 1..=2 {
        done(&rig, "builder", &["claim", "1d"]);
        let said = refused(&rig, "builder", 1, &["pass", "1d"]);
        assert!(
            said.contains("gate 1d is for adversary to verify"),
            "{said}"
        );
        let said = done(&rig, "adversary", &["back", "1d", "-m", "it is wrong"]);
        assert_eq!(said.contains("waits for a person"), round == 2, "{said}");
    }
    let words = until_told(&rig, "handoff-rounds");
    rig.eventually("a person is told", |rig| {
        rig.read("notices").contains(&words).then_some(())
    });
    let shown = rig.done(&["status"]);
    assert!(
        shown.contains("GATE 1d: waits for a person for "),
        "{shown}"
    );
    let found = text(&rig.ctl(&["doctor"]).stdout);
    assert!(found.contains("a person is waited for: 1d\n"), "{found}");
    refused(&rig, "builder", 1, &["claim", "1d"]);
    // For a worker, and as a person.
    rig.refused(1, &["handoff", "claim", "1d", "--as", "builder"]);
    let said = rig.refused(2, &["handoff", "claim", "1d"]);
    assert!(said.contains("say for which one: --as WORKER"), "{said}");
    let said = rig.done(&["handoff", "back", "1d", "-m", "do it as in 1c"]);
    assert!(said.contains("with 2 rounds ahead"), "{said}");
    let said = rig.done(&["handoff", "claim", "1d", "--as", "builder"]);
    assert!(said.contains("round 1 of 2"), "{said}");
    rig.done(&["handoff", "pass", "1d", "--as", "adversary"]);
    rig.done(&["handoff", "drop", "1d"]);
    assert!(!file(&rig).exists());
    assert_eq!(rig.done(&["handoff", "list"]), "no gate is claimed\n");
    rig.refused(4, &["handoff", "list", "1d"]);
    rig.refused(4, &["handoff", "pass", "1d", "--as", "nobody"]);
    // Who was removed, and asks all the same, is answered.
    let mut pass = in_terminal(&rig, "adversary");
    let (others, _) = RIG.split_once("[workers.adversary]").unwrap();
    let claims = "handoff = { to = \"adversary\", rounds = 2 }";
    rig.configure(&others.replace(claims, ""));
    rig.done(&["reload"]);
    let output = pass.args(["pass", "1d"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let why = "worker adversary is not declared any more";
    assert!(text(&output.stderr).contains(why), "{output:?}");
}

#[test]
fn what_is_asked_while_no_daemon_runs_is_done_once_by_the_next_one() {
    let mut rig = waiting();
    done(&rig, "builder", &["claim", "1d"]);
    until_submitted(&rig, "adversary", 1);
    let mut back = in_terminal(&rig, "adversary");
    rig.kill_daemon();
    let output = back.args(["back", "1d", "-m", "no"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(text(&output.stderr).contains("the next daemon does it or refuses it"));
    assert_eq!(gate(&rig)["state"], "claimed", "shown without a daemon");
    let said = rig.refused(2, &["handoff", "claim", "2b"]);
    assert!(said.contains("say for which one: --as WORKER"), "{said}");
    let status = rig.ctl(&["status", "--json"]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["handoffs"][0]["turn"], "adversary");
    rig.start();
    until_submitted(&rig, "builder", 1);
    until_all_is_told(&rig);
    rig.kill_daemon();
    rig.start();
    rig.done(&["inbox", "builder", "send", "the last"]);
    assert_eq!(until_submitted(&rig, "builder", 2), "the last");
}

#[test]
fn a_text_of_an_earlier_step_that_waits_is_taken_out_of_its_inbox() {
    let rig = waiting();
    rig.done(&["stop", "adversary"]);
    done(&rig, "builder", &["claim", "1d"]);
    until_all_is_told(&rig);
    let waits = || {
        let there = fs::read_dir(rig.path("state/inbox/adversary")).unwrap();
        let names = there.map(|one| one.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("handoff-1d-")).count()
    };
    assert_eq!(waits(), 1);
    rig.done(&["handoff", "drop", "1d"]);
    rig.eventually("it is taken away", |_| (waits() == 0).then_some(()));
}

#[test]
fn that_a_gate_is_claimed_already_is_told_before_what_is_not_pushed() {
    let rig = waiting();
    done(&rig, "builder", &["claim", "1d"]);
    fs::write(rig.path("work/new"), "").unwrap();
    let said = refused(&rig, "builder", 1, &["claim", "1d"]);
    let begins = "error: gate 1d is claimed already, and waits for adversary; and worktree ";
    assert!(
        said.starts_with(begins) && said.contains(" is not ready: 1 file is not committed: new\n"),
        "{said}"
    );
    assert!(
        said.contains("hint: `supervisorctl handoff list 1d`"),
        "{said}"
    );
    let said = refused(&rig, "builder", 1, &["claim", "1e"]);
    assert!(said.starts_with("error: worktree "), "{said}");
}

#[test]
fn without_a_daemon_nobody_waits_to_the_end_and_the_request_lies_there() {
    let mut rig = waiting();
    let mut claim = in_terminal(&rig, "builder");
    rig.kill_daemon();
    let output = claim.args(["claim", "1d"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = text(&output.stderr);
    let begins = "error: daemon is not running; the request lies in ";
    assert!(said.starts_with(begins), "{said}");
    rig.start();
    rig.eventually("the next daemon does it", |rig| {
        (gate(rig)["state"] == "claimed").then_some(())
    });
}

#[test]
fn a_file_that_cannot_be_read_is_told_and_left_as_it_is() {
    let mut rig = waiting();
    done(&rig, "builder", &["claim", "1d"]);
    until_all_is_told(&rig);
    rig.kill_daemon();
    fs::write(file(&rig), "gate = ").unwrap();
    rig.start();
    let words = until_told(&rig, "handoff-unreadable");
    assert!(
        words.contains("mend handoff/1d.toml in the state directory"),
        "{words}"
    );
    let said = refused(&rig, "builder", 1, &["claim", "1d"]);
    assert!(
        said.contains("where gate 1d stands cannot be read"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(file(&rig)).unwrap(), "gate = ");
    assert!(rig.status()["degraded"].to_string().contains("gate 1d"));
    assert!(
        rig.done(&["handoff", "list"])
            .starts_with("1d  cannot be read: ")
    );
}

/// Needs another user, whose processes only root can have; nothing of it runs here.
#[test]
fn a_worker_of_another_user_asks_for_itself_alone() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not root: there is no other user");
        return;
    }
    let users = "[workers.builder.systemd]\nUser = \"nobody\"\n";
    let config = RIG.replace("worktree = \"work\"\n", "") + users;
    let mut rig = Rig::new(&config);
    rig.write("script", "wait\nwait\n");
    symlink(program(), rig.path("claude")).unwrap();
    fs::set_permissions(rig.path("."), fs::Permissions::from_mode(0o711)).unwrap();
    rig.start();
    let asks = |worker: &str| rig.path("state/handoff/workers").join(worker);
    rig.eventually("where they ask", |_| {
        (asks("builder").is_dir() && asks("adversary").is_dir()).then_some(())
    });
    let as_nobody = |worker: &str, arguments: &[&str]| {
        let supervisorctl = rig.supervisorctl();
        let copy = rig.path("supervisorctl");
        if !copy.exists() {
            fs::copy(supervisorctl.get_program(), &copy).unwrap();
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
        command.arg(copy).arg("handoff").args(arguments);
        let path = std::env::var_os("PATH").unwrap();
        command
            .env_clear()
            .env("PATH", path)
            .env("LOOPKEEPER_HANDOFF", asks(worker));
        command.current_dir("/").output().unwrap()
    };
    let output = as_nobody("builder", &["claim", "1d", "-m", "it is green"]);
    assert!(
        output.status.success(),
        "{}\n{}",
        text(&output.stderr),
        rig.log()
    );
    assert!(until_submitted(&rig, "adversary", 1).contains(": it is green\n"));
    // It is shown its own gates, and no others.
    let others = fs::read_to_string(file(&rig)).unwrap();
    let others = others.replace("gate = \"1d\"", "gate = \"2b\"");
    let others = others.replace("builder", "judge");
    fs::write(rig.path("state/handoff/2b.toml"), others).unwrap();
    let listed = as_nobody("builder", &["list"]);
    let shown = text(&listed.stdout);
    assert!(
        shown.starts_with("1d  claimed by builder, adversary's turn") && !shown.contains("2b"),
        "{listed:?}\n{}",
        rig.log()
    );
    let listed = as_nobody("builder", &["list", "1d"]);
    let line = "builder claims it (round 1): it is green";
    assert!(text(&listed.stdout).contains(line), "{listed:?}");
    let listed = as_nobody("builder", &["list", "2b"]);
    assert_eq!(listed.status.code(), Some(4), "{listed:?}");
    assert!(text(&listed.stderr).contains("you have not claimed it"));
    assert_eq!(fs::read_dir(asks("builder")).unwrap().count(), 0);
    let listed = as_nobody("adversary", &["list"]);
    assert!(text(&listed.stderr).contains("you may not ask there"));
    // Nor does it get into the other one's place.
    let output = as_nobody("adversary", &["pass", "1d"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("you may not ask there"));
    // What it leads elsewhere is not followed.
    symlink("/etc/shadow", asks("builder").join("1.ask")).unwrap();
    let answer = asks("builder").join("1.answer");
    let said = rig.eventually("refused", |_| fs::read_to_string(&answer).ok());
    assert!(said.contains("it is a symbolic link"), "{said}");
    assert_eq!(gate(&rig)["state"], "claimed");
}

/// Each life of the daemon dies one point later, until one comes so far that all is done.
#[cfg(feature = "fault-points")]
#[test]
fn whatever_a_daemon_is_killed_at_each_step_is_done_once_and_typed_at_most_once() {
    let mut rig = waiting();
    rig.kill_daemon();
    let mut lives = 0;
    for number in 0..400 {
        let name = format!("g{number}");
        rig.write("faults", &format!("{number}\n"));
        let faults = rig.path("faults");
        // Left there as by a loop that does not wait for its answer.
        let ask = json!({"gate": name, "step": {"claim": {}}, "note": format!("note {number}")});
        let place = rig.path("state/handoff/workers/builder");
        fs::write(place.join(format!("{number:04}.ask")), ask.to_string()).unwrap();
        rig.start_with(|command| {
            command.env("LOOPKEEPER_FAULTS", &faults);
        });
        let is_told = |rig: &Rig| {
            rig.read(&format!("state/handoff/{name}.toml")).contains(
                "
told = true
",
            )
        };
        let answered = |_: &Rig| !place.join(format!("{number:04}.ask")).exists();
        let died = rig.eventually("it dies, or is done", |rig| {
            let daemon = rig.daemon.as_ref().unwrap();
            let stat = fs::read_to_string(format!("/proc/{}/stat", daemon.pid())).unwrap();
            let state = stat.rsplit(')').next().unwrap().trim_start();
            let dead = state.starts_with('Z');
            (dead || (is_told(rig) && answered(rig))).then_some(dead)
        });
        rig.kill_daemon();
        rig.start();
        rig.eventually("it is told, and answered", |rig| {
            (is_told(rig) && answered(rig)).then_some(())
        });
        let inbox: Value =
            serde_json::from_str(&rig.done(&["inbox", "adversary", "list", "--json"])).unwrap();
        let waits = inbox["queued"].as_array().unwrap().iter();
        let put_away = inbox["failed"].as_array().unwrap().iter();
        let mut names: Vec<_> = waits
            .chain(put_away)
            .map(|one| one["name"].to_string())
            .collect();
        let delivered = rig.path("state/inbox/adversary/delivered");
        let delivered = fs::read_dir(delivered).unwrap().flatten();
        names.extend(delivered.map(|one| one.file_name().into_string().unwrap()));
        let of_it = names
            .iter()
            .filter(|one| one.contains(&format!("handoff-{name}-")));
        assert_eq!(of_it.count(), 1, "{names:?}");
        let typed = submitted(&rig, "adversary");
        let typed = typed
            .iter()
            .filter(|one| one.contains(&format!("gate {name},")));
        assert!(typed.count() <= 1);
        rig.end_daemon("TERM");
        if !died {
            lives = number;
            break;
        }
    }
    let log = rig.read("faults.log");
    eprintln!("{lives} lives\n{log}");
    for point in [
        "before WriteHandoff",
        "before AnswerAsk",
        "before TellHandoff",
        "before the text is in its inbox",
        "after the text is in its inbox",
        "after the answer",
    ] {
        assert!(log.contains(point), "nothing died {point}: {log}");
    }
}
