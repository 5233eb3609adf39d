//! What the daemon says, and where: into the journal with fields when systemd runs it, as readable
//! lines on standard error otherwise.
//!
//! A notice of the core carries `LOOPKEEPER_EVENT=`, `LOOPKEEPER_WORKER=`, `LOOPKEEPER_PHASE=`,
//! `LOOPKEEPER_ATTEMPT=` and, for events an operator would look for, a `MESSAGE_ID=`
//! (systemd.journal-fields(7)). `$LOOPKEEPER_LOG` filters as tracing-subscriber's `EnvFilter` does.

use std::{io::IsTerminal as _, os::unix::fs::MetadataExt as _};

use tracing_subscriber::{
    EnvFilter, Layer as _, fmt::format, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::decide::{Level, Notice};

/// The ids of the events an operator would look for, with `journalctl MESSAGE_ID=…`.
/// Made once with `systemd-id128 new`; never reused for something else.
const MESSAGE_IDS: &[(&str, &str)] = &[
    ("reboot", "6c3d2d686991476992c9f151272dd9f0"),
    ("worker-running", "b5a7d09e2e7742218d6179765fb77415"),
    ("worker-ended", "c4cd2bcf658c4dcda7f5b321d0e09c01"),
    ("worker-held", "10c172cda6e9472a923ebcf94798a96b"),
    ("worker-sick", "16f0744ebfce46199748565c844c9294"),
    ("worker-doubled", "2eff84bfb7714fb1b6be48619edc9df0"),
    ("worker-unkillable", "c54c818c954344839a4f51fad4f24c2c"),
    ("phase", "6319639b847b4a6c9e09f7a93a0e0df6"),
    ("plan-complete", "39fdbdc0d5014e17a904df0370a19e45"),
    ("plan-astray", "6651e03060124e20bc4105dcc6700971"),
    ("phase-file-damaged", "aff1b4e98aeb40adb855b2216e11da3a"),
    ("store-damaged", "62f9d4b2c4e346b5b1a8a876deaeff67"),
    ("degraded", "1657c47972974ea3af5c83f667ea75cd"),
];

/// The id of that kind of event, if it has one.
fn message_id(event: &str) -> Option<&'static str> {
    MESSAGE_IDS
        .iter()
        .find(|(name, _)| *name == event)
        .map(|(_, id)| *id)
}

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
    macro_rules! say {
        ($level:ident) => {
            tracing::$level!(
                LOOPKEEPER_EVENT = notice.event.as_str(),
                LOOPKEEPER_WORKER = worker,
                LOOPKEEPER_ATTEMPT = attempt,
                LOOPKEEPER_PHASE = phase,
                MESSAGE_ID = message_id(&notice.event),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_id_is_an_id_of_its_own() {
        let mut ids: Vec<_> = MESSAGE_IDS.iter().map(|(_, id)| id).collect();
        assert!(
            ids.iter()
                .all(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()))
        );
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), MESSAGE_IDS.len());
        assert_eq!(message_id("reboot"), Some(MESSAGE_IDS[0].1));
        assert_eq!(message_id("worker-starting"), None);
    }
}
