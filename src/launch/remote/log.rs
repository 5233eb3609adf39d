//! What an attempt over there writes, brought here.
//!
//! Promise: the file of its output here is what its log there is, from the first byte on, each byte once: how
//! far it came is how long it is. One at a time brings it.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
};

use super::far::Far;
use crate::{launch::directory::Directory, model::AttemptRef};

/// Bytes that are asked for at a time.
const PIECE: u64 = 1024 * 1024;

/// Brings what there is. `last`: waits until it is complete over there.
///
/// # Errors
/// Why it does not come, or cannot be written.
pub(super) async fn fetch(
    far: &Far,
    of: &AttemptRef,
    directory: &Directory,
    last: bool,
) -> Result<u64, String> {
    let turn = far.turn(of);
    let _turn = turn.lock().await;
    let path = directory.output();
    let failed = |error| format!("{}: {error}", path.display());
    let keep = directory.spec().map_or(u64::MAX, |spec| spec.keep_output);
    loop {
        let from = match fs::metadata(&path) {
            Ok(found) => found.len(),
            // It was removed with its attempt, which is history.
            Err(_) => return Ok(0),
        };
        let forget = from.saturating_sub(keep) / PIECE * PIECE;
        let bytes = far.read(of, from, PIECE, last, forget).await?;
        if bytes.is_empty() {
            return Ok(from);
        }
        let mut file = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(failed)?;
        file.write_all(&bytes).map_err(failed)?;
    }
}
