//! Names of files that others gave.

use std::{
    ffi::{OsStr, OsString},
    fmt,
    hash::{Hash, Hasher},
};

/// The name of a file in an inbox: whatever a file may be called, and so perhaps no text. Two are the
/// same where the names are.
#[derive(Debug, Clone)]
pub struct ItemName {
    name: OsString,
    /// The number of the file that was seen under it, where one was.
    inode: Option<u64>,
}

impl ItemName {
    /// The name of a file that was seen, by its number in its file system.
    pub fn seen(name: OsString, inode: u64) -> Self {
        let inode = Some(inode);
        Self { name, inode }
    }

    /// As the kernel has it.
    pub fn as_os_str(&self) -> &OsStr {
        &self.name
    }

    /// Whether the file of this number may be the one that was seen.
    pub fn may_be(&self, inode: u64) -> bool {
        self.inode.is_none_or(|seen| seen == inode)
    }
}

impl PartialEq for ItemName {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for ItemName {}

impl Hash for ItemName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl From<OsString> for ItemName {
    fn from(name: OsString) -> Self {
        Self { name, inode: None }
    }
}

impl From<&str> for ItemName {
    fn from(name: &str) -> Self {
        OsString::from(name).into()
    }
}

/// On one line: what could be taken for something else is quoted.
impl fmt::Display for ItemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| c.is_alphanumeric() || "._-+:@%,=".contains(c);
        match self.name.to_str() {
            Some(name) if name.chars().all(plain) => f.write_str(name),
            Some(_) | None => write!(f, "{:?}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[test]
    fn whatever_it_is_it_is_on_one_line() {
        let shown = |bytes: &[u8]| ItemName::from(OsString::from_vec(bytes.to_vec())).to_string();
        assert_eq!(shown(b"20261122-1.md"), "20261122-1.md");
        assert_eq!(shown(b"a b"), "\"a b\"");
        assert_eq!(shown(b"a\nb\x1b[2J"), r#""a\nb\u{1b}[2J""#);
        assert_eq!(shown(b"a\xffb"), r#""a\xFFb""#);
    }
}
