//! What is on the screens of the agents of these worlds: any of some real ones.

use std::{sync::LazyLock, time::Duration};

use fastrand::Rng;
use jiff::{Timestamp, tz::TimeZone};
use loopkeeper::agent::{
    profile::Profile,
    screen::Screen,
    sighting::sight,
    signs::{Child, Signs, Trace},
};

const RULE: &str = "────────────────────────────────────────";

static SCREENS: LazyLock<Vec<Signs>> = LazyLock::new(|| {
    let busy = |done: &str| format!("⏺ {done}\n\n✻ Thinking… (3s)\n\n{RULE}\n❯ \n{RULE}\n");
    let screens = [
        busy("Read 3 files"),
        busy("Read 4 files"),
        format!("⏺ Done.\n\n{RULE}\n❯ \n{RULE}\n"),
        format!(
            "⏺ Bash\n  ⎿  You've hit your limit · resets 3pm (Europe/Dublin)\n\n{RULE}\n❯ \n{RULE}\n"
        ),
        "Do you want to proceed?\n❯ 1. Yes\n  2. No\n".to_owned(),
        "\n".to_owned(),
    ];
    screens.iter().map(|text| signs(text)).collect()
});

fn signs(text: &str) -> Signs {
    let profile = Profile::shipped("claude").unwrap();
    let screen = Screen::read(text, None);
    Signs {
        sighting: sight(&profile, &screen, Timestamp::UNIX_EPOCH, &TimeZone::UTC),
        picture: profile.fingerprint(&screen),
        size: (80, 24),
        taken: 0,
        children: Vec::new(),
        committed: Trace::Unseen,
        heartbeat: Trace::Unseen,
        session: None,
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
