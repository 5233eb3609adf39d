//! Names of files that others gave.

use std::{
    ffi::{OsStr, OsString},
    fmt,
};

/// The name of a file in an inbox: whatever a file may be called, and so perhaps no text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemName(OsString);

impl ItemName {
    /// As the kernel has it.
    pub fn as_os_str(&self) -> &OsStr {
        &self.0
    }
}

impl From<OsString> for ItemName {
    fn from(name: OsString) -> Self {
        Self(name)
    }
}

impl From<&str> for ItemName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

/// On one line: what could be taken for something else is quoted.
impl fmt::Display for ItemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| c.is_alphanumeric() || "._-+:@%,=".contains(c);
        match self.0.to_str() {
            Some(name) if name.chars().all(plain) => f.write_str(name),
            Some(_) | None => write!(f, "{:?}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn whatever_it_is_it_is_on_one_line() {
        let shown = |bytes: &[u8]| ItemName(OsString::from_vec(bytes.to_vec())).to_string();
        assert_eq!(shown(b"20261122-1.md"), "20261122-1.md");
        assert_eq!(shown(b"a b"), "\"a b\"");
        assert_eq!(shown(b"a\nb\x1b[2J"), r#""a\nb\u{1b}[2J""#);
        assert_eq!(shown(b"a\xffb"), r#""a\xFFb""#);
    }
}
