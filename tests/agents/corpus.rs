//! The screens and their heads.
//!
//! ```text
//! columns: 80
//! seen: limited 2026-11-22T15:00:00Z
//!
//! (the screen; ␛ stands for escape)
//! ```

use std::{collections::BTreeMap, fs, path::Path};

use jiff::{Timestamp, tz::TimeZone};
use loopkeeper::agent::{
    profile::Profile,
    screen::Screen,
    sighting::{Seen, Sighting, sight},
};

/// What can stand in a head.
const KEYS: [&str; 6] = ["columns", "seen", "question", "typed", "cost", "session"];

/// One screen of the corpus.
pub(crate) struct Drawn {
    pub(crate) profile: Profile,
    /// `profile/file`.
    pub(crate) name: String,
    pub(crate) columns: u16,
    pub(crate) text: String,
    head: BTreeMap<String, String>,
}

/// All screens, in order.
pub(crate) fn corpus() -> Vec<Drawn> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/agents/screens");
    let mut drawn = Vec::new();
    for directory in entries(&root) {
        let name = directory.file_name().unwrap().to_str().unwrap().to_owned();
        let profile = Profile::shipped(&name).unwrap();
        for file in entries(&directory) {
            let stem = file.file_stem().unwrap().to_str().unwrap();
            drawn.push(read(&profile, format!("{name}/{stem}"), &file));
        }
    }
    drawn
}

fn entries(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn read(profile: &Profile, name: String, file: &Path) -> Drawn {
    let text = fs::read_to_string(file).unwrap();
    let (head, text) = text.split_once("\n\n").unwrap();
    let pair = |line: &str| {
        let (key, value) = line.split_once(": ").unwrap();
        assert!(KEYS.contains(&key), "{name}: {key}");
        (key.to_owned(), value.replace("\\n", "\n"))
    };
    let head: BTreeMap<_, _> = head.lines().map(pair).collect();
    Drawn {
        profile: profile.clone(),
        columns: head["columns"].parse().unwrap(),
        text: text.replace('\u{241b}', "\x1b"),
        name,
        head,
    }
}

impl Drawn {
    /// A look at this text, in Dublin, on a night in November.
    pub(crate) fn look(&self, text: &str, columns: u16) -> Sighting {
        let zone = TimeZone::get("Europe/Dublin").unwrap();
        let now: Timestamp = "2026-11-22T01:00:00Z".parse().unwrap();
        sight(
            &self.profile,
            &Screen::read(text, Some(columns)),
            now,
            &zone,
        )
    }

    /// What is to be seen.
    pub(crate) fn expected(&self) -> String {
        self.head["seen"].clone()
    }

    /// What differs from what is expected.
    pub(crate) fn differences(&self, text: &str, columns: u16) -> Vec<String> {
        let sighting = self.look(text, columns);
        let screen = Screen::read(text, Some(columns));
        let typed = sighting
            .input
            .as_ref()
            .and_then(|input| input.typed.clone());
        let question = match &sighting.seen {
            Seen::Asking { question } => Some(question.clone()),
            Seen::Limited { menu, .. } => menu.as_ref().map(|menu| menu.question.clone()),
            Seen::Waiting
            | Seen::Busy
            | Seen::Outage { .. }
            | Seen::Crashed { .. }
            | Seen::Unknown => None,
        };
        let cost = self.profile.cost(&screen).map(|cost| cost.to_string());
        let is = [
            ("seen", Some(shown(&sighting.seen))),
            ("question", question),
            // On an input line that is not waited at, the text is whatever it is.
            ("typed", typed.filter(|_| sighting.seen == Seen::Waiting)),
            ("cost", cost),
            ("session", self.profile.session_on(&screen)),
        ];
        let differs = is.into_iter().filter_map(|(key, is)| {
            let expected = self.head.get(key);
            (expected != is.as_ref()).then(|| format!("{key} is {is:?}, not {expected:?}"))
        });
        differs.collect()
    }
}

/// The kind of what is seen, and when a limit ends.
pub(crate) fn shown(seen: &Seen) -> String {
    match seen {
        Seen::Waiting => "waiting".to_owned(),
        Seen::Busy => "busy".to_owned(),
        Seen::Asking { .. } => "asking".to_owned(),
        Seen::Limited {
            until: Some(until), ..
        } => format!("limited {until}"),
        Seen::Limited { until: None, .. } => "limited".to_owned(),
        Seen::Outage { .. } => "outage".to_owned(),
        Seen::Crashed { .. } => "crashed".to_owned(),
        Seen::Unknown => "unknown".to_owned(),
    }
}
