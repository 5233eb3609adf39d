//! Entries of the journal, in journald's native protocol
//! (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL>): a datagram for each, with all its fields; and the one
//! order to which it answers.

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
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
};

/// Where journald listens.
pub(crate) const SOCKET: &str = "/run/systemd/journal/socket";
/// Where it takes orders, of root only.
pub(crate) const ORDERS: &str = "/run/systemd/journal/io.systemd.journal";

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

/// What `journalctl --sync` does, in journald's own words (<https://varlink.org>): an answer comes when
/// it is done, or when that is not known there. One that hangs is waited for.
pub(crate) async fn synchronize(orders: &Path) -> io::Result<()> {
    let mut stream = BufReader::new(UnixStream::connect(orders).await?);
    let order = b"{\"method\":\"io.systemd.Journal.Synchronize\"}\0";
    stream.write_all(order).await?;
    stream.read_until(0, &mut Vec::new()).await.map(drop)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::UnixListener,
    };

    use super::*;

    #[tokio::test]
    async fn journald_is_waited_for_until_it_answers_or_is_gone() {
        let home = tempfile::tempdir().unwrap();
        let orders = home.path().join("orders");
        assert!(synchronize(&orders).await.is_err(), "nobody is there");
        let journald = UnixListener::bind(&orders).unwrap();
        for answer in [&b"{\"parameters\":{}}\0"[..], b""] {
            let mut asked = pin!(synchronize(&orders));
            let heard = async {
                let (mut client, _) = journald.accept().await.unwrap();
                let mut order = vec![0; 44];
                client.read_exact(&mut order).await.unwrap();
                assert_eq!(order.pop(), Some(0));
                let order: serde_json::Value = serde_json::from_slice(&order).unwrap();
                assert_eq!(order["method"], "io.systemd.Journal.Synchronize");
                client
            };
            let mut client = tokio::select! {
                client = heard => client,
                early = &mut asked => panic!("{early:?}"),
            };
            client.write_all(answer).await.unwrap();
            drop(client);
            asked.await.unwrap();
        }
    }
}
