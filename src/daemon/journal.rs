//! What the daemon says, and where: into the journal with fields when systemd runs it, as readable
//! lines on standard error otherwise.
//!
//! A notice carries `LOOPKEEPER_EVENT=`, `LOOPKEEPER_WORKER=`, `LOOPKEEPER_PHASE=`,
//! `LOOPKEEPER_ATTEMPT=` and a `MESSAGE_ID=` (systemd.journal-fields(7)), which the [`catalog`]
//! explains. `$LOOPKEEPER_LOG` filters as tracing-subscriber's `EnvFilter` does.

use std::{io::IsTerminal as _, os::unix::fs::MetadataExt as _};

use tracing_subscriber::{
    EnvFilter, Layer as _, fmt::format, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::{
    decide::{Level, Notice},
    systemd::catalog,
};

/// Sets up where everything that is logged goes; once in a process.
pub(super) fn begin() {
    let filter =
        EnvFilter::try_from_env("LOOPKEEPER_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let journal = is_there()
        .then(tracing_journald::layer)
        .and_then(Result::ok);
    let begun = match journal {
        Some(journal) => {
            let journal = journal
                .with_field_prefix(None)
                .with_syslog_identifier("loopkeeperd".into());
            tracing_subscriber::registry()
                .with(journal.with_filter(filter))
                .try_init()
        }
        None => {
            // The fields are for the journal; on a terminal the sentence says it all.
            let sentence = format::debug_fn(|writer, field, value| match field.name() {
                "message" => write!(writer, "{value:?}"),
                _ => Ok(()),
            });
            let lines = tracing_subscriber::fmt::layer()
                .with_target(false)
                .with_ansi(
                    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
                )
                .fmt_fields(sentence)
                .with_writer(std::io::stderr);
            tracing_subscriber::registry()
                .with(lines.with_filter(filter))
                .try_init()
        }
    };
    if let Err(error) = begun {
        tracing::debug!("logging is set up already: {error}");
    }
}

/// Whether systemd runs us and standard error is the journal (`$JOURNAL_STREAM`, systemd.exec(5)): only then nobody
/// else reads it.
pub(super) fn is_there() -> bool {
    let Some(stream) = std::env::var("JOURNAL_STREAM").ok() else {
        return false;
    };
    let Ok(stderr) = std::fs::metadata("/proc/self/fd/2") else {
        return false;
    };
    stream == format!("{}:{}", stderr.dev(), stderr.ino())
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
