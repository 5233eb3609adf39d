//! What is seen of agents that do something, at several widths, also after they were changed.

use loopkeeper::agent::sighting::{Seen, Sighting};

use crate::stage::Stage;

/// Widths of a window, and to which one it is changed.
const WIDTHS: [(u16, u16); 3] = [(60, 200), (100, 60), (200, 100)];

const PROFILES: [&str; 5] = ["claude", "codex", "aider", "shell", "generic"];

/// What is seen while a script stands still at its last step, per profile in their order.
fn see(script: &str, expected: [&str; 5], and: impl Fn(&str, &Sighting)) {
    for (profile, expected) in PROFILES.into_iter().zip(expected) {
        if expected == NEVER {
            continue;
        }
        for (columns, then) in WIDTHS {
            let mut stage = Stage::plays(profile, script, columns);
            stage.step(script.rsplit("; ").next().unwrap());
            and(profile, &stage.shows(expected));
            stage.resizes(then);
            and(profile, &stage.shows(expected));
        }
    }
}

/// An agent that does no such thing.
const NEVER: &str = "never";

/// Of what a shell or an unknown agent does, nothing is seen until it stops.
const WORK: [&str; 5] = ["busy", "busy", "busy", "unknown", "unknown"];

#[test]
fn a_played_agent_is_seen_waiting() {
    see("wait", ["waiting"; 5], |_, sighting| {
        let input = sighting.input.as_ref().unwrap();
        assert_eq!(input.typed, None);
    });
    see("work 100ms; wait", ["waiting"; 5], |_, _| {});
}

#[test]
fn a_played_agent_is_seen_at_work() {
    see("work 90s", WORK, |_, _| {});
}

#[test]
fn a_played_agent_is_seen_busy_that_only_repaints() {
    see("work 100ms; repaint 90s", WORK, |_, _| {});
}

#[test]
fn a_played_agent_is_seen_busy_that_has_stalled() {
    see("work 100ms; stall", WORK, |_, _| {});
}

/// Aider shows only what its command prints.
#[test]
fn a_played_agent_is_seen_busy_while_its_child_builds() {
    let expected = ["busy", "busy", "unknown", "unknown", "unknown"];
    see("child 90s", expected, |_, _| {});
}

#[test]
fn a_played_question_of_a_permission_is_seen() {
    let question = "Do you want to proceed?";
    let script = format!("work 100ms; ask \"{question}\"");
    see(&script, ["asking"; 5], |profile, sighting| {
        let Seen::Asking { question: asked } = &sighting.seen else {
            panic!("{sighting:?}")
        };
        // What is printed with "(y/n)?" ends there.
        let expected = match profile {
            "generic" => question.trim_end_matches('?'),
            _ => question,
        };
        assert_eq!(asked, expected, "{profile}");
    });
}

#[test]
fn a_played_question_with_choices_is_seen_and_read_at_any_width() {
    let question = "Which of the hosted runners that we have should build the image tonight?";
    let script = format!("ask \"{question}\" \"The builder\" \"A spot machine, slow to start\"");
    let expected = ["asking", "asking", NEVER, NEVER, NEVER];
    see(&script, expected, |profile, sighting| {
        let Seen::Asking { question: asked } = &sighting.seen else {
            panic!("{sighting:?}")
        };
        assert_eq!(asked, question, "{profile}");
    });
}

#[test]
fn a_played_limit_is_seen_with_its_end() {
    let until = "limited 2026-11-22T15:00:00Z";
    // Aider's own words, which are lower, say nothing of the time.
    let expected = [until, until, "limited", until, until];
    let script = r#"work 100ms; limit "try again at 3pm (Europe/Dublin)""#;
    see(script, expected, |_, _| {});
    let script = r#"work 100ms; limit "resets 3pm (Europe/Dublin)""#;
    see(script, expected, |_, _| {});
}

#[test]
fn a_played_question_about_the_limit_is_seen_as_the_limit() {
    let until = "limited 2026-11-22T15:00:00Z";
    let expected = [until, NEVER, NEVER, NEVER, NEVER];
    let script = r#"work 100ms; limit-menu "resets 3pm (Europe/Dublin)""#;
    see(script, expected, |_, sighting| {
        let Seen::Limited { menu, .. } = &sighting.seen else {
            panic!("{sighting:?}")
        };
        let menu = menu.as_ref().unwrap();
        assert_eq!(menu.question, "What do you want to do?");
        assert_eq!(menu.key.as_deref(), Some("Escape"));
    });
}

#[test]
fn a_played_outage_is_seen() {
    see("work 100ms; outage", ["outage"; 5], |_, _| {});
    see("work 100ms; retry 90s", ["outage"; 5], |_, _| {});
}

/// In the middle of a turn, and with the code that its kind of program has.
#[test]
fn a_played_crash_is_seen_with_its_code() {
    let codes = ["1", "101", "1", "1", "101"];
    for (profile, code) in PROFILES.into_iter().zip(codes) {
        for (columns, _) in WIDTHS {
            let stage = Stage::plays(profile, "work 100ms; crash", columns);
            assert_eq!(stage.ends(), code, "{profile}");
            assert_eq!(stage.event("exited")["code"].to_string(), code, "{profile}");
            stage.shows("crashed");
        }
    }
}

/// Below the shell that it was started from: no pane is dead.
#[test]
fn a_played_crash_is_seen_by_its_own_words() {
    for profile in ["claude", "codex", "aider", "generic"] {
        for (columns, _) in WIDTHS {
            let mut stage = Stage::plays_below_a_shell(profile, "work 100ms; crash", columns);
            stage.event("exited");
            stage.shows("crashed");
            stage.rewraps(40);
            let sighting = stage.shows("crashed");
            let Seen::Crashed { words } = sighting.seen else {
                panic!("{sighting:?}")
            };
            assert!(!words.starts_with("Pane is dead"), "{profile}: {words}");
        }
    }
}

#[test]
fn a_played_agent_that_ends_in_order_is_seen_and_names_its_conversation() {
    for profile in PROFILES {
        let stage = Stage::plays(profile, "work 100ms; exit 3", 100);
        assert_eq!(stage.ends(), "3", "{profile}");
        stage.shows("crashed");
        let session = stage.profile.session_on(&stage.screen());
        let shown = (profile == "codex").then(|| stage.event("started")["session"].clone());
        let shown = shown.map(|id| id.as_str().unwrap().to_owned());
        assert_eq!(session, shown, "{profile}");
    }
}

/// Other pictures one after the other, and the same fingerprint.
#[test]
fn a_repainting_agent_has_one_fingerprint() {
    for profile in PROFILES {
        let stage = Stage::plays(profile, "work 700ms; repaint 90s", 100);
        stage.step("repaint 90s");
        let mut last = stage.other_picture(&stage.picture());
        let first = stage.fingerprint();
        for _ in 0..12 {
            last = stage.other_picture(&last);
            assert_eq!(stage.fingerprint(), first, "{profile}:\n{last}");
        }
    }
}

#[test]
fn a_working_agent_has_another_fingerprint_each_time() {
    for profile in PROFILES {
        let stage = Stage::plays(profile, "work 90s", 100);
        let mut last = stage.fingerprint();
        for _ in 0..4 {
            last = stage.until("other fingerprint", || {
                let next = stage.fingerprint();
                (next != last).then_some(next)
            });
        }
    }
}

/// For as long as another one would have drawn many times.
#[test]
fn a_stalled_agent_draws_nothing() {
    for profile in PROFILES {
        let stage = Stage::plays(profile, "work 700ms; stall", 100);
        stage.step("stall");
        let other = Stage::plays(profile, "repaint 90s", 100);
        let mut last = other.other_picture(&other.picture());
        let picture = stage.picture();
        for _ in 0..8 {
            last = other.other_picture(&last);
            assert_eq!(stage.picture(), picture, "{profile}");
        }
    }
}
