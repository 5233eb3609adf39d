//! `generate` and `completions`: things to be installed.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use clap_complete::Shell;

use super::{
    Context,
    failure::{Exit, Failure},
    nixos, typed,
    words::printable_lines,
};
use crate::{
    config,
    paths::Given,
    systemd::{
        catalog, socket_unit,
        unit::{BadPath, Manager, Unit},
    },
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
    /// Print a loopkeeper.socket to go with it: while the daemon is restarted, supervisorctl waits for
    /// the next one.
    Socket {
        /// Make it one for systemd --user, to be put into ~/.config/systemd/user.
        #[arg(long)]
        user: bool,
    },
    /// Print a configuration of comments: every table and key, what it is for, its default.
    Config,
    /// Print the message catalog, by which `journalctl -x` explains each event: for
    /// /usr/lib/systemd/catalog/loopkeeper.catalog, then `journalctl --update-catalog`.
    Catalog,
    /// Print a configuration as options of the NixOS module.
    Nix {
        /// The configuration; by default the one of this rig.
        file: Option<PathBuf>,
    },
}

pub(super) fn generate(what: &Generate, context: &Context) -> Result<(), Failure> {
    match what {
        Generate::Unit { user } => unit(*user, context),
        Generate::Socket { user } => socket(*user, context),
        Generate::Config => Ok(context.screen.print(config::commented())?),
        Generate::Catalog => Ok(context.screen.print(catalog::text())?),
        Generate::Nix { file } => nixos::run(file.as_deref(), context),
    }
}

fn unit(user: bool, context: &Context) -> Result<(), Failure> {
    let Given {
        config,
        state,
        socket,
    } = &context.rig.given;
    let path = |given: &Option<PathBuf>| given.as_deref().map(absolute).transpose();
    let unit = Unit {
        manager: manager(user),
        daemon: daemon()?,
        config: path(config)?,
        state: path(state)?,
        socket: path(socket)?,
    };
    let text = unit.text().map_err(bad_path)?;
    if let Some(why) = passing(&unit.daemon) {
        let daemon = unit.daemon.display();
        Failure::show(&printable_lines(&format!(
            "warning: this unit starts {daemon}, which {why}\n\
             hint: install both programs first, into /usr/local/bin say, and ask that supervisorctl\n"
        )));
    }
    Ok(context.screen.print(text)?)
}

fn socket(user: bool, context: &Context) -> Result<(), Failure> {
    let place = context.rig.given.socket.as_deref();
    let place = place.map(absolute).transpose()?;
    let text = socket_unit::text(manager(user), place.as_deref());
    Ok(context.screen.print(text.map_err(bad_path)?)?)
}

fn manager(user: bool) -> Manager {
    if user { Manager::User } else { Manager::System }
}

fn bad_path(why: BadPath) -> Failure {
    Failure::new(Exit::Usage, &why).hint("choose a path of plain characters")
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
