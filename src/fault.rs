//! Points at which a test build of the daemon dies: a life of it at the first, the next one at the
//! second, and so on. Only with the feature `fault-points`; what is released has none.
//!
//! How: `$LOOPKEEPER_FAULTS` names a file with the number of the point that is next. A life takes it,
//! leaves the number for the one after it, and kills itself there; beside it, in `FILE.log`, it says
//! where that was. Without such a file it lives.

#[cfg(not(feature = "fault-points"))]
pub(crate) fn point(_what: impl FnOnce() -> String) {}

#[cfg(feature = "fault-points")]
pub(crate) use armed::point;

#[cfg(feature = "fault-points")]
mod armed {
    use std::{
        fs::{self, OpenOptions},
        io::Write as _,
        path::PathBuf,
        sync::{
            LazyLock,
            atomic::{AtomicU64, Ordering},
        },
    };

    use nix::{sys::signal, unistd};

    static PASSED: AtomicU64 = AtomicU64::new(0);
    static FATAL: LazyLock<Option<(PathBuf, u64)>> = LazyLock::new(fatal);

    /// Which point this life ends at.
    fn fatal() -> Option<(PathBuf, u64)> {
        let path = PathBuf::from(std::env::var_os("LOOPKEEPER_FAULTS")?);
        let number = fs::read_to_string(&path).ok()?.trim().parse().ok()?;
        fs::write(&path, format!("{}\n", number + 1)).ok()?;
        Some((path, number))
    }

    /// Dies here, if this is the one.
    pub(crate) fn point(what: impl FnOnce() -> String) {
        let Some((path, number)) = &*FATAL else {
            return;
        };
        if PASSED.fetch_add(1, Ordering::Relaxed) != *number {
            return;
        }
        let log = OpenOptions::new()
            .append(true)
            .create(true)
            .open(path.with_extension("log"));
        // What is not told is missed by the scenario.
        drop(log.and_then(|mut log| writeln!(log, "{number} {}", what())));
        // Who could not be killed is missed as well.
        let _ = signal::kill(unistd::getpid(), signal::Signal::SIGKILL);
    }
}
