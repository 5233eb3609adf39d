//! An agent that nobody described: a bare prompt, numbered steps and a spinner.

use super::{Asked, Beat, Field, Skin, typed};
use crate::{
    draft::{Draft, Text},
    line::Line,
};

pub(super) struct Generic;

const SPINNER: [char; 4] = ['◐', '◓', '◑', '◒'];

fn asked_on(asked: &Asked) -> String {
    format!("{} (y/n)?", asked.question.trim_end_matches('?'))
}

impl Skin for Generic {
    fn banner(&self) -> Vec<Line> {
        Line::printed("agent 1.4 ready")
    }

    fn input(&self, field: &Field<'_>) -> Vec<Line> {
        typed("> ", "  ", &field.draft.shown(), field)
    }

    fn submitted(&self, text: &Text) -> Vec<Line> {
        Line::entry("> ", &text.whole)
    }

    fn says(&self, text: &str) -> Vec<Line> {
        Line::printed(text)
    }

    fn works(&self, count: usize) -> Vec<Line> {
        Line::printed(&format!("step {count}: part {count} is finished"))
    }

    fn builds(&self) -> Vec<Line> {
        Line::printed("running cargo build --release")
    }

    fn busy(&self, beat: Beat) -> Vec<Line> {
        let spinner = SPINNER[beat.frame % SPINNER.len()];
        let seconds = beat.elapsed.as_secs();
        vec![Line::Cut(format!("{spinner} at work, {seconds} seconds"))]
    }

    fn over(&self, _beat: Beat) -> Vec<Line> {
        Line::printed("done")
    }

    fn asks(&self, asked: &Asked, draft: &Draft) -> Vec<Line> {
        Line::printed(&format!("{} {}", asked_on(asked), draft.shown()))
    }

    fn answered(&self, asked: &Asked, answer: &str) -> Vec<Line> {
        Line::printed(&format!("{} {answer}", asked_on(asked)))
    }

    fn limit(&self, words: &str) -> Vec<Line> {
        Line::printed(&format!("ERROR: You've hit your usage limit. {words}."))
    }

    fn outage(&self) -> Vec<Line> {
        Line::printed("request failed: unexpected status 503 Service Unavailable")
    }

    fn retries(&self, beat: Beat) -> Vec<Line> {
        let mut lines = self.outage();
        lines.extend(self.busy(beat));
        lines
    }

    fn crash(&self) -> (Vec<Line>, u8) {
        let words = "thread 'main' (4711) panicked at src/main.rs:3:5:\nindex out of bounds";
        (Line::printed(words), 101)
    }

    fn farewell(&self, _session: &str) -> Vec<Line> {
        Line::printed("bye")
    }
}
