//! Whether the program in a terminal has asked for bracketed paste, by what was recorded of it: tmux
//! itself says that only since 3.7.

use std::{fs::File, io, os::unix::fs::FileExt as _, sync::LazyLock};

use regex::bytes::Regex;

use crate::launch::{
    directory::Directory,
    output::recording::{self, Playback, Told},
};

/// So much of a recording is looked through.
const FAR: u64 = 16 * 1024 * 1024;
const PIECE: usize = 256 * 1024;
/// The longest request that is cut in two by pieces.
const OVERLAP: usize = 64;

/// DECSET and DECRST of mode 2004, also among others; and a reset of everything.
#[expect(
    clippy::unwrap_used,
    reason = "the pattern is a constant, and tests compile it"
)]
static REQUEST: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?-u)\x1b(?:\[\?(?:[0-9]+;)*2004(?:;[0-9]+)*([hl])|c)").unwrap());

/// Whether it has; `None` where that is not in the recording any more.
pub(super) fn asked_for(directory: &Directory) -> Option<bool> {
    let recording = directory.recording();
    let known = match recording::is_there(&recording) {
        true => latest(Playback::of_latest(&recording).ok()?).map(Some),
        false => search(&File::open(directory.output()).ok()?),
    };
    known.ok().flatten()
}

/// What the newest part of a recording says, which begins with the modes that were left then.
fn latest(mut part: Playback) -> io::Result<bool> {
    let mut asked = false;
    let mut sent = Vec::new();
    while let Some(moment) = part.read()? {
        let Told::Output(text) = moment.told else {
            continue;
        };
        sent.extend_from_slice(text.as_bytes());
        asked = last(&sent).unwrap_or(asked);
        // A request may be cut in two.
        sent.drain(..sent.len().saturating_sub(OVERLAP));
    }
    Ok(asked)
}

/// What the file of an earlier version says.
fn search(file: &File) -> io::Result<Option<bool>> {
    let size = file.metadata()?.len();
    let from = size.saturating_sub(FAR);
    let mut end = size;
    let mut piece = vec![0; PIECE];
    while end > from {
        let start = end.saturating_sub(PIECE as u64).max(from);
        let length = usize::try_from(end - start).unwrap_or(PIECE);
        file.read_exact_at(&mut piece[..length], start)?;
        if let Some(asked) = last(&piece[..length]) {
            return Ok(Some(asked));
        }
        if start == from {
            break;
        }
        end = start + OVERLAP as u64;
    }
    // What was removed at the head reads as zeros, and may have had it.
    let mut first = [0; 1];
    let whole = from == 0 && (size == 0 || file.read_at(&mut first, 0)? == 1 && first != [0]);
    Ok(whole.then_some(false))
}

/// What the last request says.
fn last(bytes: &[u8]) -> Option<bool> {
    let request = REQUEST.captures_iter(bytes).last()?;
    Some(
        request
            .get(1)
            .is_some_and(|letter| letter.as_bytes() == b"h"),
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn of(recorded: &[u8]) -> Option<bool> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(recorded).unwrap();
        search(&file).unwrap()
    }

    #[test]
    fn the_last_request_holds_however_far_back_it_is() {
        let far = |request: &[u8]| [request, &vec![b'x'; 3 * PIECE]].concat();
        for (recorded, asked) in [
            (b"".to_vec(), Some(false)),
            (b"plain".to_vec(), Some(false)),
            (b"\x1b[?2004h$ ".to_vec(), Some(true)),
            (b"\x1b[?2004h$ \x1b[?2004l\r".to_vec(), Some(false)),
            (b"\x1b[?2004l\x1b[?1049;2004;25h".to_vec(), Some(true)),
            (b"\x1b[?2004h\x1bc".to_vec(), Some(false)),
            (b"\x1b[?12004h".to_vec(), Some(false)),
            (far(b"a\x1b[?2004h"), Some(true)),
            (far(b"a"), Some(false)),
            // The head was removed.
            (far(b"\0\0"), None),
            (far(b"\0\0\x1b[?2004h"), Some(true)),
        ] {
            assert_eq!(
                of(&recorded),
                asked,
                "{:?}",
                &recorded[..recorded.len().min(30)]
            );
        }
        for cut in 1..10 {
            let tail = vec![b'x'; PIECE - cut];
            assert_eq!(
                of(&[b"ab\x1b[?2004h", &tail[..]].concat()),
                Some(true),
                "{cut}"
            );
        }
    }
}
