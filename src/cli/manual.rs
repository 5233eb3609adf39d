//! `man`: supervisorctl(1), loopkeeperd(8) and loopkeeper.toml(5), made from the command lines and
//! from the schema of the configuration, so that they say what is so.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use clap_mangen::Man;
use roff::{Inline, Roff, bold, italic, roman};

use super::{
    Context, EXIT_CODES,
    failure::{Exit, Failure},
    typed,
};
use crate::{config, daemon::program};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Write all pages below this directory, which is made where it is missing; for man(1) to find
    /// them /usr/local/share/man, say.
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// What is in a table of words and what they mean.
type Words = &'static [(&'static str, &'static str)];

const LOG: (&str, &str) = (
    "LOOPKEEPER_LOG",
    "What loopkeeperd logs, such as debug, or loopkeeper::proxy=trace,info [default: info].",
);

const ENVIRONMENT_OF_CTL: Words = &[
    (
        "LOOPKEEPER_SOCKET",
        "The control socket, where --socket does not say.",
    ),
    (
        "LOOPKEEPER_HANDOFF, LOOPKEEPER_WORKTREE",
        "As workers have them: whoever has these is that worker to handoff, unless --as says another one.",
    ),
    (
        "LOOPKEEPER_STATE_DIR, LOOPKEEPER_CONFIG",
        "The state directory and the configuration, where --state-dir and --config do not say.",
    ),
    (
        "XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_RUNTIME_DIR",
        "For a user, where configuration, state and sockets are, as in FILES.",
    ),
    ("NO_COLOR", "Not empty: no colours."),
];

const ENVIRONMENT_OF_DAEMON: Words = &[
    LOG,
    (
        "CONFIGURATION_DIRECTORY, STATE_DIRECTORY, RUNTIME_DIRECTORY",
        "Set by systemd (systemd.exec(5)): where configuration, state and sockets are, unless an option says \
         otherwise. Without them, as in FILES.",
    ),
    (
        "CREDENTIALS_DIRECTORY",
        "Set by systemd, where the daemon's unit has LoadCredential=: where files are that the configuration \
         names without a path, as auth and auth_key of the proxy may be.",
    ),
    (
        "XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_RUNTIME_DIR",
        "For a user, where configuration, state and sockets are, as in FILES; the bus of the user's service \
         manager is in the last.",
    ),
];

const ENVIRONMENT_OF_WORKERS: Words = &[
    (
        "LOOPKEEPER_WORKER, LOOPKEEPER_ATTEMPT, LOOPKEEPER_ATTEMPT_DIR",
        "Its name, and the id and the directory of this attempt.",
    ),
    (
        "LOOPKEEPER_PHASE, LOOPKEEPER_PHASE_INDEX, LOOPKEEPER_BRIEF",
        "For a loop: the phase's id, its index from 0, and its brief, empty where it has none.",
    ),
    ("RESUME_PHASE", "For a loop with a phase: 1."),
    (
        "LOOPKEEPER_INBOX",
        "For a worker with an agent: the directory whose files are typed to it. That of another worker is \
         beside it, as in $LOOPKEEPER_INBOX/../adversary.",
    ),
    (
        "LOOPKEEPER_HANDOFF, LOOPKEEPER_WORKTREE",
        "For a worker with an agent: the directory in which supervisorctl handoff asks for it, and its worktree, \
         if it has one.",
    ),
    (
        "CREDENTIALS_DIRECTORY",
        "For a worker with secrets: the directory where they are, under the names that they have there. \
         Those of environment_from are variables as well.",
    ),
    (
        "HOME, USER, LOGNAME, SHELL",
        "For a worker with a User of its own: that user's.",
    ),
];

const FILES: Words = &[
    (
        "/etc/loopkeeper/loopkeeper.toml, ~/.config/loopkeeper/loopkeeper.toml",
        "The configuration, as root and as a user.",
    ),
    (
        "/var/lib/loopkeeper, ~/.local/state/loopkeeper",
        "The state: phase-idx (the resume point), REBOOTS.md, attempts/WORKER/ATTEMPT (with output.log, \
         where output is not in the journal, or recording/*.cast, what its terminal was sent), inbox/WORKER, \
         handoff/GATE.toml (where a gate stands), loopkeeper.db (the \
         history).",
    ),
    (
        "/run/loopkeeper, $XDG_RUNTIME_DIR/loopkeeper",
        "control.sock, and the sockets of tmux. For a user without XDG_RUNTIME_DIR they are in run of the \
         state directory, such as ~/.local/state/loopkeeper/run.",
    ),
    (
        "/usr/lib/systemd/catalog/loopkeeper.catalog",
        "What `journalctl -x` says of each event, as `supervisorctl generate catalog` prints it.",
    ),
];

const EXIT_CODES_OF_DAEMON: &str = "\
  0  ended by a signal, as it should
  1  it could not go on
  2  usage or configuration is wrong";

const CTL: &str = "supervisorctl(1)";
const DAEMON: &str = "loopkeeperd(8)";
const FILE: &str = "loopkeeper.toml(5)";

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let Some(directory) = &arguments.directory else {
        return Ok(context.screen.print(of_ctl()?)?);
    };
    for (section, name, page) in [
        ("man1", "supervisorctl.1", of_ctl()?),
        ("man5", "loopkeeper.toml.5", of_file()),
        ("man8", "loopkeeperd.8", of_daemon()?),
    ] {
        write(&directory.join(section), name, &page)?;
    }
    Ok(())
}

fn write(directory: &Path, name: &str, page: &str) -> Result<(), Failure> {
    let file = directory.join(name);
    fs::create_dir_all(directory)
        .and_then(|()| fs::write(&file, page))
        .map_err(|error| {
            let why = format!("manual page {} cannot be written: {error}", file.display());
            Failure::say(Exit::Failed, why)
        })
}

fn of_ctl() -> Result<String, Failure> {
    // The help of the program without the environment of whoever prints it.
    let mut command = typed()
        .mut_arg("socket", |argument| argument.hide_env(true))
        .disable_help_subcommand(true);
    command.build();
    let mut page = beginning(&command, "1")?;
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        page.push_str(&of_verb(verb)?);
    }
    let mut end = Roff::new();
    words(&mut end, "ENVIRONMENT", ENVIRONMENT_OF_CTL);
    words(&mut end, "FILES", FILES);
    lines(&mut end, "EXIT STATUS", EXIT_CODES.lines().skip(1));
    see_also(&mut end, &[DAEMON, FILE, "tmux(1)", "journalctl(1)"]);
    Ok(page + &end.render())
}

fn of_daemon() -> Result<String, Failure> {
    let mut command = program::typed().disable_help_subcommand(true);
    command.build();
    let page = beginning(&command, "8")?;
    let mut end = Roff::new();
    words(&mut end, "ENVIRONMENT", ENVIRONMENT_OF_DAEMON);
    words(&mut end, "ENVIRONMENT OF WORKERS", ENVIRONMENT_OF_WORKERS);
    words(&mut end, "FILES", FILES);
    lines(&mut end, "EXIT STATUS", EXIT_CODES_OF_DAEMON.lines());
    see_also(&mut end, &[CTL, FILE, "systemd.service(5)"]);
    Ok(page + &end.render())
}

fn of_file() -> String {
    let mut page = Roff::new();
    let version = concat!("loopkeeper ", env!("CARGO_PKG_VERSION"));
    page.control("TH", ["loopkeeper.toml", "5", "", version]);
    page.control("SH", ["NAME"]);
    page.text([roman(
        "loopkeeper.toml - the rig that loopkeeperd keeps running",
    )]);
    page.control("SH", ["DESCRIPTION"]);
    page.text([roman(config::HEAD)]);
    page.control("PP", []);
    page.text([roman(
        "`supervisorctl generate config` prints all of it as a file to begin with.",
    )]);
    for table in config::reference() {
        page.control("SH", [table.header().as_str()]);
        page.text([roman(table.about())]);
        for key in &table.keys {
            page.control("TP", []);
            page.text([bold(key.name), roman(" = "), italic(key.example)]);
            let value = config::value(key);
            page.text([roman(format!("{} {value}", key.about))]);
            let properties = config::properties(key);
            if !properties.is_empty() {
                page.control("RS", []);
                for (names, value) in properties {
                    page.control("TP", []);
                    page.text([bold(names.join(", "))]);
                    page.text([roman(format!("{value}."))]);
                }
                page.control("RE", []);
            }
        }
    }
    words(&mut page, "FILES", FILES);
    see_also(&mut page, &[CTL, DAEMON]);
    page.render()
}

/// A page up to its options.
fn beginning(command: &clap::Command, section: &str) -> Result<String, Failure> {
    let man = Man::new(with_usage(command)).section(section);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    page.extend(described(&man)?);
    Ok(without_preambles(&page, true))
}

/// clap's own line of usage, which clap_mangen makes less of: no values, and nothing repeated.
fn with_usage(command: &clap::Command) -> clap::Command {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    command.clone().override_usage(usage)
}

fn described(man: &Man) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    Ok(text)
}

fn of_verb(verb: &clap::Command) -> Result<String, Failure> {
    let name = verb.get_bin_name().unwrap_or(verb.get_name());
    let mut heading = Roff::new();
    heading.control("SH", [name.to_uppercase().as_str()]);
    let mut page = heading.to_roff();
    // What is global is described once, with the program.
    let mut own = with_usage(verb);
    let global: Vec<_> = own
        .get_arguments()
        .filter(|argument| argument.is_global_set())
        .map(|argument| argument.get_id().clone())
        .collect();
    for id in global {
        own = own.mut_arg(id, |argument| argument.hide(true));
    }
    // The sections of the verb are subsections here.
    let text = without_preambles(&described(&Man::new(own))?, false);
    for line in text.lines() {
        page.push_str(&line.replacen(".SH ", ".SS ", 1));
        page.push('\n');
    }
    for below in verb.get_subcommands() {
        if below.get_name() != "help" {
            page.push_str(&of_verb(below)?);
        }
    }
    Ok(page)
}

/// troff's preamble is there before each part; a page has it once, before everything.
fn without_preambles(text: &[u8], first: bool) -> String {
    let text = String::from_utf8_lossy(text);
    let is_preamble = |line: &str| line.starts_with(".ie ") || line.starts_with(".el ");
    let mut kept = if first { 2 } else { 0 };
    let mut page = String::new();
    for line in text.lines() {
        if is_preamble(line) {
            if kept == 0 {
                continue;
            }
            kept -= 1;
        }
        page.push_str(line);
        page.push('\n');
    }
    page
}

fn words(page: &mut Roff, heading: &str, words: Words) {
    page.control("SH", [heading]);
    for (word, meaning) in words {
        page.control("TP", []);
        page.text([bold(*word)]);
        page.text([roman(*meaning)]);
    }
}

/// One below the other.
fn lines<'a>(page: &mut Roff, heading: &str, lines: impl Iterator<Item = &'a str>) {
    page.control("SH", [heading]);
    page.control("nf", []);
    for line in lines {
        page.text([roman(line.trim_start())]);
    }
    page.control("fi", []);
}

fn see_also(page: &mut Roff, pages: &[&str]) {
    page.control("SH", ["SEE ALSO"]);
    let mut list: Vec<Inline> = Vec::new();
    for (name, section) in pages.iter().filter_map(|page| page.split_once('(')) {
        if !list.is_empty() {
            list.push(roman(", "));
        }
        list.extend([bold(name), roman(format!("({section}"))]);
    }
    page.text(list);
}
