//! The modes in which a program has put its terminal.

use std::collections::BTreeMap;

use vte::{Params, Parser, Perform};

/// No program uses more.
const MOST: usize = 64;
/// Those that are on by themselves: lines are wrapped, and the cursor is shown.
const ON_AT_FIRST: [u16; 2] = [7, 25];
/// Of the modes that mean the alternate screen, the one by which it is entered again.
const ALTERNATE: u16 = 1049;

/// What is left of all that was sent: xterm's private modes.
#[derive(Default)]
pub(super) struct Modes {
    parser: Parser,
    left: Left,
}

#[derive(Default)]
struct Left(BTreeMap<u16, bool>);

impl Modes {
    pub(super) fn take(&mut self, text: &str) {
        self.parser.advance(&mut self.left, text.as_bytes());
    }

    /// What puts a terminal that is new into the same modes.
    pub(super) fn again(&self) -> String {
        let modes = self.left.0.iter();
        let changed = modes.filter(|(mode, on)| **on != ON_AT_FIRST.contains(mode));
        changed
            .map(|(mode, on)| format!("\x1b[?{mode}{}", if *on { 'h' } else { 'l' }))
            .collect()
    }
}

impl Perform for Left {
    fn csi_dispatch(&mut self, parameters: &Params, private: &[u8], _: bool, action: char) {
        let (b"?", 'h' | 'l') = (private, action) else {
            return;
        };
        for mode in parameters.iter().filter_map(|group| group.first()) {
            let mode = match mode {
                47 | 1047 | 1049 => ALTERNATE,
                // To change the width erases all, and to save the cursor is no mode.
                3 | 1048 => continue,
                mode => *mode,
            };
            if self.0.len() < MOST || self.0.contains_key(&mode) {
                self.0.insert(mode, action == 'h');
            }
        }
    }

    fn esc_dispatch(&mut self, between: &[u8], _: bool, byte: u8) {
        if let ([], b'c') = (between, byte) {
            self.0.clear();
        }
    }
}
