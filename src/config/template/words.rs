//! The words of a template that name something, with their places.

use std::ops::Range;

/// What a word names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word<'t> {
    /// A value, a word of the language, or a name that the template itself has set.
    Name(&'t str),
    /// After `|`.
    Filter(&'t str),
    /// After a dot.
    Part(&'t str),
    /// After `is`.
    Test(&'t str),
}

/// The words in `{{ … }}` and `{% … %}`, in their order. The text is a template that the engine takes.
pub(super) fn words(text: &str) -> Vec<(Word<'_>, Range<usize>)> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(open) = text[at..].find('{').map(|found| at + found) {
        let end = match text.as_bytes().get(open + 1) {
            Some(b'#') => text[open..].find("#}").map(|end| open + end + 2),
            Some(b'{') => Some(inside(text, open + 2, "}}", &mut words)),
            Some(b'%') => {
                let before = words.len();
                let end = inside(text, open + 2, "%}", &mut words);
                match words.get(before) {
                    Some((Word::Name("raw"), _)) => {
                        words.truncate(before);
                        text[end..].find("endraw").map(|raw| end + raw)
                    }
                    _ => Some(end),
                }
            }
            _ => Some(open + 1),
        };
        at = end.unwrap_or(text.len());
    }
    words
}

/// Reads on to the end of a tag, and says where that is.
fn inside<'t>(
    text: &'t str,
    from: usize,
    close: &str,
    words: &mut Vec<(Word<'t>, Range<usize>)>,
) -> usize {
    let first = words.len();
    // The last sign that was no blank, and no part of a word.
    let mut sign = ' ';
    let mut at = from;
    while let Some(character) = text[at..].chars().next() {
        if text[at..].starts_with(close) {
            return at + close.len();
        }
        let rest = &text[at..];
        match character {
            '"' | '\'' => {
                at += string(rest, character);
                sign = character;
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let word = &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())];
                let place = at..at + word.len();
                at = place.end;
                words.push((kind(word, sign, &words[first..]), place));
                sign = ' ';
            }
            _ => {
                if !character.is_whitespace() {
                    sign = character;
                }
                at += character.len_utf8();
            }
        }
    }
    at
}

/// What the word is, after that sign and these words of the same tag.
fn kind<'t>(word: &'t str, sign: char, before: &[(Word<'t>, Range<usize>)]) -> Word<'t> {
    let nth = |back: usize| before.iter().rev().nth(back).map(|(word, _)| *word);
    let negated = nth(0) == Some(Word::Name("not")) && nth(1) == Some(Word::Name("is"));
    match sign {
        '|' => Word::Filter(word),
        '.' if nth(0) != Some(Word::Name("loop")) => Word::Part(word),
        ' ' if nth(0) == Some(Word::Name("is")) && word != "not" || negated => Word::Test(word),
        ' ' if before.len() == 1 && nth(0) == Some(Word::Name("filter")) => Word::Filter(word),
        _ => Word::Name(word),
    }
}

/// The length of a string in quotes, with them.
fn string(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at + character.len_utf8(),
            _ => {}
        }
    }
    text.len()
}
