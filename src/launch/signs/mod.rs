//! One look at an attempt in its terminal: its screen, its processes, and what it leaves in files.
//!
//! Promise: it changes nothing, ends within its limits, and holds nobody up meanwhile. tmux can do no more
//! than the worker itself, whose server may answer what it likes ([`whose`](super::whose)). Without a screen
//! there is no look; what else cannot be seen is left out.
//!
//! How: tmux tells the screen with its colours, and its lines as they stand: what is wide is once in it,
//! and what the pane wrapped is left wrapped, which is what [`agent::screen`](crate::agent::screen) expects.
//! The processes are those of a census, the traces are times of files.

mod traces;

use std::{cmp::Reverse, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use tokio::join;

use super::{
    as_user::AsUser,
    attempt::{process_of, way_in},
    command::{CommandError, Request},
    context::Context,
    directory::Start,
    tmux,
    tree::{Part, Tree},
    typing::line_of_agent,
    whose::to_be_asked_as,
};
use crate::{
    agent::{
        profile::Profile,
        screen::Screen,
        sighting::sight,
        signs::{Child, Sights, Signs},
    },
    causes::in_one_line,
    host::stat::{Stat, ticks_now},
    model::{AttemptRef, WorkerName},
};

/// How long tmux may take to say what is on the screen.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a screen that are taken; one of 200 columns and 50 lines has some 60 KiB with its colours.
const LARGEST: usize = 1024 * 1024;
/// What [`words_for_screen`] asks for beside the screen.
const STATE: &str = "#{pane_width} #{pane_height} #{session_attached} #{session_activity}";
/// Processes that are told of. Who has more is known by those that compute.
const MOST: usize = 64;

/// What there is to be seen.
///
/// # Errors
/// Why there is no screen.
pub(super) async fn look(
    context: &Context,
    attempt: &AttemptRef,
    sights: &Sights,
) -> Result<Signs, String> {
    let profile = &sights.agent;
    let start = context.directory(attempt).start();
    let start = start.filter(|start| start.pane.is_some());
    let start = start.ok_or("it has no terminal")?;
    let (screen, size, attended) = screen(context, attempt, &start).await?;
    let sighting = sight(profile, &screen, Timestamp::now(), &TimeZone::system());
    let taken = ticks_now();
    let (children, committed, heartbeat) = join!(
        children(context, attempt, start, profile),
        traces::committed(context, &attempt.worker, sights.worktree.as_deref()),
        traces::touched(context, &attempt.worker, sights.heartbeat.as_deref()),
    );
    Ok(Signs {
        sighting,
        picture: profile.fingerprint(&screen),
        size,
        attended,
        taken,
        children,
        committed,
        heartbeat,
        session: profile.session_on(&screen),
        turns: profile.turns(&screen),
        cost: profile.cents(&screen),
    })
}

/// What tmux is asked for a worker's screen, with its colours: in the first line of the answer are columns
/// and rows, how many are attached and when one of them last pressed a key; below it is what the screen
/// shows. It is one question, so that they belong together.
pub(crate) fn words_for_screen(worker: &WorkerName) -> impl Iterator<Item = String> {
    let target = tmux::target(worker);
    let size = ["display-message", "-p", "-t", &target].map(str::to_owned);
    let size = size.into_iter().chain([STATE.to_owned(), ";".to_owned()]);
    size.chain(["capture-pane", "-p", "-e", "-t", &target].map(str::to_owned))
}

/// What is on the screen, with its colours; its columns and rows, 0 where they are not told; and how long
/// ago somebody who is attached pressed a key.
async fn screen(
    context: &Context,
    attempt: &AttemptRef,
    start: &Start,
) -> Result<(Screen, (u16, u16), Option<Duration>), String> {
    let socket = way_in(context, attempt).await?;
    let socket = socket.ok_or("it has no terminal")?;
    let as_user = to_be_asked_as(&socket);
    let as_user = as_user.map_err(|error| format!("{}: {error}", socket.display()))?;
    let tmux = super::find("tmux").ok_or("tmux is not in PATH")?;
    let mut arguments = vec!["-S".into(), socket.into()];
    arguments.extend(words_for_screen(&attempt.worker).map(Into::into));
    let request = Request {
        program: tmux,
        arguments,
        workdir: "/".into(),
        environment: Vec::new(),
        as_user: as_user.map(AsUser::number),
        input: Vec::new(),
        limit: PATIENCE,
        keep: LARGEST,
        cgroup: None,
    };
    let outcome = context.runner.run(request).await;
    let outcome = outcome.map_err(|error| match error {
        CommandError::TimedOut { .. } => silent(context, start),
        CommandError::Start { .. } | CommandError::Unseen { .. } => in_one_line(&error),
    })?;
    if !outcome.exit.is_success() {
        let said = String::from_utf8_lossy(&outcome.errors);
        return Err(format!("tmux: {}: {}", outcome.exit, said.trim()));
    }
    let text = String::from_utf8_lossy(&outcome.output);
    let (state, screen) = text.split_once('\n').unwrap_or_default();
    let mut state = state.split(' ');
    let mut number = || state.next().and_then(|number| number.parse().ok());
    let (columns, rows) = (number(), number());
    let attended = attended(state.next(), state.next(), Timestamp::now());
    let size = (columns.unwrap_or_default(), rows.unwrap_or_default());
    Ok((Screen::read(screen, columns), size, attended))
}

/// How long ago somebody who is attached pressed a key, by how many are and the second in which that was.
fn attended(attached: Option<&str>, second: Option<&str>, now: Timestamp) -> Option<Duration> {
    let attached: u32 = attached?.parse().ok()?;
    let at = Timestamp::from_second(second?.parse().ok()?).ok()?;
    let ago = Duration::try_from(now.duration_since(at)).unwrap_or_default();
    (attached > 0).then_some(ago)
}

/// Why a server may say nothing, and what helps.
fn silent(context: &Context, start: &Start) -> String {
    let within = PATIENCE.as_secs();
    let Some(server) = start.pane.map(|pane| pane.server) else {
        return format!("its tmux server did not answer within {within} s");
    };
    let pid = server.pid;
    let silent = format!("its tmux server, pid {pid}, did not answer within {within} s");
    let cgroup = start.cgroup.as_ref();
    if let Some(thaws) = cgroup.and_then(|cgroup| context.settings.house.thaws(cgroup)) {
        return format!("{silent}: it is frozen, and goes on after: {thaws}");
    }
    match server.stat() {
        Ok(Some(stat)) if stat.is_stopped() => {
            format!("{silent}: it is stopped, and goes on after: kill -CONT {pid}")
        }
        _ => silent,
    }
}

/// What it has started, those that have computed most first; and what it has waited for itself, which is
/// all that many short ones leave behind.
async fn children(
    context: &Context,
    attempt: &AttemptRef,
    start: Start,
    profile: &Profile,
) -> Vec<Child> {
    let worker = process_of(&start.identity);
    let leader = start.pane.as_ref().map(|pane| pane.wrapper);
    let tree = Tree {
        root: Some(worker),
        cgroup: start.cgroup,
        pane: start.pane,
        // Whom their parents left behind went to the pane, which is above them all. To look for who went
        // further would be to look at every process of the machine, again and again.
        ours: true,
        ..context.tree(attempt)
    };
    let Ok(census) = context.looker.census.take().await else {
        return Vec::new();
    };
    let members = tree.members(&census, &context.looker.reaper, Part::Work);
    let own = leader.map_or(vec![worker.pid], |leader| {
        line_of_agent(leader, worker, profile, &census)
    });
    let stats = members.iter().filter_map(|process| census.stat(*process));
    let (own, others): (Vec<&Stat>, Vec<&Stat>) =
        stats.partition(|stat| own.contains(&stat.process.pid));
    let child = |stat: &Stat, name, cpu| Child {
        pid: stat.process.pid,
        start: stat.process.started,
        name,
        cpu,
    };
    let mut children: Vec<Child> = others
        .into_iter()
        .map(|stat| child(stat, printable(&stat.name()), stat.cpu()))
        .collect();
    children.sort_by_key(|child| (Reverse(child.cpu), child.pid));
    children.truncate(MOST);
    let waited = own.into_iter().map(|stat| {
        let name = format!("a child of {}", printable(&stat.name()));
        child(stat, name, stat.waited())
    });
    children.extend(waited);
    children
}

/// A program calls itself what it likes, and its name comes before people.
fn printable(name: &str) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    name.chars().map(shown).collect()
}
