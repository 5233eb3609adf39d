//! What may be found in the place of an exit record.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};

use super::*;
use crate::{
    fuzz::fuzz,
    model::{Signal, Status},
};

/// Of a record, what is not looked at may be anything that has an end.
#[derive(Deserialize)]
struct Said {
    exit: Value,
    #[serde(rename = "at")]
    _at: IgnoredAny,
    #[serde(rename = "with_session", default)]
    _with_session: Option<IgnoredAny>,
}

#[test]
fn an_exit_is_what_the_record_says_or_there_is_none() {
    let place = tempfile::tempdir().unwrap();
    let directory = Directory::at(place.path().to_owned());
    fuzz("exit-record", 512, |bytes| {
        fs::write(place.path().join(EXIT), bytes).unwrap();
        let Some(ended) = directory.ended() else {
            return;
        };
        let Said { exit: said, .. } = serde_json::from_slice(bytes).unwrap();
        // Without their names, values count by their places; what is left out or null says nothing.
        let nth = |key: &str| {
            ["code", "signal", "lost", "oom"]
                .iter()
                .position(|name| *name == key)
        };
        let given = |key: &str| {
            let value = said.get(key).or_else(|| said.get(nth(key)?));
            value.filter(|value| **value != Value::Null)
        };
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
