//! What properties' values look like in a unit file, and what they are on the bus.

use std::fmt;

use nix::{errno::Errno, sched::CloneFlags};
use serde::Serialize;

/// What a property's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    /// `yes`, `no`; in TOML also a boolean.
    Boolean,
    /// Any text in one line.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Texts.
    List,
    /// Bytes: a number with K, M, G or T behind it, or `infinity`.
    Bytes,
    /// A number, or `infinity`.
    Count,
    /// A whole number between these.
    Between(i64, i64),
    /// A weight between 1 and 10000.
    Weight,
    /// A share of one processor's time in percent, which may be more than 100.
    Quota,
    /// Permission bits, in octal.
    Mode,
    /// Words that are allowed or, with `~` before the first, denied.
    Filter,
    /// Capabilities (capabilities(7)) that are kept or, with `~` before the first, dropped.
    Capabilities,
    /// Whether no kind of namespace may be made, or those that may.
    Namespaces,
    /// The name of an error (errno(3)).
    Errno,
}

/// A value as it goes over the bus.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub enum Value {
    /// `b`
    Boolean(bool),
    /// `s`
    Text(String),
    /// `as`
    List(Vec<String>),
    /// `t`
    Number(u64),
    /// `i`
    Integer(i32),
    /// `u`
    Mode(u32),
    /// `(bas)`: whether these are the only ones that are allowed
    Filter(bool, Vec<String>),
}

/// What the operator wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written<'a> {
    /// `true`, `false`
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(&'a str),
    /// An array of texts.
    List(&'a [String]),
}

/// A text is not what a property's value looks like; says what would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected(pub(super) Syntax);

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Syntax::Boolean => f.write_str("true or false"),
            Syntax::Text => f.write_str("a text in one line"),
            Syntax::Word(words) => write!(f, "one of {}", words.join(", ")),
            Syntax::List => f.write_str("an array of texts"),
            Syntax::Bytes => f.write_str("a size such as \"2G\" or \"512M\", or \"infinity\""),
            Syntax::Count => f.write_str("a whole number, or \"infinity\""),
            Syntax::Between(least, most) => write!(f, "a whole number from {least} to {most}"),
            Syntax::Weight => f.write_str("a whole number from 1 to 10000"),
            Syntax::Quota => f.write_str("percent of one processor, such as \"50%\" or \"200%\""),
            Syntax::Mode => f.write_str("permission bits in octal, such as \"0077\""),
            Syntax::Filter => f.write_str("an array of words; the first may begin with '~' to deny them"),
            Syntax::Capabilities => f.write_str(
                "an array of capabilities such as \"CAP_NET_BIND_SERVICE\"; the first may begin with '~' to drop them",
            ),
            Syntax::Namespaces => f.write_str(
                "true, false, or an array of cgroup, ipc, net, mnt, pid, user and uts that may be made",
            ),
            Syntax::Errno => f.write_str("the name of an error such as \"EPERM\""),
        }
    }
}

/// What is written, as the bus has it; `None` when it is not of this syntax.
pub(super) fn value(syntax: Syntax, written: Written<'_>) -> Option<Value> {
    Some(match syntax {
        Syntax::Boolean => Value::Boolean(boolean(written)?),
        Syntax::Text => Value::Text(line(written)?),
        Syntax::Word(words) => Value::Text(word(words, written)?.to_owned()),
        Syntax::List => Value::List(list(written)?),
        Syntax::Bytes => Value::Number(bytes(written)?),
        Syntax::Count => Value::Number(count(written)?),
        Syntax::Between(least, most) => Value::Integer(
            integer(written)
                .filter(|number| (least..=most).contains(number))?
                .try_into()
                .ok()?,
        ),
        Syntax::Weight => Value::Number(
            u64::try_from(integer(written)?)
                .ok()
                .filter(|weight| (1..=10000).contains(weight))?,
        ),
        Syntax::Quota => Value::Number(quota(written)?),
        Syntax::Mode => Value::Mode(mode(written)?),
        Syntax::Filter => {
            let (only, words) = filter(list(written)?)?;
            Value::Filter(only, words)
        }
        Syntax::Capabilities => Value::Number(capabilities(list(written)?)?),
        Syntax::Namespaces => Value::Number(namespaces(written)?),
        Syntax::Errno => Value::Integer(errno(&line(written)?)?),
    })
}

fn boolean(written: Written<'_>) -> Option<bool> {
    match written {
        Written::Boolean(value) => Some(value),
        Written::Text("yes" | "true" | "on" | "1") => Some(true),
        Written::Text("no" | "false" | "off" | "0") => Some(false),
        _ => None,
    }
}

fn word(words: &'static [&'static str], written: Written<'_>) -> Option<&'static str> {
    let text = match written {
        Written::Boolean(true) => "yes",
        Written::Boolean(false) => "no",
        Written::Text(text) => text,
        Written::Integer(_) | Written::List(_) => return None,
    };
    words.iter().find(|word| **word == text).copied()
}

fn line(written: Written<'_>) -> Option<String> {
    match written {
        Written::Text(text) if !text.is_empty() && !text.contains(char::is_control) => {
            Some(text.to_owned())
        }
        _ => None,
    }
}

fn list(written: Written<'_>) -> Option<Vec<String>> {
    match written {
        Written::List(items) => items.iter().map(|item| line(Written::Text(item))).collect(),
        text => line(text).map(|item| vec![item]),
    }
}

fn integer(written: Written<'_>) -> Option<i64> {
    match written {
        Written::Integer(number) => Some(number),
        Written::Text(text) => text.parse().ok(),
        Written::Boolean(_) | Written::List(_) => None,
    }
}

/// No limit, on the bus.
const INFINITY: u64 = u64::MAX;

fn count(written: Written<'_>) -> Option<u64> {
    match written {
        Written::Text("infinity") => Some(INFINITY),
        other => u64::try_from(integer(other)?).ok(),
    }
}

/// systemd's letters are powers of 1024 (systemd.resource-control(5)).
fn bytes(written: Written<'_>) -> Option<u64> {
    if let Written::Text(text) = written
        && let Some((letter, shift)) = [('K', 10), ('M', 20), ('G', 30), ('T', 40)]
            .into_iter()
            .find(|(letter, _)| text.ends_with(*letter))
    {
        let number: u64 = text.strip_suffix(letter)?.parse().ok()?;
        return number.checked_mul(1 << shift);
    }
    count(written)
}

/// Microseconds of processor time in a second.
fn quota(written: Written<'_>) -> Option<u64> {
    let Written::Text(text) = written else {
        return None;
    };
    let percent: u64 = text.strip_suffix('%')?.parse().ok()?;
    percent.checked_mul(10_000).filter(|quota| *quota > 0)
}

fn mode(written: Written<'_>) -> Option<u32> {
    match written {
        Written::Text(text) => u32::from_str_radix(text, 8)
            .ok()
            .filter(|mode| *mode <= 0o7777),
        _ => None,
    }
}

/// Whether only these are allowed, and these.
fn filter(mut words: Vec<String>) -> Option<(bool, Vec<String>)> {
    let first = words.first_mut()?;
    let denied = first.strip_prefix('~').map(str::to_owned);
    let only = denied.is_none();
    if let Some(word) = denied {
        *first = word;
    }
    let plain = |word: &String| !word.is_empty() && !word.starts_with('~');
    words.iter().all(plain).then_some((only, words))
}

/// In the order of their numbers (linux/capability.h).
pub(super) const CAPABILITIES: &[&str] = &[
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

fn capabilities(words: Vec<String>) -> Option<u64> {
    if words.is_empty() {
        return Some(0);
    }
    let (keep, names) = filter(words)?;
    let mut set = 0;
    for name in names {
        let number = CAPABILITIES.iter().position(|known| *known == name)?;
        set |= 1_u64 << number;
    }
    let all = (1 << CAPABILITIES.len()) - 1;
    Some(if keep { set } else { all & !set })
}

/// By their flags (clone(2)).
const NAMESPACES: &[(&str, CloneFlags)] = &[
    ("cgroup", CloneFlags::CLONE_NEWCGROUP),
    ("ipc", CloneFlags::CLONE_NEWIPC),
    ("net", CloneFlags::CLONE_NEWNET),
    ("mnt", CloneFlags::CLONE_NEWNS),
    ("pid", CloneFlags::CLONE_NEWPID),
    ("user", CloneFlags::CLONE_NEWUSER),
    ("uts", CloneFlags::CLONE_NEWUTS),
];

/// Those that may be made.
fn namespaces(written: Written<'_>) -> Option<u64> {
    let all = NAMESPACES.iter().map(|(_, flag)| *flag).collect();
    let allowed = match boolean(written) {
        Some(true) => CloneFlags::empty(),
        Some(false) => all,
        None => {
            let mut allowed = CloneFlags::empty();
            for name in list(written)? {
                allowed |= NAMESPACES.iter().find(|(known, _)| *known == name)?.1;
            }
            allowed
        }
    };
    u64::try_from(allowed.bits()).ok()
}

fn errno(name: &str) -> Option<i32> {
    let known = (1..200).map(Errno::from_raw);
    let mut known = known.filter(|errno| *errno != Errno::UnknownErrno);
    let errno = known.find(|errno| format!("{errno:?}") == name)?;
    Some(errno as i32)
}
