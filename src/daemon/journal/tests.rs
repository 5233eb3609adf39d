//! A journald that hears, hangs, or is not there.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{IoSliceMut, Read as _, Seek as _},
    os::fd::{AsRawFd as _, RawFd},
};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

use super::*;

/// A socket in the place of journald's, and a subscriber that has it.
fn journald() -> (tempfile::TempDir, UnixDatagram, impl Subscriber) {
    let home = tempfile::tempdir().unwrap();
    let place = home.path().join("socket");
    let socket = UnixDatagram::bind(&place).unwrap();
    let limit = Some(Duration::from_secs(60));
    socket.set_read_timeout(limit).unwrap();
    let journal = Journal::begin(place).unwrap();
    (home, socket, tracing_subscriber::registry().with(journal))
}

fn fields(mut entry: &[u8]) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    while let Some(end) = entry.iter().position(|byte| *byte == b'\n') {
        let name = String::from_utf8(entry[..end].to_vec()).unwrap();
        let (length, rest) = entry[end + 1..].split_first_chunk().unwrap();
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap();
        let value = String::from_utf8(rest[..length].to_vec()).unwrap();
        assert_eq!(rest[length], b'\n');
        assert_eq!(fields.insert(name, value), None, "twice");
        entry = &rest[length + 1..];
    }
    fields
}

fn next(journald: &UnixDatagram) -> BTreeMap<String, String> {
    let mut datagram = [0; 4096];
    let length = journald.recv(&mut datagram).unwrap();
    fields(&datagram[..length])
}

#[test]
fn a_notice_is_an_entry_with_its_fields() {
    let (_home, journald, subscriber) = journald();
    let notice = Notice {
        at: jiff::Timestamp::UNIX_EPOCH,
        event: "worker-held".to_owned(),
        level: Level::Error,
        worker: Some("builder".parse().unwrap()),
        attempt: None,
        phase: None,
        text: "two\nlines".to_owned(),
    };
    tracing::subscriber::with_default(subscriber, || {
        tell(&notice);
        tracing::debug!(_odd.name = %"x", "and {}", 1);
    });
    let told: Vec<_> = next(&journald).into_iter().collect();
    let told: Vec<_> = told.iter().map(|(k, v)| (&**k, &**v)).collect();
    let id = catalog::entry("worker-held").unwrap().id;
    assert_eq!(
        told,
        [
            ("LOOPKEEPER_EVENT", "worker-held"),
            ("LOOPKEEPER_WORKER", "builder"),
            ("MESSAGE", "two\nlines"),
            ("MESSAGE_ID", id),
            ("PRIORITY", "3"),
            ("SYSLOG_IDENTIFIER", "loopkeeperd"),
            ("TARGET", "loopkeeper::daemon::journal"),
        ]
    );
    let other = next(&journald);
    assert_eq!((&*other["ODD_NAME"], &*other["MESSAGE"]), ("x", "and 1"));
    assert_eq!(other["PRIORITY"], "6");
}

#[test]
fn a_journald_that_hangs_holds_nobody_and_hears_how_much_it_missed() {
    let (_home, journald, subscriber) = journald();
    let many = 10_000;
    tracing::subscriber::with_default(subscriber, || {
        for number in 0..many {
            tracing::info!("{number}");
        }
    });
    let mut heard = 0;
    let gap = loop {
        let entry = next(&journald);
        if entry.contains_key("MESSAGE_ID") {
            break entry;
        }
        assert_eq!(entry["MESSAGE"], heard.to_string());
        heard += 1;
    };
    let text = format!(
        "{} messages are missing here, which journald did not take in time; what happened \
         meanwhile: supervisorctl history",
        many - heard
    );
    assert_eq!(gap["MESSAGE"], text);
    assert_eq!(gap["LOOPKEEPER_EVENT"], "journal-gap");
}

#[test]
fn a_journald_that_is_not_there_yet_gets_it_later() {
    let home = tempfile::tempdir().unwrap();
    let place = home.path().join("socket");
    let journal = Journal::begin(place.clone()).unwrap();
    let subscriber = tracing_subscriber::registry().with(journal);
    tracing::subscriber::with_default(subscriber, || tracing::info!("first"));
    let journald = UnixDatagram::bind(&place).unwrap();
    journald
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    assert_eq!(next(&journald)["MESSAGE"], "first");
}

#[test]
fn what_is_too_much_for_a_datagram_comes_as_a_file() {
    let (_home, journald, subscriber) = journald();
    let text = "x".repeat(1 << 20);
    tracing::subscriber::with_default(subscriber, || tracing::info!("{text}"));
    let mut space = nix::cmsg_space!([RawFd; 1]);
    let mut nothing = [0; 1];
    let mut parts = [IoSliceMut::new(&mut nothing)];
    let socket = journald.as_raw_fd();
    let came = recvmsg::<()>(socket, &mut parts, Some(&mut space), MsgFlags::empty()).unwrap();
    let Some(ControlMessageOwned::ScmRights(files)) = came.cmsgs().unwrap().next() else {
        panic!("no file came");
    };
    let mut file = File::open(format!("/proc/self/fd/{}", files[0])).unwrap();
    let mut entry = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut entry).unwrap();
    assert_eq!(fields(&entry)["MESSAGE"], text);
}
