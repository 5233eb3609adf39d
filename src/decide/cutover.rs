//! A rig that is handed over to another machine.
//!
//! Promise: who is handed over runs no loop and is not resumed, whichever daemons and boots come, until
//! somebody takes it back; and it is handed over only while it is paused and nothing of a loop lives.
//! So of a rig that runs elsewhere, what is left here stands still.
//!
//! The same holds of a rig of which only a part arrived, until it is imported again.
//!
//! How: it is a pause whose reason says so ([`HANDED_OVER`], [`CUT_OFF`]), recorded like every other, and in
//! a file of its own.

use super::{Level, Refusal, RequestId, Rig, command::failed, waiter::Decision};
use crate::model::{CutoverId, Kind, Now};

/// How the reason of a pause begins that only `supervisorctl cutover cancel` ends; the id follows.
pub const HANDED_OVER: &str = "handed over by cutover ";

/// The reason of the pause of a rig of which only a part may have arrived.
pub const CUT_OFF: &str = "an import was cut off";

/// Whether a pause of this reason is one that `supervisorctl resume` does not end.
pub fn stands_still(paused: Option<&str>) -> bool {
    handed_over(paused).is_some() || paused == Some(CUT_OFF)
}

/// The id of the cutover by which it is handed over, by the reason of its pause.
pub fn handed_over(paused: Option<&str>) -> Option<&str> {
    paused?.strip_prefix(HANDED_OVER)
}

impl Rig {
    /// From now on this rig is another machine's to run.
    pub(super) fn hand_over(
        &mut self,
        now: Now,
        id: RequestId,
        cutover: &CutoverId,
    ) -> Result<(), Refusal> {
        self.refuse_handed_over()?;
        if self.paused.is_none() || self.point_is_lost() {
            let message = "the rig is not paused, so it cannot be handed over";
            return Err(failed(message, Some("`supervisorctl quiesce` pauses it")));
        }
        let lives = self.workers.values().find(|worker| {
            worker.rules.kind == Kind::Loop
                && (worker.life.attempt().is_some() || self.stray_of(worker.name()).is_some())
        });
        if let Some(worker) = lives {
            let message = format!("{} still runs, so nothing is handed over", worker.name());
            return Err(failed(&message, Some("`supervisorctl status` shows why")));
        }
        if self.remembered.is_some() {
            let message = "nobody knows yet what runs, so nothing is handed over";
            return Err(failed(
                message,
                Some("`supervisorctl status` shows when it is known"),
            ));
        }
        self.give_up_handoffs()?;
        self.is_paused_for(format!("{HANDED_OVER}{cutover}"));
        let text = format!("the rig was handed over by cutover {cutover}: no loop runs here");
        self.tell(now, "handed-over", Level::Warning, None, text.clone());
        let decided = vec![Decision::pause(self.paused.clone())];
        self.wait_for(now, id, Vec::new(), Some(text), decided);
        Ok(())
    }

    /// It runs here after all.
    pub(super) fn take_back(&mut self, now: Now, id: RequestId) -> Result<(), Refusal> {
        let what = match (handed_over(self.paused.as_deref()), &self.paused) {
            (Some(cutover), _) => format!("cutover {cutover} was cancelled"),
            (None, Some(why)) if why == CUT_OFF => "an import was given up".to_owned(),
            (None, _) => return Err(failed("the rig is not handed over", None)),
        };
        self.is_paused_for(what.clone());
        let out = self.way_out();
        let text = format!("{what}; the rig is paused, and {out} goes on");
        self.tell(now, "taken-back", Level::Warning, None, text.clone());
        let decided = vec![Decision::pause(self.paused.clone())];
        self.wait_for(now, id, Vec::new(), Some(text), decided);
        Ok(())
    }

    /// What would let it run is refused.
    pub(super) fn refuse_handed_over(&self) -> Result<(), Refusal> {
        match handed_over(self.paused.as_deref()) {
            None if self.paused.as_deref() == Some(CUT_OFF) => {
                let hint = "stop the daemon and import it again: `supervisorctl cutover import --replace FILE`; \
                            `supervisorctl cutover cancel` goes on with what is here";
                let message = format!("{CUT_OFF}, so a part of the rig may be missing");
                Err(failed(&message, Some(hint)))
            }
            None => Ok(()),
            Some(cutover) => {
                let message = format!("the rig was handed over by cutover {cutover}");
                let hint =
                    "`supervisorctl cutover cancel` takes it back; only if it was not imported";
                Err(failed(&message, Some(hint)))
            }
        }
    }
}
