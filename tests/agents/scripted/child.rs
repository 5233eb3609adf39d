//! A child that uses a processor, as a long build does.

use std::{
    env, hint, io,
    os::unix::process::parent_id,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// The first argument of the child.
const BURN: &str = "--burn-milliseconds";

/// Starts one that ends after this time.
pub(crate) fn spawn(time: Duration) -> io::Result<Child> {
    Command::new(env::current_exe()?)
        .args([BURN, &time.as_millis().to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

/// How long this process is to burn, if it is the child.
pub(crate) fn asked() -> Option<Duration> {
    let mut arguments = env::args().skip(1);
    let asked = arguments.next()? == BURN;
    let time = arguments.next()?.parse().ok()?;
    asked.then_some(Duration::from_millis(time))
}

/// Uses a processor; no longer than the parent lives.
pub(crate) fn burn(time: Duration) {
    let (until, parent) = (Instant::now() + time, parent_id());
    let mut sum = 0_u64;
    while Instant::now() < until && parent_id() == parent {
        for number in 0..1_000_000 {
            sum = hint::black_box(sum.wrapping_add(number));
        }
    }
}
