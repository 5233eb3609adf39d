//! What people may write there, and what is never made of it.

use proptest::prelude::*;

use super::*;

fn plan(ids: &str) -> Vec<PhaseId> {
    ids.split_whitespace()
        .map(|id| id.parse().unwrap())
        .collect()
}

fn rig() -> Vec<PhaseId> {
    plan("1d 1e 2 2b 3 4")
}

fn index(text: &str) -> Result<usize, PhaseFileError> {
    parse(text.as_bytes(), &rig()).map(|point| point.index)
}

#[test]
fn an_index_an_id_or_both_are_accepted() {
    for (text, expected) in [
        ("2 2", 2),
        ("3 2b\n", 3),
        ("0", 0),
        ("2b", 3),
        ("2", 2),
        ("5\r\n\r\n", 5),
        ("  \n\t1e  # by hand\n# more\n", 1),
        ("6 done", 6),
        ("done", 6),
        ("6", 6),
    ] {
        assert_eq!(index(text), Ok(expected), "{text:?}");
    }
}

#[test]
fn a_word_with_two_meanings_is_the_earlier_phase() {
    let point = parse(b"3", &rig()).unwrap();
    assert_eq!(point.index, 3);
    let note = point.note.unwrap();
    assert!(note.contains("2b") && note.contains("phase 5"), "{note}");
    assert_eq!(parse(b"2", &rig()).unwrap().note, None);
    assert_eq!(parse(b"1", &plan("1 2 3")).unwrap().index, 0);
    assert_eq!(
        parse(b"3", &plan("1 2 3")).unwrap().index,
        2,
        "never the plan's end"
    );
    assert_eq!(parse(b"done", &plan("a done b")).unwrap().index, 1);
}

#[test]
fn what_is_no_point_of_the_plan_is_named() {
    use PhaseFileError::{Disagree, Empty, Index, NotText, Phase, TooMuch};
    for (bytes, expected) in [
        (&b""[..], Empty),
        (b" \n# 2\n", Empty),
        (b"\0\0\0", NotText),
        (b"\xff2", NotText),
        (b"2\x1b", NotText),
        (b"1\n2\n", TooMuch),
        (b"2 2 2", TooMuch),
        (b"2b 3", TooMuch),
        (b"7", Index("7".into(), 6)),
        (b"7 done", Index("7".into(), 6)),
        (
            b"99999999999999999999",
            Index("99999999999999999999".into(), 6),
        ),
        (
            b"99999999999999999999 4",
            Index("99999999999999999999".into(), 6),
        ),
        (b"-1", Phase("-1".into())),
        (b"+1", Phase("+1".into())),
        (b"5a", Phase("5a".into())),
        (b"3 2", Disagree(3, "2".into())),
        (b"5 done", Disagree(5, "done".into())),
    ] {
        assert_eq!(parse(bytes, &rig()), Err(expected), "{bytes:?}");
    }
}

fn plans() -> impl Strategy<Value = Vec<PhaseId>> {
    proptest::collection::btree_set("[0-9a-z]{1,2}|done", 1..12)
        .prop_map(|ids| ids.iter().map(|id| id.parse().unwrap()).collect())
        .prop_flat_map(|ids: Vec<PhaseId>| Just(ids).prop_shuffle())
}

proptest! {
    #[test]
    fn whatever_the_bytes_a_point_is_in_the_plan(
        bytes in proptest::collection::vec(any::<u8>(), 0..64),
        plan in plans(),
    ) {
        if let Ok(point) = parse(&bytes, &plan) {
            prop_assert!(point.index <= plan.len());
        }
    }

    #[test]
    fn likely_text_never_skips_what_it_could_have_meant(text in "[0-9a-z# \n]{0,8}", plan in plans()) {
        if let Ok(point) = parse(text.as_bytes(), &plan) {
            prop_assert!(point.index <= plan.len());
            if let Ok(id) = text.trim().parse::<PhaseId>() {
                let as_id = plan.iter().position(|p| *p == id);
                prop_assert!(as_id.is_none_or(|at| point.index <= at));
            }
        }
    }

    #[test]
    fn what_is_written_is_read_back(plan in plans(), at in 0..12_usize, secs in 0..4_000_000_000_i64) {
        let index = at.min(plan.len());
        for by in [SetBy::Plan, SetBy::Operator, SetBy::File] {
            let at = jiff::Timestamp::from_second(secs).unwrap();
            let point = ResumePoint::new(&plan, index, at, by);
            let read = parse(render(&point).as_bytes(), &plan);
            prop_assert_eq!(read, Ok(Point { index, note: None }));
        }
    }
}
