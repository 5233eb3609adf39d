//! What a played agent that stands still makes of a text or an answer.

use crate::{corpus::shown, stage::Stage};

const PROFILES: [&str; 5] = ["claude", "codex", "aider", "shell", "generic"];

/// The three that take an answer as a line.
const BY_LINE: [&str; 3] = ["aider", "shell", "generic"];

#[test]
fn a_stall_ends_at_a_text() {
    for profile in PROFILES {
        let stage = Stage::plays(profile, "stall; wait", 100);
        stage.step("stall");
        stage.pastes_and_submits("wake up");
        assert_eq!(stage.submitted(1), ["wake up"], "{profile}");
        stage.step("wait");
        stage.shows("waiting");
    }
}

#[test]
fn a_question_ends_at_its_answer() {
    let script = "ask \"Do you want to proceed?\"; wait";
    for profile in PROFILES {
        for columns in [60, 100, 200] {
            let stage = Stage::plays(profile, script, columns);
            stage.shows("asking");
            let by_line = BY_LINE.contains(&profile);
            let key = if by_line { "y" } else { "2" };
            stage.presses(&[key]);
            if by_line {
                stage.presses(&["Enter"]);
                assert_eq!(stage.submitted(1), ["y"]);
            }
            assert_eq!(stage.event("answered")["answer"], key, "{profile}");
            stage.shows("waiting");
        }
    }
}

#[test]
fn a_list_of_choices_hears_no_paste_but_enter() {
    for profile in ["claude", "codex"] {
        let stage = Stage::plays(profile, "ask \"Do you want to proceed?\"; wait", 100);
        stage.shows("asking");
        stage.presses(&["Down"]);
        stage.pastes("3");
        assert_eq!(stage.event("unheard")["pasted"], "3");
        stage.shows("asking");
        stage.presses(&["Enter"]);
        assert_eq!(stage.event("answered")["answer"], "2", "{profile}");
    }
}

#[test]
fn a_limit_meets_every_text_that_comes_too_early() {
    for profile in PROFILES {
        let script = r#"work 100ms; limit "resets 3pm (Europe/Dublin)" for 90s"#;
        let stage = Stage::plays(profile, script, 200);
        let limited = if profile == "aider" {
            "limited"
        } else {
            "limited 2026-11-22T15:00:00Z"
        };
        let first = stage.shows(limited).evidence.unwrap();
        stage.pastes_and_submits("go on");
        assert_eq!(stage.submitted(1), ["go on"], "{profile}");
        let lower = || {
            let sighting = stage.looks();
            let lower = sighting.evidence.as_ref()?.line > first.line;
            (lower && shown(&sighting.seen) == limited).then_some(())
        };
        stage.until("limit below the text", lower);
    }
}

#[test]
fn a_limit_and_an_outage_are_over_with_the_next_text() {
    let limit = r#"limit "resets 3pm (Europe/Dublin)""#;
    for profile in PROFILES {
        for step in [limit, "outage"] {
            let script = format!("work 100ms; {step}; say \"I go on.\"; wait");
            let stage = Stage::plays(profile, &script, 100);
            stage.step(step);
            stage.pastes_and_submits("go on");
            stage.shows("waiting");
            stage.shows_words("I go on.");
        }
    }
}

#[test]
fn the_question_about_a_limit_is_answered_before_a_text_is_taken() {
    let step = r#"limit-menu "resets 3pm (Europe/Dublin)""#;
    let stage = Stage::plays("claude", &format!("{step}; wait"), 100);
    stage.step(step);
    stage.pastes_and_submits("go on");
    // What is pasted there is unheard, and Enter takes the first choice.
    stage.event("unheard");
    assert_eq!(stage.event("answered")["answer"], "1");
    stage.shows("limited 2026-11-22T15:00:00Z");
    stage.shows_typed(None);
    stage.pastes_and_submits("go on");
    assert_eq!(stage.submitted(1), ["go on"]);
}

#[test]
fn after_the_script_everything_is_taken() {
    for profile in PROFILES {
        let stage = Stage::plays(profile, "# nothing", 100);
        stage.event("end");
        for count in 1..=3 {
            stage.pastes_and_submits(&format!("text {count}"));
            stage.submitted(count);
            stage.shows("waiting");
        }
    }
}

#[test]
fn the_status_of_codex_names_its_conversation() {
    let stage = Stage::plays("codex", "wait", 100);
    let id = stage.event("started")["session"].clone();
    stage.pastes_and_submits("/status");
    let named = stage.until("session", || stage.profile.session_on(&stage.screen()));
    assert_eq!(id, named);
    stage.shows("waiting");
}
