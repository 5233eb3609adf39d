//! What holds of the answers to a person.
//!
//! Promise: what was reported as done is done, and the next daemon knows of it too. A refusal
//! promises nothing. How: a question is remembered when it is asked, with the time, and its answer
//! is held against the world and against what the store has by then.

use loopkeeper::decide::{Answer, Command, RequestId};

use crate::{
    body::Body,
    store::Content,
    told::{Told, asked_for, is_untouched},
};

use super::{Checked, Checks, Open, ensure};

impl Checks {
    pub(super) fn asked(
        &mut self,
        t: u64,
        id: RequestId,
        command: &Command,
        told: &Told,
        world: &[Body],
    ) {
        let plan = &told.config.plan;
        match command {
            Command::PhaseSet(phase) | Command::Resume(Some(phase)) => {
                self.grant(plan, asked_for(plan, phase));
            }
            Command::Start(names) | Command::Restart(names) => {
                // Those of an accepted command; a refused one forgives nothing.
                for name in names
                    .iter()
                    .filter(|name| told.asked.get(*name) == Some(&t))
                {
                    let lives = world
                        .iter()
                        .any(|b| b.of.worker == *name && (b.lives() || !b.concluded));
                    self.failures.doubt(name);
                    if !lives {
                        self.failures.will_be_forgiven(name);
                    }
                }
            }
            Command::Nudge(nudge) => self.nudges.asked(id, nudge, world),
            Command::Reload(_)
            | Command::Stop(_)
            | Command::Pause
            | Command::Resume(None)
            | Command::PhaseDone
            | Command::Forget(_)
            | Command::HandOver(_)
            | Command::TakeBack => {}
        }
        self.open.insert(
            id,
            Open {
                command: command.clone(),
                asked: t,
            },
        );
    }

    pub(super) fn answered(
        &mut self,
        id: RequestId,
        answer: &Answer,
        told: &Told,
        world: &[Body],
        content: &Content,
    ) -> Checked {
        let open = self.open.remove(&id);
        let Some(open) = open else {
            ensure!(
                false,
                "answered",
                "request {id:?} was answered twice: {answer:?}"
            );
            return Ok(());
        };
        if answer.is_err() {
            return Self::is_right_to_refuse(&open.command, answer, told, world);
        }
        Self::is_recorded(&open.command, told, content)?;
        match &open.command {
            Command::Stop(names) => {
                let lives = world
                    .iter()
                    .find(|body| names.contains(&body.of.worker) && body.lives());
                ensure!(
                    lives.is_none(),
                    "true-answers",
                    "a stop was reported as done while {:?} lives",
                    lives.map(|body| (&body.of, &body.stage))
                );
            }
            Command::Restart(names) => {
                for name in names
                    .iter()
                    .filter(|name| told.config.workers.contains_key(*name))
                {
                    let newer = world
                        .iter()
                        .any(|body| body.of.worker == *name && body.ordered >= open.asked);
                    ensure!(
                        newer,
                        "true-answers",
                        "{name} was reported as restarted and was not"
                    );
                }
            }
            Command::Start(names) => {
                for name in names
                    .iter()
                    .filter(|name| told.config.workers.contains_key(*name))
                {
                    let ran = world.iter().any(|body| {
                        body.of.worker == *name
                            && (body.runs()
                                || body.ended.is_some_and(|t| t >= open.asked)
                                || body.ordered >= open.asked
                                || !body.concluded)
                    });
                    // It had ended unheard when it was asked for, and that is what is answered.
                    let finished = answer.as_ref().is_ok_and(|text| {
                        text.to_string()
                            .lines()
                            .any(|line| line == format!("{name} finished"))
                    });
                    ensure!(
                        ran || finished,
                        "true-answers",
                        "{name} was reported as started and was not"
                    );
                }
            }
            Command::Pause
            | Command::Resume(_)
            | Command::PhaseSet(_)
            | Command::PhaseDone
            | Command::Reload(_)
            | Command::Forget(_)
            | Command::HandOver(_)
            | Command::TakeBack
            | Command::Nudge(_) => {}
        }
        Ok(())
    }

    /// Who is refused a start without further ado needs somebody of whom nothing runs.
    fn is_right_to_refuse(
        command: &Command,
        answer: &Answer,
        told: &Told,
        world: &[Body],
    ) -> Checked {
        if let Command::Start(names) | Command::Restart(names) = command
            && is_untouched(answer)
        {
            let needed = names
                .iter()
                .filter_map(|name| told.config.workers.get(name))
                .flat_map(|worker| &worker.requires)
                .find(|needed| {
                    let runs = |body: &Body| {
                        let said = told.heard.get(&body.of);
                        let said = said.is_some_and(|said| said.started.is_some());
                        said && body.of.worker == **needed && body.runs()
                    };
                    // Of one that the operator has stopped, a double may be on its way to its end.
                    let up = world.iter().any(runs) && !told.is_stopped(needed);
                    !names.contains(needed) && !up
                });
            ensure!(
                needed.is_some(),
                "true-answers",
                "{command:?} was refused although all that it needs runs: {answer:?}"
            );
        }
        Ok(())
    }

    /// What a person decided and was told is done is known to the next daemon.
    fn is_recorded(command: &Command, told: &Told, content: &Content) -> Checked {
        let known = content.plain();
        let recorded = match command {
            Command::Start(names) | Command::Restart(names) | Command::Stop(names) => {
                let stop = matches!(command, Command::Stop(_));
                names.iter().all(|name| {
                    let stopped = known.workers.get(name).is_some_and(|known| known.stopped);
                    // The contrary may have been asked for meanwhile.
                    let stands =
                        told.config.workers.contains_key(name) && told.is_stopped(name) == stop;
                    !stands || stopped == stop
                })
            }
            Command::Pause | Command::Resume(None) => known.paused.is_some() == told.paused,
            Command::PhaseSet(phase) | Command::Resume(Some(phase)) => {
                let index = asked_for(&told.config.plan, phase);
                known.resume_point.as_ref().map(|point| point.index) == index
            }
            Command::PhaseDone
            | Command::Reload(_)
            | Command::Nudge(_)
            | Command::Forget(_)
            | Command::HandOver(_)
            | Command::TakeBack => true,
        };
        ensure!(
            recorded,
            "true-answers",
            "{command:?} was reported as done and is not recorded"
        );
        Ok(())
    }
}
