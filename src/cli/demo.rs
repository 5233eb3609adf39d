//! `demo`: a rig to look at, without installing or configuring anything.

use std::{io, time::Duration};

use clap::Args;

use super::{
    Context,
    failure::{Exit, Failure},
};
use crate::demo::{DemoError, Options, Voice};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// End by itself, after so many seconds at the latest; otherwise it stays until Ctrl-C. What it
    /// shows takes about 12 of them, and more on a busy machine: 30 are enough on most.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(5..=86400))]
    seconds: Option<u64>,
    /// Leave the directory with everything in it.
    #[arg(long)]
    keep: bool,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let options = Options {
        within: arguments.seconds.map(Duration::from_secs),
        keep: arguments.keep,
    };
    let mut out = io::stdout();
    let mut voice = Voice::new(&mut out, context.screen.look().colour);
    crate::demo::run(options, &mut voice).map_err(|error| match error {
        DemoError::Voice(error) => error.into(),
        error => {
            let failure = Failure::new(Exit::Failed, &error);
            match error.hint() {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        }
    })
}
