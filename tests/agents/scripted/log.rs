//! What happened, as lines of JSON that are appended to a file.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use jiff::Timestamp;
use serde_json::{Value, json};

/// Where it is written; nowhere, if nobody asked for it.
pub(crate) struct Log(Option<File>);

impl Log {
    pub(crate) fn open(path: Option<&Path>) -> io::Result<Self> {
        let open = |path| OpenOptions::new().create(true).append(true).open(path);
        Ok(Self(path.map(open).transpose()?))
    }

    /// A text was submitted.
    pub(crate) fn submitted(&mut self, text: &str) -> io::Result<()> {
        self.write(json!({ "submitted": text }))
    }

    /// Something happened, and what is to be said of it.
    pub(crate) fn event(&mut self, event: &str, more: Value) -> io::Result<()> {
        let mut line = json!({ "event": event });
        if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
            line.extend(more);
        }
        self.write(line)
    }

    /// A line is one write, so that lines of two writers never mix.
    fn write(&mut self, mut line: Value) -> io::Result<()> {
        let Some(file) = &mut self.0 else {
            return Ok(());
        };
        line["at"] = json!(Timestamp::now().to_string());
        file.write_all(format!("{line}\n").as_bytes())
    }
}
