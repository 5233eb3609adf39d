//! The input line, and what stands on it.
//!
//! In a transcript the lines that a person typed look like the input line. It is the lowest one, and
//! nothing of the transcript is below it: it stands in its box, or only what the profile knows follows.

use regex::Regex;

use crate::agent::{profile::Profile, screen::Screen};

/// The input line.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Input {
    /// The line it begins on.
    pub line: usize,
    /// What somebody typed and did not submit; `None` if it is empty.
    pub typed: Option<String>,
    /// The first line of its box.
    pub(in crate::agent) top: usize,
    /// The line behind its box.
    pub(in crate::agent) end: usize,
}

/// Where an input line was found.
struct Place {
    top: usize,
    first: usize,
    last: usize,
    end: usize,
}

pub(super) fn find(profile: &Profile, screen: &Screen) -> Option<Input> {
    let place = if profile.input.boxed {
        boxed(profile, screen)?
    } else {
        bare(profile, screen)?
    };
    Some(Input {
        line: place.first,
        typed: typed(profile, screen, place.first, place.last),
        top: place.top,
        end: place.end,
    })
}

/// The lowest box with an input line in it.
fn boxed(profile: &Profile, screen: &Screen) -> Option<Place> {
    let lines = screen.lines();
    let bottom = screen.reach(lines.len(), profile.reach);
    let rules: Vec<usize> = (0..lines.len()).filter(|line| lines[*line].rule).collect();
    let boxes = rules.windows(2).rev().map(|pair| (pair[0], pair[1]));
    let (top, lower) = boxes
        .take_while(|(_, lower)| *lower >= bottom)
        .find(|(top, lower)| {
            top + 1 < *lower && profile.input.line.is_match(&lines[top + 1].text)
        })?;
    Some(Place {
        top,
        first: top + 1,
        last: lower - 1,
        end: lower + 1,
    })
}

/// The lowest input line, where there is no box. What the terminal wrapped belongs to the line above
/// it; behind what is typed only where the profile knows how that goes on, as behind a prompt it may
/// be what a command prints.
fn bare(profile: &Profile, screen: &Screen) -> Option<Place> {
    let lines = screen.lines();
    let bottom = screen.reach(lines.len(), profile.reach);
    let is_input = |line: &usize| profile.input.line.is_match(&lines[*line].text);
    let first = (bottom..lines.len()).rev().find(is_input)?;
    let is_below = |line: usize| {
        let passage = screen.passage(line, lines.len());
        let readings = [&lines[line].text, &passage.spaced, &passage.glued];
        readings
            .into_iter()
            .any(|text| profile.input.below.is_match(text))
    };
    let is_more = |line: usize, more: &Regex| {
        let wrapped = lines[line - 1].is_full() && !lines[line].is_blank();
        (wrapped || more.is_match(&lines[line].text)) && !is_below(line)
    };
    let more = profile.input.more.as_ref().map_or(0, |more| {
        let following = first + 1..lines.len();
        following.take_while(|line| is_more(*line, more)).count()
    });
    let last = first + more;
    let own = (last + 1..lines.len()).all(|line| {
        let wrapped = line > last + 1 && lines[line - 1].is_full();
        lines[line].is_blank() || lines[line].rule || is_below(line) || wrapped
    });
    own.then_some(Place {
        top: first,
        first,
        last,
        end: last + 1,
    })
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
        // What the terminal wrapped begins at the margin, in the middle of a word.
        if !lines[place - 1].is_full() || own(place).starts_with(' ') {
            text.push('\n');
        }
        let more = profile.input.more.as_ref();
        let after_prompt = more.and_then(|more| more.captures(own(place))?.name("typed"));
        text.push_str(
            after_prompt
                .map_or(own(place).as_str(), |typed| typed.as_str())
                .trim(),
        );
    }
    let text = text.trim();
    let empty = text.is_empty() || profile.input.placeholder.is_match(text);
    (!empty).then(|| text.to_owned())
}
