//! Claude Code: entries on ⏺, results on ⎿, a spinner above a box between two rules.

use super::{Asked, Beat, Field, Skin, clock, faint, typed};
use crate::{
    draft::{Draft, Text},
    line::Line,
};

pub(super) struct Claude;

const SPINNER: [char; 6] = ['·', '✢', '✳', '✶', '✻', '✽'];

/// It folds pastes of more letters, and of more line breaks.
const LETTERS: usize = 800;
const BREAKS: usize = 2;

/// What it asks about its limit.
const MENU: &str = "What do you want to do?";

fn result(text: &str) -> Vec<Line> {
    Line::entry("  ⎿  ", text)
}

fn rule() -> Line {
    Line::Rule('─', String::new())
}

/// Above an entry there is a blank line.
fn below_blank(mut lines: Vec<Line>) -> Vec<Line> {
    lines.insert(0, Line::blank());
    lines
}

fn choices(asked: &Asked) -> Vec<String> {
    let permission = [
        "Yes",
        "Yes, and don't ask again for rm commands in this project",
        "No, and tell Claude what to do differently (esc)",
    ];
    if asked.choices.is_empty() {
        permission.map(str::to_owned).to_vec()
    } else {
        asked.choices.clone()
    }
}

impl Skin for Claude {
    fn is_open(&self) -> bool {
        true
    }

    fn has_cursor(&self) -> bool {
        false
    }

    fn banner(&self) -> Vec<Line> {
        vec![
            Line::Rule('─', "─── Claude Code v2.1.150 ".to_owned()),
            Line::cut("   Welcome back!"),
            Line::cut("   Opus 4.8 · Claude Max"),
            rule(),
        ]
    }

    fn input(&self, field: &Field<'_>) -> Vec<Line> {
        let mut lines = vec![Line::blank()];
        for text in field.queue {
            lines.extend(Line::entry("❯ ", &text.shown));
            lines.push(Line::blank());
        }
        lines.push(rule());
        if !field.draft.is_empty() {
            lines.extend(typed("❯ ", "  ", &field.draft.shown(), field));
        } else if field.queue.is_empty() {
            lines.push(Line::cut("❯ \x1b[7m \x1b[27m"));
        } else {
            let hint = faint("ress up to edit queued messages");
            lines.push(Line::Cut(format!("❯ \x1b[7mP\x1b[27m{hint}")));
        }
        lines.push(rule());
        let footer = "  \x1b[38;2;255;193;7m⏵⏵ bypass permissions on\x1b[39m";
        lines.push(Line::Cut(format!(
            "{footer} {}",
            faint("(shift+tab to cycle)")
        )));
        lines
    }

    fn fold(&self, pasted: &str, number: usize) -> Option<String> {
        let breaks = pasted.matches('\n').count();
        let folds = breaks > BREAKS || pasted.chars().count() > LETTERS;
        folds.then(|| match breaks {
            0 => format!("[Pasted text #{number}]"),
            _ => format!("[Pasted text #{number} +{breaks} lines]"),
        })
    }

    fn submitted(&self, text: &Text) -> Vec<Line> {
        below_blank(Line::entry("❯ ", &text.shown))
    }

    fn says(&self, text: &str) -> Vec<Line> {
        below_blank(Line::entry("⏺ ", text))
    }

    fn works(&self, count: usize) -> Vec<Line> {
        let mut lines = self.says(&format!("Read(src/part_{count}.rs)"));
        lines.extend(result(&format!("Read {} lines", 100 + count)));
        lines
    }

    fn builds(&self) -> Vec<Line> {
        let mut lines = self.says("Bash(cargo build --release)");
        lines.extend(result("Running…"));
        lines
    }

    fn busy(&self, beat: Beat) -> Vec<Line> {
        let spinner = SPINNER[beat.frame % SPINNER.len()];
        let time = clock(beat.elapsed);
        let tokens = 40 + beat.frame * 7;
        let counters = faint(&format!("({time} · ↓ {tokens} tokens · esc to interrupt)"));
        let word = "\x1b[38;2;215;119;87mTransfiguring…\x1b[39m";
        below_blank(vec![Line::Wrapped(
            format!("{spinner} {word} {counters}"),
            0,
        )])
    }

    fn over(&self, beat: Beat) -> Vec<Line> {
        let words = format!("✻ Churned for {}", clock(beat.elapsed));
        vec![Line::blank(), Line::Cut(words)]
    }

    fn asks(&self, asked: &Asked, _draft: &Draft) -> Vec<Line> {
        let permission = asked.choices.is_empty();
        let mut lines = vec![Line::blank(), rule()];
        if permission {
            lines.extend([" Bash command", "", "   rm -rf target", ""].map(Line::cut));
        }
        lines.extend(Line::entry(" ", &asked.question));
        if !permission {
            lines.push(Line::blank());
        }
        for (place, choice) in choices(asked).iter().enumerate() {
            let mark = if place == asked.at { '❯' } else { ' ' };
            let choice = format!("{}. {choice}", place + 1);
            lines.extend(Line::entry(&format!(" {mark} "), &choice));
        }
        lines.push(Line::blank());
        lines.push(Line::cut(match asked.question.as_str() {
            _ if permission => " Esc to cancel · Tab to amend",
            MENU => " Enter to confirm · Esc to cancel",
            _ => " Enter to select · ↑/↓ to navigate · Esc to cancel",
        }));
        lines
    }

    fn choices(&self, asked: &Asked) -> Option<usize> {
        Some(choices(asked).len())
    }

    fn answered(&self, asked: &Asked, answer: &str) -> Vec<Line> {
        // The one about the limit leaves nothing.
        if asked.question == MENU {
            return Vec::new();
        }
        let mut lines = self.says("User answered:");
        lines.extend(result(&format!("{} → {answer}", asked.question)));
        lines
    }

    fn limit(&self, words: &str) -> Vec<Line> {
        let text =
            format!("You've hit your limit · {words}\n/upgrade to increase your usage limit.");
        result(&text)
    }

    fn limit_menu(&self) -> Option<Asked> {
        let choices = [
            "Stop and wait for limit to reset",
            "Add funds to continue with extra usage",
            "Upgrade your plan",
        ];
        Some(Asked {
            question: MENU.to_owned(),
            choices: choices.map(str::to_owned).to_vec(),
            at: 0,
        })
    }

    fn outage(&self) -> Vec<Line> {
        result(concat!(
            r#"API Error: 529 {"type":"error","error":{"type":"overloaded_error","#,
            r#""message":"Overloaded"},"request_id":"req_011CT"}"#
        ))
    }

    fn retries(&self, beat: Beat) -> Vec<Line> {
        let attempt = 1 + beat.elapsed.as_secs() / 8 % 10;
        let left = 8 - beat.elapsed.as_secs() % 8;
        let words = format!(
            "API Error (529 Overloaded) · Retrying in {left} seconds… (attempt {attempt}/10)"
        );
        let mut lines = result(&words);
        lines.extend(self.busy(beat));
        lines
    }

    fn crash(&self) -> (Vec<Line>, u8) {
        let program = "file:///usr/lib/node_modules/@anthropic-ai/claude-code/cli.js:1044";
        let words = format!(
            "{program}\n\
             TypeError: Cannot read properties of undefined (reading 'length')\n    \
             at Ink.render ({program}:12)\n    \
             at process.processTicksAndRejections (node:internal/process/task_queues:105:5)\n\n\
             Node.js v22.14.0"
        );
        (Line::printed(&words), 1)
    }

    fn farewell(&self, session: &str) -> Vec<Line> {
        Line::printed(&format!(
            "Resume this session with:\nclaude --resume {session}"
        ))
    }
}
