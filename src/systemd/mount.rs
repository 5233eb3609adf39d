//! File systems that a manager has units for, and that are not mounted.
//!
//! Promise: whose place is below one is not begun in the empty directory where it belongs; and what an
//! operator has unmounted is not mounted again behind his back, as a start would do that requires it.
//! One with an automount is mounted by whoever comes there.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
};

use super::manager::{Manager, ManagerError, Whose};
use crate::config::Lack;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotMounted {
    at: PathBuf,
    unit: String,
    /// As systemctl says it.
    state: String,
    systemctl: &'static str,
}

impl fmt::Display for NotMounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            at,
            unit,
            state,
            systemctl,
        } = self;
        let at = at.display();
        write!(
            f,
            "{at} is not mounted ({unit} is {state}); see: {systemctl} status {unit}"
        )
    }
}

impl NotMounted {
    /// What is told of what is not there: this, and not also what is below it.
    pub fn instead_of(&self, lacks: Vec<Lack>) -> Vec<Lack> {
        let others = lacks.into_iter().filter(|lack| !lack.is_below(&self.at));
        std::iter::once(Lack::of(self.to_string()))
            .chain(others)
            .collect()
    }
}

/// The first that one of these paths is below.
///
/// # Errors
/// When the manager does not answer.
pub async fn below<'a>(
    manager: &Manager,
    whose: &Whose,
    paths: impl IntoIterator<Item = &'a PathBuf>,
) -> Result<Option<NotMounted>, ManagerError> {
    let paths = paths.into_iter();
    let places: BTreeSet<&Path> = paths.flat_map(|path| path.ancestors()).collect();
    // Those first that others are below.
    for at in places {
        // Without a slash at its end, which paths may have.
        let at: PathBuf = at.components().collect();
        let Some(name) = unit_name(&at) else {
            continue;
        };
        let unit = format!("{name}.mount");
        let Some(state) = manager.defined(&unit).await? else {
            continue;
        };
        if state == "active" {
            continue;
        }
        let automount = manager.defined(&format!("{name}.automount")).await?;
        // Who comes there while it is unmounted would hinder that.
        if automount.as_deref() != Some("active") || state == "deactivating" {
            return Ok(Some(NotMounted {
                at,
                unit,
                state,
                systemctl: match whose {
                    Whose::System => "systemctl",
                    Whose::User(_) => "systemctl --user",
                },
            }));
        }
    }
    Ok(None)
}

/// How units about a place are called (systemd.unit(5), "String Escaping for Inclusion in Unit Names");
/// `None` of the root, and of what no unit can have as its name.
fn unit_name(at: &Path) -> Option<String> {
    let at = at.to_str()?.strip_prefix('/').filter(|at| !at.is_empty())?;
    let mut name = String::new();
    for (index, byte) in at.bytes().enumerate() {
        match byte {
            b'/' => name.push('-'),
            b'.' if index == 0 => name.push_str("\\x2e"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'_' | b'.' => {
                name.push(char::from(byte));
            }
            _ => name.push_str(&format!("\\x{byte:02x}")),
        }
    }
    // NAME_MAX, with room for the longest ending.
    (name.len() <= 245).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_the_name_that_systemd_escape_gives_it() {
        for (at, name) in [
            ("/", None),
            ("relative", None),
            ("/mnt/nas", Some("mnt-nas")),
            ("/mnt/my-nas.1", Some("mnt-my\\x2dnas.1")),
            ("/.a/.b", Some("\\x2ea-.b")),
            ("/ä b", Some("\\xc3\\xa4\\x20b")),
        ] {
            assert_eq!(unit_name(Path::new(at)).as_deref(), name, "{at}");
        }
        let long = "/x".repeat(200);
        assert_eq!(unit_name(Path::new(&long)), None);
    }
}
