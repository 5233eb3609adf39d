//! What of the bytes that come from a host is the script's own: all between its marks.

use super::script::Marks;

/// Bytes that are kept of what is said in place of the first mark, to be told if that never comes.
const NOISE: usize = 1024;

/// Takes bytes as they come.
#[derive(Debug)]
pub(super) struct Sieve {
    marks: Marks,
    place: Place,
    /// What may be the head of a mark; where one is missing, the last of what was said.
    held: Vec<u8>,
}

/// Which mark comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Greets,
    Begins,
    Ends,
    Nothing,
}

impl Sieve {
    /// For standard output.
    pub(super) fn of_output(marks: &Marks) -> Self {
        Self {
            marks: marks.clone(),
            place: Place::Greets,
            held: Vec::new(),
        }
    }

    /// For standard error, on which the greeting is not answered.
    pub(super) fn of_errors(marks: &Marks) -> Self {
        Self {
            place: Place::Begins,
            ..Self::of_output(marks)
        }
    }

    /// Whether the greeting was answered.
    pub(super) fn has_greeted(&self) -> bool {
        self.place > Place::Greets
    }

    /// Whether the script has begun.
    pub(super) fn has_begun(&self) -> bool {
        self.place > Place::Begins
    }

    /// Whether the script has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.place == Place::Nothing
    }

    /// Appends to `own` what of these bytes is the script's.
    pub(super) fn take(&mut self, bytes: &[u8], own: &mut Vec<u8>) {
        self.held.extend_from_slice(bytes);
        loop {
            let (mark, next) = match self.place {
                Place::Greets => (self.marks.greets.as_bytes(), Place::Begins),
                Place::Begins => (self.marks.begins.as_bytes(), Place::Ends),
                Place::Ends => (self.marks.ends.as_bytes(), Place::Nothing),
                Place::Nothing => {
                    self.held.clear();
                    return;
                }
            };
            let is_own = self.place == Place::Ends;
            let Some(at) = find(&self.held, mark) else {
                let sure = match is_own {
                    true => self.held.len() - head_at_end(&self.held, mark),
                    false => self.held.len().saturating_sub(NOISE),
                };
                let passed = self.held.drain(..sure);
                if is_own {
                    own.extend(passed);
                }
                return;
            };
            if is_own {
                own.extend_from_slice(&self.held[..at]);
            }
            self.held.drain(..at + mark.len());
            self.place = next;
        }
    }

    /// There is no more: what was held back is the script's after all, or was said in place of a mark.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    let (first, last) = (*mark.first()?, bytes.len().checked_sub(mark.len())?);
    let mut from = 0;
    loop {
        from += bytes[from..].iter().position(|byte| *byte == first)?;
        if from > last {
            return None;
        }
        if bytes[from..].starts_with(mark) {
            return Some(from);
        }
        from += 1;
    }
}

/// How many bytes at the end are a head of `mark`.
fn head_at_end(bytes: &[u8], mark: &[u8]) -> usize {
    let most = bytes.len().min(mark.len() - 1);
    let is_head = |length: &usize| bytes.ends_with(&mark[..*length]);
    (1..=most).rev().find(is_head).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ssh::Script;

    fn marks() -> Marks {
        Script::new("").render().unwrap().marks
    }

    proptest! {
        #[test]
        fn it_is_the_same_in_whatever_pieces_it_comes(
            noise in "[a-l \n]{0,40}", own in "[<loprk \n0-9]{0,80}", after in "[a-l]{0,10}",
            cuts in prop::collection::vec(1usize..50, 1..20),
        ) {
            let marks = marks();
            // What is nearly a mark is none.
            let own = format!("{own}{}{}", &marks.ends[..20], &marks.begins);
            let all = format!(
                "{noise}{}{noise}{}{own}{}{after}", marks.greets, marks.begins, marks.ends
            );
            let (mut sieve, mut found) = (Sieve::of_output(&marks), Vec::new());
            let (mut left, mut cuts) = (all.as_bytes(), cuts.iter().cycle());
            while !left.is_empty() {
                let (now, later) = left.split_at(left.len().min(*cuts.next().unwrap()));
                sieve.take(now, &mut found);
                left = later;
            }
            prop_assert!(sieve.has_greeted() && sieve.has_begun() && sieve.has_ended());
            prop_assert_eq!(String::from_utf8(found).unwrap(), own);
        }
    }

    #[test]
    fn what_is_not_the_head_of_a_mark_is_not_held_back() {
        let marks = marks();
        let (mut sieve, mut own) = (Sieve::of_errors(&marks), Vec::new());
        sieve.take(format!("{}line\n", marks.begins).as_bytes(), &mut own);
        assert_eq!(own, b"line\n");
        sieve.take(b"<loop", &mut own);
        assert_eq!(own, b"line\n");
        assert_eq!(
            (sieve.rest(), sieve.has_ended()),
            (b"<loop".to_vec(), false)
        );
    }

    #[test]
    fn of_a_shell_that_never_was_the_last_words_are_kept() {
        let (mut sieve, mut own) = (Sieve::of_output(&marks()), Vec::new());
        sieve.take(&[b'x'; 5000], &mut own);
        sieve.take(b"This account is not available.\n", &mut own);
        assert!(!sieve.has_greeted() && own.is_empty());
        let rest = sieve.rest();
        assert!(rest.len() == NOISE && rest.ends_with(b"not available.\n"));
    }
}
