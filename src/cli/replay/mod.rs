//! `replay`: plays again what the terminal of a worker was sent, from its recording.
//!
//! Promise: what it was sent steers this terminal as it steered that one, as far as pictures go, and does
//! nothing else: see [`filter`]. However it ends, the terminal is as it was, with what was played above
//! the prompt. No daemon is needed.
//!
//! How: into a pipe goes all of it, at once. On a terminal, what was sent before the moment that is asked
//! for is shown without waiting, so that the screen is right there.

mod filter;
mod recordings;
mod stage;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use clap::Args;
use jiff::Timestamp;

use super::{
    Context,
    failure::{Exit, Failure},
    logs, words,
};
use crate::{
    launch::output::recording::{Moment, Playback, Size, Told},
    model::{AttemptId, WorkerName},
};
use filter::Filter;
use recordings::Recordings;
use stage::{Key, Stage};

/// Bytes that are shown at once where nothing is waited for.
const ENOUGH: usize = 64 * 1024;
const SPEEDS: std::ops::RangeInclusive<f64> = 0.01..=1000.0;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A worker with launcher = "tmux".
    worker: WorkerName,
    /// Begin at this moment: 1h, "10 min ago", 14:30, "2026-11-21 14:30", or RFC 3339.
    #[arg(long, value_name = "WHEN", value_parser = logs::since::parse)]
    at: Option<Timestamp>,
    /// Play this attempt: an id, as `history` has it [default: the one that ran then, or the last one].
    #[arg(long, value_name = "ID")]
    attempt: Option<AttemptId>,
    /// Play so many times as fast.
    #[arg(long, value_name = "N", default_value = "1", value_parser = speed)]
    speed: f64,
    /// Wait no longer than this where nothing happened.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = words::read_duration)]
    idle_limit: Duration,
    /// List the recordings that there are, with their files.
    #[arg(long, conflicts_with_all = ["at", "attempt", "speed", "idle_limit"])]
    list: bool,
    /// Print JSON instead of text.
    #[arg(long, requires = "list")]
    json: bool,
}

fn speed(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| SPEEDS.contains(number));
    number.ok_or_else(|| format!("{text:?} is no number from 0.01 to 1000"))
}

pub(super) fn run(arguments: &Arguments, context: &mut Context) -> Result<(), Failure> {
    let (state, _) = logs::find(Some(&arguments.worker), context)?;
    let recordings = Recordings::find(&state, &arguments.worker)?;
    if arguments.list {
        return recordings.list(arguments.json, &context.screen);
    }
    let directory = recordings.choose(arguments.attempt.as_ref(), arguments.at)?;
    let read = Reading {
        playback: Playback::of(&directory),
        directory: &directory,
    };
    match context.screen.size() {
        Some((columns, rows)) => play(read, Size { columns, rows }, arguments, context),
        None => print(read, context),
    }
}

struct Reading<'a> {
    playback: Playback,
    directory: &'a Path,
}

impl Reading<'_> {
    fn next(&mut self) -> Result<Option<Moment>, Failure> {
        let next = self.playback.read();
        next.map_err(|error| logs::unreadable(self.directory, &error))
    }
}

/// All of it, at once.
fn print(mut reading: Reading<'_>, context: &Context) -> Result<(), Failure> {
    let mut filter = Filter::default();
    let mut shown = String::new();
    while let Some(Moment { told, .. }) = reading.next()? {
        match told {
            Told::Size(size) => filter.size(size),
            Told::Output(text) => shown.push_str(&filter.take(&text)),
        }
        if shown.len() >= ENOUGH {
            context.screen.print(std::mem::take(&mut shown))?;
        }
    }
    Ok(context.screen.print(shown)?)
}

fn play(
    mut reading: Reading<'_>,
    here: Size,
    arguments: &Arguments,
    context: &Context,
) -> Result<(), Failure> {
    let from = arguments.at.unwrap_or(Timestamp::MIN);
    // A recording of somebody who means harm may be long to look through: Ctrl-C still ends us.
    let warning = too_small(reading.directory, from, here)?;
    let mut stage = Stage::enter().map_err(|error| {
        Failure::say(
            Exit::Failed,
            format!("terminal cannot be played on: {error}"),
        )
    })?;
    if let Some(warning) = warning {
        context.screen.print(warning)?;
        if stage.key()? == Key::End {
            return Ok(());
        }
    }
    context.screen.print(stage.begin(here))?;
    let mut filter = Filter::default();
    let mut size = None;
    let mut shown = String::new();
    // When the next thing is due, and when it was sent that was shown last.
    let mut due = Instant::now();
    let mut before = None;
    while let Some(Moment { at, told }) = reading.next()? {
        if at >= from {
            let gap = before.map_or(Duration::ZERO, |before: Timestamp| {
                let gap = at.duration_since(before.max(from));
                Duration::try_from(gap).unwrap_or_default()
            });
            due += gap.min(arguments.idle_limit).div_f64(arguments.speed);
        } else {
            due = Instant::now();
        }
        before = Some(at);
        if shown.len() >= ENOUGH || due > Instant::now() {
            context.screen.print(std::mem::take(&mut shown))?;
            stage.in_alternate(filter.in_alternate());
            if stage.wait(due)? == Key::End {
                return Ok(());
            }
        }
        match told {
            Told::Size(other) => {
                filter.size(other);
                if size.replace(other) != Some(other) {
                    shown.push_str(&filter.frame(here));
                }
            }
            Told::Output(text) => shown.push_str(&filter.take(&text)),
        }
    }
    context.screen.print(shown)?;
    stage.in_alternate(filter.in_alternate());
    // The last picture stays until it was seen.
    stage.key()?;
    Ok(())
}

/// What is to be said where the recording is larger than this terminal, at that moment.
fn too_small(directory: &Path, from: Timestamp, here: Size) -> Result<Option<String>, Failure> {
    let mut reading = Reading {
        playback: Playback::of(directory),
        directory,
    };
    let mut recorded = None;
    while let Some(Moment { at, told }) = reading.next()? {
        if recorded.is_some() && at > from {
            break;
        }
        if let Told::Size(size) = told {
            recorded = Some(size);
        }
    }
    let larger = recorded.filter(|size| size.columns > here.columns || size.rows > here.rows);
    Ok(larger.map(|size| {
        format!(
            "This terminal is {here}, and the recording {size}: what does not fit is drawn in the wrong \
             place. Make the terminal larger and begin again (q), or go on with any other key.\r\n"
        )
    }))
}
