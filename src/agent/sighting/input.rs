//! The input line, and what stands on it.
//!
//! In a transcript the lines that a person typed look like the input line. It is the lowest one, and
//! nothing of the transcript is below it: it stands in its box, or only what the profile knows follows.

use crate::agent::{profile::Profile, screen::Screen};

/// The input line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The line it begins on.
    pub line: usize,
    /// What somebody typed and did not submit; `None` if it is empty.
    pub typed: Option<String>,
    /// The first line of its box.
    pub(super) top: usize,
    /// The line behind its box.
    pub(super) end: usize,
}

pub(super) fn find(profile: &Profile, screen: &Screen) -> Option<Input> {
    let (top, line, last, end) = if profile.input.boxed {
        boxed(profile, screen)?
    } else {
        bare(profile, screen)?
    };
    let typed = typed(profile, screen, line, last);
    Some(Input {
        line,
        typed,
        top,
        end,
    })
}

/// Top, first line, last line and end of the lowest box with an input line in it.
fn boxed(profile: &Profile, screen: &Screen) -> Option<(usize, usize, usize, usize)> {
    let lines = screen.lines();
    let bottom = screen.reach(lines.len(), profile.reach);
    let mut lower = None;
    for rule in (0..lines.len()).rev().filter(|line| lines[*line].rule) {
        if let Some(lower) = lower {
            let first = rule + 1;
            if lower < bottom {
                return None;
            }
            if first < lower && profile.input.line.is_match(&lines[first].text) {
                return Some((rule, first, lower - 1, lower + 1));
            }
        }
        lower = Some(rule);
    }
    None
}

/// The same of the lowest input line without a box.
fn bare(profile: &Profile, screen: &Screen) -> Option<(usize, usize, usize, usize)> {
    let lines = screen.lines();
    let bottom = screen.reach(lines.len(), profile.reach);
    let is_input = |line: &usize| profile.input.line.is_match(&lines[*line].text);
    let first = (bottom..lines.len()).rev().find(is_input)?;
    let is_below = |text: &str| profile.input.below.is_match(text);
    let is_more = |text: &str| {
        let more = profile.input.more.as_ref();
        more.is_some_and(|more| more.is_match(text)) && !is_below(text)
    };
    let more = lines[first + 1..]
        .iter()
        .take_while(|line| is_more(&line.text));
    let last = first + more.count();
    let rest = &lines[last + 1..];
    let own = rest
        .iter()
        .all(|line| line.is_blank() || line.rule || is_below(&line.text));
    own.then_some((first, first, last, last + 1))
}

/// What stands on these lines that the program did not put there itself.
fn typed(profile: &Profile, screen: &Screen, first: usize, last: usize) -> Option<String> {
    let lines = &screen.lines()[first..=last];
    // Where even the prompt is faint, nothing can be told from that.
    let faint = lines[0].solid.trim().is_empty();
    let own = |place: usize| {
        if faint {
            &lines[place].text
        } else {
            &lines[place].solid
        }
    };
    let captures = profile.input.line.captures(own(0));
    let mut text = captures
        .and_then(|captures| {
            captures
                .name("typed")
                .map(|typed| typed.as_str().to_owned())
        })
        .unwrap_or_default();
    for place in 1..lines.len() {
        text.push('\n');
        text.push_str(own(place).trim());
    }
    let text = text.trim();
    let empty = text.is_empty() || profile.input.placeholder.is_match(text);
    (!empty).then(|| text.to_owned())
}
