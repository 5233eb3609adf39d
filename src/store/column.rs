//! Columns into values. What cannot be one is an error that may mean damage, never a guess.

use std::str::FromStr;

use rusqlite::{Row, types::Type};
use serde::de::DeserializeOwned;

use crate::{decide::Level, model::AttemptRef};

pub(super) fn reference(row: &Row<'_>) -> rusqlite::Result<AttemptRef> {
    Ok(AttemptRef {
        worker: text(row, 0)?,
        attempt: text(row, 1)?,
    })
}

pub(super) fn level(row: &Row<'_>, at: usize) -> rusqlite::Result<Level> {
    match row.get_ref(at)?.as_str()? {
        "info" => Ok(Level::Info),
        "warning" => Ok(Level::Warning),
        "error" => Ok(Level::Error),
        other => Err(unreadable(at, format!("{other:?} is no level").into())),
    }
}

pub(super) fn text<T>(row: &Row<'_>, at: usize) -> rusqlite::Result<T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    row.get_ref(at)?
        .as_str()?
        .parse()
        .map_err(|error: T::Err| unreadable(at, error.into()))
}

pub(super) fn optional<T>(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<T>>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    match row.get_ref(at)?.as_str_or_null()? {
        Some(_) => text(row, at).map(Some),
        None => Ok(None),
    }
}

pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, at: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(at)?.as_str()?).map_err(|error| unreadable(at, error.into()))
}

pub(super) fn optional_json<T: DeserializeOwned>(
    row: &Row<'_>,
    at: usize,
) -> rusqlite::Result<Option<T>> {
    match row.get_ref(at)?.as_str_or_null()? {
        Some(_) => json(row, at).map(Some),
        None => Ok(None),
    }
}

pub(super) fn unreadable(
    at: usize,
    why: Box<dyn std::error::Error + Send + Sync + 'static>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(at, Type::Text, why)
}
