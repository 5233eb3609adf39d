//! Where `loopkeeperd` is: beside this program. `cargo run` builds no more than it runs, so when it
//! is cargo that started us, the daemon is built first, into the same place.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use super::DemoError;
use crate::config::Environment;

/// The path of a `loopkeeperd` that is there.
pub(super) fn find() -> Result<PathBuf, DemoError> {
    let of_process =
        Environment::of_this_process().map_err(|error| DemoError::Process("environment", error))?;
    let place = of_process.binaries;
    let loopkeeperd = place.join("loopkeeperd");
    if !loopkeeperd.is_file()
        && let Some(cargo) = cargo()
    {
        build(cargo, &place)?;
    }
    if loopkeeperd.is_file() {
        Ok(loopkeeperd)
    } else {
        Err(DemoError::NoDaemon(loopkeeperd))
    }
}

/// The cargo that started us, and not one that started something else around us.
fn cargo() -> Option<Command> {
    if env::var_os("CARGO_PKG_NAME")? != env!("CARGO_PKG_NAME") {
        return None;
    }
    let mut cargo = Command::new(env::var_os("CARGO")?);
    cargo.current_dir(env::var_os("CARGO_MANIFEST_DIR")?);
    Some(cargo)
}

fn build(mut cargo: Command, place: &Path) -> Result<(), DemoError> {
    let arguments =
        arguments(place).ok_or_else(|| DemoError::NoDaemon(place.join("loopkeeperd")))?;
    let status = cargo
        .args(arguments)
        .status()
        .map_err(|error| DemoError::file(cargo.get_program(), error))?;
    if status.success() {
        Ok(())
    } else {
        Err(DemoError::Build(status))
    }
}

/// What makes it appear in `place`, which is `<target directory>/<profile's directory>`.
fn arguments(place: &Path) -> Option<Vec<OsString>> {
    let profile = match place.file_name()?.to_str()? {
        "debug" => "dev",
        other => other,
    };
    let mut arguments: Vec<OsString> = ["build", "--bin", "loopkeeperd", "--profile", profile]
        .map(OsString::from)
        .into();
    arguments.push("--target-dir".into());
    arguments.push(place.parent()?.into());
    Some(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_built_where_this_program_was_and_as_it_was() {
        let arguments = |place: &str| {
            let arguments = arguments(Path::new(place)).unwrap();
            arguments.join(" ".as_ref()).into_string().unwrap()
        };
        assert_eq!(
            arguments("/src/target/release"),
            "build --bin loopkeeperd --profile release --target-dir /src/target"
        );
        assert_eq!(
            arguments("/elsewhere/debug"),
            "build --bin loopkeeperd --profile dev --target-dir /elsewhere"
        );
        assert_eq!(super::arguments(Path::new("/")), None);
    }
}
