//! The input line: what is typed and pasted, to the byte, and how the program shows it.

/// A text that is submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    /// All of it.
    pub(crate) whole: String,
    /// With what stands for long pastes.
    pub(crate) shown: String,
}

/// What stands on the input line.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pieces: Vec<Piece>,
    pastes: usize,
}

#[derive(Debug)]
enum Piece {
    Typed(char),
    Pasted {
        text: String,
        /// What is shown in its place.
        fold: Option<String>,
    },
}

impl Draft {
    pub(crate) fn typed(&mut self, character: char) {
        self.pieces.push(Piece::Typed(character));
    }

    /// Line breaks of a paste come from the terminal as carriage returns.
    pub(crate) fn pasted(&mut self, text: &str, fold: impl Fn(&str, usize) -> Option<String>) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let fold = fold(&text, self.pastes + 1);
        self.pastes += usize::from(fold.is_some());
        self.pieces.push(Piece::Pasted { text, fold });
    }

    /// What is not shown folded goes letter by letter.
    pub(crate) fn backspace(&mut self) {
        match self.pieces.pop() {
            Some(Piece::Pasted {
                mut text,
                fold: None,
            }) => {
                text.pop();
                if !text.is_empty() {
                    self.pieces.push(Piece::Pasted { text, fold: None });
                }
            }
            Some(Piece::Typed(_) | Piece::Pasted { fold: Some(_), .. }) | None => {}
        }
    }

    pub(crate) fn clear(&mut self) {
        self.pieces.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The last thing that came was a paste.
    pub(crate) fn ends_pasted(&self) -> bool {
        matches!(self.pieces.last(), Some(Piece::Pasted { .. }))
    }

    /// What the program shows.
    pub(crate) fn shown(&self) -> String {
        self.text().shown
    }

    /// Empties the line; `None` if nothing stands on it.
    pub(crate) fn take(&mut self) -> Option<Text> {
        let text = self.text();
        self.pieces.clear();
        (!text.whole.trim().is_empty()).then_some(text)
    }

    /// Puts a text back in front of what stands there.
    pub(crate) fn put_back(&mut self, text: Text) {
        let fold = (text.shown != text.whole).then_some(text.shown);
        let text = text.whole;
        self.pieces.insert(0, Piece::Pasted { text, fold });
    }

    fn text(&self) -> Text {
        let (mut whole, mut shown) = (String::new(), String::new());
        for piece in &self.pieces {
            match piece {
                Piece::Typed(character) => {
                    whole.push(*character);
                    shown.push(*character);
                }
                Piece::Pasted { text, fold } => {
                    whole.push_str(text);
                    shown.push_str(fold.as_ref().unwrap_or(text));
                }
            }
        }
        Text { whole, shown }
    }
}
