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
        ("MemoryLow", Written::Integer(4096), Value::Number(4096)),
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
            Value::Number(((1 << names::CAPABILITIES.len()) - 1) & !(1 << 21)),
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
            "MemoryLow",
            Written::Text("99999999T"),
            "a size such as \"2G\" or \"512M\", or \"infinity\"",
        ),
        (
            "MemoryLow",
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
        (
            "TasksMax",
            Written::Integer(0),
            "a whole number of at least 1, or \"infinity\"",
        ),
        (
            "MemoryMax",
            Written::Text("2X"),
            "a size of at least 1M, such as \"2G\" or \"512M\", or \"infinity\"",
        ),
        (
            "MemoryMax",
            Written::Integer(2),
            "a size of at least 1M, such as \"2G\" or \"512M\", or \"infinity\"",
        ),
        (
            "LimitFSIZE",
            Written::Text("63K"),
            "a size of at least 64K, such as \"2G\" or \"512M\", or \"infinity\"",
        ),
        (
            "User",
            Written::Text("a\nb"),
            "the name of a user or group, or a number such as \"1000\"",
        ),
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

/// `tests/systemd` asks systemd itself for its own verdict of such words.
#[test]
fn a_word_that_systemd_refuses_is_refused() {
    for (name, good, bad) in [
        (
            "ReadOnlyPaths",
            "/etc -/etc +/etc -+/etc /etc/../usr",
            "etc -etc +-/etc ++/etc - ./etc",
        ),
        (
            "RestrictAddressFamilies",
            "AF_INET af_inet ~AF_PACKET AF_LOCAL none",
            "INET AF_FOO AF_UNSPEC AF_MAX ~none ~ 2",
        ),
        (
            "SystemCallArchitectures",
            "native x86-64 x86 arm64",
            "x86_64 amd64 NATIVE ~x86",
        ),
        (
            "SystemCallFilter",
            "@system-service ptrace ~ptrace ~ptrace:EPERM ~ptrace:eperm ~@reboot:kill ~ptrace:4094",
            "@ ~ ptrace:EPERM ~ptrace: ~ptrace:EFOO ~ptrace:4095 ~:EPERM ptrace/3",
        ),
        (
            "User",
            "nobody 0 1000 a.b a%b -x Ä 4294967294 0x10",
            "a:b a/b . .. 007 65535 4294967295 -1 99999999999",
        ),
        ("SupplementaryGroups", "adm 4", "a:b 65535"),
    ] {
        for word in good.split(' ') {
            assert!(read(name, Written::Text(word)).is_ok(), "{name}={word}");
        }
        for word in bad.split(' ') {
            assert!(read(name, Written::Text(word)).is_err(), "{name}={word}");
        }
    }
    let long = format!("/{}", "a".repeat(256));
    assert!(read("ReadOnlyPaths", Written::Text(&long[..256])).is_ok());
    assert!(read("ReadOnlyPaths", Written::Text(&long)).is_err());
    let none = read("RestrictAddressFamilies", Written::Text("none"));
    assert_eq!(none, Ok(Value::Filter(true, Vec::new())));
    for padded in [" adm", "adm ", ""] {
        assert!(read("Group", Written::Text(padded)).is_err(), "{padded:?}");
    }
}

#[test]
fn what_others_write_is_understood_as_what_systemd_writes() {
    let meant = |name: &str, written| Property::named(name).unwrap().meant(written);
    for (name, text, guess) in [
        ("MemoryMax", "2GB", Some("2G")),
        ("MemoryMax", "512MiB", Some("512M")),
        ("MemoryMax", "2 g", Some("2G")),
        ("MemoryMax", "2X", None),
        ("MemoryMax", "2%", None),
        ("CPUQuota", "200", Some("200%")),
        ("CPUQuota", "2", None),
        ("CPUQuota", "much", None),
        ("Nice", "30", None),
        ("Group", "a:b", None),
    ] {
        assert_eq!(meant(name, Written::Text(text)).as_deref(), guess, "{text}");
    }
    assert_eq!(
        meant("CPUQuota", Written::Integer(200)).as_deref(),
        Some("200%")
    );
    assert_eq!(meant("CPUQuota", Written::Integer(2)), None);
}
