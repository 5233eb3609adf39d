//! Whether a text may be typed now.

use std::time::Duration;

use super::{Look, Standing, standing, standing::is_whole};
use crate::agent::{profile::Profile, screen::Fingerprint, sighting::Seen};

/// How much is quoted of what others typed or asked.
const QUOTED: usize = 120;

/// What may be typed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// Also while it works, or nobody can tell whether it does.
    pub busy: bool,
    /// Also while its usage limit is reached; what it asks about that may be closed with the key that its
    /// profile has for it.
    pub limited: bool,
    /// Also where no input line is seen, in a program of which its profile cannot know every one.
    pub unseen: bool,
    /// What it does is ended first, with the key that its profile has for that.
    pub interrupt: bool,
    /// Only while this is on its screen: then it was seen to do nothing.
    pub still: Option<Fingerprint>,
    /// Who is attached and pressed a key within that time is not disturbed.
    pub undisturbed: Duration,
}

impl Default for Permission {
    fn default() -> Self {
        Self {
            busy: true,
            limited: false,
            unseen: true,
            interrupt: false,
            still: None,
            undisturbed: Duration::from_secs(30),
        }
    }
}

/// What is to be done first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ready {
    /// What it asks about its usage limit is to be closed with this key; then it is looked again.
    Close(String),
    /// What it does is to be ended with this key; then it is looked again.
    Interrupt(String),
    /// The text is to be typed.
    Type,
    /// It is on the input line, left by an earlier try, and only has to be submitted.
    Submit,
}

/// Why a text may not be typed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Nothing runs there.
    #[error("the terminal is dead")]
    Dead,
    /// Somebody scrolls or chooses.
    #[error("the terminal is in copy mode: keys would go there; leave it with q")]
    Mode,
    /// The agent is not who reads.
    #[error("{} is in the foreground, and the profile {profile} is for {}", names(found), wanted.join(", "))]
    Foreground {
        /// Who is.
        found: Vec<String>,
        /// The profile.
        profile: String,
        /// Who should be.
        wanted: Vec<String>,
    },
    /// It waits for an answer.
    #[error("it asks: {}", quoted(question))]
    Asking {
        /// What.
        question: String,
    },
    /// Its usage limit is reached.
    #[error("its usage limit is reached{}", menu.as_deref().map(|menu| format!(", and it asks: {}", quoted(menu))).unwrap_or_default())]
    Limited {
        /// What it asks about it.
        menu: Option<String>,
    },
    /// Its program is over.
    #[error("its program is over: {}", quoted(words))]
    Crashed {
        /// What it said.
        words: String,
    },
    /// It works.
    #[error("it works")]
    Busy,
    /// It was seen to do nothing, and goes on.
    #[error("it goes on: its screen is not what it was at the last look")]
    Moved,
    /// Text is there, somebody's or what was left of a try.
    #[error("text stands on its input line, and is not sent")]
    Unsent {
        /// What.
        typed: String,
    },
    /// It is not ready for text.
    #[error("no input line of {profile} is on the screen")]
    NoInput {
        /// The profile.
        profile: String,
    },
    /// A person is there.
    #[error("somebody is attached, and pressed a key {} s ago", idle.as_secs())]
    Attached {
        /// How long ago.
        idle: Duration,
    },
    /// Line breaks and tabs would be keys.
    #[error(
        "the program has not asked for bracketed paste, so line breaks and tabs in the text would be keys: type one line, or have typing.bracketed = false in the profile of a program that reads line by line"
    )]
    Unbracketed,
    /// The kernel would cut it.
    #[error(
        "a line of {bytes} bytes would be cut: the program leaves the terminal to the kernel, which takes {longest}"
    )]
    LongLine {
        /// The longest line of the text.
        bytes: usize,
        /// The longest that is taken.
        longest: usize,
    },
}

fn names(found: &[String]) -> String {
    if found.is_empty() {
        return "nobody".to_owned();
    }
    found.join(", ")
}

fn quoted(words: &str) -> String {
    let mut short: String = words.chars().take(QUOTED).collect();
    if short.len() < words.len() {
        short.push('…');
    }
    format!("{short:?}")
}

/// Whether the text may be typed into what this look shows.
///
/// # Errors
/// Why it may not.
pub fn may_type(
    profile: &Profile,
    text: &str,
    permission: Permission,
    look: &Look,
) -> Result<Ready, Refusal> {
    reachable(profile, look)?;
    if let Some(key) = closes(permission, look) {
        return match disturbed(permission, look) {
            Some(idle) => Err(Refusal::Attached { idle }),
            None => Ok(Ready::Close(key.to_owned())),
        };
    }
    if let Some(refusal) = engaged(permission, look) {
        return Err(refusal);
    }
    let moved = |still: Fingerprint| profile.fingerprint(&look.screen) != still;
    if permission.still.is_some_and(moved) {
        return Err(Refusal::Moved);
    }
    if let Some(key) = interrupts(profile, permission, look) {
        // With the same key many programs clear their input line.
        if let Standing::Other(typed) = standing(profile, text, look) {
            return Err(Refusal::Unsent { typed });
        }
        return match disturbed(permission, look) {
            Some(idle) => Err(Refusal::Attached { idle }),
            None => Ok(Ready::Interrupt(key.to_owned())),
        };
    }
    if !permission.busy {
        idle(profile, look)?;
    }
    let typed = look.input(profile).and_then(|input| input.typed.as_deref());
    let ready = match (standing(profile, text, look), typed) {
        (Standing::Text, Some(typed)) if is_whole(text, typed) => Ready::Submit,
        (Standing::Text | Standing::Other(_), typed) => {
            let typed = typed.unwrap_or_default().to_owned();
            return Err(Refusal::Unsent { typed });
        }
        // A profile for whatever runs there cannot know every input line.
        (Standing::Unseen, _) if !profile.programs.is_empty() || !permission.unseen => {
            let profile = profile.name.clone();
            return Err(Refusal::NoInput { profile });
        }
        (Standing::Empty | Standing::Unseen, _) => Ready::Type,
    };
    if let Some(idle) = disturbed(permission, look) {
        return Err(Refusal::Attached { idle });
    }
    if ready == Ready::Type {
        carried(profile, text, look)?;
    }
    Ok(ready)
}

/// Whether Enter may be pressed for the first time: nobody else has begun to type.
///
/// # Errors
/// Why it may not.
pub fn may_submit(profile: &Profile, permission: Permission, look: &Look) -> Result<(), Refusal> {
    may_press(profile, permission, look)?;
    disturbed(permission, look).map_or(Ok(()), |idle| Err(Refusal::Attached { idle }))
}

/// Whether Enter may be pressed, now that the text is there.
///
/// # Errors
/// Why it may not.
pub fn may_press(profile: &Profile, permission: Permission, look: &Look) -> Result<(), Refusal> {
    reachable(profile, look)?;
    engaged(permission, look).map_or(Ok(()), Err)
}

/// Keys would come to the agent.
pub(super) fn reachable(profile: &Profile, look: &Look) -> Result<(), Refusal> {
    if look.dead {
        return Err(Refusal::Dead);
    }
    if look.in_mode {
        return Err(Refusal::Mode);
    }
    let known = |name: &String| profile.is_program(name);
    let mut readers = look.readers.iter();
    if profile.programs.is_empty() || readers.any(|reader| reader.names.iter().any(known)) {
        return Ok(());
    }
    let first = look
        .readers
        .iter()
        .filter_map(|reader| reader.names.first());
    Err(Refusal::Foreground {
        found: first.cloned().collect(),
        profile: profile.name.clone(),
        wanted: profile.programs.clone(),
    })
}

/// The key that closes what it asks about its limit, if it may be pressed.
fn closes(permission: Permission, look: &Look) -> Option<&str> {
    let menu = look.sighting.menu().filter(|_| permission.limited);
    menu?.key.as_deref()
}

/// The key that ends what it does, if it may be pressed: it says that it works.
fn interrupts<'a>(profile: &'a Profile, permission: Permission, look: &Look) -> Option<&'a str> {
    let works = permission.interrupt && look.sighting.seen == Seen::Busy;
    profile.typing.interrupt.as_deref().filter(|_| works)
}

/// What it is engaged in that text would disturb.
pub(super) fn engaged(permission: Permission, look: &Look) -> Option<Refusal> {
    match &look.sighting.seen {
        Seen::Asking { question } => Some(Refusal::Asking {
            question: question.clone(),
        }),
        Seen::Crashed { words } => Some(Refusal::Crashed {
            words: words.clone(),
        }),
        Seen::Limited { menu, .. } if menu.is_some() || !permission.limited => {
            let menu = menu.as_ref().map(|menu| menu.question.clone());
            Some(Refusal::Limited { menu })
        }
        Seen::Limited { .. } | Seen::Waiting | Seen::Busy | Seen::Outage { .. } | Seen::Unknown => {
            None
        }
    }
}

/// It is at its input line, and does nothing.
pub(super) fn idle(profile: &Profile, look: &Look) -> Result<(), Refusal> {
    match (&look.sighting.seen, look.input(profile)) {
        (Seen::Busy, _) => Err(Refusal::Busy),
        (_, Some(_)) => Ok(()),
        (_, None) => Err(Refusal::NoInput {
            profile: profile.name.clone(),
        }),
    }
}

/// How long ago somebody who is there pressed a key, if that is not long ago.
pub(super) fn disturbed(permission: Permission, look: &Look) -> Option<Duration> {
    let typing = look.clients.iter().filter(|client| !client.readonly);
    let idle = typing.map(|client| client.idle).min()?;
    (idle < permission.undisturbed).then_some(idle)
}

/// All of the text would come to the program as text.
fn carried(profile: &Profile, text: &str, look: &Look) -> Result<(), Refusal> {
    let keys = text.contains(['\n', '\t']);
    // Where nobody can tell, a program that its profile knows, and that shows its input line, has asked.
    let asked = look.brackets.unwrap_or(look.input(profile).is_some());
    if profile.typing.bracketed && keys && !asked {
        return Err(Refusal::Unbracketed);
    }
    let bytes = text.split('\n').map(str::len).max().unwrap_or_default();
    match look.longest_line {
        Some(longest) if bytes > longest => Err(Refusal::LongLine { bytes, longest }),
        _ => Ok(()),
    }
}
