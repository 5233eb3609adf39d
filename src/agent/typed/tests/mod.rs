mod left;
mod permission;
mod proof;

use std::sync::LazyLock;

use jiff::{Timestamp, tz::TimeZone};
use proptest::prelude::*;

use super::*;
use crate::agent::sighting::sight;

/// Made once, as that takes its time.
static CLAUDE: LazyLock<Profile> = LazyLock::new(|| profile("claude"));

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
            "an escape character in line 2: the program would take it for the beginning of a key, or of the end",
        ),
        ("a\x1b", "an escape character in line 1: the program would"),
        (
            "a\u{9b}",
            "U+009B in line 1: the program would take it for the beginning",
        ),
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_text_is_known_again_however_it_is_wrapped(
        words in prop::collection::vec("[a-zA-Z0-9.,:'\"$()\\\\]{1,9}", 1..60),
        columns in 30_usize..120,
    ) {
        let text = words.join(" ");
        let options = textwrap::Options::new(columns).initial_indent("❯ ").subsequent_indent("  ");
        let rule = "─".repeat(columns);
        let captured = format!("⏺ Done.\n\n{rule}\n{}\n{rule}\n", textwrap::fill(&text, options));
        let mut seen = look(&CLAUDE, "", None);
        seen.screen = Screen::read(&captured, u16::try_from(columns).ok());
        let now = Timestamp::UNIX_EPOCH;
        seen.sighting = sight(&CLAUDE, &seen.screen, now, &TimeZone::UTC);
        prop_assert_eq!(standing(&CLAUDE, &text, &seen), Standing::Text, "{}", captured);
        let other = format!("{text} and more");
        prop_assert_ne!(standing(&CLAUDE, &other, &seen), Standing::Text);
    }
}
