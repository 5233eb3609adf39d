//! `phase`: the plan and its resume point.

use clap::{Args, Subcommand};

use super::{Context, failure::Failure, offline, steer, words::printable};
use crate::{
    control::protocol::{PlanView, Request},
    model::PhaseId,
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show the plan and where it is; so does `phase` alone.
    Show {
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Move the resume point; the loops are restarted there.
    Set {
        /// To this phase: its id, or its number as `phase` shows it: 1 is the first.
        phase: PhaseId,
    },
    /// Say that the current phase is over; the next one begins, or the plan is complete.
    Done,
}

pub(super) fn run(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    match arguments.what {
        None => show(arguments.json, context),
        Some(What::Show { json }) => show(json || arguments.json, context),
        Some(What::Set { phase }) => steer::done(&Request::PhaseSet { phase }, context),
        Some(What::Done) => steer::done(&Request::PhaseDone {}, context),
    }
}

fn show(json: bool, context: &Context) -> Result<(), Failure> {
    offline::ask(&Request::PhaseShow {}, context, offline::plan, |plan| {
        if json {
            return Ok(context.screen.json(plan)?);
        }
        Ok(context.screen.print(text(plan))?)
    })
}

fn text(plan: &PlanView) -> String {
    if plan.phases.is_empty() {
        return "the rig has no plan\n".to_owned();
    }
    let current = plan.current.as_ref();
    let at = current.and_then(|current| current.index);
    let width = plan
        .phases
        .iter()
        .map(|row| row.id.as_str().len())
        .max()
        .unwrap_or(0);
    let numbers = plan.phases.len().to_string().len();
    let mut text = String::new();
    for (index, row) in plan.phases.iter().enumerate() {
        let mark = match at {
            Some(at) if at == index => '>',
            Some(at) if at > index => 'x',
            Some(_) | None => ' ',
        };
        text.push_str(&format!(
            "{mark} {:>numbers$}  {:<width$}  until {}",
            index + 1,
            row.id,
            printable(&row.until)
        ));
        if let Some(brief) = &row.brief {
            text.push_str(&format!("  ({})", printable(&brief.to_string_lossy())));
        }
        text.push('\n');
    }
    if at.is_some_and(|at| at >= plan.phases.len()) {
        text.push_str("the plan is complete\n");
    }
    if let Some(astray) = current.filter(|current| current.is_astray()) {
        let what = match &astray.id {
            Some(id) => format!(
                "the resume point is phase {}, which is not in the plan",
                printable(id)
            ),
            None => "the resume point is lost".to_owned(),
        };
        text.push_str(&format!(
            "{what}; go on with: supervisorctl resume --phase ID\n"
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::protocol::{PhaseRow, PhaseView};

    #[test]
    fn the_plan_shows_what_is_done_and_what_is_next() {
        let row = |id: &str, brief: Option<&str>| PhaseRow {
            id: id.parse().unwrap(),
            brief: brief.map(Into::into),
            until: "phase done".into(),
        };
        let mut plan = PlanView {
            current: Some(PhaseView {
                index: Some(1),
                id: Some("2b".into()),
                count: 3,
                ending: None,
            }),
            phases: vec![row("1d", None), row("2b", Some("/b.md")), row("3", None)],
        };
        assert_eq!(
            text(&plan),
            "x 1  1d  until phase done\n> 2  2b  until phase done  (/b.md)\n  3  3   until phase done\n"
        );
        plan.current = Some(PhaseView {
            index: Some(3),
            id: None,
            count: 3,
            ending: None,
        });
        assert!(text(&plan).ends_with("x 3  3   until phase done\nthe plan is complete\n"));
        let mut astray = |id: Option<&str>| {
            plan.current = Some(PhaseView {
                index: None,
                id: id.map(str::to_owned),
                count: 3,
                ending: None,
            });
            text(&plan)
        };
        assert!(astray(None).ends_with(
            "  3   until phase done\nthe resume point is lost; go on with: supervisorctl resume --phase ID\n"
        ));
        assert!(astray(Some("9z")).contains("phase 9z, which is not in the plan; go on with"));
        assert_eq!(
            text(&PlanView {
                current: None,
                phases: vec![]
            }),
            "the rig has no plan\n"
        );
    }
}
