//! The beginning of an output that is in files.

use std::io;

use super::{
    Tail,
    recording::{self, Playback, Told},
};
use crate::launch::directory::Directory;

/// Bytes of a recording that are read for it.
const FAR: u64 = 16 * 1024 * 1024;

/// The first bytes that are left of what an attempt wrote, or its terminal was sent: at least so many, up
/// to 64 KiB, if there are.
pub(crate) fn head(directory: &Directory, bytes: usize) -> io::Result<Vec<u8>> {
    let recording = directory.recording();
    if !recording::is_there(&recording) {
        return Tail::from_head(&directory.output())?.read();
    }
    let mut playback = Playback::of(&recording).at_most(FAR);
    let mut head = Vec::new();
    while head.len() < bytes
        && let Some(moment) = playback.read()?
    {
        if let Told::Output(text) = moment.told {
            head.extend_from_slice(text.as_bytes());
        }
    }
    Ok(head)
}
