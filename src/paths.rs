//! Where everything lies: the configuration, the state, the control socket.
//!
//! Promise: the daemon and `supervisorctl` look at the same places, because both ask here.
//!
//! How: for each place the first of these that is given wins: the command line, systemd's
//! `$CONFIGURATION_DIRECTORY`, `$STATE_DIRECTORY`, `$RUNTIME_DIRECTORY` (systemd.exec(5)), and then
//! for root the directories of the system, for a user those of the XDG base directory
//! specification. A relative XDG variable is ignored, as that specification demands.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

/// The control socket of a daemon that root runs.
pub const SYSTEM_SOCKET: &str = "/run/loopkeeper/control.sock";

/// What the command line says about places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--state-dir`.
    pub state: Option<PathBuf>,
    /// `--socket`.
    pub socket: Option<PathBuf>,
}

/// The places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The rig's declaration.
    pub config: PathBuf,
    /// What must survive a reboot: the store, `phase-idx`, `REBOOTS.md`, the attempts.
    pub state: PathBuf,
    /// What must survive the daemon and need not survive a reboot: the sockets.
    pub runtime: PathBuf,
    /// The control socket.
    pub socket: PathBuf,
}

/// A user without a home directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} directory is unknown: neither ${variable} nor $HOME is an absolute path")]
pub struct NoHome {
    what: &'static str,
    variable: &'static str,
}

impl NoHome {
    /// What helps.
    pub fn hint(&self) -> &'static str {
        "set HOME, or give --config, --state-dir and --socket"
    }
}

impl Paths {
    /// The places by this environment, for root or for a user.
    pub fn find(
        environment: &BTreeMap<OsString, OsString>,
        root: bool,
        given: &Given,
    ) -> Result<Self, NoHome> {
        let place = Place { environment, root };
        let config = match &given.config {
            Some(path) => absolute(path),
            None => place
                .directory(
                    "configuration",
                    "CONFIGURATION_DIRECTORY",
                    "/etc",
                    "XDG_CONFIG_HOME",
                    ".config",
                )?
                .join("loopkeeper.toml"),
        };
        let state = match &given.state {
            Some(path) => absolute(path),
            None => place.directory(
                "state",
                "STATE_DIRECTORY",
                "/var/lib",
                "XDG_STATE_HOME",
                ".local/state",
            )?,
        };
        let runtime = match place.by_systemd("RUNTIME_DIRECTORY") {
            Some(path) => path,
            None if root => PathBuf::from("/run/loopkeeper"),
            None => place
                .absolute("XDG_RUNTIME_DIR")
                .map_or_else(|| state.join("run"), |base| base.join("loopkeeper")),
        };
        let socket = given
            .socket
            .as_deref()
            .map_or_else(|| runtime.join("control.sock"), absolute);
        Ok(Self {
            config,
            state,
            runtime,
            socket,
        })
    }
}

/// What is given is meant from where one stands, and nobody else stands there.
fn absolute(path: &Path) -> PathBuf {
    // Fails for an empty one, which is told by who uses it.
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// A path as it is typed into a shell.
pub fn typed(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

struct Place<'a> {
    environment: &'a BTreeMap<OsString, OsString>,
    root: bool,
}

impl Place<'_> {
    fn absolute(&self, variable: &str) -> Option<PathBuf> {
        let value = self.environment.get(OsStr::new(variable))?;
        let path = Path::new(value);
        path.is_absolute().then(|| path.to_owned())
    }

    /// systemd separates several directories of one unit by colons; ours is the first.
    fn by_systemd(&self, variable: &str) -> Option<PathBuf> {
        let value = self.absolute(variable)?;
        std::env::split_paths(&value).next()
    }

    fn directory(
        &self,
        what: &'static str,
        by_systemd: &str,
        of_system: &str,
        variable: &'static str,
        below_home: &str,
    ) -> Result<PathBuf, NoHome> {
        if let Some(path) = self.by_systemd(by_systemd) {
            return Ok(path);
        }
        if self.root {
            return Ok(Path::new(of_system).join("loopkeeper"));
        }
        self.absolute(variable)
            .or_else(|| Some(self.absolute("HOME")?.join(below_home)))
            .map(|base| base.join("loopkeeper"))
            .ok_or(NoHome { what, variable })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> BTreeMap<OsString, OsString> {
        pairs
            .iter()
            .map(|(k, v)| (OsString::from(k), OsString::from(v)))
            .collect()
    }

    fn places(pairs: &[(&str, &str)], root: bool, given: &Given) -> [String; 4] {
        let paths = Paths::find(&environment(pairs), root, given).unwrap();
        [paths.config, paths.state, paths.runtime, paths.socket]
            .map(|path| path.to_str().unwrap().to_owned())
    }

    #[test]
    fn root_has_the_directories_of_the_system_whatever_its_home_is() {
        assert_eq!(
            places(
                &[("HOME", "/root"), ("XDG_STATE_HOME", "/x")],
                true,
                &Given::default()
            ),
            [
                "/etc/loopkeeper/loopkeeper.toml",
                "/var/lib/loopkeeper",
                "/run/loopkeeper",
                SYSTEM_SOCKET
            ]
        );
    }

    #[test]
    fn a_user_has_the_xdg_directories() {
        assert_eq!(
            places(
                &[("HOME", "/home/u"), ("XDG_RUNTIME_DIR", "/run/user/7")],
                false,
                &Given::default()
            ),
            [
                "/home/u/.config/loopkeeper/loopkeeper.toml",
                "/home/u/.local/state/loopkeeper",
                "/run/user/7/loopkeeper",
                "/run/user/7/loopkeeper/control.sock"
            ]
        );
        assert_eq!(
            places(
                &[("XDG_CONFIG_HOME", "/c"), ("XDG_STATE_HOME", "/s")],
                false,
                &Given::default()
            ),
            [
                "/c/loopkeeper/loopkeeper.toml",
                "/s/loopkeeper",
                "/s/loopkeeper/run",
                "/s/loopkeeper/run/control.sock"
            ]
        );
    }

    #[test]
    fn a_path_is_quoted_for_a_shell_where_it_has_to_be() {
        assert_eq!(typed("/a-b/c_1.toml".as_ref()), "/a-b/c_1.toml");
        assert_eq!(typed("/it's here".as_ref()), r"'/it'\''s here'");
    }

    #[test]
    fn a_relative_xdg_variable_counts_as_unset() {
        let found = places(
            &[
                ("HOME", "/h"),
                ("XDG_STATE_HOME", "s"),
                ("XDG_RUNTIME_DIR", ""),
            ],
            false,
            &Given::default(),
        );
        assert_eq!(found[1], "/h/.local/state/loopkeeper");
        assert_eq!(found[2], "/h/.local/state/loopkeeper/run");
    }

    #[test]
    fn systemd_wins_over_both_and_the_command_line_over_systemd() {
        let systemd = [
            ("CONFIGURATION_DIRECTORY", "/sc"),
            ("STATE_DIRECTORY", "/ss:/ss/more"),
            ("RUNTIME_DIRECTORY", "/sr"),
            ("HOME", "/h"),
        ];
        for root in [true, false] {
            assert_eq!(
                places(&systemd, root, &Given::default()),
                ["/sc/loopkeeper.toml", "/ss", "/sr", "/sr/control.sock"]
            );
            let given = Given {
                config: Some("/g.toml".into()),
                state: Some("/g".into()),
                socket: Some("/g.sock".into()),
            };
            assert_eq!(
                places(&systemd, root, &given),
                ["/g.toml", "/g", "/sr", "/g.sock"]
            );
        }
    }

    #[test]
    fn what_is_given_begins_where_one_stands() {
        let given = Given {
            config: Some("c.toml".into()),
            state: Some("./s".into()),
            socket: Some("run/c.sock".into()),
        };
        let here = std::env::current_dir().unwrap();
        let [config, state, _, socket] = places(&[], true, &given);
        assert_eq!(Path::new(&config), here.join("c.toml"));
        assert_eq!(Path::new(&state), here.join("s"));
        assert_eq!(Path::new(&socket), here.join("run/c.sock"));
    }

    #[test]
    fn without_a_home_the_error_names_what_would_help() {
        let error = Paths::find(&environment(&[]), false, &Given::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "configuration directory is unknown: neither $XDG_CONFIG_HOME nor $HOME is an absolute path"
        );
        let given = Given {
            config: Some("/c".into()),
            state: Some("/s".into()),
            socket: None,
        };
        assert_eq!(
            places(&[], false, &given),
            ["/c", "/s", "/s/run", "/s/run/control.sock"]
        );
    }
}
