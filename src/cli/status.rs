//! `status`: the rig at one moment, or again and again.

use clap::Args;
use jiff::Timestamp;

use super::{Context, failure::Failure, offline, table, watch};
use crate::control::protocol::{Request, StatusView};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
    /// Draw it again whenever something changes, until Ctrl-C.
    #[arg(long)]
    watch: bool,
}

impl Arguments {
    /// Whether it goes on until it is ended.
    pub(super) fn watches(&self) -> bool {
        self.watch
    }
}

pub(super) fn run(arguments: &Arguments, context: &mut Context) -> Result<(), Failure> {
    if arguments.watch {
        return watch::run(arguments.json, context);
    }
    offline::ask(&Request::Status {}, context, offline::status, |status| {
        show(status, arguments.json, context)
    })
}

fn show(status: &StatusView, json: bool, context: &Context) -> Result<(), Failure> {
    if json {
        return Ok(context.screen.json(status)?);
    }
    Ok(context.screen.print(table::text(
        status,
        &context.screen.look(),
        Timestamp::now(),
    ))?)
}
