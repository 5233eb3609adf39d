//! The words on the screen for what a worker is and does.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $type {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant),+
        }

        impl $type {
            /// Every one of them, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word in status, journal and configuration.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

words!(
    /// The `state` of a row in `status`.
    StateName {
        /// Wants to run, and something it needs is not there yet.
        Waiting = "waiting",
        /// Started, not ready yet.
        Starting = "starting",
        /// Alive and ready.
        Running = "running",
        /// Ended; the next attempt comes after a delay.
        BackingOff = "backing-off",
        /// Being stopped.
        Stopping = "stopping",
        /// Not running, because the operator, the plan or its own end said so.
        Stopped = "stopped",
        /// Not running, because it failed too often; released by the operator.
        Held = "held",
        /// Its host does not answer: neither alive nor dead for all we know.
        Lost = "lost",
    }
);

words!(
    /// What a row in `status` is.
    Kind {
        /// Works on the plan: told the phase, stopped at the plan's end and by `pause`.
        Loop = "loop",
        /// Helps the loops: runs whatever the phase, also while the rig is paused.
        Service = "service",
        /// The SOCKS proxy.
        Proxy = "proxy",
        /// The daemon's own watch over the rig.
        Watchdog = "watchdog",
        /// Something that was kept before, while nobody can read what is declared now.
        Unknown = "unknown",
    }
);

words!(
    /// How a program is started and watched on its host.
    LauncherKind {
        /// A process, re-found after the daemon's death.
        Process = "process",
        /// A session in a tmux server of its own.
        Tmux = "tmux",
        /// A transient service, carried by the service manager.
        Systemd = "systemd",
    }
);

words!(
    /// What the watchdog holds of a running worker.
    VerdictIs {
        /// There is fresh evidence of work.
        Working = "working",
        /// It waits for something that is not there.
        Waiting = "waiting",
        /// It is at a usage limit.
        Limited = "limited",
        /// It goes on only when it is answered.
        Asking = "asking",
        /// It should be working and shows no sign of it.
        Stalled = "stalled",
        /// Its provider does not answer.
        Outage = "outage",
        /// Nothing can be said.
        Unknown = "unknown",
    }
);

/// A verdict with its evidence: never one without the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The word.
    pub is: VerdictIs,
    /// What it rests on, for people.
    pub evidence: String,
    /// Since when looks at a screen come to it; `None` where it rests on something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}
