//! The status for people: a head line, what is wrong, a row for each worker.

use anstyle::{AnsiColor, Style};
use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, presets};
use jiff::Timestamp;

use super::{
    screen::Look,
    words::{self, printable},
};
use crate::{
    control::protocol::{HandoffView, PartView, PhaseView, SpentView, StatusView, WorkerView},
    decide::{CUT_OFF, GateState, handed_over},
    model::{Exit, HostName, Kind, StateName},
};

/// Terminals that are narrower get the workers as paragraphs.
const NARROW: u16 = 72;

/// The whole of it, with a line end at the end.
pub(super) fn text(status: &StatusView, look: &Look, now: Timestamp) -> String {
    let mut text = head(status, look, now);
    text.push('\n');
    if status.paused {
        let why = status
            .paused_because
            .as_deref()
            .unwrap_or("the loops are stopped");
        let astray = status.phase.as_ref().is_some_and(PhaseView::is_astray);
        let how = match handed_over(Some(why)) {
            Some(_) => {
                "take it back, only if it was not imported, with: supervisorctl cutover cancel"
            }
            None if why == CUT_OFF => {
                "stop the daemon, then: supervisorctl cutover import --replace FILE"
            }
            None if astray => "go on with: supervisorctl resume --phase ID",
            None => "go on with: supervisorctl resume",
        };
        let words = format!("PAUSED: {}; {how}", printable(why));
        text.push_str(&painted(&words, look, AnsiColor::Yellow));
    }
    if let Some(words) = ending(status, now) {
        text.push_str(&painted(&words, look, AnsiColor::Yellow));
    }
    for trouble in &status.degraded {
        let words = format!("DEGRADED: {}", printable(trouble));
        text.push_str(&painted(&words, look, AnsiColor::Red));
    }
    text.push('\n');
    if status.workers.is_empty() {
        // Only who could read what is declared says what that is.
        let none = match status.rig.is_empty() {
            true => "no workers are known",
            false => "no workers are declared",
        };
        text.push_str(&format!("{none}\n"));
    } else if look.width.is_some_and(|width| width < NARROW) {
        text.push_str(&paragraphs(status, look, now));
    } else {
        text.push_str(&table(status, look, now));
    }
    for notice in status
        .workers
        .iter()
        .filter_map(|worker| inbox(worker, now))
    {
        text.push_str(&painted(&notice, look, AnsiColor::Yellow));
    }
    for worker in &status.workers {
        if let Some(owed) = &worker.owed {
            let name = &worker.name;
            text.push_str(&format!(
                "TEXT for {name}: it is told of {owed} as soon as it waits\n"
            ));
        }
    }
    for gate in &status.handoffs {
        let words = handoff(gate, now);
        match gate.state {
            GateState::Asks => text.push_str(&painted(&words, look, AnsiColor::Yellow)),
            GateState::Claimed | GateState::Back | GateState::Passed => {
                text.push_str(&format!("{words}\n"));
            }
        }
    }
    text
}

/// Whose turn it is with a gate.
fn handoff(view: &HandoffView, now: Timestamp) -> String {
    let HandoffView {
        gate,
        from,
        to,
        round,
        rounds,
        ..
    } = view;
    let since = words::age(view.since, now);
    match view.state {
        GateState::Claimed => {
            format!(
                "GATE {gate}: claimed by {from}, {to}'s turn for {since}, round {round} of {rounds}"
            )
        }
        GateState::Back => {
            format!(
                "GATE {gate}: back from {to}, {from}'s turn for {since}, round {round} of {rounds}"
            )
        }
        GateState::Passed => format!("GATE {gate}: passed {since} ago"),
        GateState::Asks => format!(
            "GATE {gate}: waits for a person for {since}, after round {round} of {rounds}; see: supervisorctl \
             handoff list {gate}"
        ),
    }
}

/// What of an inbox a person is to look at.
fn inbox(worker: &WorkerView, now: Timestamp) -> Option<String> {
    let inbox = worker.inbox.as_ref()?;
    let failed = (inbox.failed > 0).then(|| format!("{} failed", inbox.failed));
    let late = inbox.late.map(|since| {
        format!(
            "the oldest of {} waits for {}",
            inbox.queued,
            words::age(since, now)
        )
    });
    let what = failed
        .into_iter()
        .chain(late)
        .collect::<Vec<_>>()
        .join(", ");
    let name = &worker.name;
    (!what.is_empty())
        .then(|| format!("INBOX of {name}: {what}; see: supervisorctl inbox {name} list"))
}

fn painted(words: &str, look: &Look, colour: AnsiColor) -> String {
    if look.colour {
        let style = Style::new().bold().fg_color(Some(colour.into()));
        format!("{style}{words}{style:#}\n")
    } else {
        format!("{words}\n")
    }
}

fn head(status: &StatusView, look: &Look, now: Timestamp) -> String {
    let mut parts = Vec::new();
    if !status.rig.is_empty() {
        parts.push(printable(&status.rig));
    }
    parts.push(place(status.phase.as_ref()));
    parts.push(match status.started_at {
        Some(at) => {
            format!(
                "daemon up since {} ({})",
                words::minute(at, &look.zone),
                words::age(at, now)
            )
        }
        None => "daemon down".to_owned(),
    });
    let mut reboots = words::count(status.reboots.count, "reboot");
    if let Some(last) = &status.reboots.last {
        let how = if last.clean { "clean" } else { "unclean" };
        reboots.push_str(&format!(
            ", last {} {how}",
            words::minute(last.at, &look.zone)
        ));
    }
    parts.push(reboots);
    parts.join(" · ")
}

/// Where the plan stands.
pub(super) fn place(phase: Option<&PhaseView>) -> String {
    let Some(PhaseView {
        index, id, count, ..
    }) = phase
    else {
        return "no plan".to_owned();
    };
    match (id, index) {
        (Some(id), Some(index)) => format!("phase {} of {count} \"{}\"", index + 1, printable(id)),
        (Some(id), None) => format!("phase \"{}\" is not in the plan of {count}", printable(id)),
        (None, Some(_)) => format!("plan complete, {count} phases"),
        (None, None) => format!("resume point lost, plan of {count}"),
    }
}

/// Who is waited for before the plan goes on, and why.
fn ending(status: &StatusView, now: Timestamp) -> Option<String> {
    let ending = status.phase.as_ref()?.ending.as_ref()?;
    if !status.daemon {
        return Some(format!(
            "ENDING: the phase is over since {}, and the next daemon winds it up",
            words::age(ending.since, now)
        ));
    }
    let waits: Vec<_> = ending
        .waits_for
        .iter()
        .map(|one| format!("{} ({})", one.worker, printable(&one.because)))
        .collect();
    let waits = match waits.is_empty() {
        true => "nobody any more".to_owned(),
        false => waits.join(", "),
    };
    Some(format!(
        "ENDING: the phase is over since {}, and waits for a safe point of {waits}; in {} at the latest \
         it goes on; at once with: supervisorctl phase set ID",
        words::age(ending.since, now),
        words::age(now, ending.until)
    ))
}

fn table(status: &StatusView, look: &Look, now: Timestamp) -> String {
    // Hosts are only worth a column when there is more than this one.
    let hosts = status
        .workers
        .iter()
        .any(|worker| worker.host != HostName::LOCAL);
    let mut titles = vec![
        "WORKER", "KIND", "STATE", "SINCE", "RESTARTS", "EXIT", "VERDICT",
    ];
    if hosts {
        titles.insert(2, "HOST");
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(&titles);
    for worker in &status.workers {
        let mut row = vec![
            Cell::new(&worker.name),
            // Without a configuration nobody knows.
            match worker.kind {
                Kind::Unknown => Cell::new("-"),
                known => Cell::new(known),
            },
            state_cell(worker.state, look),
            Cell::new(since(worker, now)),
            Cell::new(worker.restarts),
            Cell::new(last_exit(worker)),
            Cell::new(why(worker, now)),
        ];
        if hosts {
            row.insert(2, Cell::new(printable(&worker.host)));
        }
        table.add_row(row);
    }
    finished(table, titles.len(), look)
}

/// Rows of words below their titles, the last of which may be long.
pub(super) fn plain(titles: &[&str], rows: Vec<Vec<String>>, look: &Look) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(titles);
    for row in rows {
        table.add_row(row.iter().map(|word| printable(word)));
    }
    finished(table, titles.len(), look)
}

fn finished(mut table: Table, columns: usize, look: &Look) -> String {
    let last = columns - 1;
    for column in table.column_iter_mut() {
        if column.index < last {
            column.set_padding((0, 2));
            column.set_constraint(ColumnConstraint::ContentWidth);
        } else {
            column.set_padding((0, 0));
        }
    }
    match look.width {
        Some(width) => table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    if look.colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table
        .lines()
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect()
}

fn paragraphs(status: &StatusView, look: &Look, now: Timestamp) -> String {
    let mut text = String::new();
    for worker in &status.workers {
        let state = if look.colour {
            let style = Style::new().fg_color(Some(paint(worker.state).1.into()));
            format!("{style}{}{style:#}", worker.state)
        } else {
            worker.state.to_string()
        };
        text.push_str(&format!("{} {state} {}\n", worker.name, since(worker, now)));
        let why = why(worker, now);
        if !why.is_empty() {
            text.push_str(&format!("  {why}\n"));
        }
    }
    text
}

fn paint(state: StateName) -> (Color, AnsiColor) {
    match state {
        StateName::Running => (Color::DarkGreen, AnsiColor::Green),
        StateName::Waiting | StateName::Starting | StateName::BackingOff | StateName::Stopping => {
            (Color::DarkYellow, AnsiColor::Yellow)
        }
        StateName::Stopped => (Color::DarkGrey, AnsiColor::BrightBlack),
        StateName::Held | StateName::Lost => (Color::DarkRed, AnsiColor::Red),
    }
}

fn state_cell(state: StateName, look: &Look) -> Cell {
    let cell = Cell::new(state);
    if !look.colour {
        return cell;
    }
    let cell = cell.fg(paint(state).0);
    if matches!(state, StateName::Held | StateName::Lost) {
        cell.add_attribute(Attribute::Bold)
    } else {
        cell
    }
}

fn since(worker: &WorkerView, now: Timestamp) -> String {
    worker
        .since
        .map_or_else(|| "-".to_owned(), |since| words::age(since, now))
}

fn last_exit(worker: &WorkerView) -> String {
    match &worker.last_exit {
        None => "-".to_owned(),
        Some(exit) if exit.never_ran() => "-".to_owned(),
        Some(Exit::Code(code)) => code.to_string(),
        Some(Exit::Signal(signal)) => signal.to_string(),
        Some(Exit::OutOfMemory(_)) => "oom".to_owned(),
        Some(Exit::Lost(_)) => "lost".to_owned(),
    }
}

/// The verdict with its evidence while it runs, otherwise why it does not, and what releases it.
fn why(worker: &WorkerView, now: Timestamp) -> String {
    let mut parts = Vec::new();
    match (&worker.reason, &worker.verdict) {
        (Some(reason), _) => parts.push(printable(reason)),
        (None, Some(verdict)) => {
            parts.push(format!("{}: {}", verdict.is, printable(&verdict.evidence)));
        }
        (None, None) => {}
    }
    if let Some(next) = worker.next_start {
        parts.push(format!("next start in {}", words::age(now, next)));
    }
    if worker.state != StateName::Held {
        parts.extend(worker.spent.iter().flat_map(near));
    }
    if worker.state == StateName::Running && worker.spent.as_ref().is_some_and(is_all) {
        parts.push("is held when its turn is over".to_owned());
    }
    if worker.state == StateName::Held {
        let name = &worker.name;
        // Who never ran wrote nothing, and its reason says where to look.
        if !worker.last_exit.as_ref().is_some_and(Exit::never_ran) {
            parts.push(format!("see: supervisorctl logs {name}"));
        }
        parts.push(format!("release: supervisorctl start {name}"));
    }
    parts.join("; ")
}

/// What it has nearly or wholly spent of this day, in words.
fn near(spent: &SpentView) -> impl Iterator<Item = String> {
    let near = |part: Option<PartView>| part.filter(PartView::is_near);
    let turns = near(spent.turns).map(|part| format!("spent {} of {} turns", part.spent, part.of));
    let time = near(spent.seconds).map(|part| {
        let minutes = |seconds: u64| format!("{}:{:02} h", seconds / 3600, seconds / 60 % 60);
        format!("ran {} of {}", minutes(part.spent), minutes(part.of))
    });
    let cost = near(spent.cents).map(|part| {
        let dollars = |cents: u64| format!("${}.{:02}", cents / 100, cents % 100);
        format!("spent {} of {}", dollars(part.spent), dollars(part.of))
    });
    let all = [turns, time, cost].into_iter().flatten();
    all.map(|words| format!("{words} today"))
}

/// It may spend no more of one of them.
fn is_all(spent: &SpentView) -> bool {
    let parts = [spent.turns, spent.seconds, spent.cents];
    parts.iter().flatten().any(|part| part.spent >= part.of)
}

#[cfg(test)]
mod tests;
