use loopkeeper::agent::{
    profile::{Pattern, Profile, SHIPPED},
    screen::Screen,
    sighting::Seen,
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use crate::corpus::{corpus, shown};

#[test]
fn agents_are_seen_as_they_are() {
    let mut wrong = Vec::new();
    for drawn in corpus() {
        let sighting = drawn.look(&drawn.text, drawn.columns);
        let differences = drawn.differences(&drawn.text, drawn.columns);
        let evidence = sighting
            .evidence
            .map(|found| found.text)
            .unwrap_or_default();
        println!(
            "{:4} {:40} {:32} {}",
            if differences.is_empty() { "ok" } else { "NOT" },
            drawn.name,
            shown(&sighting.seen),
            evidence.trim()
        );
        if !differences.is_empty() {
            wrong.push(format!("{}: {}", drawn.name, differences.join("; ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_corpus_of_agents_is_whole() {
    let corpus = corpus();
    assert!(corpus.len() >= 140, "{}", corpus.len());
    for profile in SHIPPED {
        let own = corpus.iter().filter(|drawn| drawn.profile.name == profile);
        let mut kinds: Vec<String> = own
            .map(|drawn| drawn.expected().split(' ').next().unwrap().to_owned())
            .collect();
        kinds.sort();
        kinds.dedup();
        // A shell says nothing of its work.
        let all = [
            "asking", "busy", "crashed", "limited", "outage", "unknown", "waiting",
        ];
        let missing: Vec<_> = all
            .iter()
            .filter(|kind| !kinds.iter().any(|k| k == *kind))
            .collect();
        let known: &[&&str] = match profile {
            "shell" | "generic" => &[&"busy"],
            _ => &[],
        };
        assert_eq!(missing, known, "{profile}");
    }
}

/// An expectation that held of an empty screen would prove nothing.
#[test]
fn every_agent_screen_fails_when_it_is_empty() {
    for drawn in corpus()
        .iter()
        .filter(|drawn| drawn.expected() != "unknown")
    {
        let differences = drawn.differences("", drawn.columns);
        assert!(!differences.is_empty(), "{}", drawn.name);
    }
}

/// Where the lines above the evidence say the same.
const SAID_TWICE: [&str; 3] = [
    "aider/rate-limited",
    "codex/queued",
    "codex/queued-follow-up",
];

/// Cut off where the evidence begins, a screen does not say the same any more.
#[test]
fn every_agent_screen_fails_without_its_evidence() {
    for drawn in corpus() {
        let sighting = drawn.look(&drawn.text, drawn.columns);
        let Some(evidence) = &sighting.evidence else {
            continue;
        };
        let above: Vec<&str> = drawn.text.lines().take(evidence.line).collect();
        let left = drawn.look(&above.join("\n"), drawn.columns);
        let same = left
            .evidence
            .as_ref()
            .is_some_and(|left| left.text == evidence.text);
        assert!(!same, "{}", drawn.name);
        let twice = SAID_TWICE.contains(&drawn.name.as_str());
        let name = &drawn.name;
        let same = match (&left.seen, &sighting.seen) {
            // It may be said in two ways.
            (Seen::Limited { .. }, Seen::Limited { .. }) => {
                shown(&left.seen) == shown(&sighting.seen) && left.menu() == sighting.menu()
            }
            (left, seen) => left == seen,
        };
        assert_eq!(same, twice, "{name}: {:?}", left.seen);
    }
}

/// What is typed at a shell and wrapped looks like a command and what it prints.
const NOT_NARROW: [&str; 1] = ["shell/unsent"];

/// A pane that becomes narrower is wrapped by tmux, before the program paints anew.
#[test]
fn agents_are_seen_as_they_are_in_a_narrowed_pane() {
    let mut wrong = Vec::new();
    let mut looked = 0;
    for drawn in corpus() {
        // Where escape codes are, the edge of the pane is not where the text's is.
        if drawn.text.contains('\x1b') || NOT_NARROW.contains(&drawn.name.as_str()) {
            continue;
        }
        // What is wrapped already would be wrapped twice.
        let widths = [100, 60, 50, 36].into_iter();
        let narrower = widths.filter(|to| drawn.columns > 40 && *to < usize::from(drawn.columns));
        for columns in narrower {
            looked += 1;
            let narrow = narrowed(&drawn.text, columns);
            let seen = shown(&drawn.look(&narrow, columns.try_into().unwrap()).seen);
            if seen != drawn.expected() {
                wrong.push(format!(
                    "{} at {columns}: {seen}, not {}\n{narrow}",
                    drawn.name,
                    drawn.expected()
                ));
            }
        }
    }
    println!("{looked} looks at narrowed panes");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// One of the lists of a profile.
type Patterns = fn(&mut Profile) -> &mut Vec<Pattern>;

/// A pattern that no screen needs has never been seen to work.
#[test]
fn every_pattern_of_an_agent_is_needed_by_a_screen() {
    let lists: [(&str, Patterns); 6] = [
        ("question", |profile| &mut profile.question),
        ("menu", |profile| &mut profile.menu),
        ("busy", |profile| &mut profile.busy),
        ("limit", |profile| &mut profile.limit),
        ("outage", |profile| &mut profile.outage),
        ("crash", |profile| &mut profile.crash),
    ];
    let mut corpus = corpus();
    let mut idle = Vec::new();
    for name in SHIPPED {
        let whole = Profile::shipped(name).unwrap();
        for (list, patterns) in lists {
            for place in 0..patterns(&mut whole.clone()).len() {
                let mut without = whole.clone();
                let pattern = patterns(&mut without).remove(place);
                let mut own = corpus.iter_mut().filter(|drawn| drawn.profile.name == name);
                let needed = own.any(|drawn| {
                    drawn.profile = without.clone();
                    let differs = !drawn.differences(&drawn.text, drawn.columns).is_empty();
                    drawn.profile = whole.clone();
                    differs
                });
                if !needed {
                    idle.push(format!("{name}: {list}[{place}] {}", pattern.line));
                }
            }
        }
    }
    assert!(idle.is_empty(), "{}", idle.join("\n"));
}

/// Lines of any screens, in any order: there is always an answer, and it names a line that is there.
#[test]
fn any_agent_screen_is_answered() {
    let corpus = corpus();
    let lines = corpus.iter().flat_map(|drawn| drawn.text.lines());
    let lines: Vec<String> = lines.map(str::to_owned).collect();
    let mixed = prop::collection::vec(prop::sample::select(lines), 0..40);
    let strategy = (mixed, prop::sample::select(&[36_u16, 80, 120][..]));
    let mut runner = TestRunner::new(Config::with_cases(64));
    let result = runner.run(&strategy, |(lines, columns)| {
        let text = lines.join("\n");
        let rows = Screen::read(&text, Some(columns)).lines().len();
        for name in SHIPPED {
            let drawn = corpus
                .iter()
                .find(|drawn| drawn.profile.name == name)
                .unwrap();
            let sighting = drawn.look(&text, columns);
            let found = sighting.evidence.as_ref();
            prop_assert_eq!(found.is_none(), sighting.seen == Seen::Unknown);
            prop_assert!(found.is_none_or(|found| found.line < rows));
            prop_assert!(sighting.input.is_none_or(|input| input.line < rows));
        }
        Ok(())
    });
    result.unwrap();
}

fn narrowed(text: &str, columns: usize) -> String {
    let mut narrow = String::new();
    for line in text.lines() {
        let characters: Vec<char> = line.trim_end().chars().collect();
        for (place, part) in characters.chunks(columns).enumerate() {
            if place > 0 {
                narrow.push('\n');
            }
            narrow.extend(part);
        }
        narrow.push('\n');
    }
    narrow
}
