//! Whether the clock is right: the history's times, and when a usage limit ends, rest on it.

use std::{fs, io, path::Path, time::SystemTime};

use super::{Finding, Is};
use crate::sys;

/// From this error on, in µs, the kernel holds its clock to be unsynchronised (`NTP_PHASE_LIMIT`,
/// adjtimex(2)), and so does timedatectl(1). The flag `STA_UNSYNC` is not asked: who synchronises
/// the clock may set it for other reasons.
const UNSYNCHRONISED: i64 = 16_000_000;

/// Any of these is there in a container: systemd's, Docker's, Podman's.
const CONTAINER: &[&str] = &[
    "/run/systemd/container",
    "/.dockerenv",
    "/run/.containerenv",
];

pub(super) fn findings() -> [Finding; 2] {
    let container = CONTAINER.iter().any(|sign| Path::new(sign).exists());
    [
        plausible(SystemTime::now()),
        synchronised(&sys::largest_clock_error(), container),
    ]
}

/// A clock that was never set shows a time before this program was installed.
fn plausible(now: SystemTime) -> Finding {
    let installed = std::env::current_exe()
        .and_then(fs::metadata)
        .and_then(|m| m.modified());
    match installed {
        Ok(installed) if now < installed => Finding::new(
            "clock",
            Is::Fail,
            "it is earlier than when this program was installed",
        )
        .hint("set it, or see why it is not set, with: timedatectl"),
        Ok(_) => Finding::new("clock", Is::Ok, "its time is plausible"),
        Err(error) => Finding::new(
            "clock",
            Is::Warn,
            format!("nothing to compare it with: {error}"),
        ),
    }
}

fn synchronised(error: &io::Result<i64>, container: bool) -> Finding {
    let finding = |is, found| Finding::new("clock sync", is, found);
    let hint = if container {
        "this is a container: see to it on its host, with: timedatectl"
    } else {
        "timedatectl set-ntp true; where that is refused, apt-get install systemd-timesyncd"
    };
    match error {
        Ok(error) if *error < UNSYNCHRONISED => {
            #[expect(clippy::cast_precision_loss, reason = "it is below 2^24")]
            let seconds = *error as f64 / 1e6;
            finding(Is::Ok, format!("synchronised, to {seconds:.3} s at worst"))
        }
        Ok(_) => finding(
            Is::Warn,
            "nothing synchronises it: times go wrong, and with them when a limit ends".to_owned(),
        )
        .hint(hint),
        Err(error) => finding(Is::Warn, format!("the kernel does not tell: {error}")).hint(hint),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_nobody_synchronises_is_told_with_what_helps() {
        let good = synchronised(&Ok(UNSYNCHRONISED - 1), false);
        assert_eq!((good.is, good.hint), (Is::Ok, None));
        assert_eq!(
            synchronised(&Ok(12_345), true).found,
            "synchronised, to 0.012 s at worst"
        );
        let alone = synchronised(&Ok(UNSYNCHRONISED), false);
        assert_eq!(alone.is, Is::Warn);
        assert!(alone.hint.unwrap().starts_with("timedatectl set-ntp true"));
        let inside = synchronised(&Ok(UNSYNCHRONISED), true);
        assert!(inside.hint.unwrap().contains("on its host"));
        let denied = synchronised(&Err(io::ErrorKind::PermissionDenied.into()), true);
        assert_eq!(denied.is, Is::Warn);
        assert!(denied.found.starts_with("the kernel does not tell"));
    }

    #[test]
    fn a_clock_before_the_program_is_wrong() {
        assert_eq!(plausible(SystemTime::UNIX_EPOCH).is, Is::Fail);
        assert_eq!(plausible(SystemTime::now()).is, Is::Ok);
        assert!(sys::largest_clock_error().is_ok_and(|error| error >= 0));
    }
}
