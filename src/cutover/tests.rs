use std::{
    fs::{self, File},
    io::{self, Read as _, Write},
    path::Path,
};

use jiff::Timestamp;
use tempfile::TempDir;

use super::{Arrived, CutoverError, FIRST, Manifest, pack, unpack, unpack::Order};
use crate::{
    decide::{CUT_OFF, Fact, HANDED_OVER, ResumePoint, SetBy},
    inbox::Inbox,
    model::{PhaseId, WorkerName},
    store::{DATABASE, Store},
};

fn phases() -> Vec<PhaseId> {
    ["1d", "2b"].map(|id| id.parse().unwrap()).to_vec()
}

fn worker() -> WorkerName {
    "builder".parse().unwrap()
}

fn manifest() -> Manifest {
    let id = "20261122T193512Z-0000002a".parse().unwrap();
    let point = Some("phase 2 of 2".to_owned());
    Manifest::new(id, "pi".into(), "old".into(), Timestamp::UNIX_EPOCH, point)
}

/// One that has no room in the entry of its file.
fn long_name() -> String {
    format!("20261122T193512.000000Z-{}", "x".repeat(200))
}

/// A state directory at the second phase, with texts in an inbox that came in another order than that of
/// their names.
fn rig() -> TempDir {
    let state = tempfile::tempdir().unwrap();
    let mut opened = Store::open(state.path(), &phases()).unwrap();
    let point = ResumePoint::new(&phases(), 1, Timestamp::UNIX_EPOCH, SetBy::Plan);
    let on = Fact::Worktree {
        path: "/srv/builder".into(),
        on: Some("/srv".into()),
    };
    opened.store.record(&[Fact::Phase(point), on]).unwrap();
    let inbox = Inbox::make(state.path(), &worker(), None).unwrap();
    let mut order = Order::default();
    for name in ["c", "a", "b"] {
        let mut file = File::create(inbox.path().join(name)).unwrap();
        file.write_all(name.as_bytes()).unwrap();
        order.is_later(&file).unwrap();
    }
    fs::write(inbox.path().join(format!("delivered/{}", long_name())), "x").unwrap();
    std::os::unix::fs::symlink("/etc/hostname", inbox.path().join("failed/link")).unwrap();
    let gates = state.path().join("handoff");
    fs::create_dir_all(gates.join("workers/builder")).unwrap();
    fs::create_dir(gates.join("person")).unwrap();
    for request in [
        "workers/builder/1.ask",
        "workers/builder/2.ask",
        "person/3.ask",
    ] {
        fs::write(gates.join(request), "{}").unwrap();
    }
    // Its daemon was killed before it took the request away.
    fs::write(gates.join("workers/builder/2.answer"), "{}").unwrap();
    // Nobody can look into it.
    fs::write(gates.join("workers/stranger"), "").unwrap();
    // Also what somebody broke: it is told where it arrives, as it was here.
    fs::write(gates.join("1d.toml"), "gate = ").unwrap();
    fs::create_dir(gates.join("other.toml")).unwrap();
    state
}

/// It is recorded why this rig is paused.
fn pause(state: &TempDir, reason: &str) {
    let mut opened = Store::open(state.path(), &phases()).unwrap();
    let paused = Fact::Paused(Some(reason.to_owned()));
    opened.store.record(&[paused]).unwrap();
}

fn by_us() -> String {
    format!("{HANDED_OVER}{}", manifest().id)
}

fn packed(state: &TempDir) -> Vec<u8> {
    pause(state, &by_us());
    let mut archive = Vec::new();
    let packed = pack(state.path(), &phases(), &manifest(), &mut archive).unwrap();
    assert_eq!(packed.waiting, 3);
    let link = state.path().join("inbox/builder/failed/link");
    let gates = state.path().join("handoff");
    let left = [
        link,
        gates.join("other.toml"),
        gates.join("workers/builder/1.ask"),
        gates.join("workers/stranger"),
        gates.join("person/3.ask"),
    ];
    assert_eq!(packed.left, left);
    archive
}

fn unpacked(state: &TempDir, archive: &[u8]) -> Result<Arrived, CutoverError> {
    unpack(state.path(), archive, false)
}

#[test]
fn all_of_it_arrives_and_what_waits_keeps_its_order() {
    let (old, new) = (rig(), tempfile::tempdir().unwrap());
    let archive = packed(&old);
    let arrived = unpacked(&new, &archive).unwrap();
    assert_eq!(arrived.manifest, manifest());
    assert_eq!(arrived.set_aside, None);
    let there = Store::read_only(new.path(), &phases()).unwrap();
    assert!(there.problems.is_empty(), "{:?}", there.problems);
    let restored = &there.restored;
    assert_eq!(restored.resume_point.as_ref().unwrap().index, 1);
    // What is mounted there is another machine's.
    assert_eq!(restored.worktrees, [].into());
    let paused = restored.paused.as_deref().unwrap();
    assert!(
        paused.starts_with("moved here from old by cutover"),
        "{paused}"
    );
    assert_eq!(
        fs::read_to_string(old.path().join("phase-idx")).unwrap(),
        fs::read_to_string(new.path().join("phase-idx")).unwrap()
    );
    let inbox = Inbox::open(new.path(), &worker()).unwrap();
    let waiting = inbox.waiting().unwrap().into_iter();
    let names: Vec<_> = waiting.map(|one| one.name.to_string()).collect();
    assert_eq!(names, ["c", "a", "b"]);
    assert!(inbox.path().join("delivered").join(long_name()).exists());
    let gates = new.path().join("handoff");
    assert_eq!(
        fs::read_to_string(gates.join("1d.toml")).unwrap(),
        "gate = "
    );
    assert_eq!(fs::read_dir(gates).unwrap().count(), 1);
    assert!(!new.path().join("cutover.new").exists());
}

#[test]
fn what_is_cut_short_anywhere_changes_nothing() {
    let archive = packed(&rig());
    // A tar file ends with two empty blocks, which say nothing.
    let blocks = archive.len() / 512 - 2;
    for block in 0..blocks {
        let new = tempfile::tempdir().unwrap();
        let error = unpacked(&new, &archive[..block * 512]).unwrap_err();
        assert!(
            matches!(error, CutoverError::Archive(_) | CutoverError::File { .. }),
            "{error}"
        );
        let left: Vec<_> = fs::read_dir(new.path()).unwrap().collect();
        assert_eq!(left.len(), 0, "cut at block {block}");
    }
}

#[test]
fn what_is_no_archive_is_refused_in_one_line_without_what_is_in_it() {
    let mut random = fastrand::Rng::with_seed(7);
    let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..))
        .take(4096)
        .collect();
    let archive = packed(&rig());
    let (no_tar, cut) = (
        "it is no tar file, or less than the first block of one",
        "it is damaged, or its end is missing",
    );
    let mut damaged = archive.clone();
    // Where the header of the next entry is.
    damaged[1024..1536].copy_from_slice(&noise[..512]);
    for (bytes, why) in [
        (&noise[..], no_tar),
        (&noise[..100], no_tar),
        (&archive[..100], no_tar),
        (&archive[..1300], cut),
        (&archive[..archive.len() - 1024 - 100], cut),
        (&damaged, cut),
        (&[], "it is empty"),
        (&[0; 1024], "it is empty"),
    ] {
        let new = tempfile::tempdir().unwrap();
        let error = unpacked(&new, bytes).unwrap_err().to_string();
        assert_eq!(error, format!("this is no whole export of a rig: {why}"));
        assert_eq!(fs::read_dir(new.path()).unwrap().count(), 0, "{why}");
    }
    let new = tempfile::tempdir().unwrap();
    let place = File::open(new.path()).unwrap();
    let error = unpack(new.path(), place, false).unwrap_err();
    assert_eq!(error.to_string(), "archive cannot be read");
}

/// An archive with an entry more, after the first one.
fn with(name: &str, kind: tar::EntryType) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let first = serde_json::to_string(&manifest()).unwrap();
    for (name, kind, content) in [
        (FIRST, tar::EntryType::Regular, first.as_str()),
        (name, kind, ""),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_entry_type(kind);
        // As it is, also where it leads out of the directory.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        if kind == tar::EntryType::Symlink {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        tar.append(&header, content.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap()
}

/// Takes the rig back as soon as something of it is written.
struct TakesBack<'a>(&'a TempDir, Vec<u8>);

impl Write for TakesBack<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.1.is_empty() {
            pause(self.0, "cutover was cancelled");
        }
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_is_taken_back_meanwhile_is_no_export() {
    let state = rig();
    pause(&state, &by_us());
    let mut out = TakesBack(&state, Vec::new());
    let error = pack(state.path(), &phases(), &manifest(), &mut out).unwrap_err();
    assert!(matches!(error, CutoverError::TakenBack), "{error}");
    let error = unpacked(&tempfile::tempdir().unwrap(), &out.1).unwrap_err();
    assert!(matches!(error, CutoverError::Archive(_)), "{error}");
}

#[test]
fn what_does_not_belong_there_is_refused() {
    for (name, kind) in [
        ("../evil", tar::EntryType::Regular),
        ("/etc/evil", tar::EntryType::Regular),
        ("inbox/builder/../../evil", tar::EntryType::Regular),
        ("inbox/../evil/x", tar::EntryType::Regular),
        ("inbox/builder/other/x", tar::EntryType::Regular),
        ("handoff/workers/builder/1.ask", tar::EntryType::Regular),
        ("handoff/../evil.toml", tar::EntryType::Regular),
        ("handoff/1d", tar::EntryType::Regular),
        ("lock", tar::EntryType::Regular),
        ("REBOOTS.md", tar::EntryType::Symlink),
        ("inbox/builder", tar::EntryType::Directory),
        ("inbox/builder/delivered", tar::EntryType::Regular),
        ("inbox/builder/failed", tar::EntryType::Regular),
        ("x", tar::EntryType::XHeader),
    ] {
        let new = tempfile::tempdir().unwrap();
        let error = unpacked(&new, &with(name, kind)).unwrap_err().to_string();
        assert!(error.contains("does not belong there"), "{name}: {error}");
        assert_eq!(fs::read_dir(new.path()).unwrap().count(), 0, "{name}");
    }
    let new = tempfile::tempdir().unwrap();
    let later = String::from_utf8(with("x", tar::EntryType::Regular)).unwrap();
    let later = later.replacen("\"form\":1", "\"form\":9", 1);
    let error = unpacked(&new, later.as_bytes()).unwrap_err().to_string();
    assert!(
        error.contains("its form is 9, and this version knows 1"),
        "{error}"
    );
}

/// The same archive, but for the content of this file.
fn edited(archive: &[u8], name: &str, content: &[u8]) -> Vec<u8> {
    let mut out = tar::Builder::new(Vec::new());
    for entry in tar::Archive::new(archive).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let mut header = tar::Header::new_gnu();
        let mut is = Vec::new();
        entry.read_to_end(&mut is).unwrap();
        if path == Path::new(name) {
            is = content.to_vec();
        }
        header.set_size(is.len() as u64);
        out.append_data(&mut header, path, &is[..]).unwrap();
    }
    out.into_inner().unwrap()
}

#[test]
fn what_would_run_or_steer_a_terminal_is_refused() {
    let archive = packed(&rig());
    let runs = rig();
    let manifest = serde_json::to_string(&manifest()).unwrap();
    let steers = |text: &str| manifest.replacen(text, "\"\\u001b[2J\"", 1).into_bytes();
    let runs = fs::read(runs.path().join(DATABASE)).unwrap();
    for (name, content, why) in [
        (DATABASE, runs, "its rig is not paused"),
        (FIRST, steers("\"pi\""), "has control characters"),
        (FIRST, steers("\"old\""), "has control characters"),
        (FIRST, steers("\"phase 2 of 2\""), "has control characters"),
    ] {
        let new = tempfile::tempdir().unwrap();
        let error = unpacked(&new, &edited(&archive, name, &content)).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(fs::read_dir(new.path()).unwrap().count(), 0);
    }
    unpacked(&tempfile::tempdir().unwrap(), &edited(&archive, "", &[])).unwrap();
}

#[test]
fn a_name_that_would_fill_the_memory_is_not_read() {
    const MUCH: u64 = 16 << 20;
    let mut archive = with("x", tar::EntryType::Regular);
    // Only its first file, without the two blocks at the end.
    archive.truncate(archive.len() - 3 * 512);
    let mut header = tar::Header::new_gnu();
    header.set_size(MUCH);
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_cksum();
    archive.extend(header.as_bytes());
    let archive = (&archive[..]).chain(io::repeat(b'a').take(MUCH));
    let error = unpack(tempfile::tempdir().unwrap().path(), archive, false).unwrap_err();
    assert!(
        error.to_string().contains("does not belong there"),
        "{error}"
    );
}

#[test]
fn what_is_there_is_in_the_way_and_is_set_aside_only_when_asked_for() {
    let (old, new) = (rig(), rig());
    let archive = packed(&old);
    let decided = {
        let mut opened = Store::open(new.path(), &phases()).unwrap();
        opened.store.record(&[Fact::Decided {
            attempt: crate::model::AttemptRef {
                worker: worker(),
                attempt: crate::model::AttemptId::new(Timestamp::UNIX_EPOCH, 7),
            },
            at: Timestamp::UNIX_EPOCH,
            boot: "1a2b3c4d5e6f47081929304a5b6c7d8e".parse().unwrap(),
            phase: None,
            definition: 0,
            owed: None,
        }])
    };
    decided.unwrap();
    let error = unpacked(&new, &archive).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("has a history of its own: builder has run here"),
        "{error}"
    );
    let arrived = unpack(new.path(), &archive[..], true).unwrap();
    let aside = arrived.set_aside.unwrap();
    assert_eq!(
        aside,
        new.path().join("before-cutover-20261122T193512Z-0000002a")
    );
    let before = Store::read_only(&aside, &phases()).unwrap();
    assert!(before.restored.workers.contains_key(&worker()));
    assert!(aside.join("inbox/builder/c").exists());
    assert!(aside.join("handoff/1d.toml").exists());
    assert!(
        Store::read_only(new.path(), &phases())
            .unwrap()
            .restored
            .workers
            .is_empty()
    );
}

/// Why the next daemon pauses it.
fn paused(state: &Path) -> Option<String> {
    let seen = Store::read_only(state, &phases()).unwrap().restored.paused;
    let opened = Store::open(state, &phases()).unwrap();
    assert_eq!(opened.restored.paused, seen);
    seen
}

#[test]
fn where_it_was_exported_it_is_not_imported() {
    let old = rig();
    let archive = packed(&old);
    for lost in [false, true] {
        if lost {
            fs::remove_file(old.path().join(DATABASE)).unwrap();
        }
        let error = unpack(old.path(), &archive[..], true).unwrap_err();
        assert!(matches!(error, CutoverError::Here(_)), "{error}");
    }
}

#[test]
fn what_is_handed_over_stays_so_whatever_becomes_of_the_database() {
    let damage: [fn(&Path); 3] = [
        |database| fs::write(database, "no database").unwrap(),
        |database| fs::remove_file(database).unwrap(),
        |database| {
            fs::remove_file(database).unwrap();
            fs::remove_file(database.with_file_name("phase-idx")).unwrap();
        },
    ];
    for damage in damage {
        let state = rig();
        pause(&state, &by_us());
        damage(&state.path().join(DATABASE));
        assert_eq!(paused(state.path()), Some(by_us()));
        // Each of the two is made anew by the other one.
        fs::remove_file(state.path().join("standstill")).unwrap();
        assert_eq!(paused(state.path()), Some(by_us()));
        fs::write(state.path().join("standstill"), [0xff]).unwrap();
        let why = paused(state.path());
        assert_eq!(why.as_deref(), Some("handed over by cutover unknown"));
        pause(&state, "cutover was cancelled");
        assert_eq!(paused(state.path()).unwrap(), "cutover was cancelled");
        assert!(!state.path().join("standstill").exists());
    }
}

#[test]
fn a_directory_that_is_lost_is_still_handed_over_when_it_is_made_again() {
    let state = rig();
    let directory = state.path().join("below");
    let mut opened = Store::open(&directory, &phases()).unwrap();
    let handed_over = Fact::Paused(Some(by_us()));
    opened.store.record(&[handed_over]).unwrap();
    fs::remove_dir_all(&directory).unwrap();
    opened.store.keep().unwrap();
    drop(opened);
    assert!(directory.join("standstill").exists());
}

#[test]
fn an_import_that_is_cut_off_runs_nothing_until_it_is_done_again() {
    let (old, new) = (rig(), rig());
    let archive = packed(&old);
    let part = new.path().join("part");
    fs::create_dir(&part).unwrap();
    fs::copy(old.path().join("phase-idx"), part.join("phase-idx")).unwrap();
    // It ends before the database is moved, as there is none.
    Store::put_in_place(new.path(), &part, &[], "aside").unwrap_err();
    assert!(!new.path().join(DATABASE).exists());
    assert_eq!(paused(new.path()).as_deref(), Some(CUT_OFF));
    // Also of the database that was made since.
    assert_eq!(paused(new.path()).as_deref(), Some(CUT_OFF));
    unpack(new.path(), &archive[..], true).unwrap();
    let why = paused(new.path()).unwrap();
    assert!(why.starts_with("moved here from old by cutover"), "{why}");
}

#[test]
fn a_daemon_that_has_the_directory_keeps_it() {
    let (old, new) = (rig(), tempfile::tempdir().unwrap());
    let archive = packed(&old);
    let _daemon = Store::open(new.path(), &phases()).unwrap();
    let error = unpacked(&new, &archive).unwrap_err().to_string();
    assert!(error.contains("is in use by loopkeeperd"), "{error}");
}
