//! `doctor`: is everything there that a rig needs.
//!
//! Each check says what it found; what does not work fails, what only might not work warns. Reading
//! the machine is one thing, and judging what was read another.

mod cgroups;
mod clock;
mod file_system;
mod gates;
mod machine;
mod memory;
mod output;
mod rig;
mod secrets;
mod systemd;
pub(super) mod tmux;
mod unit;
mod workers;

use std::{path::Path, time::Duration};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::{
    Context,
    check::{HANDED, environment},
    failure::{Exit, Failure},
    words::printable,
};
use crate::{
    host::look::{PATIENCE, look_at},
    store::Store,
    systemd::journal,
};
use cgroups::Cgroups;
use rig::Answer;

/// What journald is given to write out what it has.
const JOURNALD_WITHIN: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Is {
    Ok,
    Warn,
    Fail,
}

/// One line.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) is: Is,
    pub(super) found: String,
    /// What helps.
    pub(super) hint: Option<String>,
}

impl Finding {
    pub(super) fn new(check: &'static str, is: Is, found: impl Into<String>) -> Self {
        Self {
            check,
            is,
            found: found.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

pub(super) fn run(json: bool, context: &mut Context) -> Result<(), Failure> {
    let (daemon, answer) = rig::daemon(context)?;
    let runs = !matches!(answer, Answer::None);
    if let Answer::Status(status) = &answer {
        context.rig.learn(status);
    }
    let (mut findings, mut config) = (Vec::new(), None);
    let (mut owner, mut holder) = (nix::unistd::geteuid(), None);
    match context.paths() {
        Ok(paths) => {
            let (configuration, declared) = rig::configuration(paths)?;
            let plan = rig::phases(declared.as_ref());
            config = declared;
            let look = move |state: &Path| {
                let mut found = vec![rig::state(state, runs)];
                found.extend(rig::database(state, &plan));
                found.push(file_system::judge(state, &file_system::of(state)));
                (found, systemd::owner(state), Store::holder(state))
            };
            let state;
            (state, owner, holder) = look_at(PATIENCE, &paths.state, look)
                .unwrap_or_else(|unseen| (vec![rig::silent(&paths.state, &unseen)], owner, None));
            findings.extend([configuration, daemon]);
            findings.extend(state);
        }
        Err(unknown) => findings.extend([rig::unknown(unknown), daemon]),
    }
    let tmux_needed = tmux::is_needed(config.as_ref());
    findings.push(tmux::judge(tmux_needed, &tmux::version()));
    findings.extend(systemd::findings(owner, holder));
    let installed = unit::installed(context, owner, holder);
    findings.extend(installed.iter().flat_map(unit::findings));
    findings.push(cgroups::judge(&Cgroups::of_this_machine()));
    findings.push(machine::journald(
        Path::new(journal::SOCKET),
        Path::new(journal::ORDERS),
        JOURNALD_WITHIN,
    ));
    if let Answer::Status(status) = &answer {
        findings.push(workers::judge(status));
        findings.extend(gates::judge(status));
        findings.extend(output::judge(status));
    }
    findings.extend(clock::findings());
    findings.extend(memory::findings(owner));
    if let Some(config) = &config {
        let most = machine::most_open_files(holder);
        findings.extend(most.map(|most| machine::open_files(most, config.workers.len())));
        findings.extend(secrets::findings(config, owner, Path::new(HANDED)));
        findings.extend(secrets::users(config, &environment()?));
    }
    findings.extend(
        config
            .as_ref()
            .and_then(|config| rig::proxy(config, &answer)),
    );
    if json {
        context.screen.json(&findings)?;
    } else {
        let colour = context.screen.colour;
        let text: String = findings
            .iter()
            .map(|finding| line(finding, colour))
            .collect();
        context.screen.print(text)?;
    }
    if findings.iter().any(|finding| finding.is == Is::Fail) {
        return Err(Failure::told(Exit::Failed));
    }
    Ok(())
}

pub(super) fn line(finding: &Finding, colour: bool) -> String {
    let (word, paint) = match finding.is {
        Is::Ok => ("ok  ", AnsiColor::Green),
        Is::Warn => ("warn", AnsiColor::Yellow),
        Is::Fail => ("fail", AnsiColor::Red),
    };
    let style = if colour {
        Style::new().fg_color(Some(paint.into()))
    } else {
        Style::new()
    };
    let mut line = format!(
        "{style}{word}{style:#}  {:<13}  {}\n",
        finding.check,
        printable(&finding.found)
    );
    if let Some(hint) = &finding.hint {
        line.push_str(&format!("                     hint: {}\n", printable(hint)));
    }
    line
}
