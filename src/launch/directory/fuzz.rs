//! What may be found in the place of an exit record.

use serde_json::{Value, json};

use super::*;
use crate::{
    fuzz::fuzz,
    model::{Signal, Status},
};

#[test]
fn an_exit_is_what_the_record_says_or_there_is_none() {
    let place = tempfile::tempdir().unwrap();
    let directory = Directory::at(place.path().to_owned());
    fuzz("exit-record", 512, |bytes| {
        fs::write(place.path().join(EXIT), bytes).unwrap();
        let Some(ended) = directory.ended() else {
            return;
        };
        let said: Value = serde_json::from_slice(bytes).unwrap();
        let said = said.get("exit").or(said.get(0)).unwrap();
        // What is left out or null says nothing.
        let given = |key: &str| said.get(key).filter(|value| **value != Value::Null);
        let is = |code: Option<u8>, signal: Option<&Signal>, lost: Option<&str>, oom: bool| {
            assert_eq!(given("code"), code.map(|code| json!(code)).as_ref());
            let name = given("signal").map(|name| name.as_str().unwrap().parse());
            assert_eq!(name, signal.copied().map(Ok));
            assert_eq!(given("lost").and_then(Value::as_str), lost);
            assert_eq!(given("oom").is_some_and(|oom| *oom == json!(true)), oom);
        };
        match &ended.exit {
            Exit::Code(code) => is(Some(*code), None, None, false),
            Exit::Signal(signal) => is(None, Some(signal), None, false),
            Exit::OutOfMemory(Status::Code(code)) => is(Some(*code), None, None, true),
            Exit::OutOfMemory(Status::Signal(signal)) => is(None, Some(signal), None, true),
            Exit::Lost(why) => is(None, None, Some(why.as_str()), false),
        }
        // What we write is read back, and no beginning of it is taken for the whole.
        let whole = serde_json::to_vec(&ended).unwrap();
        fs::write(place.path().join(EXIT), &whole).unwrap();
        assert_eq!(directory.ended().as_ref(), Some(&ended));
        let cut = bytes.len() % whole.len();
        fs::write(place.path().join(EXIT), &whole[..cut]).unwrap();
        assert_eq!(directory.ended(), None, "{cut} of {}", whole.len());
    });
}
