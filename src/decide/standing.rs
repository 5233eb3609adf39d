//! Where the plan stands, in words, and how to go on where it does not by itself.

use super::{
    Refusal, ResumePoint, Rig,
    command::failed,
    cutover::{handed_over, stands_still},
    plan::{At, Progress},
};
use crate::model::PhaseId;

impl Progress {
    /// Why nobody knows where the plan stands, if so.
    pub(super) fn why_astray(&self) -> Option<String> {
        match &self.at {
            At::Astray(Some(point)) => Some(format!(
                "the resume point is phase {point}, which the plan does not have"
            )),
            At::Astray(None) => Some("the resume point is lost".into()),
            At::NoPlan | At::Phase(_) | At::Complete => None,
        }
    }

    /// The phases of a complete plan that were not in it when it became so; `None` where nobody
    /// knows which they are.
    fn left_out(&self) -> Option<Vec<&str>> {
        let stored = self.stored().filter(|_| self.at == At::Complete);
        let Some(ResumePoint { done, index, .. }) = stored else {
            return Some(Vec::new());
        };
        if done.is_empty() {
            return (*index >= self.plan.phases.len()).then(Vec::new);
        }
        let ids = self.plan.phases.iter().map(|phase| &phase.id);
        Some(
            ids.filter(|id| !done.contains(id))
                .map(PhaseId::as_str)
                .collect(),
        )
    }

    /// Why a complete plan stays so although it has other phases now, if so, and how to go on.
    pub(super) fn why_complete(&self) -> Option<String> {
        let Some(left_out) = self.left_out() else {
            return Some(
                "the plan stays complete: it has more phases than were done, and nobody knows \
                 which they are; `supervisorctl phase set ID` goes on"
                    .into(),
            );
        };
        let first = left_out.first()?;
        let (phases, were) = match left_out.len() {
            1 => ("phase", "was"),
            _ => ("phases", "were"),
        };
        Some(format!(
            "the plan stays complete: {phases} {} {were} not added to its end, so nothing begins \
             there by itself; `supervisorctl phase set {first}` goes on there",
            left_out.join(", ")
        ))
    }

    /// The point in words: `phase 3 of 6 (2)`.
    pub(super) fn in_words(&self) -> Option<String> {
        let count = self.plan.phases.len();
        match &self.at {
            At::NoPlan => None,
            At::Phase(index) => self
                .current()
                .map(|(_, phase)| format!("phase {} of {count} ({})", index + 1, phase.id)),
            At::Complete => Some(match self.left_out().as_deref() {
                Some([]) => format!("complete, {count} of {count} phases"),
                Some(left_out) => format!(
                    "complete, {} of {count} phases (not {})",
                    count - left_out.len(),
                    left_out.join(", ")
                ),
                None => format!("complete, with more phases than were done ({count})"),
            }),
            At::Astray(_) => self.why_astray().map(|why| format!("astray: {why}")),
        }
    }
}

impl Rig {
    /// The command that ends a pause: it has to say where to go on where nobody knows it.
    pub(super) fn way_out(&self) -> &'static str {
        match self.progress.at {
            _ if handed_over(self.paused.as_deref()).is_some() => {
                "`supervisorctl cutover cancel`, only if it was not imported,"
            }
            _ if stands_still(self.paused.as_deref()) => "`supervisorctl cutover cancel`",
            At::Astray(_) => "`supervisorctl resume --phase ID`",
            At::NoPlan | At::Phase(_) | At::Complete => "`supervisorctl resume`",
        }
    }

    /// The refusal of whoever wants to end a phase where there is none.
    pub(super) fn no_phase(&self) -> Refusal {
        match &self.progress.at {
            At::NoPlan => {
                let kept = self.progress.stored().and_then(|point| point.id.as_ref());
                let kept = kept.map_or(String::new(), |id| {
                    format!(", and the resume point, phase {id}, is kept for one that has it")
                });
                failed(
                    &format!("the rig has no plan{kept}"),
                    Some("declare phases under [plan], then: `supervisorctl reload`"),
                )
            }
            At::Phase(_) | At::Complete | At::Astray(_) => {
                let words = self.progress.in_words().unwrap_or_default();
                failed(
                    &format!("there is no current phase: the plan is {words}"),
                    Some("`supervisorctl phase set ID` moves the resume point"),
                )
            }
        }
    }
}
