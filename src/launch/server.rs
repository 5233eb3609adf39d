//! The tmux server around an attempt, here or on another host: one way to ask it.
//!
//! Promise: a question ends within its limit, and a host that does not answer is an error that says so. Here
//! tmux is asked as whom it is to be asked ([`whose`](super::whose)); on another host as whoever we are there,
//! in one call with all else that is to be seen.

use std::{path::PathBuf, time::Duration};

use super::{
    as_user::AsUser,
    attempt::way_in,
    command::{CommandError, Request},
    context::Context,
    directory::Start,
    remote::{Around, Far},
    tmux,
    whose::to_be_asked_as,
};
use crate::{causes::in_one_line, model::AttemptRef};

pub(super) use super::remote::{Also, Asked};

/// Bytes of an answer that are taken; a screen of 200 columns and 50 lines has some 60 KiB with its colours.
const LARGEST: usize = 1024 * 1024;

/// One server, and the way to it.
pub(super) struct Server<'a> {
    context: &'a Context,
    of: AttemptRef,
    way: Way,
}

enum Way {
    Here(Box<Here>),
    There(Far),
}

struct Here {
    tmux: PathBuf,
    socket: PathBuf,
    as_user: Option<AsUser>,
    start: Start,
}

/// What tmux said, and what else was to be seen on another host.
pub(super) struct Answer {
    pub(super) said: String,
    pub(super) around: Option<Around>,
}

impl<'a> Server<'a> {
    /// # Errors
    /// Why there is no way to it.
    pub(super) async fn of(context: &'a Context, attempt: &AttemptRef) -> Result<Self, String> {
        let directory = context.directory(attempt);
        let far = directory.spec().and_then(|spec| spec.far);
        let way = match far {
            Some(afar) => Way::There(context.hosts.declared(&afar)?),
            None => {
                let none = "it has no terminal";
                let start = directory.start().filter(|start| start.pane.is_some());
                let start = start.ok_or(none)?;
                let socket = way_in(context, attempt).await?.ok_or(none)?;
                let as_user = to_be_asked_as(&socket);
                let as_user = as_user.map_err(|error| format!("{}: {error}", socket.display()))?;
                Way::Here(Box::new(Here {
                    tmux: super::find("tmux").ok_or("tmux is not in PATH")?,
                    socket,
                    as_user: as_user.map(AsUser::number),
                    start,
                }))
            }
        };
        Ok(Self {
            context,
            of: attempt.clone(),
            way,
        })
    }

    /// What tmux knows the pane by.
    pub(super) fn target(&self) -> String {
        match &self.way {
            Way::Here(_) => tmux::target(&self.of.worker),
            Way::There(far) => tmux::target_in(&far.session(&self.of.worker)),
        }
    }

    /// How the attempt began, of one that is here.
    pub(super) fn start(&self) -> Option<&Start> {
        match &self.way {
            Way::Here(here) => Some(&here.start),
            Way::There(_) => None,
        }
    }

    /// Asks tmux these questions in one call.
    ///
    /// # Errors
    /// Why there is no answer; what was asked may have been done.
    pub(super) async fn ask(&self, asked: Asked<'_>) -> Result<Answer, String> {
        match &self.way {
            Way::Here(here) => self.ask_here(here, asked).await,
            Way::There(far) => {
                let (said, around) = far.tmux(&self.of, &asked, LARGEST).await?;
                Ok(Answer { said, around })
            }
        }
    }

    async fn ask_here(&self, here: &Here, asked: Asked<'_>) -> Result<Answer, String> {
        let mut arguments = vec!["-S".into(), here.socket.clone().into()];
        let words = asked.questions.join(&";");
        arguments.extend(words.into_iter().map(Into::into));
        let request = Request {
            program: here.tmux.clone(),
            arguments,
            workdir: "/".into(),
            environment: Vec::new(),
            as_user: here.as_user.clone(),
            input: asked.input.as_bytes().to_vec(),
            limit: asked.within,
            keep: LARGEST,
            cgroup: None,
        };
        let outcome = self.context.runner.run(request).await;
        let outcome = outcome.map_err(|error| match error {
            CommandError::TimedOut { .. } => self.silent(here, asked.within),
            CommandError::Start { .. } | CommandError::Unseen { .. } => in_one_line(&error),
        })?;
        if !outcome.exit.is_success() {
            let said = String::from_utf8_lossy(&outcome.errors);
            return Err(format!("tmux: {}: {}", outcome.exit, said.trim()));
        }
        Ok(Answer {
            said: String::from_utf8_lossy(&outcome.output).into_owned(),
            around: None,
        })
    }

    /// Why a server may say nothing, and what helps.
    fn silent(&self, here: &Here, within: Duration) -> String {
        let within = within.as_secs();
        let Some(server) = here.start.pane.map(|pane| pane.server) else {
            return format!("its tmux server did not answer within {within} s");
        };
        let pid = server.pid;
        let silent = format!("its tmux server, pid {pid}, did not answer within {within} s");
        let cgroup = here.start.cgroup.as_ref();
        if let Some(thaws) = cgroup.and_then(|cgroup| self.context.settings.house.thaws(cgroup)) {
            return format!("{silent}: it is frozen, and goes on after: {thaws}");
        }
        match server.stat() {
            Ok(Some(stat)) if stat.is_stopped() => {
                format!("{silent}: it is stopped, and goes on after: kill -CONT {pid}")
            }
            _ => silent,
        }
    }
}
