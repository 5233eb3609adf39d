//! `[agents.NAME]`: agents of one's own, and what is different about known ones.

use loopkeeper::{agent::profile::Profile, config};

use crate::fixture::{EXAMPLE, Machine};

const WORKER: &str = "[workers.a]\ncommand = 'x'\n";

fn agent_of(machine: &Machine, text: &str) -> Profile {
    let rig = machine.valid(text);
    Profile::clone(rig.workers["a"].agent.as_ref().unwrap())
}

#[test]
fn of_a_known_agent_only_what_is_said_is_different() {
    let machine = Machine::new();
    let shipped = agent_of(&machine, &format!("{WORKER}agent = 'claude'"));
    assert_eq!(shipped, Profile::shipped("claude").unwrap());
    let file = format!(
        "{WORKER}agent = 'claude'\n[agents.claude]\ntyping.escape = true\n\
         [[agents.claude.limit]]\nline = '^my limit'"
    );
    let own = agent_of(&machine, &file);
    assert!(own.typing.escape && own.typing.bracketed);
    assert_eq!(own.limit.len(), shipped.limit.len() + 1);
    assert_eq!(own.limit[0].line.as_str(), "^my limit");
    assert_eq!((own.name, own.start), (shipped.name, shipped.start));
    // What extends it goes on from the one in the program.
    let other = "[agents.other]\nextends = 'claude'\n[agents.claude]\nreach = 3";
    let other = agent_of(&machine, &format!("{WORKER}agent = 'other'\n{other}"));
    assert_eq!(other.reach, shipped.reach);
}

#[test]
fn what_a_file_of_a_profile_says_a_table_says() {
    let machine = Machine::new();
    let name = "mytool";
    let table = EXAMPLE.split_once("[agents.mytool]").unwrap().1;
    let file = table.replace("agents.mytool.", "");
    let read = Profile::read(name, &file).unwrap();
    let text = format!("{WORKER}agent = 'mytool'\n[agents.mytool]{table}");
    assert_eq!(agent_of(&machine, &text), read);
    for name in loopkeeper::agent::profile::SHIPPED {
        let path = format!(
            "{}/src/agent/profiles/{name}.toml",
            env!("CARGO_MANIFEST_DIR")
        );
        let file = std::fs::read_to_string(path).unwrap();
        let mut table: toml::Table = file.parse().unwrap();
        let whole = agent_of(&machine, &rig_of(&table));
        assert_eq!(whole, Profile::read("own", &file).unwrap(), "{name}");
        table.insert("reach".into(), 999.into());
        assert_ne!(whole, agent_of(&machine, &rig_of(&table)), "{name}");
    }
}

/// A rig whose worker runs that agent.
fn rig_of(agent: &toml::Table) -> String {
    let own = toml::Table::from_iter([("own".to_owned(), agent.clone().into())]);
    let agents = toml::Table::from_iter([("agents".to_owned(), own.into())]);
    format!(
        "{WORKER}agent = 'own'\n{}",
        toml::to_string(&agents).unwrap()
    )
}

#[test]
fn each_mistake_of_an_agent_is_told() {
    let mut told = String::new();
    for text in [
        "extends = 'cluade'",
        "extend = 'generic'",
        "replace = ['buzy', 'limit']",
        "input.lime = '^> (?P<typed>.*)'",
        "input = '^> '",
        "input.line = '^> (.*)'",
        "input.line = '^> (?P<typed>.*'",
        "input.line = \"^\\\\> (?P<typed>.*\"",
        "input = { line = '^> (?P<typed>.*)', below = ['x', '[', ''] , boxed = 'no' }",
        "extends = 'generic'\nbusy = [{ line = '^x*', with = ['^é(?=y)'], live = 1 }, {}, 'z', { line = 'a*' }]",
        "extends = 'generic'\nbusy = { line = '^x' }",
        "extends = 'generic'\nlimit = [{ lines = '^x' }]",
        "extends = 'generic'\nentry = ''\nreach = 0\ncost = '^[$]'\nmoving = ['^x{9999}{9999}']",
        "extends = 'generic'\nsession = {}",
        "extends = 'generic'\nsession = { by = 'me' }",
        "extends = 'generic'\nsession = { by = 'chosen', start = ['-s'] }",
        "extends = 'generic'\nsession = { by = 'shown', shown = ['^id'], resume = [] }",
        "extends = 'generic'\ntyping.submit = '; rm'\nprograms = [1]",
    ] {
        let file = format!("proxy = {{}}\n[agents.mytool]\n{text}");
        let wrong = Machine::new().wrong(&file).join("\n    ");
        told.push_str(&format!("{text}\n    {wrong}\n"));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_broken_expression_is_shown_where_it_is_broken() {
    let file = "proxy = {}\n[agents.mytool]\nextends = 'generic'\n[[agents.mytool.busy]]\n\
                line = '^working (.*'\nwith = ['[a-z']\n";
    let complaints = Machine::new().parse(file).unwrap_err();
    insta::assert_snapshot!(complaints.render(false));
}

#[test]
fn who_is_meant_by_agent_is_looked_for_among_known_ones_and_own_ones() {
    let agents = "[agents.mytool]\nextends = 'generic'\n[agents.claude]\n";
    let wrong = |line: &str, agents: &str| {
        let file = format!("{WORKER}{line}\n{agents}");
        Machine::new().wrong(&file)
    };
    let expects =
        "[\"claude\", \"codex\", \"aider\", \"shell\", \"generic\", or a NAME of [agents.NAME]]";
    let all = "there are claude, codex, aider, shell, generic, mytool";
    assert_eq!(
        wrong("agent = 'mytol'", agents),
        [format!(
            "3: `workers.a.agent` is \"mytol\" {expects} did you mean \"mytool\"? {all}"
        )]
    );
    assert_eq!(
        wrong("agent = 'cursor'", agents),
        [format!(
            "3: `workers.a.agent` is \"cursor\" {expects} {all}"
        )]
    );
    // What is wrong with an agent is no mistake of who runs it.
    let one = wrong("agent = 'mytool'", "[agents.mytool]\nextends = 'x'");
    assert_eq!(one.len(), 1, "{one:#?}");
    let one = wrong("agent = 'mytool'", "[agent.mytool]\nextends = 'generic'");
    assert_eq!(one.len(), 1, "{one:#?}");
    assert!(one[0].contains("did you mean `agents`?"), "{one:#?}");
    let name = wrong("agent = 'generic'", "[agents.'a b']\nextends = 'generic'");
    assert!(
        name[0].starts_with("4: agent name `a b` is not valid"),
        "{name:#?}"
    );
}

#[test]
fn an_agent_that_nobody_runs_is_doubtful() {
    let machine = Machine::new();
    let own = "[agents.mytool]\nextends = 'generic'";
    let unused = format!("{WORKER}agent = 'claude'\n{own}");
    let doubt = "agent mytool is run by no worker: say agent = \"mytool\" in [workers.NAME]";
    let rig = machine.valid(&unused);
    assert!(config::doubts(&rig, &machine.env).contains(&doubt.to_owned()));
    assert_eq!(config::doubts_elsewhere(&rig, &machine.env), [doubt]);
    let used = machine.valid(&format!("{WORKER}agent = 'mytool'\n{own}"));
    assert_eq!(
        config::doubts_elsewhere(&used, &machine.env),
        <[String; 0]>::default()
    );
}

#[test]
fn another_profile_is_another_agent_of_who_goes_on() {
    let machine = Machine::new();
    let rig = |agents: &str| {
        let workers = "[workers.a]\ncommand = 'x'\nagent = 'claude'\n[workers.b]\ncommand = 'x'\nagent = 'codex'\n";
        machine.valid(&format!("{workers}{agents}"))
    };
    let plain = rig("");
    let own = rig("[agents.claude]\nreach = 7\n[agents.mytool]\nextends = 'generic'");
    let diff = config::diff(&plain, &own);
    assert_eq!(
        diff.to_string(),
        "~ worker a: agent (goes on)\n~ agent claude\n~ agent mytool\n= worker b\n"
    );
    let back = config::diff(
        &own,
        &rig("[agents.claude]\n[agents.mytool]\nextends = 'generic'"),
    );
    assert_eq!(back.agents, ["claude"]);
    assert_eq!(back.changed.len(), 1);
    // Of an agent that nobody runs, too, something is different.
    let unused = config::diff(&plain, &rig("[agents.mytool]\nextends = 'generic'"));
    assert!(!unused.is_empty() && unused.changed.is_empty());
}

#[test]
fn the_agent_of_the_readme_is_right() {
    let readme = include_str!("../../README.md");
    let section = readme.split_once("### An agent of one's own").unwrap().1;
    let example = section.split_once("```toml\n").unwrap().1;
    let example = example.split_once("```").unwrap().0;
    let machine = Machine::new();
    let rig = machine.valid(example);
    let agent = rig.workers["reviewer"].agent.as_ref().unwrap();
    assert_eq!(
        (agent.name.as_str(), agent.programs.as_slice()),
        ("mytool", &["mytool".to_owned()][..])
    );
    assert_eq!(agent.limit[0].line.as_str(), "^limit reached, resets ");
    assert_eq!(rig.agents["claude"].programs, ["claude", "claude-beta"]);
}

#[test]
fn only_who_has_a_conversation_is_unstuck_by_itself() {
    let machine = Machine::new();
    let nudged = |text: &str| {
        let file = format!("[workers.a]\ncommand = 'x'\n{text}");
        machine.valid(&file).workers["a"].unstick.nudge
    };
    for agent in ["claude", "codex", "aider"] {
        assert!(nudged(&format!("agent = '{agent}'")), "{agent}");
    }
    assert!(!nudged("agent = 'claude'\nunstick = { nudge = false }"));
    // A shell takes words for a command.
    for agent in ["shell", "generic"] {
        assert!(!nudged(&format!("agent = '{agent}'")), "{agent}");
        assert!(nudged(&format!(
            "agent = '{agent}'\nunstick = {{ tries = 3 }}"
        )));
    }
}
