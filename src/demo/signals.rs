//! Ctrl-C and its like, as something that comes in.

use std::{sync::mpsc::Sender, thread};

use tokio::signal::unix::{SignalKind, signal};

use super::{DemoError, Input};

/// From here on the signals that end a program come as [`Input::Signal`]. They are caught and not
/// blocked, for what is blocked stays so in those we start.
pub(super) fn catch(to: Sender<Input>) -> Result<(), DemoError> {
    let failed = |error| DemoError::Process("signals", error);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let inside = runtime.enter();
    let catch = |kind| signal(kind).map_err(failed);
    let mut interrupt = catch(SignalKind::interrupt())?;
    let mut terminate = catch(SignalKind::terminate())?;
    let mut hangup = catch(SignalKind::hangup())?;
    drop(inside);
    let caught = async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            if to.send(Input::Signal).is_err() {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || runtime.block_on(caught))
        .map(drop)
        .map_err(failed)
}
