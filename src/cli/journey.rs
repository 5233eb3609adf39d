//! `reboots`, `history`, `events`: what happened.

use clap::Args;
use jiff::tz::TimeZone;

use super::{
    Context,
    failure::Failure,
    follow, offline,
    words::{self, printable},
};
use crate::{
    control::{
        client::ClientError,
        protocol::{RebootView, Request},
    },
    decide::{Level, Notice},
    model::WorkerName,
    paths::Paths,
};

#[derive(Debug, Args)]
pub(super) struct History {
    /// Show only what happened to this worker.
    worker: Option<WorkerName>,
    /// Show at most so many lines, the latest ones.
    #[arg(short = 'n', long = "lines", default_value_t = 100, value_name = "N")]
    lines: usize,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Events {
    /// Go on as things happen, also over restarts of the daemon, until Ctrl-C.
    #[arg(short, long)]
    follow: bool,
    /// Begin with so many lines of what already happened.
    #[arg(short = 'n', long = "lines", default_value_t = 10, value_name = "N")]
    lines: usize,
    /// Print JSON, one object on each line.
    #[arg(long)]
    json: bool,
}

pub(super) fn reboots(json: bool, context: &Context) -> Result<(), Failure> {
    let show = |reboots: &Vec<RebootView>| {
        if json {
            return Ok(context.screen.json(reboots)?);
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
    };
    offline::ask(&Request::Reboots {}, context, offline::reboots, show)
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
    let History {
        worker,
        lines,
        json,
    } = arguments;
    let request = Request::History {
        last: *lines,
        worker: worker.clone(),
    };
    let known = |paths: &Paths| offline::notices(paths, *lines, worker.as_ref());
    offline::ask(&request, context, known, |notices: &Vec<Notice>| {
        if *json {
            return Ok(context.screen.json(notices)?);
        }
        let zone = TimeZone::system();
        let mut text: String = notices.iter().map(|one| notice_line(one, &zone)).collect();
        // Who asks for no line is told nothing, least of all that there is none.
        if text.is_empty() && *lines > 0 {
            let of = worker
                .as_ref()
                .map_or(String::new(), |name| format!(" of {name}"));
            text = format!("nothing is on record{of}\n");
        }
        Ok(context.screen.print(text)?)
    })
}

pub(super) fn events(arguments: &Events, context: &Context) -> Result<(), Failure> {
    let Events {
        follow,
        lines,
        json,
    } = *arguments;
    let zone = TimeZone::system();
    let show = |event: &Notice| -> Result<(), Failure> {
        if json {
            return Ok(context.screen.json(event)?);
        }
        Ok(context.screen.print(notice_line(event, &zone))?)
    };
    let mut client = match context.try_connect()? {
        Ok(client) => client,
        Err(down @ ClientError::NotRunning { .. }) => {
            let known = |paths: &Paths| offline::notices(paths, lines, None);
            return offline::without_daemon(down, context, known, |events| {
                events.iter().try_for_each(show)
            });
        }
        Err(other) => return Err(other.into()),
    };
    if follow {
        return follow::run(client, lines, context, show);
    }
    let (events, ended) = follow::until_now(&mut client, lines);
    events.iter().try_for_each(show)?;
    Ok(ended?)
}

fn notice_line(notice: &Notice, zone: &TimeZone) -> String {
    let mut line = words::second(notice.at, zone);
    line.push_str(match notice.level {
        Level::Info => "  ",
        Level::Warning => "  warning: ",
        Level::Error => "  error: ",
    });
    line.push_str(&printable(&notice.text));
    if let Some(attempt) = &notice.attempt {
        line.push_str(&format!("  attempt {attempt}"));
    }
    line.push('\n');
    line
}
