//! What happens in the repositories, told when it happens.

use std::sync::mpsc::Sender;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::{DemoError, Input, stage::Stage};

/// Watches until dropped.
pub(super) fn begin(stage: &Stage, to: Sender<Input>) -> Result<RecommendedWatcher, DemoError> {
    // git renames a lock file into its place, so it is the directory that tells.
    let heads = stage.origin().join("refs/heads");
    let main = heads.join("main");
    let work = stage.builder().join("primes.txt");
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        if !matches!(event.kind, EventKind::Create(_) | EventKind::Modify(_)) {
            return;
        }
        for path in event.paths {
            let input = match () {
                () if path == main => Input::Pushed,
                () if path == work => Input::BuilderWrites,
                () => continue,
            };
            // Nobody listens when the demo is over.
            drop(to.send(input));
        }
    })?;
    watcher.watch(&heads, RecursiveMode::NonRecursive)?;
    watcher.watch(&stage.builder(), RecursiveMode::NonRecursive)?;
    Ok(watcher)
}
