//! Rows into what is restored and what people ask for.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    StoreError,
    column::{json, level, optional, optional_json, reference, text, unreadable},
    database::database_error,
    phase_file,
    resume::Kept,
    write::Goodbye,
};
use crate::{
    agent::typed::Digest,
    decide::{
        BegunNudge, Boot, Debt, KnownAttempt, NEVER_RAN, Notice, NudgeId, Restored, RestoredWorker,
        Stopping,
    },
    model::{AttemptId, AttemptRef, BootId, Exit, Identity, ItemName, PhaseId, WorkerName},
};

/// The reading half of the store. Lists are in the order in which things happened.
#[derive(Debug)]
pub struct History<'a> {
    pub(super) conn: &'a Connection,
    pub(super) path: &'a Path,
}

/// A boot, as `supervisorctl reboots` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedBoot {
    /// 0 for the first boot that was ever seen, which is no reboot; then 1, 2, …
    pub number: u64,
    /// Which.
    pub boot: BootId,
    /// What is known of it; `None` when REBOOTS.md has its id, but not in our form.
    pub record: Option<Boot>,
}

/// An attempt, as the history has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedAttempt {
    /// Which.
    pub attempt: AttemptRef,
    /// When it was decided, in which boot; `None` when that could not be recorded.
    pub decided: Option<(Timestamp, BootId)>,
    /// The phase it was told.
    pub phase: Option<PhaseId>,
    /// As which process it was started.
    pub identity: Option<Identity>,
    /// When its end was seen, how it ended, and who stopped it.
    pub ended: Option<(Timestamp, Exit, Option<String>)>,
}

impl History<'_> {
    /// The last `n` notices, of one worker or of all.
    ///
    /// # Errors
    /// When SQLite cannot read them.
    pub fn notices(
        &self,
        n: usize,
        worker: Option<&WorkerName>,
    ) -> Result<Vec<Notice>, StoreError> {
        self.ask(|conn| {
            let mut rows = conn.prepare_cached(
                "SELECT at, event, level, worker, attempt, phase, text FROM notice
                 WHERE ?2 IS NULL OR worker = ?2 ORDER BY number DESC LIMIT ?1",
            )?;
            let found =
                rows.query_map(params![limit(n), worker.map(WorkerName::as_str)], |row| {
                    Ok(Notice {
                        at: text(row, 0)?,
                        event: row.get(1)?,
                        level: level(row, 2)?,
                        worker: optional(row, 3)?,
                        attempt: optional(row, 4)?,
                        phase: optional(row, 5)?,
                        text: row.get(6)?,
                    })
                })?;
            oldest_first(found)
        })
    }

    /// The last `n` boots.
    ///
    /// # Errors
    /// When SQLite cannot read them.
    pub fn boots(&self, n: usize) -> Result<Vec<RecordedBoot>, StoreError> {
        self.ask(|conn| {
            let mut rows = conn.prepare_cached(
                "SELECT number, boot_id, record FROM boot ORDER BY number DESC LIMIT ?1",
            )?;
            oldest_first(rows.query_map([limit(n)], boot)?)
        })
    }

    /// The last `n` attempts of a worker; at least a thousand are kept.
    ///
    /// # Errors
    /// When SQLite cannot read them.
    pub fn attempts(
        &self,
        worker: &WorkerName,
        n: usize,
    ) -> Result<Vec<RecordedAttempt>, StoreError> {
        self.ask(|conn| {
            let mut rows = conn.prepare_cached(
                "SELECT worker, attempt, decided, boot, phase, identity, ended, exit, stopped
                 FROM attempt WHERE worker = ?1 ORDER BY number DESC LIMIT ?2",
            )?;
            oldest_first(rows.query_map(params![worker.as_str(), limit(n)], attempt)?)
        })
    }

    fn ask<T>(
        &self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        question(self.conn).map_err(|error| database_error(self.path, "read", error))
    }
}

/// All but the resume point, for which the file has to be asked too.
pub(super) fn restored(conn: &Connection) -> rusqlite::Result<Restored> {
    let last = conn
        .query_row(
            "SELECT number, boot_id, record FROM boot WHERE record IS NOT NULL
             ORDER BY number DESC LIMIT 1",
            [],
            boot,
        )
        .optional()?
        .and_then(|boot| boot.record);
    let reboots: u64 = conn.query_row("SELECT coalesce(max(number), 0) FROM boot", [], |row| {
        row.get(0)
    })?;
    let goodbye: Option<Goodbye> = meta(conn, "goodbye", json)?;
    let mut restored = Restored {
        goodbye: goodbye
            .filter(|goodbye| last.as_ref().is_some_and(|last| last.boot == goodbye.boot))
            .map(|goodbye| goodbye.at),
        boot: last,
        reboots,
        last_alive: meta(conn, "alive", text)?.max(last_told(conn)?),
        resume_point: None,
        paused: meta_text(conn, "paused")?,
        ending: meta(conn, "ending", json)?,
        nudges: nudges(conn)?,
        // They are in files of their own.
        handoffs: BTreeMap::new(),
        worktrees: worktrees(conn)?,
        workers: BTreeMap::new(),
    };
    let mut rows = conn.prepare(
        "SELECT name, stopped, held, restarts, conversation, usage_limit, unstick, spent, breaker
         FROM worker",
    )?;
    let found = rows.query_map([], |row| {
        let worker = RestoredWorker {
            stopped: row.get(1)?,
            held: row.get(2)?,
            restarts: optional_json(row, 3)?.unwrap_or_default(),
            conversation: optional_json(row, 4)?,
            limit: optional_json(row, 5)?,
            trouble: optional_json(row, 6)?,
            spent: optional_json(row, 7)?,
            breaker: optional_json(row, 8)?,
            ..RestoredWorker::default()
        };
        Ok((text(row, 0)?, worker))
    })?;
    for worker in found {
        let (name, worker) = worker?;
        restored.workers.insert(name, worker);
    }
    let mut rows = conn.prepare("SELECT DISTINCT worker FROM attempt")?;
    let names: Vec<WorkerName> = rows
        .query_map([], |row| text(row, 0))?
        .collect::<Result<_, _>>()?;
    for name in names {
        let last = last_attempt(conn, &name)?;
        let (last_exit, last_end) = last_end(conn, &name)?;
        let stops = stops(conn, &name)?;
        let open = open_attempts(conn, &name, last.as_ref())?;
        let ended = ended_attempts(conn, &name)?;
        let worker = restored.workers.entry(name).or_default();
        worker.last = last;
        worker.open = open;
        worker.ended = ended;
        worker.stops = stops;
        (worker.last_exit, worker.last_end) = (last_exit, last_end);
    }
    Ok(restored)
}

/// Texts that were begun to be typed, and are not known to be over.
fn nudges(conn: &Connection) -> rusqlite::Result<Vec<BegunNudge>> {
    let begun = |row: &Row<'_>| {
        Ok(BegunNudge {
            attempt: reference(row)?,
            nudge: NudgeId(row.get::<_, i64>(2)?.cast_unsigned()),
            at: text(row, 3)?,
            about: row.get(4)?,
            item: item(row, 5)?,
            digest: row
                .get::<_, Option<i64>>(6)?
                .map(|digest| Digest(digest.cast_unsigned())),
        })
    };
    conn.prepare(
        "SELECT worker, attempt, nudge, begun, about, item, digest FROM nudge ORDER BY number",
    )?
    .query_map([], begun)?
    .collect()
}

/// On which file systems worktrees were seen.
fn worktrees(conn: &Connection) -> rusqlite::Result<BTreeMap<PathBuf, PathBuf>> {
    let path = |row: &Row<'_>, column| -> rusqlite::Result<PathBuf> {
        Ok(OsString::from_vec(row.get(column)?).into())
    };
    conn.prepare("SELECT path, is_on FROM worktree")?
        .query_map([], |row| Ok((path(row, 0)?, path(row, 1)?)))?
        .collect()
}

/// The name of a file.
fn item(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<ItemName>> {
    let bytes: Option<Vec<u8>> = row.get(column)?;
    Ok(bytes.map(|bytes| OsString::from_vec(bytes).into()))
}

/// When the last notice was told: whoever told it lived.
fn last_told(conn: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let at: Option<String> = conn
        .query_row(
            "SELECT at FROM notice ORDER BY number DESC LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()?;
    Ok(at.and_then(|at| at.parse().ok()))
}

/// How the last of its attempts did that ran and ended, or of none that ran, and when the last ended.
fn last_end(
    conn: &Connection,
    name: &WorkerName,
) -> rusqlite::Result<(Option<Exit>, Option<Timestamp>)> {
    let mut ends = conn.prepare_cached(
        "SELECT exit, ended, stopped FROM attempt WHERE worker = ?1 AND exit IS NOT NULL
         ORDER BY number DESC",
    )?;
    let mut ends = ends.query([name.as_str()])?;
    let (mut last, mut at) = (None, None);
    while let Some(row) = ends.next()? {
        let exit: Exit = json(row, 0)?;
        let stopped: Option<String> = row.get(2)?;
        let ran = !exit.never_ran() || stopped.as_deref() != Some(NEVER_RAN);
        if last.is_none() {
            at = optional(row, 1)?;
        }
        if ran {
            return Ok((Some(exit), at));
        }
        last = last.or(Some(exit));
    }
    Ok((last, at))
}

/// The resume point as the database has it. Point and text are of one mind, or one of them is
/// damaged.
pub(super) fn kept(conn: &Connection) -> rusqlite::Result<Option<Kept>> {
    conn.query_row(
        "SELECT point, text, previous FROM resume_point",
        [],
        |row| {
            let kept = Kept {
                point: json(row, 0)?,
                text: row.get(1)?,
                previous: row.get(2)?,
            };
            if kept.text.lines().next() == Some(&phase_file::first_line(&kept.point)) {
                Ok(kept)
            } else {
                let why = format!(
                    "resume point {} has the text {:?}",
                    kept.point.index, kept.text
                );
                Err(unreadable(1, why.into()))
            }
        },
    )
    .optional()
}

/// The boots that are not known to be in REBOOTS.md.
pub(super) fn unlisted(conn: &Connection) -> rusqlite::Result<Vec<RecordedBoot>> {
    conn.prepare_cached(
        "SELECT number, boot_id, record FROM boot WHERE listed = 0 ORDER BY number",
    )?
    .query_map([], boot)?
    .collect()
}

/// The stops of a worker's attempts that were begun, where no end is recorded.
fn stops(
    conn: &Connection,
    worker: &WorkerName,
) -> rusqlite::Result<BTreeMap<AttemptId, Stopping>> {
    conn.prepare_cached(
        "SELECT attempt, stopping FROM attempt
         WHERE worker = ?1 AND stopping IS NOT NULL AND ended IS NULL",
    )?
    .query_map([worker.as_str()], |row| Ok((text(row, 0)?, json(row, 1)?)))?
    .collect()
}

/// Attempts of a worker that are restored although their end is recorded.
const LATEST: i64 = 8;

const KNOWN: &str =
    "SELECT worker, attempt, decided, boot, phase, definition, identity, exit, stopped, owed, knows, stopping,
            last_sign
     FROM attempt WHERE worker = ?1 AND decided IS NOT NULL";

fn last_attempt(conn: &Connection, worker: &WorkerName) -> rusqlite::Result<Option<KnownAttempt>> {
    conn.prepare_cached(&format!("{KNOWN} ORDER BY number DESC LIMIT 1"))?
        .query_row([worker.as_str()], known_attempt)
        .optional()
}

/// Those whose end is not recorded, but for the last one.
fn open_attempts(
    conn: &Connection,
    worker: &WorkerName,
    last: Option<&KnownAttempt>,
) -> rusqlite::Result<BTreeMap<AttemptId, KnownAttempt>> {
    let mut open: BTreeMap<_, _> = conn
        .prepare_cached(&format!("{KNOWN} AND ended IS NULL"))?
        .query_map([worker.as_str()], known_attempt)?
        .map(|known| known.map(|known| (known.attempt.attempt.clone(), known)))
        .collect::<Result<_, _>>()?;
    if let Some(last) = last {
        open.remove(&last.attempt.attempt);
    }
    Ok(open)
}

/// The latest of those whose end is recorded, whatever else is.
fn ended_attempts(conn: &Connection, worker: &WorkerName) -> rusqlite::Result<BTreeSet<AttemptId>> {
    conn.prepare_cached(
        "SELECT attempt FROM attempt WHERE worker = ?1 AND ended IS NOT NULL
         ORDER BY number DESC LIMIT ?2",
    )?
    .query_map((worker.as_str(), LATEST), |row| text(row, 0))?
    .collect()
}

fn known_attempt(row: &Row<'_>) -> rusqlite::Result<KnownAttempt> {
    let stopping: Option<Stopping> = optional_json(row, 11)?;
    Ok(KnownAttempt {
        attempt: reference(row)?,
        at: text(row, 2)?,
        boot: text(row, 3)?,
        phase: optional(row, 4)?,
        definition: row.get::<_, i64>(5)?.cast_unsigned(),
        identity: optional_json(row, 6)?,
        debt: Debt {
            owed: optional_json(row, 9)?,
            knows: optional(row, 10)?,
        },
        sign: optional_json(row, 12)?,
        failed: stopping.is_some_and(|stopping| stopping.failed),
        ended: match optional_json(row, 7)? {
            Some(exit) => Some((exit, row.get(8)?)),
            None => None,
        },
    })
}

fn boot(row: &Row<'_>) -> rusqlite::Result<RecordedBoot> {
    Ok(RecordedBoot {
        number: row.get(0)?,
        boot: text(row, 1)?,
        record: optional_json(row, 2)?,
    })
}

fn attempt(row: &Row<'_>) -> rusqlite::Result<RecordedAttempt> {
    let decided = match (optional(row, 2)?, optional(row, 3)?) {
        (Some(at), Some(boot)) => Some((at, boot)),
        _ => None,
    };
    let ended = match (optional(row, 6)?, optional_json(row, 7)?) {
        (Some(at), Some(exit)) => Some((at, exit, row.get(8)?)),
        _ => None,
    };
    Ok(RecordedAttempt {
        attempt: reference(row)?,
        decided,
        phase: optional(row, 4)?,
        identity: optional_json(row, 5)?,
        ended,
    })
}

/// One value of `meta`.
pub(super) fn meta_text(conn: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    meta(conn, name, |row, at| row.get(at))
}

fn meta<T>(
    conn: &Connection,
    name: &str,
    read: impl FnOnce(&Row<'_>, usize) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    conn.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| {
        read(row, 0)
    })
    .optional()
}

fn limit(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn oldest_first<T>(rows: impl Iterator<Item = rusqlite::Result<T>>) -> rusqlite::Result<Vec<T>> {
    let mut rows: Vec<T> = rows.collect::<Result<_, _>>()?;
    rows.reverse();
    Ok(rows)
}
