//! Whether a text was taken.

use std::time::Duration;

use super::{
    Look, Standing, standing,
    standing::{end, is_part},
};
use crate::agent::{profile::Profile, sighting::Seen};

/// What proves that a text was taken.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum By {
    /// The program works.
    Work,
    /// The text is in its transcript.
    Transcript,
    /// Its transcript went on.
    Progress,
    /// It asks something.
    Question,
    /// Another program has the terminal, whose name this is.
    Program(String),
}

/// What two looks say of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It was taken.
    Taken(By),
    /// It is on the input line.
    Left,
    /// Neither can be told.
    Open,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Look again.
    Look,
    /// Press the key that submits once more.
    Press,
    /// It was taken: the end.
    Taken(By),
    /// It is left on the input line: the end.
    Left,
    /// Nobody can tell: the end.
    Undecided,
}

/// How long after the first press, the second and so on it is pressed again.
const AGAIN: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(3),
];
/// How long after the last press, or after one whose effect cannot be told, the end is waited for.
const AT_LAST: Duration = Duration::from_secs(3);

/// What these looks say of a text that was submitted between them.
pub fn verdict(profile: &Profile, text: &str, before: &Look, after: &Look) -> Verdict {
    if after.dead {
        return Verdict::Open;
    }
    match standing(profile, text, after) {
        Standing::Text => Verdict::Left,
        // It is just being drawn.
        Standing::Other(typed) if is_part(text, &typed) => Verdict::Open,
        Standing::Empty | Standing::Other(_) => {
            left_something(profile, text, before, after).map_or(Verdict::Open, Verdict::Taken)
        }
        Standing::Unseen => follows(profile, before, after).map_or(Verdict::Open, Verdict::Taken),
    }
}

/// What a text that is not on the input line any more has left. Who worked before goes on anyway.
fn left_something(profile: &Profile, text: &str, before: &Look, after: &Look) -> Option<By> {
    let worked = before.sighting.seen == Seen::Busy;
    if !worked && after.sighting.seen == Seen::Busy {
        return Some(By::Work);
    }
    let (old, new) = (before.transcript(profile), after.transcript(profile));
    let times =
        |lines: &[String]| end(text).map_or(0, |end| lines.concat().matches(end.as_str()).count());
    if times(&new) > times(&old) {
        return Some(By::Transcript);
    }
    // A box that grew and shrank has pushed lines out above.
    if !worked && !new.ends_with(&old) && !old.ends_with(&new) {
        return Some(By::Progress);
    }
    another(before, after)
}

/// What comes in the place of an input line, by what was there before.
fn follows(profile: &Profile, before: &Look, after: &Look) -> Option<By> {
    if let Some(by) = another(before, after) {
        return Some(by);
    }
    let waited = before.sighting.seen == Seen::Waiting && before.input(profile).is_some();
    match after.sighting.seen {
        Seen::Busy if waited => Some(By::Work),
        // A program that worked may ask because of that.
        Seen::Asking { .. } | Seen::Limited { .. } if waited => Some(By::Question),
        Seen::Asking { .. }
        | Seen::Limited { .. }
        | Seen::Waiting
        | Seen::Busy
        | Seen::Outage { .. }
        | Seen::Crashed { .. }
        | Seen::Unknown => None,
    }
}

/// Who reads now and did not before.
fn another(before: &Look, after: &Look) -> Option<By> {
    let known = |pid: i32| before.readers.iter().any(|reader| reader.pid == pid);
    let new = after.readers.iter().find(|reader| !known(reader.pid))?;
    Some(By::Program(new.names.first().cloned().unwrap_or_default()))
}

/// How it has gone since the key that submits was pressed first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Course {
    presses: usize,
    last: Verdict,
}

impl Course {
    /// It was pressed once.
    pub fn pressed() -> Self {
        Self {
            presses: 1,
            last: Verdict::Open,
        }
    }

    /// How often it was pressed.
    pub fn presses(&self) -> usize {
        self.presses
    }

    /// What is to be done by one more look, `since` the last press.
    pub fn next(&mut self, verdict: Verdict, since: Duration) -> Next {
        let again = self.last == verdict;
        self.last = verdict.clone();
        match verdict {
            // A program may have been about to draw its input line.
            Verdict::Taken(by) if again => Next::Taken(by),
            Verdict::Left => match AGAIN.get(self.presses - 1) {
                Some(limit) if since >= *limit => {
                    self.presses += 1;
                    Next::Press
                }
                None if since >= AT_LAST => Next::Left,
                Some(_) | None => Next::Look,
            },
            Verdict::Open if since >= AT_LAST => Next::Undecided,
            Verdict::Open | Verdict::Taken(_) => Next::Look,
        }
    }
}
