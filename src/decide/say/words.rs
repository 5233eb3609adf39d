//! The words in which an agent is told something.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::{
    super::{Rig, worker::Worker},
    Owed,
};
use crate::{agent::typed, config::Value, model::WorkerName};

/// Where nobody knows for how long the machine was down.
const UNKNOWN: &str = "a time that nobody knows";

impl Rig {
    /// What an agent is told, as it is typed.
    ///
    /// # Errors
    /// Why that cannot be.
    pub(super) fn words(&self, worker: &Worker, owed: &Owed) -> Result<String, String> {
        let key = owed.occasion().as_str();
        let template = worker.rules.say.on(owed.occasion());
        let template = template.ok_or_else(|| format!("there is no say.{key} any more"))?;
        let text = template
            .fill(&self.values(worker, owed))
            .map_err(|why| format!("say.{key} cannot be filled in: {why}"))?;
        typed::check(&text).map_err(|unfit| format!("of say.{key} the {unfit}"))?;
        Ok(text)
    }

    fn values(&self, worker: &Worker, owed: &Owed) -> BTreeMap<&'static str, Value> {
        let text = |text: &str| Value::Text(text.to_owned());
        let number = |number: usize| Value::Number(u64::try_from(number).unwrap_or(u64::MAX));
        let mut values = BTreeMap::from([
            ("worker", text(worker.name().as_str())),
            ("rig", text(&self.config.rig)),
            ("restarts", Value::Number(worker.restarts.total)),
        ]);
        let count = self.progress.plan.phases.len();
        if count > 0 {
            let current = self.progress.current();
            let index = current.map_or(0, |(index, _)| index + 1);
            let id = current.map_or("", |(_, phase)| phase.id.as_str());
            let brief = current.and_then(|(_, phase)| phase.brief.as_ref());
            let brief = brief.map_or(String::new(), |brief| brief.display().to_string());
            values.extend([
                ("phase", text(id)),
                ("phase_number", number(index)),
                ("phase_count", number(count)),
                ("brief", Value::Text(brief)),
            ]);
        }
        match owed {
            Owed::Start => {}
            Owed::Crash { exit } => values.extend([("exit", text(exit))]),
            Owed::Phase { previous } => {
                values.extend([("previous_phase", text(previous.as_str()))]);
            }
            Owed::Reboot => values.extend([
                ("rebooted_at", Value::Text(self.rebooted_at())),
                ("down_for", Value::Text(self.down_for())),
                ("clean", Value::Truth(self.ended_cleanly())),
                ("reboot_count", Value::Number(self.reboots)),
                ("report", Value::Text(self.reboot_report())),
            ]),
        }
        values
    }

    fn rebooted_at(&self) -> String {
        let booted = self.last_boot.booted.to_zoned(TimeZone::UTC);
        booted.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
    }

    fn down_for(&self) -> String {
        self.last_boot.down_for().unwrap_or_else(|| UNKNOWN.into())
    }

    fn ended_cleanly(&self) -> bool {
        let reboot = self.last_boot.reboot.as_ref();
        reboot.is_some_and(|reboot| reboot.clean)
    }

    /// All that is known of the reboot, in several lines.
    fn reboot_report(&self) -> String {
        let how = match self.ended_cleanly() {
            true => "cleanly",
            false => "uncleanly: its supervisor said no goodbye",
        };
        let (at, down) = (self.rebooted_at(), self.down_for());
        let mut lines = vec![
            format!("Reboot {}: the machine came up at {at}.", self.reboots),
            format!("The boot before ended {how}."),
            format!("It was down for {down}."),
        ];
        let reboot = self.last_boot.reboot.as_ref();
        let ran = reboot.map(|reboot| reboot.running.as_slice());
        lines.push(match ran.unwrap_or_default() {
            [] => "Nothing ran before.".to_owned(),
            ran => {
                let names: Vec<_> = ran.iter().map(WorkerName::as_str).collect();
                format!("Before, {} ran.", names.join(", "))
            }
        });
        if let Some(point) = self.progress.in_words() {
            lines.push(format!("The plan: {point}."));
        }
        lines.join("\n")
    }
}
