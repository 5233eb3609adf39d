//! Aider: nothing is drawn over, and its prompt comes back when a turn is over.
//!
//! While it waits for its model there is a bar that goes to and fro, and answers come whole, as with
//! `--no-stream`: while an answer is written letter by letter the screen says nothing of it.

use super::{Asked, Beat, Field, Skin, typed};
use crate::{
    draft::{Draft, Text},
    line::Line,
};

pub(super) struct Aider;

const MODEL: &str = "anthropic/claude-sonnet-5";

fn rule() -> Line {
    Line::Rule('─', String::new())
}

impl Skin for Aider {
    fn banner(&self) -> Vec<Line> {
        let mut banner = vec![rule()];
        banner.extend(Line::printed(&format!(
            "Aider v0.86.2\n\
             Model: {MODEL} with diff edit format\n\
             Git repo: .git with 412 files\n\
             Repo-map: using 4096 tokens, auto refresh"
        )));
        banner
    }

    fn input(&self, field: &Field<'_>) -> Vec<Line> {
        let mut lines = vec![rule(), Line::cut("src/lease.rs")];
        lines.extend(typed("> ", ". ", &field.draft.shown(), field));
        lines
    }

    fn submitted(&self, text: &Text) -> Vec<Line> {
        let mut lines = vec![rule(), Line::cut("src/lease.rs")];
        for (place, line) in text.whole.split('\n').enumerate() {
            let mark = if place == 0 { "> " } else { ". " };
            lines.extend(Line::printed(&format!("{mark}{line}")));
        }
        lines.push(Line::blank());
        lines
    }

    fn says(&self, text: &str) -> Vec<Line> {
        let mut lines = Line::printed(text);
        lines.push(Line::blank());
        lines
    }

    fn works(&self, count: usize) -> Vec<Line> {
        let mut lines = Line::printed(&format!("I moved check {count} in front of the loop."));
        lines.extend(Line::printed(&format!(
            "\nTokens: 8.0k sent, 106 received. Cost: $0.03 message, $0.{:02} session.\n\
             Applied edit to src/part_{count}.rs\n",
            3 + count % 97
        )));
        lines
    }

    fn builds(&self) -> Vec<Line> {
        Line::printed("Running cargo build --release")
    }

    fn busy(&self, beat: Beat) -> Vec<Line> {
        let place = match beat.frame % 18 {
            forth @ 0..9 => forth,
            back => 18 - back,
        };
        let bar: String = (0..10)
            .map(|cell| match cell {
                cell if cell == place => '█',
                cell if cell + 1 == place => '░',
                _ => ' ',
            })
            .collect();
        vec![Line::Cut(format!("{bar}Waiting for {MODEL}"))]
    }

    /// Only what the command prints.
    fn building(&self, _beat: Beat) -> Vec<Line> {
        Vec::new()
    }

    fn over(&self, _beat: Beat) -> Vec<Line> {
        Line::printed("Tokens: 8.0k sent, 106 received. Cost: $0.03 message, $0.99 session.")
    }

    fn asks(&self, asked: &Asked, draft: &Draft) -> Vec<Line> {
        let question = &asked.question;
        let line = format!("{question} (Y)es/(N)o/(D)on't ask again [Yes]: ");
        let mut lines = Line::printed("cargo nextest run");
        lines.extend(Line::printed(&(line + &draft.shown())));
        lines
    }

    fn answered(&self, asked: &Asked, answer: &str) -> Vec<Line> {
        let question = &asked.question;
        Line::printed(&format!(
            "cargo nextest run\n\
             {question} (Y)es/(N)o/(D)on't ask again [Yes]: {answer}\n\
             Running cargo nextest run"
        ))
    }

    /// Its own words say nothing of the time; the provider's may.
    fn limit(&self, words: &str) -> Vec<Line> {
        Line::printed(&format!(
            "litellm.RateLimitError: AnthropicException - rate_limit_error: {words}\n\
             The API provider has rate limited you. Try again later or check your quotas."
        ))
    }

    fn outage(&self) -> Vec<Line> {
        Line::printed("litellm.APIConnectionError: AnthropicException - Connection refused")
    }

    fn retries(&self, _beat: Beat) -> Vec<Line> {
        Line::printed(
            "litellm.InternalServerError: AnthropicException - overloaded_error\n\
             The API provider's servers are down or overloaded.\n\
             Retrying in 4.0 seconds...",
        )
    }

    fn crash(&self) -> (Vec<Line>, u8) {
        let words = "Traceback (most recent call last):\n  \
                     File \"/usr/local/bin/aider\", line 8, in <module>\n    \
                     sys.exit(main())\n\
                     UnicodeEncodeError: 'utf-8' codec can't encode character";
        (Line::printed(words), 1)
    }

    fn farewell(&self, _session: &str) -> Vec<Line> {
        Vec::new()
    }
}
