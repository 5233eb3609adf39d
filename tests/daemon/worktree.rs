//! Two daemons that know nothing of each other, and one checkout.

use crate::rig::Rig;

fn config(tree: &str, launcher: &str, backoff: &str) -> String {
    format!(
        "[workers.builder]\ncommand = \"exec sleep 1000\"\nworktree = \"{tree}\"\n\
         launcher = \"{launcher}\"\nbackoff = {{ first = \"{backoff}\", most = \"{backoff}\" }}\n\
         budget = {{ restarts = 2, window = \"1h\" }}\n"
    )
}

fn the_second_is_kept_out(launcher: &str) {
    let tree = tempfile::tempdir().unwrap();
    let path = tree.path().display().to_string();
    let mut first = Rig::up(&config(&path, launcher, "1ms"));
    first.until_state("builder", "running");
    let pid = first.pid("builder");
    // Also while nobody watches over the first one.
    first.kill_daemon();

    let second = Rig::up(&config(&path, launcher, "1ms"));
    let held = second.until_state("builder", "held");
    let wanted = format!("worktree {path} is held by pid ");
    let reason = held["reason"].as_str().unwrap();
    assert!(reason.contains(&wanted), "{reason}");
    let shown = second.done(&["status"]);
    assert!(shown.contains(&wanted), "{shown}");
    assert_eq!(second.alive(), Vec::<i32>::new());

    first.start();
    assert_eq!(first.pid("builder"), pid);
    first.done(&["stop", "builder"]);
    second.done(&["start", "builder"]);
    second.until_state("builder", "running");
}

#[test]
fn a_second_child_in_a_worktree_is_kept_out() {
    the_second_is_kept_out("process");
}

#[test]
fn a_second_session_in_a_worktree_is_kept_out() {
    the_second_is_kept_out("tmux");
}

#[test]
fn why_a_start_failed_is_shown_while_the_next_one_is_waited_for() {
    let tree = tempfile::tempdir().unwrap();
    let path = tree.path().display().to_string();
    let first = Rig::up(&config(&path, "process", "1h"));
    first.until_state("builder", "running");
    let second = Rig::up(&config(&path, "process", "1h"));
    second.until_state("builder", "backing-off");
    let wanted = format!("worktree {path} is held by pid ");
    let shown = second.done(&["status"]);
    assert!(shown.contains(&wanted), "{shown}");
}
