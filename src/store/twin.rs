//! What the database holds beside its history, kept in memory.
//!
//! Promise: it has what a daemon that starts now would restore. So a database that is taken away from
//! under a running daemon is written anew with everything that counts; only the history is lost.
//!
//! How: the same structure, in a SQLite database without a file; each commit is done to both. Triggers
//! keep it small: no notices, and of attempts only the last of each worker and those that are open.

use rusqlite::{Connection, Transaction, params_from_iter, types::Value};

use super::database;

/// Bounds it. Of the attempts whose end is recorded, 16 are more than what is restored can need.
const BOUNDS: &str = "
    CREATE TRIGGER no_notices AFTER INSERT ON notice BEGIN
        DELETE FROM notice;
    END;
    CREATE TRIGGER few_attempts AFTER INSERT ON attempt BEGIN
        DELETE FROM attempt WHERE worker = NEW.worker AND ended IS NOT NULL AND number < (
            SELECT number FROM attempt WHERE worker = NEW.worker
            ORDER BY number DESC LIMIT 1 OFFSET 15);
    END;";

#[derive(Debug)]
pub(super) struct Twin(Connection);

impl Twin {
    /// Of this database.
    pub(super) fn of(conn: &Connection) -> rusqlite::Result<Self> {
        let twin = database::in_memory()?;
        twin.execute_batch(BOUNDS)?;
        copy(conn, &twin)?;
        Ok(Self(twin))
    }

    /// What was committed there is done here.
    pub(super) fn follow(
        &mut self,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let tx = self.0.transaction()?;
        change(&tx)?;
        tx.commit()
    }

    /// Fills a new database.
    pub(super) fn fill(&self, conn: &Connection) -> rusqlite::Result<()> {
        copy(&self.0, conn)
    }

    /// To be read like the database; its history is empty.
    pub(super) fn conn(&self) -> &Connection {
        &self.0
    }
}

/// Copies every table but the history. A new database has one row already: who made it.
fn copy(from: &Connection, to: &Connection) -> rusqlite::Result<()> {
    let tables: Vec<String> = from
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'notice'")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for table in tables {
        let mut select = from.prepare(&format!("SELECT * FROM {table}"))?;
        let columns = select.column_count();
        let values = vec!["?"; columns].join(", ");
        let mut insert =
            to.prepare(&format!("INSERT OR REPLACE INTO {table} VALUES ({values})"))?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let row: Vec<Value> = (0..columns)
                .map(|column| row.get(column))
                .collect::<rusqlite::Result<_>>()?;
            insert.execute(params_from_iter(row))?;
        }
    }
    Ok(())
}
