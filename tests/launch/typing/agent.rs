//! Into a program that draws an input line as an agent does: what is proved, and what is not.

use std::fs;

use loopkeeper::{
    agent::{profile::Profile, typed::By},
    launch::typing::{Extent, Typed, TypingError},
};

use super::{HOSTILE, Stage, profile, text};
use crate::alone::alone;

#[test]
fn an_agent_takes_a_text_and_that_is_proved() {
    alone(
        "typing::agent::an_agent_takes_a_text_and_that_is_proved",
        || async {
            let mut stage = Stage::drawn("takes").await;
            for text in ["go on", &HOSTILE.join("\n"), "a\tb", &"z".repeat(10_000)] {
                let taken = stage.type_as(&profile("claude"), text).await;
                assert_eq!(taken.unwrap(), Typed::Taken(By::Transcript));
                assert_eq!(stage.given().last().unwrap(), text);
            }
            assert_eq!(stage.given().len(), 4);
            assert_eq!(fs::read_to_string(stage.file("presses")).unwrap(), "4");
        },
    );
}

#[test]
fn a_long_paste_is_known_by_its_mark() {
    alone(
        "typing::agent::a_long_paste_is_known_by_its_mark",
        || async {
            let mut stage = Stage::drawn("marks").await;
            let text = "first\nsecond\nthird\nfourth";
            let taken = stage.type_as(&profile("claude"), text).await;
            assert_eq!(taken.unwrap(), Typed::Taken(By::Transcript));
            assert_eq!(stage.given(), [text]);
        },
    );
}

#[test]
fn where_enter_is_swallowed_it_is_pressed_again_and_the_text_is_taken_once() {
    alone(
        "typing::agent::where_enter_is_swallowed_it_is_pressed_again_and_the_text_is_taken_once",
        || async {
            let mut stage = Stage::drawn("swallows").await;
            let taken = stage.type_as(&profile("claude"), "go on\nnow").await;
            assert_eq!(taken.unwrap(), Typed::Taken(By::Transcript));
            assert_eq!(stage.given(), ["go on\nnow"]);
            assert_eq!(fs::read_to_string(stage.file("presses")).unwrap(), "2");
        },
    );
}

#[test]
fn where_enter_is_ignored_the_text_is_said_to_be_left_and_the_next_try_types_it_no_more() {
    alone(
        "typing::agent::where_enter_is_ignored_the_text_is_said_to_be_left_and_the_next_try_types_it_no_more",
        || async {
            let mut stage = Stage::drawn("ignores").await;
            for _ in 0..2 {
                let left = stage
                    .type_as(&profile("claude"), "go on")
                    .await
                    .unwrap_err();
                assert_eq!(
                    left.to_string(),
                    "text is left on the input line, after 4 presses of Enter"
                );
                assert_eq!(left.extent(), Extent::Submitted);
                assert!(left.screen().unwrap().contains("❯ go on\n"), "{left:?}");
                assert!(stage.given().is_empty());
            }
            let refused = stage.type_as(&profile("claude"), "something else").await;
            let refused = refused.unwrap_err().to_string();
            assert_eq!(
                refused,
                "nothing was typed: text stands on its input line, and is not sent"
            );
        },
    );
}

#[test]
fn what_is_not_seen_is_not_submitted() {
    alone(
        "typing::agent::what_is_not_seen_is_not_submitted",
        || async {
            let mut stage = Stage::drawn("silent").await;
            let unseen = stage
                .type_as(&profile("claude"), "go on")
                .await
                .unwrap_err();
            assert!(matches!(unseen, TypingError::Unseen { .. }), "{unseen}");
            assert!(unseen.screen().unwrap().contains("⏺ Ready."));
            assert!(!stage.file("presses").exists());
        },
    );
}

#[test]
fn a_tmux_that_hangs_is_an_error_in_words() {
    alone(
        "typing::agent::a_tmux_that_hangs_is_an_error_in_words",
        || async {
            let mut stage = Stage::drawn("takes").await;
            let start = stage.world.directory(&stage.attempt).start().unwrap();
            let server = nix::unistd::Pid::from_raw(start.pane.unwrap().server.pid);
            nix::sys::signal::kill(server, nix::sys::signal::SIGSTOP).unwrap();
            let text = text("go on");
            let typed = stage.world.local.type_into(stage.attempt.clone(), text);
            let error = typed.await.unwrap_err();
            nix::sys::signal::kill(server, nix::sys::signal::SIGCONT).unwrap();
            assert_eq!(error.extent(), Extent::Nothing);
            let words = error.to_string();
            assert!(words.contains("did not answer within 5 s"), "{words}");
            assert!(words.ends_with("; nothing was typed"), "{words}");
            assert!(!stage.screen().contains("go on"));
        },
    );
}

#[test]
fn two_texts_at_once_are_typed_one_after_the_other() {
    alone(
        "typing::agent::two_texts_at_once_are_typed_one_after_the_other",
        || async {
            let mut stage = Stage::drawn("takes").await;
            let first = stage
                .world
                .local
                .type_into(stage.attempt.clone(), text("first"));
            let second = stage
                .world
                .local
                .type_into(stage.attempt.clone(), text("second"));
            let (first, second) = tokio::join!(first, second);
            assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
            let mut given = stage.given();
            given.sort();
            assert_eq!(given, ["first", "second"]);
        },
    );
}

#[test]
fn escape_comes_before_the_text_where_the_profile_says_so() {
    alone(
        "typing::agent::escape_comes_before_the_text_where_the_profile_says_so",
        || async {
            let mut stage = Stage::drawn("takes").await;
            let escapes = "extends = \"claude\"\n[typing]\nescape = true\n";
            let escapes = Profile::read("escapes", escapes).unwrap();
            let taken = stage.type_as(&escapes, "go\non").await;
            assert_eq!(taken.unwrap(), Typed::Taken(By::Transcript));
            assert_eq!(stage.given(), ["go\non"]);
            let pressed = fs::read_to_string(stage.file("escapes")).unwrap();
            assert_eq!(pressed, "x");
        },
    );
}

#[test]
fn nothing_is_left_with_a_tmux_that_hangs_before_it_pastes() {
    alone(
        "typing::agent::nothing_is_left_with_a_tmux_that_hangs_before_it_pastes",
        || async {
            let mut stage = Stage::drawn("takes").await;
            stage.world.make_gate();
            let gate = stage.file("gate");
            let hang = format!("run-shell 'read -r _ <{}'", gate.display());
            stage.tmux(&["set-hook", "-g", "after-load-buffer", &hang]);
            let error = stage
                .type_as(&profile("claude"), "go on")
                .await
                .unwrap_err();
            assert_eq!(error.extent(), Extent::Typed);
            let words = error.to_string();
            assert!(words.contains("did not answer within 5 s"), "{words}");
            stage.world.open_gate().await;
            stage.tmux(&["set-hook", "-gu", "after-load-buffer"]);
            let taken = stage.type_as(&profile("claude"), "again").await;
            assert_eq!(taken.unwrap(), Typed::Taken(By::Transcript));
            assert_eq!(stage.given(), ["again"]);
        },
    );
}
