//! What bytes do on the screen of a terminal: where they go, and what they erase.

use vte::{Params, Perform};

use super::{HEIGHT, Row, Screen};

/// A line that is longer is told in pieces.
const WIDEST: usize = 4096;

impl Screen {
    /// The row with the cursor, which is about to change.
    fn here(&mut self) -> &mut Row {
        while self.rows.len() <= self.row {
            self.rows.push_back(Row::default());
        }
        let row = &mut self.rows[self.row];
        row.touched = true;
        row
    }

    /// To the next row; at the bottom of the screen the first one goes.
    fn line_feed(&mut self) {
        self.column = 0;
        self.row += 1;
        if self.row == HEIGHT {
            self.row -= 1;
            if !self.rows.is_empty() {
                self.tell_row(0);
                self.rows.pop_front();
            }
        }
        self.arrive();
    }

    fn go_to_row(&mut self, row: usize) {
        self.row = row.min(HEIGHT - 1);
        self.arrive();
    }

    fn go_to_column(&mut self, column: usize) {
        self.column = column.min(WIDEST - 1);
    }

    /// Where something was before, it is painted over.
    fn arrive(&mut self) {
        if let Some(row) = self.rows.get_mut(self.row) {
            row.repainted = true;
        }
    }

    fn erase_row(&mut self, how: usize) {
        let column = self.column;
        let text = &mut self.here().text;
        match how {
            0 => text.truncate(column),
            1 => text
                .iter_mut()
                .take(column + 1)
                .for_each(|place| *place = ' '),
            _ => text.clear(),
        }
    }

    fn erase_screen(&mut self, how: usize) {
        let rows = match how {
            0 => (self.row + 1).min(self.rows.len())..self.rows.len(),
            1 => 0..self.row.min(self.rows.len()),
            _ => {
                // What was printed and not painted is not lost.
                self.tell(|row| !row.repainted);
                0..self.rows.len()
            }
        };
        for row in self.rows.range_mut(rows) {
            row.text.clear();
            row.touched = true;
        }
        self.erase_row(how);
    }

    /// Another screen, of which nothing is known.
    fn turn(&mut self) {
        self.tell(|row| !row.repainted);
        self.rows.clear();
        (self.row, self.column) = (0, 0);
    }
}

impl Perform for Screen {
    fn print(&mut self, character: char) {
        // DEL, which vte takes for a character.
        if character.is_control() {
            return;
        }
        if self.column == WIDEST {
            self.line_feed();
        }
        let column = self.column;
        let text = &mut self.here().text;
        if text.len() < column {
            text.resize(column, ' ');
        }
        match text.get_mut(column) {
            Some(place) => *place = character,
            None => text.push(character),
        }
        self.column += 1;
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' | 0x0b | 0x0c => self.line_feed(),
            b'\r' => self.column = 0,
            0x08 => self.column = self.column.saturating_sub(1),
            b'\t' => self.go_to_column((self.column / 8 + 1) * 8),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, parameters: &Params, private: &[u8], _: bool, action: char) {
        let mut numbers = parameters.iter().filter_map(|group| group.first().copied());
        let first = usize::from(numbers.next().unwrap_or(0));
        let second = usize::from(numbers.next().unwrap_or(0));
        let count = first.max(1);
        match (private, action) {
            // The alternate screen (xterm's control sequences, "Private Modes").
            (b"?", 'h' | 'l') if matches!(first, 47 | 1047 | 1049) => self.turn(),
            ([], 'A' | 'F') => self.go_to_row(self.row.saturating_sub(count)),
            ([], 'B' | 'E') => self.go_to_row(self.row + count),
            ([], 'H' | 'f') => {
                self.go_to_row(count - 1);
                self.go_to_column(second.max(1) - 1);
            }
            ([], 'd') => self.go_to_row(count - 1),
            ([], 'C') => self.go_to_column(self.column + count),
            ([], 'D') => self.column = self.column.saturating_sub(count),
            ([], 'G' | '`') => self.go_to_column(count - 1),
            ([], 'J') => self.erase_screen(first),
            ([], 'K') => self.erase_row(first),
            _ => {}
        }
        if matches!((private, action), ([], 'E' | 'F')) {
            self.column = 0;
        }
    }
}
