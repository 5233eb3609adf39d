//! What a worker's terminal was sent, without what could do harm to another one.
//!
//! Promise: text, colours, movements of the cursor, what erases, scrolls and inserts, line drawing, and the
//! alternate screen are left. Nothing is left that has the terminal answer (the program at the prompt
//! would read that as typed), that reaches the clipboard, titles, the window, the printer, the lines
//! scrolled away or the keys, and nothing of which that is not known.
//!
//! How: what is known to be harmless is written anew. The recorded screen is the upper left of this one:
//! positions end where it ended, and lines scroll at its last row.

use std::fmt::Write as _;

use vte::{Params, Parser, Perform};

use crate::launch::output::recording::Size;

/// What a program may have left behind, as it is at the prompt of a shell; all but the alternate screen
/// and the rows that scroll.
pub(super) const AS_AT_THE_PROMPT: &str =
    "\x1b[?2026l\x1b[?6l\x1b[?5l\x1b[4l\x1b[?7h\x1b[?25h\x1b(B\x1b)B\x0f\x1b[0m";
pub(super) const ALL_ROWS_SCROLL: &str = "\x1b[r";
pub(super) const LEAVE_ALTERNATE: &str = "\x1b[?1049l";

/// Lets through what is harmless.
#[derive(Default)]
pub(super) struct Filter {
    parser: Parser,
    left: Left,
}

struct Left {
    text: String,
    size: Size,
    in_alternate: bool,
    /// Inside of a title as screen(1) has it, which begins as a sequence and goes on as text.
    in_title: bool,
}

impl Default for Left {
    fn default() -> Self {
        Self {
            text: String::new(),
            size: Size {
                columns: u16::MAX,
                rows: u16::MAX,
            },
            in_alternate: false,
            in_title: false,
        }
    }
}

impl Filter {
    /// What is left of this.
    pub(super) fn take(&mut self, text: &str) -> String {
        self.parser.advance(&mut self.left, text.as_bytes());
        std::mem::take(&mut self.left.text)
    }

    /// The recorded screen has this size from now on.
    pub(super) fn size(&mut self, size: Size) {
        self.left.size = size;
    }

    /// Whether the program is on the alternate screen.
    pub(super) fn in_alternate(&self) -> bool {
        self.left.in_alternate
    }

    /// What makes the recorded screen the upper left of this one; around it, it is empty.
    pub(super) fn frame(&self, here: Size) -> String {
        let Size { columns, rows } = self.left.size;
        let mut frame = "\x1b7\x1b[?6l\x1b[0m".to_owned();
        if columns < here.columns {
            for row in 1..=rows.min(here.rows) {
                frame.push_str(&format!("\x1b[{row};{}H\x1b[K", columns + 1));
            }
        }
        if rows < here.rows {
            frame.push_str(&format!("\x1b[{};1H\x1b[J", rows + 1));
        }
        frame + &format!("\x1b[1;{rows}r\x1b8")
    }
}

impl Left {
    fn write(&mut self, sequence: std::fmt::Arguments<'_>) {
        // A string takes everything.
        let _ = self.text.write_fmt(sequence);
    }

    fn mode(&mut self, mode: u16, action: char) {
        match mode {
            // Origin, reverse video, wrapping, the cursor, a frame that is painted at once.
            5 | 6 | 7 | 25 | 2026 => {}
            47 | 1047 | 1049 => self.in_alternate = action == 'h',
            1048 => {}
            _ => return,
        }
        self.write(format_args!("\x1b[?{mode}{action}"));
    }

    fn reset(&mut self) {
        if std::mem::take(&mut self.in_alternate) {
            self.text.push_str(LEAVE_ALTERNATE);
        }
        self.text.push_str(AS_AT_THE_PROMPT);
        let rows = self.size.rows;
        self.write(format_args!("\x1b[1;{rows}r\x1b[0;0H\x1b[0J"));
    }
}

impl Perform for Left {
    fn print(&mut self, character: char) {
        if !character.is_control() && !self.in_title {
            self.text.push(character);
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            0x18 | 0x1a => self.in_title = false,
            _ if self.in_title => {}
            0x08..=0x0f => self.text.push(char::from(byte)),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, parameters: &Params, private: &[u8], cut: bool, action: char) {
        self.in_title = false;
        if cut {
            return;
        }
        let number = |at: usize| parameters.iter().nth(at).map_or(0, |group| group[0]);
        let Size { columns, rows } = self.size;
        match (private, action) {
            (b"?", 'h' | 'l') => {
                for group in parameters.iter() {
                    self.mode(group[0], action);
                }
            }
            ([], 'h' | 'l') if number(0) == 4 => self.write(format_args!("\x1b[4{action}")),
            ([], 'H' | 'f') => {
                let (row, column) = (number(0).min(rows), number(1).min(columns));
                self.write(format_args!("\x1b[{row};{column}H"));
            }
            ([], 'd') => self.write(format_args!("\x1b[{}d", number(0).min(rows))),
            ([], 'G' | '`') => self.write(format_args!("\x1b[{}G", number(0).min(columns))),
            ([], 'r') => {
                let bottom = match number(1) {
                    0 => rows,
                    bottom => bottom.min(rows),
                };
                self.write(format_args!("\x1b[{};{bottom}r", number(0).max(1)));
            }
            // The lines scrolled away are not the worker's.
            ([], 'J') if number(0) > 2 => {}
            ([], 'm') => {
                let groups = parameters.iter().map(|group| {
                    let numbers: Vec<_> = group.iter().map(u16::to_string).collect();
                    numbers.join(":")
                });
                let groups: Vec<String> = groups.collect();
                self.write(format_args!("\x1b[{}m", groups.join(";")));
            }
            (
                [],
                'A' | 'B' | 'C' | 'D' | 'E' | 'F' | 'I' | 'J' | 'K' | 'L' | 'M' | 'P' | 'S' | 'T'
                | 'X' | 'Z' | '@' | 'a' | 'b' | 'e' | 'g' | 's' | 'u',
            ) if parameters.len() < 2 => self.write(format_args!("\x1b[{}{action}", number(0))),
            _ => {}
        }
    }

    fn esc_dispatch(&mut self, between: &[u8], _: bool, byte: u8) {
        self.in_title = false;
        match (between, byte) {
            ([], b'k') => self.in_title = true,
            ([], b'c') => self.reset(),
            ([], b'7' | b'8' | b'D' | b'E' | b'H' | b'M') => {
                self.write(format_args!("\x1b{}", char::from(byte)));
            }
            ([set @ (b'(' | b')')], b'0' | b'B') => {
                self.write(format_args!("\x1b{}{}", char::from(*set), char::from(byte)));
            }
            ([b'#'], b'8') => self.text.push_str("\x1b#8"),
            _ => {}
        }
    }

    fn osc_dispatch(&mut self, _: &[&[u8]], _: bool) {
        self.in_title = false;
    }

    fn hook(&mut self, _: &Params, _: &[u8], _: bool, _: char) {
        self.in_title = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::fuzz;

    fn left(sent: &str) -> String {
        Filter::default().take(sent)
    }

    #[test]
    fn pictures_are_left_as_they_are() {
        for drawn in [
            "text ✓ 界\r\n\ttab\x08",
            "\x1b[1;38;5;208;4:3mcolours\x1b[0m",
            "\x1b[3;5H\x1b[2A\x1b[1K\x1b[2J\x1b[1;9r\x1b[3L\x1b[2S",
            "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?1049l\x1b[4h\x1b[4l",
            "\x1b(0lqqk\x1b(B\x0eqq\x0f\x1b)0\x1bM\x1b7\x1b8",
        ] {
            assert_eq!(left(drawn), drawn);
        }
        assert_eq!(left("\x1b[m\x1b[H\x1b[r"), "\x1b[0m\x1b[0;0H\x1b[1;65535r");
    }

    #[test]
    fn what_could_do_harm_is_not_left() {
        for harm in [
            // The clipboard, titles, colours that are asked for, a link.
            "\x1b]52;c;aGFybQ==\x07",
            "\x1b]0;title\x1b\\",
            "\x1bktitle\x1b\\",
            "\x1b]10;?\x07\x1b]4;1;?\x07",
            "\x1b]8;;http://harm\x07",
            // What the terminal answers.
            "\x05",
            "\x1b[c\x1b[>c\x1b[=c\x1b[6n\x1b[?6n\x1b[5n\x1bZ\x1b[>q\x1b[18t\x1b[21t\x1b[?2026$p\x1b[x",
            "\x1bP$qm\x1b\\\x1bP+q544e\x1b\\\x1bPtmux;x\x1b\\",
            "\x1b_Gi=31,s=1,v=1,a=q;AAAA\x1b\\\x1b^x\x1b\\\x1bXx\x1b\\",
            "\x1b[?1000h\x1b[?1003;1006h\x1b[?1004h\x1b[?2004h\x1b[>1u\x1b[>4;1m\x1b[1;1;1;1;1T",
            // The keys, the window, the printer, what was scrolled away, the bell, a full reset's size.
            "\x1b[?1h\x1b=\x1b[8;1;1t\x1b[5i\x1b[3J\x07\x1b[?3h\x1b[2;3s",
            "\u{9b}6n\u{9d}0;title\u{9c}",
        ] {
            let left = left(harm);
            assert!(
                !left.contains('\x1b') && !left.contains('\x05'),
                "{harm:?}: {left:?}"
            );
        }
        assert_eq!(left("a\x1bktitle\x1b\\b\x1b]2;title\x07c"), "abc");
        assert_eq!(left("\x1b[?1003;25l"), "\x1b[?25l");
        assert!(!left("\x1bc").contains("\x1bc"));
    }

    #[test]
    fn the_screen_is_as_large_as_it_was() {
        let mut filter = Filter::default();
        filter.size(Size {
            columns: 20,
            rows: 5,
        });
        assert_eq!(
            filter.take("\x1b[99;99H\x1b[9d\x1b[30G"),
            "\x1b[5;20H\x1b[5d\x1b[20G"
        );
        assert_eq!(filter.take("\x1b[r\x1b[2;9r"), "\x1b[1;5r\x1b[2;5r");
    }

    #[test]
    fn what_is_left_is_left_again_whatever_it_was() {
        fuzz("terminal", 512, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let once = left(&text);
            assert_eq!(left(&once), once);
            let mut pieces = Filter::default();
            let piecewise: String = text.chars().map(|c| pieces.take(&c.to_string())).collect();
            assert_eq!(piecewise, once);
        });
    }
}
