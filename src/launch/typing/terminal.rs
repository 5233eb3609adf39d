//! The terminal of an attempt: looking at it, and pressing its keys, as whom its tmux is to be asked ([`whose`](crate::launch::whose)).

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use jiff::{Timestamp, tz::TimeZone};

use super::{brackets, foreground};
use crate::{
    agent::{
        profile::Profile,
        screen::Screen,
        sighting::sight,
        typed::{Client, Look},
    },
    causes::in_one_line,
    host::process::Process,
    launch::{
        as_user::AsUser, attempt::way_in, command::Request, context::Context, directory::Directory,
        tmux, whose::to_be_asked_as,
    },
    model::AttemptRef,
};

/// What tmux is given for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer that are taken.
const LARGEST: usize = 1024 * 1024;
/// What a text is called while tmux has it.
const BUFFER: &str = "loopkeeper-typing";
/// Between two looks: nobody announces what a screen shows.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Ends the list of clients.
const END: &str = "end of clients";

pub(super) struct Terminal<'a> {
    context: &'a Context,
    as_user: Option<AsUser>,
    profile: &'a Profile,
    tmux: PathBuf,
    socket: PathBuf,
    target: String,
    /// What leads the session of the terminal.
    leader: Process,
    directory: Directory,
    /// This tmux changes what it pastes, unless told not to.
    sanitizes: AtomicBool,
}

impl<'a> Terminal<'a> {
    /// # Errors
    /// Why there is no way to it.
    pub(super) async fn of(
        context: &'a Context,
        attempt: &AttemptRef,
        profile: &'a Profile,
    ) -> Result<Self, String> {
        let directory = context.directory(attempt);
        let pane = directory.start().and_then(|start| start.pane);
        let leader = pane.ok_or("it has no terminal")?.wrapper;
        let socket = way_in(context, attempt).await?;
        let socket = socket.ok_or("it has no terminal")?;
        let as_user = to_be_asked_as(&socket);
        let as_user = as_user.map_err(|error| format!("{}: {error}", socket.display()))?;
        Ok(Self {
            context,
            as_user: as_user.map(AsUser::number),
            profile,
            tmux: crate::launch::find("tmux").ok_or("tmux is not in PATH")?,
            socket,
            target: tmux::target(&attempt.worker),
            leader,
            directory,
            sanitizes: AtomicBool::new(false),
        })
    }

    /// What it shows now, and who reads it.
    pub(super) async fn look(&self) -> Result<Look, String> {
        let state = "#{pane_width} #{cursor_y} #{pane_in_mode} #{pane_dead} #{bracket_paste_flag}";
        let clients = "#{client_activity} #{client_readonly}";
        let answer = self
            .ask(
                &[
                    &["display-message", "-p", "-t", &self.target, state][..],
                    &["list-clients", "-F", clients],
                    &["display-message", "-p", "-t", &self.target, END],
                    &["capture-pane", "-p", "-e", "-t", &self.target],
                ],
                "",
            )
            .await?;
        let census = self.context.looker.census.take().await;
        let census = census.map_err(|error| format!("who reads it cannot be told: {error}"))?;
        let readers = foreground::readers(self.leader, &census)
            .map_err(|error| format!("who reads it cannot be told: {error}"))?;
        let strange = || "tmux: says nothing that can be read".to_owned();
        let (state, rest) = answer.split_once('\n').ok_or_else(strange)?;
        let (clients, captured) = rest.split_once(&format!("{END}\n")).ok_or_else(strange)?;
        let state: Vec<&str> = state.split(' ').collect();
        let [width, cursor, in_mode, dead, brackets] = state[..] else {
            return Err(strange());
        };
        let screen = Screen::read(captured, width.parse().ok());
        let now = Timestamp::now();
        let sighting = sight(self.profile, &screen, now, &TimeZone::system());
        let told = match brackets {
            "1" => Some(true),
            "0" => Some(false),
            _ => None,
        };
        self.sanitizes.store(told.is_some(), Relaxed);
        Ok(Look {
            screen,
            sighting,
            cursor: cursor.parse().ok(),
            readers,
            in_mode: !matches!(in_mode, "" | "0"),
            dead: dead == "1",
            clients: clients
                .lines()
                .filter_map(|line| client(line, now))
                .collect(),
            brackets: told.or_else(|| brackets::asked_for(&self.directory)),
            longest_line: foreground::longest_line(self.leader),
        })
    }

    /// What it shows a moment later. All waiting for a screen is in here.
    pub(super) async fn look_again(&self) -> Result<Look, String> {
        tokio::time::sleep(LOOK_EVERY).await;
        self.look().await
    }

    /// Presses one key.
    pub(super) async fn press(&self, key: &str) -> Result<(), String> {
        let press = ["send-keys", "-t", &self.target, key];
        self.ask(&[&press], "").await.map(drop)
    }

    /// Has tmux type the text as it is. Line breaks stay line feeds (`-r`), which end lines where
    /// somebody reads lines, and submit less than carriage returns elsewhere. A tmux that says whether
    /// brackets were asked for (3.7) shows what it holds for unsafe in another way, unless told not to
    /// (`-S`).
    pub(super) async fn paste(&self, text: &str) -> Result<(), String> {
        let load = ["load-buffer", "-b", BUFFER, "-"];
        let mut paste = vec!["paste-buffer", "-d", "-r"];
        if self.profile.typing.bracketed {
            paste.push("-p");
        }
        if self.sanitizes.load(Relaxed) {
            paste.push("-S");
        }
        paste.extend(["-b", BUFFER, "-t", &self.target]);
        self.ask(&[&load, &paste], text).await.map(drop)
    }

    /// Nothing of the text stays with tmux: there is a buffer, and then there is none.
    pub(super) async fn forget(&self) -> Result<(), String> {
        let set = ["set-buffer", "-b", BUFFER, "-"];
        let delete = ["delete-buffer", "-b", BUFFER];
        self.ask(&[&set, &delete], "").await.map(drop)
    }

    /// Asks tmux these questions in one call: `input` is what it reads.
    async fn ask(&self, questions: &[&[&str]], input: &str) -> Result<String, String> {
        let mut arguments = vec!["-S".into(), self.socket.clone().into()];
        let words = questions.join(&";");
        arguments.extend(words.into_iter().map(Into::into));
        let request = Request {
            program: self.tmux.clone(),
            arguments,
            workdir: "/".into(),
            environment: Vec::new(),
            as_user: self.as_user.clone(),
            input: input.as_bytes().to_vec(),
            limit: PATIENCE,
            keep: LARGEST,
            cgroup: None,
        };
        let outcome = self.context.runner.run(request).await;
        let outcome = outcome.map_err(|error| in_one_line(&error))?;
        if !outcome.exit.is_success() {
            let said = String::from_utf8_lossy(&outcome.errors);
            return Err(format!("tmux: {}: {}", outcome.exit, said.trim()));
        }
        Ok(String::from_utf8_lossy(&outcome.output).into_owned())
    }
}

fn client(line: &str, now: Timestamp) -> Option<Client> {
    let (activity, readonly) = line.split_once(' ')?;
    let idle = now.as_second().saturating_sub(activity.parse().ok()?);
    Some(Client {
        idle: Duration::from_secs(u64::try_from(idle).unwrap_or_default()),
        readonly: readonly == "1",
    })
}
