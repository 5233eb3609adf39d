//! What the effects of a rig mean to the world around it.

use loopkeeper::decide::{Effect, Fact};

/// A sign of life or a look: what a rig does that has nothing to do.
pub(crate) fn is_quiet(effect: &Effect) -> bool {
    match effect {
        Effect::Record(facts) => facts.iter().all(|fact| matches!(fact, Fact::Alive { .. })),
        Effect::Probe(..)
        | Effect::Watch(..)
        | Effect::CheckPhase(..)
        | Effect::LookAtCheckout(..)
        | Effect::CompareSecrets(..)
        | Effect::Inquire(_) => true,
        _ => false,
    }
}

/// Whether it makes a difference to the world that the daemon came to this.
pub(crate) fn leaves_a_trace(effect: &Effect) -> bool {
    match effect {
        Effect::Record(_)
        | Effect::MakeWorktree(..)
        | Effect::Start { .. }
        | Effect::Type { .. }
        | Effect::Submit { .. }
        | Effect::Settle { .. }
        | Effect::WriteHandoff(_)
        | Effect::DropHandoff(_)
        | Effect::TellHandoff { .. }
        | Effect::RevokeHandoff { .. }
        | Effect::AnswerAsk { .. }
        | Effect::Signal(..)
        | Effect::Reload(..)
        | Effect::Conclude(_)
        | Effect::Answer(..)
        | Effect::Exit => true,
        Effect::Survey
        | Effect::ReadHandoff(_)
        | Effect::Inquire(_)
        | Effect::Adopt(..)
        | Effect::Probe(..)
        | Effect::Watch(..)
        | Effect::CheckPhase(..)
        | Effect::LookAtCheckout(..)
        | Effect::Tell(_)
        | Effect::Notify(_)
        | Effect::CompareSecrets(..)
        | Effect::Ready => false,
    }
}
