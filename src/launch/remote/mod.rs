//! Attempts on other hosts: each in a tmux of its own over there, behind one SSH connection a host.
//!
//! Promise: what runs over there does so whether or not we, our machine or the link live. Its exit is written
//! down there, as a code or a signal; its log is there from the first byte on, and comes here in order, each
//! byte once. A host that does not answer is *unknown*, and unknown is not dead. An attempt is begun at most
//! once, however late what we sent arrives: whoever makes its directory over there, and `go` in it, is the
//! only one who does. Nothing has to be installed but tmux, git and a POSIX shell; with perl, which most
//! systems have, a signal is told from the exit code that looks like it.
//!
//! How: [`script`] is what is run over there, and [`answer`] what it says. [`far`] keeps what is known of a
//! host: one process of ours waits there for whatever ends or is written, and says so in a line; nobody asks
//! again and again. [`life`] is one attempt, from its start to its last process, and [`log`] brings what it
//! writes into its directory here, where everybody reads it as if it had run here.
//!
//! # What is over there
//!
//! Below the host's `path`, which is ours alone:
//!
//! | file | says | written |
//! |---|---|---|
//! | `rigs/RIG/WORKER/ATTEMPT/` | all of an attempt; whoever makes it, begins it | first of all, or when it is asked for and not there: then it never begins |
//! | `…/run`, `…/tmux.conf` | what becomes the worker, and what tmux is told first | before anything runs |
//! | `…/go` | it begins; or, with `failed`, it never will | by the pane, or by who asks first |
//! | `…/start` | pids, their start times, the boot and the machine, whose files may be another's too | before the worker runs |
//! | `…/failed`, `…/busy` | why it never ran; through no fault of its own | instead of `start` |
//! | `…/log` | what its terminal was sent | by its tmux |
//! | `…/exit` | `code N`, `signal NAME`; or `shell N`, where there is no perl and it may be either | by the pane, when it ended |
//! | `…/left` | how many of its processes live | by the pane, after `exit` |
//! | `…/logged` | nothing: that the log is complete | after the last byte |
//! | `rigs/RIG/watch.MACHINE` | the process that waits there for us | by itself |
//! | `lib/` | what panes run | with the first start of a version |
//!
//! The sockets of tmux are in `$TMUX_TMPDIR`, or `/tmp`, in a directory that is ours alone, since their paths
//! have to be short.

mod answer;
mod around;
mod facts;
mod far;
mod life;
mod log;
mod script;

pub(super) use around::Around;
pub(crate) use far::{CHECKS_WITHIN, Far, Hosts, Session, Standing, WayThere};
pub(super) use life::{adopt, leftover, start};
pub(super) use script::{Also, Asked};

use super::tmux::options;
use crate::model::{Condition, Exit, Identity};

/// What is known of an attempt over there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Nothing; why.
    Unreachable(String),
    /// It is about to begin, or not to.
    Starting,
    /// It never ran and never will; why.
    Failed(String),
    /// The same, and no fault of its own: something else is in its place.
    Busy(String),
    /// It lives.
    Alive(Identity),
    /// It ended; so many of its processes live.
    Ended {
        /// Which process it was.
        identity: Identity,
        /// How.
        exit: Exit,
        /// So many of its processes live.
        left: usize,
    },
}

impl Seen {
    /// Takes what its host says. Answers may come late, and what is over stays so.
    ///
    /// Whether that is news.
    fn learn(&mut self, news: Self) -> bool {
        let news = match (&*self, news) {
            (
                Self::Ended { .. } | Self::Failed(_) | Self::Busy(_),
                Self::Alive(_) | Self::Starting,
            )
            | (Self::Alive(_), Self::Starting) => return false,
            (
                Self::Ended { left: before, .. },
                Self::Ended {
                    identity,
                    exit,
                    left,
                },
            ) => Self::Ended {
                identity,
                exit,
                left: left.min(*before),
            },
            (_, news) => news,
        };
        let differs = *self != news;
        *self = news;
        differs
    }

    /// In words, for a person.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Unreachable(why) => format!("not known: {why}"),
            Self::Starting => "is being started".into(),
            Self::Failed(why) | Self::Busy(why) => format!("never ran: {why}"),
            Self::Alive(identity) => format!("lives, pid {}", identity.pid),
            Self::Ended { exit, left: 0, .. } => format!("ended, {exit}"),
            Self::Ended { exit, left, .. } => {
                format!("ended, {exit}; {left} of its processes live")
            }
        }
    }

    /// In the words of every host.
    fn condition(&self) -> Condition {
        match self {
            Self::Unreachable(why) => Condition::Unknown(why.clone()),
            Self::Starting => Condition::Unknown("it is being started there".into()),
            Self::Failed(_) | Self::Busy(_) => Condition::NeverStarted,
            Self::Alive(identity) => Condition::Alive(identity.clone()),
            Self::Ended { exit, left, .. } => Condition::Ended {
                exit: exit.clone(),
                survivors: *left,
                by: None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_stays_so_however_late_an_answer_comes() {
        let identity = Identity {
            boot: "4c8f1f9d-3f9d-4b7e-9a53-6d0f3b8f2a11".parse().unwrap(),
            pid: 42,
            started: 4711,
        };
        let alive = Seen::Alive(identity.clone());
        let ended = |left| Seen::Ended {
            identity: identity.clone(),
            exit: Exit::Code(1),
            left,
        };
        let lost = Seen::Unreachable("cut".into());
        for (before, news, after, differs) in [
            (alive.clone(), ended(2), ended(2), true),
            (ended(2), alive.clone(), ended(2), false),
            (ended(2), ended(0), ended(0), true),
            (ended(0), ended(2), ended(0), false),
            (ended(0), lost.clone(), lost.clone(), true),
            (lost.clone(), alive.clone(), alive.clone(), true),
            (alive.clone(), Seen::Starting, alive.clone(), false),
            (alive.clone(), alive.clone(), alive.clone(), false),
        ] {
            let mut seen = before.clone();
            assert_eq!(
                seen.learn(news.clone()),
                differs,
                "{before:?}, then {news:?}"
            );
            assert_eq!(seen, after, "{before:?}, then {news:?}");
        }
    }
}
