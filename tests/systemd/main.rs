//! The real systemd: what we say to it means what it should. Run inside of a machine that it booted, as
//! root (`tests/lab/container/70-manager`), not with the other tests.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests, their helpers included"
)]

mod manager;
mod property;

use std::process::Command;

/// What `systemctl` prints.
fn systemctl(arguments: &[&str]) -> String {
    let output = Command::new("systemctl").args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
