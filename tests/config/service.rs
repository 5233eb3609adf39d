//! What a worker's service will not find, may not enter or cannot be handed on this machine.

use std::{fs, os::unix::fs::PermissionsExt as _};

use loopkeeper::config;
use nix::{sys::stat::Mode, unistd::mkfifo};

use crate::fixture::Machine;

fn doubts(machine: &Machine, worker: &str) -> Vec<String> {
    let rig = machine.valid(&format!("[workers.a]\ncommand = 'true'\n{worker}"));
    config::doubts(&rig, &machine.env)
}

#[test]
fn who_does_not_exist_and_what_is_not_there_is_told() {
    let machine = Machine::new();
    let told = doubts(
        &machine,
        "systemd = { User = 'no one', Group = '3999999999', SupplementaryGroups = ['root', 'nogrp'], \
         ReadOnlyPaths = ['/srv', '-/nowhere', '/later', '+/late'], NoExecPaths = '/srv/builder/nix' }",
    );
    assert_eq!(
        told,
        [
            "a cannot be started now: user no one (User) does not exist; add it: useradd 'no one'",
            "a cannot be started now: group 3999999999 (Group) does not exist",
            "a cannot be started now: group nogrp (SupplementaryGroups) does not exist; add it: groupadd \
             nogrp",
            "a cannot be started now: path /srv/builder/nix (NoExecPaths) does not exist; make it, or \
             where it need not be there, write \"-/srv/builder/nix\"",
            "a cannot be started now: path /later (ReadOnlyPaths) does not exist; make it, or where it \
             need not be there, write \"-/later\"",
            "a cannot be started now: path /late (ReadOnlyPaths) does not exist; make it, or where it \
             need not be there, write \"-+/late\"",
        ]
    );
    let good = "systemd = { User = 'root', Group = '0', SupplementaryGroups = ['root'], \
                ReadOnlyPaths = ['/srv', '-/nowhere'] }";
    assert!(doubts(&machine, good).is_empty());
}

#[test]
fn a_secret_that_cannot_be_handed_over_is_told() {
    let machine = Machine::new();
    let secrets = |sizes: &[(&str, usize)]| {
        for (name, size) in sizes {
            machine.write(&format!("/keys/{name}"), "x".repeat(*size), 0o600);
        }
        let files = sizes
            .iter()
            .map(|(name, _)| format!("{name} = '/keys/{name}'"));
        format!("secrets = {{ {} }}", files.collect::<Vec<_>>().join(", "))
    };
    let most = 1 << 20;
    assert!(doubts(&machine, &secrets(&[("k", most - 1)])).is_empty());
    assert_eq!(
        doubts(&machine, &secrets(&[("k", most)])),
        [
            "secrets of a have 1048577 bytes with their names, and systemd hands over no more than 1048576"
        ]
    );
    let two = secrets(&[("one", most / 2), ("two", most / 2)]);
    assert_eq!(doubts(&machine, &two).len(), 1);

    // KEY= and the zero byte, where a file would have its newline.
    let variable = |size| format!("{}\nenvironment_from = ['key']", secrets(&[("key", size)]));
    assert!(doubts(&machine, &variable(131_072 - 4)).is_empty());
    assert_eq!(
        doubts(&machine, &variable(131_072 - 3)),
        [
            "secret key of a is /keys/key, which is too large for the environment: 131069 bytes, and KEY may \
          have 131072 with its name"
        ]
    );
    fs::remove_file(machine.on_disk("/keys/key")).unwrap();
    mkfifo(&machine.on_disk("/keys/key"), Mode::S_IRWXU).unwrap();
    let key = "secrets = { key = '/keys/key', all = '/keys', gone = '/keys/gone' }";
    assert_eq!(
        doubts(&machine, key),
        [
            "secret all of a is /keys, which is a directory",
            "secret gone of a is /keys/gone, which does not exist",
            "secret key of a is /keys/key, which is not a regular file",
        ]
    );
}

#[test]
fn where_its_user_may_not_go_is_told() {
    let machine = Machine::new();
    let worker = "worktree = '/srv/builder/sub'\nworkdir = '/srv/builder'\nsystemd.User = ";
    let nobody = format!("{worker}'nobody'");
    let close = |path: &str, mode| {
        fs::set_permissions(machine.on_disk(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    for path in ["/srv", "/srv/builder", "/srv/builder/sub", "/bin"] {
        close(path, 0o755);
    }
    assert!(doubts(&machine, &nobody).is_empty());
    close("/srv/builder/sub", 0o711);
    assert_eq!(
        doubts(&machine, &nobody),
        [
            "worktree /srv/builder/sub of a is closed to user nobody at /srv/builder/sub; see: namei -l \
          /srv/builder/sub"
        ]
    );
    close("/srv/builder", 0o700);
    assert_eq!(
        doubts(&machine, &nobody),
        [
            "workdir /srv/builder of a is closed to user nobody at /srv/builder; see: namei -l /srv/builder"
        ]
    );
    assert!(doubts(&machine, &format!("{worker}'root'")).is_empty());
    close("/srv/builder", 0o755);
    close("/srv/builder/sub", 0o755);
    close("/bin", 0o700);
    assert_eq!(
        doubts(&machine, &nobody),
        ["program /bin/sh of a is closed to user nobody at /bin; see: namei -l /bin/sh"]
    );
}
