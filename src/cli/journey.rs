//! `reboots`, `history`, `events`: what happened.

use clap::Args;
use jiff::tz::TimeZone;

use super::{
    Context,
    failure::Failure,
    words::{self, printable},
};
use crate::{
    control::protocol::{RebootView, Request},
    decide::{Level, Notice},
    model::WorkerName,
};

#[derive(Debug, Args)]
pub(super) struct History {
    /// Only of this worker.
    worker: Option<WorkerName>,
    /// So many lines, the latest ones.
    #[arg(short = 'n', long = "lines", default_value_t = 100, value_name = "N")]
    lines: usize,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Events {
    /// Go on as things happen, until Ctrl-C.
    #[arg(short, long)]
    follow: bool,
    /// So many lines of what already happened.
    #[arg(short = 'n', long = "lines", default_value_t = 10, value_name = "N")]
    lines: usize,
    /// As JSON, one object on a line.
    #[arg(long)]
    json: bool,
}

pub(super) fn reboots(json: bool, context: &Context) -> Result<(), Failure> {
    let reboots: Vec<RebootView> = context.connect()?.ask(&Request::Reboots {})?;
    if json {
        return Ok(context.screen.json(&reboots)?);
    }
    let zone = TimeZone::system();
    let mut text: String = reboots
        .iter()
        .map(|reboot| reboot_line(reboot, &zone))
        .collect();
    if text.is_empty() {
        text.push_str("no reboot was seen yet\n");
    }
    Ok(context.screen.print(text)?)
}

fn reboot_line(reboot: &RebootView, zone: &TimeZone) -> String {
    let mut line = words::second(reboot.at, zone);
    line.push_str(if reboot.clean {
        "  clean  "
    } else {
        "  unclean"
    });
    if let Some(down) = reboot.down_seconds {
        line.push_str(&format!("  down {}", words::duration(down)));
    }
    if let Some(point) = &reboot.resume_point {
        line.push_str(&format!("  at {}", printable(point)));
    }
    if !reboot.running.is_empty() {
        let names: Vec<&str> = reboot.running.iter().map(WorkerName::as_str).collect();
        line.push_str(&format!("  running {}", names.join(", ")));
    }
    line.push_str(&format!("  boot {}\n", reboot.boot_id));
    line
}

pub(super) fn history(arguments: &History, context: &Context) -> Result<(), Failure> {
    let request = Request::History {
        last: arguments.lines,
        worker: arguments.worker.clone(),
    };
    let rows: Vec<Notice> = context.connect()?.ask(&request)?;
    if arguments.json {
        return Ok(context.screen.json(&rows)?);
    }
    let zone = TimeZone::system();
    let text: String = rows.iter().map(|row| notice_line(row, &zone)).collect();
    Ok(context.screen.print(text)?)
}

pub(super) fn events(arguments: &Events, context: &Context) -> Result<(), Failure> {
    let mut client = context.connect()?;
    client.follow(&Request::Events {
        last: arguments.lines,
        follow: arguments.follow,
    })?;
    let zone = TimeZone::system();
    while let Some(event) = client.next_event(None)? {
        if arguments.json {
            context.screen.json(&event)?;
        } else {
            context.screen.print(notice_line(&event, &zone))?;
        }
    }
    Ok(())
}

fn notice_line(notice: &Notice, zone: &TimeZone) -> String {
    let mut line = words::second(notice.at, zone);
    line.push_str(match notice.level {
        Level::Info => "  ",
        Level::Warning => "  warning: ",
        Level::Error => "  error: ",
    });
    line.push_str(&printable(&notice.text));
    line.push('\n');
    line
}
