//! Codex: entries on bullets, and a bare input line with a line of status below it.

use super::{Asked, Beat, Field, Skin, clock, faint, typed};
use crate::{
    draft::{Draft, Text},
    line::Line,
};

pub(super) struct Codex;

/// It folds pastes of more letters.
const LETTERS: usize = 1000;

fn choices(asked: &Asked) -> Vec<String> {
    let permission = [
        "Yes, proceed (y)",
        "Yes, and don't ask again for commands that start with `tests/lab/run` (p)",
        "No, and tell Codex what to do differently (esc)",
    ];
    if asked.choices.is_empty() {
        permission.map(str::to_owned).to_vec()
    } else {
        asked.choices.clone()
    }
}

/// Above an entry there is a blank line.
fn below_blank(mut lines: Vec<Line>) -> Vec<Line> {
    lines.insert(0, Line::blank());
    lines
}

impl Skin for Codex {
    fn is_open(&self) -> bool {
        true
    }

    /// A blank line, and that of its status.
    fn below_input(&self) -> usize {
        2
    }

    fn banner(&self) -> Vec<Line> {
        let banner = [
            "╭───────────────────────────────────────────────────╮",
            "│ >_ OpenAI Codex (v0.154.0)                        │",
            "│                                                   │",
            "│ model:     gpt-6.1-codex high   /model to change  │",
            "│ directory: ~/rig/adversary                        │",
            "╰───────────────────────────────────────────────────╯",
            "",
            "  To get started, describe a task or try one of these commands:",
            "",
            "  /status - show current session configuration",
        ];
        banner.map(Line::cut).to_vec()
    }

    fn input(&self, field: &Field<'_>) -> Vec<Line> {
        let mut lines = vec![Line::blank()];
        if !field.queue.is_empty() {
            let header = "Messages to be submitted after next tool call";
            let more = faint(" (press esc to interrupt and send immediately)");
            lines.push(Line::Wrapped(format!("{}{header}{more}", faint("• ")), 2));
            for text in field.queue {
                lines.extend(Line::entry("  ↳ ", &text.shown).into_iter().take(3));
            }
            lines.push(Line::blank());
        }
        lines.push(Line::blank());
        let mark = "\x1b[1m›\x1b[22m ";
        if field.draft.is_empty() {
            let proposal = faint("Ask Codex to do anything");
            lines.push(Line::Cut(format!("{mark}{proposal}")));
        } else {
            lines.extend(typed(mark, "  ", &field.draft.shown(), field));
        }
        lines.push(Line::blank());
        let status = faint("  gpt-6.1-codex high · 81% left · ~/rig/adversary");
        lines.push(Line::Cut(status));
        lines
    }

    fn fold(&self, pasted: &str, _number: usize) -> Option<String> {
        let letters = pasted.chars().count();
        (letters > LETTERS).then(|| format!("[Pasted Content {letters} chars]"))
    }

    fn submitted(&self, text: &Text) -> Vec<Line> {
        below_blank(Line::entry("› ", &text.whole))
    }

    fn command(&self, text: &str, session: &str) -> Option<Vec<Line>> {
        let box_of = |text: String| format!("│  {text:<58}│");
        (text == "/status").then(|| {
            let edge = "─".repeat(60);
            let lines = [
                String::new(),
                format!("╭{edge}╮"),
                box_of(">_ OpenAI Codex (v0.154.0)".to_owned()),
                box_of(String::new()),
                box_of("Model:    gpt-6.1-codex (reasoning high)".to_owned()),
                box_of(format!("Session:  {session}")),
                format!("╰{edge}╯"),
            ];
            lines.map(Line::Cut).to_vec()
        })
    }

    fn says(&self, text: &str) -> Vec<Line> {
        below_blank(Line::entry("• ", text))
    }

    fn works(&self, count: usize) -> Vec<Line> {
        let mut lines = self.says("Explored");
        lines.extend(Line::entry("  └ ", &format!("Read part_{count}.rs")));
        lines
    }

    fn builds(&self) -> Vec<Line> {
        self.says("Running cargo build --release")
    }

    fn busy(&self, beat: Beat) -> Vec<Line> {
        let bullet = if beat.frame % 8 < 4 { '•' } else { '◦' };
        let counter = faint(&format!("({} • esc to interrupt)", clock(beat.elapsed)));
        below_blank(vec![Line::Cut(format!(
            "{bullet} \x1b[38;5;8mWor\x1b[38;5;15mking\x1b[39m {counter}"
        ))])
    }

    fn over(&self, beat: Beat) -> Vec<Line> {
        let label = format!("─ Worked for {} ", clock(beat.elapsed));
        vec![Line::blank(), Line::Rule('─', label)]
    }

    fn asks(&self, asked: &Asked, _draft: &Draft) -> Vec<Line> {
        let permission = asked.choices.is_empty();
        let mut lines = vec![Line::blank(), Line::blank()];
        if !permission {
            lines.extend(["  Question 1/1 (1 unanswered)", ""].map(Line::cut));
        }
        lines.extend(Line::entry("  ", &asked.question));
        lines.push(Line::blank());
        if permission {
            lines.extend(["  $ tests/lab/run vm", ""].map(Line::cut));
        }
        let margin = if permission { "" } else { "  " };
        for (place, choice) in choices(asked).iter().enumerate() {
            let mark = if place == asked.at { '›' } else { ' ' };
            let mark = format!("{margin}{mark} {}. ", place + 1);
            lines.extend(Line::entry(&mark, choice));
        }
        lines.push(Line::blank());
        let keys = if permission {
            "Press enter to confirm or esc to cancel"
        } else {
            "tab to add notes | enter to submit answer | esc to interrupt"
        };
        lines.extend(Line::entry("  ", keys));
        lines
    }

    fn choices(&self, asked: &Asked) -> Option<usize> {
        Some(choices(asked).len())
    }

    fn answered(&self, asked: &Asked, answer: &str) -> Vec<Line> {
        let mut lines = self.says("Questions 1/1 answered");
        lines.extend(Line::entry("  • ", &asked.question));
        lines.extend(Line::entry("    answer: ", answer));
        lines
    }

    fn limit(&self, words: &str) -> Vec<Line> {
        let upgrade = "Upgrade to Pro (https://chatgpt.com/explore/pro)";
        let text = format!("You've hit your usage limit. {upgrade} or {words}.");
        below_blank(Line::entry("■ ", &text))
    }

    fn outage(&self) -> Vec<Line> {
        let text = "stream disconnected before completion: error sending request for url \
                    (https://chatgpt.com/backend-api/codex/responses)";
        below_blank(Line::entry("■ ", text))
    }

    fn retries(&self, beat: Beat) -> Vec<Line> {
        let attempt = 1 + beat.elapsed.as_secs() / 4 % 5;
        let counter = faint(&format!("({} • esc to interrupt)", clock(beat.elapsed)));
        let words = format!("• Reconnecting... {attempt}/5 {counter}");
        below_blank(vec![Line::Cut(words)])
    }

    fn crash(&self) -> (Vec<Line>, u8) {
        let words = "thread 'main' panicked at tui/src/wrapping.rs:112:18:\n\
                     byte index 41 is not a char boundary; it is inside '…' (bytes 40..43)\n\
                     note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace";
        (Line::printed(words), 101)
    }

    fn farewell(&self, session: &str) -> Vec<Line> {
        Line::printed(&format!(
            "Token usage: total=205,054 input=182,504 (+ 2,678,400 cached) output=22,550 \
             (reasoning 5,543)\n\
             To continue this session, run codex resume {session}"
        ))
    }
}
