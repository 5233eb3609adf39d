//! Why an attempt could not be started, and whether that is any fault of its worker's.

use std::{error::Error, fmt::Display, io, iter};

use nix::libc::{EAGAIN, EDQUOT, EMFILE, ENFILE, ENOMEM, ENOSPC, EROFS};

use crate::{
    causes::in_one_line,
    config::{Lack, THERE},
    host::look::Unseen,
    model::{AttemptRef, HostEvent},
};

/// What the kernel says when the machine, or this process, is out of something: room on a disk, open
/// files, processes, memory (errno(3)); also of a disk that takes nothing more since it is ill.
const SHORTAGES: [i32; 7] = [ENOSPC, EDQUOT, EROFS, EMFILE, ENFILE, EAGAIN, ENOMEM];

/// Whether it comes of the machine, or this process, being out of something.
pub(crate) fn is_shortage(error: &(dyn Error + 'static)) -> bool {
    let chain = iter::successors(Some(error), |&error| error.source());
    let errno = |error: &io::Error| error.raw_os_error();
    chain
        .filter_map(|error| error.downcast_ref().and_then(errno))
        .any(|errno| SHORTAGES.contains(&errno))
}

#[derive(Debug)]
pub(super) struct NotStarted {
    pub(super) why: String,
    /// It may start as it is once there is enough of what was short.
    pub(super) shortage: bool,
}

impl NotStarted {
    /// `what` failed with this error, which the text ends with.
    pub(super) fn because(what: &str, error: &(dyn Error + 'static)) -> Self {
        Self {
            why: format!("{what}: {}", in_one_line(error)),
            ..Self::from_error(error)
        }
    }

    /// An error that says itself what failed.
    pub(super) fn from_error(error: &(dyn Error + 'static)) -> Self {
        Self {
            why: in_one_line(error),
            shortage: is_shortage(error),
        }
    }

    /// Something is not there. That is no fault of the worker's, and its time may come.
    pub(super) fn missing(what: impl Display) -> Self {
        Self::until(THERE, what)
    }

    fn until(until: &str, what: impl Display) -> Self {
        Self {
            why: format!("{what}; it is looked for again until {until}"),
            shortage: true,
        }
    }

    /// The machine does not have this as it has to be.
    pub(super) fn lacks(lack: &Lack) -> Self {
        match lack.is_wrong() {
            true => Self {
                why: lack.in_full(),
                shortage: true,
            },
            false => Self::until(lack.until, lack.in_full()),
        }
    }

    /// Whether it is there cannot be seen.
    pub(super) fn unseen(error: Unseen) -> Self {
        let again = match &error {
            Unseen::Hangs { .. } => "; it is looked at again until it does",
            Unseen::Thread(_) => "",
        };
        Self {
            why: format!("{}{again}", in_one_line(&error)),
            shortage: true,
        }
    }

    pub(super) fn event(self, attempt: AttemptRef) -> HostEvent {
        match self.shortage {
            true => HostEvent::Shortage(attempt, self.why),
            false => HostEvent::StartFailed(attempt, self.why),
        }
    }
}

impl From<String> for NotStarted {
    fn from(why: String) -> Self {
        Self {
            why,
            shortage: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::HostError;

    #[test]
    fn a_shortage_is_found_behind_what_it_led_to() {
        for (errno, shortage) in [
            (ENOSPC, true),
            (EROFS, true),
            (EMFILE, true),
            (nix::libc::ENOENT, false),
        ] {
            let error = HostError::file("/x".as_ref(), io::Error::from_raw_os_error(errno));
            assert_eq!(NotStarted::from_error(&error).shortage, shortage, "{errno}");
        }
        let full = io::Error::from_raw_os_error(ENOSPC);
        assert_eq!(
            NotStarted::because("/x", &full).why,
            "/x: No space left on device (os error 28)"
        );
    }
}
