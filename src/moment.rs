//! What is somebody else's only for a moment, and then ours.
//!
//! A process that is killed while it makes a child leaves its locks and sockets to that child until it
//! has become another program (execve(2) closes them).

use std::{
    thread,
    time::{Duration, Instant},
};

/// From fork to exec takes far less.
pub(crate) const MOMENT: Duration = Duration::from_secs(2);

/// Takes it, again and again for so `long` while it is `taken`; blocks the thread meanwhile.
///
/// # Errors
/// The last one, or the first that is another.
pub(crate) fn take_within<T, E>(
    long: Duration,
    taken: impl Fn(&E) -> bool,
    mut take: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    let until = Instant::now() + long;
    loop {
        match take() {
            Err(error) if taken(&error) && Instant::now() < until => {
                thread::sleep(Duration::from_millis(20));
            }
            answer => return answer,
        }
    }
}
