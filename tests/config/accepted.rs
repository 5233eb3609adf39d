//! What a right file means.

use std::{path::Path, time::Duration};

use loopkeeper::{
    config::{
        self, Auth, Backoff, Budget, Builtin, Command, Condition, Credentials, Daily, Input,
        OnPhase, OnSecretChange, Probe, Program, Restart, Resume, Secrets,
    },
    model::{Kind, LauncherKind, Signal, Stop},
    systemd::property::Value,
};

use crate::fixture::{EXAMPLE, Machine};

fn command(program: &str, arguments: &[&str]) -> Command {
    Command {
        program: program.into(),
        arguments: arguments.iter().map(|&text| text.into()).collect(),
    }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_rig_of_the_readme_is_right() {
    let readme = include_str!("../../README.md");
    let (_, from) = readme.split_once("```toml\n").unwrap();
    let (text, _) = from.split_once("```").unwrap();
    let rig = Machine::new().valid(text);
    assert_eq!((rig.workers.len(), rig.plan.phases.len()), (3, 3));
    let doubts = config::doubts(&rig, &Machine::new().env);
    assert_eq!(doubts, ["brief /srv/plan/1d.md of phase 1d does not exist"]);
}

#[test]
fn the_example_is_right() {
    let rig = Machine::new().valid(EXAMPLE);
    assert_eq!(rig.rig, "pi");
    let notify = rig.notify.unwrap();
    assert_eq!(notify.command, command("notify-me", &["--to", "ops"]));
    assert!(notify.on.iter().eq(["error", "phase", "reboot"]));
    assert_eq!(notify.input, Input::Json);
    let names: Vec<_> = rig.workers.keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["adversary", "builder", "dashboard", "proxy"]);
    let phases = &rig.plan.phases;
    assert_eq!(
        phases[0].brief.as_deref(),
        Some(Path::new("/etc/loopkeeper/docs/1d.md"))
    );
    let ends: Vec<_> = phases.iter().map(|phase| phase.until.clone()).collect();
    assert_eq!(
        ends,
        [
            Condition::File {
                path: "/etc/loopkeeper/docs/1d.done".into(),
                line: None,
            },
            Condition::File {
                path: "/etc/loopkeeper/STATUS.md".into(),
                line: Some("1e: done".into()),
            },
            Condition::Command {
                command: command("make", &["check"]),
                every: seconds(60),
            },
            Condition::Operator,
        ]
    );
    let dashboard = &rig.workers["dashboard"];
    assert_eq!(dashboard.ready.as_ref().unwrap().timeout, seconds(60));
    assert_eq!(dashboard.alive.as_ref().unwrap().failures, 3);
}

#[test]
fn a_worker_that_says_only_its_command_is_a_loop_in_tmux_kept_by_the_defaults() {
    let rig = Machine::new().valid("[workers.a]\ncommand = ['./loop.sh', '--fast']");
    assert_eq!(rig.rig, "pi.local");
    assert_eq!(rig.plan.resume, Resume::OnBoot);
    let worker = &rig.workers["a"];
    assert_eq!(worker.kind, Kind::Loop);
    assert_eq!(worker.launcher, LauncherKind::Tmux);
    assert_eq!(
        worker.program,
        Program::Command(command("/etc/loopkeeper/loop.sh", &["--fast"]))
    );
    assert_eq!(worker.workdir, Path::new("/etc/loopkeeper"));
    assert_eq!(worker.daily, Daily::default());
    assert_eq!(worker.worktree, None);
    assert_eq!(worker.restart, Restart::Always);
    assert_eq!(
        worker.backoff,
        Backoff {
            first: seconds(1),
            most: seconds(300),
            jitter: 20,
            healthy: seconds(60)
        }
    );
    assert_eq!(
        worker.budget,
        Budget {
            restarts: 10,
            window: seconds(600)
        }
    );
    assert_eq!(
        worker.stop,
        Stop {
            signal: Signal::TERM,
            grace: seconds(10)
        }
    );
    assert_eq!(
        (&worker.ready, &worker.alive, &worker.phases),
        (&None, &None, &None)
    );
    assert_eq!(worker.on_phase, OnPhase::Restart);
    assert_eq!((worker.keep_output, worker.keep_attempts), (16 << 20, 20));
}

#[test]
fn a_service_is_a_process_that_a_change_of_phase_does_not_touch() {
    let rig = Machine::new().valid("workers.a = { kind = 'service', command = 'exec make' }");
    let worker = &rig.workers["a"];
    assert_eq!(worker.kind, Kind::Service);
    assert_eq!(worker.launcher, LauncherKind::Process);
    assert_eq!(worker.on_phase, OnPhase::Keep);
    assert_eq!(
        worker.program,
        Program::Command(command("/bin/sh", &["-c", "exec make"]))
    );
}

#[test]
fn what_a_worker_does_not_say_comes_from_the_defaults_key_by_key() {
    let rig = Machine::new().valid(
        "[defaults]
        backoff = { first = '2s', most = '1m' }
        environment = { A = 'of all', B = 'of all' }
        systemd = { MemoryMax = '1G', CPUQuota = '50%' }
        launcher = 'process'
        [workers.a]
        command = 'true'
        backoff = { first = '500ms' }
        environment = { B = 'its own' }
        systemd = { MemoryMax = 4194304, User = 'builder' }
        [proxy]",
    );
    let worker = &rig.workers["a"];
    assert_eq!(worker.backoff.first, Duration::from_millis(500));
    assert_eq!(worker.backoff.most, seconds(60));
    assert_eq!(worker.backoff.jitter, 20);
    assert_eq!(worker.environment["A"], "of all");
    assert_eq!(worker.environment["B"], "its own");
    assert_eq!(worker.launcher, LauncherKind::Process);
    let systemd: Vec<_> = worker
        .systemd
        .iter()
        .map(|(name, setting)| (*name, setting.on_bus, setting.value.clone()))
        .collect();
    let expected = [
        ("CPUQuota", "CPUQuotaPerSecUSec", Value::Number(500_000)),
        ("MemoryMax", "MemoryMax", Value::Number(4 << 20)),
        ("User", "User", Value::Text("builder".into())),
    ];
    assert_eq!(systemd, expected);
    assert!(rig.workers["proxy"].environment.is_empty());
    assert!(rig.workers["proxy"].systemd.is_empty());
    assert_eq!(
        rig.workers["proxy"].backoff.first,
        Duration::from_millis(200)
    );
}

#[test]
fn a_secret_is_a_file_and_if_wanted_the_variable_that_it_is_called() {
    let machine = Machine::new();
    let rig = machine.valid(
        "[workers.a]
        command = 'true'
        secrets = { gitea-token = '/run/credentials/proxy-users', later = 'later.key' }
        environment_from = ['gitea-token', 'gitea-token']
        on_secret_change = 'HUP'
        [workers.b]
        command = 'true'",
    );
    let secrets = &rig.workers["a"].secrets;
    let files: Vec<_> = secrets
        .files
        .iter()
        .map(|(name, path)| (name.as_str(), path.to_str().unwrap()))
        .collect();
    let expected = [
        ("gitea-token", "/run/credentials/proxy-users"),
        ("later", "/etc/loopkeeper/later.key"),
    ];
    assert_eq!(files, expected);
    let variables: Vec<_> = secrets.variables.iter().collect();
    assert_eq!(
        variables,
        [(&"GITEA_TOKEN".to_owned(), &"gitea-token".to_owned())]
    );
    assert_eq!(secrets.on_change, OnSecretChange::Signal(Signal::HUP));
    assert_eq!(rig.workers["b"].secrets, Secrets::default());
    let doubts = config::doubts(&rig, &machine.env);
    let expected = "secret later of a is /etc/loopkeeper/later.key, which does not exist";
    assert_eq!(doubts, [expected]);
}

#[test]
fn a_variable_that_is_a_secret_takes_the_place_of_the_one_in_defaults() {
    let rig = Machine::new().valid(
        "[defaults]
        environment = { TOKEN = 'none', LANG = 'C' }
        [workers.a]
        command = 'true'
        secrets = { token = '/run/credentials/proxy-users' }
        environment_from = ['token']
        [workers.b]
        command = 'true'",
    );
    let variables = |name: &str| Vec::from_iter(rig.workers[name].environment.keys());
    assert_eq!(variables("a"), ["LANG"]);
    assert_eq!(variables("b"), ["LANG", "TOKEN"]);
}

#[test]
fn paths_begin_at_the_file_and_programs_at_the_workdir() {
    let rig = Machine::new().valid(
        "[workers.a]
        worktree = '../../srv/builder'
        command = ['./loop.sh']
        ready = { file = 'run/ready' }
        [workers.b]
        command = ['~/bin/tool']
        [workers.c]
        workdir = '/srv/builder/sub'
        command = ['../loop.sh']",
    );
    let a = &rig.workers["a"];
    assert_eq!(a.workdir, Path::new("/etc/loopkeeper/../../srv/builder"));
    assert_eq!(a.worktree.as_ref(), Some(&a.workdir));
    assert_eq!(
        a.ready.as_ref().unwrap().probe,
        Probe::File("/etc/loopkeeper/run/ready".into())
    );
    assert_eq!(
        rig.workers["b"].program,
        Program::Command(command("/home/op/bin/tool", &[]))
    );
    assert_eq!(
        rig.workers["c"].program,
        Program::Command(command("/srv/builder/sub/../loop.sh", &[]))
    );
}

#[test]
fn an_empty_proxy_table_is_the_builtin_proxy() {
    let rig = Machine::new().valid("[proxy]");
    let proxy = &rig.workers["proxy"];
    assert_eq!(proxy.kind, Kind::Proxy);
    assert_eq!(proxy.launcher, LauncherKind::Process);
    assert_eq!(proxy.program, Program::BuiltinProxy(Builtin::default()));
    let ready = proxy.ready.as_ref().unwrap();
    assert_eq!(ready.probe, Probe::Socks("127.0.0.1:1055".into()));
    let alive = proxy.alive.as_ref().unwrap();
    assert_eq!(alive.probe, ready.probe);
    assert_eq!((alive.every, alive.failures), (seconds(30), 3));
    // SIGKILL must not come before its connections had their time.
    assert!(proxy.stop.grace > Builtin::default().drain);
}

#[test]
fn a_proxy_for_other_machines_is_looked_at_on_this_one() {
    let rig = Machine::new().valid("[proxy]\nlisten = '0.0.0.0:1080'\nauth = 'proxy-users'");
    let proxy = &rig.workers["proxy"];
    assert_eq!(
        proxy.ready.as_ref().unwrap().probe,
        Probe::Socks("127.0.0.1:1080".into())
    );
    let Program::BuiltinProxy(builtin) = &proxy.program else {
        panic!("{:?}", proxy.program)
    };
    assert_eq!(
        builtin.auth,
        Some(Auth {
            file: "/run/credentials/proxy-users".into()
        })
    );
}

#[test]
fn tailscale_is_ready_when_its_own_check_says_so() {
    let rig = Machine::new().valid(
        "[proxy]
        kind = 'tailscale'
        state = '/var/lib/loopkeeper/tailscale'
        auth_key = 'tailscale-key'
        hostname = 'pi'
        arguments = ['--verbose=1']",
    );
    let proxy = &rig.workers["proxy"];
    let Program::Tailscale(tailscale) = &proxy.program else {
        panic!("{:?}", proxy.program)
    };
    assert_eq!(tailscale.tailscaled, Path::new("tailscaled"));
    assert_eq!(
        proxy.ready.as_ref().unwrap().probe,
        Probe::Command(command(
            "/opt/loopkeeper/loopkeeperd",
            &[
                "proxy-ready",
                "--listen=127.0.0.1:1055",
                "--tailscale=tailscale",
                "--control=/var/lib/loopkeeper/tailscale/tailscaled.sock",
                "--auth-key=/run/credentials/tailscale-key",
                "--hostname=pi",
            ]
        ))
    );
    assert_eq!(
        proxy.alive.as_ref().unwrap().probe,
        Probe::Socks("127.0.0.1:1055".into())
    );
}

#[test]
fn a_proxy_of_ones_own_is_a_command_with_a_handshake() {
    let machine = Machine::new();
    let rig = machine.valid("[proxy]\nkind = 'command'\ncommand = 'ssh -D 9'\nlisten = '[::1]:9'");
    let proxy = &rig.workers["proxy"];
    assert_eq!(
        proxy.ready.as_ref().unwrap().probe,
        Probe::Socks("[::1]:9".into())
    );
    let rig = machine.valid(
        "[proxy]\nkind = 'command'\ncommand = 'x'\nready = { output = 'up', timeout = '5s' }",
    );
    let ready = rig.workers["proxy"].ready.clone().unwrap();
    assert_eq!(ready.probe, Probe::Output("up".into()));
    assert_eq!(ready.timeout, seconds(5));
}

#[test]
fn a_credential_of_another_process_is_taken_to_be_right() {
    let mut machine = Machine::new();
    let text = "[proxy]\nauth = 'not-here'";
    assert_eq!(config::doubts(&machine.valid(text), &machine.env).len(), 1);
    machine.env.credentials = Credentials::Elsewhere("/run/credentials/loopkeeper.service".into());
    let rig = machine.valid(text);
    let Program::BuiltinProxy(builtin) = &rig.workers["proxy"].program else {
        panic!("{:?}", rig.workers["proxy"])
    };
    assert_eq!(
        builtin.auth.as_ref().unwrap().file,
        Path::new("/run/credentials/loopkeeper.service/not-here")
    );
    assert!(config::doubts(&rig, &machine.env).is_empty());
}

#[test]
fn workers_may_look_at_the_same_port_and_have_checkouts_inside_of_others() {
    Machine::new().valid(
        "[workers.a]
        command = 'x'
        worktree = '/srv/builder'
        ready = { tcp = '127.0.0.1:80' }
        [workers.b]
        command = 'x'
        worktree = '/srv/builder/.worktrees/own'
        ready = { tcp = '127.0.0.1:80' }",
    );
}

#[test]
fn a_very_long_chain_of_requirements_is_no_circle() {
    let mut text = String::from("[workers.w0]\ncommand = 'x'\n");
    for n in 1..5000 {
        let before = n - 1;
        text.push_str(&format!(
            "[workers.w{n}]\ncommand = 'x'\nrequires = ['w{before}']\n"
        ));
    }
    assert_eq!(Machine::new().valid(&text).workers.len(), 5000);
}

#[test]
fn a_worktree_says_from_where_it_is_made() {
    let machine = Machine::new();
    let origin = |keys: &str| {
        let text = format!("[workers.a]\ncommand = ['make']\nworktree = {keys}");
        let mut config = machine.valid(&text);
        let worker = config.workers.remove("a").unwrap();
        assert_eq!(worker.worktree.as_ref(), Some(&worker.workdir));
        worker.origin
    };
    assert_eq!(origin("'/srv/builder'"), None);
    let made = |repo: &str| origin(&format!("{{ path = '/srv/x', repo = '{repo}' }}")).unwrap();
    for (written, is) in [
        ("repo.git", "/etc/loopkeeper/repo.git"),
        ("../repo.git", "/etc/loopkeeper/../repo.git"),
        ("~/repo.git", "/home/op/repo.git"),
        ("/srv/repo.git", "/srv/repo.git"),
        ("file:///srv/repo.git", "file:///srv/repo.git"),
        ("git@host:x.git", "git@host:x.git"),
        ("ssh://git@host/x.git", "ssh://git@host/x.git"),
    ] {
        assert_eq!(made(written).repo, is);
    }
    let linked = "{ path = 'x', repo = '/srv/r', branch = 'of/a', as = 'worktree' }";
    let linked = origin(linked).unwrap();
    assert_eq!(linked.to_string(), "a worktree of /srv/r, branch of/a");
    // What is not there will be made.
    let text =
        "[workers.a]\ncommand = ['./loop']\nworktree = { path = '/mnt/none', repo = '/srv/r' }";
    let doubts = config::doubts(&machine.valid(text), &machine.env);
    assert_eq!(doubts, [""; 0]);
}

#[test]
fn a_notification_command_alone_is_a_table_with_it() {
    let machine = Machine::new();
    let notify = |value: &str| {
        machine
            .valid(&format!("rig.notify = {value}\n[proxy]"))
            .notify
    };
    let alone = notify("'mail root'").unwrap();
    assert_eq!(alone.input, Input::Text);
    assert!(alone.on.contains("error") && alone.on.contains("worker-limit-over"));
    assert_eq!(notify("{ command = 'mail root' }"), Some(alone));
    let none = notify("{ command = 'x', on = [] }").unwrap();
    assert!(none.on.is_empty());
}

#[test]
fn who_verifies_what_is_claimed_may_be_any_other_agent() {
    let rig = Machine::new().valid(
        "[workers.a]
        command = 'x'
        agent = 'generic'
        handoff = { to = 'b' }
        [workers.b]
        command = 'x'
        agent = 'generic'
        handoff = { to = 'a', rounds = 1 }",
    );
    let handoff = |name: &str| rig.workers[name].handoff.clone().unwrap();
    assert_eq!((handoff("a").to.as_str(), handoff("a").rounds), ("b", 5));
    assert_eq!((handoff("b").to.as_str(), handoff("b").rounds), ("a", 1));
}
