//! The message catalog: what each event that the daemon logs means, and what to do about it, for
//! `journalctl -x`.
//!
//! Promise: every event has a `MESSAGE_ID=` and an entry under it, because both come from one table.
//! An entry names only fields that each of its journal entries has: journalctl(1) puts their values
//! in, and leaves the name of a field that is not there.

mod entries;

use entries::ENTRIES;

/// Columns of the text, which journalctl(1) puts three more before.
const WIDTH: usize = 77;

/// One kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The word in `LOOPKEEPER_EVENT=`.
    pub event: &'static str,
    /// Its `MESSAGE_ID=` (systemd.journal-fields(7)). Made once with `systemd-id128 new`; never
    /// reused for something else.
    pub id: &'static str,
    /// In a few words.
    pub subject: &'static str,
    /// What it means, and what to do: paragraphs, and lines of `$ ` and a command.
    pub text: &'static str,
}

/// All there are.
pub fn entries() -> &'static [Entry] {
    ENTRIES
}

/// The entry of that kind of event.
pub fn entry(event: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.event == event)
}

impl Entry {
    /// The journal fields whose values stand in it.
    pub fn fields(&self) -> impl Iterator<Item = &'static str> {
        let in_text = self.text.split('@').skip(1).step_by(2);
        self.subject.split('@').skip(1).step_by(2).chain(in_text)
    }
}

/// The whole catalog, as `journalctl --update-catalog` reads it.
pub fn text() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!("# Printed by supervisorctl generate catalog, version {version}.\n");
    for entry in ENTRIES {
        text.push_str(&format!(
            "\n-- {}\nSubject: {}\nDefined-By: Loopkeeper\nSupport: man:supervisorctl(1)\n\
             Documentation: man:loopkeeperd(8)\n",
            entry.id, entry.subject
        ));
        for paragraph in entry.text.split("\n\n") {
            text.push('\n');
            for line in paragraph.lines() {
                match line.strip_prefix("$ ") {
                    Some(command) => text.push_str(&format!("  {command}\n")),
                    None => text.push_str(&format!("{}\n", textwrap::fill(line, WIDTH))),
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_id_is_an_id_of_its_own() {
        let mut ids: Vec<_> = ENTRIES.iter().map(|entry| entry.id).collect();
        let hexadecimal = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        assert!(
            ids.iter()
                .all(|id| id.len() == 32 && id.bytes().all(hexadecimal))
        );
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), ENTRIES.len());
    }

    #[test]
    fn the_fields_of_an_entry_are_those_between_at_signs() {
        let entry = Entry {
            event: "e",
            id: "",
            subject: "@A@ ends",
            text: "It is @B_C@, or\n\n@D@.",
        };
        assert_eq!(entry.fields().collect::<Vec<_>>(), ["A", "B_C", "D"]);
    }

    #[test]
    fn entries_are_laid_out_as_a_catalog() {
        let text = text();
        let id = entry("worker-held").map(|entry| entry.id).unwrap();
        let (_, held) = text.split_once(&format!("\n\n-- {id}\n")).unwrap();
        let head = "Subject: Worker @LOOPKEEPER_WORKER@ is held\nDefined-By: Loopkeeper\n\
                    Support: man:supervisorctl(1)\nDocumentation: man:loopkeeperd(8)\n\n";
        assert!(held.starts_with(head), "{held}");
        assert!(
            held.contains("\nWith the cause mended:\n  supervisorctl start @LOOPKEEPER_WORKER@\n"),
            "{held}"
        );
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
    }
}
