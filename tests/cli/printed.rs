//! Things that are printed to be installed: the unit, completions, the manual.

use std::{fs, path::Path, process::Command};

use predicates::{prelude::PredicateBooleanExt as _, str::contains};

use crate::scripted::Home;

/// Runs a tool of another package.
fn tool(program: &str, package: &str, arguments: &[&str]) -> std::process::Output {
    let home = std::env::temp_dir();
    let output = Command::new(program)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", &home)
        .env("XDG_RUNTIME_DIR", &home)
        .args(arguments)
        .output();
    match output {
        Ok(output) => output,
        Err(error) => panic!("{program} cannot be run ({error}): apt-get install {package}"),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What systemd says of a unit file; it exits with 0 whatever it finds in there.
fn verify(unit: &Path, user: bool) -> String {
    let mut arguments = vec!["verify", "--man=no", unit.to_str().unwrap()];
    if user {
        arguments.insert(0, "--user");
    }
    let output = tool("systemd-analyze", "systemd", &arguments);
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn systemd_has_nothing_to_say_against_the_unit() {
    let home = Home::new();
    for user in [false, true] {
        let mut command = home.supervisorctl();
        command.args(["generate", "unit"]);
        if user {
            command.arg("--user");
        }
        let printed = command.assert().code(0);
        let unit = home.path().join("loopkeeper.service");
        fs::write(&unit, &printed.get_output().stdout).unwrap();
        assert_eq!(verify(&unit, user), "", "user: {user}");

        let spoiled = text(&printed.get_output().stdout).replace("KillMode=", "KilMode=");
        fs::write(&unit, spoiled).unwrap();
        assert!(
            verify(&unit, user).contains("KilMode"),
            "the check finds nothing"
        );
    }
}

/// Whether the unit file in `home` is exposed no more than to `tenths`.
fn is_shut(unit: &Path, tenths: u32) -> (bool, String) {
    let threshold = format!("--threshold={tenths}");
    let unit = unit.to_str().unwrap();
    let arguments = ["security", "--offline=true", "--no-pager", &threshold, unit];
    let output = tool("systemd-analyze", "systemd", &arguments);
    let said = text(&output.stdout) + &text(&output.stderr);
    (output.status.success(), said)
}

#[test]
fn the_unit_is_exposed_no_more_than_it_says() {
    let home = Home::new();
    let printed = home.supervisorctl().args(["generate", "unit"]).assert();
    let printed = text(&printed.code(0).get_output().stdout);
    let unit = home.path().join("loopkeeper.service");
    fs::write(&unit, &printed).unwrap();
    let (shut, said) = is_shut(&unit, 40);
    assert!(shut, "{said}");
    for open in ["CapabilityBoundingSet=", "SystemCallFilter="] {
        fs::write(&unit, printed.replace(&format!("\n{open}"), "\n#")).unwrap();
        assert!(!is_shut(&unit, 40).0, "the check finds nothing: {open}");
    }
}

#[test]
fn systemd_has_nothing_to_say_against_the_socket() {
    let home = Home::new();
    for (user, place) in [
        (false, "/run/loopkeeper/control.sock"),
        (true, "%t/loopkeeper/control.sock"),
    ] {
        for what in ["unit", "socket"] {
            let mut command = home.supervisorctl();
            command
                .env_remove("LOOPKEEPER_SOCKET")
                .args(["generate", what]);
            if user {
                command.arg("--user");
            }
            let printed = command.assert().code(0);
            let ending = what.replace("unit", "service");
            let unit = home.path().join(format!("loopkeeper.{ending}"));
            fs::write(&unit, &printed.get_output().stdout).unwrap();
        }
        let unit = home.path().join("loopkeeper.socket");
        assert_eq!(verify(&unit, user), "", "user: {user}");
        let text = fs::read_to_string(&unit).unwrap();
        assert!(
            text.contains(&format!("\nListenStream={place}\n")),
            "{text}"
        );
        fs::write(&unit, text.replace("RemoveOnStop=", "RemoveOnEnd=")).unwrap();
        assert!(
            verify(&unit, user).contains("RemoveOnEnd"),
            "the check finds nothing"
        );
    }
    home.supervisorctl()
        .current_dir(home.path())
        .args(["--socket", "a 100% rig/c.sock", "generate", "socket"])
        .assert()
        .code(0)
        .stdout(contains(format!(
            "\nListenStream={}/a 100%% rig/c.sock\n",
            home.path().display()
        )));
}

#[test]
fn the_unit_runs_the_daemon_beside_supervisorctl() {
    let home = Home::new();
    let daemon = assert_cmd::cargo::cargo_bin("loopkeeperd")
        .canonicalize()
        .unwrap();
    home.supervisorctl()
        .env_remove("LOOPKEEPER_SOCKET")
        .args(["generate", "unit"])
        .assert()
        .code(0)
        .stdout(contains(format!("\nExecStart={}\n", daemon.display())))
        .stdout(contains("\nStateDirectory=loopkeeper\n"));
    home.supervisorctl()
        .current_dir(home.path())
        .args(["--config", "my rig.toml", "--state-dir", "kept"])
        .args(["--socket", "run/c.sock", "generate", "unit"])
        .assert()
        .code(0)
        .stdout(contains(format!(
            "\nExecStart={} --config \"{here}/my rig.toml\" --state-dir {here}/kept \
             --socket {here}/run/c.sock\n",
            daemon.display(),
            here = home.path().display()
        )))
        .stdout(contains("StateDirectory=").not());
}

#[test]
fn without_a_daemon_beside_it_no_unit_is_printed() {
    let home = Home::new();
    let alone = home.path().join("supervisorctl");
    fs::copy(assert_cmd::cargo::cargo_bin("supervisorctl"), &alone).unwrap();
    assert_cmd::Command::new(&alone)
        .env_clear()
        .args(["generate", "unit"])
        .assert()
        .code(1)
        .stdout("")
        .stderr(contains("loopkeeperd does not exist"));
}

#[test]
fn a_unit_for_a_daemon_that_will_not_stay_is_printed_with_a_warning() {
    let home = Home::new();
    let built = home.path().join("target/debug");
    fs::create_dir_all(&built).unwrap();
    for program in ["supervisorctl", "loopkeeperd"] {
        fs::copy(assert_cmd::cargo::cargo_bin(program), built.join(program)).unwrap();
    }
    assert_cmd::Command::new(built.join("supervisorctl"))
        .env_clear()
        .args(["generate", "unit"])
        .assert()
        .code(0)
        .stdout(contains("\nExecStart="))
        .stderr(contains("warning: this unit starts "))
        .stderr(contains(
            "target/debug/loopkeeperd, which the next build replaces",
        ));
}

#[test]
fn bash_accepts_the_completions() {
    let home = Home::new();
    let script = home
        .supervisorctl()
        .args(["completions", "bash"])
        .assert()
        .code(0);
    let path = home.path().join("completions");
    fs::write(&path, &script.get_output().stdout).unwrap();
    let asked = format!(
        "source {}; COMP_WORDS=(supervisorctl sta); COMP_CWORD=1; \
         _supervisorctl supervisorctl sta supervisorctl; echo ${{COMPREPLY[@]}}",
        path.display()
    );
    let output = tool("bash", "bash", &["-c", &asked]);
    assert_eq!(
        text(&output.stdout),
        "status start\n",
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn the_manual_has_every_verb() {
    let home = Home::new();
    let page = home.supervisorctl().arg("man").assert().code(0);
    let page = text(&page.get_output().stdout);
    let help = home.supervisorctl().arg("--help").assert().code(0);
    let help = text(&help.get_output().stdout);
    let verbs: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .collect();
    assert!(verbs.len() > 12, "{verbs:?}");
    for verb in verbs {
        let heading = format!(".SH \"SUPERVISORCTL {}\"", verb.to_uppercase());
        assert!(page.contains(&heading), "{heading}\n{page}");
    }
}

#[test]
fn the_pages_are_written_where_man_looks_and_troff_has_nothing_to_say_against_them() {
    let home = Home::new();
    let directory = home.path().join("not/yet");
    home.supervisorctl()
        .args(["man", "--directory"])
        .arg(&directory)
        .assert()
        .code(0)
        .stdout("");
    let page = |path: &str| {
        let path = directory.join(path);
        let output = tool(
            "groff",
            "groff-base",
            &["-man", "-ww", "-z", "-Tutf8", path.to_str().unwrap()],
        );
        assert_eq!(text(&output.stderr), "");
        fs::read_to_string(path).unwrap()
    };
    let every = [
        ".SH NAME\n",
        ".SH FILES\n",
        "~/.local/state/loopkeeper/run",
        ".SH \"SEE ALSO\"\n",
    ];
    let programs = [
        ".SH SYNOPSIS\n",
        ".SH ENVIRONMENT\n",
        ".SH \"EXIT STATUS\"\n",
    ];
    for (path, sections, words) in [
        (
            "man1/supervisorctl.1",
            &programs[..],
            &[
                "start\\fR [OPTIONS] <WORKER>...\n",
                "LOOPKEEPER_SOCKET",
                "LOOPKEEPER_STATE_DIR, LOOPKEEPER_CONFIG",
                "reboots",
            ][..],
        ),
        (
            "man8/loopkeeperd.8",
            &programs[..],
            &[
                "LOOPKEEPER_LOG",
                "LOOPKEEPER_BRIEF",
                "SIGHUP",
                ".TP\n\\fBXDG_CONFIG_HOME, XDG_STATE_HOME, XDG_RUNTIME_DIR\\fR\n",
                "For a worker with secrets",
            ],
        ),
        (
            "man5/loopkeeper.toml.5",
            &[".SH [[plan.phases]]\n", ".SH [workers.NAME]\n"],
            &[
                "$LOOPKEEPER_NOTICE",
                "keep_attempts",
                "max_connections",
                ".TP\n\\fBMemoryHigh, MemoryMax\\fR\na size of at least 1M, ",
            ],
        ),
    ] {
        let page = page(path);
        for part in every.iter().chain(sections).chain(words) {
            assert!(page.contains(part), "{part} in {path}:\n{page}");
        }
        assert!(!page.contains("proxy\\-ready"), "{path}: what nobody types");
    }

    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    home.supervisorctl()
        .args(["man", "--directory"])
        .arg(&file)
        .assert()
        .code(1)
        .stderr(contains("manual page "))
        .stderr(contains("file/man1/supervisorctl.1 cannot be written"));
}

#[test]
fn a_configuration_to_begin_with_is_printed() {
    let home = Home::new();
    home.supervisorctl()
        .args(["generate", "config"])
        .assert()
        .code(0)
        .stdout(contains("\n#[rig]\n"))
        .stdout(contains("$LOOPKEEPER_NOTICE"))
        .stdout(contains("\n#keep_attempts = 20\n"));
}

#[test]
fn what_nobody_types_is_not_offered() {
    let home = Home::new();
    for words in [
        &["--help"][..],
        &["man"],
        &["completions", "bash"],
        &["completions", "zsh"],
        &["completions", "fish"],
    ] {
        let printed = home.supervisorctl().args(words).assert().code(0);
        let printed = text(&printed.get_output().stdout);
        assert!(printed.contains("reboots"), "{words:?}: {printed}");
        for hidden in ["proxy-ready", "everyone-reads", "attempt-dir"] {
            assert!(!printed.contains(hidden), "{words:?}: {hidden}");
        }
    }
}

#[test]
fn a_configuration_is_printed_as_options_of_nixos() {
    let home = Home::new();
    let file = home.path().join("rig.toml");
    fs::write(&file, "[workers.a]\ncommand = [\"true\"]\n").unwrap();
    let generate = || {
        let mut command = home.supervisorctl();
        command.args(["generate", "nix"]).arg(&file);
        command
    };
    generate()
        .assert()
        .code(0)
        .stdout(contains(
            "\n  services.loopkeeper = {\n    enable = true;\n",
        ))
        .stdout(contains("command = [ \"true\" ];"));

    fs::write(&file, "[workers.a]\ncomand = [\"true\"]\n").unwrap();
    generate()
        .assert()
        .code(2)
        .stdout("")
        .stderr(contains("comand"));
}

#[test]
fn a_users_rig_does_not_become_roots() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
    let home = Home::new();
    let file = home.path().join("rig.toml");
    let rig = "[rig]\nnotify = \"true\"\n\
               [workers.a]\ncommand = \"true\"\nworktree = \"~/a\"\nenvironment = { X = \"y\" }\n";
    fs::write(&file, rig).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    if nix::unistd::geteuid().is_root() {
        chown(&file, Some(65534), None).unwrap();
    }
    let owner = nix::unistd::Uid::from_raw(fs::metadata(&file).unwrap().uid());
    let user = nix::unistd::User::from_uid(owner).unwrap().unwrap();
    let name = &user.name;
    // Who asks is taken at his word about his own home.
    let own = owner == nix::unistd::geteuid();
    let of_user = if own { home.path() } else { &user.dir };
    home.supervisorctl()
        .args(["generate", "nix"])
        .arg(&file)
        .assert()
        .code(0)
        .stdout(contains(format!("user = \"{name}\";")))
        .stdout(contains(format!("worktree = \"{}/a\";", of_user.display())))
        .stderr(contains(format!("declare users.users.{name}")))
        .stderr(contains(format!("notify ran as {name}")))
        .stderr(contains("can read: X of a;"));
}
