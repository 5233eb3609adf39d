//! Texts for agents: from who asks to the core, and from the core to the terminal.

use std::time::Duration;

use super::{Asked, Daemon, Input};
use crate::{
    agent::typed::check,
    causes::in_one_line,
    control::{
        protocol::{self, RefusalKind},
        server::Answer,
    },
    decide::{Command, Event, Nudge, NudgeId, Typed, When},
    launch::typing::{self, Extent, Left, Text, TypingError},
    model::{AttemptRef, ItemName, WorkerName},
};

impl Daemon {
    /// Somebody wants a text to be typed, and may hang up before that is done.
    pub(super) async fn nudge(
        &mut self,
        answer: Answer,
        worker: WorkerName,
        text: String,
        when: protocol::When,
        within: u32,
    ) {
        if let Err(unfit) = check(&text) {
            let refusal = protocol::Refusal::new(RefusalKind::Usage, unfit.to_string());
            return answer.error(refusal);
        }
        let nudge = Command::Nudge(Nudge {
            worker,
            text,
            when: match when {
                protocol::When::Idle => When::Idle,
                protocol::When::Now => When::Now,
            },
            within: Duration::from_secs(within.into()),
        });
        let unheard = answer.unheard();
        let asked = Asked {
            answer: Some(answer),
            reload: None,
        };
        let id = self.ask_core(asked, nudge).await;
        self.beside(async move {
            unheard.await;
            Input::Event(Event::HungUp(id))
        });
    }

    pub(super) fn type_text(
        &mut self,
        nudge: NudgeId,
        attempt: AttemptRef,
        text: Text,
        item: Option<ItemName>,
    ) {
        let (worker, content) = (attempt.worker.clone(), text.text.clone());
        let typing = self.host.type_into(attempt, text);
        let inboxes = self.inboxes.clone();
        self.beside(async move {
            let wanted = match item {
                Some(item) => inboxes.still_says(worker, item, content).await,
                None => true,
            };
            let typed = match wanted {
                true => went(typing.await),
                false => Typed::Nothing {
                    why: "its file has changed, or is gone".into(),
                },
            };
            Input::Event(Event::Typed(nudge, typed))
        });
    }

    pub(super) fn submit_left(&mut self, nudge: NudgeId, attempt: AttemptRef, left: Left) {
        let submitting = self.host.submit_left(attempt, left);
        self.beside(async move { Input::Event(Event::Typed(nudge, went(submitting.await))) });
    }
}

/// How it went, for the core.
fn went(typed: Result<typing::Typed, TypingError>) -> Typed {
    match typed {
        Ok(typing::Typed::Taken(by)) => Typed::Taken(by),
        Ok(typing::Typed::Undecided { .. }) => Typed::Undecided,
        Err(TypingError::Refused { why, screen }) => Typed::Refused { why, screen },
        Err(TypingError::Terminal {
            why,
            extent: Extent::Nothing,
        }) => Typed::Nothing { why },
        Err(error @ TypingError::NotThere) => Typed::Nothing {
            why: in_one_line(&error),
        },
        Err(error) => {
            // What stands on the input line was not taken, however often it was submitted.
            let left = matches!(error, TypingError::Left { .. });
            Typed::Failed {
                submitted: error.extent() == Extent::Submitted && !left,
                screen: error.screen().map(str::to_owned),
                why: in_one_line(&error),
            }
        }
    }
}
