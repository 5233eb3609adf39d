//! `[plan]`: the phases and when each is over.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use super::{machine, values};
use crate::{
    config::{
        Condition, Phase, Plan, Resume,
        reader::{Entry, Reading, Table},
        schema::{self, phase, plan, until},
    },
    model::PhaseId,
};

/// The plan of `[plan]`; `ids` gets the id of each phase, right or wrong.
pub(super) fn plan(
    entry: &Entry<'_>,
    ids: &mut BTreeMap<PhaseId, Range<usize>>,
    reading: &mut Reading<'_>,
) -> Option<Plan> {
    let table = Table::open(entry, reading)?;
    table.only(schema::PLAN, reading, |_| None);
    let resume = table.get(plan::RESUME).and_then(|entry| {
        let words = [("on-boot", Resume::OnBoot), ("manual", Resume::Manual)];
        entry.word(reading, &words)
    });
    let quiesce = table
        .get(plan::QUIESCE)
        .and_then(|entry| values::duration(&entry, reading, Duration::ZERO));
    let items = table
        .get(plan::PHASES)
        .and_then(|entry| entry.items("a table", reading))
        .unwrap_or_default();
    let phases = items
        .iter()
        .filter_map(|item| one_phase(item, ids, reading));
    Some(Plan {
        phases: phases.collect(),
        resume: resume.unwrap_or_default(),
        quiesce: quiesce.unwrap_or(Plan::default().quiesce),
    })
}

fn one_phase(
    entry: &Entry<'_>,
    ids: &mut BTreeMap<PhaseId, Range<usize>>,
    reading: &mut Reading<'_>,
) -> Option<Phase> {
    let table = Table::open(entry, reading)?;
    table.only(schema::PHASE, reading, |_| None);
    let id = table.need(phase::ID, reading).and_then(|entry| {
        let id: PhaseId = entry.parsed(reading)?;
        if let Some(first) = ids.insert(id.clone(), entry.at.clone()) {
            reading
                .complain(
                    &entry.at,
                    format!("phase `{id}` is there twice"),
                    "an id of its own",
                )
                .others
                .push((first, "the other phase".to_owned()));
        }
        Some(id)
    });
    let brief = table
        .get(phase::BRIEF)
        .and_then(|entry| machine::path(&entry, reading));
    let until = match table.get(phase::UNTIL) {
        Some(entry) => condition(&entry, reading),
        None => Some(Condition::Operator),
    };
    Some(Phase {
        id: id?,
        brief,
        until: until?,
    })
}

fn condition(entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<Condition> {
    if entry.is_string() {
        return entry
            .word(reading, &[("operator", ())])
            .map(|()| Condition::Operator);
    }
    let table = Table::open(entry, reading)?;
    table.only(schema::UNTIL, reading, |_| None);
    let base = reading.base;
    let path = table
        .get(until::FILE)
        .map(|entry| machine::path(&entry, reading));
    let line = table.get(until::LINE).map(|entry| {
        let line = entry.string(reading)?;
        if line.contains('\n') || line.trim().is_empty() {
            entry.wrong(reading, "is not one line with text");
            return None;
        }
        Some(line.trim().to_owned())
    });
    let command = table
        .get(until::COMMAND)
        .map(|entry| machine::command(&entry, reading, Some(base)));
    let every = table
        .get(until::EVERY)
        .map(|entry| values::duration(&entry, reading, values::SHORTEST_EVERY));
    // The outer `Option` says whether a key is there, the inner one whether its value is right.
    match (path, line, command, every) {
        (Some(path), line, None, None) => Some(Condition::File {
            path: path?,
            line: match line {
                Some(line) => Some(line?),
                None => None,
            },
        }),
        (None, None, Some(command), every) => Some(Condition::Command {
            command: command?,
            every: match every {
                Some(every) => every?,
                None => Duration::from_secs(60),
            },
        }),
        (path, _, command, _) => {
            entry.wrong(
                reading,
                match (path, command) {
                    (None, None) => "has neither file nor command",
                    (Some(_), Some(_)) => "has both file and command",
                    (Some(_), None) => "has every, which belongs to command",
                    (None, Some(_)) => "has line, which belongs to file",
                },
            );
            None
        }
    }
}
