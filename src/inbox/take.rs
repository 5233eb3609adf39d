//! All of an inbox, to be taken to another machine.

use std::{
    ffi::OsStr,
    io::Read as _,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::io::Errno;

use super::{DELIVERED, FAILED, Inbox, InboxError};
use crate::foreign::{Left, left, names};

/// More than this of one file is not taken along; what can be typed is far shorter.
const MOST: u64 = 1 << 20;

/// A file of an inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Where it is, from the inbox.
    pub name: PathBuf,
    /// What is in it.
    pub content: Vec<u8>,
}

impl Inbox {
    /// What waits, in order, then what was delivered and what failed; and the names of what cannot be
    /// taken along: links, what its owner could not read, and what is longer than 1 MiB.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub fn take_all(&self) -> Result<(Vec<Taken>, Vec<PathBuf>), InboxError> {
        let (mut all, mut left) = (Vec::new(), Vec::new());
        let mut take = |directory: &OwnedFd, below: &str, name: &OsStr| {
            let path = Path::new(below).join(name);
            match self.content(directory, name) {
                Ok(Some(content)) => all.push(Taken {
                    name: path,
                    content,
                }),
                Ok(None) => left.push(path),
                Err(Errno::NOENT) => {}
                Err(source) => return Err(self.failed(&path, "read")(source)),
            }
            Ok(())
        };
        for one in self.waiting()? {
            take(&self.place.directory, "", one.name.as_os_str())?;
        }
        for below in [DELIVERED, FAILED] {
            let directory = self.below(below)?;
            let mut names = names(&directory).map_err(self.failed(below, "read"))?;
            names.sort();
            for name in names {
                take(&directory, below, &name)?;
            }
        }
        Ok((all, left))
    }

    fn content(&self, directory: &OwnedFd, name: &OsStr) -> Result<Option<Vec<u8>>, Errno> {
        let file = match left(directory, self.place.owner, name)? {
            Left::File(file, _) => file,
            Left::Unfit(_) => return Ok(None),
            Left::Taken => return Err(Errno::AGAIN),
            Left::Nothing => return Err(Errno::NOENT),
        };
        let mut content = Vec::new();
        let read = file.take(MOST + 1).read_to_end(&mut content);
        read.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        let whole = u64::try_from(content.len()).is_ok_and(|bytes| bytes <= MOST);
        Ok(whole.then_some(content))
    }
}
