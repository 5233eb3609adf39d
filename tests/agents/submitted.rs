//! What is typed and pasted to a played agent, and what becomes of it.

use std::{fs, process::Command};

use crate::{program::program, stage::Stage};

const PROFILES: [&str; 5] = ["claude", "codex", "aider", "shell", "generic"];

#[test]
fn a_pasted_text_is_submitted_to_the_byte_and_only_by_enter() {
    let long = "0123456789".repeat(1000);
    let texts = [
        "go on with phase 2b",
        "one\ntwo\n\n  indented, and the end\n",
        "'single' \"double\" `back` $HOME \\n !! #no comment; no end",
        "grüße, 日本語, 👩‍👩‍👧, e\u{301}, \u{a0}no break",
        "\tone tab\tand another\t",
        &long,
    ];
    for profile in PROFILES {
        let script = vec!["wait"; texts.len()].join("\n");
        let stage = Stage::plays(profile, &script, 100);
        stage.event("step");
        for (count, text) in texts.iter().enumerate() {
            stage.pastes(text);
            stage.events("pasted", count + 1);
            assert_eq!(stage.submitted_now().len(), count, "{profile}: {text}");
            stage.presses(&["Enter"]);
            assert_eq!(
                stage.submitted(count + 1).last().unwrap(),
                text,
                "{profile}"
            );
            // The next paste is for the next step.
            stage.events("done", count + 1);
        }
    }
}

/// As tmux sends it with -r, where line feeds stay what they are.
#[test]
fn a_paste_with_line_feeds_is_the_same() {
    let stage = Stage::plays("claude", "wait", 100);
    stage.event("step");
    fs::write(stage.file("pasted"), "one\ntwo").unwrap();
    stage.tmux(&["load-buffer", stage.file("pasted").to_str().unwrap()]);
    stage.tmux(&["paste-buffer", "-p", "-r"]);
    stage.presses(&["Enter"]);
    assert_eq!(stage.submitted(1), ["one\ntwo"]);
}

#[test]
fn an_unsent_text_is_seen_at_any_width_also_in_two_lines() {
    for profile in PROFILES {
        for columns in [60, 100, 200] {
            let mut stage = Stage::plays(profile, "wait", columns);
            stage.event("step");
            stage.pastes("look at issue 12");
            stage.shows_typed(Some("look at issue 12"));
            stage.resizes(columns - 20);
            stage.shows_typed(Some("look at issue 12"));
            // Aider and a shell show the second line where their profiles know nothing of it.
            if ["claude", "codex"].contains(&profile) {
                stage.pastes(", and\nat 13");
                stage.shows_typed(Some("look at issue 12, and\nat 13"));
            }
        }
    }
}

#[test]
fn long_pastes_are_folded_where_the_agent_folds_them() {
    let lines = "one\ntwo\nthree\nfour";
    let long = "0123456789".repeat(101);
    let claude = Stage::plays("claude", "wait; wait", 100);
    claude.event("step");
    claude.pastes(lines);
    claude.shows_typed(Some("[Pasted text #1 +3 lines]"));
    claude.pastes(&long);
    claude.shows_typed(Some("[Pasted text #1 +3 lines][Pasted text #2]"));
    claude.presses(&["Enter"]);
    assert_eq!(claude.submitted(1), [format!("{lines}{long}")]);

    let codex = Stage::plays("codex", "wait", 100);
    codex.event("step");
    codex.pastes(&long);
    codex.shows_typed(Some("[Pasted Content 1010 chars]"));
    codex.presses(&["Enter"]);
    assert_eq!(codex.submitted(1), [long]);
}

#[test]
fn keys_are_typed_and_unknown_ones_are_ignored() {
    for profile in PROFILES {
        let stage = Stage::plays(profile, "wait; wait", 100);
        stage.event("step");
        stage.presses(&["F5", "Tab", "PageUp", "M-x", "C-x", "Home", "BTab"]);
        stage.presses(&["-l", "go om"]);
        stage.presses(&["BSpace", "n", "Space", "-l", "é"]);
        stage.presses(&["Enter"]);
        assert_eq!(stage.submitted(1), ["go on -lé"], "{profile}");
        stage.presses(&["-l", "away"]);
        stage.shows_typed(Some("away"));
        stage.presses(&["Escape"]);
        stage.shows_typed(None);
        stage.presses(&["-l", "here"]);
        stage.presses(&["Enter"]);
        assert_eq!(stage.submitted(2)[1], "here", "{profile}");
    }
}

#[test]
fn an_ignored_enter_leaves_the_text_unsent() {
    for profile in PROFILES {
        let stage = Stage::plays(profile, "ignore 2; wait; wait", 100);
        stage.step("wait");
        stage.pastes("go on");
        for count in 1..=2 {
            stage.presses(&["Enter"]);
            stage.events("ignored", count);
            stage.shows_typed(Some("go on"));
            assert_eq!(stage.submitted_now().len(), 0, "{profile}");
        }
        stage.presses(&["Enter"]);
        assert_eq!(stage.submitted(1), ["go on"], "{profile}");
        stage.shows_typed(None);
    }
}

#[test]
fn a_lost_paste_does_not_arrive() {
    for profile in PROFILES {
        let stage = Stage::plays(profile, "lose 1; wait", 100);
        stage.step("wait");
        stage.pastes_and_submits("lost");
        assert_eq!(stage.event("lost")["pasted"], "lost");
        stage.shows_typed(None);
        stage.pastes_and_submits("found");
        assert_eq!(stage.submitted(1), ["found"], "{profile}");
    }
}

#[test]
fn a_text_that_comes_during_a_turn_is_submitted_after_it() {
    for profile in PROFILES {
        let stage = Stage::plays(profile, "work 2s; wait; wait", 100);
        stage.step("work 2s");
        stage.pastes_and_submits("and issue 12");
        assert_eq!(stage.event("queued")["text"], "and issue 12");
        assert_eq!(stage.submitted_now().len(), 0, "{profile}");
        assert_eq!(stage.submitted(1), ["and issue 12"]);
        let log = stage.log();
        let place = |key: &str, value: &str| log.iter().position(|line| line[key] == value);
        assert!(place("submitted", "and issue 12") > place("step", "work 2s"));
        stage.shows("waiting");
        stage.shows_words("and issue 12");
    }
}

#[test]
fn escape_takes_a_queued_text_back_to_the_input_line() {
    let stage = Stage::plays("claude", "work 90s", 100);
    stage.pastes_and_submits("and issue 12");
    stage.event("queued");
    stage.shows_words("ress up to edit queued messages");
    stage.shows("busy");
    stage.shows_typed(None);
    stage.presses(&["Escape"]);
    stage.event("unqueued");
    stage.shows_typed(Some("and issue 12"));
    stage.presses(&["Escape"]);
    stage.shows_typed(None);
    assert_eq!(stage.submitted_now().len(), 0);
}

#[test]
fn a_mistake_in_a_script_is_told() {
    let mistakes = [
        (
            "claude",
            "dance",
            "step 'dance' is none, nor is there a file of that name",
        ),
        (
            "claude",
            "work long",
            "step 'work long' has 'long' for a time, which is one like 5s or 200ms",
        ),
        (
            "claude",
            "ignore -1",
            "step 'ignore -1' has '-1' for a number",
        ),
        (
            "claude",
            "say \"on",
            "step 'say \"on' has a quote without its end",
        ),
        (
            "codex",
            "limit-menu soon",
            "step 'limit-menu soon' is nothing that this agent asks; take limit",
        ),
    ];
    for (profile, script, words) in mistakes {
        let told = Command::new(program())
            .args(["--profile", profile, "--script", script])
            .output()
            .unwrap();
        assert_eq!(told.status.code(), Some(2));
        let words = format!("scripted-agent: {words}\n");
        assert_eq!(String::from_utf8(told.stderr).unwrap(), words);
    }
}
