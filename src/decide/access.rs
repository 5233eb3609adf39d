//! Who may do what on the control socket.
//!
//! Promise: the owner of the daemon, root and the members of its group may steer; the first two may also
//! type to agents. Others may read if the operator opened the socket to everyone, and nothing otherwise.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What a client may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Ask, and change nothing.
    Read,
    /// Everything; but of what is typed to an agent, see [`Policy::may_type`].
    Steer,
}

/// Who asks, as the kernel noted it when the connection was made (unix(7), `SO_PEERCRED` and
/// `SO_PEERGROUPS`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Process id, for messages only: it may be somebody else's by now.
    pub pid: i32,
    /// Effective user.
    pub uid: u32,
    /// Effective group and supplementary groups.
    pub groups: BTreeSet<u32>,
}

/// By what is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The user the daemon runs as.
    pub owner: u32,
    /// The group whose members may steer, where there is one.
    pub group: Option<u32>,
    /// Whether everybody else may read.
    pub everyone_reads: bool,
}

const ROOT: u32 = 0;

impl Policy {
    /// Whether it is root or the owner, who get in whoever else is there.
    pub fn puts_first(&self, peer: &Peer) -> bool {
        peer.uid == ROOT || peer.uid == self.owner
    }

    /// Whether it may type to agents, and so do whatever the users of the workers may. Those who enter
    /// their sessions may.
    pub fn may_type(&self, peer: &Peer) -> bool {
        self.puts_first(peer)
    }

    /// What this peer may do; `None` is nothing.
    pub fn access(&self, peer: &Peer) -> Option<Access> {
        let in_group = self.group.is_some_and(|group| peer.groups.contains(&group));
        if self.puts_first(peer) || in_group {
            Some(Access::Steer)
        } else if self.everyone_reads {
            Some(Access::Read)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(uid: u32, groups: &[u32]) -> Peer {
        Peer {
            pid: 1,
            uid,
            groups: groups.iter().copied().collect(),
        }
    }

    #[test]
    fn owner_root_and_members_steer() {
        let policy = Policy {
            owner: 7,
            group: Some(70),
            everyone_reads: false,
        };
        for (peer, access) in [
            (peer(7, &[7]), Some(Access::Steer)),
            (peer(0, &[0]), Some(Access::Steer)),
            (peer(8, &[8, 70]), Some(Access::Steer)),
            (peer(8, &[8, 71]), None),
            (peer(70, &[8]), None),
            (peer(8, &[0, 7]), None),
        ] {
            assert_eq!(policy.access(&peer), access, "{peer:?}");
        }
        for (peer, types) in [
            (peer(7, &[7]), true),
            (peer(0, &[0]), true),
            (peer(8, &[8, 70]), false),
        ] {
            assert_eq!(policy.may_type(&peer), types, "{peer:?}");
        }
    }

    #[test]
    fn everyone_else_reads_only_if_told_so_and_never_steers() {
        let open = Policy {
            owner: 7,
            group: Some(70),
            everyone_reads: true,
        };
        assert_eq!(open.access(&peer(8, &[8])), Some(Access::Read));
        assert_eq!(open.access(&peer(8, &[70])), Some(Access::Steer));
    }

    #[test]
    fn without_the_group_no_number_stands_for_it() {
        let policy = Policy {
            owner: 7,
            group: None,
            everyone_reads: false,
        };
        for group in [0, 7, 70, u32::MAX] {
            assert_eq!(policy.access(&peer(8, &[group])), None);
        }
    }
}
