//! File systems that come and go: the kernel tells who polls `/proc/self/mountinfo`
//! (proc_pid_mountinfo(5)).

use std::{fs::File, future, io, os::fd::OwnedFd};

use tokio::io::{Interest, unix::AsyncFd};

use crate::sys;

/// A watch over what is mounted, as this process sees it.
#[derive(Debug)]
pub(crate) struct Mounts(Option<AsyncFd<OwnedFd>>);

impl Mounts {
    /// To be called inside of a tokio runtime. Where the kernel does not tell, nothing ever changes.
    pub(crate) fn watch() -> Self {
        let watch = || -> io::Result<_> {
            let table = File::open("/proc/self/mountinfo")?;
            sys::polled(table.into(), Interest::PRIORITY)
        };
        Self(
            watch()
                .inspect_err(|error| tracing::debug!("mounts are not watched: {error}"))
                .ok(),
        )
    }

    /// Something was mounted, unmounted or mounted otherwise.
    pub(crate) async fn changed(&self) {
        if let Some(table) = &self.0
            && let Ok(mut change) = table.ready(Interest::PRIORITY).await
        {
            return change.clear_ready();
        }
        future::pending().await
    }
}
