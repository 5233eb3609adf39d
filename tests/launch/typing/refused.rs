//! What is not typed, and where nothing is.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use loopkeeper::{
    agent::typed::{By, Permission, Refusal},
    launch::typing::{Text, Typed, TypingError},
    model::LauncherKind,
};

use super::{Stage, profile, reads_lines, text};
use crate::{
    alone::alone,
    world::{World, until},
};

#[test]
fn many_lines_are_not_typed_where_each_would_submit() {
    alone(
        "typing::refused::many_lines_are_not_typed_where_each_would_submit",
        || async {
            let mut stage = Stage::drawn("plain").await;
            for text in ["a\nb", "a\tb"] {
                let refused = stage.refuses(&profile("claude"), text).await;
                assert_eq!(refused, Refusal::Unbracketed);
            }
            let taken = stage.type_as(&profile("claude"), "one line").await;
            assert_eq!(taken.unwrap(), Typed::Taken(By::Transcript));
            assert_eq!(stage.given(), ["one line"]);
        },
    );
}

#[test]
fn a_line_that_the_kernel_would_cut_is_refused() {
    alone(
        "typing::refused::a_line_that_the_kernel_would_cut_is_refused",
        || async {
            let mut stage = Stage::script("echo ready; exec cat >arrived").await;
            stage.shows("ready").await;
            let refused = stage.refuses(&reads_lines(), &"x".repeat(4096)).await;
            assert!(matches!(refused, Refusal::LongLine { .. }), "{refused}");
        },
    );
}

#[test]
fn keys_are_refused_as_text() {
    alone("typing::refused::keys_are_refused_as_text", || async {
        let mut stage = Stage::drawn("takes").await;
        for bad in ["a\x1b[201~\rb", "\x03", "a\rb", "a\0", ""] {
            let unfit = stage.type_as(&profile("claude"), bad).await.unwrap_err();
            assert!(matches!(unfit, TypingError::Unfit(_)), "{unfit}");
        }
        assert!(!stage.file("presses").exists());
        assert!(stage.screen().contains("❯\n"), "{}", stage.screen());
    });
}

#[test]
fn another_program_in_the_foreground_is_not_typed_to() {
    alone(
        "typing::refused::another_program_in_the_foreground_is_not_typed_to",
        || async {
            is_not_typed_to("exec vim -u NONE -N -n edited", "claude").await;
        },
    );
}

#[test]
fn what_a_script_has_called_in_its_own_process_group_is_not_taken_for_it() {
    alone(
        "typing::refused::what_a_script_has_called_in_its_own_process_group_is_not_taken_for_it",
        || async {
            is_not_typed_to("vim -u NONE -N -n edited; exit 1", "shell").await;
        },
    );
}

async fn is_not_typed_to(script: &str, profile_of: &str) {
    let mut stage = Stage::script(script).await;
    stage.shows("edited").await;
    let before = stage.screen();
    let refused = stage.refuses(&profile(profile_of), "iwritten").await;
    let refused = refused.to_string();
    assert!(refused.starts_with("vim is in the foreground"), "{refused}");
    assert_eq!(stage.screen(), before);
}

#[test]
fn what_a_person_typed_is_not_typed_over() {
    alone(
        "typing::refused::what_a_person_typed_is_not_typed_over",
        || async {
            let stage = Stage::drawn("takes").await;
            has_been_typed_into(stage, "claude").await;
        },
    );
}

#[test]
fn what_a_person_typed_at_a_prompt_is_not_typed_over() {
    alone(
        "typing::refused::what_a_person_typed_at_a_prompt_is_not_typed_over",
        || async {
            let stage = Stage::bash().await;
            has_been_typed_into(stage, "shell").await;
        },
    );
}

async fn has_been_typed_into(mut stage: Stage, profile_of: &str) {
    stage.presses(&["-l", "half a thought"]);
    stage.shows("half a thought").await;
    let refused = stage.refuses(&profile(profile_of), "true").await;
    let typed = "half a thought".into();
    assert_eq!(refused, Refusal::Unsent { typed });
}

#[test]
fn nothing_is_typed_into_copy_mode() {
    alone(
        "typing::refused::nothing_is_typed_into_copy_mode",
        || async {
            let mut stage = Stage::drawn("takes").await;
            stage.tmux(&["copy-mode", "-t", "=builder:"]);
            let refused = stage.refuses(&profile("claude"), "go on").await;
            assert_eq!(refused, Refusal::Mode);
            stage.presses(&["-X", "cancel"]);
            let taken = stage.type_as(&profile("claude"), "go on").await;
            assert_eq!(taken.unwrap(), Typed::Taken(By::Transcript));
        },
    );
}

#[test]
fn who_is_attached_has_a_veto_only_while_typing() {
    alone(
        "typing::refused::who_is_attached_has_a_veto_only_while_typing",
        || async {
            let mut stage = Stage::drawn("takes").await;
            let socket = stage.world.socket(&stage.attempt.worker);
            let attach = format!("tmux -S {} attach-session -t =builder", socket.display());
            let mut client = Command::new("script")
                .args(["--quiet", "--command", &attach, "/dev/null"])
                .env_remove("TMUX")
                .env("TERM", "xterm")
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            until("it is attached", || {
                !stage.tmux(&["list-clients"]).is_empty()
            })
            .await;
            let refused = stage.refuses(&profile("claude"), "go on").await;
            assert!(matches!(refused, Refusal::Attached { .. }), "{refused}");
            // A ghost: nobody presses anything.
            let ghost = Text {
                permission: Permission {
                    undisturbed: Duration::from_secs(2),
                    ..Permission::default()
                },
                ..text("go on")
            };
            let begin = Instant::now();
            let taken = loop {
                let text = ghost.clone();
                match stage
                    .world
                    .local
                    .type_into(stage.attempt.clone(), text)
                    .await
                {
                    Err(TypingError::Refused {
                        why: Refusal::Attached { .. },
                        ..
                    }) if begin.elapsed() < Duration::from_secs(20) => {}
                    other => break other,
                }
            };
            assert_eq!(taken.unwrap(), Typed::Taken(By::Transcript));
            assert!(
                !stage.tmux(&["list-clients"]).is_empty(),
                "it is not attached any more"
            );
            client.kill().unwrap();
            client.wait().unwrap();
        },
    );
}

#[test]
fn without_a_terminal_nothing_is_typed() {
    alone(
        "typing::refused::without_a_terminal_nothing_is_typed",
        || async {
            let mut world = World::new();
            let worker = world.script(LauncherKind::Process, "exec sleep 1000");
            let (attempt, _) = world.run(&worker).await;
            let typed = world.local.type_into(attempt.clone(), text("go on"));
            let said = typed.await.unwrap_err().to_string();
            assert_eq!(said, "it has no terminal; nothing was typed");
            world.kill(&attempt).await;
            let worker = world.script(LauncherKind::Tmux, "exit 0");
            let (attempt, _) = world.run(&worker).await;
            world.gone_after_end(&attempt).await;
            let typed = world.local.type_into(attempt, text("go on"));
            let said = typed.await.unwrap_err().to_string();
            assert!(said.contains("has ended; nothing was typed"), "{said}");
        },
    );
}
