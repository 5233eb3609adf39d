//! What somebody meant: a name that is not there is one mistake, and a number that may be two phases
//! is doubted.

use loopkeeper::config;

use crate::fixture::Machine;

/// The one mistake of a file.
fn one(text: &str) -> String {
    let wrong = Machine::new().wrong(text);
    let [line] = wrong.as_slice() else {
        panic!("{text}\n{wrong:#?}")
    };
    line.clone()
}

#[test]
fn a_misspelt_table_or_key_is_not_missing_as_well() {
    for (text, cause) in [
        (
            "[worker.builder]\ncommand = ['make']",
            "1: key `worker` is unknown at the top of the file",
        ),
        ("[prox]", "1: key `prox` is unknown at the top of the file"),
        (
            "[[plan.phase]]\nid = 'p'\n[workers.a]\ncommand = ['make']\nphases = ['p']",
            "1: key `phase` is unknown in `plan`",
        ),
        (
            "[workers.a]\ncomand = ['make']",
            "2: key `comand` is unknown in `workers.a`",
        ),
        (
            "[prxy]\n[workers.a]\ncommand = ['make']\nrequires = ['proxy']",
            "1: key `prxy` is unknown at the top of the file",
        ),
        (
            "[worker.b]\ncommand = ['make']\n[workers.a]\ncommand = ['make']\nrequires = ['b']",
            "1: key `worker` is unknown at the top of the file",
        ),
    ] {
        let said = one(text);
        assert!(
            said.starts_with(cause) && said.contains("did you mean"),
            "{text}\n{said}"
        );
    }
    // What is unlike everything hides nothing, and what is like something is not hidden.
    let wrong = Machine::new().wrong(
        "[worker.b]\ncommand = ['make']\n[workers.a]\ncommand = ['make']\nrequires = ['alf']\n\
         [workers.alfred]\ncommand = ['make']",
    );
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    let wrong = Machine::new().wrong("[workers.a]\nxyz = 1");
    assert_eq!(wrong.len(), 2, "{wrong:?}");
}

#[test]
fn what_other_supervisors_call_it_is_understood() {
    let worker = |line: &str| format!("[workers.a]\ncommand = ['make']\n{line}");
    for (key, meant) in [
        ("depends_on = ['b']", "requires"),
        ("autorestart = true", "restart"),
        ("dir = '/srv'", "workdir"),
        ("cwd = '/srv'", "workdir"),
        ("directory = '/srv'", "workdir"),
        ("env = { A = '1' }", "environment"),
        ("daily = { cost = 20 }", "budget"),
    ] {
        let said = one(&worker(key));
        assert!(said.contains(&format!("did you mean `{meant}`?")), "{said}");
    }
    assert!(one("[workers.a]\ncmd = 'make'").contains("did you mean `command`?"));
    assert!(one("[program.x]\ncommand = 'make'").contains("did you mean `workers`?"));
    let said = one(&worker("autostart = false"));
    assert!(said.contains("not supported yet: "), "{said}");
    let said = one(&worker("user = 'ci'"));
    assert!(said.contains("systemd = { User = "), "{said}");
    // A word from elsewhere is offered only where the key is.
    assert!(!one("[proxy]\nenv = {}").contains("environment"));
}

#[test]
fn a_key_in_a_table_too_high_or_too_low_is_told_where_it_belongs() {
    let agent = "[workers.a]\nagent = 'claude'";
    for (line, places) in [
        ("then = 'restart'", "`workers.a.unstick`"),
        ("cost = 20", "`workers.a.budget`"),
        ("rounds = 3", "`workers.a.handoff` or `workers.a.breaker`"),
        ("watch = { phases = [] }", "`workers.a`"),
        ("budget = { breaker = { rounds = 3 } }", "`workers.a`"),
    ] {
        let said = one(&format!("{agent}\n{line}"));
        assert!(
            said.ends_with(&format!(" it belongs in {places}")),
            "{said}"
        );
    }
    let said = one(&format!("{agent}\n[[plan.phases]]\nid = 'p'\nfile = 'x'"));
    assert!(
        said.ends_with(" it belongs in `plan.phases[0].until`"),
        "{said}"
    );
}

#[test]
fn an_agent_that_is_not_known_is_one_mistake() {
    let said = one("[workers.a]\nagent = 'Claude'");
    assert!(said.contains("did you mean \"claude\"?"), "{said}");
    let wrong = Machine::new().wrong("[workers.a]\nagent = 'generic'");
    assert!(wrong[0].contains("key `command` is missing"), "{wrong:?}");
}

#[test]
fn a_number_without_a_unit_is_given_that_of_the_default() {
    let worker = |line: &str| format!("[workers.a]\ncommand = ['make']\n{line}");
    for (line, hint) in [
        (
            "budget = { window = '10' }",
            "did you mean \"10m\" or \"10s\"?",
        ),
        (
            "budget = { window = 10 }",
            "did you mean \"10m\" or \"10s\"?",
        ),
        ("stop = { grace = '10' }", "did you mean \"10s\"?"),
        (
            "ready = { tcp = 'h:1', every = 200 }",
            "did you mean \"200ms\" or \"200s\"?",
        ),
    ] {
        let said = one(&worker(line));
        assert!(said.ends_with(hint), "{line}: {said}");
    }
}

#[test]
fn one_mistake_is_said_once() {
    let machine = Machine::new();
    let shown = |text: &str| machine.parse(text).unwrap_err().render(false);
    let one = shown("[workers.a]\ncomand = 'make'");
    assert_eq!(one.matches("is unknown").count(), 1, "{one}");
    assert!(one.contains("loopkeeper.toml:2:1"), "{one}");
    // Where the line cannot be shown, the place is.
    let long = shown(&format!("{} = 1\n[proxy]", "a".repeat(500)));
    assert!(long.contains("loopkeeper.toml:1:1"), "{long}");
    let two = shown("[workers.a]\ncomand = 'make'\nx = 1");
    assert!(two.ends_with("loopkeeper.toml: 2 mistakes\n"), "{two}");
}

#[test]
fn an_id_that_is_the_number_of_another_phase_is_doubted() {
    let machine = Machine::new();
    let doubts = |ids: &[&str]| {
        let phases: String = ids
            .iter()
            .map(|id| format!("[[plan.phases]]\nid = '{id}'\n"))
            .collect();
        config::doubts(&machine.valid(&format!("[proxy]\n{phases}")), &machine.env)
    };
    let swapped = doubts(&["2", "1"]);
    assert_eq!(swapped.len(), 2, "{swapped:?}");
    assert!(
        swapped[0].starts_with("phase 2 is number 1 of the plan, and number 2 is phase 1: "),
        "{swapped:?}"
    );
    // Where no other phase has the number, nobody means another.
    for right in [&["1", "2"][..], &["7"], &["0", "a"], &["1a", "2b"]] {
        assert!(doubts(right).is_empty(), "{right:?}");
    }
}
