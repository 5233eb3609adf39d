//! What keeps attempts there apart.

use std::{fs, process::Command};

use crate::{rig::program, there::There};

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
    there.listen("");
    there.rig.until_state("sleeps", "running");
    let failed = fs::read_to_string(late.join("failed")).unwrap();
    assert_eq!(failed, "its start was cut off\n");
    assert!(
        late.join("go").exists(),
        "whoever comes late finds it taken"
    );
}
