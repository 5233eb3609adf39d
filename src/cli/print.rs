//! `generate`, `completions`, `man`: things to be installed.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use clap_complete::Shell;

use super::{
    Context,
    failure::{Exit, Failure},
    typed,
    words::printable_lines,
};
use crate::{
    paths::Given,
    systemd::unit::{Manager, Unit},
};

#[derive(Debug, Subcommand)]
pub(super) enum Generate {
    /// Print a hardened loopkeeper.service for systemd, for the rig that --config, --state-dir and
    /// --socket say.
    Unit {
        /// Make it one for systemd --user, to be put into ~/.config/systemd/user.
        #[arg(long)]
        user: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Man {
    /// Write a page for each verb into this directory.
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

pub(super) fn generate(what: &Generate, context: &Context) -> Result<(), Failure> {
    let Generate::Unit { user } = what;
    let Given {
        config,
        state,
        socket,
    } = &context.rig.given;
    let path = |given: &Option<PathBuf>| given.as_deref().map(absolute).transpose();
    let unit = Unit {
        manager: if *user {
            Manager::User
        } else {
            Manager::System
        },
        daemon: daemon()?,
        config: path(config)?,
        state: path(state)?,
        socket: path(socket)?,
    };
    let text = unit
        .text()
        .map_err(|why| Failure::new(Exit::Usage, &why).hint("choose a path of plain characters"))?;
    if let Some(why) = passing(&unit.daemon) {
        let daemon = unit.daemon.display();
        Failure::show(&printable_lines(&format!(
            "warning: this unit starts {daemon}, which {why}\n\
             hint: install both programs first, into /usr/local/bin say, and ask that supervisorctl\n"
        )));
    }
    Ok(context.screen.print(text)?)
}

/// Why a program will not be there for long.
fn passing(program: &Path) -> Option<&'static str> {
    let cargo = ["debug", "release"].map(|profile| Path::new("target").join(profile));
    let directory = program.parent()?;
    if cargo.iter().any(|built| directory.ends_with(built)) {
        return Some("the next build replaces and `cargo clean` removes");
    }
    let cleaned = ["/tmp", "/var/tmp", "/dev/shm", "/run"];
    cleaned
        .iter()
        .any(|directory| program.starts_with(directory))
        .then_some("lies where files are removed on boot or after a while")
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| {
        Failure::say(
            Exit::Usage,
            format!("path {} has no absolute form: {error}", path.display()),
        )
    })
}

/// The daemon that came with this program.
fn daemon() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe()
        .and_then(|path| path.canonicalize())
        .map_err(|error| {
            Failure::say(
                Exit::Failed,
                format!("path of supervisorctl is unknown: {error}"),
            )
        })?;
    let daemon = own.with_file_name("loopkeeperd");
    if daemon.is_file() {
        return Ok(daemon);
    }
    Err(Failure::say(
        Exit::Failed,
        format!("daemon {} does not exist", daemon.display()),
    )
    .hint("install loopkeeperd and supervisorctl in one directory"))
}

pub(super) fn completions(shell: Shell, context: &Context) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut typed(), "supervisorctl", &mut script);
    Ok(context.screen.print(script)?)
}

pub(super) fn man(arguments: &Man, context: &Context) -> Result<(), Failure> {
    match &arguments.directory {
        Some(directory) => {
            clap_mangen::generate_to(command_without_defaults(), directory).map_err(|error| {
                Failure::say(
                    Exit::Failed,
                    format!(
                        "pages cannot be written into {}: {error}",
                        directory.display()
                    ),
                )
            })
        }
        None => Ok(context.screen.print(whole_page()?)?),
    }
}

/// The help of the program without the environment of whoever prints it.
fn command_without_defaults() -> clap::Command {
    typed().mut_arg("socket", |argument| argument.hide_env_values(true))
}

/// One page: the program, then each verb with its options.
fn whole_page() -> io::Result<Vec<u8>> {
    let mut command = command_without_defaults().disable_help_subcommand(true);
    command.build();
    let main = clap_mangen::Man::new(command.clone());
    let mut page = Vec::new();
    main.render_title(&mut page)?;
    main.render_name_section(&mut page)?;
    main.render_synopsis_section(&mut page)?;
    main.render_description_section(&mut page)?;
    main.render_options_section(&mut page)?;
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        verb_section(verb, &mut page)?;
    }
    writeln!(page, ".SH \"EXIT STATUS\"\n.nf")?;
    for line in super::EXIT_CODES.lines().skip(1) {
        writeln!(page, "{line}")?;
    }
    writeln!(page, ".fi")?;
    Ok(page)
}

fn verb_section(verb: &clap::Command, page: &mut Vec<u8>) -> io::Result<()> {
    let name = verb
        .get_bin_name()
        .unwrap_or(verb.get_name())
        .replace('-', "\\-");
    writeln!(page, ".SH \"{}\"", name.to_uppercase())?;
    // What is global is described once, with the program.
    let mut own = verb.clone();
    let global: Vec<_> = own
        .get_arguments()
        .filter(|a| a.is_global_set())
        .map(|a| a.get_id().clone())
        .collect();
    for id in global {
        own = own.mut_arg(id, |argument| argument.hide(true));
    }
    let man = clap_mangen::Man::new(own);
    let mut text = Vec::new();
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    // The sections of the verb are subsections here, and troff's preamble is there once.
    for line in String::from_utf8_lossy(&text).lines() {
        if line.starts_with(".ie ") || line.starts_with(".el ") {
            continue;
        }
        writeln!(page, "{}", line.replacen(".SH ", ".SS ", 1))?;
    }
    for below in verb
        .get_subcommands()
        .filter(|below| below.get_name() != "help")
    {
        verb_section(below, page)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_will_not_stay_is_known_by_its_place() {
        for (place, stays) in [
            ("/usr/local/bin/loopkeeperd", true),
            ("/nix/store/x-loopkeeper/bin/loopkeeperd", true),
            ("/home/u/target/bin/loopkeeperd", true),
            ("/home/u/loopkeeper/target/release/loopkeeperd", false),
            ("/tmp/loopkeeperd", false),
            ("/tmpfs/loopkeeperd", true),
        ] {
            assert_eq!(passing(Path::new(place)).is_none(), stays, "{place}");
        }
    }
}
