//! One look at an attempt in its terminal: its screen, its processes, and what it leaves in files.
//!
//! Promise: it changes nothing, ends within its limits, and holds nobody up meanwhile. tmux can do no more
//! than the worker itself, whose server may answer what it likes ([`whose`](super::whose)). Without a screen
//! there is no look; what else cannot be seen is left out.
//!
//! How: tmux tells the screen with its colours, and its lines as they stand: what is wide is once in it,
//! and what the pane wrapped is left wrapped, which is what [`agent::screen`](crate::agent::screen) expects.
//! The processes are those of a census, the traces are times of files. On another host all of it is
//! told in one call ([`remote`](super::remote)).

mod traces;

use std::{cmp::Reverse, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use tokio::join;

use super::{
    attempt::process_of,
    context::Context,
    directory::Start,
    near::Near,
    remote::Around,
    server::{Also, Answer, Asked, Server},
    tree::{Part, Tree},
    typing::{line_of_agent, near},
};
use crate::{
    agent::{
        profile::Profile,
        screen::Screen,
        sighting::sight,
        signs::{Child, Sights, Signs},
    },
    host::stat::{Stat, ticks_now},
    model::AttemptRef,
};

/// How long tmux may take to say what is on the screen.
const PATIENCE: Duration = Duration::from_secs(10);
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
    let server = Server::of(context, attempt).await?;
    let Seen {
        screen,
        size,
        attended,
        around,
    } = screen(&server, sights).await?;
    let zone = around.as_ref().map(|around| around.zone.clone());
    let zone = zone.unwrap_or_else(TimeZone::system);
    let sighting = sight(profile, &screen, Timestamp::now(), &zone);
    let taken = ticks_now();
    let (children, committed, heartbeat) = match (around, server.start()) {
        (Some(around), _) => (
            children_there(&around, profile),
            around.committed,
            around.heartbeat,
        ),
        (None, Some(start)) => join!(
            children(context, attempt, start.clone(), profile),
            traces::committed(context, &attempt.worker, sights.worktree.as_deref()),
            traces::touched(context, &attempt.worker, sights.heartbeat.as_deref()),
        ),
        (None, None) => Default::default(),
    };
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

/// What tmux is asked for the screen of the worker that it knows as `target`, with its colours: in the first
/// line of the answer are columns and rows, how many are attached and when one of them last pressed a key;
/// below it is what the screen shows. It is one question, so that they belong together.
pub(crate) fn words_for_screen(target: &str) -> [Vec<&str>; 2] {
    [
        vec!["display-message", "-p", "-t", target, STATE],
        vec!["capture-pane", "-p", "-e", "-t", target],
    ]
}

/// What a look at a screen shows.
struct Seen {
    /// With its colours.
    screen: Screen,
    /// Its columns and rows, 0 where they are not told.
    size: (u16, u16),
    /// How long ago somebody who is attached pressed a key.
    attended: Option<Duration>,
    around: Option<Around>,
}

async fn screen(server: &Server<'_>, sights: &Sights) -> Result<Seen, String> {
    let target = server.target();
    let words = words_for_screen(&target);
    let asked = Asked {
        questions: &words.each_ref().map(Vec::as_slice),
        input: "",
        within: PATIENCE,
        also: Also::Look {
            heartbeat: sights.heartbeat.as_deref(),
            worktree: sights.worktree.as_deref(),
        },
    };
    let Answer { said, around } = server.ask(asked).await?;
    let (state, screen) = said.split_once('\n').unwrap_or_default();
    let mut state = state.split(' ');
    let mut number = || state.next().and_then(|number| number.parse().ok());
    let (columns, rows) = (number(), number());
    let now = around
        .as_ref()
        .map_or_else(Timestamp::now, |around| around.now);
    Ok(Seen {
        screen: Screen::read(screen, columns),
        size: (columns.unwrap_or_default(), rows.unwrap_or_default()),
        attended: attended(state.next(), state.next(), now),
        around,
    })
}

/// How long ago somebody who is attached pressed a key, by how many are and the second in which that was.
fn attended(attached: Option<&str>, second: Option<&str>, now: Timestamp) -> Option<Duration> {
    let attached: u32 = attached?.parse().ok()?;
    let at = Timestamp::from_second(second?.parse().ok()?).ok()?;
    let ago = Duration::try_from(now.duration_since(at)).unwrap_or_default();
    (attached > 0).then_some(ago)
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
        let near = near(leader, &census).unwrap_or_default();
        line_of_agent(&near, worker.pid, profile)
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
    most(&mut children);
    let waited = own.into_iter().map(|stat| {
        let name = format!("a child of {}", printable(&stat.name()));
        child(stat, name, stat.waited())
    });
    children.extend(waited);
    children
}

/// What it has started on another host: `ps` tells neither what it has waited for nor when one began, so one
/// that was not there at the look before speaks for nothing yet.
fn children_there(around: &Around, profile: &Profile) -> Vec<Child> {
    let own = line_of_agent(&around.near, around.worker, profile);
    let others = around.near.iter().filter(|near| !own.contains(&near.pid));
    let child = |near: &Near| Child {
        pid: near.pid,
        start: 0,
        name: near
            .names
            .first()
            .map_or_else(String::new, |name| printable(name)),
        cpu: near.cpu,
    };
    let mut children: Vec<Child> = others.map(child).collect();
    most(&mut children);
    children
}

/// Those that have computed most, first.
fn most(children: &mut Vec<Child>) {
    children.sort_by_key(|child| (Reverse(child.cpu), child.pid));
    children.truncate(MOST);
}

/// A program calls itself what it likes, and its name comes before people.
fn printable(name: &str) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    name.chars().map(shown).collect()
}
