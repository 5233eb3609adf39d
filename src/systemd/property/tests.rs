//! Of the table, and of each syntax.

use super::*;

fn read(name: &str, written: Written<'_>) -> Result<Value, String> {
    let read = Property::named(name).unwrap().read(written);
    read.map(|setting| setting.value)
        .map_err(|expected| expected.to_string())
}

#[test]
fn a_name_is_there_once() {
    for (index, property) in PROPERTIES.iter().enumerate() {
        assert!(
            !PROPERTIES[..index]
                .iter()
                .any(|other| other.name == property.name),
            "{}",
            property.name
        );
    }
}

#[test]
fn what_is_written_is_understood_as_systemd_does() {
    let list = ["~CAP_SYS_ADMIN".to_owned()];
    let calls = ["@system-service".to_owned(), "ptrace".to_owned()];
    for (name, written, value) in [
        ("MemoryMax", Written::Text("2G"), Value::Number(2 << 30)),
        ("MemoryMax", Written::Integer(4096), Value::Number(4096)),
        (
            "TasksMax",
            Written::Text("infinity"),
            Value::Number(u64::MAX),
        ),
        ("CPUQuota", Written::Text("150%"), Value::Number(1_500_000)),
        ("Nice", Written::Integer(-5), Value::Integer(-5)),
        ("PrivateTmp", Written::Boolean(true), Value::Boolean(true)),
        ("PrivateTmp", Written::Text("no"), Value::Boolean(false)),
        (
            "ProtectHome",
            Written::Boolean(true),
            Value::Text("yes".into()),
        ),
        ("UMask", Written::Text("0077"), Value::Mode(0o77)),
        (
            "CapabilityBoundingSet",
            Written::List(&list),
            Value::Number(((1 << syntax::CAPABILITIES.len()) - 1) & !(1 << 21)),
        ),
        (
            "CapabilityBoundingSet",
            Written::List(&[]),
            Value::Number(0),
        ),
        (
            "SystemCallFilter",
            Written::List(&calls),
            Value::Filter(true, calls.to_vec()),
        ),
        (
            "RestrictNamespaces",
            Written::Boolean(true),
            Value::Number(0),
        ),
        (
            "RestrictNamespaces",
            Written::List(&["user".to_owned(), "mnt".to_owned()]),
            Value::Number(0x1002_0000),
        ),
        (
            "SystemCallErrorNumber",
            Written::Text("EPERM"),
            Value::Integer(1),
        ),
    ] {
        assert_eq!(read(name, written), Ok(value), "{name} = {written:?}");
    }
}

#[test]
fn what_is_not_understood_is_explained() {
    for (name, written, expected) in [
        (
            "MemoryMax",
            Written::Text("2X"),
            "a size such as \"2G\" or \"512M\", or \"infinity\"",
        ),
        (
            "MemoryMax",
            Written::Text("99999999T"),
            "a size such as \"2G\" or \"512M\", or \"infinity\"",
        ),
        (
            "MemoryMax",
            Written::Integer(-1),
            "a size such as \"2G\" or \"512M\", or \"infinity\"",
        ),
        (
            "Nice",
            Written::Integer(20),
            "a whole number from -20 to 19",
        ),
        (
            "OOMPolicy",
            Written::Text("panic"),
            "one of continue, stop, kill",
        ),
        (
            "CPUQuota",
            Written::Text("0%"),
            "percent of one processor, such as \"50%\" or \"200%\"",
        ),
        (
            "UMask",
            Written::Text("0999"),
            "permission bits in octal, such as \"0077\"",
        ),
        ("User", Written::Text("a\nb"), "a text in one line"),
        (
            "RestrictNamespaces",
            Written::Text("time"),
            "true, false, or an array of cgroup, ipc, net, mnt, pid, user and uts that may be made",
        ),
        (
            "SystemCallErrorNumber",
            Written::Text("UnknownErrno"),
            "the name of an error such as \"EPERM\"",
        ),
        ("PrivateTmp", Written::Integer(3), "true or false"),
    ] {
        assert_eq!(
            read(name, written),
            Err(expected.to_owned()),
            "{name} = {written:?}"
        );
    }
}
