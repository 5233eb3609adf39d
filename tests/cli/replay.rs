//! `replay`, of recordings of real tmux sessions, in a real terminal (a pane of tmux).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use assert_cmd::cargo::cargo_bin;
use jiff::Timestamp;
use loopkeeper::{launch::directory::Directory, model::AttemptRef};
use predicates::str::contains;
use serde_json::{Value, json};

use crate::{
    attach::Terminal,
    scripted::{Home, PATIENCE, until},
};

const FIRST: &str = "20261121T004319Z-00000001";
const SECOND: &str = "20261121T014319Z-00000002";
/// 2026-11-21 00:43:19 UTC, when the first attempt began.
const BEGAN: i64 = 1_795_221_799;

fn directory(home: &Home, attempt: &str) -> Directory {
    let of = AttemptRef {
        worker: "builder".parse().unwrap(),
        attempt: attempt.parse().unwrap(),
    };
    let directory = Directory::of(&home.state(), &of);
    fs::create_dir_all(directory.path()).unwrap();
    directory
}

/// A recording that was sent these texts, so many seconds after it began.
fn sent(home: &Home, attempt: &str, began: i64, texts: &[(f64, &str)]) -> PathBuf {
    let recording = directory(home, attempt).recording();
    fs::create_dir_all(&recording).unwrap();
    let header = json!({"version": 2, "width": 100, "height": 30, "timestamp": began});
    let lines = texts.iter().map(|(after, text)| json!([after, "o", text]));
    let text: String = [header]
        .into_iter()
        .chain(lines)
        .map(|line| format!("{line}\n"))
        .collect();
    let file = recording.join("1.cast");
    fs::write(&file, text).unwrap();
    file
}

/// A shell in a session that is recorded as a worker's is.
struct Session {
    socket: PathBuf,
}

impl Session {
    fn new(home: &Home, columns: u16, rows: u16) -> Self {
        let session = Self {
            socket: home.path().join("worker"),
        };
        let recorder = format!(
            "exec {} record --attempt-dir {} --terminal #{{pane_tty}}",
            cargo_bin("loopkeeperd").display(),
            directory(home, FIRST).path().display()
        );
        let (columns, rows) = (columns.to_string(), rows.to_string());
        session.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            &columns,
            "-y",
            &rows,
            "-s",
            "builder",
            "-c",
            home.path().to_str().unwrap(),
            "env PS1='$ ' LESS= TERM=screen-256color sh",
            ";",
            "pipe-pane",
            "-t",
            "builder",
            &recorder,
        ]);
        session.types("printf 'be%s\\n' gun");
        session.shows("begun");
        session
    }

    fn tmux(&self, words: &[&str]) -> String {
        let mut tmux = Command::new("tmux");
        tmux.env_remove("TMUX")
            .env("LC_ALL", "C.UTF-8")
            .env("SHELL", "/bin/sh");
        let done = tmux
            .arg("-S")
            .arg(&self.socket)
            .args(words)
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    }

    fn types(&self, line: &str) {
        self.tmux(&["send-keys", "-l", line]);
        self.presses("Enter");
    }

    fn presses(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    fn shows(&self, text: &str) {
        until(text, || self.screen().contains(text));
    }

    /// With its colours, and where the cursor is.
    fn screen(&self) -> String {
        let cursor = "#{cursor_x} #{cursor_y} #{cursor_flag}";
        let captured = self.tmux(&["capture-pane", "-p", "-e", "-t", "builder"]);
        captured + &self.tmux(&["display-message", "-p", cursor])
    }

    fn is_replayed(&self, terminal: &Terminal) {
        let played = || {
            let cursor = terminal.asks("#{cursor_x} #{cursor_y} #{cursor_flag}");
            terminal.coloured() + &cursor + "\n"
        };
        // Of what is around a smaller one, nothing is there.
        let lines = |screen: String| -> (Vec<String>, Option<String>) {
            let mut lines: Vec<String> = screen.lines().map(str::to_owned).collect();
            let cursor = lines.pop();
            while lines.last().is_some_and(String::is_empty) {
                lines.pop();
            }
            (lines, cursor)
        };
        let wanted = lines(self.screen());
        let deadline = Instant::now() + PATIENCE;
        while lines(played()) != wanted {
            assert!(
                Instant::now() < deadline,
                "{:?}\nand not\n{wanted:?}",
                lines(played())
            );
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let mut tmux = Command::new("tmux");
        drop(tmux.arg("-S").arg(&self.socket).arg("kill-server").status());
    }
}

/// Plays it, and says so when that is over.
fn plays(terminal: &Terminal, home: &Home, words: &str) {
    let state = home.state();
    terminal.types(&format!(
        "supervisorctl --state-dir {} replay builder {words}; echo over $?",
        state.display()
    ));
}

const AT_ONCE: &str = "--speed 1000 --idle-limit 0s";

fn ends(terminal: &Terminal, key: &str) {
    terminal.presses(key);
    terminal.shows("over 0");
    let modes = "#{alternate_on} #{cursor_flag} #{wrap_flag} #{insert_flag} #{origin_flag} \
                 #{mouse_any_flag} #{scroll_region_upper} #{scroll_region_lower}";
    assert_eq!(terminal.asks(modes), "0 1 1 0 0 0 0 29");
    terminal.types("stty -a | grep -c ' icanon'; echo and $((1 + 1))");
    terminal.shows("and 2");
    assert!(terminal.screen().contains("\n1\n"), "{}", terminal.screen());
}

#[test]
fn the_screen_is_as_it_was() {
    let home = Home::new();
    let session = Session::new(&home, 100, 30);
    let terminal = Terminal::new(&home);
    for (draws, shows) in [
        (
            r"clear; printf '\033[31mred\033[0m ✓ 界界 \033[4:3;38;5;208mcurly\033[0m\033[10;20Hthere\033[2;8r\033[8;1H\n\n\033[r\033[12;1H\033(0lqqk\033(B\016\017'",
            "there",
        ),
        ("clear; seq 100", "\n100"),
        (
            r"printf '%0250d\033[1A\033[5C\033[3P\033[2@\n\n\033[?1049hpainted\033[?1049lback\n'",
            "back",
        ),
        (
            r"printf '\033[?1049h\033[2J\033[3;3Hon the other one\033[?25l'; read -r _; printf '\033[?1049l\033[?25h'",
            "other one",
        ),
    ] {
        session.types(draws);
        session.shows(shows);
        plays(&terminal, &home, AT_ONCE);
        session.is_replayed(&terminal);
        ends(&terminal, "q");
        terminal.types("clear");
    }
}

#[test]
fn programs_that_nobody_wrote_for_this_look_as_they_did() {
    let home = Home::new();
    let session = Session::new(&home, 100, 30);
    let terminal = Terminal::new(&home);
    session.types("seq -f 'line %g of text' 200 >text; vim --clean text");
    session.shows("line 1 of text");
    for keys in [
        "G",
        "dd",
        "O",
        "typed ü",
        "Escape",
        ":set number",
        "Enter",
        "C-b",
    ] {
        session.presses(keys);
    }
    for keys in [":echo 'and' 6*7", "Enter"] {
        session.presses(keys);
    }
    session.shows("and 42");
    plays(&terminal, &home, AT_ONCE);
    session.is_replayed(&terminal);
    ends(&terminal, "q");
    for keys in [":q!", "Enter"] {
        session.presses(keys);
    }
    session.types("less text");
    session.shows("line 29 of text");
    session.presses("G");
    session.shows("line 200");
    plays(&terminal, &home, AT_ONCE);
    session.is_replayed(&terminal);
    ends(&terminal, "C-c");
}

#[test]
fn a_session_of_another_size_is_played_in_the_upper_left() {
    let home = Home::new();
    let session = Session::new(&home, 100, 30);
    session.types("seq -f 'line %g of text' 200 >text; seq 100; vim --clean text");
    session.shows("line 29 of text");
    session.tmux(&["resize-window", "-t", "builder", "-x", "61", "-y", "17"]);
    session.shows("1,1");
    for keys in ["30G", "C-d", "yy", "P"] {
        session.presses(keys);
    }
    session.shows("38,1");
    let terminal = Terminal::new(&home);
    plays(&terminal, &home, AT_ONCE);
    session.is_replayed(&terminal);
    ends(&terminal, "q");
    // Larger than the terminal, which is said before.
    session.tmux(&["resize-window", "-t", "builder", "-x", "110", "-y", "30"]);
    session.presses("C-l");
    until("it is recorded", || {
        let recorded = directory(&home, FIRST).recording().join("1.cast");
        fs::read_to_string(recorded)
            .unwrap()
            .contains("\"r\",\"110x30\"")
    });
    terminal.types("clear");
    plays(&terminal, &home, "--at 2099-01-01T00:00:00Z");
    terminal.shows("This terminal is 100x30, and the recording 110x30: what does not fit");
    terminal.presses("x");
    terminal.shows("line 38 of text");
    ends(&terminal, "q");
}

#[test]
fn it_begins_at_the_moment_that_is_asked_for_and_waits_as_long_as_it_was() {
    let home = Home::new();
    sent(
        &home,
        FIRST,
        BEGAN,
        &[
            (1.0, "one "),
            (3600.0, "two "),
            (7200.0, "three "),
            (7201.0, "four"),
        ],
    );
    let terminal = Terminal::new(&home);
    plays(
        &terminal,
        &home,
        "--at 2026-11-21T01:53:19Z --idle-limit 1h",
    );
    terminal.shows("one two");
    assert!(!terminal.screen().contains("three"));
    ends(&terminal, "q");
    terminal.types("clear");
    plays(&terminal, &home, "--at 2026-11-21T02:53:19Z");
    terminal.shows("one two three four");
    ends(&terminal, "x");
    // The pauses are as long as they may be, times the speed.
    terminal.types("clear");
    let began = Instant::now();
    plays(&terminal, &home, "--idle-limit 20s --speed 100");
    terminal.shows("one two three four");
    assert!(began.elapsed().as_millis() >= 410, "{:?}", began.elapsed());
    ends(&terminal, "q");
}

/// What no recording may do to who watches it.
const HARM: &str = "\x1b]52;c;aGFybQ==\x07\x1b]2;a title\x07\x1bka name\x1b\\\x1b[c\x1b[>c\x1b[6n\x1b[5n\x05\
                    \x1bZ\x1b]10;?\x07\x1bP$qm\x1b\\\x1b[?1003h\x1b[?2004h\x1b[?1004h\x1b[3J\x1b_a title\x1b\\harmless";

#[test]
fn what_was_recorded_neither_types_nor_sets_anything() {
    let home = Home::new();
    sent(&home, FIRST, BEGAN, &[(1.0, HARM)]);
    let terminal = Terminal::new(&home);
    terminal.sets("set-clipboard", "on");
    terminal.sets("allow-rename", "on");
    terminal.sets("automatic-rename", "off");
    terminal.types("seq 200");
    terminal.shows("\n200");
    let of_it = || {
        let asked = "#{pane_title} #{window_name} #{mouse_any_flag} #{e|>|:#{history_size},100}";
        terminal.asks(asked) + &terminal.prints(&["list-buffers", "-F", " #{buffer_sample}"])
    };
    let before = of_it();
    plays(&terminal, &home, AT_ONCE);
    terminal.shows("harmless");
    assert_eq!(of_it(), before);
    ends(&terminal, "q");
    assert_eq!(of_it(), before);
    let typed =
        |screen: &str| screen.contains("[?") || screen.contains(";1R") || screen.contains(";2c");
    assert!(!typed(&terminal.screen()), "{}", terminal.screen());
    // Who prints it as it is has all of that.
    fs::write(home.path().join("harm"), HARM).unwrap();
    terminal.types("cat harm");
    until("it does harm", || {
        of_it() == "a title a name 1 0 harm\n" && typed(&terminal.screen())
    });
}

#[test]
fn into_a_pipe_goes_all_of_it_at_once() {
    let home = Home::new();
    sent(
        &home,
        FIRST,
        BEGAN,
        &[
            (1.0, "\x1b[31mred\x1b[0m\r\n"),
            (9000.0, "\x1b]2;t\x07\x1b[ctwo\r\n"),
        ],
    );
    let replay = |words: &[&str]| {
        let mut command = home.supervisorctl();
        command.args(["replay", "builder"]).args(words).assert()
    };
    replay(&[]).code(0).stdout("\x1b[31mred\x1b[0m\r\ntwo\r\n");
    for (words, complaint) in [
        (["--speed", "0"], "is no number from 0.01 to 1000"),
        (["--idle-limit", "x"], "is no duration, such as"),
        (["--at", "x"], "is no moment before now"),
    ] {
        replay(&words).code(2).stderr(contains(complaint));
    }
}

fn replays(home: &Home, words: &[&str]) -> assert_cmd::assert::Assert {
    home.supervisorctl().arg("replay").args(words).assert()
}

#[test]
fn the_attempt_is_the_one_that_ran_then() {
    let home = Home::new();
    let first = sent(&home, FIRST, BEGAN, &[(1.0, "first")]);
    let second = sent(&home, SECOND, BEGAN + 3600, &[(1.0, "second")]);
    replays(&home, &["builder"]).code(0).stdout("second");
    replays(&home, &["builder", "--attempt", FIRST])
        .code(0)
        .stdout("first");
    replays(&home, &["builder", "--at", "2026-11-21T01:43:18Z"])
        .code(0)
        .stdout("first");
    replays(&home, &["builder", "--at", "2026-11-21T01:43:19Z"])
        .code(0)
        .stdout("second");
    replays(&home, &["builder", "--at", "2026-11-21T00:43:18Z"])
        .code(1)
        .stderr(
            "error: worker builder has no recording that began before 2026-11-21 00:43:18\n\
         hint: see which there are with: supervisorctl replay builder --list\n",
        );
    replays(
        &home,
        &["builder", "--attempt", "20261121T014319Z-00000003"],
    )
    .code(4)
    .stderr(contains(
        "error: attempt 20261121T014319Z-00000003 of worker builder has no recording\nhint: ",
    ));
    let list = replays(&home, &["builder", "--list"]).code(0);
    let list = String::from_utf8(list.get_output().stdout.clone()).unwrap();
    let begins = format!("{FIRST}  2026-11-21 00:43:19 to 20");
    assert!(list.starts_with(&begins), "{list}");
    assert!(
        list.contains(&format!("\n  {}\n{SECOND}  ", first.display())),
        "{list}"
    );
    let json = replays(&home, &["builder", "--list", "--json"]).code(0);
    let json: Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    assert_eq!(
        (&json["protocol"], &json["worker"]),
        (&json!(1), &json!("builder"))
    );
    let last = &json["recordings"][1];
    assert_eq!(last["attempt"], SECOND);
    assert_eq!(last["from"], "2026-11-21T01:43:19Z");
    assert!(last["to"].as_str().unwrap().parse::<Timestamp>().is_ok());
    assert_eq!(last["files"], json!([second]));
}

#[test]
fn who_has_no_recording_is_told_so() {
    let home = Home::new();
    fs::write(directory(&home, FIRST).output(), "words\n").unwrap();
    replays(&home, &["builder"]).code(1).stderr(
        "error: worker builder has no recording\n\
         hint: only what runs in tmux is recorded, and began under this version; see what it wrote with: supervisorctl logs builder\n",
    );
    replays(&home, &["nobody"]).code(4);
}

fn logs(home: &Home, words: &[&str]) -> String {
    let done = home
        .supervisorctl()
        .args(["logs", "builder"])
        .args(words)
        .assert()
        .code(0)
        .stderr("");
    String::from_utf8(done.get_output().stdout.clone()).unwrap()
}

#[test]
fn its_lines_are_shown_with_their_times() {
    let home = Home::new();
    let file = sent(
        &home,
        FIRST,
        BEGAN,
        &[
            (1.0, "\x1b[1mone\x1b[0m\r\ntw"),
            (2.0, "o\r\n"),
            (3600.0, "three\r\nfour"),
        ],
    );
    assert_eq!(logs(&home, &[]), "one\ntwo\nthree\nfour\n");
    for (count, lines) in [
        ("1", "four\n"),
        ("2", "three\nfour\n"),
        ("3", "two\nthree\nfour\n"),
    ] {
        assert_eq!(logs(&home, &["-n", count]), lines);
    }
    assert_eq!(
        logs(&home, &["--since", "2026-11-21T01:00:00Z"]),
        "three\nfour\n"
    );
    let times = "2026-11-21 00:43:20  one\n2026-11-21 00:43:20  two\n\
                 2026-11-21 01:43:19  three\n2026-11-21 01:43:19  four\n";
    assert_eq!(logs(&home, &["--times"]), times);
    assert_eq!(
        logs(&home, &["--raw"]),
        "\x1b[1mone\x1b[0m\r\ntwo\r\nthree\r\nfour"
    );
    // Of an attempt that began under an earlier version, the file is read.
    fs::write(directory(&home, SECOND).output(), "\x1b[1mold\x1b[0m\r\n").unwrap();
    fs::rename(
        directory(&home, FIRST).path(),
        directory(&home, SECOND).path().with_extension("x"),
    )
    .unwrap();
    assert_eq!(logs(&home, &[]), "old\n");
    drop(file);
}

#[test]
fn who_follows_sees_what_is_recorded_in_the_next_part() {
    let home = Home::new();
    let file = sent(&home, FIRST, BEGAN, &[(1.0, "one\n")]);
    let seen = home.path().join("seen");
    let mut command = Command::new(cargo_bin("supervisorctl"));
    let follow = command
        .env("LOOPKEEPER_SOCKET", home.socket())
        .env("STATE_DIRECTORY", home.state())
        .env("CONFIGURATION_DIRECTORY", home.path())
        .args(["logs", "-f", "builder"])
        .stdout(fs::File::create(&seen).unwrap());
    let mut follow = follow.spawn().unwrap();
    let shows = |text: &str| until(text, || fs::read_to_string(&seen).unwrap() == text);
    shows("one\n");
    add(&file, "[2,\"o\",\"tw");
    add(&file, "o\\n\"]\n");
    shows("one\ntwo\n");
    let header = fs::read_to_string(&file).unwrap();
    let header = header.lines().next().unwrap();
    let next = file.with_file_name("2.cast");
    fs::write(&next, format!("{header}\n[3,\"o\",\"three\\n\"]\n")).unwrap();
    shows("one\ntwo\nthree\n");
    follow.kill().unwrap();
    follow.wait().unwrap();
}

fn add(file: &Path, text: &str) {
    use std::io::Write as _;
    let mut file = fs::OpenOptions::new().append(true).open(file).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}
