//! A played agent as a process: its name, its arguments, its child and its screen.

use std::{fs, process::Command};

use crate::stage::Stage;

/// Seconds of a processor that a process has used, in hundredths.
fn used(process: u64) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields = stat.rsplit_once(") ").unwrap().1.split(' ');
    let fields: Vec<&str> = fields.collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// A process that is over may still be known, as a zombie.
fn lives(process: u64) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn a_child_uses_a_processor_while_the_screen_says_nothing_new() {
    let stage = Stage::plays("claude", "child 90s", 100);
    let child = stage.event("child")["pid"].as_u64().unwrap();
    stage.step("child 90s");
    let last = stage.other_picture(&stage.picture());
    let (first, begun) = (stage.fingerprint(), used(child));
    stage.until("used processor", || {
        (used(child) > begun + 30).then_some(())
    });
    stage.other_picture(&last);
    assert_eq!(stage.fingerprint(), first);
}

/// Not even of one that is killed, below a shell that lives on: nothing hangs up there.
#[test]
fn a_child_does_not_outlive_its_parent() {
    let stage = Stage::plays_below_a_shell("claude", "child 90s", 100);
    let child = stage.event("child")["pid"].as_u64().unwrap();
    let agent = stage.event("started")["pid"].to_string();
    assert!(lives(child));
    let killed = Command::new("kill").args(["-KILL", &agent]).status();
    assert!(killed.unwrap().success());
    stage.until("end of the child", || (!lives(child)).then_some(()));
}

#[test]
fn a_turn_goes_on_when_the_child_is_over() {
    let stage = Stage::plays("codex", "child 300ms; wait", 100);
    stage.step("wait");
    stage.shows("waiting");
}

#[test]
fn the_arguments_of_an_agent_are_logged() {
    let id = "5f0c7a52-6d0c-4a8c-8a7e-0d6a6e1c9d11";
    let calls: [(&str, &[&str], bool); 5] = [
        ("claude", &["--session-id", id], false),
        ("claude", &["--resume", id], true),
        ("codex", &["resume", id], true),
        ("aider", &["--restore-chat-history"], true),
        ("generic", &[], false),
    ];
    for (profile, arguments, resumed) in calls {
        let script = "work 90s; resumed; wait";
        let stage = Stage::plays_with(profile, script, 100, &[], arguments);
        let started = stage.event("started");
        assert_eq!(started["profile"], profile);
        let logged = started["arguments"].as_array().unwrap().clone();
        assert_eq!(logged, arguments, "{profile}");
        assert_eq!(started["resumed"], resumed, "{profile}");
        if arguments.contains(&id) {
            assert_eq!(started["session"], id, "{profile}");
        }
        // Each start has its part of the script.
        stage.step(if resumed { "wait" } else { "work 90s" });
    }
}

#[test]
fn a_program_of_an_agents_name_is_that_agent() {
    let stage = Stage::plays_as("claude", "child 90s", 100);
    stage.shows("busy");
    let process = stage.knows("#{pane_current_command}");
    assert!(stage.profile.is_program(&process), "{process}");
}

#[test]
fn the_alternate_screen_is_left_at_the_end() {
    let script = "work 100ms; ask \"Do you want to proceed?\"; crash";
    let mut stage = Stage::plays_with("claude", script, 100, &["--alternate"], &[]);
    stage.shows("asking");
    assert_eq!(stage.knows("#{alternate_on}"), "1");
    stage.resizes(60);
    stage.shows("asking");
    stage.presses(&["Enter"]);
    stage.shows("crashed");
    assert_eq!(stage.knows("#{alternate_on}"), "0");
}

#[test]
fn what_scrolled_away_is_in_the_history_of_the_terminal() {
    let stage = Stage::plays("claude", "work 90s", 100);
    stage.until("long transcript", || {
        stage.picture().contains("part_20.rs").then_some(())
    });
    let output = stage.tmux(&["capture-pane", "-p", "-S", "-"]);
    let all = String::from_utf8(output.stdout).unwrap();
    for part in 1..=20 {
        let name = format!("Read(src/part_{part}.rs)");
        assert_eq!(all.matches(&name).count(), 1, "{name}:\n{all}");
    }
    assert_eq!(all.matches("Transfiguring").count(), 1, "{all}");
}

/// Not as tmux has wrapped it: every rule reaches from edge to edge again, and none is left over.
#[test]
fn a_changed_window_is_drawn_anew() {
    let mut stage = Stage::plays("claude", "work 100ms; wait", 100);
    stage.shows("waiting");
    for columns in [60, 200, 100, 61] {
        stage.resizes(columns);
        let rule = "─".repeat(columns.into());
        stage.until("three rules", || {
            let output = stage.tmux(&["capture-pane", "-p"]);
            let text = String::from_utf8(output.stdout).unwrap();
            let drawn = |line: &&str| !line.is_empty() && line.chars().all(|c| c == '─');
            let rules: Vec<&str> = text.lines().filter(drawn).collect();
            (rules == [&*rule; 3]).then_some(())
        });
    }
}
