//! The records of attempts whose end no daemon saw are closed.

use jiff::{Timestamp, tz::TimeZone};

use super::{
    Fact, KnownAttempt, Level, RestoredWorker, Rig,
    end::{NEVER_RAN, end_of},
    hand::went_down,
};
use crate::model::{AttemptRef, Exit, Intervention, Now, WorkerName};

impl Rig {
    /// Records the ends of the worker's attempts that the host does not have; `current` is dealt
    /// with elsewhere.
    pub(super) fn close_unseen(
        &mut self,
        now: Now,
        name: &WorkerName,
        known: &mut RestoredWorker,
        current: Option<&AttemptRef>,
    ) {
        let open = known.open.values().chain(&known.last);
        let unseen: Vec<_> = open
            .filter(|one| one.ended.is_none() && Some(&one.attempt) != current)
            .filter(|one| !self.strays.contains_key(&one.attempt))
            .map(|one| {
                (
                    one.attempt.clone(),
                    self.unseen(one),
                    one.identity.is_some(),
                )
            })
            .collect();
        for (of, exit, ran) in unseen {
            if current.is_none()
                && let Some(worker) = self.workers.get_mut(name)
            {
                match exit.never_ran() {
                    true => worker.never_ran(exit.clone()),
                    false => worker.last_exit = Some(exit.clone()),
                }
            }
            self.close(now, &of, (exit, None), ran, known);
        }
    }

    /// What can be said of the end of an attempt of which no trace is left.
    pub(super) fn unseen(&self, last: &KnownAttempt) -> Exit {
        if last.boot != self.machine.boot {
            return Exit::machine_went_down();
        }
        match last.identity {
            Some(_) => Exit::Lost("no trace of it is left".into()),
            None => Exit::never_began(),
        }
    }

    /// Records the end of an attempt that no daemon saw ending; `ran`: somebody saw it begin.
    pub(super) fn close(
        &mut self,
        now: Now,
        of: &AttemptRef,
        (exit, by): (Exit, Option<Intervention>),
        ran: bool,
        known: &mut RestoredWorker,
    ) {
        let went_down = went_down(now, by.as_ref());
        let stopped = match known.stop_of(of) {
            Some(stopping) => Some(stopping.why.clone()),
            // What never ran did not end by itself.
            None if !ran => Some(NEVER_RAN.to_owned()),
            None if went_down.is_some() => Some(Exit::by_machine()),
            None => exit.stopped_by_machine(),
        };
        known.open.remove(&of.attempt);
        known.ended.insert(of.attempt.clone());
        if let Some(last) = known.last.as_mut().filter(|last| last.attempt == *of) {
            last.ended = Some((exit.clone(), stopped.clone()));
        }
        let text = ended_meanwhile(of, &exit, went_down);
        let fact = Fact::Ended {
            attempt: of.clone(),
            at: went_down.unwrap_or(now.wall),
            exit,
            stopped,
        };
        self.ledger.add(fact);
        self.tell(now, "worker-ended", Level::Info, Some(of), text);
    }
}

/// What is told of an end that no daemon saw.
pub(super) fn ended_meanwhile(
    of: &AttemptRef,
    exit: &Exit,
    went_down: Option<Timestamp>,
) -> String {
    let text = end_of(of, "had ended meanwhile", exit);
    went_down.map_or(text.clone(), |at| {
        let at = at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S UTC");
        format!("{text}, as the machine went down ({at})")
    })
}
