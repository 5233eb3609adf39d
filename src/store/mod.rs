//! What no host can tell: the resume point, boots, operator's decisions, budgets, history.
//!
//! Promise: a fact is on the disk when [`Store::record`] has returned `Ok`. The facts up to
//! [`Fact::Operator`] survive a power cut from then on, the others a crash of the daemon (a power
//! cut may take those of the last seconds; what they tell of is mostly gone with it). After an
//! `Err` none of the slice counts, except that a resume point, a boot or a pause may have got as far as the
//! database; recording it again is right in every case. Damage is set aside under a new name and
//! reported, and never written over. The resume point is in two places, and either one is enough.
//! A database that is taken away or overwritten while the daemon runs is noticed by the next commit
//! and made anew with everything but its history; so is the whole directory, which is locked again
//! before anything is in it.
//!
//! # In the state directory
//!
//! | name | what it is | mode |
//! |---|---|---|
//! | `loopkeeper.db`, `-wal` | everything below, and the history, in SQLite | 0600 |
//! | `phase-idx` | the resume point, to be read and edited: [`phase_file`] | 0644 |
//! | `handoff/GATE.toml` | where a gate stands: [`gates`] | 0600 |
//! | `standstill` | why it runs no loop, whatever the database says: handed over, or an import cut off | 0644 |
//! | `REBOOTS.md` | one entry for each reboot | 0644 |
//! | `lock` | of the daemon that has the directory's flock(2), or had it last: pid, configuration | 0600 |
//! | `<name>.damaged-<UTC time>` | what was set aside; ours to make, yours to delete | |
//! | `<name>.new` | being written, or left by a crash; never read | |
//!
//! # How it survives
//!
//! Facts of one call are one transaction in SQLite's write-ahead log. It is synced at once
//! (`synchronous=FULL`) when a fact has to survive a power cut, else by the kernel's write-back. The
//! resume point goes to the database first, then to the file; `resume` has the rule that tells a
//! crash between the two from an edit by hand. The new file is synced before the database commits,
//! so a full disk is met while the old point still stands everywhere.
//!
//! # From one version to the next
//!
//! `structure` has the rule: a newer program upgrades, an older one refuses and touches nothing.
//! `tests/store/golden` has a state directory of every version there was.
//!
//! # The first boot
//!
//! The first boot that is ever seen is the beginning and no reboot. It has the number 0, and in
//! REBOOTS.md the line `Watched since …` instead of an entry.
//!
//! # Without a disk
//!
//! Where the database cannot be opened for writing (read-only or full disk, no permission),
//! [`Store::open`] still restores what can be read and reports [`Problem::Degraded`]. Each
//! [`Store::record`] then tries to open it again, and fails as long as it cannot.

mod access;
mod atomic_file;
mod column;
mod database;
mod declared;
mod directory;
mod error;
#[cfg(test)]
mod fuzz;
pub mod gates;
mod load;
mod lock;
mod moved;
mod open;
pub mod phase_file;
mod read;
mod reboots_file;
mod resume;
mod snapshot;
mod standstill;
mod structure;
mod twin;
mod write;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

pub use declared::Declared;
pub use error::{Problem, StoreError};
pub use moved::{DATABASE, FILES};
pub use open::Opened;
pub use read::{History, RecordedAttempt, RecordedBoot};
pub use snapshot::ReadOnly;

use crate::{
    decide::{Fact, Gate, ResumePoint},
    model::{GateName, PhaseId},
};
use access::{Access, Survives};
use database::database_error;
use resume::Kept;
use twin::Twin;

/// The state directory, owned: while this lives no other daemon can have it.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    database: PathBuf,
    access: Access,
    /// What the database holds beside its history.
    twin: Twin,
    /// The resume point and the texts of its file that are our own.
    kept: Option<Kept>,
    /// Where gates stand, by their files.
    gates: BTreeMap<GateName, Gate>,
    problems: Vec<Problem>,
    lock: lock::Lock,
    /// What is told of us beside the lock.
    config: Option<PathBuf>,
}

impl Store {
    /// Opens the state directory, making it (mode 0700) if there is none. The ids of the plan are
    /// needed to understand a `phase-idx` that somebody edited.
    ///
    /// # Errors
    /// [`StoreError::InUse`], [`StoreError::Newer`], or a directory that cannot be made or locked.
    /// Everything else is reported in [`Opened::problems`].
    pub fn open(dir: &Path, plan: &[PhaseId]) -> Result<Opened, StoreError> {
        open::open(dir, plan)
    }

    /// What the store would restore, and the history, without making or changing any file there,
    /// also while a daemon has it. A state directory that is not there is an empty one.
    ///
    /// # Errors
    /// [`StoreError::Newer`], or files that cannot be read or copied.
    pub fn read_only(dir: &Path, plan: &[PhaseId]) -> Result<ReadOnly, StoreError> {
        ReadOnly::open(dir, plan)
    }

    /// The pid of the daemon that has this state directory, if one has it and could leave its pid.
    pub fn holder(dir: &Path) -> Option<i32> {
        lock::holder(dir)
    }

    /// Whether no daemon has this state directory, as far as that can be seen.
    pub fn is_free(dir: &Path) -> bool {
        lock::is_free(dir)
    }

    /// The configuration of the daemon that has this state directory, or had it last, where it is
    /// known and there.
    pub fn config_of(dir: &Path) -> Option<PathBuf> {
        lock::config(dir).filter(|config| config.exists() || lock::holder(dir).is_some())
    }

    /// Leaves a note of the configuration that this daemon keeps: [`Store::config_of`].
    pub fn note_config(&mut self, config: &Path) {
        self.config = Some(config.to_owned());
        self.lock.tell_of_us(&self.dir, Some(config));
    }

    /// Records the facts, all or none.
    ///
    /// # Errors
    /// Names the file that refused. The facts are to be recorded again if they still matter.
    pub fn record(&mut self, facts: &[Fact]) -> Result<(), StoreError> {
        self.keep()?;
        self.recover()?;
        let point = facts.iter().rev().find_map(|fact| match fact {
            Fact::Phase(point) => Some(point.clone()),
            _ => None,
        });
        let kept = point.map(|point| self.next_kept(point));
        let path = phase_file::place(&self.dir);
        let file = kept
            .as_ref()
            .map(|kept| atomic_file::prepare(&path, kept.text.as_bytes(), 0o644))
            .transpose()?;
        let survives = match facts.iter().any(Fact::survives_power_cut) {
            true => Survives::PowerCut,
            false => Survives::Crash,
        };
        self.commit(survives, |conn| {
            for fact in facts {
                write::apply(conn, fact)?;
            }
            kept.iter()
                .try_for_each(|kept| write::set_resume_point(conn, kept))
        })?;
        if let (Some(kept), Some(file)) = (kept, file) {
            self.kept = Some(kept);
            file.publish()?;
            self.confirm_phase_file();
        }
        self.follow_pause(facts)?;
        if facts.iter().any(|fact| matches!(fact, Fact::Boot(_))) {
            self.list_boots()?;
        }
        Ok(())
    }

    /// We wrote these bytes to `phase-idx`: they are no edit.
    pub fn is_own_phase_file(&self, bytes: &[u8]) -> bool {
        self.kept.as_ref().is_some_and(|kept| kept.is_ours(bytes))
    }

    /// Writes `phase-idx` anew from the recorded resume point, after somebody damaged or removed
    /// it. What is there is set aside; its new name is returned. Without a recorded point that is
    /// all that is done.
    ///
    /// # Errors
    /// When a file cannot be moved or written.
    pub fn restore_phase_file(&mut self) -> Result<Option<PathBuf>, StoreError> {
        self.keep()?;
        let path = phase_file::place(&self.dir);
        let aside = match atomic_file::exists(&path) {
            true => Some(atomic_file::set_aside(&path, &[])?),
            false => None,
        };
        self.write_phase_file()?;
        Ok(aside)
    }

    /// The reading half. While degraded, it shows what could be read when the store was opened.
    pub fn history(&self) -> History<'_> {
        match &self.access {
            Access::Writable(live) => History {
                conn: &live.conn,
                path: &self.database,
            },
            Access::Lost => History {
                conn: self.twin.conn(),
                path: &self.database,
            },
            Access::Degraded(read_only) => read_only.history(),
        }
    }

    /// What was found since the last call, when the database was opened again.
    pub fn problems(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.problems)
    }

    /// The resume point with the texts of its file, old and new.
    fn next_kept(&self, point: ResumePoint) -> Kept {
        let text = phase_file::render(&point);
        let previous = self
            .kept
            .as_ref()
            .map(|kept| match phase_file::read(&self.dir) {
                // An earlier file may not have been replaced: what is there now is what may stay.
                Ok(Some(bytes)) if kept.is_ours(&bytes) => {
                    String::from_utf8_lossy(&bytes).into_owned()
                }
                _ => kept.text.clone(),
            });
        Kept {
            point,
            text,
            previous,
        }
    }

    fn write_phase_file(&mut self) -> Result<(), StoreError> {
        if let Some(kept) = &self.kept {
            let path = phase_file::place(&self.dir);
            atomic_file::prepare(&path, kept.text.as_bytes(), 0o644)?.publish()?;
            self.confirm_phase_file();
        }
        Ok(())
    }

    /// The file has the new text. That this cannot be recorded does no harm: the text before, which
    /// nobody has a reason to bring back to the second, would be taken for ours once more.
    fn confirm_phase_file(&mut self) {
        let Some(kept) = &mut self.kept else { return };
        kept.previous = None;
        let confirmed = self.commit(Survives::Crash, |conn| {
            conn.prepare_cached("UPDATE resume_point SET previous = NULL")?
                .execute([])?;
            Ok(())
        });
        drop(confirmed);
    }

    /// Brings REBOOTS.md up to the database.
    fn list_boots(&mut self) -> Result<(), StoreError> {
        let Access::Writable(live) = &self.access else {
            return Ok(());
        };
        let unlisted = read::unlisted(&live.conn)
            .map_err(|error| database_error(&self.database, "read", error))?;
        if unlisted.is_empty() {
            return Ok(());
        }
        self.problems
            .extend(reboots_file::add(&self.dir, &unlisted)?);
        self.commit(Survives::PowerCut, |conn| {
            for boot in &unlisted {
                conn.execute(
                    "UPDATE boot SET listed = 1 WHERE number = ?1",
                    [boot.number],
                )?;
            }
            Ok(())
        })
    }
}
