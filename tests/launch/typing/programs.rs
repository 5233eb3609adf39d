//! Into programs that nobody wrote for this: everything arrives byte for byte, and what proof there is.

use std::fs;

use loopkeeper::{
    agent::typed::{By, Refusal},
    launch::typing::{Typed, TypingError},
};

use super::{HOSTILE, Stage, profile, reads_lines};
use crate::{alone::alone, world::until};

#[test]
fn lines_come_to_a_reader_byte_for_byte() {
    alone(
        "typing::programs::lines_come_to_a_reader_byte_for_byte",
        || async {
            let text = HOSTILE.join("\n") + "\ntab\there\n\n" + &"x".repeat(4095) + "\nlast;";
            let mut stage = Stage::script("echo ready; exec cat >arrived").await;
            stage.shows("ready").await;
            let typed = stage.type_as(&reads_lines(), &text).await;
            assert!(is_undecided(&typed), "{typed:?}");
            let arrived = stage.file("arrived");
            until("all arrived", || {
                fs::read_to_string(&arrived).is_ok_and(|arrived| arrived == text.clone() + "\n")
            })
            .await;
        },
    );
}

#[test]
fn a_line_comes_to_the_read_of_a_shell_once() {
    alone(
        "typing::programs::a_line_comes_to_the_read_of_a_shell_once",
        || async {
            let mut stage = Stage::bash().await;
            stage.presses(&[
                "IFS= read -r line; printf '%s' \"$line\" >arrived; IFS= read -r next; echo $next",
                "Enter",
            ]);
            stage.shows("echo $next").await;
            let text = "  it's \\ $(id) \"x\";";
            // The profile of a shell cannot know what a command wants.
            let refused = stage.refuses(&profile("shell"), text).await;
            assert!(matches!(refused, Refusal::NoInput { .. }), "{refused}");
            let typed = stage.type_as(&reads_lines(), text).await;
            assert!(is_undecided(&typed), "{typed:?}");
            assert_eq!(fs::read_to_string(stage.file("arrived")).unwrap(), text);
            // Enter was pressed once, so the second one still waits.
            stage.presses(&["second", "Enter"]);
            until("the second is read", || {
                stage.screen().contains("\nsecond\n$")
            })
            .await;
        },
    );
}

#[test]
fn a_shell_takes_many_lines_at_its_prompt() {
    alone(
        "typing::programs::a_shell_takes_many_lines_at_its_prompt",
        || async {
            let mut stage = Stage::bash().await;
            let taken = stage.type_as(&profile("shell"), "echo one >one;").await;
            assert!(matches!(taken, Ok(Typed::Taken(_))), "{taken:?}");
            assert_eq!(fs::read_to_string(stage.file("one")).unwrap(), "one\n");
            let content = HOSTILE.join("\n") + "\ntab\there";
            let document = format!("cat >arrived <<'END'\n{content}\nEND");
            let taken = stage.type_as(&profile("shell"), &document).await;
            assert!(matches!(taken, Ok(Typed::Taken(_))), "{taken:?}");
            assert_eq!(
                fs::read_to_string(stage.file("arrived")).unwrap(),
                content + "\n"
            );
            let long = "x".repeat(10_000);
            let taken = stage
                .type_as(&profile("shell"), &format!("echo {long} >long"))
                .await;
            assert!(matches!(taken, Ok(Typed::Taken(_))), "{taken:?}");
            assert_eq!(fs::read_to_string(stage.file("long")).unwrap(), long + "\n");
            let taken = stage
                .type_as(&profile("shell"), "exec 9<>/dev/null; sleep 1000")
                .await;
            assert_eq!(taken.unwrap(), Typed::Taken(By::Program("sleep".into())));
            let refused = stage.refuses(&profile("shell"), "echo never").await;
            assert!(
                refused
                    .to_string()
                    .starts_with("sleep is in the foreground"),
                "{refused}"
            );
        },
    );
}

#[test]
fn python_takes_a_line_at_its_prompt_and_many_on_its_standard_input() {
    alone(
        "typing::programs::python_takes_a_line_at_its_prompt_and_many_on_its_standard_input",
        || async {
            let mut stage = Stage::script("exec python3 -q").await;
            stage.shows(">>>").await;
            let line = "open('arrived', 'w').write('ü \\'quoted\\' $(id) \\\\; 👍;')";
            let taken = stage.type_as(&profile("generic"), line).await;
            assert!(matches!(taken, Ok(Typed::Taken(_))), "{taken:?}");
            let arrived = fs::read_to_string(stage.file("arrived")).unwrap();
            assert_eq!(arrived, "ü 'quoted' $(id) \\; 👍;");
            let reads = "import sys; open('lines', 'w').write(''.join(sys.stdin.readline() for _ in range(3)))";
            stage.presses(&["-l", reads]);
            stage.shows("range(3)").await;
            let row = || stage.tmux(&["display-message", "-p", "#{cursor_x}"]);
            stage.presses(&["Enter"]);
            until("it reads", || row() == "0").await;
            let typed = stage.type_as(&reads_lines(), "a\tb\n  'c';\nlast \\").await;
            assert!(typed.is_ok(), "{typed:?}");
            let lines = stage.file("lines");
            until("all arrived", || {
                fs::read_to_string(&lines).is_ok_and(|lines| lines == "a\tb\n  'c';\nlast \\\n")
            })
            .await;
        },
    );
}

#[test]
fn an_editor_gets_what_was_typed_and_proves_nothing() {
    alone(
        "typing::programs::an_editor_gets_what_was_typed_and_proves_nothing",
        || async {
            let mut stage =
                Stage::script("exec vim -u NONE -N -n +'set paste noeol nofixeol' edited").await;
            stage.shows("edited").await;
            stage.presses(&["i"]);
            stage.shows("-- INSERT").await;
            let text = HOSTILE.join("\n") + "\ntab\there\n" + &"y".repeat(10_000) + ";";
            let typed = stage.type_as(&reads_lines(), &text).await;
            assert!(is_undecided(&typed), "{typed:?}");
            stage.presses(&["Escape"]);
            stage.presses(&[":wq", "Enter"]);
            let edited = stage.file("edited");
            until("it is written", || edited.exists()).await;
            stage.world.ended(&stage.attempt).await;
            assert_eq!(fs::read_to_string(edited).unwrap(), text + "\n");
        },
    );
}

fn is_undecided(typed: &Result<Typed, TypingError>) -> bool {
    matches!(typed, Ok(Typed::Undecided { .. }))
}
