//! What a word that is no verb was meant to be.
//!
//! Promise: only what a person types is suggested. supervisord's words have another sound than ours, so
//! that the nearest one may do what nobody wanted: for them the verb with the same meaning is named.

use clap::{
    Parser as _,
    error::{ContextKind, ContextValue, Error, ErrorKind},
};

use super::{Cli, Part, Verb};

/// Words of supervisord's `supervisorctl` that we have others for.
const OF_SUPERVISORD: [(&str, &str); 5] = [
    ("avail", "status"),
    ("fg", "attach"),
    ("reread", "reload"),
    ("tail", "logs"),
    ("update", "reload"),
];

/// The command line of this process; one that is wrong ends it.
pub(super) fn parse() -> Cli<Part> {
    Cli::try_parse().unwrap_or_else(|error| match error.kind() {
        // What is started by no person is not known to this parser, and so never suggested.
        ErrorKind::InvalidSubcommand => match Cli::<Verb>::try_parse() {
            Err(typed) => meant(typed).exit(),
            Ok(_) => error.exit(),
        },
        _ => error.exit(),
    })
}

fn meant(mut error: Error) -> Error {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    let verb = OF_SUPERVISORD.iter().find(|(theirs, _)| theirs == word);
    if let Some((_, ours)) = verb {
        let only = ContextValue::Strings(vec![(*ours).to_owned()]);
        error.insert(ContextKind::SuggestedSubcommand, only);
    }
    error
}
