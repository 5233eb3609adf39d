//! What the daemon says, and where: into the journal with fields when systemd runs it, as readable
//! lines on standard error otherwise.
//!
//! A notice carries `LOOPKEEPER_EVENT=`, `LOOPKEEPER_WORKER=`, `LOOPKEEPER_PHASE=`,
//! `LOOPKEEPER_ATTEMPT=` and a `MESSAGE_ID=` (systemd.journal-fields(7)), which the [`catalog`]
//! explains. `$LOOPKEEPER_LOG` filters as tracing-subscriber's `EnvFilter` does.
//!
//! A journald that hangs, or is not there, is not waited for, nor who reads standard error (`outbox`).

#[cfg(test)]
mod tests;

use std::{
    fmt,
    io::{self, IsTerminal as _},
    os::unix::{fs::MetadataExt as _, net::UnixDatagram},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use tracing::{
    Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    EnvFilter, Layer,
    fmt::format,
    layer::{Context, SubscriberExt as _},
    util::SubscriberInitExt as _,
};

use crate::{
    decide::{Level, Notice},
    outbox::{LastWords, Outbox, Stderr},
    systemd::{
        catalog,
        journal::{self, Entry, SOCKET},
    },
};

/// Before a journald that is not there is looked for again.
const AGAIN: Duration = Duration::from_secs(1);

/// Sets up where everything that is logged goes; once in a process. What is returned waits for the last
/// of it.
pub(super) fn begin() -> Option<LastWords> {
    let filter =
        EnvFilter::try_from_env("LOOPKEEPER_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let journal = is_there()
        .then(|| Journal::begin(SOCKET.into()))
        .and_then(Result::ok);
    let (begun, last_words) = match journal {
        Some(journal) => {
            let last_words = LastWords(journal.0.clone());
            let begun = tracing_subscriber::registry()
                .with(journal.with_filter(filter))
                .try_init();
            (begun, Some(last_words))
        }
        None => {
            let stderr = Stderr::begin();
            let last_words = stderr.last_words();
            // The fields are for the journal; on a terminal the sentence says it all.
            let sentence = format::debug_fn(|writer, field, value| match field.name() {
                "message" => write!(writer, "{value:?}"),
                _ => Ok(()),
            });
            let lines = tracing_subscriber::fmt::layer()
                .with_target(false)
                .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
                .fmt_fields(sentence)
                .with_writer(stderr);
            let begun = tracing_subscriber::registry()
                .with(lines.with_filter(filter))
                .try_init();
            (begun, last_words)
        }
    };
    if let Err(error) = begun {
        tracing::debug!("logging is set up already: {error}");
    }
    last_words
}

/// Everything that is logged, as entries of the journal.
struct Journal(Outbox);

impl Journal {
    /// `place`: where journald listens.
    fn begin(place: PathBuf) -> io::Result<Self> {
        let mut socket = None;
        let write = move |entry: &[u8]| {
            while send(&mut socket, &place, entry).is_err() {
                thread::sleep(AGAIN);
            }
        };
        Outbox::begin(write, missing).map(Self)
    }
}

/// Waits for who hangs; fails where nobody is.
fn send(socket: &mut Option<UnixDatagram>, place: &Path, entry: &[u8]) -> io::Result<()> {
    let to = match socket.take() {
        Some(socket) => socket,
        None => journal::connect(place)?,
    };
    journal::send(&to, entry)?;
    *socket = Some(to);
    Ok(())
}

/// Stands for so many entries.
fn missing(many: usize) -> Vec<u8> {
    let mut entry = begun(tracing::Level::WARN);
    let event = "journal-gap";
    entry.add("LOOPKEEPER_EVENT", event);
    if let Some(known) = catalog::entry(event) {
        entry.add("MESSAGE_ID", known.id);
    }
    let text = format!(
        "{many} messages are missing here, which journald did not take in time; what happened \
         meanwhile: supervisorctl history"
    );
    entry.add("MESSAGE", &text);
    entry.into_bytes()
}

fn begun(level: tracing::Level) -> Entry {
    let mut entry = Entry::default();
    // As tracing-journald has it, of syslog(3)'s levels.
    let priority = match level {
        tracing::Level::ERROR => "3",
        tracing::Level::WARN => "4",
        tracing::Level::INFO => "5",
        tracing::Level::DEBUG => "6",
        tracing::Level::TRACE => "7",
    };
    entry.add("PRIORITY", priority);
    entry.add("SYSLOG_IDENTIFIER", "loopkeeperd");
    entry
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &tracing::Event<'_>, _context: Context<'_, S>) {
        let metadata = event.metadata();
        let mut entry = begun(*metadata.level());
        entry.add("TARGET", metadata.target());
        event.record(&mut Fields(&mut entry));
        self.0.say(entry.into_bytes());
    }
}

/// Makes the fields of an event those of an entry.
struct Fields<'a>(&'a mut Entry);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.add(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.add(field.name(), &format!("{value:?}"));
    }
}

/// Whether systemd runs us, and standard error is the journal (`$JOURNAL_STREAM`, systemd.exec(5)), or
/// nothing because journald was not there to be connected to: then nobody else reads it.
pub(super) fn is_there() -> bool {
    let Ok(stderr) = std::fs::metadata("/proc/self/fd/2") else {
        return false;
    };
    match std::env::var("JOURNAL_STREAM") {
        Ok(stream) => stream == format!("{}:{}", stderr.dev(), stderr.ino()),
        Err(_) => {
            let started = std::env::var("SYSTEMD_EXEC_PID");
            let null = std::fs::metadata("/dev/null").map(|null| null.rdev());
            started.is_ok_and(|pid| pid == std::process::id().to_string())
                && null.is_ok_and(|null| null == stderr.rdev())
        }
    }
}

/// Says one notice.
pub(super) fn tell(notice: &Notice) {
    let worker = notice.worker.as_ref().map(tracing::field::display);
    let attempt = notice.attempt.as_ref().map(tracing::field::display);
    let phase = notice.phase.as_ref().map(tracing::field::display);
    let message_id = catalog::entry(&notice.event).map(|entry| entry.id);
    debug_assert!(message_id.is_some(), "{notice:?} is not in the catalog");
    macro_rules! say {
        ($level:ident) => {
            tracing::$level!(
                LOOPKEEPER_EVENT = notice.event.as_str(),
                LOOPKEEPER_WORKER = worker,
                LOOPKEEPER_ATTEMPT = attempt,
                LOOPKEEPER_PHASE = phase,
                MESSAGE_ID = message_id,
                "{}",
                notice.text
            )
        };
    }
    match notice.level {
        Level::Info => say!(info),
        Level::Warning => say!(warn),
        Level::Error => say!(error),
    }
}
