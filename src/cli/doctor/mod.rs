//! `doctor`: is everything there that a rig needs.
//!
//! Each check says what it found; what does not work fails, what only might not work warns.

mod machine;
mod rig;

use std::{path::Path, time::SystemTime};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::{
    Context,
    failure::{Exit, Failure},
    words::printable,
};
use crate::{store::Store, systemd::BOOTED};
use rig::Answer;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Is {
    Ok,
    Warn,
    Fail,
}

/// One line.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    is: Is,
    found: String,
    /// What helps.
    hint: Option<String>,
}

impl Finding {
    fn new(check: &'static str, is: Is, found: impl Into<String>) -> Self {
        Self {
            check,
            is,
            found: found.into(),
            hint: None,
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
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
    match context.paths() {
        Ok(paths) => {
            let (configuration, declared) = rig::configuration(paths)?;
            config = declared;
            findings.extend([configuration, rig::state(&paths.state, runs), daemon]);
            findings.extend(rig::database(&paths.state, config.as_ref()));
        }
        Err(unknown) => findings.extend([rig::unknown(unknown), daemon]),
    }
    findings.push(machine::tmux(config.as_ref()));
    findings.push(machine::systemd(Path::new(BOOTED)));
    findings.push(machine::journald(Path::new("/run/systemd/journal/socket")));
    findings.push(machine::clock(SystemTime::now()));
    let may_open = machine::most_open_files(
        context
            .paths()
            .ok()
            .and_then(|paths| Store::holder(&paths.state)),
    );
    findings.extend(
        may_open
            .zip(config.as_ref())
            .map(|(most, config)| machine::open_files(most, config.workers.len())),
    );
    findings.extend(config.as_ref().and_then(|config| rig::proxy(config, runs)));
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

fn line(finding: &Finding, colour: bool) -> String {
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
