//! Whole files with many mistakes: the words, the places and the order are the contract.

use loopkeeper::config;

use crate::fixture::Machine;

fn rendered(text: &str) -> String {
    let complaints = Machine::new()
        .parse(text)
        .expect_err("a file with mistakes");
    complaints.render(false)
}

#[test]
fn every_mistake_of_a_file_is_told_at_once() {
    insta::assert_snapshot!(rendered(include_str!("mistakes.toml")));
}

#[test]
fn each_mistake_of_the_proxies_is_told() {
    for (name, text) in [
        ("open", "[proxy]\nlisten = '0.0.0.0:1055'"),
        ("mapped", "[proxy]\nlisten = '[::ffff:10.0.0.1]:1055'"),
        (
            "tailscale_open",
            "[proxy]\nkind = 'tailscale'\nlisten = '10.0.0.1:1055'\nstate = '/x'\nauth = 'proxy-users'",
        ),
        ("name_for_address", "[proxy]\nlisten = 'localhost:1055'"),
        (
            "no_port",
            "[proxy]\nlisten = '127.0.0.1'\nupstream = 'gateway'",
        ),
        (
            "port_0",
            "[proxy]\nlisten = '127.0.0.1:0'\nupstream = '::1:9'",
        ),
        ("credentials", "[proxy]\nauth = 'nobody'"),
        ("credential_path", "[proxy]\nauth = '../etc/shadow'"),
        ("no_state", "[proxy]\nkind = 'tailscale'\nhostname = 'a b'"),
        (
            "no_command",
            "[proxy]\nkind = 'command'\nmax_connections = 3",
        ),
        ("kind", "[proxy]\nkind = 'bultin'"),
    ] {
        insta::assert_snapshot!(name, Machine::new().wrong(text).join("\n"));
    }
}

#[test]
fn each_mistake_of_a_worker_is_told() {
    let mut told = String::new();
    for text in [
        "requires = ['a']",
        "requires = ['proxy']",
        "requires = ['watchdog']",
        "requires = 'proxy'",
        "phases = []",
        "phases = ['x']",
        "workdir = '/srv/builder/notes.txt'",
        "workdir = ''",
        "environment = { '' = 'x', A = \"\\u0000\" }",
        "environment.RESUME_PHASE = '1'",
        "backoff = { first = '-1s', most = '0s', jitter = 101 }",
        "backoff.first = '6m'",
        "budget.window = '0s'",
        "ready = { tcp = 'h:1', every = '1ms' }",
        "ready = {}",
        "ready = { command = ['./missing'] }",
        "alive = { socks = 'a b:1', every = '9000h' }",
        "keep_output = '16 elephants'",
        "keep_output = 1048576",
        "keep_attempts = 99999999999999999999999999999999999999999",
        "launcher = 'screen'",
        "restart = ''",
        "stop = 'SIGTERM'",
        "stop = { grace = -1 }",
        "stop = { grace = '-1' }",
        "secrets = { 'a/b' = '/x', c = '' }",
        "secrets.git = '/x'\nenvironment_from = ['gti', 'x']",
        "secrets = { a-b = '/x', a_b = '/y', 1a = '/z', loopkeeper_x = '/z', lang = '/z' }\n\
         environment.LANG = 'C'\nenvironment_from = ['a-b', 'a_b', '1a', 'loopkeeper_x', 'lang']",
        "on_secret_change = 'reload'",
        "environment.CREDENTIALS_DIRECTORY = '/x'",
        "systemd = 'MemoryMax=2G'",
        "systemd = { MemoryMax = '2X', Nice = 20, UMask = 18, PrivateTmp = 1.5, MemroyMax = '1G' }",
        "systemd = { Restart = 'always', DynamicUser = true, Whatever = 1, SystemCallFilter = [1] }",
        "systemd = { ReadOnlyPaths = ['/etc', 'var'], ReadWritePaths = '-srv', MemoryMax = ['2G'], SystemCallFilter = [] }",
        "systemd = { SystemCallFilter = ['ptrace:EPERM'], RestrictAddressFamilies = ['AF_INET', 'AF_INTE6'] }",
        "systemd = { SystemCallFilter = ['~ptrace', 'x:EWHAT'], SystemCallArchitectures = ['x86_64'] }",
        "systemd = { CapabilityBoundingSet = ['CAP_KILL', 'KILL'], RestrictNamespaces = ['user', 'users'] }",
        "systemd = { User = 'a:b', SupplementaryGroups = ['adm', '65535'], MemoryMax = 2, TasksMax = 0 }",
        "systemd = { LimitNOFILE = 1, LimitFSIZE = '1K', MemoryHigh = 0 }",
    ] {
        let file = format!("[workers.a]\ncommand = 'x'\n{text}");
        told.push_str(&format!(
            "{text}\n    {}\n",
            Machine::new().wrong(&file).join("\n    ")
        ));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn each_mistake_of_a_command_is_told() {
    let mut told = String::new();
    for text in [
        "command = ''",
        "command = []",
        "command = ['']",
        "command = [1, 2]",
        "command = ['make', \"\\u0000\"]",
        "command = ['maek']",
        "command = ['loop.sh']",
        "command = ['./loops.sh']",
        "command = ['/srv/builder/notes.txt']",
        "command = ['/srv/builder']",
        "command = ['/srv/builder/notes.txt/x']",
    ] {
        let file = format!("[workers.a]\n{text}");
        told.push_str(&format!(
            "{text}\n    {}\n",
            Machine::new().wrong(&file).join("\n    ")
        ));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn each_mistake_across_the_file_is_told() {
    let mut told = String::new();
    let workers = |lines: [&str; 3]| {
        let [a, b, c] = lines;
        format!(
            "[workers.a]\ncommand = 'x'\n{a}\n[workers.b]\ncommand = 'x'\n{b}\n[workers.c]\ncommand = 'x'\n{c}"
        )
    };
    for lines in [
        ["requires = ['b']", "requires = ['c']", "requires = ['a']"],
        [
            "requires = ['b']",
            "requires = ['a', 'c']",
            "requires = ['b']",
        ],
        [
            "worktree = '/srv/builder'",
            "worktree = '/srv/link'",
            "worktree = '/srv/builder/.'",
        ],
        [
            "worktree = '/srv/builder/sub'",
            "worktree = '/srv/link'",
            "",
        ],
        // What is wrong with one worker is no mistake of those that need it.
        ["requires = ['b']", "kind = 'x'", "requires = ['a']"],
    ] {
        let wrong = Machine::new().wrong(&workers(lines));
        told.push_str(&format!(
            "{}\n    {}\n",
            lines.join(" | "),
            wrong.join("\n    ")
        ));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn what_the_machine_lacks_is_told() {
    let mut told = String::new();
    let mut tell = |machine: &Machine, text: &str| {
        told.push_str(&format!(
            "{text}\n    {}\n",
            machine.wrong(text).join("\n    ")
        ));
    };
    let mut machine = Machine::new();
    machine.env.home = None;
    machine.env.host_name = "(none)".to_owned();
    machine.env.credentials = config::Credentials::None;
    tell(&machine, "workers.a.command = ['~/bin/tool']");
    tell(&machine, "rig.name = 'x'\n[proxy]\nauth = 'proxy-users'");
    machine.env.path = Vec::new();
    tell(&machine, "rig.name = 'x'\nworkers.a.command = 'x'");
    tell(
        &machine,
        "rig.name = 'x'\nworkers.a = { command = 'x', launcher = 'tmux' }",
    );
    tell(
        &machine,
        "rig.name = 'x'\n[proxy]\nkind = 'tailscale'\nstate = 'x'",
    );
    insta::assert_snapshot!(told);
}

#[test]
fn what_is_missing_in_several_places_is_one_mistake() {
    let file = "[workers.a]\ncommand = ['none']\nworkdir = '/none'\nworktree = '/none'\n\
                [workers.b]\ncommand = ['none']\n";
    let machine = Machine::new();
    let told = machine.wrong(file);
    let about = |what: &str| told.iter().filter(|line| line.contains(what)).count();
    assert_eq!(
        (about("not in PATH"), about("/none"), told.len()),
        (1, 1, 2),
        "{told:#?}"
    );
}

#[test]
fn each_mistake_of_the_plan_is_told() {
    let mut told = String::new();
    for text in [
        "phases = ['1d']",
        "phases = [{ id = '' }]",
        "phases = [{ id = '1', until = {} }]",
        "phases = [{ id = '1', until = { line = 'x' } }]",
        "phases = [{ id = '1', until = { file = 'f', line = ' ' } }]",
        "phases = [{ id = '1', until = { file = 'f', every = '1m' } }]",
        "phases = [{ id = '1', until = { command = 'x', line = 'y' } }]",
        "phases = [{ id = '1', until = 1 }]",
        "phases.id = '1'",
    ] {
        let file = format!("proxy = {{}}\n[plan]\n{text}");
        told.push_str(&format!(
            "{text}\n    {}\n",
            Machine::new().wrong(&file).join("\n    ")
        ));
    }
    insta::assert_snapshot!(told);
}
