//! Users and groups of this machine, by their names or their numbers.

use std::path::PathBuf;

use nix::{
    Result,
    unistd::{Gid, Group, Uid, User},
};

/// The user of this name or number; `None` when there is none. As in the rest of the world, a name of
/// nothing but digits is a number.
///
/// # Errors
/// When the machine could not say.
pub fn user(name: &str) -> Result<Option<User>> {
    match name.parse() {
        Ok(number) => User::from_uid(Uid::from_raw(number)),
        Err(_) => User::from_name(name),
    }
}

/// The group of this name or number; `None` when there is none.
///
/// # Errors
/// As [`user`].
pub fn group(name: &str) -> Result<Option<Group>> {
    match name.parse() {
        Ok(number) => Group::from_gid(Gid::from_raw(number)),
        Err(_) => Group::from_name(name),
    }
}

/// The command that shows a user (getent(1)), for who looks for one at length.
pub(crate) fn shows_user(name: &str) -> PathBuf {
    format!("getent passwd {name}").into()
}

/// As [`shows_user`], of a group.
pub(crate) fn shows_group(name: &str) -> PathBuf {
    format!("getent group {name}").into()
}
