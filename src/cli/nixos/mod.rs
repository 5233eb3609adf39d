//! `generate nix`: a configuration as options of the NixOS module, for who began without it.
//!
//! Promise: what the module makes of them means what the file means; `tests/nix` compares the two.
//!
//! How: the tables of a file that was found good, key by key. Each goes to the option that is called
//! after it, in the one form that the option takes; what has no option goes into `settings`. A secret
//! gets a name of its own. Paths that began at the file's directory, and commands that ran in it, say
//! so, because on NixOS that directory is another one; workers of a user's rig say whose they are,
//! because there the rig is root's.

mod expression;
mod owner;
mod rig;
mod secrets;
mod value;

use std::{io::IsTerminal as _, os::unix::fs::PermissionsExt as _, path::Path};

use toml::Table;

use super::{
    Context, check,
    failure::{Exit, Failure},
    words,
};
use crate::config;
use expression::{Expression, Module};
use rig::Rig;

/// Where the module puts the configuration.
const ON_NIXOS: &str = "/etc/loopkeeper";

/// Prints `file`, or the configuration of the rig that is meant.
pub(super) fn run(file: Option<&Path>, context: &Context) -> Result<(), Failure> {
    let file = match file {
        Some(file) => file,
        None => &context.paths()?.config,
    };
    let mut environment = check::environment()?;
    let unreadable = |why: &dyn std::fmt::Display| {
        Failure::say(
            Exit::Failed,
            format!("configuration {} cannot be read: {why}", file.display()),
        )
    };
    let whole = std::path::absolute(file).map_err(|why| unreadable(&why))?;
    let mut owner = None;
    // One that is not there is told like every other mistake.
    if let Ok((of, home)) = owner::of(&whole, environment.home.clone()) {
        (owner, environment.home) = (of, home);
    }
    if let Err(complaints) = config::load(file, &environment) {
        let colour = context.screen.colour && std::io::stderr().is_terminal();
        Failure::show(&complaints.render(colour));
        return Err(Failure::told(Exit::Usage));
    }
    let found = std::fs::metadata(file).map_err(|why| unreadable(&why))?;
    let text = std::fs::read_to_string(file).map_err(|why| unreadable(&why))?;
    let tables: Table = text.parse().map_err(|why| unreadable(&why))?;
    let base = whole.parent().unwrap_or(Path::new("/"));
    if base.to_str().is_none() {
        return Err(Failure::say(
            Exit::Failed,
            format!(
                "directory {} cannot be written in Nix: its name is not UTF-8",
                base.display()
            ),
        ));
    }
    let mut warnings = Vec::new();
    if let Some(owner) = &owner {
        warnings.extend(owner.warnings(&whole, &tables));
    }
    let private = found.permissions().mode() & 0o004 == 0;
    let in_the_open = secrets::in_the_open(&tables, private);
    if !in_the_open.is_empty() {
        warnings.push(format!(
            "variables in options end in the Nix store, which everybody can read: {}; what of that is \
             secret belongs into a file, which services.loopkeeper.secrets names, and secrets and \
             environmentFrom of the worker",
            in_the_open.join(", ")
        ));
    }
    let (options, more) = Rig::new(base, environment.home, owner).options(&tables);
    warnings.extend(more);
    Failure::show(&words::warnings(&warnings));
    let text = format!(
        "# Printed by supervisorctl generate nix, version {}.\n{}",
        env!("CARGO_PKG_VERSION"),
        Module("services.loopkeeper", &options)
    );
    Ok(context.screen.print(text)?)
}

type Entries = Vec<(String, Expression)>;

fn entry(name: &str, value: Expression) -> (String, Expression) {
    (name.to_owned(), value)
}

#[cfg(test)]
mod tests;
