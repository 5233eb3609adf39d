//! Whether hosts have what workers need, a finding a line.

use serde::Serialize;

use super::{NONE, Which, judge};
use crate::{
    cli::{
        Context,
        doctor::{Finding, Is, line},
        failure::{Exit, Failure},
    },
    control::protocol::{HostCheckView, Request},
    model::HostName,
};

/// A finding, as JSON.
#[derive(Debug, Serialize)]
struct Row<'a> {
    host: &'a HostName,
    #[serde(flatten)]
    finding: &'a Finding,
}

pub(super) fn run(which: Which, context: &Context) -> Result<(), Failure> {
    let Which { hosts, json } = which;
    let checked: Vec<HostCheckView> = context.connect()?.ask(&Request::HostCheck { hosts })?;
    let judged: Vec<_> = checked
        .iter()
        .map(|view| (&view.host, judge::findings(view)))
        .collect();
    if json {
        let rows = judged
            .iter()
            .flat_map(|(host, findings)| findings.iter().map(|finding| Row { host, finding }));
        context.screen.json(&rows.collect::<Vec<_>>())?;
    } else {
        let colour = context.screen.colour;
        let text = judged.iter().map(|(host, findings)| {
            let lines: String = findings
                .iter()
                .map(|finding| line(finding, colour))
                .collect();
            format!("{host}\n{lines}")
        });
        let text = text.collect::<Vec<_>>().join("\n");
        context
            .screen
            .print(if judged.is_empty() { NONE } else { &text })?;
    }
    let mut findings = judged.iter().flat_map(|(_, findings)| findings);
    match findings.any(|finding| finding.is == Is::Fail) {
        true => Err(Failure::told(Exit::Failed)),
        false => Ok(()),
    }
}
