//! What a terminal was sent, as lines a person or a regular expression can read.

use vte::{Params, Parser, Perform};

/// The lines that these bytes leave on a terminal that is wide enough.
///
/// Colours, titles and other control sequences vanish; a carriage return, a backspace and "erase to
/// the end of the line" do to the line what they do on a screen; a jump to another line ends the
/// line. Trailing blanks go. It is a reading of what was printed, not a picture of the screen.
pub fn plain(bytes: &[u8]) -> Vec<String> {
    let mut paper = Paper::default();
    Parser::new().advance(&mut paper, bytes);
    if !paper.line.is_empty() {
        paper.end_line();
    }
    paper.lines
}

#[derive(Default)]
struct Paper {
    lines: Vec<String>,
    line: Vec<char>,
    column: usize,
}

/// No line is longer than this: a jump to column 60,000 is not 60,000 blanks.
const WIDEST: usize = 4096;

impl Paper {
    fn end_line(&mut self) {
        let line: String = self.line.drain(..).collect();
        self.lines.push(line.trim_end().to_owned());
        self.column = 0;
    }

    fn jump_line(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
    }

    fn move_to(&mut self, column: usize) {
        self.column = column.min(WIDEST);
    }
}

impl Perform for Paper {
    fn print(&mut self, character: char) {
        // DEL, and what is left of the second set of control codes: no terminal shows them.
        if character.is_control() {
            return;
        }
        if self.line.len() < self.column {
            self.line.resize(self.column, ' ');
        }
        match self.line.get_mut(self.column) {
            Some(place) => *place = character,
            None => self.line.push(character),
        }
        self.column += 1;
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' | 0x0b | 0x0c => self.end_line(),
            b'\r' => self.column = 0,
            0x08 => self.column = self.column.saturating_sub(1),
            b'\t' => self.move_to((self.column / 8 + 1) * 8),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, parameters: &Params, _: &[u8], _: bool, action: char) {
        let first = parameters
            .iter()
            .next()
            .and_then(|group| group.first().copied());
        let count = usize::from(first.unwrap_or(0));
        match action {
            'K' if count == 0 => self.line.truncate(self.column),
            'K' if count == 2 => self.line.clear(),
            'C' => self.move_to(self.column + count.max(1)),
            'D' => self.column = self.column.saturating_sub(count.max(1)),
            'G' | '`' => self.move_to(count.max(1) - 1),
            'A' | 'B' | 'E' | 'F' | 'H' | 'J' | 'd' | 'f' => self.jump_line(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stood_on_the_line_at_the_end_is_the_line() {
        for (sent, lines) in [
            (&b"one\r\ntwo\r\n"[..], &["one", "two"][..]),
            (b"\x1b[1;31mred\x1b[0m plain", &["red plain"]),
            (b"\x1b]0;a title\x07text\n", &["text"]),
            (b"10%\r50%\r100%\n", &["100%"]),
            (b"long line\rok\x1b[K\n", &["ok"]),
            (b"abc\x08\x08X\n", &["aXc"]),
            (b"a\tb\n\n", &["a       b", ""]),
            (b"\x1b[2J\x1b[Htop\x1b[5;1Hbelow", &["top", "below"]),
            ("grün ✓\n".as_bytes(), &["grün ✓"]),
            (b"\xff\xfe\n", &["\u{fffd}\u{fffd}"]),
            (b"ab\x7fc\n", &["abc"]),
            (b"", &[]),
        ] {
            assert_eq!(plain(sent), lines, "{:?}", String::from_utf8_lossy(sent));
        }
    }

    #[test]
    fn a_jump_far_to_the_right_costs_no_memory() {
        let lines = plain(b"\x1b[65535Gx\x1b[65535C\x1b[65535Cy\n");
        assert!(lines[0].len() <= WIDEST + 2, "{}", lines[0].len());
    }
}
