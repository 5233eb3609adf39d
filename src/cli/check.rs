//! `check`: a configuration, without touching anything.

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
};

use clap::Args;
use nix::unistd::geteuid;
use serde_json::json;

use super::{
    Context,
    carrier::{self, Carrier},
    failure::{Exit, Failure},
    rig::how_to_configure,
    words::{count, warnings},
};
use crate::{
    config::{self, Complaints, Config, Credentials, Environment},
    control::protocol::Request,
    systemd::BOOTED,
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The configuration; by default the one that the daemon keeps, or would read.
    file: Option<PathBuf>,
    /// It is for another machine: this one is not looked at, and what it lacks is not told.
    #[arg(long)]
    elsewhere: bool,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// Where systemd hands credentials to the daemon (systemd.exec(5), `LoadCredential=`).
pub(super) const HANDED: &str = "/run/credentials/loopkeeper.service";

/// The environment of this machine, for somebody who is not the daemon.
pub(super) fn environment() -> Result<Environment, Failure> {
    let mut environment = Environment::of_this_process()
        .map_err(|error| Failure::say(Exit::Failed, format!("this machine is unknown: {error}")))?;
    // Credentials are handed to the daemon and not to us, so their names are taken as right.
    environment.credentials = Credentials::Elsewhere(HANDED.into());
    Ok(environment)
}

pub(super) fn run(arguments: &Arguments, context: &mut Context) -> Result<(), Failure> {
    let file = match &arguments.file {
        Some(file) => file.clone(),
        None => {
            if let Ok(mut daemon) = context.try_connect()?
                && let Ok(status) = daemon.ask(&Request::Status {})
            {
                context.rig.learn(&status);
            }
            context.paths()?.config.clone()
        }
    };
    let environment = environment()?;
    let outcome = match arguments.elsewhere {
        true => config::load_elsewhere(&file, &environment),
        false => config::load(&file, &environment),
    };
    let doubts = outcome.as_ref().map_or_else(
        |_| Vec::new(),
        |config| match arguments.elsewhere {
            true => config::doubts_elsewhere(config, &environment),
            false => doubts(config, &file, &environment),
        },
    );
    if arguments.json {
        context.screen.json(&as_json(&outcome, &doubts))?;
        return outcome.map(drop).map_err(|_| Failure::told(Exit::Usage));
    }
    match outcome {
        Ok(config) => {
            Failure::show(&warnings(&doubts));
            let workers = count(config.workers.len() as u64, "worker");
            let phases = count(config.plan.phases.len() as u64, "phase");
            let hosts = match config.hosts.len() {
                0 => String::new(),
                hosts => format!(", {}", count(hosts as u64, "host")),
            };
            let text = format!("{}: good, {workers}, {phases}{hosts}\n", file.display());
            Ok(context.screen.print(text)?)
        }
        Err(complaints) => {
            let colour = context.screen.colour && std::io::stderr().is_terminal();
            Failure::show(&complaints.render(colour));
            let failure = Failure::told(Exit::Usage);
            let usual = arguments.file.is_none();
            Err(match file.try_exists() {
                Ok(false) if usual => failure.hint(how_to_configure(&file)),
                _ => failure,
            })
        }
    }
}

/// What is doubtful on this machine.
fn doubts(config: &Config, file: &Path, environment: &Environment) -> Vec<String> {
    if !Path::new(BOOTED).is_dir() {
        return config::doubts(config, environment);
    }
    let carrier = carrier(file);
    let mut doubts = config::doubts_but(config, environment, |workers| {
        carrier::look_for_mounts(workers, carrier);
    });
    doubts.extend(carrier::doubts(config, carrier));
    doubts
}

/// What the service manager of this machine would not do for the rig of a file, as far as we may read
/// it. A daemon does not ask it.
pub(super) fn of_carrier(file: &Path) -> Vec<String> {
    let config = environment()
        .ok()
        .and_then(|environment| config::load(file, &environment).ok());
    let config = config.filter(|_| Path::new(BOOTED).is_dir());
    config.map_or_else(Vec::new, |config| carrier::doubts(&config, carrier(file)))
}

/// Who carries the rig of this file: root's has its own place, and of others each their own.
fn carrier(file: &Path) -> Carrier {
    match geteuid().is_root() || file.starts_with("/etc/loopkeeper") {
        true => Carrier::System,
        false => Carrier::User,
    }
}

fn as_json(outcome: &Result<Config, Complaints>, doubts: &[String]) -> serde_json::Value {
    let complaints: Vec<_> = outcome
        .as_ref()
        .err()
        .into_iter()
        .flat_map(Complaints::iter)
        .collect();
    let list: Vec<_> = complaints
        .iter()
        .map(|one| {
            json!({
                "line": one.line, "column": one.column, "message": one.message,
                "expected": one.expected, "hint": one.hint,
            })
        })
        .collect();
    json!({ "good": outcome.is_ok(), "complaints": list, "warnings": doubts })
}
