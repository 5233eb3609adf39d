//! `status`: the rig at one moment, or again and again.

use clap::Args;
use jiff::Timestamp;

use super::{
    Context,
    failure::{Exit, Failure},
    offline, table, watch,
};
use crate::control::{
    client::ClientError,
    protocol::{Request, StatusView},
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// Again whenever something changes, until Ctrl-C.
    #[arg(long)]
    watch: bool,
}

pub(super) fn run(arguments: &Arguments, context: &mut Context) -> Result<(), Failure> {
    if arguments.watch {
        return watch::run(arguments.json, context);
    }
    let mut daemon = match context.try_connect()? {
        Ok(daemon) => daemon,
        Err(error @ ClientError::NotRunning { .. }) => {
            return without_daemon(arguments.json, error, context);
        }
        Err(other) => return Err(other.into()),
    };
    let status: StatusView = daemon.ask(&Request::Status {})?;
    show(&status, arguments.json, context)
}

/// Says first that it is down, then what is known without it.
fn without_daemon(json: bool, down: ClientError, context: &Context) -> Result<(), Failure> {
    Failure::from(down).print();
    let status = offline::status(context.paths()?)?;
    show(&status, json, context)?;
    Err(Failure::told(Exit::NotRunning))
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
