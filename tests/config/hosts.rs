//! `[hosts.NAME]` and `on`: other machines, and who runs there.

use loopkeeper::config::{Host, On};

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
