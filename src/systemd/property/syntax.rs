//! What properties' values look like in a unit file, and what they are on the bus.

use std::fmt;

use serde::Serialize;

use super::{names, numbers};

/// What a property's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    /// `yes`, `no`; in TOML also a boolean.
    Boolean,
    /// A user's or group's name or number.
    Account,
    /// Such names or numbers.
    Accounts,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Absolute paths, with `-` and `+` before them.
    Paths,
    /// Bytes, of which there are at least so many: a number with K, M, G or T behind it, or `infinity`.
    Bytes(u64),
    /// A number of at least this, or `infinity`.
    Count(u64),
    /// A whole number between these.
    Between(i64, i64),
    /// A weight between 1 and 10000.
    Weight,
    /// A share of one processor's time in percent, which may be more than 100.
    Quota,
    /// Permission bits, in octal.
    Mode,
    /// System calls and sets of them that are allowed or, with `~` before the first, denied.
    Calls,
    /// Address families (address_families(7)), likewise.
    Families,
    /// Architectures whose system calls may be used.
    Architectures,
    /// Capabilities (capabilities(7)) that are kept or, with `~` before the first, dropped.
    Capabilities,
    /// Whether no kind of namespace may be made, or those that may.
    Namespaces,
    /// The name of an error (errno(3)).
    Errno,
}

impl Syntax {
    pub(super) fn is_list(self) -> bool {
        matches!(
            self,
            Self::Accounts
                | Self::Paths
                | Self::Calls
                | Self::Families
                | Self::Architectures
                | Self::Capabilities
                | Self::Namespaces
        )
    }

    pub(super) fn words(self) -> &'static [&'static str] {
        match self {
            Self::Word(words) => words,
            Self::Families => names::FAMILIES,
            Self::Architectures => names::ARCHITECTURES,
            Self::Capabilities => names::CAPABILITIES,
            _ => &[],
        }
    }
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
            Syntax::Account => f.write_str("the name of a user or group, or a number such as \"1000\""),
            Syntax::Accounts => f.write_str("an array of groups' names, or numbers such as \"1000\""),
            Syntax::Word(words) => write!(f, "one of {}", words.join(", ")),
            Syntax::Paths => f.write_str(
                "an array of absolute paths; with '-' before it, one need not be there",
            ),
            Syntax::Bytes(0) => f.write_str("a size such as \"2G\" or \"512M\", or \"infinity\""),
            Syntax::Bytes(least) => write!(
                f,
                "a size of at least {}, such as \"2G\" or \"512M\", or \"infinity\"",
                numbers::shown(least)
            ),
            Syntax::Count(0) => f.write_str("a whole number, or \"infinity\""),
            Syntax::Count(least) => {
                write!(f, "a whole number of at least {least}, or \"infinity\"")
            }
            Syntax::Between(least, most) => write!(f, "a whole number from {least} to {most}"),
            Syntax::Weight => f.write_str("a whole number from 1 to 10000"),
            Syntax::Quota => f.write_str("percent of one processor, such as \"50%\" or \"200%\""),
            Syntax::Mode => f.write_str("permission bits in octal, such as \"0077\""),
            Syntax::Calls => f.write_str(
                "an array of system calls and sets such as \"@system-service\"; the first may begin with '~' to \
                 deny them, which may then end in what is answered, as in \"~ptrace:EPERM\"",
            ),
            Syntax::Families => f.write_str(
                "an array of address families such as \"AF_INET\", or \"none\"; the first may begin with '~' to \
                 deny them",
            ),
            Syntax::Architectures => f.write_str(
                "an array of architectures in systemd's words, such as \"native\" or \"x86-64\"",
            ),
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
        Syntax::Account => Value::Text(names::account(line(written)?)?),
        Syntax::Accounts => {
            let accounts = list(written)?.into_iter().map(names::account);
            Value::List(accounts.collect::<Option<_>>()?)
        }
        Syntax::Word(words) => Value::Text(word(words, written)?.to_owned()),
        Syntax::Paths => Value::List(names::paths(list(written)?)?),
        Syntax::Bytes(least) => Value::Number(numbers::bytes(written, least)?),
        Syntax::Count(least) => Value::Number(numbers::count(written, least)?),
        Syntax::Between(least, most) => Value::Integer(
            numbers::integer(written)
                .filter(|number| (least..=most).contains(number))?
                .try_into()
                .ok()?,
        ),
        Syntax::Weight => Value::Number(
            u64::try_from(numbers::integer(written)?)
                .ok()
                .filter(|weight| (1..=10000).contains(weight))?,
        ),
        Syntax::Quota => Value::Number(numbers::quota(written)?),
        Syntax::Mode => Value::Mode(numbers::mode(written)?),
        Syntax::Calls => filter(names::calls(list(written)?)?),
        Syntax::Families => filter(names::families(list(written)?)?),
        Syntax::Architectures => Value::List(names::architectures(list(written)?)?),
        Syntax::Capabilities => Value::Number(names::capabilities(list(written)?)?),
        Syntax::Namespaces => Value::Number(match boolean(written) {
            Some(none) => names::all_namespaces(!none)?,
            None => names::namespaces(&list(written)?)?,
        }),
        Syntax::Errno => Value::Integer(names::errno(&line(written)?)?),
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

fn filter((only, words): (bool, Vec<String>)) -> Value {
    Value::Filter(only, words)
}
