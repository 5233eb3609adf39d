//! git, as it is run to make a worktree: with nobody there whom it could ask, and with no environment but
//! the user's home, the search path, and what the worker is given.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::causes::in_words;

/// What git goes by instead of the directory that it is to look at (git-rev-parse(1), `--local-env-vars`).
const OF_A_REPOSITORY: [&str; 8] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
];
/// Of our own environment.
const KEPT: [&str; 6] = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "SSH_AUTH_SOCK"];
/// What git says that is not why.
const NO_REASON: [&str; 3] = ["Cloning into ", "Preparing worktree ", "hint:"];
/// The longest that is told of what it says.
const MOST: usize = 400;

pub(super) struct Git<'a> {
    environment: &'a BTreeMap<String, String>,
    /// No repository above is taken for the one that is meant.
    ceiling: PathBuf,
}

impl<'a> Git<'a> {
    /// For the worktree at this path.
    pub(super) fn new(worktree: &Path, environment: &'a BTreeMap<String, String>) -> Self {
        Self {
            environment,
            ceiling: worktree.parent().unwrap_or(worktree).to_owned(),
        }
    }

    /// What it says of the directory `at`, without the newline at the end.
    ///
    /// # Errors
    /// Why not, in its own words.
    pub(super) fn run(&self, at: &Path, words: &[&str]) -> Result<String, String> {
        let kept = KEPT
            .iter()
            .filter_map(|name| Some((name, env::var_os(name)?)));
        let given = self.environment.iter();
        let given = given.filter(|(name, _)| !OF_A_REPOSITORY.contains(&name.as_str()));
        let done = Command::new("git")
            .env_clear()
            .envs(kept)
            .envs(given)
            .envs([("LC_ALL", "C"), ("GIT_TERMINAL_PROMPT", "0")])
            .envs([("GIT_ASKPASS", ""), ("SSH_ASKPASS_REQUIRE", "never")])
            .env("GIT_CEILING_DIRECTORIES", &self.ceiling)
            // A monitor of files would be left running.
            .args(["-c", "core.fsmonitor=false", "-C"])
            .arg::<&OsStr>(at.as_ref())
            .args(words)
            .current_dir("/")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("git cannot be run: {}", in_words(&error)))?;
        if !done.status.success() {
            let said = why(&String::from_utf8_lossy(&done.stderr));
            return Err(match said.is_empty() {
                true => format!("git {}: {}", words.join(" "), done.status),
                false => said,
            });
        }
        let said = String::from_utf8_lossy(&done.stdout);
        Ok(said.strip_suffix('\n').unwrap_or(&said).to_owned())
    }

    /// The same where a no is an answer.
    pub(super) fn ask(&self, at: &Path, words: &[&str]) -> Option<String> {
        self.run(at, words).ok().filter(|said| !said.is_empty())
    }
}

/// Its own words, on one line. Some are a remote's, which could steer the terminal of whoever reads them.
fn why(said: &str) -> String {
    let lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines = lines.filter(|line| !NO_REASON.iter().any(|begins| line.starts_with(begins)));
    let why = lines.collect::<Vec<_>>().join("; ");
    let mut why: String = why
        .chars()
        .map(|c| match c.is_control() {
            true => '\u{fffd}',
            false => c,
        })
        .collect();
    if why.len() > MOST {
        why.truncate(why.floor_char_boundary(MOST));
        why.push_str(" …");
    }
    why
}

/// A path as a word of a command.
///
/// # Errors
/// It has bytes that are no text.
pub(super) fn text(path: &Path) -> Result<&str, String> {
    let text = path.to_str();
    text.ok_or_else(|| format!("{} is no text", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_remote_says_does_not_steer_a_terminal() {
        let said = "Cloning into 'x'...\nremote: \u{1b}]0;title\u{7}no\rmore\nfatal: gone\n";
        let why = why(said);
        assert_eq!(
            why,
            "remote: \u{fffd}]0;title\u{fffd}no\u{fffd}more; fatal: gone"
        );
    }
}
