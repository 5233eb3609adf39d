//! What the agent is to do, step by step. The format is in the module above.

use std::{fs, path::Path, str::FromStr, time::Duration};

use jiff::SignedDuration;

use crate::skin::Skin;

/// One thing that the agent does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Say(String),
    Work(Duration),
    Repaint(Duration),
    Child(Duration),
    Stall,
    Hang,
    Ask {
        question: String,
        choices: Vec<String>,
    },
    Limit {
        words: String,
        holds: Duration,
        menu: bool,
    },
    Retry(Duration),
    Outage,
    Ignore(u32),
    Lose(u32),
    Wait,
    Crash(Option<u8>),
    Exit(u8),
    Resumed,
}

/// A step, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) step: Step,
    pub(crate) words: String,
}

/// Why a script cannot be played.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScriptError {
    #[error("script {path} cannot be read")]
    Unreadable {
        path: String,
        source: std::io::Error,
    },
    #[error("step '{words}' {what}")]
    Step { words: String, what: String },
}

/// The steps of a file or, where no file is of that name, of the argument itself.
pub(crate) fn read(argument: &str, skin: &dyn Skin) -> Result<Vec<Written>, ScriptError> {
    let text = if Path::new(argument).is_file() {
        fs::read_to_string(argument).map_err(|source| ScriptError::Unreadable {
            path: argument.to_owned(),
            source,
        })?
    } else {
        argument.to_owned()
    };
    let steps = statements(&text).into_iter().map(read_step);
    let steps: Vec<Written> = steps.collect::<Result<_, _>>()?;
    let menu = |written: &&Written| matches!(written.step, Step::Limit { menu: true, .. });
    match steps.iter().find(menu) {
        Some(written) if skin.limit_menu().is_none() => Err(ScriptError::Step {
            words: written.words.clone(),
            what: "is nothing that this agent asks; take limit".to_owned(),
        }),
        _ => Ok(steps),
    }
}

/// The steps of a first start, or of one that goes on with a conversation.
pub(crate) fn part(mut script: Vec<Written>, resumed: bool) -> Vec<Written> {
    let mark = script
        .iter()
        .position(|written| written.step == Step::Resumed);
    match mark {
        Some(mark) if resumed => script.split_off(mark),
        Some(mark) => {
            script.truncate(mark);
            script
        }
        None => script,
    }
}

/// What stands between line breaks and semicolons that are not in quotes, without comments.
fn statements(text: &str) -> Vec<String> {
    let mut statements = vec![String::new()];
    let (mut quote, mut comment) = (None, false);
    for character in text.chars() {
        let Some(statement) = statements.last_mut() else {
            break;
        };
        comment |= character == '#' && statement.trim().is_empty();
        let ends = character == '\n' || (character == ';' && quote.is_none() && !comment);
        if ends {
            (quote, comment) = (None, false);
            statements.push(String::new());
        } else if !comment {
            if quote == Some(character) {
                quote = None;
            } else if quote.is_none() && matches!(character, '"' | '\'') {
                quote = Some(character);
            }
            statement.push(character);
        }
    }
    let trimmed = statements
        .into_iter()
        .map(|statement| statement.trim().to_owned());
    trimmed.filter(|statement| !statement.is_empty()).collect()
}

fn read_step(words: String) -> Result<Written, ScriptError> {
    let wrong = |what: &str| ScriptError::Step {
        words: words.clone(),
        what: what.to_owned(),
    };
    let split = shlex::split(&words).ok_or_else(|| wrong("has a quote without its end"))?;
    let arguments: Vec<&str> = split.iter().map(String::as_str).collect();
    let step = step(&arguments).map_err(|what| wrong(&what))?;
    Ok(Written { step, words })
}

fn step(words: &[&str]) -> Result<Step, String> {
    let limit = |words: &str, holds: Duration, menu| Step::Limit {
        words: words.to_owned(),
        holds,
        menu,
    };
    Ok(match words {
        ["say", text] => Step::Say((*text).to_owned()),
        ["work", time] => Step::Work(duration(time)?),
        ["repaint", time] => Step::Repaint(duration(time)?),
        ["child", time] => Step::Child(duration(time)?),
        ["stall"] => Step::Stall,
        ["hang"] => Step::Hang,
        ["ask", question, choices @ ..] => Step::Ask {
            question: (*question).to_owned(),
            choices: choices.iter().map(|&choice| choice.to_owned()).collect(),
        },
        ["limit", text] => limit(text, Duration::ZERO, false),
        ["limit", text, "for", time] => limit(text, duration(time)?, false),
        ["limit-menu", text] => limit(text, Duration::ZERO, true),
        ["limit-menu", text, "for", time] => limit(text, duration(time)?, true),
        ["retry", time] => Step::Retry(duration(time)?),
        ["outage"] => Step::Outage,
        ["ignore", times] => Step::Ignore(number(times)?),
        ["lose", times] => Step::Lose(number(times)?),
        ["wait"] => Step::Wait,
        ["crash"] => Step::Crash(None),
        ["crash", code] => Step::Crash(Some(number(code)?)),
        ["exit", code] => Step::Exit(number(code)?),
        ["resumed"] => Step::Resumed,
        _ => return Err("is none, nor is there a file of that name".to_owned()),
    })
}

fn duration(words: &str) -> Result<Duration, String> {
    let parsed = words.parse::<SignedDuration>().ok();
    let duration = parsed.and_then(|duration| Duration::try_from(duration).ok());
    duration.ok_or_else(|| format!("has '{words}' for a time, which is one like 5s or 200ms"))
}

fn number<N: FromStr>(words: &str) -> Result<N, String> {
    let number = words.parse().ok();
    number.ok_or_else(|| format!("has '{words}' for a number"))
}
