use std::time::Duration;

use super::*;

#[test]
fn only_who_reads_text_is_typed_to() {
    let claude_is = profile("claude");
    let quiet = Permission::default();
    let allowed = |look: &Look| may_type(&claude_is, "go on", quiet, look);
    assert_eq!(allowed(&claude("", "")), Ok(Ready::Type));
    assert_eq!(allowed(&claude("", "go on")), Ok(Ready::Submit));
    let client = |idle: u64, readonly: bool| {
        let idle = Duration::from_secs(idle);
        Look {
            clients: vec![Client { idle, readonly }],
            ..claude("", "")
        }
    };
    assert_eq!(allowed(&client(30, false)), Ok(Ready::Type));
    assert_eq!(allowed(&client(0, true)), Ok(Ready::Type));
    let reads = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Look {
            readers: vec![Reader { pid: 1, names }],
            ..claude("", "")
        }
    };
    assert_eq!(allowed(&reads(&["MainThread", "claude"])), Ok(Ready::Type));
    let shows = |captured: &str| look(&claude_is, captured, None);
    let limited = claude("  ⎿  You've hit your limit · resets 3pm", "");
    for (refused, says) in [
        (
            Look {
                dead: true,
                ..claude("", "")
            },
            "dead",
        ),
        (
            Look {
                in_mode: true,
                ..claude("", "")
            },
            "copy mode",
        ),
        (
            reads(&["vim"]),
            "vim is in the foreground, and the profile claude is for claude, node",
        ),
        (
            Look {
                readers: Vec::new(),
                ..claude("", "")
            },
            "nobody is in the foreground",
        ),
        (
            claude("", "half a th"),
            "text stands on its input line, and is not sent",
        ),
        (claude("", "[Pasted text #1 +3 lines]"), "not sent"),
        (shows("Welcome"), "no input line of claude"),
        (
            shows("Do you want to proceed?\n❯ 1. Yes\n  2. No\n"),
            "it asks: \"Do you want to proceed?\"",
        ),
        (shows("Resume this session with:\n"), "its program is over"),
        (limited.clone(), "usage limit is reached"),
        (client(29, false), "pressed a key 29 s ago"),
    ] {
        let said = allowed(&refused).unwrap_err().to_string();
        // What somebody typed is not for the history.
        assert!(said.contains(says) && !said.contains("half a th"), "{said}");
    }
    let also = Permission {
        limited: true,
        ..quiet
    };
    assert_eq!(
        may_type(&claude_is, "go on", also, &limited),
        Ok(Ready::Type)
    );
}

#[test]
fn who_is_to_be_idle_is_at_its_input_line_and_does_nothing() {
    let idle = Permission {
        busy: false,
        ..Permission::default()
    };
    let claude_is = profile("claude");
    let busy = claude("✻ Thinking… (3s)", "");
    let allowed = |permission, look: &Look| may_type(&claude_is, "go on", permission, look);
    assert_eq!(allowed(Permission::default(), &busy), Ok(Ready::Type));
    assert_eq!(allowed(idle, &busy), Err(Refusal::Busy));
    assert_eq!(allowed(idle, &claude("⏺ Done.", "")), Ok(Ready::Type));
    let failed = claude("  ⎿  API Error: 500 Internal server error", "");
    assert_eq!(allowed(idle, &failed), Ok(Ready::Type));
    // Of a program that nobody described an input line has to be seen.
    let generic = profile("generic");
    let reading = look(&generic, "reading\n", Some(1));
    let allowed = |permission| may_type(&generic, "go on", permission, &reading);
    assert_eq!(allowed(Permission::default()), Ok(Ready::Type));
    assert!(matches!(allowed(idle), Err(Refusal::NoInput { .. })));
}

#[test]
fn line_breaks_and_long_lines_are_refused_where_they_would_not_arrive() {
    let generic = profile("generic");
    let screen = |brackets, longest_line| {
        let look = look(&generic, "reading\n", Some(1));
        Look {
            brackets,
            longest_line,
            ..look
        }
    };
    let quiet = Permission::default();
    let allowed = |text: &str, look: &Look| may_type(&generic, text, quiet, look);
    assert_eq!(allowed("a\nb", &screen(Some(true), None)), Ok(Ready::Type));
    assert_eq!(allowed("a", &screen(Some(false), None)), Ok(Ready::Type));
    for brackets in [Some(false), None] {
        for text in ["a\nb", "a\tb"] {
            assert_eq!(
                allowed(text, &screen(brackets, None)),
                Err(Refusal::Unbracketed)
            );
        }
    }
    let long = "x".repeat(4096);
    let refused = allowed(&long, &screen(Some(true), Some(4095))).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("a line of 4096 bytes would be cut"),
        "{refused}"
    );
    assert_eq!(
        allowed(&long[1..], &screen(Some(true), Some(4095))),
        Ok(Ready::Type)
    );
}

#[test]
fn enter_is_pressed_first_only_while_nobody_else_types() {
    let claude_is = profile("claude");
    let typing = |idle: u64| Look {
        clients: vec![Client {
            idle: Duration::from_secs(idle),
            readonly: false,
        }],
        ..claude("", "go on")
    };
    let quiet = Permission::default();
    assert_eq!(may_submit(&claude_is, quiet, &typing(30)), Ok(()));
    let refused = may_submit(&claude_is, quiet, &typing(2)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "somebody is attached, and pressed a key 2 s ago"
    );
    // It is pressed again over whatever came since.
    assert_eq!(may_press(&claude_is, quiet, &typing(2)), Ok(()));
}

#[test]
fn who_says_that_it_works_is_interrupted_where_that_is_wanted() {
    let claude_is = profile("claude");
    let ends = Permission {
        interrupt: true,
        ..Permission::default()
    };
    let allowed = |look: &Look| may_type(&claude_is, "go on", ends, look);
    let busy = claude("✻ Thinking… (3s)", "");
    assert_eq!(allowed(&busy), Ok(Ready::Interrupt("Escape".into())));
    let ours = claude("✻ Thinking… (3s)", "go on");
    assert_eq!(allowed(&ours), Ok(Ready::Interrupt("Escape".into())));
    // Who does nothing is not: the key would do something else.
    assert_eq!(allowed(&claude("⏺ Done.", "")), Ok(Ready::Type));
    let question = look(
        &claude_is,
        "Do you want to proceed?\n❯ 1. Yes\n  2. No\n",
        None,
    );
    assert!(matches!(allowed(&question), Err(Refusal::Asking { .. })));
    // What somebody has typed is not cleared by it, and nobody is disturbed.
    let theirs = claude("✻ Thinking… (3s)", "half a th");
    assert!(matches!(allowed(&theirs), Err(Refusal::Unsent { .. })));
    let attached = Look {
        clients: vec![Client {
            idle: Duration::from_secs(3),
            readonly: false,
        }],
        ..busy.clone()
    };
    assert!(matches!(allowed(&attached), Err(Refusal::Attached { .. })));
    // Of a program whose key nobody knows nothing is pressed.
    let generic = profile("generic");
    assert_eq!(may_type(&generic, "go on", ends, &busy), Ok(Ready::Type));
}

#[test]
fn where_no_input_line_is_seen_a_text_may_be_unwanted() {
    let generic = profile("generic");
    let output = look(&generic, "line 1\nline 2\n", None);
    let allowed = |unseen| {
        let permission = Permission {
            unseen,
            ..Permission::default()
        };
        may_type(&generic, "go on", permission, &output)
    };
    assert_eq!(allowed(true), Ok(Ready::Type));
    assert!(matches!(allowed(false), Err(Refusal::NoInput { .. })));
}

#[test]
fn who_goes_on_after_the_last_look_is_left_alone() {
    let claude_is = profile("claude");
    let look_then = claude("✻ Thinking… (3s)", "");
    let still = Permission {
        interrupt: true,
        still: Some(claude_is.fingerprint(&look_then.screen)),
        ..Permission::default()
    };
    let allowed = |look: &Look| may_type(&claude_is, "go on", still, look);
    // The counter alone is no other screen.
    let same = claude("✻ Thinking… (9s)", "");
    assert_eq!(allowed(&same), Ok(Ready::Interrupt("Escape".into())));
    let another = claude("⏺ Read a file\n\n✻ Thinking… (9s)", "");
    assert_eq!(allowed(&another), Err(Refusal::Moved));
}
