//! What a reload touches.

use loopkeeper::config::{Diff, diff};

use crate::fixture::{EXAMPLE, Machine};

fn between(old: &str, new: &str) -> Diff {
    let machine = Machine::new();
    diff(&machine.valid(old), &machine.valid(new))
}

fn worker(keys: &str) -> String {
    format!("[workers.a]\ncommand = 'x'\n{keys}\n")
}

/// The one change between two files that have one worker.
fn change(old: &str, new: &str) -> (Vec<String>, bool) {
    let diff = between(old, new);
    let [change] = diff.changed.as_slice() else {
        panic!("{diff:?}")
    };
    (change.keys.clone(), change.restart)
}

#[test]
fn the_same_rig_touches_nothing() {
    let diff = between(EXAMPLE, EXAMPLE);
    assert!(diff.is_empty());
    assert_eq!(diff.unchanged.len(), 4);
    // Written in another way, it is still the same.
    let diff = between(
        "[workers.a]\ncommand = ['make']\nrestart = 'always'\nstop.grace = '1m'",
        "workers.a = { stop = { grace = '60 seconds' }, command = ['make'] }",
    );
    assert!(diff.is_empty(), "{diff}");
}

#[test]
fn a_program_is_what_was_written_and_not_where_it_is_found() {
    let named = "[workers.a]\ncommand = ['make']";
    let mut machine = Machine::new();
    let before = machine.valid(named);
    machine.env.path.insert(0, "/usr/local/bin".into());
    machine.write("/usr/local/bin/make", "#!/bin/sh\n", 0o755);
    let diff = diff(&before, &machine.valid(named));
    assert!(diff.is_empty(), "{diff}");
    for other in ["none", "/usr/bin/make"] {
        let other = format!("[workers.a]\ncommand = ['{other}']");
        assert_eq!(change(named, &other), (vec!["command".to_owned()], true));
    }
}

#[test]
fn only_what_a_running_process_cannot_learn_restarts_it() {
    for (keys, key) in [
        ("workdir = '/srv/builder'", "workdir"),
        ("environment = { A = '1' }", "environment"),
        ("launcher = 'process'", "launcher"),
        ("systemd.MemoryMax = '1G'", "systemd"),
        ("secrets.a = '/x'", "secrets"),
    ] {
        let changed = change(&worker(""), &worker(keys));
        assert_eq!(changed, (vec![key.to_owned()], true), "{keys}");
    }
    let with = |keys| worker(&format!("secrets = {{ a = '/x', b = '/y' }}\n{keys}"));
    let (keys, restart) = change(&with(""), &with("environment_from = ['b']"));
    assert_eq!((keys, restart), (vec!["environment_from".to_owned()], true));
    let (keys, restart) = change(&worker(""), "[workers.a]\ncommand = 'y'");
    assert_eq!((keys, restart), (vec!["command".to_owned()], true));
    let (keys, restart) = change(&worker(""), &worker("worktree = '/srv/builder'"));
    assert_eq!(keys, ["workdir", "worktree"]);
    assert!(restart);
    let at = |keys: &str| worker(&format!("workdir = '/srv'\nworktree = {keys}"));
    let made = at("{ path = '/srv/builder', repo = '/srv/repo.git' }");
    let moved = at("{ path = '/srv/other', repo = '/srv/repo.git' }");
    assert_eq!(change(&made, &moved), (vec!["worktree".to_owned()], true));
    // From where it is made counts at the next start.
    for other in [
        "'/srv/builder'",
        "{ path = '/srv/builder', repo = '/srv/other.git' }",
    ] {
        let changed = change(&made, &at(other));
        assert_eq!(changed, (vec!["worktree".to_owned()], false), "{other}");
    }
}

#[test]
fn changed_rules_leave_the_worker_running() {
    for (keys, key) in [
        ("restart = 'never'", "restart"),
        ("backoff.first = '2s'", "backoff"),
        ("budget.restarts = 1", "budget"),
        ("stop.signal = 'HUP'", "stop"),
        ("ready.tcp = 'h:1'", "ready"),
        ("alive.tcp = 'h:1'", "alive"),
        ("agent = 'codex'", "agent"),
        ("requires = ['b']", "requires"),
        ("phases = ['1']", "phases"),
        ("on_phase = 'keep'", "on_phase"),
        ("on_secret_change = 'HUP'", "on_secret_change"),
        ("keep_output = '1MiB'", "keep_output"),
        ("keep_attempts = 1", "keep_attempts"),
    ] {
        let rest = "[workers.b]\ncommand = 'x'\n[[plan.phases]]\nid = '1'";
        let with = |keys| format!("{}{rest}", worker(keys));
        let changed = change(&with(""), &with(keys));
        assert_eq!(changed, (vec![key.to_owned()], false), "{keys}");
    }
    let agent = worker("agent = 'codex'");
    let watched = worker("agent = 'codex'\nwatch.slow = '5m'");
    assert_eq!(change(&agent, &watched), (vec!["watch".to_owned()], false));
    let old = worker("launcher = 'tmux'\non_phase = 'keep'");
    let new = worker("launcher = 'tmux'\non_phase = 'keep'\nkind = 'service'");
    assert_eq!(change(&old, &new), (vec!["kind".to_owned()], false));
}

#[test]
fn every_change_of_a_proxy_restarts_it_and_is_named_by_its_own_keys() {
    for (keys, key) in [
        ("listen = '127.0.0.1:9'", "listen"),
        ("auth = 'proxy-users'", "auth"),
        ("allow = ['*']", "allow"),
        ("deny = ['*']", "deny"),
        ("upstream = 'h:1'", "upstream"),
        ("max_connections = 1", "max_connections"),
        ("idle = '1s'", "idle"),
        ("handshake = '1s'", "handshake"),
        ("connect = '1s'", "connect"),
        ("drain = '1s'", "drain"),
    ] {
        let changed = change("[proxy]", &format!("[proxy]\n{keys}"));
        assert_eq!(changed, (vec![key.to_owned()], true), "{keys}");
    }
    let tailscale = "[proxy]\nkind = 'tailscale'\nstate = '/x'\n";
    assert_eq!(
        change("[proxy]", tailscale),
        (vec!["kind".to_owned()], true)
    );
    for (keys, key) in [
        ("listen = '127.0.0.1:9'", "listen"),
        ("auth_key = 'tailscale-key'", "auth_key"),
        ("hostname = 'h'", "hostname"),
        ("arguments = ['x']", "arguments"),
    ] {
        let changed = change(tailscale, &format!("{tailscale}{keys}"));
        assert_eq!(changed, (vec![key.to_owned()], true), "{keys}");
    }
}

#[test]
fn the_whole_difference_is_told_line_by_line() {
    let old = "
        [rig]
        notify = 'mail'
        [proxy]
        [plan]
        phases = [{ id = '1' }, { id = '2' }, { id = '3' }, { id = '4', brief = 'a' }]
        [workers.gone]
        command = 'x'
        [workers.same]
        command = 'x'
        [workers.other]
        command = 'x'
        [workers.rules]
        command = 'x'";
    let new = "
        [rig]
        name = 'new'
        [proxy]
        [plan]
        resume = 'manual'
        phases = [{ id = '2' }, { id = '1' }, { id = '5' }, { id = '4', brief = 'b' }]
        [workers.new]
        command = 'x'
        [workers.same]
        command = 'x'
        [workers.other]
        command = 'y'
        environment = { A = '1' }
        [workers.rules]
        command = 'x'
        restart = 'never'";
    let diff = between(old, new);
    insta::assert_snapshot!(diff);
    let json = serde_json::to_string(&diff).unwrap();
    assert_eq!(serde_json::from_str::<Diff>(&json).unwrap(), diff);
}
