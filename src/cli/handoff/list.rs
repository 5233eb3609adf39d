//! Where gates stand, for people and programs.
//!
//! Promise: who may read their files needs no daemon. A worker that may not is shown its own by the daemon.

use std::{collections::BTreeMap, io::ErrorKind, path::Path};

use jiff::Timestamp;
use serde::Serialize;

use super::{Whose, own, refused, state, wait_for};
use crate::{
    cli::{
        Context,
        failure::{Exit, Failure},
        words::{age, printable, second},
    },
    control::protocol::PROTOCOL,
    decide::{Asker, Gate, GateState, Happened},
    handoff::{Asks, AsksError},
    host::look::{PATIENCE, look_at},
    model::{GateName, WorkerName},
    store::{StoreError, gates},
};

/// By name; of one that cannot be read, why.
type Gates = BTreeMap<GateName, Result<Gate, String>>;

/// As JSON.
#[derive(Debug, Serialize)]
struct View<'a> {
    protocol: u32,
    gates: Vec<Row<'a>>,
    unreadable: Vec<Unreadable<'a>>,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    /// Null for a person's turn, and where it is nobody's any more.
    turn: Option<&'a WorkerName>,
    #[serde(flatten)]
    gate: &'a Gate,
}

#[derive(Debug, Serialize)]
struct Unreadable<'a> {
    gate: &'a GateName,
    why: &'a str,
}

pub(super) fn show(one: Option<&GateName>, json: bool, context: &Context) -> Result<(), Failure> {
    let (mut all, whose) = known(one, context)?;
    if let Some(one) = one {
        all.retain(|name, _| name == one);
        if all.is_empty() {
            let text = format!("gate {one} does not exist: {whose}");
            let hint = "`supervisorctl handoff list` shows those there are";
            return Err(Failure::say(Exit::Unknown, text).hint(hint));
        }
    }
    if json {
        return Ok(context.screen.json(&view(&all))?);
    }
    if all.is_empty() {
        return Ok(context.screen.print("no gate is claimed\n")?);
    }
    let mut text = String::new();
    for (name, read) in &all {
        match read {
            Ok(gate) => text.push_str(&lines(gate, one.is_some(), context)),
            Err(why) => {
                let why = printable(why);
                text.push_str(&format!("{name}  cannot be read: {why}\n"));
            }
        }
    }
    Ok(context.screen.print(text)?)
}

/// Where this gate stands, if that is known.
pub(super) fn gate(name: &GateName, context: &Context) -> Option<Gate> {
    let (mut all, _) = known(Some(name), context).ok()?;
    all.remove(name)?.ok()
}

/// Where gates stand, and why there is no other.
fn known(one: Option<&GateName>, context: &Context) -> Result<(Gates, &'static str), Failure> {
    let whose = own_rig(context);
    let state = state(&whose, context)?;
    let all = look_at(PATIENCE, &state, gates::all)
        .map_err(|unseen| Failure::new(Exit::Failed, &unseen))?;
    match (all, &whose) {
        (Err(StoreError::File { source, .. }), Whose::Own(own))
            if source.kind() == ErrorKind::PermissionDenied =>
        {
            let why = "you have not claimed it, nor verify it";
            Ok((shown(own, one, &state)?, why))
        }
        (all, _) => Ok((all.map_err(cannot_be_read)?, "nobody has claimed it")),
    }
}

/// That of the worker that this process is part of, unless another one is meant.
fn own_rig(context: &Context) -> Whose {
    let is_given = context.rig.given.state.is_some() || context.rig.given.socket.is_some();
    let own = own().filter(|_| !is_given);
    own.map_or(Whose::Other(Asker::Person), Whose::Own)
}

fn cannot_be_read(error: StoreError) -> Failure {
    let failure = Failure::new(Exit::Failed, &error);
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// The worker's gates, which the daemon may read.
fn shown(own: &Path, one: Option<&GateName>, state: &Path) -> Result<Gates, Failure> {
    let asks = Asks::open_own(own).map_err(|error| refused(own, &error))?;
    let of = |error: AsksError| Failure::new(Exit::Failed, &error);
    let id = asks.ask_to_show(one, Timestamp::now()).map_err(of)?;
    let shown = wait_for(state, || asks.take_shown(&id));
    asks.do_not_show(&id);
    let gates = shown.map_err(of)?.map_err(|silence| {
        let hint = "without it, root or the daemon's user can look: `supervisorctl handoff list`";
        Failure::say(Exit::NotRunning, silence.in_words()).hint(hint)
    })?;
    let gates = gates.into_iter();
    Ok(gates.map(|gate| (gate.gate.clone(), Ok(gate))).collect())
}

fn view(all: &Gates) -> View<'_> {
    let gates = all.values().filter_map(|read| read.as_ref().ok());
    let gates = gates.map(|gate| Row {
        turn: gate.turn(),
        gate,
    });
    let unreadable = all.iter().filter_map(|(gate, read)| {
        let why = read.as_ref().err()?;
        Some(Unreadable { gate, why })
    });
    View {
        protocol: PROTOCOL,
        gates: gates.collect(),
        unreadable: unreadable.collect(),
    }
}

fn lines(gate: &Gate, with_all: bool, context: &Context) -> String {
    let Gate { from, to, .. } = gate;
    let (round, rounds) = (gate.round, gate.rounds);
    let stands = match gate.state {
        GateState::Claimed => format!("claimed by {from}, {to}'s turn"),
        GateState::Back => format!("back, {from}'s turn"),
        GateState::Passed => format!("passed, of {from}"),
        GateState::Asks => format!("waits for a person, between {from} and {to}"),
    };
    let since = age(gate.since, Timestamp::now());
    let name = &gate.gate;
    let mut text = format!("{name}  {stands}, round {round} of {rounds}, for {since}\n");
    if let Some(commit) = &gate.commit {
        let branch = gate.branch.as_deref().unwrap_or("no branch");
        text.push_str(&format!(
            "  {}\n",
            printable(&format!("{commit} on {branch}"))
        ));
    }
    if let Some(lacks) = &gate.lacks {
        text.push_str(&format!("  {}\n", printable(lacks)));
    }
    match (with_all, &gate.note) {
        (true, _) => gate
            .happened
            .iter()
            .for_each(|one| text.push_str(&line(one, context))),
        (false, Some(note)) => text.push_str(&format!("  {}\n", printable(note))),
        (false, None) => {}
    }
    if with_all && gate.state == GateState::Asks {
        text.push_str(&format!(
            "  a person goes on by: supervisorctl handoff pass {name}, back {name} -m WHY, or drop {name}\n"
        ));
    }
    text
}

fn line(one: &Happened, context: &Context) -> String {
    let at = second(one.at, &context.screen.look().zone);
    let by = one.by.as_ref().map_or("a person", WorkerName::as_str);
    let what = match one.state {
        GateState::Claimed => "claims it",
        GateState::Back => "says back",
        GateState::Passed => "says pass",
        GateState::Asks => "says back, and a person is asked",
    };
    let note = match &one.note {
        Some(note) => format!(": {}", printable(note)),
        None => String::new(),
    };
    format!("  {at}  {by} {what} (round {}){note}\n", one.round)
}
