use std::{
    fs::{self, OpenOptions},
    io::Write as _,
};

use proptest::prelude::*;

use super::*;

const SMALL: Size = Size {
    columns: 80,
    rows: 24,
};
const KEEP: u64 = 16 * 1024 * 1024;

fn now(milliseconds: u64) -> Now {
    // Not at the beginning of a second.
    let began = Timestamp::from_millisecond(1_795_221_799_250).unwrap();
    let elapsed = Duration::from_millis(milliseconds);
    Now {
        at: began.checked_add(elapsed).unwrap(),
        elapsed,
    }
}

/// All that is told, as one text; and the sizes, each with how much had been sent before.
fn read(directory: &Path) -> (String, Vec<(usize, Size)>) {
    let (mut text, mut sizes) = (String::new(), Vec::new());
    let mut playback = Playback::of(directory);
    let mut last = Timestamp::MIN;
    while let Some(Moment { at, told }) = playback.read().unwrap() {
        assert!(at >= last);
        last = at;
        match told {
            Told::Output(sent) => text.push_str(&sent),
            Told::Size(size) => sizes.push((text.len(), size)),
        }
    }
    (text, sizes)
}

fn text_of(directory: &Path) -> String {
    read(directory).0
}

/// What another reader makes of a file, by the format's own words: one object, then lines of three.
fn lines_of(file: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(file).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let header = lines[0].as_object().unwrap();
    assert_eq!(header["version"], 2);
    assert!(header["width"].is_u64() && header["height"].is_u64());
    let mut last = 0.0;
    for line in &lines[1..] {
        let at = line[0].as_f64().unwrap();
        assert!(at >= last && line[2].is_string(), "{line}");
        assert!(["o", "r"].contains(&line[1].as_str().unwrap()));
        last = at;
    }
    lines
}

#[test]
fn a_part_is_what_the_format_says() {
    let home = tempfile::tempdir().unwrap();
    let mut writer = RecordingWriter::new(home.path(), KEEP, SMALL);
    writer.start(now(0)).unwrap();
    let wide = Size {
        columns: 120,
        rows: 40,
    };
    writer.take(now(0), SMALL, b"\x1b[1mfirst\r\n").unwrap();
    writer.take(now(1500), wide, b"\"\\ \xc3").unwrap();
    writer.take(now(2000), wide, b"\xbc\xff").unwrap();
    writer.take(now(2001), wide, b"\xe2\x9c").unwrap();
    writer.finish(now(2002)).unwrap();
    let text = fs::read_to_string(home.path().join("1.cast")).unwrap();
    let wanted = [
        r#"{"version":2,"width":80,"height":24,"timestamp":1795221799}"#,
        r#"[0.250000,"o","\u001b[1mfirst\r\n"]"#,
        r#"[1.750000,"r","120x40"]"#,
        r#"[1.750000,"o","\"\\ "]"#,
        "[2.250000,\"o\",\"ü\u{fffd}\"]",
        "[2.252000,\"o\",\"\u{fffd}\"]",
    ];
    assert_eq!(text, wanted.map(|line| line.to_owned() + "\n").concat());
    assert_eq!(
        read(home.path()),
        (
            "\x1b[1mfirst\r\n\"\\ ü\u{fffd}\u{fffd}".to_owned(),
            vec![(0, SMALL), (11, wide)]
        )
    );
}

proptest! {
    #[test]
    fn what_is_sent_is_read_wherever_it_is_cut(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..400),
            "[a-zä✓🦀\\x1b\n\"\\\\]{0,100}".prop_map(String::into_bytes),
        ],
        cuts in proptest::collection::vec((1usize..9, 1u16..4), 1..60),
    ) {
        let home = tempfile::tempdir().unwrap();
        let mut writer = RecordingWriter::new(home.path(), KEEP, SMALL);
        let (mut rest, mut cuts) = (&bytes[..], cuts.iter().cycle());
        let mut sizes = Vec::new();
        for at in 0.. {
            let Some((length, rows)) = cuts.next().filter(|_| !rest.is_empty()) else {
                break;
            };
            let (piece, later) = rest.split_at(rest.len().min(*length));
            let size = Size { columns: 80, rows: *rows };
            writer.take(now(at), size, piece).unwrap();
            sizes.push(size);
            rest = later;
        }
        writer.finish(now(1_000_000)).unwrap();
        let (text, told) = read(home.path());
        prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
        sizes.dedup();
        let mut told: Vec<Size> = told.into_iter().map(|(_, size)| size).collect();
        told.dedup();
        // Where nothing of it was whole yet, the first size may be one that nobody was sent anything in.
        prop_assert!(told.ends_with(&sizes) || sizes.ends_with(&told), "{:?} {:?}", told, sizes);
    }

    #[test]
    fn what_is_cut_off_spoils_nothing_before_it(cut in 0usize..2000, again in any::<bool>()) {
        let home = tempfile::tempdir().unwrap();
        let mut writer = RecordingWriter::new(home.path(), KEEP, SMALL);
        let whole: String = (0..40).map(|number| {
            let line = format!("line {number}\r\n");
            writer.take(now(number), SMALL, line.as_bytes()).unwrap();
            line
        }).collect();
        drop(writer);
        let file = OpenOptions::new().write(true).open(path(home.path(), 1)).unwrap();
        let length = file.metadata().unwrap().len();
        file.set_len(length.saturating_sub(cut as u64)).unwrap();
        let left = fs::read(path(home.path(), 1)).unwrap();
        let lines = left.iter().filter(|byte| **byte == b'\n').count().saturating_sub(1);
        if again {
            // By a machine that went down, what was to be there may be zeros.
            OpenOptions::new().append(true).open(path(home.path(), 1)).unwrap()
                .write_all(&[0; 100]).unwrap();
            let mut next = RecordingWriter::new(home.path(), KEEP, SMALL);
            next.take(now(100), SMALL, b"goes on").unwrap();
        }
        let text = text_of(home.path());
        let (before, after) = text.split_at(text.len() - if again { 7 } else { 0 });
        prop_assert_eq!(after, if again { "goes on" } else { "" });
        prop_assert!(whole.starts_with(before));
        prop_assert_eq!(before.lines().count(), lines);
        prop_assert!(cut > 0 || lines == 40);
    }
}

#[test]
fn the_newest_stays_and_each_part_plays_by_itself() {
    let home = tempfile::tempdir().unwrap();
    let keep = 64 * 1024;
    let mut writer = RecordingWriter::new(home.path(), keep, SMALL);
    writer
        .take(now(0), SMALL, b"\x1b[?1049;2004h\x1b[?25l\x1b[?7h")
        .unwrap();
    let other = Size {
        columns: 100,
        rows: 30,
    };
    let mut all = String::new();
    for number in 0..20_000 {
        let line = format!("line {number}\r\n");
        all.push_str(&line);
        // One that does not fit into a part among them.
        let huge = "\u{1}".repeat(if number == 10_000 { 200_000 } else { 0 });
        all.push_str(&huge);
        writer
            .take(now(number), other, (line + &huge).as_bytes())
            .unwrap();
        if number % 100 == 0 {
            let files = files(home.path()).unwrap();
            let bytes: u64 = files
                .iter()
                .map(|file| fs::metadata(file).unwrap().len())
                .sum();
            assert!(bytes <= keep + keep / 8, "{bytes} after {number}");
        }
    }
    let files = files(home.path()).unwrap();
    assert!(files.len() > 3 && !files[0].ends_with("1.cast"));
    for file in &files {
        let lines = lines_of(file);
        assert_eq!(
            (&lines[0]["width"], &lines[0]["height"]),
            (&100.into(), &30.into())
        );
        let modes = serde_json::json!([0.0, "o", "\x1b[?25l\x1b[?1049h\x1b[?2004h"]);
        assert_eq!(lines[1], modes);
        assert_eq!(lines[2][1], "o");
    }
    let text = text_of(home.path());
    let first = "\x1b[?25l\x1b[?1049h\x1b[?2004h";
    let text = text.strip_prefix(first).unwrap();
    assert!(!text.contains(first) && all.ends_with(text));
    let kept: u64 = files
        .iter()
        .map(|file| fs::metadata(file).unwrap().len())
        .sum();
    assert!(kept > keep / 2, "{kept}");
}

#[test]
fn who_follows_misses_nothing_when_a_part_is_full() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("later");
    let mut playback = Playback::of(&directory);
    assert_eq!(playback.read().unwrap(), None);
    let mut writer = RecordingWriter::new(&directory, 1024 * 1024, SMALL);
    let mut told = String::new();
    let mut follow = |playback: &mut Playback| {
        while let Some(moment) = playback.read().unwrap() {
            if let Told::Output(text) = moment.told {
                told.push_str(&text);
            }
        }
        told.len()
    };
    let mut sent = 0;
    for number in 0..9_000 {
        let line = format!("{number:0100}\n");
        sent += line.len();
        writer.take(now(number), SMALL, line.as_bytes()).unwrap();
        if number % 7 == 0 {
            assert_eq!(follow(&mut playback), sent);
        }
    }
    assert!(files(&directory).unwrap().len() > 2);
}

/// Unmounts, also where the test fails.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        nix::mount::umount2(&self.0, nix::mount::MntFlags::MNT_DETACH).unwrap();
    }
}

#[test]
fn a_line_is_added_whole_or_not_at_all() {
    // A file of this size at most, as on a full disk.
    let home = tempfile::tempdir().unwrap();
    let place = home.path().join("full");
    fs::create_dir(&place).unwrap();
    let done = nix::mount::mount(
        Some("tmpfs"),
        &place,
        Some("tmpfs"),
        nix::mount::MsFlags::empty(),
        Some("size=64k"),
    );
    if done.is_err() {
        // Only root can have a disk that is full.
        return;
    }
    let mounted = Mounted(place.clone());
    let directory = mounted.0.join("recording");
    let mut writer = RecordingWriter::new(&directory, KEEP, SMALL);
    let mut sent = String::new();
    let mut refused = 0;
    for number in 0..200 {
        let line = format!("{number:01000}\n");
        match writer.take(now(number), SMALL, line.as_bytes()) {
            Ok(()) => sent.push_str(&line),
            Err(_) => refused += 1,
        }
    }
    let full = text_of(&directory);
    assert!(full == sent && refused > 100, "{refused}");
    // As soon as there is room again, it goes on.
    nix::mount::mount(
        Some("tmpfs"),
        &place,
        Some("tmpfs"),
        nix::mount::MsFlags::MS_REMOUNT,
        Some("size=256k"),
    )
    .unwrap();
    writer.take(now(1000), SMALL, b"again\n").unwrap();
    assert!(text_of(&directory) == sent + "again\n");
    assert!(lines_of(&path(&directory, 1)).len() > 40);
}

#[test]
fn what_is_no_recording_is_left_out() {
    let home = tempfile::tempdir().unwrap();
    let part = |number, text: &str| fs::write(path(home.path(), number), text).unwrap();
    let head = "{\"version\":2,\"width\":80,\"height\":24,\"timestamp\":1795221799}\n";
    let endless = "x".repeat(3 * 1024 * 1024);
    part(1, "");
    part(2, "{\"version\":3}\n[1.0,\"o\",\"another format\"]\n");
    part(
        5,
        &format!(
            "{head}\n[1,\"i\",\"typed\"]\n[1,\"m\",\"mark\"]\n[-1,\"o\",\"x\"]\n[1e300,\"o\",\"x\"]\n\
             [1,\"r\",\"0\"]\n[1,\"o\",3]\n[2,\"o\",\"a\"]\n[2,\"o\",\"{endless}\"]\n[1.5,\"o\",\"b\"]\n"
        ),
    );
    fs::create_dir(path(home.path(), 3)).unwrap();
    assert!(Playback::of(home.path()).read().is_err(), "a directory");
    fs::remove_dir(path(home.path(), 3)).unwrap();
    fs::write(home.path().join("x.cast"), head).unwrap();
    assert_eq!(read(home.path()), ("ab".into(), vec![(0, SMALL)]));
    // Whoever may write there leads nobody elsewhere.
    std::os::unix::fs::symlink(path(home.path(), 5), path(home.path(), 6)).unwrap();
    assert!(Playback::of_latest(home.path()).is_err());
    fs::remove_file(path(home.path(), 6)).unwrap();
    let link = home.path().join("link");
    std::os::unix::fs::symlink(home.path(), &link).unwrap();
    assert!(Playback::of(&link).read().is_err() && !is_there(&link));
}

#[test]
fn what_a_worker_puts_there_instead_holds_nobody_up() {
    let directory = tempfile::tempdir().unwrap();
    let huge = File::create(path(directory.path(), 1)).unwrap();
    huge.set_len(1 << 40).unwrap();
    assert!(!is_silent(directory.path()));
    assert_eq!(text_of(directory.path()), "");
    let mut bounded = Playback::of(directory.path()).at_most(1 << 20);
    assert_eq!(bounded.read().unwrap(), None);
    assert!(!bounded.is_at_end());
}
