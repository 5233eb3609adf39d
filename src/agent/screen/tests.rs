use proptest::prelude::*;
use regex::{Regex, RegexSet};

use super::{Found, Screen};

fn texts(captured: &str) -> Vec<String> {
    let screen = Screen::read(captured, None);
    screen
        .lines()
        .iter()
        .map(|line| line.text.clone())
        .collect()
}

fn find(captured: &str, columns: u16, pattern: &str) -> Option<Found> {
    let screen = Screen::read(captured, Some(columns));
    screen.find(0..screen.lines().len(), &Regex::new(pattern).unwrap())
}

fn print(captured: &str) -> super::Fingerprint {
    Screen::read(captured, None).fingerprint(&RegexSet::empty())
}

#[test]
fn colours_titles_and_trailing_blanks_are_gone() {
    let captured = "\x1b[1;38;5;2mred\x1b[0m  \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\ \u{a0} \n\n  \tnext\n\n\n";
    assert_eq!(texts(captured), ["red  link", "", "        next"]);
}

#[test]
fn borders_of_boxes_at_the_margin_are_gone() {
    let captured = "╭─ title ───╮\n│ > hello   │\n╰───────────╯\n    │ quoted │\n▌ old";
    assert_eq!(
        texts(captured),
        ["", "> hello", "", "    │ quoted │", "old"]
    );
    let rules: Vec<bool> = Screen::read(captured, None)
        .lines()
        .iter()
        .map(|l| l.rule)
        .collect();
    assert_eq!(rules, [true, false, true, false, false]);
}

#[test]
fn what_is_faint_is_not_solid() {
    // A proposal, with the cursor on its first letter.
    let screen = Screen::read(
        "> \x1b[7mT\x1b[27;2mry this\x1b[22m\n> \x1b[38;2;2;2;2mtyped\x1b[7m \x1b[0m",
        None,
    );
    assert_eq!(screen.lines()[0].text, "> Try this");
    assert_eq!(screen.lines()[0].solid, ">");
    assert_eq!(screen.lines()[1].solid, "> typed");
}

#[test]
fn a_phrase_is_found_where_it_was_wrapped() {
    let wrapped = "  ⎿  You've hit your limit\n     · resets 3pm\n     (Europe/Dublin)\n\n> ";
    let found = find(
        wrapped,
        30,
        r"hit your limit · resets 3pm \(Europe/Dublin\)$",
    )
    .unwrap();
    assert_eq!(found.line, 0);
    let cut = "You've hit your limit · resets 3pm (Euro\npe/Dublin)";
    assert!(find(cut, 40, r"\(Europe/Dublin\)$").is_some());
    // Another entry does not go on with the one above.
    assert_eq!(find("⏺ You've hit\n⏺ your limit", 80, "hit your"), None);
    assert_eq!(find("You've hit\n\nyour limit", 80, "hit your"), None);
}

#[test]
fn the_lowest_place_is_found() {
    assert_eq!(find("a 1\nb\na 2\nc", 80, "^a").unwrap().text, "a 2");
    let screen = Screen::read("a\n\nb\n\n\nc", None);
    assert_eq!(screen.reach(6, 2), 2);
    assert_eq!(screen.reach(5, 9), 0);
    assert_eq!(screen.reach(0, 9), 0);
}

#[test]
fn a_repaint_has_the_same_fingerprint() {
    let before =
        "⏺ Running tests\n✻ Brewing… (12s · ↓ 1.2k tokens · esc to interrupt)\n⠋ waiting 0:12";
    let after =
        "● Running tests\n✽ Brewing… (1m 3s · ↓ 64.5k tokens · esc to\ninterrupt)\n⠹ waiting 1:03";
    assert_eq!(print(before), print(after));
    for (before, after) in [
        ("| loading", "/ loading"),
        ("  - loading", "  \\ loading"),
        ("loading |", "loading -"),
        ("|", "/"),
        ("* Reading the", "+ Reading the"),
        ("for 59s", "for 1m02s"),
        ("at 2026-11-22T15:00:03Z", "at 2026-11-22T15:00:04.25Z"),
        (
            "at 2026-11-22T15:00:03+01:00",
            "at 2026-11-23T00:00:04+01:00",
        ),
        ("at T15:00Z", "at T15:01Z"),
        ("15:00:03.123 up", "15:00:04.5 up"),
    ] {
        assert_eq!(print(before), print(after), "{before:?} {after:?}");
    }
}

#[test]
fn work_has_another_fingerprint() {
    assert_ne!(print("380 tests passed"), print("412 tests passed"));
    assert_ne!(print("⏺ Reading a.rs"), print("⏺ Reading b.rs"));
    assert_ne!(print("45%"), print("46%"));
    assert_ne!(print("a | b"), print("a / b"));
    assert_ne!(print("src/a"), print("src-a"));
    assert_ne!(print("2026-11-22 more"), print("2026-11-23 more"));
    assert_ne!(print("5 more"), print("6 more"));
}

#[test]
fn moving_lines_do_not_count() {
    let moving = RegexSet::new(["^clock"]).unwrap();
    let print = |text: &str| Screen::read(text, None).fingerprint(&moving);
    assert_eq!(print("a\nclock of today"), print("a\nclock of tomorrow"));
    assert_ne!(print("a"), print("b"));
}

proptest! {
    #[test]
    fn any_bytes_are_survived(captured in any::<String>(), columns in 0_u16..300) {
        let screen = Screen::read(&captured, Some(columns));
        let count = screen.lines().len();
        screen.find(0..count + 3, &Regex::new("x$").unwrap());
        for line in screen.lines() {
            prop_assert!(line.text.trim_end() == line.text);
            prop_assert!(!line.text.contains('\x1b'));
        }
    }

    #[test]
    fn words_are_found_at_any_width(
        words in prop::collection::vec("[a-z]{1,9}", 2..12),
        columns in 24_usize..100,
    ) {
        let phrase = words.join(" ");
        let pattern = Regex::new(&format!("^  {phrase}$")).unwrap();
        // As a program wraps, and as a terminal does.
        let options = textwrap::Options::new(columns).initial_indent("  ").subsequent_indent("    ");
        let program = textwrap::fill(&phrase, options);
        let terminal: String = format!("  {phrase}")
            .chars()
            .enumerate()
            .flat_map(|(at, c)| (at > 0 && at % columns == 0).then_some('\n').into_iter().chain([c]))
            .collect();
        let width = u16::try_from(columns).unwrap();
        let found = |text: &str| {
            let screen = Screen::read(text, Some(width));
            screen.find(0..screen.lines().len(), &pattern).is_some()
        };
        prop_assert!(found(&program), "{}", program);
        // A blank that falls on the edge is not there any more: tmux cuts it.
        let on_edge = terminal.lines().any(|line| line.ends_with(' ') || line.starts_with(' ') && line.trim_start() != line && !line.starts_with("  "));
        prop_assert!(on_edge || found(&terminal), "{}", terminal);
    }
}
