//! What this machine does not have now is no mistake: it is warned of, in words of what helps.

use std::path::{Path, PathBuf};

use loopkeeper::config::{self, Credentials, Program};

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

#[test]
fn where_a_program_is_found_makes_it_no_other_worker() {
    let mut machine = Machine::new();
    for text in [
        "[workers.a]\ncommand = ['late', '-v']\nworkdir = '/srv'\n\
         ready = { command = ['late'] }\nalive = { command = ['late'] }",
        "[proxy]\nkind = 'tailscale'\nstate = '/x'",
    ] {
        let before = machine.valid(text);
        for at in ["/usr/bin", "/usr/local/bin"] {
            for name in ["late", "tailscale", "tailscaled"] {
                machine.write(&format!("{at}/{name}"), "#!/bin/sh\n", 0o755);
            }
            machine.env.path.insert(0, at.into());
            let after = machine.valid(text);
            assert!(config::diff(&before, &after).is_empty(), "{text}, {at}");
            for (name, worker) in &after.workers {
                assert_eq!(worker.definition(), before.workers[name].definition());
                let started = worker.looked_up(&machine.env);
                assert_eq!(started.lacks(&machine.env), []);
                let mut programs = match started.program {
                    Program::Command(command) => vec![command.program],
                    Program::Tailscale(of) => vec![of.tailscaled, of.tailscale],
                    Program::BuiltinProxy(_) => Vec::new(),
                };
                programs.retain(|program| program.parent() == Some(Path::new(at)));
                assert!(!programs.is_empty(), "{name} is not run from {at}");
            }
        }
    }
}

#[test]
fn every_place_of_a_name_is_watched() {
    let machine = Machine::new();
    let rig = machine.valid("[workers.a]\ncommand = ['late']\nlauncher = 'process'");
    let needs = rig.workers["a"].needs(&machine.env);
    let places = ["/etc/loopkeeper", "/usr/bin/late", "/bin/late"];
    assert_eq!(needs, places.map(PathBuf::from));
}

/// Earlier versions recorded a definition in which the program was where it was found.
#[test]
fn what_an_earlier_version_recorded_is_known_by_where_its_program_was() {
    let mut machine = Machine::new();
    let found = machine.valid("[workers.a]\ncommand = ['/usr/bin/make', '-v']");
    let recorded = found.workers["a"].definition();
    let written = machine.valid("[workers.a]\ncommand = ['make', '-v']");
    let written = &written.workers["a"];
    machine.env.path.clear();
    let when_at = |at: &str| written.definition_when_at(Path::new(at), &machine.env);
    assert_eq!(when_at("/usr/bin/make"), recorded);
    assert_ne!(when_at("/usr/local/bin/make"), recorded);
    assert_eq!(when_at("/usr/bin/other"), written.definition());
    assert_eq!(
        found.workers["a"].definition_when_at(Path::new("/opt/make"), &machine.env),
        recorded
    );
}

/// Without it nobody can say whether what runs has this one, and nothing could be started instead.
#[test]
fn only_a_credential_that_was_not_handed_over_is_vague() {
    let mut machine = Machine::new();
    let vague = |machine: &Machine, text: &str| {
        let rig = machine.valid(text);
        rig.workers.values().any(config::Worker::is_vague)
    };
    let with_auth = "[proxy]\nauth = 'proxy-users'";
    assert!(!vague(&machine, with_auth));
    machine.env.credentials = Credentials::None;
    assert!(vague(&machine, with_auth));
    assert!(!vague(&machine, "[workers.a]\ncommand = ['nothing']"));
}

#[test]
fn a_program_of_the_store_that_cannot_be_run_is_none_on_any_machine() {
    let machine = Machine::new();
    machine.write("/nix/store/a-git/bin/git", "", 0o755);
    machine.write("/nix/store/b-notes", "", 0o444);
    let rig = machine.valid(
        "[workers]\n\
         directory.command = [\"/nix/store/a-git\", \"fetch\"]\n\
         notes.command = [\"/nix/store/b-notes\"]\n\
         right.command = [\"/nix/store/a-git/bin/git\", \"fetch\"]\n\
         absent.command = [\"/nix/store/c-absent\"]\n\
         of-the-machine.command = [\"/opt/absent\"]\n",
    );
    let doubts = config::doubts_elsewhere(&rig, &machine.env);
    let said = |start: &str| {
        doubts
            .iter()
            .filter(|doubt| doubt.starts_with(start))
            .count()
    };
    assert_eq!(doubts.len(), 2, "{doubts:?}");
    assert_eq!(
        said("directory can never be started: program /nix/store/a-git is a directory; "),
        1
    );
    assert_eq!(
        said("notes can never be started: program /nix/store/b-notes is not executable; "),
        1
    );
}
