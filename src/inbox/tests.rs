//! What others put into an inbox, meant well or not.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::Write as _,
    os::unix::{
        ffi::OsStringExt as _,
        fs::{PermissionsExt as _, chown, symlink},
    },
    path::PathBuf,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;

use super::{settle::KEPT, *};
use crate::{
    decide::{Lies, Moved, Settle},
    model::ItemName,
};

struct Place {
    temp: tempfile::TempDir,
    inbox: Inbox,
}

fn place() -> Place {
    let temp = tempfile::tempdir().unwrap();
    let inbox = Inbox::make(temp.path(), &worker(), None).unwrap();
    Place { temp, inbox }
}

fn worker() -> WorkerName {
    "a".parse().unwrap()
}

/// A time at which all that is there now has been quiet.
fn later() -> SystemTime {
    SystemTime::now() + QUIET
}

impl Place {
    fn path(&self, name: &str) -> PathBuf {
        self.inbox.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn look(&self) -> Lies {
        self.inbox.look(later()).unwrap().0
    }

    fn first(&self) -> Option<(String, Result<String, String>)> {
        let (name, text) = self.look().first?;
        Some((name.to_string(), text))
    }

    fn settle(&self, name: &str, how: &Settle) -> Option<ItemName> {
        let moved = self.inbox.settle(&name.into(), how, None, at(1));
        place_of(moved.unwrap())
    }

    fn names(&self, below: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(below)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }
}

fn place_of(moved: Moved) -> Option<ItemName> {
    match moved {
        Moved::To(place) => Some(place),
        Moved::Before | Moved::Gone => None,
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

fn failed(why: &str) -> Settle {
    Settle::Failed(why.into())
}

const TIME: &str = "20261118T110641.000000Z";

#[test]
fn what_is_whole_comes_in_the_order_in_which_it_came_to_be_so() {
    let place = place();
    assert_eq!(place.look(), Lies::default());
    for name in ["b", "a", "c"] {
        place.write(name, &format!("text of {name}\n\n"));
        // The kernel's clock has to have gone on.
        let before = fs::metadata(place.path(name)).unwrap();
        while place.write_probe() <= before.modified().unwrap() {}
    }
    for name in ["b", "a", "c"] {
        let text = format!("text of {name}");
        assert_eq!(place.first(), Some((name.to_owned(), Ok(text))));
        assert!(place.settle(name, &Settle::Delivered).is_some());
    }
    assert_eq!(place.look().queued, 0);
    assert_eq!(
        place.names("delivered"),
        ["a", "b", "c"].map(|name| format!("{TIME}-{name}"))
    );
}

impl Place {
    /// The time that a file gets that is written now.
    fn write_probe(&self) -> SystemTime {
        let probe = self.temp.path().join("probe");
        fs::write(&probe, "x").unwrap();
        fs::metadata(probe).unwrap().modified().unwrap()
    }
}

#[test]
fn what_somebody_still_has_in_hand_is_left_alone() {
    let place = place();
    for name in [".hidden", "a~", "a.tmp", "a.part", "a.swp"] {
        place.write(name, "x");
    }
    fs::create_dir(place.path("directory")).unwrap();
    assert_eq!(place.look(), Lies::default());
    place.write("empty", "");
    let (lies, again) = place.inbox.look(later()).unwrap();
    assert_eq!((lies.first, lies.queued, again), (None, 0, Some(QUIET)));
    assert_eq!(lies.oldest, None);
    place.write("empty", "not any more");
    let (lies, again) = place.inbox.look(SystemTime::now()).unwrap();
    assert_eq!(
        (lies.first, lies.queued, again),
        (None, 1, Some(QUIET)),
        "not quiet"
    );
    assert!(place.first().is_some());
}

#[test]
fn what_is_open_for_writing_is_not_whole_and_does_not_hold_up_what_is() {
    let place = place();
    let mut file = File::create(place.path("a")).unwrap();
    file.write_all(b"half").unwrap();
    if crate::sys::is_being_written(&File::open(place.path("a")).unwrap()).is_none() {
        eprintln!("the kernel does not tell who writes here");
        return;
    }
    assert_eq!(place.first(), None);
    place.write("b", "whole");
    assert_eq!(place.first(), Some(("b".into(), Ok("whole".into()))));
    file.write_all(b" a text").unwrap();
    drop(file);
    place.settle("b", &Settle::Delivered);
    assert_eq!(place.first(), Some(("a".into(), Ok("half a text".into()))));
}

#[test]
fn a_clock_that_was_put_back_holds_nothing_up() {
    let place = place();
    place.write("a", "x");
    let before = SystemTime::now() - Duration::from_secs(86_400);
    assert!(place.inbox.look(before).unwrap().0.first.is_some());
}

#[test]
fn what_can_never_be_typed_says_why() {
    let place = place();
    let long = "x".repeat(crate::agent::typed::LONGEST + 1);
    for (bytes, why) in [
        (&b"a\xffb"[..], "it is not UTF-8"),
        (b"\n\n", "text is empty"),
        (b"a\x1b[201~b", "text has an escape character in line 1"),
        (b"a\r\nb", "text has a carriage return in line 1"),
        (long.as_bytes(), "text has 65537 bytes"),
    ] {
        fs::write(place.path("x"), bytes).unwrap();
        let said = place.first().unwrap().1.unwrap_err();
        assert!(said.starts_with(why), "{said}");
    }
    let huge = File::create(place.path("x")).unwrap();
    huge.set_len(1 << 40).unwrap();
    drop(huge);
    let said = place.first().unwrap().1.unwrap_err();
    assert!(said.contains("65536 can be typed at once"), "{said}");
}

#[test]
fn what_leads_elsewhere_or_waits_is_not_read_and_is_put_away_itself() {
    let place = place();
    let elsewhere = place.temp.path().join("elsewhere");
    fs::write(&elsewhere, "not to be typed").unwrap();
    symlink(&elsewhere, place.path("link")).unwrap();
    symlink("nowhere", place.path("dangling")).unwrap();
    nix::unistd::mkfifo(&place.path("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(place.path("socket")).unwrap();
    fs::hard_link(&elsewhere, place.path("hard")).unwrap();
    let mut seen = Vec::new();
    while let Some((name, text)) = place.first() {
        seen.push((name.clone(), text.unwrap_err()));
        place.settle(&name, &failed("no"));
    }
    seen.sort();
    let link = "it is a symbolic link, and no link is followed";
    let odd = "it is no plain file";
    let hard = "it has another name elsewhere (a hard link)";
    let expected = [
        ("dangling", link),
        ("hard", hard),
        ("link", link),
        ("pipe", odd),
        ("socket", odd),
    ];
    assert_eq!(
        seen,
        expected.map(|(name, why)| (name.to_owned(), why.to_owned()))
    );
    assert_eq!(fs::read_to_string(elsewhere).unwrap(), "not to be typed");
    assert_eq!(place.look().failed, 5);
}

#[test]
fn any_name_is_typed_put_away_and_retried() {
    let place = place();
    let names = [
        &b"-rf"[..],
        b"a b",
        b"a\nb",
        b"a\xffb",
        b"\x1b[2J",
        b"x.why",
        &[b'n'; 255],
    ];
    for name in names {
        let name = OsString::from_vec(name.to_vec());
        fs::write(place.inbox.path().join(&name), "x").unwrap();
        let item = ItemName::from(name);
        assert_eq!(place.look().first, Some((item.clone(), Ok("x".into()))));
        let moved = place.inbox.settle(&item, &failed("because"), None, at(1));
        let moved = place_of(moved.unwrap()).unwrap();
        let failures = place.inbox.failures().unwrap();
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert_eq!(failures[0].name, moved);
        assert_eq!(
            (failures[0].at, failures[0].why.as_deref()),
            (Some(at(1)), Some("because"))
        );
        let back = place.inbox.retry(&moved).unwrap();
        let whole = item.as_os_str().len() < 255;
        assert_eq!(back == item, whole);
        assert!(place.names("failed").is_empty());
        let moved = place.inbox.settle(&back, &Settle::Delivered, None, at(2));
        place_of(moved.unwrap()).unwrap();
    }
}

#[test]
fn what_an_earlier_daemon_began_and_put_away_is_told_from_what_is_gone() {
    let place = place();
    for (name, how) in [
        ("1.md".to_owned(), Settle::Delivered),
        ("2.md".to_owned(), failed("why")),
        ("n".repeat(255), Settle::Delivered),
    ] {
        let item = ItemName::from(name.as_str());
        let left = |begun| {
            place
                .inbox
                .settle(&item, &failed("why"), begun, at(9))
                .unwrap()
        };
        place.write(&name, "x");
        let put = place_of(place.inbox.settle(&item, &how, None, at(2)).unwrap());
        match how {
            Settle::Delivered => assert_eq!(left(Some(at(1))), Moved::Before),
            // Nobody may have been told of it.
            Settle::Failed(_) => assert_eq!(place_of(left(Some(at(1)))), put),
        }
        // Another one of its name, typed earlier.
        assert_eq!(left(Some(at(3))), Moved::Gone);
        // It was to be moved by this daemon, and whoever wrote it has taken it away.
        assert_eq!(left(None), Moved::Gone);
    }
    let nothing = place
        .inbox
        .settle(&"3.md".into(), &failed("why"), Some(at(1)), at(9));
    assert_eq!(nothing.unwrap(), Moved::Gone);
}

#[test]
fn what_is_gone_is_not_put_away() {
    let place = place();
    assert_eq!(place.settle("gone", &Settle::Delivered), None);
    assert_eq!(place.settle("gone", &failed("why")), None);
    assert!(place.names("failed").is_empty());
}

#[test]
fn what_cannot_be_moved_stays_and_leaves_nothing_behind() {
    let place = place();
    place.write("a", "x");
    fs::write(place.path("failed").join(format!("{TIME}-a")), "in the way").unwrap();
    let error = place
        .inbox
        .settle(&"a".into(), &failed("why"), None, at(1))
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert!(place.first().is_some());
    assert_eq!(place.names("failed"), [format!("{TIME}-a")]);
    // A link in the place of the directory is not followed.
    fs::remove_dir(place.path("delivered")).unwrap();
    symlink(place.temp.path(), place.path("delivered")).unwrap();
    place
        .inbox
        .settle(&"a".into(), &Settle::Delivered, None, at(1))
        .unwrap_err();
    assert!(place.first().is_some());
    fs::remove_file(place.path("delivered")).unwrap();
    assert!(
        place.settle("a", &Settle::Delivered).is_some(),
        "it is made again"
    );
}

#[test]
fn what_failed_does_not_replace_what_came_since() {
    let place = place();
    place.write("a", "first");
    let moved = place.settle("a", &failed("why")).unwrap();
    place.write("a", "second");
    let error = place.inbox.retry(&moved).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(place.first(), Some(("a".into(), Ok("second".into()))));
    assert_eq!(place.look().failed, 1);
}

#[test]
fn thousands_are_seen_and_of_what_was_delivered_the_latest_are_kept() {
    let place = place();
    for number in 0..3000 {
        place.write(&format!("{number:04}"), "x");
    }
    assert_eq!(place.look().queued, 3000);
    let foreign = place.path("delivered").join("foreign");
    fs::write(foreign, "not ours to remove").unwrap();
    for number in 0..1005 {
        let item = ItemName::from(format!("{number:04}").as_str());
        let moved = place
            .inbox
            .settle(&item, &Settle::Delivered, None, at(number));
        place_of(moved.unwrap()).unwrap();
    }
    let kept = place.names("delivered");
    assert_eq!(kept.len(), 1001);
    assert!(
        kept[0].ends_with("-0005") && kept[1000] == "foreign",
        "{}",
        kept[0]
    );
    assert_eq!(place.look().queued, 3000 - 1005);
}

#[test]
fn what_is_sent_is_there_at_once_and_each_has_a_name_of_its_own() {
    let place = place();
    let sent: Vec<_> = (0..3)
        .map(|n| place.inbox.send(&format!("text {n}"), at(1)).unwrap())
        .collect();
    let names = [1, 2, 3].map(|n| format!("{TIME}-{n}.md"));
    assert_eq!(
        sent.iter().map(ToString::to_string).collect::<Vec<_>>(),
        names
    );
    assert_eq!(
        place.names("."),
        [&names[..], &["delivered".into(), "failed".into()]].concat()
    );
    assert_eq!(place.first(), Some((names[0].clone(), Ok("text 0".into()))));
    assert!(place.inbox.still_says(&sent[0], "text 0", later()));
    place.write(&names[0], "another");
    assert!(!place.inbox.still_says(&sent[0], "text 0", later()));
    fs::remove_file(place.path(&names[0])).unwrap();
    assert!(!place.inbox.still_says(&sent[0], "text 0", later()));
}

#[test]
fn it_is_its_owners_alone_and_made_again_where_it_is_not_there() {
    let place = place();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(place.inbox.path()), 0o700);
    fs::remove_dir_all(place.inbox.path()).unwrap();
    assert_eq!(
        Inbox::open(place.temp.path(), &worker())
            .unwrap_err()
            .kind(),
        io::ErrorKind::NotFound
    );
    symlink(place.temp.path(), place.inbox.path()).unwrap();
    Inbox::make(place.temp.path(), &worker(), None).unwrap_err();
    fs::remove_file(place.inbox.path()).unwrap();
    Inbox::make(place.temp.path(), &worker(), None).unwrap();
    assert_eq!(place.names("."), ["delivered", "failed"]);
}

#[test]
fn of_another_user_it_is_theirs_and_root_reads_nothing_for_them() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("not root: nobody else can have an inbox");
        return;
    }
    use std::os::unix::fs::MetadataExt as _;
    const USER: u32 = 64_999;
    let temp = tempfile::tempdir().unwrap();
    let inbox = Inbox::make(temp.path(), &worker(), Some(USER)).unwrap();
    let place = Place { temp, inbox };
    let uid = |path: PathBuf| fs::symlink_metadata(path).unwrap().uid();
    for name in [".", "delivered", "failed"] {
        assert_eq!(uid(place.path(name)), USER, "{name}");
    }
    assert_eq!(uid(place.temp.path().join("inbox")), 0);
    let sent = place.inbox.send("x", at(1)).unwrap();
    assert_eq!(uid(place.inbox.path().join(sent.as_os_str())), USER);
    assert!(place.first().unwrap().1.is_ok());
    let moved = place.inbox.settle(&sent, &failed("why"), None, at(1));
    let moved = place_of(moved.unwrap()).unwrap();
    let why = format!("failed/{moved}.why");
    assert_eq!(uid(place.path(&why)), USER);
    // Moved there by the user, who may not read it.
    place.write("secret", "of root");
    fs::set_permissions(place.path("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    let said = place.first().unwrap().1.unwrap_err();
    assert!(
        said.contains("the directory's owner may not read it"),
        "{said}"
    );
    chown(place.path("secret"), Some(USER), None).unwrap();
    assert!(place.first().unwrap().1.is_ok());
    // What somebody else put in the place of a directory of ours is not used.
    fs::remove_dir_all(place.path("delivered")).unwrap();
    fs::create_dir(place.path("delivered")).unwrap();
    chown(place.path("delivered"), Some(USER + 1), None).unwrap();
    place
        .inbox
        .settle(&"secret".into(), &Settle::Delivered, None, at(1))
        .unwrap_err();
}

#[test]
fn a_reason_whose_file_is_not_there_yet_is_no_failure() {
    let place = place();
    let reason = place
        .inbox
        .path()
        .join("failed/20261122T132425.000000Z-x.why");
    fs::write(reason, "because\n").unwrap();
    assert_eq!(place.inbox.failures().unwrap(), []);
    assert_eq!(place.look().failed, 0);
}

#[test]
fn another_file_of_the_same_name_is_not_what_was_typed() {
    let place = place();
    let path = place.inbox.path().join("review.md");
    fs::write(&path, "first").unwrap();
    let (item, _) = place.look().first.unwrap();
    let other = place.inbox.path().join(".review.md");
    fs::write(&other, "second").unwrap();
    fs::rename(other, &path).unwrap();
    assert_eq!(
        place
            .inbox
            .settle(&item, &Settle::Delivered, None, at(1))
            .unwrap(),
        Moved::Gone
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "second");
    assert_eq!(place.look().first, Some((item, Ok("second".into()))));
}

#[test]
fn what_is_delivered_by_a_clock_that_was_set_back_stays() {
    let place = place();
    for number in 0..=KEPT {
        let old = format!("delivered/20361122T132425.000000Z-{number:05}");
        fs::write(place.inbox.path().join(old), "x").unwrap();
    }
    fs::write(place.inbox.path().join("new"), "x").unwrap();
    let moved = place
        .inbox
        .settle(&"new".into(), &Settle::Delivered, None, at(1));
    let moved = place_of(moved.unwrap()).unwrap().to_string();
    let names = place.names("delivered");
    assert_eq!(names.len(), KEPT);
    assert!(names.contains(&moved), "{moved}");
}

#[test]
fn what_is_meant_is_taken_away_and_nothing_else() {
    let place = place();
    for name in ["1.md", "2.md", ".1.md"] {
        place.write(name, "x");
    }
    place.settle("2.md", &Settle::Delivered);
    place.write("2.md", "y");
    let is_meant = |item: &ItemName| item.to_string() == "2.md";
    place.inbox.revoke(is_meant).unwrap();
    assert_eq!(place.look().queued, 1);
    assert_eq!(place.inbox.delivered().unwrap(), 1);
    place.inbox.revoke(is_meant).unwrap();
}
