//! Facts into rows.

use std::os::unix::ffi::OsStrExt as _;

use rusqlite::{Connection, OptionalExtension, ToSql, Transaction, params};
use serde::Serialize;

use super::{read::RecordedBoot, resume::Kept};
use crate::{
    decide::{Boot, Fact, Level, Notice},
    model::{BootId, WorkerName},
};

/// The row that stays until a resume point is recorded.
pub(super) const POINT_LOST: &str = "point_lost";

/// Notices that are kept; up to [`PRUNE_EVERY`] more may be there.
const NOTICES: i64 = 100_000;
const PRUNE_EVERY: i64 = 100;
/// Attempts that are kept of each worker.
const ATTEMPTS: i64 = 1_000;
/// Boots that are kept.
const BOOTS: i64 = 10_000;

/// Everything but the resume point, which needs its file: [`set_resume_point`].
pub(super) fn apply(tx: &Transaction<'_>, fact: &Fact) -> rusqlite::Result<()> {
    match fact {
        Fact::Boot(boot) => add_boot(tx, None, &boot.boot, Some(boot), false),
        Fact::Hello { at, .. } => {
            set_meta(tx, "goodbye", None)?;
            set_meta(tx, "alive", Some(&at.to_string()))
        }
        Fact::Goodbye { boot, at } => {
            let goodbye = json(&Goodbye {
                boot: boot.clone(),
                at: *at,
            })?;
            set_meta(tx, "goodbye", Some(&goodbye))?;
            set_meta(tx, "alive", Some(&at.to_string()))
        }
        Fact::Phase(_) => set_meta(tx, "ending", None),
        Fact::Paused(reason) => set_meta(tx, "paused", reason.as_deref()),
        Fact::Ending(ending) => {
            let ending = ending.as_ref().map(json).transpose()?;
            set_meta(tx, "ending", ending.as_deref())
        }
        Fact::NudgeBegun(begun) => execute(
            tx,
            "INSERT OR REPLACE INTO nudge (nudge, worker, attempt, begun, about, item, digest)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                begun.nudge.0.cast_signed(),
                begun.attempt.worker.as_str(),
                begun.attempt.attempt.as_str(),
                begun.at.to_string(),
                begun.about,
                begun.item.as_ref().map(|item| item.as_os_str().as_bytes()),
                begun.digest.map(|digest| digest.0.cast_signed()),
            ],
        ),
        Fact::NudgeOver { nudge } => execute(
            tx,
            "DELETE FROM nudge WHERE nudge = ?1",
            [nudge.0.cast_signed()],
        ),
        Fact::Conversation {
            worker,
            conversation,
        } => {
            let conversation = conversation.as_ref().map(json).transpose()?;
            set_worker(tx, worker, "conversation", conversation)
        }
        Fact::Limit { worker, limit } => {
            let limit = limit.as_ref().map(json).transpose()?;
            set_worker(tx, worker, "usage_limit", limit)
        }
        Fact::Trouble { worker, trouble } => {
            let trouble = trouble.as_ref().map(json).transpose()?;
            set_worker(tx, worker, "unstick", trouble)
        }
        Fact::Worktree { path, on: Some(on) } => execute(
            tx,
            "INSERT OR REPLACE INTO worktree (path, is_on) VALUES (?1, ?2)",
            [path.as_os_str().as_bytes(), on.as_os_str().as_bytes()],
        ),
        Fact::Worktree { path, on: None } => execute(
            tx,
            "DELETE FROM worktree WHERE path = ?1",
            [path.as_os_str().as_bytes()],
        ),
        Fact::Operator { worker, run } => set_worker(tx, worker, "stopped", !run),
        Fact::Held { worker, reason } => set_worker(tx, worker, "held", reason),
        Fact::Spent { worker, spent } => {
            let spent = spent.as_ref().map(json).transpose()?;
            set_worker(tx, worker, "spent", spent)
        }
        Fact::Breaker { worker, breaker } => {
            let breaker = breaker.as_ref().map(json).transpose()?;
            set_worker(tx, worker, "breaker", breaker)
        }
        Fact::Restarts { worker, restarts } => set_worker(tx, worker, "restarts", json(restarts)?),
        Fact::Decided {
            attempt,
            at,
            boot,
            phase,
            definition,
            owed,
        } => {
            tx.prepare_cached(
                "INSERT INTO attempt (worker, attempt, decided, boot, phase, definition, owed, knows)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?5)
                 ON CONFLICT DO UPDATE SET decided = ?3, boot = ?4, phase = ?5, definition = ?6,
                                           owed = ?7, knows = ?5,
                                           number = (SELECT max(number) + 1 FROM attempt)",
            )?
            .execute(params![
                attempt.worker.as_str(),
                attempt.attempt.as_str(),
                at.to_string(),
                boot.to_string(),
                phase.as_ref().map(|id| id.as_str()),
                definition.cast_signed(),
                owed.as_ref().map(json).transpose()?,
            ])?;
            prune_attempts(tx, &attempt.worker)
        }
        Fact::Started { attempt, identity } => execute(
            tx,
            "INSERT INTO attempt (worker, attempt, identity) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET identity = ?3",
            params![
                attempt.worker.as_str(),
                attempt.attempt.as_str(),
                json(identity)?
            ],
        ),
        Fact::Owes { attempt, debt } => execute(
            tx,
            "INSERT INTO attempt (worker, attempt, owed, knows) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET owed = ?3, knows = ?4",
            params![
                attempt.worker.as_str(),
                attempt.attempt.as_str(),
                debt.owed.as_ref().map(json).transpose()?,
                debt.knows.as_ref().map(|id| id.as_str()),
            ],
        ),
        Fact::LastSign { attempt, sign } => execute(
            tx,
            "INSERT INTO attempt (worker, attempt, last_sign) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET last_sign = ?3",
            params![
                attempt.worker.as_str(),
                attempt.attempt.as_str(),
                sign.as_ref().map(json).transpose()?,
            ],
        ),
        Fact::Stopping { attempt, stopping } => execute(
            tx,
            "INSERT INTO attempt (worker, attempt, stopping) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET stopping = ?3",
            params![
                attempt.worker.as_str(),
                attempt.attempt.as_str(),
                json(stopping)?
            ],
        ),
        Fact::Ended {
            attempt,
            at,
            exit,
            stopped,
        } => execute(
            tx,
            "INSERT INTO attempt (worker, attempt, ended, exit, stopped)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET ended = ?3, exit = ?4, stopped = ?5 WHERE ended IS NULL",
            params![
                attempt.worker.as_str(),
                attempt.attempt.as_str(),
                at.to_string(),
                json(exit)?,
                stopped,
            ],
        ),
        Fact::Alive { at } => set_meta(tx, "alive", Some(&at.to_string())),
        Fact::Notice(notice) => add_notice(tx, notice),
    }
}

/// A goodbye, as it is kept.
#[derive(Serialize, serde::Deserialize)]
pub(super) struct Goodbye {
    pub(super) boot: BootId,
    pub(super) at: jiff::Timestamp,
}

/// Adds a boot that REBOOTS.md lists.
pub(super) fn add_listed_boot(conn: &Connection, boot: &RecordedBoot) -> rusqlite::Result<()> {
    add_boot(
        conn,
        Some(boot.number),
        &boot.boot,
        boot.record.as_ref(),
        true,
    )
}

/// Adds the boots that REBOOTS.md has in our form and the database has not: it was first to know
/// them, so it lost them. Says how many there were.
pub(super) fn add_lost_boots(
    conn: &mut Connection,
    listed: &[RecordedBoot],
) -> rusqlite::Result<usize> {
    let tx = conn.transaction()?;
    let mut added = 0;
    for boot in listed.iter().filter(|boot| boot.record.is_some()) {
        let (known, next): (bool, u64) = tx.query_row(
            "SELECT EXISTS (SELECT 1 FROM boot WHERE boot_id = ?1),
                    (SELECT coalesce(max(number) + 1, 0) FROM boot)",
            [boot.boot.to_string()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        if !known {
            add_listed_boot(
                &tx,
                &RecordedBoot {
                    number: boot.number.max(next),
                    ..boot.clone()
                },
            )?;
            added += 1;
        }
    }
    tx.commit()?;
    Ok(added)
}

/// Adds a boot, by default with the next number; one that is known already is left as it is.
fn add_boot(
    conn: &Connection,
    number: Option<u64>,
    id: &BootId,
    record: Option<&Boot>,
    listed: bool,
) -> rusqlite::Result<()> {
    let record = record.map(json).transpose()?;
    let added = conn.execute(
        "INSERT INTO boot (number, boot_id, record, listed)
         VALUES (coalesce(?1, (SELECT max(number) + 1 FROM boot), 0), ?2, ?3, ?4)
         ON CONFLICT DO NOTHING",
        params![number, id.to_string(), record, listed],
    )?;
    if added > 0 {
        conn.execute(
            "DELETE FROM boot WHERE number <= (SELECT max(number) FROM boot) - ?1",
            [BOOTS],
        )?;
    }
    Ok(())
}

/// Records the resume point with the texts of its file.
pub(super) fn set_resume_point(conn: &Connection, kept: &Kept) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO resume_point (one, point, text, previous) VALUES (1, ?1, ?2, ?3)",
    )?
    .execute(params![json(&kept.point)?, kept.text, kept.previous])?;
    set_meta(conn, POINT_LOST, None)
}

/// Sets or, with `None`, removes one value.
pub(super) fn set_meta(conn: &Connection, name: &str, value: Option<&str>) -> rusqlite::Result<()> {
    match value {
        Some(value) => conn
            .prepare_cached("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)")?
            .execute([name, value])?,
        None => conn
            .prepare_cached("DELETE FROM meta WHERE name = ?1")?
            .execute([name])?,
    };
    Ok(())
}

fn set_worker(
    tx: &Transaction<'_>,
    worker: &WorkerName,
    column: &'static str,
    value: impl ToSql,
) -> rusqlite::Result<()> {
    let sql = format!(
        "INSERT INTO worker (name, {column}) VALUES (?1, ?2)
         ON CONFLICT DO UPDATE SET {column} = ?2"
    );
    tx.prepare_cached(&sql)?
        .execute(params![worker.as_str(), value])?;
    Ok(())
}

fn add_notice(tx: &Transaction<'_>, notice: &Notice) -> rusqlite::Result<()> {
    let level = match notice.level {
        Level::Info => "info",
        Level::Warning => "warning",
        Level::Error => "error",
    };
    execute(
        tx,
        "INSERT INTO notice (at, event, level, worker, attempt, phase, text)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            notice.at.to_string(),
            notice.event,
            level,
            notice.worker.as_ref().map(|name| name.as_str()),
            notice.attempt.as_ref().map(|id| id.as_str()),
            notice.phase.as_ref().map(|id| id.as_str()),
            notice.text,
        ],
    )?;
    let number = tx.last_insert_rowid();
    if number % PRUNE_EVERY == 0 {
        execute(
            tx,
            "DELETE FROM notice WHERE number <= ?1",
            [number - NOTICES],
        )?;
    }
    Ok(())
}

fn prune_attempts(tx: &Transaction<'_>, worker: &WorkerName) -> rusqlite::Result<()> {
    let oldest: Option<i64> = tx
        .prepare_cached(
            "SELECT number FROM attempt WHERE worker = ?1
             ORDER BY number DESC LIMIT 1 OFFSET ?2",
        )?
        .query_row(params![worker.as_str(), ATTEMPTS - 1], |row| row.get(0))
        .optional()?;
    match oldest {
        Some(oldest) => execute(
            tx,
            "DELETE FROM attempt WHERE worker = ?1 AND number < ?2",
            params![worker.as_str(), oldest],
        ),
        None => Ok(()),
    }
}

fn execute(tx: &Transaction<'_>, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<()> {
    tx.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}
