//! A command on a host over a connection that a daemon keeps, for whoever may use its socket.
//!
//! Promise: there is that connection or none: where it has ended, nothing connects anew. No file of any user
//! is read. The command means over there what it says, whatever the login shell is.
//!
//! How: ssh as a client of the master; what would connect in its stead is `false`. The command comes as
//! octal numbers, which every shell leaves as they are between single quotes, so that standard input is left
//! for a terminal.

use std::{ffi::OsString, path::Path};

/// What ssh is called with to run this script for a POSIX shell. `terminal`: with ours as its terminal.
///
/// `None`: the path of the socket is not UTF-8, and no daemon made one.
pub(crate) fn arguments(
    socket: &Path,
    host: &str,
    terminal: bool,
    script: &str,
) -> Option<Vec<OsString>> {
    let socket = socket.to_str()?.replace('%', "%%");
    let terminal = if terminal { "-tt" } else { "-T" };
    let (script, alone) = (command(script), "ProxyCommand=false");
    let words = ["-F", "none", "-S", &socket, "-e", "none", "-o", alone];
    let more = [
        "-o",
        "LogLevel=ERROR",
        "-o",
        "BatchMode=yes",
        terminal,
        "--",
        host,
        &script,
    ];
    Some(words.into_iter().chain(more).map(OsString::from).collect())
}

/// As any login shell takes it.
fn command(script: &str) -> String {
    let octal = script.bytes().map(|byte| format!("\\0{byte:03o}"));
    let octal: String = octal.collect();
    format!("exec sh -c 'eval \"$(printf %b \"$0\")\"' '{octal}'")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_script_comes_through_a_login_shell_byte_for_byte(
            text in "[^\0]{0,20}|[ '\"\\\\$`!*~;&|<>(){}\\[\\]#%\n\t\r=^-]{0,20}"
        ) {
            let script = format!("printf %s {}", shlex::try_quote(&text).unwrap());
            for shell in ["sh", "bash"] {
                let said = Command::new(shell).arg("-c").arg(command(&script)).output().unwrap();
                prop_assert_eq!(String::from_utf8(said.stdout).unwrap(), text.clone());
            }
        }
    }
}
