//! Entries of the journal, in journald's native protocol
//! (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL>): a datagram for each, with all its fields.

use std::{
    fs::File,
    io::{self, Write as _},
    os::{fd::AsRawFd as _, unix::net::UnixDatagram},
    path::Path,
};

use nix::{
    libc::EMSGSIZE,
    sys::socket::{ControlMessage, MsgFlags, sendmsg},
};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

/// Where journald listens.
pub(crate) const SOCKET: &str = "/run/systemd/journal/socket";

/// One entry.
#[derive(Debug, Default)]
pub(crate) struct Entry(Vec<u8>);

impl Entry {
    /// With one field more, whatever its value is; in the name journald takes capital letters, digits,
    /// and `_` other than at its beginning.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        let name = name.trim_start_matches('_').chars().map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' => c.to_ascii_uppercase(),
            _ => '_',
        });
        let length = u64::try_from(value.len()).unwrap_or(u64::MAX);
        self.0.extend(name.collect::<String>().bytes());
        self.0.push(b'\n');
        self.0.extend(length.to_le_bytes());
        self.0.extend(value.bytes());
        self.0.push(b'\n');
    }

    /// As it is sent.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// A way to who listens at that place now.
pub(crate) fn connect(place: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(place)?;
    Ok(socket)
}

/// Sends an entry, of whatever size; where the socket waits, until there is room for it.
pub(crate) fn send(socket: &UnixDatagram, entry: &[u8]) -> io::Result<()> {
    match socket.send(entry) {
        Err(error) if error.raw_os_error() == Some(EMSGSIZE) => send_as_file(socket, entry),
        sent => sent.map(drop),
    }
}

fn send_as_file(socket: &UnixDatagram, entry: &[u8]) -> io::Result<()> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(memfd_create("entry", flags)?);
    file.write_all(entry)?;
    // journald reads none that may still be another.
    let sealed = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
    fcntl_add_seals(&file, sealed)?;
    let files = [file.as_raw_fd()];
    let with = [ControlMessage::ScmRights(&files)];
    sendmsg::<()>(socket.as_raw_fd(), &[], &with, MsgFlags::MSG_NOSIGNAL, None)?;
    Ok(())
}
