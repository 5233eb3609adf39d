//! A scripted agent in a terminal of its own: what is seen on its screen, and what its log says.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Output},
    thread::sleep,
    time::{Duration, Instant},
};

use jiff::{Timestamp, tz::TimeZone};
use loopkeeper::agent::{
    profile::Profile,
    screen::{Fingerprint, Screen},
    sighting::{Sighting, sight},
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{corpus::shown, program::program};

/// How long is waited for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// A tmux server with one window, and the agent in it.
pub(crate) struct Stage {
    directory: TempDir,
    pub(crate) profile: Profile,
    columns: u16,
}

impl Stage {
    /// Plays a script in a window of this width.
    pub(crate) fn plays(name: &str, script: &str, columns: u16) -> Self {
        Self::plays_with(name, script, columns, &[], &[])
    }

    /// The same, with more options, and with arguments of the agent's own.
    pub(crate) fn plays_with(
        name: &str,
        script: &str,
        columns: u16,
        options: &[&str],
        arguments: &[&str],
    ) -> Self {
        let stage = Self::opens(name, script, columns);
        let agent = [program().to_str().unwrap(), "--profile", name];
        let files = stage.files();
        let files = files.each_ref().map(String::as_str);
        stage.runs(&[&agent, options, &files, arguments].concat());
        stage
    }

    /// The same, below a shell that goes on when the agent is over.
    pub(crate) fn plays_below_a_shell(name: &str, script: &str, columns: u16) -> Self {
        let stage = Self::opens(name, script, columns);
        let shell = ["sh", "-c", r#""$@"; exec sleep 900"#, "sh"];
        let agent = [program().to_str().unwrap(), "--profile", name];
        let files = stage.files();
        let files = files.each_ref().map(String::as_str);
        stage.runs(&[&shell[..], &agent, &files].concat());
        stage
    }

    /// The same, by a program of the agent's name that finds everything else in its environment.
    pub(crate) fn plays_as(name: &str, script: &str, columns: u16) -> Self {
        let stage = Self::opens(name, script, columns);
        let link = stage.file(name);
        std::os::unix::fs::symlink(program(), &link).unwrap();
        let [_, script, _, log] = stage.files();
        let script = format!("SCRIPTED_AGENT_SCRIPT={script}");
        let log = format!("SCRIPTED_AGENT_LOG={log}");
        stage.runs(&["env", &script, &log, link.to_str().unwrap()]);
        stage
    }

    fn opens(name: &str, script: &str, columns: u16) -> Self {
        let stage = Self {
            directory: tempfile::tempdir().unwrap(),
            profile: Profile::shipped(name).unwrap(),
            columns,
        };
        fs::write(stage.file("script"), script).unwrap();
        stage
    }

    /// The options that name the script and the log.
    fn files(&self) -> [String; 4] {
        let file = |name| self.file(name).to_str().unwrap().to_owned();
        [
            "--script".to_owned(),
            file("script"),
            "--log".to_owned(),
            file("log"),
        ]
    }

    /// The dead pane stays, so that it can be looked at.
    fn runs(&self, command: &[&str]) {
        let columns = self.columns.to_string();
        let server = [
            "start-server",
            ";",
            "set",
            "-g",
            "remain-on-exit",
            "on",
            ";",
        ];
        let window = ["new-session", "-d", "-x", &columns, "-y", "40", "--"];
        let output = self.tmux(&[&server[..], &window, command].concat());
        assert!(output.status.success(), "{output:?}");
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn tmux(&self, words: &[&str]) -> Output {
        let tmux = Command::new("tmux")
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap())
            .env("LC_ALL", "C.UTF-8")
            .args(["-u", "-f", "/dev/null", "-S"])
            .arg(self.file("socket"))
            .args(words)
            .output();
        tmux.unwrap_or_else(|error| panic!("tmux cannot be run ({error}): apt-get install tmux"))
    }

    /// What tmux knows of the window.
    pub(crate) fn knows(&self, format: &str) -> String {
        let output = self.tmux(&["display-message", "-p", format]);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Waits until the program is over, and tmux says so; its code.
    pub(crate) fn ends(&self) -> String {
        self.event("exited");
        self.until("dead pane", || {
            // Before 3.5, tmux may miss the signal about a child while it writes utmp. It looks for
            // all of them when the next one is over.
            self.tmux(&["run-shell", "true"]);
            let code = self.knows("#{pane_dead_status}");
            (!code.is_empty()).then_some(code)
        })
    }

    pub(crate) fn presses(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Pastes as one paste, in brackets. tmux makes carriage returns of line breaks.
    pub(crate) fn pastes(&self, text: &str) {
        let file = self.file("pasted");
        fs::write(&file, text).unwrap();
        self.tmux(&["load-buffer", file.to_str().unwrap()]);
        self.tmux(&["paste-buffer", "-p", "-d"]);
    }

    pub(crate) fn pastes_and_submits(&self, text: &str) {
        self.pastes(text);
        self.presses(&["Enter"]);
    }

    /// The picture, with its escape codes, as it is wrapped.
    pub(crate) fn picture(&self) -> String {
        let output = self.tmux(&["capture-pane", "-p", "-e"]);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Waits until the picture is another one than this.
    pub(crate) fn other_picture(&self, than: &str) -> String {
        self.until("other picture", || {
            let next = self.picture();
            (next != than).then_some(next)
        })
    }

    pub(crate) fn screen(&self) -> Screen {
        Screen::read(&self.picture(), Some(self.columns))
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.profile.fingerprint(&self.screen())
    }

    /// A look in Dublin, on a night in November.
    pub(crate) fn looks(&self) -> Sighting {
        let zone = TimeZone::get("Europe/Dublin").unwrap();
        let now: Timestamp = "2026-11-22T01:00:00Z".parse().unwrap();
        sight(&self.profile, &self.screen(), now, &zone)
    }

    /// Waits until this is seen.
    pub(crate) fn shows(&self, expected: &str) -> Sighting {
        self.until(expected, || {
            let sighting = self.looks();
            (shown(&sighting.seen) == expected).then_some(sighting)
        })
    }

    /// Waits until this stands on the input line.
    pub(crate) fn shows_typed(&self, expected: Option<&str>) -> Sighting {
        self.until(&format!("typed {expected:?}"), || {
            let sighting = self.looks();
            let typed = sighting.input.as_ref()?.typed.as_deref();
            (typed == expected).then_some(sighting)
        })
    }

    /// Waits until this stands somewhere.
    pub(crate) fn shows_words(&self, words: &str) {
        self.until(words, || self.picture().contains(words).then_some(()));
    }

    /// Another width, and nobody is there to draw at it.
    pub(crate) fn rewraps(&mut self, columns: u16) {
        let width = columns.to_string();
        self.tmux(&["resize-window", "-x", &width, "-y", "30"]);
        self.columns = columns;
    }

    /// Another width, and the agent has drawn at it.
    pub(crate) fn resizes(&mut self, columns: u16) {
        self.rewraps(columns);
        self.until(&format!("{columns} columns"), || {
            let drawn = |event: &Value| event["event"] == "resized" && event["columns"] == columns;
            self.log().iter().any(drawn).then_some(())
        });
    }

    /// The lines that are there whole: of a long one a reader may see the beginning first.
    pub(crate) fn log(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.file("log")).unwrap_or_default();
        let (whole, _) = text.rsplit_once('\n').unwrap_or_default();
        let lines = whole
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    }

    /// Waits for an event.
    pub(crate) fn event(&self, name: &str) -> Value {
        self.events(name, 1).remove(0)
    }

    /// Waits for so many events of a name.
    pub(crate) fn events(&self, name: &str, count: usize) -> Vec<Value> {
        self.until(name, || {
            let own = self.log().into_iter().filter(|line| line["event"] == name);
            let own: Vec<Value> = own.collect();
            (own.len() >= count).then_some(own)
        })
    }

    /// Waits until this step has begun.
    pub(crate) fn step(&self, words: &str) {
        self.until(words, || {
            let begun = |line: &Value| line["event"] == "step" && line["step"] == words;
            self.log().iter().any(begun).then_some(())
        });
    }

    /// Waits until so many texts are submitted.
    pub(crate) fn submitted(&self, count: usize) -> Vec<String> {
        self.until("submitted", || {
            let own = self.submitted_now();
            (own.len() >= count).then_some(own)
        })
    }

    pub(crate) fn submitted_now(&self) -> Vec<String> {
        let texts = self.log().into_iter();
        let texts = texts.filter_map(|line| Some(line.get("submitted")?.as_str()?.to_owned()));
        texts.collect()
    }

    pub(crate) fn until<T>(&self, what: &str, mut there: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = there() {
                return found;
            }
            let late = Instant::now() > deadline;
            assert!(
                !late,
                "{}: no {what}, but {:?}:\n{}\n{:#?}",
                self.profile.name,
                self.looks().seen,
                self.picture(),
                self.log()
            );
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}
