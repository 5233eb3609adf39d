//! `[hosts.NAME]` and `on`: other machines, and who runs there.

use std::{fs, path::Path};

use loopkeeper::{
    config::{self, Config, Host, On, Program},
    model::LauncherKind,
};

use crate::fixture::Machine;

/// A worker with these lines, and the host `pi`.
fn rig(lines: &str) -> String {
    format!("[hosts.pi]\nssh = 'pi'\n[workers.a]\ncommand = ['x']\n{lines}")
}

#[test]
fn a_host_is_what_its_table_says() {
    let machine = Machine::new();
    let config = machine.valid(
        "proxy = {}\n[hosts.pi]\nssh = 'me@pi.lan:2222'\nssh_config = 'ssh_config'\n\
         identity = '~/.ssh/pi'\npath = '/var/lib/loops'\nenvironment = { A = '1' }\nproxy = true\n\
         [hosts.attic]\nssh = 'attic'",
    );
    let host = |name: &str| config.hosts[name].clone();
    assert_eq!(
        host("pi"),
        Host {
            name: "pi".parse().unwrap(),
            ssh: "me@pi.lan:2222".parse().unwrap(),
            ssh_config: Some("/etc/loopkeeper/ssh_config".into()),
            identity: Some("/home/op/.ssh/pi".into()),
            path: "/var/lib/loops".into(),
            environment: [("A".to_owned(), "1".to_owned())].into(),
            proxy: true,
        }
    );
    assert_eq!(
        host("attic"),
        Host {
            name: "attic".parse().unwrap(),
            ssh: "attic".parse().unwrap(),
            ssh_config: None,
            identity: None,
            path: ".loopkeeper".into(),
            environment: [].into(),
            proxy: false,
        }
    );
}

#[test]
fn each_mistake_of_a_host_is_told() {
    let mut told = String::new();
    for text in [
        "[hosts.pi]",
        "[hosts.pi]\nshh = 'pi'",
        "[hosts]\npi = 'pi'",
        "[hosts.local]\nssh = 'pi'",
        "[hosts.auto]\nssh = 'pi'",
        "[hosts.'me@pi']\nssh = 'pi'",
        "[hosts.pi]\nssh = ''",
        "[hosts.pi]\nssh = '-oProxyCommand=x'",
        "[hosts.pi]\nssh = 'me:secret@pi'",
        "[hosts.pi]\nssh = 'pi:0'",
        "[hosts.pi]\nssh = 'ssh://pi/srv'",
        "[hosts.pi]\nssh = 'pi'\npath = '~/loops'\nenvironment = { LOOPKEEPER_X = '1' }",
        "[hosts.pi]\nssh = 'pi'\npath = '~'",
        "[hosts.pi]\nssh = 'pi'\npath = 'a/../..'",
        "[hosts.pi]\nssh = 'pi'\npath = ''",
        "[hosts.pi]\nssh = 'pi'\npath = \"a\\nb\"",
        "[hosts.pi]\nssh = 'pi'\nproxy = true",
        "[hosts.pi]\nssh = 'pi'\nproxy = 'yes'",
    ] {
        let file = format!("[workers.a]\ncommand = 'x'\n{text}");
        let wrong = Machine::new().wrong(&file).join("\n    ");
        told.push_str(&format!("{text}\n    {wrong}\n"));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_worker_is_on_the_host_that_it_or_the_defaults_name() {
    let machine = Machine::new();
    let on = |text: &str| machine.valid(text).workers["a"].on.clone();
    let pi = || On::Host("pi".parse().unwrap());
    assert_eq!(on(&rig("")), On::Local);
    assert_eq!(on(&rig("on = 'local'")), On::Local);
    assert_eq!(on(&rig("on = 'pi'")), pi());
    let defaults = "[defaults]\non = 'pi'\n";
    assert_eq!(on(&format!("{defaults}{}", rig(""))), pi());
    assert_eq!(on(&format!("{defaults}{}", rig("on = 'local'"))), On::Local);
}

#[test]
fn a_host_that_is_not_declared_is_told() {
    let wrong = |text: &str| Machine::new().wrong(text);
    let expects = "[\"local\" or a NAME of [hosts.NAME]]";
    let unknown = |is: &str, hint: &str| {
        format!("5: `workers.a.on` is \"{is}\", which is not declared {expects} {hint}")
    };
    for (is, hint) in [
        ("pii", "did you mean \"pi\"?"),
        ("locl", "did you mean \"local\"?"),
        ("attic", "there are local, pi"),
    ] {
        let text = rig(&format!("on = '{is}'"));
        assert_eq!(wrong(&text), [unknown(is, hint)]);
    }
    assert_eq!(
        wrong(&rig("on = 'auto'")),
        [format!(
            "5: `workers.a.on` is \"auto\", and placement by it is not there yet {expects} name a host"
        )]
    );
    let none = wrong("[workers.a]\ncommand = 'x'\non = 'attic'");
    assert!(none[0].ends_with("declare it: [hosts.attic]"), "{none:#?}");
    // What is wrong with a host is no mistake of who is there.
    let one = wrong("[hosts.pi]\n[workers.a]\ncommand = 'x'\non = 'pi'");
    assert_eq!(one.len(), 1, "{one:#?}");
    let one = wrong("[host.attic]\nssh = 'x'\n[workers.a]\ncommand = 'x'\non = 'attic'");
    assert_eq!(one.len(), 1, "{one:#?}");
    assert!(one[0].contains("did you mean `hosts`?"), "{one:#?}");
    // Of the defaults it is told once.
    let one =
        wrong("[defaults]\non = 'pi'\n[workers.a]\ncommand = 'x'\n[workers.b]\ncommand = 'x'");
    assert_eq!(one.len(), 1, "{one:#?}");
}

#[test]
fn what_a_host_adds_to_the_environment_is_between_that_of_all_and_that_of_one() {
    let text = "[defaults]\non = 'pi'\nenvironment = { A = 'all', B = 'all', C = 'all' }\n\
                [hosts.pi]\nssh = 'pi'\nenvironment = { B = 'pi', C = 'pi' }\n\
                [workers.a]\ncommand = 'x'\nenvironment = { C = 'a' }\n\
                [workers.b]\ncommand = 'x'\non = 'local'";
    let config = Machine::new().valid(text);
    let of = |name: &str| {
        let variables = config.workers[name].environment.iter();
        variables
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(of("a"), ["A=all", "B=pi", "C=a"]);
    assert_eq!(of("b"), ["A=all", "B=all", "C=all"]);
}

#[test]
fn paths_of_a_worker_are_those_of_its_host() {
    let machine = Machine::new();
    let of = |lines: &str| {
        let config = machine.valid(&rig(&format!("on = 'pi'\n{lines}")));
        let worker = config.workers["a"].clone();
        (worker.workdir, worker.worktree)
    };
    let path = |path: &str| Path::new(path).to_owned();
    assert_eq!(of(""), (path("."), None));
    assert_eq!(of("workdir = 'work/a'"), (path("work/a"), None));
    assert_eq!(of("workdir = '/srv/a'"), (path("/srv/a"), None));
    assert_eq!(
        of("worktree = './work//a/'"),
        (path("work/a"), Some(path("work/a")))
    );
    let program = |command: &str| {
        let text = rig("on = 'pi'").replace("['x']", command);
        match machine.valid(&text).workers["a"].program.clone() {
            Program::Command(command) => command.to_string(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(program("['./loop.sh', '~/x']"), "./loop.sh ~/x");
    assert_eq!(program("['/opt/loop']"), "/opt/loop");
    assert_eq!(program("'exec ~/loop'"), "/bin/sh -c exec ~/loop");
}

#[test]
fn what_a_worker_on_another_host_cannot_have_is_told() {
    let mut told = String::new();
    for text in [
        "launcher = 'process'",
        "launcher = 'systemd'",
        "launcher = 'screen'",
        "secrets = { key = '/run/secrets/key' }\nenvironment_from = ['key']",
        "systemd = { MemoryMax = '1G' }",
        "worktree = { path = 'a', repo = 'ssh://git@host/a.git' }",
        "worktree = '~/a'",
        "workdir = '../a'",
        "ready = { tcp = '127.0.0.1:80' }",
        "ready = { command = 'true' }",
        "ready = { socks = '127.0.0.1:80', file = 'x' }",
        "ready = 'output'",
        "alive = { tcp = '127.0.0.1:80' }",
        "command = ['~/bin/loop']",
    ] {
        let mut file = rig(&format!("on = 'pi'\n{text}"));
        if text.starts_with("command") {
            file = file.replace("command = ['x']\n", "");
        }
        let wrong = Machine::new().wrong(&file).join("\n    ");
        told.push_str(&format!("{text}\n    {wrong}\n"));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn an_agent_on_another_host_is_looked_at_and_its_heartbeat_is_there() {
    let lines = "on = 'pi'\nagent = 'claude'\nwatch = { heartbeat = 'run/beat' }\nbudget.turns = 3";
    let config = Machine::new().valid(&rig(lines));
    let worker = &config.workers.values().next().unwrap();
    assert!(worker.agent.is_some());
    assert_eq!(worker.watch.heartbeat, Some("run/beat".into()));
}

#[test]
fn a_worker_on_another_host_is_in_tmux_and_has_what_is_possible_there() {
    let machine = Machine::new();
    let defaults = "[defaults]\nlauncher = 'systemd'\nsystemd = { MemoryMax = '1G' }\n";
    let lines = "ready = { output = '^listening' }\nsecrets = {}\nsystemd = {}";
    for own in [
        "",
        "launcher = 'auto'\n",
        "launcher = 'tmux'\n",
        "kind = 'service'\n",
    ] {
        let text = format!("{defaults}{}", rig(&format!("on = 'pi'\n{own}{lines}")));
        let worker = machine.valid(&text).workers["a"].clone();
        assert_eq!(worker.launcher, LauncherKind::Tmux, "{own}");
        assert!(worker.systemd.is_empty(), "{own}");
    }
    let here = machine.valid(&format!("{defaults}{}", rig("")));
    assert_eq!(here.workers["a"].launcher, LauncherKind::Systemd);
}

#[test]
fn a_worktree_on_another_host_is_another_one() {
    let machine = Machine::new();
    let two = |a: &str, b: &str| {
        format!(
            "[hosts.pi]\nssh = 'pi'\n[hosts.attic]\nssh = 'attic'\n\
             [workers.a]\ncommand = ['x']\n{a}\n[workers.b]\ncommand = ['x']\n{b}\n"
        )
    };
    let tree = "worktree = '/srv/builder'";
    let on = |host: &str| format!("on = '{host}'\n{tree}");
    machine.valid(&two(tree, &on("pi")));
    machine.valid(&two(&on("attic"), &on("pi")));
    // What is a link here is none there.
    machine.valid(&two(&on("pi"), "on = 'pi'\nworktree = '/srv/link'"));
    assert_eq!(
        machine.wrong(&two(&on("pi"), &on("pi"))),
        [
            "12: worktree of `b` is that of `a`: /srv/builder on pi [a checkout that no other worker has] "
        ]
    );
    let same = two(
        "on = 'pi'\nworktree = 'work/a'",
        "on = 'pi'\nworktree = './work/a/'",
    );
    assert_eq!(machine.wrong(&same).len(), 1);
}

#[test]
fn nothing_is_missed_here_of_what_is_there() {
    let machine = Machine::new();
    let text = rig("on = 'pi'\nworktree = '/nowhere'\n").replace("['x']", "['./nothing.sh']");
    let config = machine.valid(&text);
    let worker = &config.workers["a"];
    assert_eq!(worker.lacks(&machine.env), []);
    assert!(worker.needs(&machine.env).is_empty());
    assert_eq!(
        config::doubts(&config, &machine.env),
        <[String; 0]>::default()
    );
    assert_eq!(worker.looked_up(&machine.env), *worker);
    // In the store of Nix there is another one, too.
    let text = rig("on = 'pi'").replace("['x']", "['/nix/store/x-y/bin']");
    fs::create_dir_all(machine.on_disk("/nix/store/x-y/bin")).unwrap();
    let config = machine.valid(&text);
    assert_eq!(
        config::doubts_elsewhere(&config, &machine.env),
        <[String; 0]>::default()
    );
    let empty = machine.valid(&rig(""));
    assert_eq!(
        config::doubts_elsewhere(&empty, &machine.env),
        ["no worker is on host pi: say on = \"pi\" in [workers.NAME]"]
    );
}

#[test]
fn another_host_is_another_definition() {
    let machine = Machine::new();
    let config = |text: &str| machine.valid(text);
    let rig = |host: &str, lines: &str| {
        format!(
            "[hosts.pi]\nssh = 'pi'\n{host}\n[hosts.attic]\nssh = 'attic'\n\
             [workers.a]\ncommand = ['x']\nworkdir = '/srv'\nlauncher = 'tmux'\n{lines}\n"
        )
    };
    let here = config(&rig("", ""));
    let pi = config(&rig("", "on = 'pi'"));
    let attic = config(&rig("", "on = 'attic'"));
    let with_path = config(&rig("environment = { PATH = '/opt' }", "on = 'pi'"));
    let elsewhere = config(&rig("path = '/var/loops'", "on = 'pi'"));
    let definition = |config: &Config| config.workers["a"].definition();
    assert_ne!(definition(&here), definition(&pi));
    assert_ne!(definition(&attic), definition(&pi));
    assert_ne!(definition(&with_path), definition(&pi));
    assert_eq!(definition(&elsewhere), definition(&pi));
    let words = |old, new| config::diff(old, new).to_string();
    assert_eq!(words(&here, &pi), "~ worker a: on (restarts)\n");
    assert_eq!(words(&pi, &attic), "~ worker a: on (restarts)\n");
    assert_eq!(
        words(&pi, &with_path),
        "~ worker a: environment (restarts)\n~ host pi\n"
    );
    assert_eq!(words(&pi, &elsewhere), "~ host pi\n= worker a\n");
    assert!(!config::diff(&pi, &elsewhere).is_empty());
}

#[test]
fn the_host_of_the_readme_is_right() {
    let readme = include_str!("../../README.md");
    let section = readme.split_once("## On other hosts").unwrap().1;
    let example = section.split_once("```toml\n").unwrap().1;
    let example = example.split_once("```").unwrap().0;
    let machine = Machine::new();
    let config = machine.valid(example);
    let worker = &config.workers["indexer"];
    assert_eq!(worker.on.as_str(), "attic");
    assert_eq!(worker.workdir, Path::new("work/index"));
    assert_eq!(worker.environment["PATH"], "/opt/bin:/usr/bin:/bin");
    assert_eq!(
        config::doubts(&config, &machine.env),
        <[String; 0]>::default()
    );
}
