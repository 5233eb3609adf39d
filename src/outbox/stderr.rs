//! Standard error, which somebody reads who may stop doing so: a terminal after Ctrl-S, a full pipe.

use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

use super::{LastWords, Outbox};

/// The way there; without a thread for it, straight.
pub(crate) struct Stderr(Option<Outbox>);

impl Stderr {
    pub(crate) fn begin() -> Self {
        // If standard error is gone, nobody is there to be told.
        let write = |line: &[u8]| drop(io::stderr().write_all(line));
        let missing = |many| format!("{many} lines are missing here, which nobody took in time\n");
        Self(Outbox::begin(write, move |many| missing(many).into_bytes()).ok())
    }

    /// Waits for the last lines when it is dropped.
    pub(crate) fn last_words(&self) -> Option<LastWords> {
        self.0.clone().map(LastWords)
    }
}

impl<'a> MakeWriter<'a> for Stderr {
    type Writer = Box<dyn Write + 'a>;

    fn make_writer(&'a self) -> Self::Writer {
        match &self.0 {
            Some(outbox) => Box::new(outbox.clone()),
            None => Box::new(io::stderr()),
        }
    }
}
