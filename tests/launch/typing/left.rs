//! What an earlier daemon left on an input line.

use std::time::Duration;

use loopkeeper::{
    agent::typed::{By, Digest, Refusal},
    launch::typing::{Extent, Left, Typed, TypingError},
};

use super::{Stage, profile};
use crate::alone::alone;

impl Stage {
    /// Submits this, if it is there.
    async fn submits(&mut self, text: &str) -> Result<Typed, TypingError> {
        let left = Left {
            profile: profile("claude"),
            digest: Digest::of(text).unwrap(),
            undisturbed: Duration::from_secs(30),
        };
        self.world
            .local
            .submit_left(self.attempt.clone(), left)
            .await
    }
}

#[test]
fn it_is_submitted_where_it_is_wholly_there_and_nothing_is_typed() {
    alone(
        "typing::left::it_is_submitted_where_it_is_wholly_there_and_nothing_is_typed",
        || async {
            let mut stage = Stage::drawn("takes").await;
            let nothing = stage.submits("go on").await.unwrap_err();
            assert!(matches!(nothing, TypingError::NotThere), "{nothing}");
            stage.presses(&["-l", "go on"]);
            stage.shows("❯ go on").await;
            let taken = stage.submits("go on").await.unwrap();
            assert!(
                matches!(taken, Typed::Taken(By::Work | By::Transcript)),
                "{taken:?}"
            );
            assert_eq!(stage.given(), ["go on"]);

            // Somebody has gone on with it.
            stage.presses(&["-l", "go on, and look"]);
            stage.shows("❯ go on, and look").await;
            let other = stage.submits("go on").await.unwrap_err();
            assert!(matches!(other, TypingError::NotThere), "{other}");
            assert_eq!(other.extent(), Extent::Nothing);
            stage.shows("❯ go on, and look").await;
            assert_eq!(stage.given(), ["go on"]);
        },
    );
}

#[test]
fn nothing_is_submitted_for_another_program() {
    alone(
        "typing::left::nothing_is_submitted_for_another_program",
        || async {
            let mut stage = Stage::bash().await;
            stage.presses(&["-l", "go on"]);
            stage.shows("go on").await;
            let refused = stage.submits("go on").await.unwrap_err();
            let why = |why: &Refusal| matches!(why, Refusal::Foreground { .. });
            assert!(
                matches!(&refused, TypingError::Refused { why: is, .. } if why(is)),
                "{refused}"
            );
        },
    );
}
