//! `screen`: what the terminal of a worker shows, for who does not want to go in.
//!
//! Promise: nothing is changed by it, also not the size of the window, and it is over within a moment. What
//! a worker draws does not steer the terminal of who looks: text and, where they are asked for, colours
//! are all that is left of it.

use std::{
    io::{self, Read},
    process::Stdio,
    sync::mpsc::channel,
    thread,
    time::Duration,
};

use clap::{Args, ValueEnum};
use serde::Serialize;
use vte::{Params, Parser, Perform};

use super::{
    Context,
    failure::{Exit, Failure},
    session::{Session, no_tmux},
    words::printable,
};
use crate::{control::protocol::PROTOCOL, launch::words_for_screen, model::WorkerName};

/// How long tmux may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a screen that are taken; one of 200 columns and 50 lines has some 60 KiB with its colours.
const LARGEST: u64 = 1024 * 1024;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A worker with launcher = "tmux".
    worker: WorkerName,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
    /// Keep the colours: auto where standard output is a terminal that has some, always, or never.
    #[arg(
        long,
        value_name = "WHEN",
        visible_alias = "colors",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "auto",
        conflicts_with = "json",
        hide_possible_values = true
    )]
    colours: Option<Colours>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Colours {
    Auto,
    Always,
    Never,
}

/// As JSON.
#[derive(Debug, Serialize)]
struct View<'a> {
    protocol: u32,
    worker: &'a WorkerName,
    columns: u16,
    rows: u16,
    screen: Vec<String>,
}

pub(super) fn run(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let session = Session::find(arguments.worker, "screen", context)?;
    let captured = capture(&session)?;
    let colours = match arguments.colours {
        None | Some(Colours::Never) => false,
        Some(Colours::Auto) => context.screen.colour,
        Some(Colours::Always) => true,
    };
    let worker = &session.worker;
    let (size, text) = captured.split_once('\n').unwrap_or_default();
    let mut screen = shown(text, colours);
    if arguments.json {
        let mut size = size.split(' ');
        let size = size.next().zip(size.next());
        let size =
            size.and_then(|(columns, rows)| Some((columns.parse().ok()?, rows.parse().ok()?)));
        let (columns, rows) = size.ok_or_else(|| none(worker, "tmux did not say its size"))?;
        return Ok(context.screen.json(&View {
            protocol: PROTOCOL,
            worker,
            columns,
            rows,
            screen,
        })?);
    }
    while screen.last().is_some_and(String::is_empty) {
        screen.pop();
    }
    let mut text: String = screen.into_iter().map(|line| line + "\n").collect();
    if colours {
        // Whatever was left on stays on the screen that it comes from.
        text.push_str("\x1b[0m");
    }
    Ok(context.screen.print(text)?)
}

fn none(worker: &WorkerName, why: &str) -> Failure {
    let failure = Failure::say(
        Exit::Failed,
        format!("screen of worker {worker} cannot be had: {why}"),
    );
    failure.hint(format!(
        "see what it writes with: supervisorctl logs {worker}"
    ))
}

/// What tmux says.
fn capture(session: &Session) -> Result<String, Failure> {
    let target = session.target();
    let words = words_for_screen(&target).join(&";");
    let (mut tmux, _) = session.tmux(&words, false)?;
    tmux.stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut client = tmux.spawn().map_err(|error| no_tmux(&error.to_string()))?;
    let (output, errors) = (client.stdout.take(), client.stderr.take());
    let (tell, told) = channel();
    // Who reads ends with the client.
    thread::spawn(move || {
        let output = output.map(head).transpose();
        // Whoever waited may have given up.
        drop(tell.send((output, errors.map(head).transpose())));
    });
    let Ok((output, errors)) = told.recv_timeout(PATIENCE) else {
        // It may be over by now.
        drop(client.kill());
        return Err(session.silent());
    };
    let failed = |error: io::Error| no_tmux(&error.to_string());
    // Of one that writes for ever we have enough.
    drop(client.kill());
    let status = client.wait().map_err(failed)?;
    let output = output.map_err(failed)?.unwrap_or_default();
    match status.success() {
        true => Ok(output),
        false => {
            let errors = errors.ok().flatten().unwrap_or_default();
            Err(none(
                &session.worker,
                &format!("tmux: {}", printable(errors.trim())),
            ))
        }
    }
}

fn head(pipe: impl Read) -> io::Result<String> {
    let mut head = Vec::new();
    pipe.take(LARGEST).read_to_end(&mut head)?;
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// The lines of a screen that tmux captured with its escape codes.
fn shown(captured: &str, colours: bool) -> Vec<String> {
    let mut paper = Paper {
        colours,
        ..Paper::default()
    };
    Parser::new().advance(&mut paper, captured.as_bytes());
    if !paper.line.is_empty() {
        paper.end_line();
    }
    paper.lines
}

#[derive(Default)]
struct Paper {
    colours: bool,
    lines: Vec<String>,
    line: String,
    /// Letters stand for the lines of boxes.
    draws: bool,
}

impl Paper {
    fn end_line(&mut self) {
        self.lines.push(std::mem::take(&mut self.line));
    }
}

impl Perform for Paper {
    fn print(&mut self, character: char) {
        self.line.push(match character {
            c if c.is_control() => '\u{fffd}',
            c if self.draws => drawn(c),
            c => c,
        });
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' => self.end_line(),
            b'\t' => self.line.push(' '),
            0x0e => self.draws = true,
            0x0f => self.draws = false,
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, parameters: &Params, between: &[u8], ignored: bool, action: char) {
        if !self.colours || action != 'm' || !between.is_empty() || ignored {
            return;
        }
        let words: Vec<String> = parameters
            .iter()
            .map(|parts| {
                parts
                    .iter()
                    .map(u16::to_string)
                    .collect::<Vec<_>>()
                    .join(":")
            })
            .collect();
        self.line.push_str(&format!("\x1b[{}m", words.join(";")));
    }
}

/// The special characters of a VT100, which terminfo(5) calls acsc.
fn drawn(letter: char) -> char {
    match letter {
        '`' => '◆',
        'a' => '▒',
        'f' => '°',
        'g' => '±',
        'j' => '┘',
        'k' => '┐',
        'l' => '┌',
        'm' => '└',
        'n' => '┼',
        'o' => '⎺',
        'p' => '⎻',
        'q' => '─',
        'r' => '⎼',
        's' => '⎽',
        't' => '├',
        'u' => '┤',
        'v' => '┴',
        'w' => '┬',
        'x' => '│',
        'y' => '≤',
        'z' => '≥',
        '{' => 'π',
        '|' => '≠',
        '}' => '£',
        '~' => '·',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_left_and_colours_where_they_are_wanted() {
        for (captured, plain, coloured) in [
            ("a\n\n b\n", &["a", "", " b"][..], &["a", "", " b"][..]),
            (
                "\x1b[1;38;5;174mred\nstill\x1b[0m no\n",
                &["red", "still no"],
                &["\x1b[1;38;5;174mred", "still\x1b[0m no"],
            ),
            ("\x1b[4:3m~\x1b[m\n", &["~"], &["\x1b[4:3m~\x1b[0m"]),
            ("\x0elqk\x0f lqk\n", &["┌─┐ lqk"], &["┌─┐ lqk"]),
            ("界界 ✓\n", &["界界 ✓"], &["界界 ✓"]),
            // What does something to a terminal.
            (
                "\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b\n",
                &["ab"],
                &["ab"],
            ),
            (
                "\x1b[2J\x1b[5;1H\x1b[?1049h\x1b[>4mx\x1bcy\x08\r\n",
                &["xy"],
                &["xy"],
            ),
            ("\u{9b}2J\n", &["2J"], &["2J"]),
            ("\x1bP$qm\x1b\\end", &["end"], &["end"]),
            ("", &[], &[]),
        ] {
            assert_eq!(shown(captured, false), plain, "{captured:?}");
            assert_eq!(shown(captured, true), coloured, "{captured:?}");
        }
    }
}
