//! `handoff claim`: with the commit that is claimed.

use std::{env, path::PathBuf};

use clap::Args;

use super::{Note, Whose, ask, list, of};
use crate::{
    causes::in_one_line,
    checkout::{self, Checkout},
    cli::{
        Context, check,
        failure::{Exit, Failure},
    },
    config,
    decide::{Asker, Claim, Refusal, Step},
    handoff::LONGEST_LACKS,
    model::{GateName, WorkerName},
};

/// Where a worker works.
const WORKTREE: &str = "LOOPKEEPER_WORKTREE";

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// What it is called, such as 1d or tests-green.
    gate: GateName,
    #[command(flatten)]
    note: Note,
    /// Also where something is not committed, or not pushed; who verifies it is told what.
    #[arg(long)]
    anyway: bool,
    /// Begin anew with a gate that has passed already.
    #[arg(long)]
    again: bool,
    /// For this worker, as root or the daemon's user.
    #[arg(long = "as", value_name = "WORKER")]
    worker: Option<WorkerName>,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<(), Failure> {
    let whose = Whose::of(arguments.worker.as_ref());
    // No daemon would do it.
    if let Whose::Other(by) = &whose
        && let Err(Refusal { message, hint, .. }) = by.claims()
    {
        let failure = Failure::say(Exit::Usage, message);
        return Err(failure.hint(hint.unwrap_or_default()));
    }
    let note = arguments.note.read()?;
    let claim = Claim {
        again: arguments.again,
        ..look(&whose, arguments, context)?
    };
    let claim = of(&arguments.gate, Step::Claim(claim), note);
    ask(&whose, &claim, context)
}

/// What is in the worktree of who claims.
fn look(whose: &Whose, arguments: &Arguments, context: &Context) -> Result<Claim, Failure> {
    let Some(worktree) = worktree(whose, context)? else {
        return Ok(Claim::default());
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::say(Exit::Failed, format!("event loop: {error}")))?;
    let (found, because) = match runtime.block_on(checkout::look(&worktree, None)) {
        Ok(found) => {
            let because = lacking(&found);
            (found, because)
        }
        Err(why) => {
            let why = format!("nobody can look at the worktree: {}", in_one_line(&why));
            (Checkout::default(), vec![why])
        }
    };
    let is_stashed = found.stashes > 0;
    let is_more = because.len() > usize::from(is_stashed);
    let lacks = Some(because.join("; ")).filter(|lacks| !lacks.is_empty());
    match lacks {
        Some(lacks) if !arguments.anyway => {
            let text = format!("worktree {} is not ready: {lacks}", worktree.display());
            let gate = list::gate(&arguments.gate, context);
            let why_not = gate.and_then(|gate| gate.why_not_claimed(arguments.again));
            if let Some(Refusal { message, hint, .. }) = why_not {
                let failure = Failure::say(Exit::Failed, format!("{message}; and {text}"));
                return Err(failure.hint(hint.unwrap_or_default()));
            }
            Err(Failure::say(Exit::Failed, text).hint(to_be_done(is_stashed, is_more)))
        }
        lacks => Ok(Claim {
            commit: found.head,
            branch: found.branch,
            lacks: lacks.map(cut),
            again: false,
        }),
    }
}

/// What makes a worktree ready in which something was put aside, or is not ready for another reason.
fn to_be_done(is_stashed: bool, is_more: bool) -> String {
    let stashed = "`git stash pop` what was put aside, commit and push it, or `git stash drop` it";
    let what = match (is_stashed, is_more) {
        (true, true) => &format!("commit and push it; {stashed}"),
        (true, false) => stashed,
        (false, _) => "commit and push it",
    };
    format!("{what}, for who verifies it works in another clone; --anyway claims it all the same")
}

/// As much of it as is given on.
fn cut(lacks: String) -> String {
    let mut end = lacks.len().min(LONGEST_LACKS);
    while !lacks.is_char_boundary(end) {
        end -= 1;
    }
    lacks.get(..end).map_or(String::new(), str::to_owned)
}

/// What is not there for who verifies it.
fn lacking(found: &Checkout) -> Vec<String> {
    let mut because = found.unsafe_because(false);
    if found.head.is_none() {
        because.push("there is no commit yet".to_owned());
    }
    because
}

fn worktree(whose: &Whose, context: &Context) -> Result<Option<PathBuf>, Failure> {
    match whose {
        Whose::Own(_) => Ok(env::var_os(WORKTREE).map(PathBuf::from)),
        Whose::Other(Asker::Worker(name)) => {
            let config = config::load(&context.paths()?.config, &check::environment()?);
            let config = config.map_err(|complaints| {
                let text = format!("worktree of {name} is not known: {complaints}");
                Failure::say(Exit::Usage, text)
            })?;
            let worker = config.workers.get(name);
            Ok(worker.and_then(|worker| worker.worktree_here().cloned()))
        }
        // No person claims.
        Whose::Other(Asker::Person) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_commit_there_is_nothing_to_verify() {
        let mut found = Checkout::default();
        assert_eq!(lacking(&found), ["there is no commit yet"]);
        found.head = Some("0123456789abcdef".into());
        assert!(!lacking(&found).contains(&"there is no commit yet".to_owned()));
    }

    #[test]
    fn what_was_put_aside_is_not_only_to_be_pushed() {
        for (is_stashed, is_more, begins) in [
            (false, true, "commit and push it, for "),
            (true, false, "`git stash pop` what "),
            (true, true, "commit and push it; `git stash pop` what "),
        ] {
            let hint = to_be_done(is_stashed, is_more);
            assert!(hint.starts_with(begins), "{hint}");
            assert_eq!(hint.contains("`git stash drop` it, for "), is_stashed);
        }
    }

    #[test]
    fn of_much_that_is_missing_as_much_is_said_as_is_given_on() {
        assert_eq!(cut("x".repeat(LONGEST_LACKS)), "x".repeat(LONGEST_LACKS));
        let odd = format!("x{}", "ä".repeat(LONGEST_LACKS));
        let said = cut(odd.clone());
        assert_eq!(said.len(), LONGEST_LACKS - 1);
        assert!(odd.starts_with(&said));
    }
}
