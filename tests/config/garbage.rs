//! Whatever is in the file: no panic, and every place lies in the file.

use std::path::Path;

use loopkeeper::config;
use proptest::prelude::*;

use crate::fixture::{EXAMPLE, FILE, Machine};

thread_local! {
    // One for all cases of a property; its directory goes with the thread.
    static MACHINE: Machine = Machine::new();
}

/// Checks the places and the rendering of whatever is wrong with the text.
fn look(text: &str) {
    let parsed = MACHINE.with(|machine| config::parse(text, Path::new(FILE), &machine.env));
    let Err(complaints) = parsed else {
        return;
    };
    assert!(complaints.iter().len() > 0, "refused without a reason");
    let starts: Vec<_> = complaints
        .iter()
        .filter_map(|one| one.at.as_ref().map(|at| at.start))
        .collect();
    // Those within tables are in the order of the file, and those across them after all of these.
    let runs = starts.chunk_by(|one, next| one <= next).count();
    assert!(runs <= 2, "not in the order of the file");
    for one in complaints.iter() {
        let at = one.at.clone().expect("a place");
        assert!(text.get(at.clone()).is_some(), "{at:?} is not in the file");
        assert!(one.line >= 1 && one.line <= text.matches('\n').count() + 1);
        for (other, _) in &one.others {
            assert!(text.get(other.clone()).is_some());
        }
    }
    let shown = complaints.render(false);
    assert!(!shown.contains("Failed to read"), "{shown}");
    assert!(
        shown
            .chars()
            .all(|c| c == '\n' || c == '\t' || !c.is_control())
    );
}

/// Pieces that make a file go wrong in ways that random characters hardly find.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "[workers.builder]\n",
            "[[workers]]\n",
            "[proxy]\n",
            "kind = 'tailscale'\n",
            "kind = 'command'\n",
            "[[plan.phases]]\n",
            "[plan.phases]\n",
            "id = '1d'\n",
            "command = ['make']\n",
            "requires = ['adversary', 'builder']\n",
            "{",
            "}",
            "[",
            "]",
            "'",
            "\"\"\"",
            "= ",
            "\n",
            "\r",
            "\u{0}",
            "ä",
            "\u{1b}[2J",
            "\u{85}",
            "listen = '0.0.0.0:1'\n",
            "worktree = '/srv/link'\n",
            "999999999999999999999999",
            "'9999999h'",
            "nan",
            "1979-05-27",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ]
}

proptest! {
    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        look(&text);
    }

    #[test]
    fn any_pieces_are_survived(pieces in prop::collection::vec(piece(), 0..20)) {
        look(&pieces.concat());
    }

    #[test]
    fn a_right_file_with_a_changed_piece_is_survived(
        start in any::<prop::sample::Index>(),
        length in 0..40usize,
        piece in piece(),
    ) {
        let whole = EXAMPLE;
        let start = whole.floor_char_boundary(start.index(whole.len()));
        let end = whole.ceil_char_boundary((start + length).min(whole.len()));
        look(&format!("{}{piece}{}", &whole[..start], &whole[end..]));
    }

    #[test]
    fn a_right_file_whose_value_is_of_another_kind_is_survived(
        line in any::<prop::sample::Index>(),
        value in prop::sample::select(vec![
            "1", "-1", "1.5", "true", "1979-05-27", "''", "'x'", "[]", "[1]", "[[]]", "['']", "{}", "{ x = 1 }",
        ]),
    ) {
        let keys: Vec<usize> = EXAMPLE.match_indices(" = ").map(|(at, _)| at).collect();
        let at = keys[line.index(keys.len())];
        let end = at + EXAMPLE[at..].find('\n').unwrap();
        look(&format!("{} = {value}{}", &EXAMPLE[..at], &EXAMPLE[end..]));
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let loaded = MACHINE.with(|machine| {
            machine.write("/etc/loopkeeper/bytes.toml", &bytes, 0o644);
            config::load(Path::new("/etc/loopkeeper/bytes.toml"), &machine.env)
        });
        let complaints = loaded.expect_err("random bytes declare nothing to run");
        prop_assert!(complaints.render(false).len() > 10);
    }
}
