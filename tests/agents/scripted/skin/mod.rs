//! What each kind of agent draws, as its profile's corpus of screens shows it.

mod aider;
mod claude;
mod codex;
mod generic;
mod shell;

use std::time::Duration;

use clap::ValueEnum;

use crate::{
    draft::{Draft, Text},
    line::{Line, hard, plain},
};

/// The kinds of agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Claude,
    Codex,
    Aider,
    Shell,
    Generic,
}

/// How far a turn is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beat {
    /// How often was drawn.
    pub(crate) frame: usize,
    /// Since the turn began.
    pub(crate) elapsed: Duration,
}

/// A question that is on the screen.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) question: String,
    /// What can be chosen, where the script says it.
    pub(crate) choices: Vec<String>,
    /// The chosen one, from 0.
    pub(crate) at: usize,
}

/// The input line, as much as fits.
pub(crate) struct Field<'a> {
    pub(crate) draft: &'a Draft,
    /// What waits for the end of the turn.
    pub(crate) queue: &'a [Text],
    pub(crate) columns: usize,
    /// How many rows it may take.
    pub(crate) room: usize,
}

/// How one kind of agent draws.
pub(crate) trait Skin {
    /// It shows an input line also while it works.
    fn is_open(&self) -> bool {
        false
    }

    /// It shows the terminal's own cursor.
    fn has_cursor(&self) -> bool {
        true
    }

    /// How many rows it shows below its input line, in which the cursor is.
    fn below_input(&self) -> usize {
        0
    }

    /// What it shows at its start.
    fn banner(&self) -> Vec<Line>;

    /// Its input line, with everything above and below it.
    fn input(&self, field: &Field<'_>) -> Vec<Line>;

    /// What it shows in the place of a paste that is too long.
    fn fold(&self, _pasted: &str, _number: usize) -> Option<String> {
        None
    }

    /// What was submitted, in the transcript.
    fn submitted(&self, text: &Text) -> Vec<Line>;

    /// What a command of its own shows, which is no turn.
    fn command(&self, _text: &str, _session: &str) -> Option<Vec<Line>> {
        None
    }

    /// What the agent says.
    fn says(&self, text: &str) -> Vec<Line>;

    /// A piece of its work, no two of which are the same.
    fn works(&self, count: usize) -> Vec<Line>;

    /// A command that runs long.
    fn builds(&self) -> Vec<Line>;

    /// That it works, above the input line.
    fn busy(&self, beat: Beat) -> Vec<Line>;

    /// The same while its command runs.
    fn building(&self, beat: Beat) -> Vec<Line> {
        self.busy(beat)
    }

    /// A turn is over.
    fn over(&self, beat: Beat) -> Vec<Line>;

    /// A question, in the place of the input line.
    fn asks(&self, asked: &Asked, draft: &Draft) -> Vec<Line>;

    /// It takes an answer from a list of so many; `None` if a line is typed.
    fn choices(&self, _asked: &Asked) -> Option<usize> {
        None
    }

    /// What stays of a question in the transcript.
    fn answered(&self, asked: &Asked, answer: &str) -> Vec<Line>;

    /// Its usage limit is reached.
    fn limit(&self, words: &str) -> Vec<Line>;

    /// What it asks about its limit; `None` if it never does.
    fn limit_menu(&self) -> Option<Asked> {
        None
    }

    /// Its provider does not answer, and it has given up.
    fn outage(&self) -> Vec<Line>;

    /// Its provider does not answer, and it tries again.
    fn retries(&self, beat: Beat) -> Vec<Line>;

    /// What it leaves behind when it breaks, and its exit code.
    fn crash(&self) -> (Vec<Line>, u8);

    /// What it leaves behind when it ends, with the id of its conversation.
    fn farewell(&self, session: &str) -> Vec<Line>;
}

pub(crate) fn of(kind: Kind) -> Box<dyn Skin> {
    match kind {
        Kind::Claude => Box::new(claude::Claude),
        Kind::Codex => Box::new(codex::Codex),
        Kind::Aider => Box::new(aider::Aider),
        Kind::Shell => Box::new(shell::Shell),
        Kind::Generic => Box::new(generic::Generic),
    }
}

/// A text behind its mark, wrapped at the edge; what goes on begins with `more`. Where there is no
/// room for all of it, its end is shown.
fn typed(mark: &str, more: &str, text: &str, field: &Field<'_>) -> Vec<Line> {
    let inner = field.columns.saturating_sub(2).max(1);
    let mut rows: Vec<String> = text
        .split('\n')
        .flat_map(|line| hard(&plain(line), inner))
        .collect();
    rows.drain(..rows.len().saturating_sub(field.room));
    let marked = rows.into_iter().enumerate().map(|(place, row)| {
        let mark = if place == 0 { mark } else { more };
        Line::Cut(format!("{mark}{row}"))
    });
    marked.collect()
}

/// "1m 5s"
fn clock(time: Duration) -> String {
    match (time.as_secs() / 60, time.as_secs() % 60) {
        (0, seconds) => format!("{seconds}s"),
        (minutes, seconds) => format!("{minutes}m {seconds}s"),
    }
}

fn faint(text: &str) -> String {
    format!("\x1b[2m{text}\x1b[22m")
}
