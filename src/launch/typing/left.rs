//! A text that an earlier daemon left on an input line.
//!
//! Promise: nothing is typed. Enter is pressed for what is wholly that text, by one look that allows it, and
//! pressed again as for any text.

use std::{sync::Mutex, time::Duration};

use super::{
    super::context::Context, Extent, Task, Terminal, Text, Typed, TypingError, WITHIN, plain,
    so_far,
};
use crate::{
    agent::{
        profile::Profile,
        typed::{Digest, Permission, may_submit_left},
    },
    model::AttemptRef,
};

/// Such a text, and for whom.
#[derive(Debug, Clone)]
pub struct Left {
    /// What runs in the terminal.
    pub profile: Profile,
    /// By what it is known again.
    pub digest: Digest,
    /// Nobody who is attached has pressed a key for as long as this.
    pub undisturbed: Duration,
}

/// Submits such a text, if it is there, and looks whether it is taken. Once begun, it has to be seen through.
pub(in crate::launch) async fn submit_left(
    context: &Context,
    attempt: &AttemptRef,
    left: &Left,
) -> Result<Typed, TypingError> {
    let extent = Mutex::new(Extent::Nothing);
    let unreachable = |why| TypingError::Terminal {
        why,
        extent: so_far(&extent),
    };
    let submitted = async {
        let terminal = Terminal::of(context, attempt, &left.profile).await;
        let terminal = terminal.map_err(unreachable)?;
        let look = terminal.look().await.map_err(unreachable)?;
        let found = may_submit_left(&left.profile, left.digest, left.undisturbed, &look);
        let found = found.map_err(|why| TypingError::Refused {
            why,
            screen: plain(&look.screen),
        })?;
        let text = Text {
            profile: left.profile.clone(),
            text: found.ok_or(TypingError::NotThere)?,
            permission: Permission::default(),
        };
        let task = Task {
            terminal: &terminal,
            text: &text,
            extent: &extent,
        };
        task.submit_seen(&look, look.clone()).await
    };
    let done = tokio::time::timeout(WITHIN, submitted).await;
    done.unwrap_or_else(|_| Err(unreachable(format!("it was not done within {WITHIN:?}"))))
}
