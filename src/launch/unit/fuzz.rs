//! What may be found in the place of what the recorder wrote down.

use super::record;
use crate::{
    fuzz::fuzz,
    model::{Exit, Status},
};

const INVOCATION: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn an_exit_is_what_a_whole_line_of_the_invocation_says_or_there_is_none() {
    fuzz("unit-record", 512, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let whole = || {
            text.split_inclusive('\n')
                .filter(|line| line.ends_with('\n'))
        };
        if record::asked(&text, Some(INVOCATION)).is_some() {
            let of_it = |line: &str| line.trim_end().split(' ').nth(2) == Some(INVOCATION);
            assert!(whole().any(of_it), "{text:?}");
        }
        let Some(exit) = record::of(&text, INVOCATION) else {
            return;
        };
        let says = |line: &str| {
            let words: Vec<_> = line.trim_end_matches(['\n', '\r']).split(' ').collect();
            let [result, how, what, of, ..] = words[..] else {
                return false;
            };
            let status = match how {
                "exited" => what.parse().map(Status::Code).ok(),
                "killed" | "dumped" => what.parse().map(Status::Signal).ok(),
                _ => None,
            };
            let is = |status| match result {
                "oom-kill" => Exit::OutOfMemory(status),
                _ => status.into(),
            };
            of == INVOCATION && status.map(is).as_ref() == Some(&exit)
        };
        assert!(whole().any(says), "{exit} is nowhere in {text:?}");
        let cut = text.rfind(INVOCATION).unwrap();
        let first = text.find(INVOCATION).unwrap();
        if cut == first {
            assert_eq!(record::of(&text[..cut], INVOCATION), None, "half a line");
        }
    });
}
