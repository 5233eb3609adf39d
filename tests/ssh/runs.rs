//! What is run, and what comes of it.

use std::{sync::Arc, time::Duration};

use loopkeeper::{
    model::Exit,
    ssh::{CHANNELS, LinkError, Script},
};

use crate::{
    alone::alone,
    world::{SOON, World, up},
};

const MUCH: usize = 10 * 1024 * 1024;

#[test]
fn arguments_come_through_byte_for_byte() {
    alone("runs::arguments_come_through_byte_for_byte", || async {
        let world = World::new();
        let link = world.link();
        up(&link).await;
        let long = "it's 100 KB; $HOME\n".repeat(5400);
        let nasty = [
            "",
            " ",
            "a b",
            "'",
            "''\"'",
            "\"quoted\"",
            "two\nlines\n",
            "\r\n\t",
            "$HOME $(id) ${x}",
            "; exit 3; #",
            "`id`",
            "back\\slash\\",
            "Grüße, 世界 🦀",
            "--help",
            "-n",
            "!!",
            "*",
            "~",
            "~root",
            "a=b",
            "[a-z]?",
            "& | > /dev/null < x",
            "\u{7f}\u{1b}[2J\u{1}",
            "}\n)\nEOF",
            &long,
        ];
        let mut script = Script::new(r#"for each; do printf '%s\0' "$each"; done; exit "$#""#);
        for argument in nasty {
            script = script.arg(argument);
        }
        let output = link.run(&script, SOON, MUCH).await.unwrap();
        let said = output.output.strip_suffix(b"\0").unwrap();
        let said: Vec<_> = said.split(|byte| *byte == 0).collect();
        for (said, meant) in said.iter().zip(nasty) {
            assert!(*said == meant.as_bytes(), "{meant:?} came as {said:?}");
        }
        assert_eq!(output.exit, Exit::Code(nasty.len().try_into().unwrap()));
        assert_eq!(output.errors, b"");
    });
}

#[test]
fn exits_outputs_and_their_heads_are_told() {
    alone("runs::exits_outputs_and_their_heads_are_told", || async {
        let world = World::new();
        let link = world.link();
        up(&link).await;
        // Among them those that ssh and its library take for more.
        for code in [0, 1, 126, 127, 128, 255] {
            let script = Script::new("exit $1").arg(code.to_string());
            let output = link.run(&script, SOON, MUCH).await.unwrap();
            assert_eq!(output.exit, Exit::Code(code));
        }
        let flood = Script::new("head -c 5000000 /dev/zero; head -c 999 /dev/zero >&2; cat");
        let output = link.run(&flood, SOON, 1000).await.unwrap();
        assert_eq!((output.output.len(), output.errors.len()), (1000, 999));
        let killed = Script::new("kill -KILL $$");
        let output = link.run(&killed, SOON, MUCH).await.unwrap();
        assert!(matches!(output.exit, Exit::Lost(_)), "{output:?}");
        let zero = link.run(&Script::new("").arg("\0"), SOON, 0).await;
        assert!(
            zero.unwrap_err()
                .to_string()
                .contains("argument 1 has a zero byte")
        );
    });
}

#[test]
fn what_a_script_leaves_running_keeps_nobody_waiting() {
    alone(
        "runs::what_a_script_leaves_running_keeps_nobody_waiting",
        || async {
            let world = World::new();
            let link = world.link();
            up(&link).await;
            let script = Script::new("sleep 1000 & echo said; exit 4");
            let output = link.run(&script, SOON, MUCH).await.unwrap();
            assert_eq!(output.output, b"said\n");
            assert_eq!(output.exit, Exit::Code(4));
        },
    );
}

#[test]
fn what_a_login_shell_says_is_no_output() {
    alone("runs::what_a_login_shell_says_is_no_output", || async {
        let noisy = r#"ForceCommand echo welcome; printf moan >&2; eval "$SSH_ORIGINAL_COMMAND""#;
        let world = World::with(noisy);
        let link = world.link();
        up(&link).await;
        let script = Script::new("echo out; echo err >&2");
        let output = link.run(&script, SOON, MUCH).await.unwrap();
        assert_eq!(
            (output.output, output.errors),
            (b"out\n".into(), b"err\n".into())
        );
        let mut channel = link.open_channel(&script).await.unwrap();
        assert_eq!(channel.line().await.unwrap(), b"out");
    });
}

#[test]
fn a_login_shell_that_runs_nothing_is_quoted() {
    alone(
        "runs::a_login_shell_that_runs_nothing_is_quoted",
        || async {
            let nologin = "ForceCommand echo This account is not available.; exit 3";
            let world = World::with(nologin);
            let link = world.link();
            up(&link).await;
            let error = link
                .run(&Script::new("true"), SOON, MUCH)
                .await
                .unwrap_err();
            assert!(error.never_began());
            assert_eq!(
                error.to_string(),
                "host there: its login shell runs nothing (exit code 3); \
             it says \"This account is not available.\""
            );
            let error = link.open_channel(&Script::new("true")).await.unwrap_err();
            assert!(matches!(error, LinkError::NoShell { .. }), "{error}");
        },
    );
}

#[test]
fn many_share_one_connection_and_wait_for_their_turn() {
    alone(
        "runs::many_share_one_connection_and_wait_for_their_turn",
        || async {
            let world = World::new();
            let link = world.link();
            let life = up(&link).await;
            let running = (0..3 * CHANNELS).map(|number| {
                let link = link.clone();
                tokio::spawn(async move {
                    let script = Script::new("sleep 0.2; echo $1").arg(number.to_string());
                    link.run(&script, SOON, MUCH).await.unwrap().output
                })
            });
            for (number, output) in running.collect::<Vec<_>>().into_iter().enumerate() {
                assert_eq!(output.await.unwrap(), format!("{number}\n").as_bytes());
            }
            assert_eq!((world.let_in(), up(&link).await), (1, life));

            let script = Script::new("read -r line");
            let mut channels = Vec::new();
            for _ in 0..CHANNELS {
                channels.push(link.open_channel(&script).await.unwrap());
            }
            let limit = Duration::from_millis(50);
            let busy = link.run(&script, limit, MUCH).await.unwrap_err();
            assert!(matches!(busy, LinkError::Busy { .. }), "{busy}");
            channels.pop();
            assert!(link.run(&script, SOON, MUCH).await.is_ok());
        },
    );
}

#[test]
fn a_channel_that_sshd_refuses_is_told_of() {
    alone("runs::a_channel_that_sshd_refuses_is_told_of", || async {
        let world = World::with("MaxSessions 1");
        let link = Arc::new(world.link());
        up(&link).await;
        let kept = link
            .open_channel(&Script::new("read -r line"))
            .await
            .unwrap();
        let error = link
            .run(&Script::new("true"), SOON, MUCH)
            .await
            .unwrap_err();
        assert!(error.never_began());
        assert!(
            error.to_string().contains("Session open refused by peer"),
            "{error}"
        );
        drop(kept);
    });
}
