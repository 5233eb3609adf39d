//! `loopkeeper.socket`: systemd keeps the control socket from one daemon to the next. It belongs to the
//! service of the same name (systemd.socket(5)), so that each rig of a manager can have one.
//!
//! Promise: while the daemon is restarted or upgraded, who asks waits for the next one, instead of
//! hearing that nobody is there. Who may connect is the daemon's to say, as without this unit.

use std::path::Path;

use super::unit::{BadPath, Manager, plain};

/// The text of the unit. `socket` where the control socket is not at its usual place.
pub fn text(manager: Manager, socket: Option<&Path>) -> Result<String, BadPath> {
    let (usual, directory) = match manager {
        Manager::System => ("/run/loopkeeper/control.sock", "0755"),
        Manager::User => ("%t/loopkeeper/control.sock", "0700"),
    };
    let place = match socket {
        Some(socket) => plain(socket)?.replace('%', "%%"),
        None => usual.to_owned(),
    };
    Ok(format!(
        "\
# Printed by supervisorctl generate socket, version {version}. Belongs to the service of the same name.
[Unit]
Description=Control socket of Loopkeeper
Documentation=man:supervisorctl(1)

[Socket]
ListenStream={place}
# For nobody else until the daemon gives it the group and mode that its own socket would have.
SocketMode=0600
DirectoryMode={directory}
# Nobody waits at a socket that nobody will serve.
RemoveOnStop=yes
# A daemon that cannot start now is started again all the time, and so may be who asks for it.
TriggerLimitIntervalSec=0

[Install]
WantedBy=sockets.target
",
        version = env!("CARGO_PKG_VERSION"),
    ))
}
