//! What an earlier daemon left on an input line.

use std::time::Duration;

use super::*;

const QUIET: Duration = Duration::from_secs(30);

/// What may be submitted of this text where that stands there.
fn found(text: &str, look: &Look) -> Result<Option<String>, Refusal> {
    may_submit_left(&profile("claude"), Digest::of(text).unwrap(), QUIET, look)
}

#[test]
fn only_what_is_wholly_the_text_is_submitted() {
    for (text, typed, is_it) in [
        ("go on", "go on", true),
        ("go  on\nnow", "go on\n  now", true),
        ("go on", "", false),
        ("go on", "go on, please", false),
        ("go on", "mine go on", false),
        ("go on now", "go on", false),
        ("a first line\nand the last one", "and the last one", false),
        ("go on", "Try \"fix lint errors\"", false),
        ("a\nb\nc", "[Pasted text #1 +2 lines]", false),
        // A mark may stand for any text.
        ("[Pasted text #1]", "[Pasted text #1]", false),
    ] {
        let found = found(text, &claude("", typed)).unwrap();
        // However it is wrapped there, it is known for that text.
        assert_eq!(found.is_some(), is_it, "{text:?} of {typed:?}");
        assert!(found.is_none_or(|found| Digest::of(&found) == Digest::of(text)));
    }
    assert_eq!(Digest::of("👍"), None, "no terminal shows it as it is");
    // It is recorded, and has to be the same for ever.
    assert_eq!(Digest::of("go on"), Some(Digest(0x9ce4_d072_0e9c_86e6)));
}

#[test]
fn nothing_is_submitted_for_who_works_asks_or_is_typed_to() {
    let claude_is = profile("claude");
    let shows = |captured: &str| look(&claude_is, captured, None);
    let stands = claude("", "go on");
    let client = |idle: u64| Look {
        clients: vec![Client {
            idle: Duration::from_secs(idle),
            readonly: false,
        }],
        ..stands.clone()
    };
    assert!(found("go on", &client(30)).unwrap().is_some());
    let limit = "  ⎿  You've hit your limit · resets 3pm";
    for refused in [
        client(29),
        claude("✻ Thinking… (3s)", "go on"),
        claude(limit, "go on"),
        shows("Do you want to proceed?\n❯ 1. Yes\n  2. No\n"),
        shows("Welcome"),
        Look {
            dead: true,
            ..stands.clone()
        },
        Look {
            in_mode: true,
            ..stands.clone()
        },
        Look {
            readers: Vec::new(),
            ..stands.clone()
        },
    ] {
        assert!(found("go on", &refused).is_err(), "{refused:?}");
    }
}
