//! `worktree`: a path alone, or a table with the path and the repository from which it is made.

use std::path::PathBuf;

use super::machine;
use crate::config::{
    Form, On, Origin,
    reader::{Entry, Reading, Table},
    schema::{self, worktree as keys},
};

/// What `worktree` says, right or wrong.
#[derive(Default)]
pub(super) struct Worktree {
    pub(super) path: Option<PathBuf>,
    pub(super) origin: Option<Origin>,
}

pub(super) fn worktree(entry: &Entry<'_>, on: &On, reading: &mut Reading<'_>) -> Worktree {
    if !entry.is_table() {
        return Worktree {
            path: machine::path_on(on, entry, reading),
            origin: None,
        };
    }
    let Some(table) = Table::open(entry, reading) else {
        return Worktree::default();
    };
    table.only(schema::WORKTREE, reading, |_| None);
    let path = table
        .need(keys::PATH, reading)
        .and_then(|entry| machine::path_on(on, &entry, reading));
    let form = table.get(keys::AS).and_then(|entry| {
        let words = [Form::Clone, Form::Linked].map(|form| (form.as_str(), form));
        entry.word(reading, &words)
    });
    let form = form.unwrap_or_default();
    let repo = table
        .need(keys::REPO, reading)
        .and_then(|entry| repo(&entry, form, reading));
    let written = table.get(keys::BRANCH);
    if form == Form::Linked && written.is_none() && !table.misses(keys::BRANCH, reading) {
        let at = table.at.clone();
        let message = format!(
            "`{}` is a worktree of its repository, without a branch",
            table.path
        );
        reading.complain(
            &at,
            message,
            "`branch`, which no other worktree has checked out",
        );
    }
    let branch = match written {
        Some(entry) => branch(&entry, reading).map(Some),
        None => Some(None),
    };
    Worktree {
        path,
        origin: repo
            .zip(branch)
            .map(|(repo, branch)| Origin { repo, branch, form }),
    }
}

/// What git clones. It is handed to git, which takes what begins with `-` for an option, and runs what a
/// transport such as `ext::` says.
fn repo(entry: &Entry<'_>, form: Form, reading: &mut Reading<'_>) -> Option<String> {
    let text = entry.string(reading)?;
    if text.starts_with('-') {
        entry.wrong(reading, "begins with -, as an option does");
        return None;
    }
    let (before, has_helper) = match text.split_once("::") {
        Some((before, _)) => (before, before.bytes().all(|b| b.is_ascii_alphanumeric())),
        None => ("", false),
    };
    if has_helper && !before.is_empty() {
        entry
            .wrong(reading, format_args!("has {before}:: as its transport"))
            .hint("such a transport is a program that is run: take ssh://, https:// or a path");
        return None;
    }
    let is_url = Origin::is_url(text);
    if is_url && form == Form::Linked {
        entry
            .wrong(
                reading,
                "is elsewhere, and a worktree belongs to a repository that is here",
            )
            .hint("write the path of a repository, or as = \"clone\"");
        return None;
    }
    if let Some(what) = secret(text) {
        entry
            .wrong(
                reading,
                format_args!("has {what} in it, which everybody here can read when git runs"),
            )
            .hint("leave out what is before the @: a credential helper of the worker's user has it (gitcredentials(7)); or take ssh://");
        return None;
    }
    if is_url {
        return Some(text.to_owned());
    }
    let path = machine::path(entry, reading)?;
    // The text of the file was UTF-8, and so is its directory, unless somebody took care.
    path.to_str().map(str::to_owned)
}

/// `https://user:password@host/`, and `https://token@host/`. Who is asked for by ssh is no secret.
fn secret(text: &str) -> Option<&'static str> {
    let (scheme, rest) = text.split_once("://")?;
    let (user, _) = rest.split('/').next()?.rsplit_once('@')?;
    match user.contains(':') {
        true => Some("a password"),
        false if scheme.contains("ssh") => None,
        false => Some("a user, who may be a token,"),
    }
}

/// The name of a branch, by the rules of git-check-ref-format(1) that a slip breaks.
fn branch(entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<String> {
    let text = entry.string(reading)?;
    let forbidden = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    let bad_part = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    let is_bad = text.starts_with('-')
        || text == "@"
        || text.ends_with('.')
        || text.contains(forbidden)
        || text.contains("..")
        || text.contains("@{")
        || text.split('/').any(bad_part);
    if is_bad {
        entry.wrong(
            reading,
            format_args!("is \"{text}\", which is no name of a branch"),
        );
        return None;
    }
    Some(text.to_owned())
}
