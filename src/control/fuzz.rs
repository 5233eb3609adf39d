//! What a client may send.

use serde_json::Value;
use tokio::io::BufReader;

use super::{
    connection::{Got, LONGEST_LINE, read_line},
    protocol::{Ask, parse},
};
use crate::fuzz::fuzz;

/// How a refusal begins.
const REFUSALS: [&str; 4] = [
    "line is not a JSON object: ",
    "\"id\" is missing or no whole number",
    "request is not known: ",
    "request names no worker",
];

#[test]
fn a_request_is_obeyed_whole_or_refused_under_its_own_id() {
    fuzz("request", 512, |line| {
        let value: Value = serde_json::from_slice(line).unwrap_or_default();
        match parse(line) {
            Ok((id, request)) => {
                assert_eq!(value["id"], id);
                let request = &request;
                let again = serde_json::to_vec(&Ask { id, request }).unwrap();
                let Ok(same) = parse(&again) else {
                    panic!("refused what was obeyed: {}", again.escape_ascii());
                };
                assert_eq!((same.0, &same.1), (id, request));
                let again: Value = serde_json::from_slice(&again).unwrap();
                for (key, meant) in value.as_object().unwrap() {
                    assert_eq!(again.get(key), Some(meant), "{key} has no effect");
                }
            }
            Err(refused) => {
                let id = value
                    .as_object()
                    .and_then(|object| object.get("id")?.as_u64());
                assert_eq!(refused.id, id);
                let known = REFUSALS.iter().any(|how| refused.why.starts_with(how));
                assert!(known, "{}", refused.why);
                assert!(refused.why.chars().count() <= 240, "{}", refused.why);
            }
        }
    });
}

#[test]
fn lines_are_what_lies_between_line_ends_however_they_arrive() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    fuzz("frame", 512, |input| {
        let (first, sent) = input.split_first().unwrap_or((&0, &[]));
        // A long beginning, half of the time.
        let mut long = vec![b'x'; usize::from(*first >= 128) * (LONGEST_LINE - 8)];
        long.extend_from_slice(sent);
        let pieces = usize::from(first % 128) + 1;
        let mut reader = BufReader::with_capacity(pieces, &long[..]);
        let mut left = &long[..];
        loop {
            let whole = left.iter().position(|byte| *byte == b'\n');
            match runtime.block_on(read_line(&mut reader, None)) {
                Got::Line(line) => {
                    let (expected, rest) = left.split_at(whole.unwrap() + 1);
                    assert!(line == expected && line.len() <= LONGEST_LINE);
                    left = rest;
                }
                Got::TooLong => {
                    let length = whole.map_or(left.len(), |at| at + 1);
                    assert!(length > LONGEST_LINE, "{length} bytes are not too long");
                    break;
                }
                Got::End => {
                    assert_eq!(whole, None, "a whole line was not heard");
                    break;
                }
                Got::Half | Got::Nothing => panic!("it is all there"),
            }
        }
    });
}
