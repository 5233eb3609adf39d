//! How a conversation is known again after its program ended.

use regex::Regex;

use super::Profile;
use crate::agent::screen::Screen;

/// Where the id of a conversation comes from, and how it is used. Arguments are templates, in which
/// `{session}` is the id.
#[derive(Debug, Clone)]
pub enum Session {
    /// It has none; every start is a new conversation.
    None,
    /// It is chosen by whoever starts the program.
    Chosen {
        /// The arguments of the first start.
        start: Vec<String>,
        /// The arguments that go on with it.
        resume: Vec<String>,
    },
    /// The program makes it, and shows it.
    Shown {
        /// Where it is shown, as capture `session`.
        shown: Vec<Regex>,
        /// The arguments that go on with it.
        resume: Vec<String>,
    },
    /// The program keeps it in its directory, and nobody needs to know it.
    Kept {
        /// The arguments that go on with it.
        resume: Vec<String>,
    },
}

/// What stands for the id in a template.
pub(super) const PLACE: &str = "{session}";

/// An id may come from a screen, where anybody may have written: it must not be an option, a path or
/// a name with blanks.
pub(super) fn is_id(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=128).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(plain)
}

fn fill(template: &[String], id: &str) -> Vec<String> {
    let filled = template.iter().map(|argument| argument.replace(PLACE, id));
    filled.collect()
}

impl Profile {
    /// The arguments that begin a conversation. `id` is used by who lets it be chosen; `None` if it is
    /// no id.
    pub fn beginning(&self, id: &str) -> Option<Vec<String>> {
        match &self.session {
            Session::Chosen { start, .. } => is_id(id).then(|| fill(start, id)),
            Session::None | Session::Shown { .. } | Session::Kept { .. } => Some(Vec::new()),
        }
    }

    /// The arguments that go on with the same conversation. `None` where that is not possible, so that
    /// nobody starts a new one without knowing it.
    pub fn going_on(&self, id: Option<&str>) -> Option<Vec<String>> {
        match &self.session {
            Session::None => None,
            Session::Kept { resume } => Some(resume.clone()),
            Session::Chosen { resume, .. } | Session::Shown { resume, .. } => {
                Some(fill(resume, id.filter(|id| is_id(id))?))
            }
        }
    }

    /// The id of the conversation, where the screen shows it.
    pub fn session_on(&self, screen: &Screen) -> Option<String> {
        let Session::Shown { shown, .. } = &self.session else {
            return None;
        };
        let all = 0..screen.lines().len();
        let found = shown.iter().filter_map(|pattern| {
            let found = screen.find(all.clone(), pattern)?;
            let id = pattern.captures(&found.text)?.name("session")?;
            is_id(id.as_str()).then(|| (found.line, id.as_str().to_owned()))
        });
        found.max_by_key(|(line, _)| *line).map(|(_, id)| id)
    }
}
