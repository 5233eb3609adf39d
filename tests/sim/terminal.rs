//! What is on the screens of the agents of these worlds: any of some real ones.

use std::{sync::LazyLock, time::Duration};

use fastrand::Rng;
use jiff::{Timestamp, tz::TimeZone};
use loopkeeper::agent::{
    profile::Profile,
    screen::Screen,
    sighting::{Seen, sight},
    signs::{Child, Signs, Trace},
};

const RULE: &str = "────────────────────────────────────────";

static SCREENS: LazyLock<Vec<Signs>> = LazyLock::new(|| {
    let busy = |done: &str| format!("⏺ {done}\n\n✻ Thinking… (3s)\n\n{RULE}\n❯ \n{RULE}\n");
    let screens = [
        busy("Read 3 files"),
        busy("Read 4 files"),
        format!("⏺ Done.\n\n{RULE}\n❯ \n{RULE}\n"),
        "Do you want to proceed?\n❯ 1. Yes\n  2. No\n".to_owned(),
        "\n".to_owned(),
    ];
    screens.iter().map(|text| signs(text)).collect()
});

/// What is seen in a terminal with this on its screen.
pub(crate) fn signs(text: &str) -> Signs {
    signs_at(text, Timestamp::UNIX_EPOCH)
}

fn signs_at(text: &str, now: Timestamp) -> Signs {
    let profile = Profile::shipped("claude").unwrap();
    let screen = Screen::read(text, None);
    Signs {
        sighting: sight(&profile, &screen, now, &TimeZone::UTC),
        picture: profile.fingerprint(&screen),
        size: (80, 24),
        attended: None,
        taken: 0,
        children: Vec::new(),
        committed: Trace::Unseen,
        heartbeat: Trace::Unseen,
        session: None,
        turns: None,
        cost: None,
    }
}

/// A usage limit that an agent has reached.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Limit {
    /// By its words.
    pub(crate) end: Timestamp,
    seen: Signs,
}

impl Limit {
    /// One that ends then, to the second.
    pub(crate) fn new(end: Timestamp, now: Timestamp) -> Self {
        let end = Timestamp::from_second(end.as_second()).unwrap();
        let text =
            format!("⏺ Bash\n  ⎿  You've hit your limit · resets {end}\n\n{RULE}\n❯ \n{RULE}\n");
        let seen = signs_at(&text, now);
        Self { end, seen }
    }

    /// What is on the screen. Of an end that is past nobody reads anything.
    pub(crate) fn signs(&self, now: Timestamp) -> Signs {
        let mut signs = self.seen.clone();
        if let Seen::Limited { until, .. } = &mut signs.sighting.seen {
            *until = until.filter(|until| *until > now);
        }
        signs
    }
}

/// An agent that has done its work.
pub(crate) fn at_rest() -> Signs {
    SCREENS[2].clone()
}

/// Any of them, with or without a child that has computed for any time.
pub(crate) fn random(rng: &mut Rng) -> Signs {
    let mut signs = SCREENS[rng.usize(0..SCREENS.len())].clone();
    if rng.u32(0..4) == 0 {
        signs.children.push(Child {
            pid: 7,
            start: 7,
            name: "cargo".into(),
            cpu: Duration::from_secs(rng.u64(0..1000)),
        });
    }
    signs
}
