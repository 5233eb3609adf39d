//! What this machine does not have now is no mistake: it is warned of, in words of what helps.

use loopkeeper::config::{self, Credentials};

use crate::fixture::Machine;

fn warned(machine: &Machine, text: &str) -> String {
    let doubts = config::doubts(&machine.valid(text), &machine.env);
    doubts
        .iter()
        .map(|doubt| format!("    {doubt}\n"))
        .collect()
}

#[test]
fn what_a_worker_needs_and_is_not_there_is_warned_of() {
    let mut told = String::new();
    for text in [
        "command = ['maek']",
        "command = ['loop.sh']",
        "command = ['./loops.sh']",
        "command = ['/srv/builder/notes.txt']",
        "command = ['/srv/builder']",
        "command = ['/srv/builder/notes.txt/x']",
        "command = 'x'\nworkdir = '/srv/builder/notes.txt'",
        "command = ['make']\nworktree = '/mnt/none'",
        "command = ['./loop.sh']\nworktree = '/mnt/none'\nworkdir = '/mnt/other'",
        "command = 'x'\nready = { command = ['./missing'] }\nalive = { command = ['nothing'] }",
    ] {
        let file = format!("[workers.a]\n{text}");
        let warnings = warned(&Machine::new(), &file);
        told.push_str(&format!("{text}\n{warnings}"));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn what_else_a_rig_needs_and_is_not_there_is_warned_of() {
    let mut told = String::new();
    let mut tell = |machine: &Machine, text: &str| {
        told.push_str(&format!("{text}\n{}", warned(machine, text)));
    };
    let mut machine = Machine::new();
    tell(&machine, "[proxy]\nauth = 'nobody'");
    tell(
        &machine,
        "rig.notify = ['notify-them']\n[proxy]\n[plan]\n\
         phases = [{ id = 'a', until = { command = ['./is-over'] } }]",
    );
    machine.env.credentials = Credentials::None;
    tell(&machine, "[proxy]\nauth = 'proxy-users'");
    machine.env.path = Vec::new();
    tell(
        &machine,
        "[workers]\na = { command = 'x', launcher = 'process' }\n\
         b = { command = 'x', launcher = 'tmux' }\nc = { command = 'x' }",
    );
    tell(&machine, "[proxy]\nkind = 'tailscale'\nstate = 'x'");
    insta::assert_snapshot!(told);
}

#[test]
fn what_several_workers_lack_is_one_warning() {
    let file = "[workers.a]\ncommand = ['none']\nworkdir = '/none'\nworktree = '/none'\n\
                [workers.b]\ncommand = ['none']\n";
    let told = warned(&Machine::new(), file);
    let expected = "    a cannot be started now: workdir /none does not exist; mount what it is on, \
                    or make it: mkdir -p /none\n    \
                    a, b cannot be started now: program none is not in PATH; PATH is /usr/bin:/bin\n";
    assert_eq!(told, expected);
}

/// Of two attempts of a worker, only one program was found.
#[test]
fn where_a_program_is_found_later_makes_it_no_other_worker() {
    let mut machine = Machine::new();
    let text = "[workers.a]\ncommand = ['late', '-v']\nworkdir = '/srv'";
    let before = machine.valid(text).workers["a"].clone();
    assert!(
        before.may_be(12345),
        "nobody knows, and it could not be started"
    );
    machine.write("/usr/bin/late", "#!/bin/sh\n", 0o755);
    let started = before.looked_up(&machine.env);
    assert_eq!(started.lacks(&machine.env), []);
    let after = machine.valid(text).workers["a"].clone();
    assert_eq!(after, started);
    assert_ne!(after.definition(), before.definition());
    assert!(after.may_be(before.definition()));
    machine.env.path.clear();
    let other = machine.valid("[workers.a]\ncommand = ['late']\nworkdir = '/srv'");
    assert!(!after.may_be(other.workers["a"].definition()));
}
