//! Workers on another machine: what is there is not what is here under the same name.

use super::*;
use crate::{
    config::{Form, On, Origin},
    decide::MakingId,
};

fn in_tree(name: &str, tree: &str) -> Worker {
    let mut worker = worker(name);
    worker.worktree = Some(tree.into());
    worker
}

fn there(name: &str, tree: &str) -> Worker {
    let mut worker = in_tree(name, tree);
    worker.on = On::Host("pi".parse().unwrap());
    worker
}

fn names(starts: &[AttemptRef]) -> Vec<&str> {
    starts.iter().map(|of| of.worker.as_str()).collect()
}

#[test]
fn a_path_on_another_host_is_another_worktree() {
    let (mut play, _) = Play::running(rig([there("a", "/1")]));
    let done = play.reload(|config| {
        *config = rig([there("a", "/2"), there("b", "/1"), in_tree("c", "/1")]);
    });
    assert_eq!(names(&started(&done)), ["c"]);
    let view = play.rig.view(play.now(), |_, _| None);
    let row = |name: &str| {
        let row = view.workers.iter().find(|row| row.name.as_str() == name);
        row.unwrap()
    };
    let why = "a still works in /1 on pi";
    assert_eq!(row("b").reason.as_deref(), Some(why));
    assert_eq!(
        (row("b").on.as_str(), row("c").on.as_str()),
        ("pi", "local")
    );
}

#[test]
fn what_is_made_here_is_not_made_there() {
    let mut makes = in_tree("a", "/srv/a");
    makes.origin = Some(Origin {
        repo: "/srv/repo.git".into(),
        branch: None,
        form: Form::Clone,
    });
    let mut play = Play::unasked(rig([makes]));
    let done = play.tell(Event::Surveyed(Ok(Vec::new())));
    let made = |effect: &Effect| matches!(effect, Effect::MakeWorktree(MakingId(_), ..));
    assert!(done.iter().any(made));
    let done = play.reload(|config| {
        config.workers.get_mut("a").unwrap().worktree = Some("/srv/other".into());
        for other in [there("b", "/srv/a"), in_tree("c", "/srv/a")] {
            config.workers.insert(other.name.clone(), other);
        }
    });
    assert_eq!(names(&started(&done)), ["b"]);
}

#[test]
fn nobody_looks_here_at_a_checkout_that_is_there() {
    let mut config = rig([there("a", "/srv/x"), in_tree("b", "/srv/x")]);
    config.plan.phases = vec![
        phase("one", until_file()),
        phase("two", Condition::Operator),
    ];
    let (mut play, starts) = Play::running(config);
    play.command(Command::Stop(vec!["b".parse().unwrap()]));
    play.ends(&starts[1], Exit::Signal(Signal::TERM));
    let is_over = || Event::PhaseChecked("one".parse().unwrap(), Ok(true));
    let mut done = play.tell(is_over());
    done.extend(play.pass(2_000));
    done.extend(play.tell(is_over()));
    // Who lives there has no say about what is in the one that is here.
    let looks = done.iter().filter_map(|effect| match effect {
        Effect::LookAtCheckout(of, ..) => Some(of.worker.as_str()),
        _ => None,
    });
    assert_eq!(looks.collect::<Vec<_>>(), ["b"]);
    let ending = play.rig.ending_row(play.now()).unwrap();
    let waits: Vec<_> = ending
        .waits_for
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(waits, ["b"]);
}
