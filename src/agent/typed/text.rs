//! What can be typed at all.

/// Bytes that are typed at once.
pub const LONGEST: usize = 64 * 1024;

/// Why a text cannot be typed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Nobody could see it.
    #[error("text is empty")]
    Empty,
    /// It is too long.
    #[error(
        "text has {bytes} bytes, and {LONGEST} can be typed at once: put it into a file, and type its name"
    )]
    Long {
        /// How long it is.
        bytes: usize,
    },
    /// It has keys in it.
    #[error("text has {} in line {line}: {}", called(*character), harm(*character))]
    Control {
        /// Where, from 1.
        line: usize,
        /// Which.
        character: char,
    },
}

fn called(character: char) -> String {
    match character {
        '\0' => "a NUL".to_owned(),
        '\r' => "a carriage return".to_owned(),
        '\x1b' => "an escape character".to_owned(),
        other => format!("the control character U+{:04X}", u32::from(other)),
    }
}

fn harm(character: char) -> &'static str {
    match character {
        '\x1b' | '\u{9b}' => {
            "the program would take it for the beginning of a key, or of the end of the paste"
        }
        '\r' => "it would submit what stands before it; end lines with a line feed alone",
        _ => "the program would take it for a key; only line feed and tab can be typed",
    }
}

/// Whether a text can be typed.
///
/// # Errors
/// Why it cannot.
pub fn check(text: &str) -> Result<(), Unfit> {
    if text.len() > LONGEST {
        return Err(Unfit::Long { bytes: text.len() });
    }
    let lines = text.split('\n').zip(1..);
    for (content, line) in lines {
        let control = |character: &char| character.is_control() && *character != '\t';
        if let Some(character) = content.chars().find(control) {
            return Err(Unfit::Control { line, character });
        }
    }
    if text.trim().is_empty() {
        return Err(Unfit::Empty);
    }
    Ok(())
}
