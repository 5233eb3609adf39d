use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use super::*;
use crate::agent::sighting::sight;

const RULE: &str = "────────────────────────────────";

fn profile(name: &str) -> Profile {
    Profile::shipped(name).unwrap()
}

fn look(profile: &Profile, captured: &str, cursor: Option<usize>) -> Look {
    let screen = Screen::read(captured, Some(80));
    let sighting = sight(profile, &screen, Timestamp::UNIX_EPOCH, &TimeZone::UTC);
    Look {
        screen,
        sighting,
        cursor,
        readers: vec![Reader {
            pid: 7,
            names: profile.programs.iter().take(1).cloned().collect(),
        }],
        in_mode: false,
        dead: false,
        clients: Vec::new(),
        brackets: Some(true),
        longest_line: None,
    }
}

/// Claude, with this above its box and this in it.
fn claude(above: &str, typed: &str) -> Look {
    let captured = format!("{above}\n{RULE}\n❯ {typed}\n{RULE}\n  ? for shortcuts\n");
    look(&profile("claude"), &captured, None)
}

#[test]
fn keys_are_no_text() {
    for fine in ["a", "a\tb\nc", "'\"\\;$()`", "👩‍👩‍👧 e\u{301} ünï", "\na\n"] {
        assert_eq!(check(fine), Ok(()), "{fine:?}");
    }
    for (bad, says) in [
        ("", "text is empty"),
        (" \n\t", "text is empty"),
        (
            "a\0",
            "a NUL in line 1: the program would take it for a key",
        ),
        (
            "a\nb\x1b[201~",
            "an escape character in line 2: ESC[201~ would end the paste",
        ),
        ("a\u{9b}", "U+009B in line 1: ESC[201~"),
        ("a\r\n", "a carriage return in line 1: it would submit"),
        ("\x03", "U+0003"),
        ("\x7f", "U+007F"),
    ] {
        let said = check(bad).unwrap_err().to_string();
        assert!(said.contains(says), "{bad:?}: {said}");
    }
    assert_eq!(check(&"x".repeat(LONGEST)), Ok(()));
    let long = check(&"x".repeat(LONGEST + 1)).unwrap_err();
    assert!(
        long.to_string().contains("65537 bytes, and 65536"),
        "{long}"
    );
}

#[test]
fn a_text_is_known_again_on_the_input_line() {
    let long = "first line of many\nand the last one of them all, which tells it";
    let other = |typed: &str| Standing::Other(typed.to_owned());
    for (text, typed, stands) in [
        ("yes", "", Standing::Empty),
        ("yes", "Try \"fix lint errors\"", Standing::Empty),
        ("yes", "yes", Standing::Text),
        ("go  on\nnow", "go on\n  now", Standing::Text),
        ("👩‍👩‍👧 e\u{301} x", "👩 é x", other("👩 é x")),
        ("👍 done", "?? done", other("?? done")),
        ("yes", "no", other("no")),
        ("yes", "yes and no", other("yes and no")),
        ("yes and no", "yes and", other("yes and")),
        (
            long,
            "the last one of them all, which tells it",
            Standing::Text,
        ),
        (long, "tells it", other("tells it")),
        (long, "[Pasted text #1 +1 lines]", Standing::Text),
        (long, "[Pasted text #12]", Standing::Text),
        (
            long,
            "first line[...Truncated text #1 +1 lines...]which tells it",
            Standing::Text,
        ),
        (
            long,
            "mine [Pasted text #1 +1 lines]",
            other("mine [Pasted text #1 +1 lines]"),
        ),
    ] {
        let look = claude("", typed);
        assert_eq!(
            standing(&profile("claude"), text, &look),
            stands,
            "{typed:?} of {text:?}"
        );
    }
    let none = look(&profile("claude"), "nothing that is known", None);
    assert_eq!(standing(&profile("claude"), "yes", &none), Standing::Unseen);
}

#[test]
fn a_bare_prompt_is_an_input_line_while_the_cursor_is_on_it() {
    let shell = profile("shell");
    for (cursor, stands) in [
        (Some(0), Standing::Text),
        (None, Standing::Text),
        (Some(1), Standing::Unseen),
    ] {
        let look = look(&shell, "$ read answer\n", cursor);
        assert_eq!(standing(&shell, "read answer", &look), stands, "{cursor:?}");
    }
}

#[test]
fn taken_is_what_left_something() {
    let taken = Verdict::Taken;
    let idle = "⏺ Done.";
    let works = "⏺ Done.\n\n✻ Brewing… (2s · esc to interrupt)";
    let asks = "Do you want to proceed?\n❯ 1. Yes\n  2. No\n";
    let before = claude(idle, "");
    for (after, says) in [
        (claude(idle, "go on"), Verdict::Left),
        (claude(works, "go on"), Verdict::Left),
        (claude(idle, "[Pasted text #1 +3 lines]"), Verdict::Left),
        // A key may have cleared it.
        (claude(idle, ""), Verdict::Open),
        (claude(idle, "go"), Verdict::Open),
        (claude("", ""), Verdict::Open),
        (claude(works, ""), taken(By::Work)),
        (claude(works, "and then"), taken(By::Work)),
        (claude("⏺ Done.\n\n❯ go on", ""), taken(By::Transcript)),
        (claude("⏺ Done.\n\n⏺ Well.", ""), taken(By::Progress)),
        (look(&profile("claude"), asks, None), taken(By::Question)),
        (look(&profile("claude"), "$ ", None), Verdict::Open),
    ] {
        let said = verdict(&profile("claude"), "go on", &before, &after);
        assert_eq!(said, says, "{:?}", after.screen);
    }
    // Who worked may ask because of that.
    let busy = claude(works, "");
    let asking = look(&profile("claude"), asks, None);
    assert_eq!(
        verdict(&profile("claude"), "go on", &busy, &asking),
        Verdict::Open
    );
    let dead = Look {
        dead: true,
        ..claude(works, "")
    };
    assert_eq!(
        verdict(&profile("claude"), "go on", &before, &dead),
        Verdict::Open
    );
}

#[test]
fn a_shell_has_taken_what_runs_or_ran() {
    let shell = profile("shell");
    let before = look(&shell, "$ \n", Some(0));
    let ran = look(&shell, "$ true\n$ \n", Some(1));
    assert_eq!(
        verdict(&shell, "true", &before, &ran),
        Verdict::Taken(By::Transcript)
    );
    let mut runs = look(&shell, "$ sleep 9\n", Some(1));
    assert_eq!(verdict(&shell, "sleep 9", &before, &runs), Verdict::Open);
    runs.readers = vec![Reader {
        pid: 8,
        names: vec!["sleep".into()],
    }];
    let by = By::Program("sleep".into());
    assert_eq!(
        verdict(&shell, "sleep 9", &before, &runs),
        Verdict::Taken(by)
    );
}

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
        (claude("", "half a th"), "not submitted: \"half a th\""),
        (claude("", "[Pasted text #1 +3 lines]"), "not submitted"),
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
        assert!(said.contains(says), "{said}");
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
fn it_is_pressed_again_after_growing_waits_and_then_no_more() {
    let millis = Duration::from_millis;
    let mut course = Course::pressed();
    for (since, next) in [
        (0, Next::Look),
        (199, Next::Look),
        (200, Next::Press),
        (999, Next::Look),
        (1000, Next::Press),
        (2999, Next::Look),
        (3000, Next::Press),
        (2999, Next::Look),
        (3000, Next::Left),
    ] {
        assert_eq!(course.next(Verdict::Left, millis(since)), next, "{since}");
    }
    assert_eq!(course.presses(), 4);
}

#[test]
fn taken_is_what_two_looks_say_and_what_none_says_is_undecided() {
    let millis = Duration::from_millis;
    let taken = || Verdict::Taken(By::Work);
    let mut course = Course::pressed();
    assert_eq!(course.next(taken(), millis(0)), Next::Look);
    assert_eq!(course.next(Verdict::Open, millis(5)), Next::Look);
    assert_eq!(course.next(taken(), millis(9)), Next::Look);
    assert_eq!(course.next(taken(), millis(10)), Next::Taken(By::Work));
    let mut course = Course::pressed();
    assert_eq!(course.next(Verdict::Open, millis(2999)), Next::Look);
    assert_eq!(course.next(Verdict::Open, millis(3000)), Next::Undecided);
}
