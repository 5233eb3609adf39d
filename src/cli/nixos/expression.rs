//! Expressions of Nix, as far as they are data, as text.

use std::fmt::{self, Write as _};

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Self>),
    /// In the order in which it is printed.
    Set(Vec<(String, Self)>),
}

impl From<&str> for Expression {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&toml::Value> for Expression {
    fn from(value: &toml::Value) -> Self {
        match value {
            toml::Value::Boolean(value) => Self::Boolean(*value),
            toml::Value::Integer(value) => Self::Integer(*value),
            toml::Value::Float(value) => Self::Float(*value),
            toml::Value::String(text) => Self::Text(text.clone()),
            toml::Value::Datetime(time) => Self::Text(time.to_string()),
            toml::Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            toml::Value::Table(table) => Self::Set(
                table
                    .iter()
                    .map(|(name, value)| (name.clone(), Self::from(value)))
                    .collect(),
            ),
        }
    }
}

/// A module that sets one option.
pub(super) struct Module<'a>(pub(super) &'static str, pub(super) &'a Expression);

impl fmt::Display for Module<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(option, value) = self;
        write!(f, "{{\n  {option} = ")?;
        value.write(f, 1)?;
        f.write_str(";\n}\n")
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

impl Expression {
    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        let inner = "  ".repeat(depth + 1);
        let outer = "  ".repeat(depth);
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(value) => write!(f, "{value}"),
            // A sign belongs to no number: in a list it would be a function's.
            Self::Integer(number) if *number < 0 => write!(f, "({number})"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "({number:?})"),
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::List(items) => match items.as_slice() {
                [] => f.write_str("[ ]"),
                [item] if !matches!(item, Self::Set(_) | Self::List(_)) => write!(f, "[ {item} ]"),
                items => {
                    f.write_str("[\n")?;
                    for item in items {
                        f.write_str(&inner)?;
                        item.write(f, depth + 1)?;
                        f.write_char('\n')?;
                    }
                    write!(f, "{outer}]")
                }
            },
            Self::Set(entries) if entries.is_empty() => f.write_str("{ }"),
            Self::Set(entries) => {
                f.write_str("{\n")?;
                for (name, value) in entries {
                    write!(f, "{inner}{} = ", attribute(name))?;
                    value.write(f, depth + 1)?;
                    f.write_str(";\n")?;
                }
                write!(f, "{outer}}}")
            }
        }
    }
}

/// The words that are no names.
const KEYWORDS: [&str; 9] = [
    "assert", "else", "if", "in", "inherit", "let", "rec", "then", "with",
];

fn attribute(name: &str) -> String {
    let mut letters = name.chars();
    let begins = letters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let goes_on = letters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '\''));
    if begins && goes_on && !KEYWORDS.contains(&name) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' | '$' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            // Nix has no other escapes, and JSON has all of them.
            c if c.is_control() => {
                quoted.push_str(&format!(
                    r#"${{builtins.fromJSON "\"\\u{:04x}\""}}"#,
                    u32::from(c)
                ));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_is_printed_and_none_is_lost() {
        let text = Expression::from("\u{1b}[1m\t\u{7f}\u{85}$");
        assert_eq!(
            text.to_string(),
            r#""${builtins.fromJSON "\"\\u001b\""}[1m\t${builtins.fromJSON "\"\\u007f\""}${builtins.fromJSON "\"\\u0085\""}\$""#
        );
    }

    #[test]
    fn it_is_printed_as_a_person_would_write_it() {
        let value: toml::Table = toml::from_str(
            "a = 1\nb = [\"x\"]\nc = [-1, 2.0]\n\"1d\" = { \"in\" = \"$HOME \\\"\\n\", e = {}, f = [] }\ng = [{ h = true }]",
        )
        .unwrap();
        let text = Expression::from(&toml::Value::Table(value)).to_string();
        insta::assert_snapshot!(text, @r#"
        {
          "1d" = {
            e = { };
            f = [ ];
            "in" = "\$HOME \"\n";
          };
          a = 1;
          b = [ "x" ];
          c = [
            (-1)
            (2.0)
          ];
          g = [
            {
              h = true;
            }
          ];
        }
        "#);
    }
}
