//! Where the plan stands, when the database and `phase-idx` each have something to say.
//!
//! Promise: the plan is never restarted, and no phase is skipped, because a file is missing,
//! damaged, or older than the other one.
//!
//! How: the database is written first, then the file, and the database keeps both texts of the
//! file, the new one and, until the file is known to be replaced, the one before. A file that holds
//! either is our own, and the database is right: a crash came between the two. Anything else in the
//! file was put there by a person, and the file is right if it can be understood. (The texts carry
//! the time they were written, so going back by hand does not look like a crash.)

use std::path::Path;

use jiff::Timestamp;

use super::{
    StoreError,
    phase_file::{self, Point, ReadError, in_words},
};
use crate::{
    causes::in_one_line,
    decide::{POINT_LOST, ResumePoint, SetBy},
    model::PhaseId,
};

/// The resume point as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    /// The point.
    pub(super) point: ResumePoint,
    /// What `phase-idx` has to say for it.
    pub(super) text: String,
    /// What it said before, until it is known to have been replaced.
    pub(super) previous: Option<String>,
}

impl Kept {
    /// We wrote these bytes to `phase-idx`.
    pub(super) fn is_ours(&self, bytes: &[u8]) -> bool {
        bytes == self.text.as_bytes()
            || self
                .previous
                .as_ref()
                .is_some_and(|p| bytes == p.as_bytes())
    }
}

/// What the database says.
#[derive(Debug)]
pub(super) enum Record {
    /// There never was a resume point.
    Fresh,
    /// It has one.
    Kept(Kept),
    /// There may have been one, and it is lost; the text says why.
    Lost(String),
}

/// What `phase-idx` says.
#[derive(Debug)]
pub(super) enum File {
    /// It is not there.
    Missing,
    /// It has these bytes.
    Bytes(Vec<u8>),
    /// It cannot be a `phase-idx`; the text says why.
    Damaged(String),
    /// The kernel does not let us read it.
    Unreadable(StoreError),
}

impl File {
    /// The one in this state directory.
    pub(super) fn of(dir: &Path) -> Self {
        match phase_file::read(dir) {
            Ok(None) => Self::Missing,
            Ok(Some(bytes)) => Self::Bytes(bytes),
            Err(ReadError::Unusable(why)) => Self::Damaged(why),
            Err(ReadError::Store(error)) => Self::Unreadable(error),
        }
    }
}

/// Where the plan stands, and what has to be done about it.
#[derive(Debug)]
pub(super) enum Standing {
    /// It was never begun.
    Fresh,
    /// Both agree.
    Agreed(ResumePoint),
    /// The database is right, and the file has to be written.
    Rewrite(Kept, Stale),
    /// The file is right, and has to be recorded; in words for the operator.
    Adopt(ResumePoint, String),
    /// It was begun and nobody knows where it stands. `file_damaged` says what is wrong with a file
    /// that has to be set aside.
    Lost {
        why: String,
        file_damaged: Option<String>,
    },
}

/// Why the file has to be written.
#[derive(Debug)]
pub(super) enum Stale {
    /// A crash came before it could be.
    Crash,
    /// It is gone.
    Missing,
    /// It has to be set aside first; the text says why.
    Damaged(String),
    /// It cannot be looked at, so it is left alone.
    Unreadable(StoreError),
}

/// Judges by what both say. `now` is the moment an edit is found.
pub(super) fn judge(record: Record, file: File, plan: &[PhaseId], now: Timestamp) -> Standing {
    match record {
        Record::Kept(kept) => judge_kept(kept, file, plan, now),
        // Without a plan there is nothing to understand a file by, and nothing to lose.
        Record::Fresh | Record::Lost(_) if plan.is_empty() => Standing::Fresh,
        Record::Fresh => match file {
            File::Missing => Standing::Fresh,
            file => judge_alone(file, "no resume point was ever recorded", plan, now),
        },
        Record::Lost(why) => judge_alone(file, &why, plan, now),
    }
}

fn judge_kept(kept: Kept, file: File, plan: &[PhaseId], now: Timestamp) -> Standing {
    let bytes = match file {
        File::Bytes(bytes) if bytes == kept.text.as_bytes() => return Standing::Agreed(kept.point),
        File::Bytes(bytes) if kept.is_ours(&bytes) => return Standing::Rewrite(kept, Stale::Crash),
        File::Missing => return Standing::Rewrite(kept, Stale::Missing),
        File::Unreadable(error) => return Standing::Rewrite(kept, Stale::Unreadable(error)),
        // Without a plan there is nothing to understand it by.
        _ if plan.is_empty() => return Standing::Agreed(kept.point),
        File::Damaged(why) => return Standing::Rewrite(kept, Stale::Damaged(why)),
        File::Bytes(bytes) => bytes,
    };
    match phase_file::parse(&bytes, plan) {
        Ok(point) if point.index == kept.point.index && same_phase(&kept.point, plan) => {
            Standing::Agreed(kept.point)
        }
        Ok(point) => adopt(point, plan, now),
        Err(error) => Standing::Rewrite(kept, Stale::Damaged(error.to_string())),
    }
}

/// The file is all there is.
fn judge_alone(file: File, no_record: &str, plan: &[PhaseId], now: Timestamp) -> Standing {
    let damaged = match file {
        File::Missing => {
            let why = format!("{no_record}, and phase-idx is missing");
            return Standing::Lost {
                why,
                file_damaged: None,
            };
        }
        File::Unreadable(error) => {
            let why = format!("{no_record}, and {}", in_one_line(&error));
            return Standing::Lost {
                why,
                file_damaged: None,
            };
        }
        File::Damaged(why) => why,
        File::Bytes(bytes) => match phase_file::parse(&bytes, plan) {
            Ok(point) => return adopt(point, plan, now),
            Err(error) => error.to_string(),
        },
    };
    let why = format!("{no_record}, and phase-idx is damaged: {damaged}");
    Standing::Lost {
        why,
        file_damaged: Some(damaged),
    }
}

fn same_phase(point: &ResumePoint, plan: &[PhaseId]) -> bool {
    point.id.as_ref() == plan.get(point.index)
}

fn adopt(point: Point, plan: &[PhaseId], now: Timestamp) -> Standing {
    let edited = ResumePoint::new(plan, point.index, now, SetBy::File);
    let mut words = in_words(&edited);
    if let Some(id) = &edited.id {
        words.push_str(&format!(", {id}"));
    }
    if let Some(note) = point.note {
        words.push_str(&format!(" ({note})"));
    }
    Standing::Adopt(edited, words)
}

/// The reason for which the rig is paused when the resume point is lost: one that somebody asked for
/// is still that. It stays true when there is a point again and the pause goes on.
pub(super) fn paused_for(why: &str, before: Option<String>) -> String {
    let asked_for = before.filter(|before| !before.starts_with(POINT_LOST));
    asked_for.unwrap_or_else(|| format!("{POINT_LOST}: {why}"))
}
