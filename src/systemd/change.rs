//! What a service manager tells of its units, unasked.
//!
//! Promise: of a service's main process it is told how it ended, before the unit is gone. Whoever asks
//! for that may come too late, as a unit that has ended is forgotten.

use std::collections::BTreeMap;

use zbus::{Message, OwnedVariant};

/// Units' objects are below this.
pub(super) const UNITS: &str = "/org/freedesktop/systemd1/unit";

/// Something changed of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Of which.
    pub unit: String,
    /// How its main process has ended, where it is a service whose has.
    pub ended: Option<MainEnd>,
}

/// How the main process of a service ended (org.freedesktop.systemd1(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MainEnd {
    /// `ExecMainPID`
    pub pid: i32,
    /// `ExecMainCode`, one of `CLD_EXITED`, `CLD_KILLED` and `CLD_DUMPED` (sigaction(2)).
    pub code: i32,
    /// `ExecMainStatus`, an exit code or a signal.
    pub status: i32,
    /// `Result`, of the service as a whole.
    pub result: String,
}

/// As `PropertiesChanged` has it: whose properties, those that are told, and names of those that are
/// not.
type Properties = (String, BTreeMap<String, OwnedVariant>, Vec<String>);

impl Change {
    /// What a `PropertiesChanged` says, if it is of a unit.
    pub(super) fn of(message: &Message) -> Option<Self> {
        let header = message.header();
        let escaped = header.path()?.as_str().strip_prefix(UNITS)?;
        let told = message.body().deserialize::<Properties>().ok();
        let ended = told.and_then(|(interface, values, _)| {
            let of_service = interface == "org.freedesktop.systemd1.Service";
            of_service.then(|| ended(&values)).flatten()
        });
        Some(Self {
            unit: unescape(escaped.trim_start_matches('/')),
            ended,
        })
    }
}

fn ended(values: &BTreeMap<String, OwnedVariant>) -> Option<MainEnd> {
    let number = |name: &str| i32::try_from(values.get(name)?).ok();
    let code = number("ExecMainCode").filter(|code| *code != 0)?;
    Some(MainEnd {
        pid: u32::try_from(values.get("ExecMainPID")?)
            .ok()?
            .try_into()
            .ok()?,
        code,
        status: number("ExecMainStatus")?,
        result: <&str>::try_from(values.get("Result")?).ok()?.to_owned(),
    })
}

/// A unit's name out of its object's path: `_2d` is a dash.
fn unescape(escaped: &str) -> String {
    let mut name = Vec::with_capacity(escaped.len());
    let mut rest = escaped.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'_');
        let byte = code
            .and_then(|code| std::str::from_utf8(code).ok())
            .and_then(|code| u8::from_str_radix(code, 16).ok());
        match byte {
            Some(byte) => {
                name.push(byte);
                rest = &after[2..];
            }
            None => {
                name.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&name).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_on_the_bus_is_a_units_name() {
        assert_eq!(
            unescape("loopkeeper_2da_2eb_5fc_2eservice"),
            "loopkeeper-a.b_c.service"
        );
        for odd in ["", "_", "_2", "_zz", "a_"] {
            assert_eq!(unescape(odd), odd);
        }
    }
}
