//! One worker as the core sees it: its definition, what is wanted of it and where its life stands.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    KnownConversation, Restarts, breaker::Breaker, life::Life, limit::Limit, say::Past,
    spend::Spend, unstick::Unstick, watch::Watching, worktree::Tree,
};
use crate::{
    config,
    model::{AttemptRef, Exit, Now, WorkerName},
};

/// How long a host may take to say that an attempt runs before it is asked again.
pub(super) const START_SILENCE: Duration = Duration::from_secs(30);
/// After the own process ended, how long the rest of its tree has before it is signalled.
pub(super) const LEFTOVERS: Duration = Duration::from_millis(50);
/// From one SIGKILL to the next when something survives it.
pub(super) const KILL_AGAIN: Duration = Duration::from_secs(5);
/// A probe that has not answered by then is taken for a failed one.
pub(super) const PROBE_SILENCE: Duration = Duration::from_secs(60);
/// From one question to a host that does not answer to the next.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Worker {
    pub(super) rules: config::Worker,
    pub(super) definition: u64,
    /// Whether the configuration still has it.
    pub(super) declared: bool,
    /// Whether the operator wants it to run.
    pub(super) run: bool,
    /// What the operator asked for that has not begun yet.
    pub(super) asked: Asked,
    pub(super) life: Life,
    /// When its state last changed.
    pub(super) since: Timestamp,
    /// When its last attempt ended that an earlier daemon saw, while it is not known whether it has
    /// stood still from then on.
    pub(super) still_since: Option<Timestamp>,
    pub(super) restarts: Restarts,
    /// Its usage limit, from when it was seen until it is seen to be over.
    pub(super) limit: Option<Limit>,
    /// What keeps its agent from its work, from when it was seen until it is over.
    pub(super) unstick: Option<Unstick>,
    /// What it has spent of this day.
    pub(super) spend: Spend,
    /// What its rounds came to.
    pub(super) breaker: Breaker,
    /// How its last attempt ended that ran; that of one that never ran only where none ever did.
    pub(super) last_exit: Option<Exit>,
    /// What its last attempt leaves to what the next one is told.
    pub(super) past: Option<Past>,
    /// For what its last start was put off; `None` since it was started, or is not to be.
    pub(super) short: Option<String>,
    /// How far its worktree is, where that is made before each start.
    pub(super) tree: Tree,
    /// What of its worktree was told last that is not as declared.
    pub(super) left: Vec<String>,
    /// What its agent goes on with.
    pub(super) conversation: Option<KnownConversation>,
    /// Something was said in it since its present attempt began.
    pub(super) conversed: bool,
    /// It was started to go on with its conversation.
    pub(super) resumes: bool,
    /// The id of a conversation that the last look at it saw.
    pub(super) shown: Option<String>,
}

/// What the operator asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Asked {
    Nothing,
    /// An attempt that lives, whatever ended before.
    Start,
    /// Another attempt than the present one.
    Restart,
}

impl Worker {
    pub(super) fn new(rules: config::Worker, now: Now) -> Self {
        Self {
            definition: rules.definition(),
            rules,
            declared: true,
            run: true,
            asked: Asked::Nothing,
            life: Life::Waiting("the host has not answered yet".into()),
            since: now.wall,
            still_since: None,
            restarts: Restarts::default(),
            limit: None,
            unstick: None,
            spend: Spend::default(),
            breaker: Breaker::default(),
            last_exit: None,
            past: None,
            short: None,
            tree: Tree::Unseen,
            left: Vec::new(),
            conversation: None,
            conversed: false,
            resumes: false,
            shown: None,
        }
    }

    pub(super) fn name(&self) -> &WorkerName {
        &self.rules.name
    }

    /// Whether an attempt of this definition is what is declared.
    pub(super) fn is_of(&self, definition: u64) -> bool {
        self.definition == definition || self.rules.is_vague()
    }

    /// Nobody has said yet how its attempt ended.
    pub(super) fn may_end(&self) -> bool {
        match &self.life {
            Life::Starting { .. } | Life::Running { .. } | Life::Lost { .. } => true,
            Life::Stopping { end, .. } => end.is_none(),
            Life::Waiting(_) | Life::BackingOff { .. } | Life::Stopped(_) | Life::Held(_) => false,
        }
    }

    /// Enters another stretch of life; the clock on the screen restarts only when the word changes.
    /// What is found running has run all the time.
    pub(super) fn becomes(&mut self, life: Life, now: Now) {
        if self.life.state() != life.state() {
            let found = match (&self.life, &life) {
                (Life::Lost { .. }, Life::Running { attempt, .. }) => Some(attempt),
                (_, Life::Running { attempt, .. }) if attempt.adopted => Some(attempt),
                _ => None,
            };
            let stands = matches!(life, Life::Stopped(_) | Life::Held(_));
            let began = match found {
                Some(attempt) => attempt.of.attempt.decided(),
                None => self.still_since.filter(|_| stands),
            };
            self.since = began.map_or(now.wall, |began| began.min(now.wall));
        }
        match &life {
            Life::Running { .. } | Life::Stopped(_) | Life::Held(_) => self.short = None,
            Life::Waiting(_)
            | Life::BackingOff { .. }
            | Life::Starting { .. }
            | Life::Stopping { .. }
            | Life::Lost { .. } => {}
        }
        self.life = life;
    }

    /// One of its attempts never ran. How an earlier one ended is still what counts.
    pub(super) fn never_ran(&mut self, exit: Exit) {
        if self.last_exit.as_ref().is_none_or(Exit::never_ran) {
            self.last_exit = Some(exit);
        }
    }

    /// What the looks at its agent came to.
    pub(super) fn watching(&self) -> Option<&Watching> {
        let Life::Running { watching, .. } = &self.life else {
            return None;
        };
        watching.as_deref()
    }

    pub(super) fn watching_mut(&mut self) -> Option<&mut Watching> {
        let Life::Running { watching, .. } = &mut self.life else {
            return None;
        };
        watching.as_deref_mut()
    }

    /// Its attempt, if it is the one that is spoken of.
    pub(super) fn is_attempt(&self, of: &AttemptRef) -> bool {
        self.life.attempt().is_some_and(|attempt| attempt.of == *of)
    }
}
