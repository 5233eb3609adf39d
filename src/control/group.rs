//! Who may steer a rig beside root and the daemon's own user: members of a group.

use crate::host::{
    account,
    look::{At, Looks, Unseen},
};

/// Its name, by custom that of the unit.
pub(crate) const GROUP: &str = "loopkeeper";

/// Its number, where it exists. Groups may be kept by another machine, which may not answer.
pub(crate) async fn number(looks: &Looks) -> Result<nix::Result<Option<u32>>, Unseen> {
    let look = |at: &At| {
        at.comes_to(&account::shows_group(GROUP));
        Ok(account::group(GROUP)?.map(|group| group.gid.as_raw()))
    };
    looks.look("who may steer", look).await
}

/// What somebody types who may not, and has sudo(8).
pub(crate) fn how_to_join() -> String {
    typed(matches!(account::group(GROUP), Ok(Some(_))))
}

/// The daemon looks for the group when it starts.
fn typed(exists: bool) -> String {
    let join = format!("sudo usermod -aG {GROUP} $USER");
    match exists {
        true => format!("join the group {GROUP} and log in again: {join}; or use sudo"),
        false => format!(
            "there is no group {GROUP} yet: sudo groupadd --system {GROUP} && {join} && sudo systemctl \
             restart loopkeeper, then log in again; or use sudo"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_is_not_there_is_made_first() {
        assert_eq!(
            typed(true),
            "join the group loopkeeper and log in again: sudo usermod -aG loopkeeper $USER; or use sudo"
        );
        let make = typed(false);
        let (group, member) = (make.find("groupadd"), make.find("usermod"));
        assert!(group.is_some() && group < member, "{make}");
        assert!(make.contains("systemctl restart loopkeeper"), "{make}");
    }
}
