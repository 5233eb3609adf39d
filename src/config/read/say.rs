//! `say`: what an agent is told by itself.

use std::{ops::Range, path::Path};

use super::{agents::without_agent, machine};
use crate::{
    agent::typed,
    config::{
        load::{Sight, bytes},
        reader::{Entry, Reading, Table},
        say::{self, Occasion, Say},
        schema::{self, Key, say as keys, say_file},
        template::{Flaw, Template},
    },
};

/// Whom a `say` is for.
pub(super) struct Whom {
    /// There is somebody who can be told.
    pub(super) is_agent: bool,
    /// There are phases.
    pub(super) has_plan: bool,
}

/// A `say` table.
pub(super) fn say(entry: &Entry<'_>, whom: &Whom, reading: &mut Reading<'_>) -> Option<Say> {
    let table = Table::open(entry, reading)?;
    table.only(schema::SAY, reading, |_| None);
    if !whom.is_agent {
        without_agent(entry, reading, "nobody could be told");
    }
    if let Some(entry) = table.get(keys::PHASE).filter(|_| !whom.has_plan) {
        entry.wrong(
            reading,
            "is for a change of phase, and the plan has no phases",
        );
    }
    let mut on = |key: &'static Key, occasion| {
        let entry = table.get(key)?;
        // Of the plan that is not there, that is told.
        let has_plan = whom.has_plan || occasion == Occasion::Phase;
        template(&entry, occasion, has_plan, reading)
    };
    Some(Say {
        start: on(keys::START, Occasion::Start),
        reboot: on(keys::REBOOT, Occasion::Reboot),
        crash: on(keys::CRASH, Occasion::Crash),
        phase: on(keys::PHASE, Occasion::Phase),
    })
}

/// A template, or a table with the file that it is in.
fn template(
    entry: &Entry<'_>,
    occasion: Occasion,
    has_plan: bool,
    reading: &mut Reading<'_>,
) -> Option<Template> {
    let read = match entry.is_table() {
        false => (entry.clone(), None, entry.string(reading)?.to_owned()),
        true => {
            let table = Table::open(entry, reading)?;
            table.only(schema::SAY_FILE, reading, |_| None);
            let file = table.need(say_file::FILE, reading)?;
            let path = machine::path(&file, reading)?;
            if reading.sight == Sight::Words {
                let why = format!("{} was not read: no file was looked at", path.display());
                return Some(Template::unread(why));
            }
            let text = read(&path, &file, reading)?;
            (file, Some(path), text)
        }
    };
    let (place, file, text) = read;
    let known = say::known(occasion, has_plan);
    let elsewhere = |name: &str| say::why_not(name, occasion, has_plan);
    let (template, flaws) = match Template::parse(&text, &known, elsewhere) {
        Ok(template) => {
            let flaws = flaws_of(&template).into_iter().collect();
            (Some(template), flaws)
        }
        Err(flaws) => (None, flaws),
    };
    for flaw in flaws {
        complain(&place, file.as_deref(), &text, flaw, reading);
    }
    template
}

fn read(path: &Path, entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<String> {
    let text = match bytes(&reading.env.on_disk(path)) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned()),
        Err((why, _)) => Err(why),
    };
    text.map_err(|why| {
        let what = format!("names {}, which {why}", path.display());
        entry.wrong(reading, what);
    })
    .ok()
}

/// What is wrong with what a template says, as far as that can be told before it is said.
fn flaws_of(template: &Template) -> Option<Flaw> {
    let said = say::samples().map(|values| template.fill(&values));
    let flaw = |what| Flaw {
        what,
        at: None,
        hint: None,
    };
    let mut empty = None;
    for said in &said {
        match said {
            Err(why) => return Some(flaw(format!("cannot be filled in: {why}"))),
            Ok(text) => match typed::check(text) {
                Ok(()) => {}
                // In another case there may be something to say.
                Err(typed::Unfit::Empty) => empty = Some(typed::Unfit::Empty),
                Err(unfit) => return Some(flaw(format!("cannot be typed: {unfit}"))),
            },
        }
    }
    let blank =
        |said: &Result<String, String>| said.as_ref().is_ok_and(|text| text.trim().is_empty());
    let unfit = empty.filter(|_| said.iter().all(blank))?;
    Some(flaw(format!("cannot be typed: {unfit}")))
}

fn complain(
    entry: &Entry<'_>,
    file: Option<&Path>,
    text: &str,
    flaw: Flaw,
    reading: &mut Reading<'_>,
) {
    let Flaw { what, at, hint } = flaw;
    let place = match (&at, file) {
        (Some(at), Some(file)) => format!("{}:{}: ", file.display(), line(text, at)),
        (None, Some(file)) => format!("{}: ", file.display()),
        (Some(at), None) if text.contains('\n') => format!("in its line {}: ", line(text, at)),
        (_, None) => String::new(),
    };
    let within = at
        .filter(|_| file.is_none())
        .and_then(|at| entry.within(at));
    let what = match place.as_str() {
        "" => what,
        place => format!("{what} ({})", place.trim_end_matches(": ")),
    };
    let complaint = entry.wrong(reading, what);
    if let Some(within) = within {
        complaint.at = Some(within);
    }
    if let Some(hint) = hint {
        complaint.hint(hint);
    }
}

fn line(text: &str, at: &Range<usize>) -> usize {
    text[..at.start].matches('\n').count() + 1
}
