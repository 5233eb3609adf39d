//! Words that are no verbs.

use crate::scripted::Home;

fn complaint(program: &str, word: &str) -> String {
    let home = Home::new();
    let program = assert_cmd::cargo::cargo_bin(program);
    let output = assert_cmd::Command::new(program)
        .env_clear()
        .env("HOME", home.path())
        .arg(word)
        .assert()
        .code(2)
        .stdout("");
    String::from_utf8(output.get_output().stderr.clone()).unwrap()
}

#[test]
fn the_words_of_supervisord_lead_to_the_verb_that_does_the_same() {
    for (theirs, ours) in [
        ("update", "reload"),
        ("reread", "reload"),
        ("tail", "logs"),
        ("fg", "attach"),
        ("avail", "status"),
    ] {
        let said = complaint("supervisorctl", theirs);
        let tip = format!("\n  tip: a similar subcommand exists: '{ours}'\n");
        assert!(said.contains(&tip), "{theirs}: {said}");
    }
}

#[test]
fn what_nobody_types_is_not_suggested() {
    let near = [
        "pan",
        "recrod",
        "proxy-redy",
        "thruogh-proxy",
        "deamon",
        "becom",
        "exce",
    ];
    for program in ["supervisorctl", "loopkeeperd"] {
        for word in near {
            let said = complaint(program, word);
            assert!(said.contains(&format!("'{word}'")), "{said}");
            for role in [
                "proxy-ready",
                "through-proxy",
                "pane",
                "record",
                "exec",
                "become",
                "daemon",
            ] {
                assert!(!said.contains(&format!("'{role}'")), "{program}: {said}");
            }
        }
    }
    let said = complaint("supervisorctl", "stauts");
    assert!(said.contains("'status'"), "{said}");
}
