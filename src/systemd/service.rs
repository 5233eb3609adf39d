//! The service that a process is the main one of, and how that is ended by hand.
//!
//! Promise: a unit is named only where systemd says that it has started that very process
//! (`SYSTEMD_EXEC_PID=`, systemd.exec(5)): whoever was started from a shell may be in a unit that is not its own.

use std::fs;

/// The command that ends the daemon with this pid. Where it is a service, a signal alone would have it
/// started again.
pub(crate) fn how_to_end(pid: i32) -> String {
    let read = |file| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let cgroup = String::from_utf8_lossy(&read("cgroup")).into_owned();
    let stop = is_started_as(pid, &read("environ")).then(|| how_to_stop(&cgroup));
    stop.flatten()
        .unwrap_or_else(|| format!("kill -s TERM {pid}"))
}

fn is_started_as(pid: i32, environment: &[u8]) -> bool {
    let said = format!("SYSTEMD_EXEC_PID={pid}");
    environment
        .split(|byte| *byte == 0)
        .any(|variable| variable == said.as_bytes())
}

/// By the control group that systemd has made for the unit (cgroups(7)).
fn how_to_stop(cgroup: &str) -> Option<String> {
    let path = cgroup.lines().find_map(|line| line.strip_prefix("0::"))?;
    let (above, rest) = path.rsplit_once(".service")?;
    let (above, name) = above.rsplit_once('/')?;
    let systemctl = match above.contains("/user@") {
        true => "systemctl --user",
        false => "systemctl",
    };
    // What the unit has below its own group is its own.
    let is_its_own = !name.starts_with("user@") && !rest.contains(".scope");
    is_its_own.then(|| format!("{systemctl} stop {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_stopped_by_the_manager_that_has_it() {
        let user = "/user.slice/user-1000.slice/user@1000.service";
        for (cgroup, stop) in [
            (
                "/system.slice/loopkeeper.service",
                Some("systemctl stop loopkeeper"),
            ),
            (
                "/system.slice/rig.service/daemon",
                Some("systemctl stop rig"),
            ),
            (
                &format!("{user}/app.slice/loopkeeper.service"),
                Some("systemctl --user stop loopkeeper"),
            ),
            (&format!("{user}/init.scope"), None),
            (user, None),
            ("/user.slice/user-1000.slice/session-3.scope", None),
            ("/", None),
        ] {
            let lines = format!("1:name=systemd:/x.service\n0::{cgroup}\n");
            assert_eq!(how_to_stop(&lines).as_deref(), stop, "{cgroup}");
        }
        assert_eq!(how_to_stop(""), None);
    }

    #[test]
    fn who_was_started_from_a_shell_is_asked_by_a_signal() {
        let environment = b"HOME=/root\0SYSTEMD_EXEC_PID=77\0".as_slice();
        assert!(is_started_as(77, environment));
        for other in [7, 777] {
            assert!(!is_started_as(other, environment));
        }
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!(how_to_end(own), format!("kill -s TERM {own}"));
    }
}
