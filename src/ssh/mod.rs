//! Other hosts: one SSH connection to each, which is kept.
//!
//! Promise: a host is who its known key says, always; nothing of ours can be told to look away. Whether a
//! host is connected is known at any time, and why not in words that help; a connection that is dead is
//! noticed within [`NOTICED_WITHIN`], and made again for as long as the [`Link`] is kept. What is run over
//! there comes through byte for byte, with its arguments, whatever the login shell says or is. Nothing
//! blocks for ever, and nobody takes what may have run for what never began ([`LinkError::never_began`]).
//! No connection outlives the daemon, and the next one clears away what files are left of it; nothing over
//! there depends on either.
//!
//! How: `ssh` itself connects, as the master of connections that it knows how to share (ssh_config(5),
//! `ControlMaster`), and stays for as long as the connection does: a child of ours like every other
//! (`master`), which `keeper` starts again and again. So keys, agents, jump hosts and all that people write
//! into their `ssh_config` are what they are elsewhere (`configuration`). Over its socket, which is in a
//! private `place`, each [`Script`] gets a channel of its own ([`Link`], [`Channel`]) in ssh's own protocol,
//! by the crate `openssh`, without one more process: `turns` is how many there are, `session` the shell at the
//! end of one, and `sieve` tells what that says from what the script does. `words` makes one line of what ssh
//! says. When to try again is a rule: `decide::link`.

mod channel;
mod configuration;
mod error;
mod keeper;
mod link;
mod master;
mod place;
mod script;
mod session;
pub(crate) mod shared;
mod sieve;
mod state;
mod turns;
mod words;

use std::{path::PathBuf, time::Duration};

pub use channel::Channel;
pub use error::LinkError;
pub use link::{Link, Output};
pub use script::Script;
pub use state::State;

/// The longest that a connection can be dead and count as alive.
pub const NOTICED_WITHIN: Duration = Duration::from_secs(10);

/// Channels that are open at the same time. sshd lets ten into one connection, unless it is told
/// otherwise (sshd_config(5), `MaxSessions`); what is left is for those who close.
pub const CHANNELS: usize = 8;

/// Where a host is, and how it is come to. What is not said here, the user's `ssh_config` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What it is called here.
    pub name: String,
    /// Whom to log in as.
    pub user: Option<String>,
    /// Its name or address, or an alias of the user's `ssh_config`.
    pub host: String,
    /// Where its sshd listens.
    pub port: Option<u16>,
    /// Read in place of the user's and the system's; an absolute path.
    pub ssh_config: Option<PathBuf>,
    /// The private key, and no other; an absolute path.
    pub identity: Option<PathBuf>,
    /// The SOCKS5 server (`host:port`) through which alone it is come to. It resolves the host's name.
    pub proxy: Option<String>,
}
