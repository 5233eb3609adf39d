//! A shell, and what is printed by a script that runs in it.

use super::{Asked, Beat, Field, Skin};
use crate::{
    draft::{Draft, Text},
    line::{Line, plain},
};

pub(super) struct Shell;

const PROMPT: &str = "\x1b[01;32mrig@pi\x1b[00m:\x1b[01;34m~/builder\x1b[00m$ ";

const SPINNER: [char; 8] = ['⠋', '⠙', '⠸', '⠴', '⠦', '⠧', '⠇', '⠏'];

impl Skin for Shell {
    fn banner(&self) -> Vec<Line> {
        Vec::new()
    }

    /// What was pasted last is inverse until the next key, as readline draws it.
    fn input(&self, field: &Field<'_>) -> Vec<Line> {
        let shown = field.draft.shown();
        let lines: Vec<String> = shown.split('\n').map(plain).collect();
        let mut text = lines.join("\n");
        if field.draft.ends_pasted() {
            text = format!("\x1b[7m{text}\x1b[27m");
        }
        let text = format!("{PROMPT}{text}");
        let lines = text.split('\n');
        lines.map(|line| Line::Printed(line.to_owned())).collect()
    }

    fn submitted(&self, text: &Text) -> Vec<Line> {
        let mut lines = Line::printed(&text.whole);
        if let Some(Line::Printed(first)) = lines.first_mut() {
            first.insert_str(0, PROMPT);
        }
        lines
    }

    fn says(&self, text: &str) -> Vec<Line> {
        Line::printed(text)
    }

    fn works(&self, count: usize) -> Vec<Line> {
        Line::printed(&format!("   Compiling part-{count} v0.1.{count}"))
    }

    fn builds(&self) -> Vec<Line> {
        Line::printed("+ cargo build --release")
    }

    /// Nothing that a shell says, but a script may.
    fn busy(&self, beat: Beat) -> Vec<Line> {
        let spinner = SPINNER[beat.frame % SPINNER.len()];
        let seconds = beat.elapsed.as_secs();
        vec![Line::Cut(format!("{spinner} building, {seconds} seconds"))]
    }

    fn over(&self, _beat: Beat) -> Vec<Line> {
        Vec::new()
    }

    fn asks(&self, asked: &Asked, draft: &Draft) -> Vec<Line> {
        Line::printed(&format!("{} [y/N] {}", asked.question, draft.shown()))
    }

    fn answered(&self, asked: &Asked, answer: &str) -> Vec<Line> {
        Line::printed(&format!("{} [y/N] {answer}", asked.question))
    }

    fn limit(&self, words: &str) -> Vec<Line> {
        Line::printed(&format!("You've hit your session limit · {words}"))
    }

    fn outage(&self) -> Vec<Line> {
        Line::printed(r#"API Error: 529 {"type":"error","error":{"type":"overloaded_error"}}"#)
    }

    fn retries(&self, beat: Beat) -> Vec<Line> {
        let mut lines = self.outage();
        lines.extend(self.busy(beat));
        lines
    }

    /// A shell dies without a word.
    fn crash(&self) -> (Vec<Line>, u8) {
        (Vec::new(), 1)
    }

    fn farewell(&self, _session: &str) -> Vec<Line> {
        Line::printed("exit")
    }
}
