//! What an agent is told by itself, and what can be named in it.

use std::collections::BTreeMap;

use super::template::{Template, Value};

/// Templates for what an agent is told when an attempt begins, or another phase does.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Say {
    /// At a start for which nothing of the others is there, or applies.
    pub start: Option<Template>,
    /// At the first start in a new boot, of one that had run before.
    pub reboot: Option<Template>,
    /// At a start after one that ended by itself, or was stopped as failed.
    pub crash: Option<Template>,
    /// When another phase began.
    pub phase: Option<Template>,
}

/// For what an agent is told something; the more important one is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Occasion {
    /// It was started.
    Start,
    /// The attempt before ended by itself, or was stopped as failed.
    Crash,
    /// Another phase began.
    Phase,
    /// The machine was rebooted.
    Reboot,
}

impl Occasion {
    /// As its key is called.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Crash => "crash",
            Self::Phase => "phase",
            Self::Reboot => "reboot",
        }
    }
}

impl Say {
    /// What is said on this occasion.
    pub fn on(&self, occasion: Occasion) -> Option<&Template> {
        match occasion {
            Occasion::Start => self.start.as_ref(),
            Occasion::Crash => self.crash.as_ref(),
            Occasion::Phase => self.phase.as_ref(),
            Occasion::Reboot => self.reboot.as_ref(),
        }
    }
}

/// A value that a template may name.
pub(super) struct Variable {
    pub(super) name: &'static str,
    /// The only occasion on which it is known; `None`: each.
    pub(super) on: Option<Occasion>,
    /// It is known only with a plan.
    pub(super) of_plan: bool,
    /// What it may be, and what else.
    samples: [fn() -> Value; 2],
}

macro_rules! variables {
    ($($name:literal, $on:expr, $of_plan:literal, $one:expr, $other:expr;)+) => {
        pub(super) const VARIABLES: &[Variable] = &[$(Variable {
            name: $name,
            on: $on,
            of_plan: $of_plan,
            samples: [|| $one, || $other],
        }),+];
    };
}

variables! {
    "worker", None, false, text("builder"), text("b");
    "rig", None, false, text("pi"), text("p");
    "restarts", None, false, Value::Number(3), Value::Number(0);
    "phase", None, true, text("2b"), text("");
    "phase_number", None, true, Value::Number(4), Value::Number(0);
    "phase_count", None, true, Value::Number(6), Value::Number(1);
    "brief", None, true, text("/srv/plan/2b.md"), text("");
    "previous_phase", Some(Occasion::Phase), true, text("2"), text("");
    "exit", Some(Occasion::Crash), false, text("exit code 7"), text("SIGKILL");
    "rebooted_at", Some(Occasion::Reboot), false, text("2026-11-21 07:00:00 UTC"), text("2026-11-21 07:00:00 UTC");
    "down_for", Some(Occasion::Reboot), false, text("2 min"), text("a time that nobody knows");
    "clean", Some(Occasion::Reboot), false, Value::Truth(true), Value::Truth(false);
    "reboot_count", Some(Occasion::Reboot), false, Value::Number(3), Value::Number(1);
    "report", Some(Occasion::Reboot), false, text("reboot 3\nthe plan is in phase 2b"), text("reboot 1");
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// The names that are known on this occasion.
pub(super) fn known(occasion: Occasion, has_plan: bool) -> Vec<&'static str> {
    let known = VARIABLES.iter().filter(|variable| {
        variable.on.is_none_or(|on| on == occasion) && (has_plan || !variable.of_plan)
    });
    known.map(|variable| variable.name).collect()
}

/// Why a name that there is elsewhere is not known here.
pub(super) fn why_not(name: &str, occasion: Occasion, has_plan: bool) -> Option<String> {
    let variable = VARIABLES.iter().find(|variable| variable.name == name)?;
    let only = match variable.on.filter(|on| *on != occasion) {
        Some(on) => format!("in `{}`", on.as_str()),
        None if variable.of_plan && !has_plan => "with a plan".to_owned(),
        None => return None,
    };
    Some(format!("`{name}` is known only {only}"))
}

/// Values as they may be, for a look at what a template says with them.
pub(super) fn samples() -> [BTreeMap<&'static str, Value>; 2] {
    [0, 1].map(|which| {
        let variables = VARIABLES.iter();
        variables
            .map(|variable| (variable.name, variable.samples[which]()))
            .collect()
    })
}
