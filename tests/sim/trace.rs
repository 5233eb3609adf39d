//! What happened, as lines and their fingerprint, when somebody wants to know.

use std::{collections::VecDeque, hash::Hasher as _};

/// Lines that are kept.
const TAIL: usize = 400;

#[derive(Clone)]
pub(crate) struct Trace {
    lines: Option<VecDeque<String>>,
    whole: bool,
    fingerprint: u64,
}

impl Trace {
    /// Costs nothing and keeps nothing.
    pub(crate) fn off() -> Self {
        Self {
            lines: None,
            whole: false,
            fingerprint: 0,
        }
    }

    /// Keeps the last lines, or all of them.
    pub(crate) fn on(whole: bool) -> Self {
        Self {
            lines: Some(VecDeque::new()),
            whole,
            fingerprint: 0,
        }
    }

    pub(crate) fn line(&mut self, line: impl FnOnce() -> String) {
        let Some(lines) = &mut self.lines else { return };
        let line = line();
        let mut state = fnv::FnvHasher::with_key(self.fingerprint);
        state.write(line.as_bytes());
        self.fingerprint = state.finish();
        lines.push_back(line);
        if lines.len() > TAIL && !self.whole {
            lines.pop_front();
        }
    }

    /// Of all lines, kept or not.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    pub(crate) fn text(&self) -> String {
        let lines = self.lines.iter().flatten();
        lines.fold(String::new(), |text, line| text + line + "\n")
    }
}
