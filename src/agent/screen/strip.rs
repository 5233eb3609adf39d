//! Escape codes and borders away.

use vte::{Params, Parser, Perform};

use super::Line;

/// A line without its escape codes. `solid` is as long as `text`, with blanks for what is faint.
#[derive(Debug, Default)]
pub(super) struct Stripped {
    pub(super) text: String,
    solid: String,
}

/// Captured text is lines from the top, each with the escape codes of its colours. There is no
/// cursor in it that goes anywhere.
pub(super) fn lines(captured: &str) -> Vec<Stripped> {
    let mut paper = Paper::default();
    Parser::new().advance(&mut paper, captured.as_bytes());
    paper.end_line();
    paper.lines
}

#[derive(Default)]
struct Paper {
    lines: Vec<Stripped>,
    line: Vec<Cell>,
    faint: bool,
    inverse: bool,
}

#[derive(Clone, Copy)]
struct Cell {
    character: char,
    faint: bool,
    inverse: bool,
}

impl Paper {
    fn end_line(&mut self) {
        let mut stripped = Stripped::default();
        let cells = std::mem::take(&mut self.line);
        for (place, cell) in cells.iter().enumerate() {
            // The cursor stands in inverse on the first letter of a faint proposal.
            let on_faint = cell.inverse && cells.get(place + 1).is_some_and(|next| next.faint);
            let faint = cell.faint || on_faint;
            stripped.text.push(cell.character);
            stripped
                .solid
                .push(if faint { ' ' } else { cell.character });
        }
        self.lines.push(stripped);
    }
}

impl Perform for Paper {
    fn print(&mut self, character: char) {
        // A blank that does not break is a blank, and what has no width is nothing to read.
        let character = match character {
            '\u{a0}' | '\u{2007}' | '\u{202f}' => ' ',
            '\u{200b}'..='\u{200d}' | '\u{feff}' | '\u{fe0e}' | '\u{fe0f}' => return,
            character if character.is_control() => return,
            character => character,
        };
        self.line.push(Cell {
            character,
            faint: self.faint,
            inverse: self.inverse,
        });
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' => self.end_line(),
            b'\t' => {
                for _ in self.line.len() % 8..8 {
                    self.print(' ');
                }
            }
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, parameters: &Params, _: &[u8], _: bool, action: char) {
        if action != 'm' {
            return;
        }
        let mut codes = parameters.iter();
        if parameters.is_empty() {
            (self.faint, self.inverse) = (false, false);
        }
        while let Some(code) = codes.next() {
            match code {
                [] | [0] => (self.faint, self.inverse) = (false, false),
                [2] => self.faint = true,
                [22] => self.faint = false,
                [7] => self.inverse = true,
                [27] => self.inverse = false,
                // A colour's own numbers are no codes: 38;5;N and 38;2;R;G;B.
                [38 | 48 | 58] => {
                    let rest = if codes.next() == Some(&[2]) { 3 } else { 1 };
                    for _ in 0..rest {
                        codes.next();
                    }
                }
                _ => {}
            }
        }
    }
}

/// The left and right borders of a box.
const BORDERS: [char; 6] = ['│', '┃', '║', '▌', '▐', '┆'];

/// What borders and rules are drawn with.
fn is_drawn(character: char) -> bool {
    matches!(
        character,
        '\u{2500}'..='\u{257f}' | '▔' | '▁' | '▀' | '▄' | '\u{23af}'
    )
}

impl Stripped {
    pub(super) fn clean(self, full: bool) -> Line {
        let rule = is_rule(self.text.trim());
        if rule {
            return Line {
                text: String::new(),
                solid: String::new(),
                rule,
                full: false,
            };
        }
        let (from, to) = inside(&self.text);
        let cut = |text: &str| {
            let cut: String = text
                .chars()
                .skip(from)
                .take(to.saturating_sub(from))
                .collect();
            cut.trim_end().to_owned()
        };
        Line {
            text: cut(&self.text),
            solid: cut(&self.solid),
            rule,
            full: full && from == 0,
        }
    }
}

/// A rule may have a label: "╭─── title ───╮". It begins and ends drawn, and much of it is.
fn is_rule(text: &str) -> bool {
    let drawn = text
        .chars()
        .filter(|character| is_drawn(*character))
        .count();
    let inner = text
        .chars()
        .filter(|character| BORDERS.contains(character))
        .count();
    let ends = text.starts_with(is_drawn) && text.ends_with(is_drawn);
    ends && inner == 0 && drawn >= 3 && drawn * 3 >= text.chars().count()
}

/// The characters of a line that are inside a box which begins at the margin.
fn inside(text: &str) -> (usize, usize) {
    let all: Vec<char> = text.trim_end().chars().collect();
    let margin = all
        .iter()
        .take_while(|character| **character == ' ')
        .count();
    let bordered = margin <= 1 && all.get(margin).is_some_and(|first| BORDERS.contains(first));
    if !bordered {
        return (0, all.len());
    }
    // One blank belongs to the border.
    let from = margin + 1 + usize::from(all.get(margin + 1) == Some(&' '));
    let closed = all.len() > from && all.last().is_some_and(|last| BORDERS.contains(last));
    (from, all.len() - usize::from(closed))
}
