//! Into a session on another host, from a real terminal (a pane of tmux), in one step.

use std::process::{Command, Stdio};

use crate::{
    rig::{Rig, program, text},
    stage::Stage,
};

const SELDOM: &str = "watch = { every = '1h', slow = '2h' }";

/// A terminal with `supervisorctl attach a` in it.
struct Terminal<'a>(&'a Rig);

impl<'a> Terminal<'a> {
    fn attached(rig: &'a Rig) -> Self {
        let terminal = Self(rig);
        let attach = "\"$CTL\" attach a; echo \"left with $?\"; exec cat";
        terminal.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "100",
            "-y",
            "30",
            attach,
        ]);
        terminal
    }

    fn tmux(&self, words: &[&str]) -> String {
        let mut tmux = Command::new(program("tmux"));
        let path = |name: &str| self.0.path(name);
        let tmux = tmux
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("LC_ALL", "C.UTF-8")
            .env("CTL", env!("CARGO_BIN_EXE_supervisorctl"))
            .env("RUNTIME_DIRECTORY", path("run"))
            .env("STATE_DIRECTORY", path("state"))
            .env("CONFIGURATION_DIRECTORY", path("."))
            .stdin(Stdio::null())
            .arg("-S")
            .arg(path("terminal"))
            .args(words);
        text(&tmux.output().unwrap().stdout)
    }

    fn shows(&self, what: &str) {
        self.0.eventually(what, |_| {
            let screen = self.tmux(&["capture-pane", "-p"]);
            screen.contains(what).then_some(())
        });
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[test]
fn its_screen_is_there_takes_keys_and_is_left() {
    let stage = Stage::plays("say \"a word — from there\"\nwait\n", SELDOM);
    let terminal = Terminal::attached(&stage.rig);
    terminal.shows("a word — from there");
    let size = stage.tmux(&["display-message", "-p", "#{window_width} #{window_height}"]);
    assert_eq!(size.trim(), "100 30");
    terminal.tmux(&["send-keys", "-l", "typed ~. by hand"]);
    terminal.tmux(&["send-keys", "Enter"]);
    stage.rig.eventually("the text", |_| {
        (stage.submitted() == ["typed ~. by hand"]).then_some(())
    });
    terminal.tmux(&["send-keys", "C-b", "d"]);
    terminal.shows("left with 0");
    assert_eq!(stage.tmux(&["list-clients"]), "");
}

#[test]
fn what_it_shows_is_printed() {
    let stage = Stage::plays("say \"a word — from there\"\nwait\n", SELDOM);
    stage.rig.eventually("the word", |rig| {
        let screen = rig.done(&["screen", "a"]);
        screen.contains("a word — from there").then_some(())
    });
}

#[test]
fn without_the_link_it_is_said_why_and_that_it_goes_on() {
    let mut stage = Stage::plays("wait\n", SELDOM);
    stage.cut();
    let said = stage.rig.eventually("the loss", |rig| {
        let output = rig.ctl(&["screen", "a"]);
        let said = text(&output.stderr);
        said.contains("which does not answer").then_some(said)
    });
    assert!(
        said.starts_with("error: worker a is on host gpu, which does not answer: "),
        "{said}"
    );
    assert!(said.contains("hint: it goes on there"), "{said}");
    assert!(!said.contains("host gpu host gpu"), "{said}");
}
