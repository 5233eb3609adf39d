//! What people and editors may leave in `phase-idx`.

use super::*;
use crate::fuzz::fuzz;

#[test]
fn a_point_is_what_is_written_there_or_the_refusal_says_what_is_wrong() {
    let plan: Vec<PhaseId> = ["1d", "1e", "2", "2b", "3", "4"]
        .map(|id| id.parse().unwrap())
        .to_vec();
    fuzz("phase-idx", 512, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        match parse(bytes, &plan) {
            Ok(Point { index, note }) => {
                assert!(index <= plan.len());
                let id = plan.get(index).map_or(DONE, PhaseId::as_str);
                let line = text.trim_start_matches('\u{feff}').lines();
                let words = line.map(|line| line.split('#').next().unwrap());
                let mut words = words.flat_map(str::split_whitespace);
                let meant = |word: &str| word == id || word.parse() == Ok(index);
                assert!(words.clone().all(meant) && words.any(|_| true), "{text:?}");
                let at = "2026-11-21T00:43:19Z".parse().unwrap();
                let ours = render(&ResumePoint::new(&plan, index, at, SetBy::File));
                let again = parse(ours.as_bytes(), &plan);
                assert_eq!(again, Ok(Point { index, note: None }), "{note:?}");
            }
            Err(PhaseFileError::NotText | PhaseFileError::Empty | PhaseFileError::TooMuch) => {}
            Err(
                error @ (PhaseFileError::Index(..)
                | PhaseFileError::Phase(_)
                | PhaseFileError::Disagree(..)),
            ) => {
                let (PhaseFileError::Index(word, _)
                | PhaseFileError::Phase(word)
                | PhaseFileError::Disagree(_, word)) = &error
                else {
                    unreachable!()
                };
                assert!(text.contains(word.as_str()), "{error} of {text:?}");
            }
        }
    });
}
