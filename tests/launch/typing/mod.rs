//! Text that is typed into real programs, in a real tmux.

mod agent;
mod left;
mod programs;
mod refused;

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use loopkeeper::{
    agent::{
        profile::Profile,
        typed::{Permission, Refusal},
    },
    config::Worker,
    launch::typing::{Extent, Text, Typed, TypingError},
    model::{AttemptRef, LauncherKind},
};

use crate::{
    tmux::ask,
    world::{World, until},
};

/// Everything that a shell, tmux, or an editor would like to understand.
const HOSTILE: &[&str] = &[
    "it's \"quoted\" `id` $(id) ${HOME} $HOME",
    "back\\slash \\n \\\\ \\; ends;",
    ";",
    "#{pane_id} %H ~ * ! & | < > {} [] ()",
    "ünï ✓ 日本語 👍 e\u{301} a\u{308}\u{323}",
    "-x --",
    "  indented",
    "C-c Enter Escape",
];

/// A worker with one attempt that runs.
struct Stage {
    world: World,
    attempt: AttemptRef,
}

impl Stage {
    async fn of(world: World, worker: &Worker) -> Self {
        let mut world = world;
        let (attempt, _) = world.run(worker).await;
        Self { world, attempt }
    }

    async fn script(script: &str) -> Self {
        let world = World::new();
        let worker = world.script(LauncherKind::Tmux, script);
        Self::of(world, &worker).await
    }

    /// bash as somebody uses it, at its prompt.
    async fn bash() -> Self {
        let stage = Self::script("PS1='$ ' exec bash --norc --noprofile -i").await;
        stage.shows("$").await;
        stage
    }

    /// A program that draws an input line as Claude Code does; see there.
    async fn drawn(mode: &str) -> Self {
        let world = World::new();
        let agent = world.path().join("claude");
        fs::write(&agent, include_str!("claude.py")).unwrap();
        let script = format!("exec python3 {} {mode}", agent.display());
        let worker = world.script(LauncherKind::Tmux, &script);
        let stage = Self::of(world, &worker).await;
        stage.shows("❯").await;
        stage
    }

    fn file(&self, name: &str) -> PathBuf {
        self.world.path().join(name)
    }

    fn tmux(&self, words: &[&str]) -> String {
        ask(&self.world, &self.attempt, words).1
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-t", "=builder:"])
    }

    fn presses(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys", "-t", "=builder:"], keys].concat());
    }

    async fn shows(&self, part: &str) {
        until(part, || self.screen().contains(part)).await;
    }

    async fn type_as(&mut self, profile: &Profile, text: &str) -> Result<Typed, TypingError> {
        let text = Text {
            profile: profile.clone(),
            ..self::text(text)
        };
        let typed = self.world.local.type_into(self.attempt.clone(), text);
        let begin = Instant::now();
        let typed = typed.await;
        assert!(begin.elapsed() < Duration::from_secs(30));
        assert_eq!(self.tmux(&["list-buffers"]), "", "a buffer is left");
        typed
    }

    /// Refused, with nothing of the text in the terminal.
    async fn refuses(&mut self, profile: &Profile, text: &str) -> Refusal {
        match self.type_as(profile, text).await {
            Err(error @ TypingError::Refused { .. }) => {
                assert_eq!(error.extent(), Extent::Nothing);
                assert!(!self.screen().contains(text), "{}", self.screen());
                let TypingError::Refused { why, .. } = error else {
                    unreachable!()
                };
                why
            }
            other => panic!("{other:?}\n{}", self.screen()),
        }
    }

    /// What the drawn program was given: a text for each line.
    fn given(&self) -> Vec<String> {
        let given = fs::read_to_string(self.file("given")).unwrap_or_default();
        given
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn profile(name: &str) -> Profile {
    Profile::shipped(name).unwrap()
}

/// For what reads lines from a terminal that nobody edits.
fn reads_lines() -> Profile {
    let text = "extends = \"generic\"\n[typing]\nbracketed = false\n";
    Profile::read("lines", text).unwrap()
}

/// For the drawn program.
fn text(text: &str) -> Text {
    Text {
        profile: profile("claude"),
        text: text.to_owned(),
        permission: Permission::default(),
    }
}
