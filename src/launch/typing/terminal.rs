//! The terminal of an attempt: looking at it, and pressing its keys.

use std::{
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
    launch::{
        context::Context,
        directory::Directory,
        near::Near,
        remote::Around,
        server::{Also, Answer, Asked, Server},
    },
    model::AttemptRef,
};

/// What tmux is given for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// What a text is called while tmux has it.
const BUFFER: &str = "loopkeeper-typing";
/// Between two looks: nobody announces what a screen shows.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Ends the list of clients.
const END: &str = "end of clients";

pub(super) struct Terminal<'a> {
    context: &'a Context,
    profile: &'a Profile,
    server: Server<'a>,
    target: String,
    directory: Directory,
    /// This tmux changes what it pastes, unless told not to.
    sanitizes: AtomicBool,
}

/// What of a look is not on the screen.
struct Beside {
    /// By the clock of who is attached.
    now: Timestamp,
    zone: TimeZone,
    near: Vec<Near>,
    brackets: Option<bool>,
    longest_line: Option<usize>,
}

impl<'a> Terminal<'a> {
    /// # Errors
    /// Why there is no way to it.
    pub(super) async fn of(
        context: &'a Context,
        attempt: &AttemptRef,
        profile: &'a Profile,
    ) -> Result<Self, String> {
        let server = Server::of(context, attempt).await?;
        Ok(Self {
            context,
            profile,
            target: server.target(),
            server,
            directory: context.directory(attempt),
            sanitizes: AtomicBool::new(false),
        })
    }

    /// What it shows now, and who reads it.
    pub(super) async fn look(&self) -> Result<Look, String> {
        let state = "#{pane_width} #{cursor_y} #{pane_in_mode} #{pane_dead} #{bracket_paste_flag}";
        let clients = "#{client_activity} #{client_readonly}";
        let questions = [
            &["display-message", "-p", "-t", &self.target, state][..],
            &["list-clients", "-F", clients],
            &["display-message", "-p", "-t", &self.target, END],
            &["capture-pane", "-p", "-e", "-t", &self.target],
        ];
        let Answer { said, around } = self.ask(&questions, "", Also::Type).await?;
        let unknown = |error: String| format!("who reads it cannot be told: {error}");
        let beside = match around {
            Some(around) => beside_there(around),
            None => self.beside_here().await,
        };
        let beside = beside.map_err(unknown)?;
        let strange = || "tmux: says nothing that can be read".to_owned();
        let (state, rest) = said.split_once('\n').ok_or_else(strange)?;
        let (clients, captured) = rest.split_once(&format!("{END}\n")).ok_or_else(strange)?;
        let state: Vec<&str> = state.split(' ').collect();
        let [width, cursor, in_mode, dead, brackets] = state[..] else {
            return Err(strange());
        };
        let screen = Screen::read(captured, width.parse().ok());
        let sighting = sight(self.profile, &screen, Timestamp::now(), &beside.zone);
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
            readers: foreground::readers(&beside.near),
            in_mode: !matches!(in_mode, "" | "0"),
            dead: dead == "1",
            clients: clients
                .lines()
                .filter_map(|line| client(line, beside.now))
                .collect(),
            brackets: told.or(beside.brackets),
            longest_line: beside.longest_line,
        })
    }

    async fn beside_here(&self) -> Result<Beside, String> {
        let pane = self.server.start().and_then(|start| start.pane);
        let leader = pane.ok_or("it has no terminal")?.wrapper;
        let census = self.context.looker.census.take().await;
        let census = census.map_err(|error| error.to_string())?;
        let near = foreground::near(leader, &census).map_err(|error| error.to_string())?;
        Ok(Beside {
            now: Timestamp::now(),
            zone: TimeZone::system(),
            near,
            brackets: brackets::asked_for(&self.directory),
            longest_line: foreground::longest_line(leader),
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
        self.ask(&[&press], "", Also::Nothing).await.map(drop)
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
        self.ask(&[&load, &paste], text, Also::Nothing)
            .await
            .map(drop)
    }

    /// Nothing of the text stays with tmux: there is a buffer, and then there is none.
    pub(super) async fn forget(&self) -> Result<(), String> {
        let set = ["set-buffer", "-b", BUFFER, "-"];
        let delete = ["delete-buffer", "-b", BUFFER];
        self.ask(&[&set, &delete], "", Also::Nothing)
            .await
            .map(drop)
    }

    async fn ask(
        &self,
        questions: &[&[&str]],
        input: &str,
        also: Also<'_>,
    ) -> Result<Answer, String> {
        let asked = Asked {
            questions,
            input,
            within: PATIENCE,
            also,
        };
        self.server.ask(asked).await
    }
}

/// Where nobody is known to be in the foreground, its ps(1) does not tell.
fn beside_there(around: Around) -> Result<Beside, String> {
    let Around {
        now,
        zone,
        near,
        has_front,
        brackets,
        longest_line,
        ..
    } = around;
    let beside = Beside {
        now,
        zone,
        near,
        brackets,
        longest_line,
    };
    let unknown = || "ps there shows nobody in the foreground of the terminal".to_owned();
    has_front.then_some(beside).ok_or_else(unknown)
}

fn client(line: &str, now: Timestamp) -> Option<Client> {
    let (activity, readonly) = line.split_once(' ')?;
    let idle = now.as_second().saturating_sub(activity.parse().ok()?);
    Some(Client {
        idle: Duration::from_secs(u64::try_from(idle).unwrap_or_default()),
        readonly: readonly == "1",
    })
}
