use super::{Profile, SHIPPED, Session};
use crate::agent::screen::Screen;

const ID: &str = "5f0c7a52-6d0c-4a8c-8a7e-0d6a6e1c9d11";

fn error(text: &str) -> String {
    let errors = Profile::read("mine", text).unwrap_err();
    let lines = errors.iter().map(|error| {
        let help = error.help();
        assert!(!help.is_empty());
        format!("{error} / {help}\n")
    });
    lines.collect()
}

#[test]
fn shipped_agent_profiles_are_right() {
    for name in SHIPPED {
        let profile = Profile::shipped(name).unwrap();
        assert_eq!(profile.name, name);
        assert!(!profile.crash.is_empty(), "{name}");
        assert!(!profile.question.is_empty(), "{name}");
    }
}

#[test]
fn an_id_is_chosen_for_claude_and_used_again() {
    let claude = Profile::shipped("claude").unwrap();
    assert_eq!(claude.beginning(ID).unwrap(), ["--session-id", ID]);
    assert_eq!(claude.going_on(Some(ID)).unwrap(), ["--resume", ID]);
    // Never silently a new conversation.
    assert_eq!(claude.going_on(None), None);
    assert_eq!(claude.beginning("--help"), None);
    assert_eq!(claude.going_on(Some("a b")), None);
}

#[test]
fn the_id_of_codex_is_read_from_its_screen() {
    let codex = Profile::shipped("codex").unwrap();
    assert!(codex.beginning("").unwrap().is_empty());
    assert_eq!(codex.going_on(Some(ID)).unwrap(), ["resume", ID]);
    let screen = format!("To continue this session, run codex resume {ID}");
    assert_eq!(
        codex.session_on(&Screen::read(&screen, None)).as_deref(),
        Some(ID)
    );
    // What it quotes, and what another program prints in it, is further in.
    for quoted in [
        format!("• it says codex resume {ID}"),
        format!("  To continue this session, run codex resume {ID}"),
        format!("    codex resume {ID}"),
        format!("  Session:  {ID}"),
        format!("    │  Session:  {ID}  │"),
        format!("  └ session id: {ID}"),
        format!("    session id: {ID}"),
    ] {
        assert_eq!(
            codex.session_on(&Screen::read(&quoted, None)),
            None,
            "{quoted}"
        );
    }
}

#[test]
fn aider_keeps_its_session_and_a_shell_has_none() {
    let aider = Profile::shipped("aider").unwrap();
    assert_eq!(aider.going_on(None).unwrap(), ["--restore-chat-history"]);
    let shell = Profile::shipped("shell").unwrap();
    assert!(matches!(shell.session, Session::None));
    assert_eq!(shell.going_on(Some(ID)), None);
}

#[test]
fn a_file_goes_on_from_a_shipped_agent() {
    let text = "extends = \"claude\"\nstart = [\"my-claude\"]\n[typing]\nescape = true\n\
        [[limit]]\nline = '^my limit'\n";
    let mine = Profile::read("mine", text).unwrap();
    let claude = Profile::shipped("claude").unwrap();
    assert_eq!(
        (mine.start.as_slice(), mine.going_on(Some(ID)).unwrap()),
        (
            &["my-claude".to_owned()][..],
            vec!["--resume".to_owned(), ID.to_owned()]
        )
    );
    assert!(mine.typing.escape && mine.typing.bracketed);
    assert_eq!(mine.limit.len(), claude.limit.len() + 1);
    assert_eq!(mine.limit[0].line.as_str(), "^my limit");
    let alone = Profile::read("mine", &format!("replace = [\"limit\"]\n{text}")).unwrap();
    assert_eq!(alone.limit.len(), 1);
    // An agent may be replaced under its own name.
    assert!(Profile::read("claude", "extends = \"claude\"").is_ok());
}

#[test]
fn mistakes_name_the_key_and_what_helps() {
    let base = "extends = \"generic\"\n";
    let cases = [
        (
            "extends = \"cluade\"",
            "extends: \"cluade\" does not exist",
            "claude is probably meant",
        ),
        ("", "input.line: missing", "extends = \"generic\""),
        ("bussy = []", "unknown field `bussy`", "extends"),
        ("reach = \"far\"", "reach", "extends"),
        (
            "[[busy]]\nline = '^('",
            "busy[0].line: not a regular expression",
            "single quotes",
        ),
        (
            "[[busy]]\nline = '^x'\nwith = ['y*']",
            "busy[0].with[0]: 'y*' matches where nothing",
            "begin it with ^",
        ),
        (
            "[input]\nline = '^>'",
            "input.line: has no capture typed",
            "(?P<typed>…)",
        ),
        ("cost = '^\\$'", "cost: has no capture cost", "(?P<cost>…)"),
        (
            "[typing]\nsubmit = \"; rm\"",
            "typing.submit: \"; rm\" is no key",
            "Enter",
        ),
        (
            "[session]\nby = \"chosen\"\nstart = [\"-s\"]",
            "session.start: has no {session}",
            "put {session}",
        ),
        (
            "[session]\nby = \"shown\"\nresume = [\"{session}\"]",
            "session.shown: missing",
            "(?P<session>…)",
        ),
        (
            "[session]\nby = \"kept\"",
            "session.resume: needs arguments",
            "kept",
        ),
        (
            "[session]\nby = \"nobody\"\nresume = [\"-c\"]",
            "session.resume: has no use",
            "chosen",
        ),
        ("[session]\nby = \"me\"", "unknown variant `me`", "extends"),
        ("replace = [\"all\"]", "unknown variant `all`", "extends"),
    ];
    for (text, what, help) in cases {
        let text = if text.is_empty() || text.starts_with("extends") {
            text.to_owned()
        } else {
            format!("{base}{text}")
        };
        let error = error(&text);
        assert!(error.contains(what), "{text}\n{error}");
        assert!(error.contains(help), "{text}\n{error}");
    }
    assert!(Profile::shipped("codx").is_none());
}

#[test]
fn every_mistake_of_a_profile_is_told() {
    let text = "extends = \"generic\"\ncost = '^x'\n[typing]\nsubmit = \"; rm\"\n[session]\nby = \"kept\"\n\
        [[busy]]\nline = '^('\nwith = ['', '^y']\n[[limit]]\nline = 'z?'\n";
    let told = error(text);
    let keys = told
        .lines()
        .filter_map(|line| line.strip_prefix("profile mine: "));
    let keys: Vec<_> = keys.filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(
        keys,
        [
            "typing.submit",
            "session.resume",
            "busy[0].with[0]",
            "busy[0].line",
            "limit[0].line",
            "cost"
        ]
    );
}

#[test]
fn agents_are_the_same_where_the_same_is_written() {
    let read = |name, text| Profile::read(name, text).unwrap();
    let claude = Profile::shipped("claude").unwrap();
    assert_eq!(read("claude", "extends = \"claude\""), claude);
    assert_ne!(read("mine", "extends = \"claude\""), claude);
    assert_ne!(read("claude", "extends = \"claude\"\nreach = 3"), claude);
}

#[test]
fn only_the_agent_is_typed_to() {
    let claude = Profile::shipped("claude").unwrap();
    assert!(claude.is_program("claude"));
    assert!(!claude.is_program("vim"));
    assert!(Profile::shipped("generic").unwrap().is_program("vim"));
}

#[test]
fn what_an_agent_has_cost_is_read_from_the_lowest_line() {
    let aider = Profile::shipped("aider").unwrap();
    let text = "Tokens: 8k sent. Cost: $0.03 message, $0.06 session.\n\
        Tokens: 9k sent. Cost: $0.03 message, $1,204.50 session.\n>";
    assert_eq!(aider.cost(&Screen::read(text, None)), Some(1204.5));
    assert_eq!(aider.turns(&Screen::read(text, None)), None);
    let counted = "extends = \"generic\"\nturns = '^turn (?P<turns>\\d+)'";
    let counted = Profile::read("mine", counted).unwrap();
    let turns = |text| counted.turns(&Screen::read(text, None));
    assert_eq!(turns("turn 6\nturn 7\n"), Some(7));
    assert_eq!(turns("turn 18446744073709551615\n"), None);
}

#[test]
fn an_agent_that_turns_its_spinner_has_the_same_fingerprint() {
    let claude = Profile::shipped("claude").unwrap();
    let print = |status: &str| {
        claude.fingerprint(&Screen::read(&format!("⏺ Reading\n\n{status}\n\n"), None))
    };
    let first = print("✻ Brewing… (12s · ↓ 1.2k tokens)");
    assert_eq!(
        first,
        print("✽ Hullaballooing… (2m 3s · ↓ 9.9k tokens · esc to interrupt)")
    );
    assert_ne!(first, print("⏺ Writing"));
}

#[test]
fn a_spinner_of_several_words_is_no_work() {
    let claude = Profile::shipped("claude").unwrap();
    let print = |text: &str| claude.fingerprint(&Screen::read(text, None));
    let still = print("⏺ Read 1 file");
    for spins in [
        "✻ Brewing… (3s)",
        "* Reading the golden files… (1m02s · ↓ 1.2k tokens)",
        "+ Reading the golden files…",
        "✽ Writing the tests... (12s)",
    ] {
        assert_eq!(
            print(&format!("⏺ Read 1 file\n\n{spins}")),
            still,
            "{spins}"
        );
    }
    assert_ne!(print("⏺ Read 1 file\n\n* Reading... is done"), still);
}
