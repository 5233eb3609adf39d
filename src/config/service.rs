//! Who a worker's service is, by its table `systemd`.

use super::Worker;
use crate::systemd::property::Value;

impl Worker {
    /// The name or number of the user that it is to be, where that is said.
    pub fn user(&self) -> Option<&str> {
        match &self.systemd.get("User")?.value {
            Value::Text(name) => Some(name),
            _ => None,
        }
    }

    /// The names or numbers of groups that it is to have, with the property that says so.
    pub fn groups(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let declared = ["Group", "SupplementaryGroups"]
            .into_iter()
            .filter_map(|name| Some((name, &self.systemd.get(name)?.value)));
        declared.flat_map(|(property, value)| {
            let names = match value {
                Value::Text(name) => std::slice::from_ref(name),
                Value::List(names) => names,
                _ => &[],
            };
            names.iter().map(move |name| (property, name.as_str()))
        })
    }
}
