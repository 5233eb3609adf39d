//! A text that somebody before us has typed and may not have submitted: known again by a number.
//!
//! Promise: nothing is submitted but what is wholly that text; a program's mark for a text may stand for
//! any, and is none.

use std::{hash::Hasher as _, time::Duration};

use fnv::FnvHasher;

use super::{
    Look, Permission, Refusal,
    permission::{disturbed, engaged, idle, reachable},
    standing::key,
};
use crate::agent::profile::Profile;

/// What tells a text on an input line from others, without saying what it is; the same on every machine.
/// It is of what [every terminal shows](super) of it as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub u64);

impl Digest {
    /// That of this text; `None` where it has nothing that every terminal shows.
    pub fn of(text: &str) -> Option<Self> {
        let text = key(text);
        let mut hasher = FnvHasher::default();
        hasher.write(text.as_bytes());
        (!text.is_empty()).then(|| Self(hasher.finish()))
    }
}

/// What is on the input line, if that is wholly the text of this digest and may be submitted. Nobody who is
/// attached has pressed a key for as long as this.
///
/// # Errors
/// Why nothing may be submitted, whatever is there.
pub fn may_submit_left(
    profile: &Profile,
    digest: Digest,
    undisturbed: Duration,
    look: &Look,
) -> Result<Option<String>, Refusal> {
    let permission = Permission {
        busy: false,
        undisturbed,
        ..Permission::default()
    };
    reachable(profile, look)?;
    engaged(permission, look).map_or(Ok(()), Err)?;
    idle(profile, look)?;
    disturbed(permission, look).map_or(Ok(()), |idle| Err(Refusal::Attached { idle }))?;
    let typed = look.input(profile).and_then(|input| input.typed.as_deref());
    let mark = profile.input.pasted.as_ref();
    let is_it = |typed: &&str| {
        Digest::of(typed) == Some(digest) && !mark.is_some_and(|mark| mark.is_match(typed))
    };
    Ok(typed.filter(is_it).map(str::to_owned))
}
