//! Questions that stand in the place of the input line.
//!
//! All parts of a question have to be there, and the last of them at the bottom: text that only looks
//! like one has an input line below it, or goes on.

use super::Look;
use crate::agent::{profile::Pattern, screen::Found};

/// What may stand below a drawn question: a line of status or two. Behind one that is only printed
/// stands the cursor, and nothing else.
const BELOW: usize = 3;

pub(super) struct Dialog<'a> {
    pub(super) question: String,
    pub(super) evidence: Found,
    /// The line that its block begins with.
    pub(super) top: usize,
    /// The lowest line of it.
    pub(super) end: usize,
    /// The pattern of one about the usage limit.
    pub(super) menu: Option<&'a Pattern>,
}

pub(super) fn find<'a>(look: &Look<'a>) -> Option<Dialog<'a>> {
    let menu = look.profile.menu.iter().map(|pattern| (pattern, true));
    let question = look.profile.question.iter().map(|pattern| (pattern, false));
    menu.chain(question).find_map(|(pattern, menu)| {
        let (evidence, end) = parts(look, pattern)?;
        let question = asked(look, pattern, &evidence);
        Some(Dialog {
            top: top(look, &evidence),
            question,
            evidence,
            end,
            menu: menu.then_some(pattern),
        })
    })
}

/// Where the pattern's line is, and the lowest line of all its parts.
fn parts(look: &Look<'_>, pattern: &Pattern) -> Option<(Found, usize)> {
    // A dialog may be taller than what counts otherwise: its lowest part tells that it is there.
    let from = look.input.map_or(0, |input| input.end);
    let evidence = look.screen.find(from..look.end, &pattern.line)?;
    let mut end = evidence.last;
    for with in &pattern.with {
        end = end.max(look.screen.find(from..look.end, with)?.last);
    }
    let lines = look.screen.lines().get(end + 1..).unwrap_or_default();
    let below = lines
        .iter()
        .filter(|line| !line.is_blank() && !line.rule)
        .count();
    let most = if pattern.with.is_empty() { 0 } else { BELOW };
    (below <= most).then_some((evidence, end))
}

fn top(look: &Look<'_>, evidence: &Found) -> usize {
    let lines = look.screen.lines();
    let block = (0..evidence.line).rev();
    let block = block.take_while(|line| !lines[*line].is_blank() && !lines[*line].rule);
    block.last().unwrap_or(evidence.line)
}

/// The question's words: what the pattern takes from its line, or what stands above the choices.
fn asked(look: &Look<'_>, pattern: &Pattern, evidence: &Found) -> String {
    if let Some(question) = captured(look, pattern, evidence) {
        return question;
    }
    let lines = look.screen.lines();
    let above = (0..evidence.line)
        .rev()
        .find(|line| !lines[*line].is_blank());
    let Some(last) = above.filter(|line| !lines[*line].rule) else {
        return evidence.text.trim().to_owned();
    };
    // From the first line of its block.
    let block = (0..last)
        .rev()
        .take_while(|line| !lines[*line].is_blank() && !lines[*line].rule);
    let first = block.last().unwrap_or(last);
    let words: Vec<&str> = lines[first..=last]
        .iter()
        .map(|line| line.text.trim())
        .collect();
    words.join(" ")
}

/// What the pattern takes from its line; from more of it, where a narrow pane cut the question in two.
fn captured(look: &Look<'_>, pattern: &Pattern, evidence: &Found) -> Option<String> {
    let lines = look.screen.lines();
    let question = |text: &str| {
        let captured = pattern.line.captures(text)?;
        Some(captured.name("question")?.as_str().trim().to_owned())
    };
    let from = |line: usize| {
        let passage = look.screen.passage(line, look.end);
        [question(&passage.spaced), question(&passage.glued)]
    };
    let begun = (0..evidence.line)
        .rev()
        .take_while(|line| lines[*line].is_full());
    let begun = begun.last().and_then(|line| {
        let [spaced, glued] = from(line);
        glued.or(spaced)
    });
    let own = question(&evidence.text)?;
    let [spaced, glued] = from(evidence.line);
    let all = [Some(own.clone()), begun.clone(), spaced, glued];
    let whole = all.into_iter().flatten().find(|words| words.ends_with('?'));
    Some(whole.or(begun).unwrap_or(own))
}
