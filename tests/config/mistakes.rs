//! Whole files with many mistakes: the words, the places and the order are the contract.

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
        "workdir = ''",
        "environment = { '' = 'x', A = \"\\u0000\" }",
        "environment.RESUME_PHASE = '1'",
        "backoff = { first = '-1s', most = '0s', jitter = 101 }",
        "backoff.first = '6m'",
        "budget.window = '0s'",
        "budget = { turns = 5, cost = 1 }",
        "agent = 'generic'\nbudget = { turns = 0, time = '0s', cost = 20 }",
        "agent = 'claude'\nbudget = { cost = -1.5 }",
        "budget = { time = '30h' }",
        "budget = { time = '24h 1ms' }",
        "ready = { tcp = 'h:1', every = '1ms' }",
        "ready = {}",
        "ready = { command = [] }",
        "alive = { socks = 'a b:1', every = '9000h' }",
        "agent = 'cursor'",
        "kind = 'service'\nagent = 'codex'",
        "launcher = 'process'\nagent = 'codex'",
        "watch = { slow = '5m' }",
        "conversation = 'kept'",
        "agent = 'claude'\nconversation = 'same'",
        "agent = 'shell'\nconversation = 'kept'",
        "agent = 'claude'\nconversation = 'phase'",
        "agent = 'codex'\nwatch = { slow = '1h', stuck = '1h' }",
        "agent = 'codex'\nwatch = { slow = '30s' }",
        "limit = { margin = '0s' }",
        "agent = 'codex'\nlimit = { text = '', margin = '-1s', again = '10ms', account = '' }",
        "agent = 'codex'\nlimit.text = \"a\\rb\"",
        "handoff = { to = 'b' }",
        "agent = 'codex'\nhandoff = { rounds = 0, too = 'b' }",
        "agent = 'codex'\nhandoff = { to = 'a' }",
        "agent = 'codex'\nhandoff = { to = 'b c', rounds = 1001 }",
        "agent = 'codex'\nhandoff = { to = 'nobody' }",
        "breaker = { rounds = 3 }",
        "agent = 'codex'\nbreaker = { rounds = 0, again = '0s' }",
        "unstick = { tries = 3 }",
        "agent = 'codex'\nunstick = { text = '', again = '10ms', tries = 0, idle = '0s', then = 'restrat' }",
        "agent = 'codex'\nunstick = { nudge = 'no', trys = 2 }",
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
        "systemd = { MemoryMax = '2GB', CPUQuota = 200 }",
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
fn each_mistake_of_a_worktree_is_told() {
    let mut told = String::new();
    for text in [
        "worktree = {}",
        "worktree = 1",
        "worktree = { path = '/srv/x' }",
        "worktree = { path = 'x', rep = '/srv/repo.git' }",
        "worktree = { path = '/srv/x', repo = '--upload-pack=x' }",
        "worktree = { path = '/srv/x', repo = 'ext::sh -c date' }",
        "worktree = { path = '/srv/x', repo = 'https://me:secret@example.org/x' }",
        "worktree = { path = '/srv/x', repo = 'https://ghp_secret@example.org/x' }",
        "worktree = { path = '/srv/x', repo = 'ssh://git:secret@example.org/x' }",
        "worktree = { path = '/srv/x', repo = '/srv/repo.git', as = 'link' }",
        "worktree = { path = '/srv/x', repo = '/srv/repo.git', as = 'worktree' }",
        "worktree = { path = '/srv/x', repo = 'git@host:x', branch = 'b', as = 'worktree' }",
        "worktree = { path = '/srv/x', repo = '/srv/repo.git', branch = '-b' }",
        "worktree = { path = '/srv/x', repo = '/srv/repo.git', branch = 'a..b' }",
    ] {
        let file = format!("[workers.a]\ncommand = 'x'\n{text}");
        let wrong = Machine::new().wrong(&file).join("\n    ");
        told.push_str(&format!("{text}\n    {wrong}\n"));
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
        // Of what is not there (yet), nobody knows what is a checkout of its own below another.
        [
            "worktree = '/mnt/none/a'",
            "worktree = '/mnt/none/./a/'",
            "worktree = '/mnt/none/a/b'",
        ],
        // One that is made is in no other, whatever is there.
        [
            "worktree = { path = '/srv/builder/.worktrees/own', repo = '/srv/repo.git' }",
            "worktree = '/srv/builder'",
            "worktree = { path = '/srv/x', repo = '/srv/repo.git' }",
        ],
        [
            "worktree = { path = '/srv/1', repo = '/srv/r', branch = 'b', as = 'worktree' }",
            "worktree = { path = '/srv/2', repo = '/srv/r', branch = 'b', as = 'worktree' }",
            "worktree = { path = '/srv/3', repo = '/srv/r', branch = 'c', as = 'worktree' }",
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
fn a_machine_without_a_home_and_a_name_is_told() {
    let mut machine = Machine::new();
    machine.env.home = None;
    machine.env.host_name = "(none)".to_owned();
    let told = machine.wrong("workers.a.command = ['~/bin/tool']");
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_follows_from_a_mistake_comes_after_it() {
    let told = Machine::new().wrong(
        "[workers.a]\ncommand = 'x'\nrequires = ['proxy']\nphases = ['1']\n\
         [workers.proxy]\ncommand = 'y'\n[plan]\nphases = [{ ids = '1' }]\n",
    );
    let about = told.iter().map(|line| line.split(" [").next().unwrap());
    assert_eq!(
        about.collect::<Vec<_>>(),
        [
            "5: worker name `proxy` is reserved",
            "8: key `ids` is unknown in `plan.phases[0]`",
            "4: phase `1` of `a` is not in the plan",
        ]
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

#[test]
fn each_mistake_of_a_notification_is_told() {
    let mut told = String::new();
    for text in [
        "notify = ''",
        "notify = {}",
        "notify = { command = [] }",
        "notify = { comand = 'x', on = 'reboot' }",
        "notify = { command = 'x', on = ['rebot', 'worker-hold', 1, 'up'] }",
        "notify = { command = 'x', input = 'jsn' }",
    ] {
        let file = format!("proxy = {{}}\n[rig]\n{text}");
        let wrong = Machine::new().wrong(&file).join("\n    ");
        told.push_str(&format!("{text}\n    {wrong}\n"));
    }
    insta::assert_snapshot!(told);
}
