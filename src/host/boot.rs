//! Which life of the machine this is, and what time it is in it.

use std::{fs, path::Path, time::Duration};

use jiff::Timestamp;
use nix::time::{ClockId, clock_gettime};

use super::HostError;
use crate::model::{BootId, Mono, Now};

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
const STAT: &str = "/proc/stat";

fn read(path: &str) -> Result<String, HostError> {
    fs::read_to_string(path).map_err(|error| HostError::file(Path::new(path), error))
}

fn unexpected(path: &str, text: String) -> HostError {
    HostError::Content {
        path: path.into(),
        text,
    }
}

/// The kernel's boot_id (random(4)).
pub fn boot_id() -> Result<BootId, HostError> {
    let text = read(BOOT_ID)?;
    text.parse().map_err(|_| unexpected(BOOT_ID, text))
}

/// When the machine booted by the wall clock, to the second: `btime` of proc_stat(5). It moves
/// when the clock is set.
pub fn booted_at() -> Result<Timestamp, HostError> {
    let text = read(STAT)?;
    text.lines()
        .find_map(|line| line.strip_prefix("btime "))
        .and_then(|seconds| seconds.trim().parse().ok())
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .ok_or_else(|| unexpected(STAT, "no btime".into()))
}

/// The monotonic clock, which stands while the machine sleeps (`CLOCK_MONOTONIC`, clock_gettime(2)).
pub fn mono() -> Mono {
    // The call fails only for a clock that does not exist; every Linux has this one.
    let read = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from);
    Mono::default() + read
}

/// Both clocks at one moment.
pub fn now() -> Now {
    Now {
        mono: mono(),
        wall: Timestamp::now(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_tells_its_boot_and_its_age() {
        assert_eq!(boot_id().unwrap(), boot_id().unwrap());
        let (before, wall) = (mono(), now().wall);
        assert!(mono() >= before && before > Mono(0));
        let up: f64 = fs::read_to_string("/proc/uptime")
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let age = wall.duration_since(booted_at().unwrap()).as_secs_f64();
        assert!((age - up).abs() < 5.0, "age {age}, uptime {up}");
    }
}
