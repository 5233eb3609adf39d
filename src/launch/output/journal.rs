//! What attempts wrote into the journal: whether that can be read back, and where in it one attempt's
//! output is.
//!
//! Promise: entries of an attempt are told from all others by fields that only journald sets, so
//! nobody else can put words into a worker's mouth.
//!
//! How: journald gives each line the worker's unit, the life of it, and `LOOPKEEPER_ATTEMPT=` (of
//! workers that the system's manager carries: journald knows extra fields of no others). It looks them
//! up when it takes the line, which may be after the unit is gone, if the worker was quick or journald
//! slow. Then the unit is still known, since systemd named it when it made the stream, and the process.
//! A user's manager names no unit, so a line of a short-lived child would be nobody's: there the
//! identifier of the stream names the attempt.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::{Duration, SystemTime},
};

use tokio::time::timeout;

use super::{
    export::{Export, OPTIONS},
    writer,
};
use crate::{
    causes::in_one_line,
    launch::{
        ATTEMPT,
        command::{Request, Runner},
        directory::{Directory, Output},
        unit,
    },
    model::AttemptRef,
    systemd::journal::{ORDERS, SOCKET, synchronize},
};

/// The program that reads the journal.
pub const READER: &str = "journalctl";
/// journald says how many messages of a unit it left out (sd-messages.h, `SD_MESSAGE_JOURNAL_DROPPED`).
const LEFT_OUT: &str = "MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e";
/// What it is given for an answer of a few lines.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// Of its complaints, this much is worth repeating.
const KEEP: usize = 4096;

/// Which entries of the journal an attempt wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entries {
    matches: Vec<String>,
}

impl Entries {
    /// Those of an attempt whose directory says that it writes into the journal.
    pub fn of(directory: &Directory, attempt: &AttemptRef) -> Option<Self> {
        let unit = unit::name(&attempt.worker);
        let owner = format!("_UID={}", fs::metadata(directory.path()).ok()?.uid());
        let (from, object) = match directory.spec()?.output {
            Output::File => return None,
            Output::Journal => (vec![format!("_SYSTEMD_UNIT={unit}")], "OBJECT_SYSTEMD_UNIT"),
            Output::UserJournal => (
                vec![format!("_SYSTEMD_USER_UNIT={unit}"), owner.clone()],
                "OBJECT_SYSTEMD_USER_UNIT",
            ),
        };
        let named = format!("{ATTEMPT}={}", attempt.attempt);
        let of_children = match directory.spec()?.output {
            Output::UserJournal => Some(vec![
                owner.clone(),
                "_TRANSPORT=stdout".to_owned(),
                format!("SYSLOG_IDENTIFIER={}", identifier(attempt, true)),
            ]),
            Output::Journal | Output::File => None,
        };
        // By the recorder of a session, maybe with its last breath.
        let recorded = vec![
            owner,
            "_TRANSPORT=journal".to_owned(),
            format!("SYSLOG_IDENTIFIER={}", attempt.worker),
            named.clone(),
        ];
        let mut known_by = vec![vec![named]];
        let mut left_out = None;
        if let Some(start) = directory.start() {
            let invocation = start.invocation.iter();
            // By journald, of what this life of the unit wrote too fast.
            left_out = start.invocation.as_ref().map(|id| {
                vec![
                    LEFT_OUT.to_owned(),
                    "_TRANSPORT=driver".to_owned(),
                    format!("{object}={unit}"),
                    format!("OBJECT_SYSTEMD_INVOCATION_ID={id}"),
                ]
            });
            known_by.extend(invocation.map(|id| vec![format!("_SYSTEMD_INVOCATION_ID={id}")]));
            known_by.push(vec![
                format!("_BOOT_ID={}", start.identity.boot),
                format!("_PID={}", start.identity.pid),
            ]);
        }
        // One "+" between alternatives (journalctl(1)).
        let alternatives = known_by
            .into_iter()
            .map(|known| [&from[..], &known].concat())
            .chain([recorded])
            .chain(of_children)
            .chain(left_out);
        let matches = alternatives.collect::<Vec<_>>().join(&"+".to_owned());
        Some(Self { matches })
    }

    /// How journalctl(1) is called to print them, with these options besides.
    pub fn arguments<'a>(&'a self, options: &[&'a str]) -> Vec<&'a str> {
        let matches = self.matches.iter().map(String::as_str);
        OPTIONS
            .into_iter()
            .chain(options.iter().copied())
            .chain(matches)
            .collect()
    }

    /// When the last of them was written. `None` when there is none, and when the journal does not
    /// answer.
    pub(crate) async fn last_at(&self, runner: &Runner) -> Option<SystemTime> {
        let output = self.ask(runner, &["--lines=1"], KEEP).await.ok()?;
        let mut entries = Export::default().take(&output);
        entries.pop().map(|entry| entry.at)
    }

    /// The first bytes that were written, at least so many if there are.
    pub(crate) async fn head(&self, runner: &Runner, bytes: usize) -> Result<Vec<u8>, String> {
        // Around each line there are some 200 bytes of what else is known of it.
        let output = self.ask(runner, &[], bytes * 8).await?;
        let entries = Export::default().take(&output);
        Ok(entries.into_iter().flat_map(|entry| entry.bytes).collect())
    }

    async fn ask(&self, runner: &Runner, options: &[&str], keep: usize) -> Result<Vec<u8>, String> {
        let request = reading(self.arguments(options), keep)?;
        let outcome = runner.run(request).await;
        let outcome = outcome.map_err(|error| in_one_line(&error))?;
        match outcome.exit.is_success() {
            true => Ok(outcome.output),
            false => Err(format!(
                "journalctl: {}: {}",
                outcome.exit,
                String::from_utf8_lossy(&outcome.errors).trim()
            )),
        }
    }
}

/// What the lines of a worker begin with where systemd hands them to journald.
pub(crate) fn identifier(attempt: &AttemptRef, of_user: bool) -> String {
    match of_user {
        true => format!("{}-{}", attempt.worker, attempt.attempt),
        false => attempt.worker.to_string(),
    }
}

/// Why what is written into the journal cannot be read back, and what helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unread {
    /// So this machine is set up.
    Lasting(String),
    /// journald hangs or is not there: it may be soon.
    Silent(String),
}

/// Whether what is written into the journal now can be read back by us: a line of ours, which nobody
/// else has, is looked for there. Entries of before say nothing of what is kept today.
///
/// # Errors
/// Why not.
pub(crate) async fn answers(runner: &Runner, of_user: bool) -> Result<(), Unread> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let asked = format!(
        "LOOPKEEPER_ASKED={}-{}",
        std::process::id(),
        now.unwrap_or_default().as_nanos()
    );
    writer::send(&format!(
        "SYSLOG_IDENTIFIER=loopkeeperd\nPRIORITY=6\n{asked}\nMESSAGE=output of workers goes into the journal\n"
    ))
    .map_err(|error| Unread::Silent(format!("journald does not take anything ({SOCKET}: {error})")))?;
    // It may take a moment to come there.
    let options = ["--follow", "--lines=1", &asked];
    let is_there = async || {
        let request = reading(OPTIONS.into_iter().chain(options), 0).map_err(Unread::Lasting)?;
        let said = runner.says_anything(request).await;
        said.map_err(|error| Unread::Silent(in_one_line(&error)))
    };
    if is_there().await? {
        return Ok(());
    }
    if of_user {
        // Nobody but root may ask it for more.
        return Err(Unread::Lasting(
            "the journal has nothing of this user's for him to read; either make it persistent \
             (mkdir /var/log/journal) or, as root: usermod --append --groups systemd-journal USER"
                .into(),
        ));
    }
    caught_up().await?;
    match is_there().await? {
        true => Ok(()),
        false => Err(Unread::Lasting(
            "the journal does not keep what it is given; see Storage= in journald.conf(5)".into(),
        )),
    }
}

/// As [`answers`], of one that did not: nothing more is written for it before it says that it has written
/// what it was sent.
pub(crate) async fn answers_now(runner: &Runner, of_user: bool) -> Result<(), Unread> {
    if !of_user {
        caught_up().await?;
    }
    answers(runner, of_user).await
}

async fn caught_up() -> Result<(), Unread> {
    let asked = timeout(ANSWERS_WITHIN, synchronize(Path::new(ORDERS))).await;
    match asked {
        Ok(Ok(())) => Ok(()),
        _ => Err(Unread::Silent("journald does not answer".into())),
    }
}

/// A call of journalctl(1), which is to answer soon.
fn reading<'a>(
    arguments: impl IntoIterator<Item = &'a str>,
    keep: usize,
) -> Result<Request, String> {
    Ok(Request {
        program: crate::launch::find(READER).ok_or("journalctl: not found in $PATH")?,
        arguments: arguments.into_iter().map(OsString::from).collect(),
        workdir: "/".into(),
        environment: Vec::new(),
        as_user: None,
        input: Vec::new(),
        limit: ANSWERS_WITHIN,
        keep,
        cgroup: None,
    })
}
