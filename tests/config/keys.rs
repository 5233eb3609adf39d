//! The table of keys, the reader, the reference and the example say the same.

use std::fs;

use loopkeeper::config::{Key, SECTIONS, Section, commented};

use crate::fixture::{EXAMPLE, Machine};

fn has(section: &Section, name: &str) -> bool {
    section.keys().any(|key| key.name == name)
}

/// A file that is right but for `line` in that section.
fn file_with(section: &Section, line: &str) -> String {
    // What a table needs; the key that is tried must not be there twice.
    let fill = |needed: &[(&str, &str)]| -> String {
        let tried = line.split(' ').next().unwrap();
        needed
            .iter()
            .filter(|(name, _)| *name != tried)
            .map(|(name, value)| format!("{name} = {value}\n"))
            .collect()
    };
    let worker = "[workers.a]\ncommand = 'x'\n";
    let generic = "proxy = {}\n[agents.a]\nextends = 'generic'\n";
    let phases = "[[plan.phases]]\nid = '1'\n";
    let agent = format!("{worker}agent = 'generic'\n");
    let adversary = "[workers.adversary]\ncommand = 'x'\nagent = 'generic'\n";
    match section.name {
        "" => format!("{line}\n{}", fill(&[("proxy", "{}")])),
        "proxy" if has(section, "allow") => format!("[proxy]\n{line}"),
        "proxy" if has(section, "state") => {
            let needed = fill(&[("kind", "'tailscale'"), ("state", "'/x'")]);
            format!("[proxy]\n{needed}{line}")
        }
        "proxy" => {
            let needed = fill(&[("kind", "'command'"), ("command", "'x'")]);
            format!("[proxy]\n{needed}{line}")
        }
        "rig.notify" => {
            let command = fill(&[("command", "'x'")]);
            format!("proxy = {{}}\n[rig.notify]\n{command}{line}")
        }
        "plan.phases" => format!(
            "proxy = {{}}\n[[plan.phases]]\n{}{line}",
            fill(&[("id", "'1'")])
        ),
        "plan.phases.until" => {
            let other = if line.starts_with("line") {
                "file = 'f'"
            } else {
                "command = 'x'"
            };
            let is_whole = line.starts_with("file") || line.starts_with("command");
            let other = if is_whole { "" } else { other };
            format!("proxy = {{}}\n[[plan.phases]]\nid = '1'\n[plan.phases.until]\n{other}\n{line}")
        }
        "workers.NAME"
            if ["watch", "limit", "unstick", "breaker"]
                .iter()
                .any(|key| line.starts_with(key)) =>
        {
            format!("{agent}{line}")
        }
        "workers.NAME" if line.starts_with("handoff") => format!("{adversary}{agent}{line}"),
        "workers.NAME.handoff" => {
            let to = fill(&[("to", "'adversary'")]);
            format!("{adversary}{agent}[workers.a.handoff]\n{to}{line}")
        }
        "workers.NAME" if line.starts_with("conversation") => {
            format!("[workers.a]\ncommand = ['x']\nagent = 'codex'\n{line}")
        }
        "workers.NAME" if line.starts_with("say") => format!("{phases}{agent}{line}"),
        "workers.NAME.say" => format!("{phases}{agent}[workers.a.say]\n{line}"),
        "workers.NAME.say.phase" => format!("{phases}{agent}[workers.a.say.phase]\n{line}"),
        "workers.NAME" => format!("[workers.a]\n{}{line}", fill(&[("command", "'x'")])),
        "workers.NAME.worktree" => {
            let needed = fill(&[("path", "'/srv/x'"), ("repo", "'/srv/y'")]);
            format!("{worker}[workers.a.worktree]\n{needed}{line}")
        }
        "hosts.NAME" => {
            let ssh = fill(&[("ssh", "'pi'")]);
            format!("proxy = {{}}\n{worker}[hosts.a]\n{ssh}{line}")
        }
        // Turns and costs are counted where an agent shows them.
        "workers.NAME.budget" => {
            format!("{worker}agent = 'claude'\n[workers.a.budget]\n{line}")
        }
        "workers.NAME.watch" => format!("{agent}[workers.a.watch]\n{line}"),
        "workers.NAME.limit" => format!("{agent}[workers.a.limit]\n{line}"),
        "workers.NAME.breaker" => format!("{agent}[workers.a.breaker]\n{line}"),
        "workers.NAME.unstick" => format!("{agent}[workers.a.unstick]\n{line}"),
        "workers.NAME.ready" | "workers.NAME.alive" => {
            let probe = ["socks", "tcp", "command", "file", "output"]
                .iter()
                .any(|probe| line.starts_with(probe));
            let other = if probe { "" } else { "tcp = 'h:1'" };
            let table = section.name.replace("NAME", "a");
            format!("{worker}[{table}]\n{other}\n{line}")
        }
        "agents.NAME" => {
            let extends = fill(&[("extends", "'generic'")]);
            format!("proxy = {{}}\n[agents.a]\n{extends}{line}")
        }
        "agents.NAME.busy" => {
            let needed = fill(&[("line", "'^x'")]);
            // What is asked about the limit alone has a key.
            let list = if line.starts_with("key") {
                "menu"
            } else {
                "busy"
            };
            format!("{generic}[[agents.a.{list}]]\n{needed}{line}")
        }
        "agents.NAME.session" => {
            let by = match line.split(' ').next().unwrap() {
                "start" => "by = 'chosen'\nresume = ['{session}']",
                "resume" => "by = 'kept'",
                "shown" => "by = 'shown'\nresume = ['{session}']",
                _ => "",
            };
            format!("{generic}[agents.a.session]\n{by}\n{line}")
        }
        name if name.starts_with("agents.") => {
            format!("{generic}[{}]\n{line}", name.replace("NAME", "a"))
        }
        name => format!("{worker}[{}]\n{line}", name.replace("NAME", "a")),
    }
}

fn all_keys() -> impl Iterator<Item = (&'static Section, &'static Key)> {
    SECTIONS
        .iter()
        .flat_map(|section| section.keys().map(move |key| (*section, key)))
}

#[test]
fn every_key_is_read_and_says_what_it_expects() {
    let machine = Machine::new();
    for (section, key) in all_keys() {
        // No key is a date.
        let text = file_with(section, &format!("{} = 1979-05-27", key.name));
        let wrong = machine.wrong(&text);
        let said = format!("[{}]", key.expects);
        assert!(
            wrong
                .iter()
                .any(|line| line.contains(&said) && line.contains("is a date or time")),
            "{text}\n{wrong:#?}"
        );
    }
}

#[test]
fn every_default_is_what_is_written_in_the_table() {
    let machine = Machine::new();
    let mut checked = 0;
    for (section, key) in all_keys() {
        let line = format!("{} = {}", key.name, key.default);
        // The tables of the other proxies need their kind.
        let other_kind = key.name == "kind" && section.name == "proxy" && !has(section, "allow");
        let is_value = toml::de::DeTable::parse(&line).is_ok();
        if other_kind || !is_value {
            continue;
        }
        checked += 1;
        let with = machine.valid(&file_with(section, &line));
        let without = machine.valid(&file_with(section, ""));
        assert_eq!(with, without, "{line} in [{}]", section.name);
    }
    assert!(checked > 30, "only {checked} defaults are values");
}

#[test]
fn the_example_has_every_key() {
    for (section, key) in all_keys() {
        let name = key.name;
        let written = [
            format!("\n{name} = "),
            format!("\n[{name}]"),
            format!("[{name}."),
            format!(".{name}]"),
            format!("\n[[plan.{name}]]"),
            format!("#   {name} = "),
            format!("{{ {name} = "),
            format!(", {name} = "),
        ];
        // Probes share their words; one of them stands for all.
        let listed = format!("or {name}");
        assert!(
            written.iter().any(|text| EXAMPLE.contains(text))
                || EXAMPLE.contains(&listed)
                || EXAMPLE.contains(&format!("{name}, ")),
            "`{name}` of [{}] is not in the example",
            section.name
        );
    }
}

/// The file of comments, each line of TOML made one.
fn uncommented() -> String {
    let lines = commented();
    let lines = lines.lines().map(|line| match line.strip_prefix('#') {
        Some(toml) if !toml.starts_with(' ') => toml,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_commented_file_has_every_key_and_is_toml_once_uncommented() {
    for line in commented().lines() {
        assert!(line.is_empty() || line.starts_with('#'), "{line}");
        assert!(!line.starts_with("# ") || line.len() <= 100, "{line}");
    }
    let whole: toml::Table = uncommented().parse().unwrap();
    let mut keys = 0;
    for (section, key) in all_keys() {
        let mut table = &whole;
        for part in section.name.split('.').filter(|part| !part.is_empty()) {
            table = match &table[part] {
                toml::Value::Array(list) => list[0].as_table().unwrap(),
                value => value.as_table().unwrap(),
            };
        }
        let here = table.contains_key(key.name);
        // What several tables share is explained at the first of them, and named at the others.
        let named = || commented().contains(&format!("{},", key.name));
        assert!(here || named(), "{} of [{}]", key.name, section.name);
        keys += usize::from(here);
    }
    assert!(keys > 65, "only {keys} keys are written");
}

#[test]
fn every_value_of_the_commented_file_is_right() {
    let machine = Machine::new();
    fs::create_dir_all(machine.on_disk("/etc/loopkeeper/docs")).unwrap();
    for program in ["mail", "ssh", "curl"] {
        machine.write(&format!("/usr/bin/{program}"), "#!/bin/sh\n", 0o755);
    }
    for (section, key) in all_keys() {
        // What they name is in no file that has nothing else.
        if section.name.is_empty() || key.name == "phases" {
            continue;
        }
        let mut text = file_with(section, &format!("{} = {}", key.name, key.example));
        if has(section, "worktree") && key.name == "command" {
            text.push_str("\nworkdir = '/srv/builder'");
        }
        // The tables of the other proxies have their kind.
        if key.name != "kind" || has(section, "allow") {
            machine.valid(&text);
        }
    }
}

#[test]
fn what_notify_is_given_is_said() {
    let text = commented().replace("\n# ", " ");
    for word in [
        "standard input",
        "$LOOPKEEPER_NOTICE",
        "$LOOPKEEPER_RIG",
        "$LOOPKEEPER_EVENT",
        "version (1), event, level (info, warning or error), at (RFC 3339), rig, host, worker, attempt, phase",
        "a minute",
    ] {
        assert!(text.contains(word), "{word}");
    }
}
