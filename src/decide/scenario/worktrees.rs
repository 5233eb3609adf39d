//! Nobody is started before its worktree was seen to.

use super::*;
use crate::{
    config::{Form, Origin},
    decide::{Fact, MakingId, Mounted, Prepared, away},
};

fn origin() -> Origin {
    Origin {
        repo: "/srv/repo.git".into(),
        branch: None,
        form: Form::Clone,
    }
}

fn in_tree(name: &str, tree: &str) -> Worker {
    let mut worker = worker(name);
    worker.worktree = Some(tree.into());
    worker.origin = Some(origin());
    worker
}

/// The makings that are asked for.
fn makings(effects: &[Effect]) -> Vec<MakingId> {
    let of = |effect: &Effect| match effect {
        Effect::MakeWorktree(id, ..) => Some(*id),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

fn told(effects: &[Effect]) -> Vec<(&str, &str)> {
    let of = |effect: &'_ Effect| matches!(effect, Effect::Tell(notice) if notice.event.contains("worktree"));
    let notices = effects.iter().filter(|effect| of(effect));
    notices
        .filter_map(|effect| match effect {
            Effect::Tell(notice) => Some((notice.event.as_str(), notice.text.as_str())),
            _ => None,
        })
        .collect()
}

fn nothing() -> Result<Prepared, String> {
    Ok(Prepared::default())
}

/// A rig of one worker whose worktree is being made.
fn begun() -> (Play, MakingId) {
    let mut play = Play::unasked(rig([in_tree("a", "/srv/a")]));
    let done = play.tell(Event::Surveyed(Ok(Vec::new())));
    assert_eq!(started(&done), []);
    (play, makings(&done)[0])
}

fn why(play: &Play) -> String {
    let view = play.rig.view(play.now(), |_, _| None);
    let row = view.workers.iter().find(|row| row.name.as_str() == "a");
    row.unwrap().reason.clone().unwrap()
}

#[test]
fn a_worker_is_started_when_its_worktree_was_seen_to_and_each_time_anew() {
    let (mut play, id) = begun();
    assert_eq!(play.state("a"), StateName::Waiting);
    let words = "its worktree is being made or looked through: /srv/a, a clone of /srv/repo.git";
    assert_eq!(why(&play), words);
    let done = play.tell(Event::WorktreeMade(MakingId(id.0 ^ 1), nothing()));
    assert_eq!(started(&done), [], "that was another one");
    let made = Prepared {
        made: true,
        ..Prepared::default()
    };
    let done = play.tell(Event::WorktreeMade(id, Ok(made)));
    let text = "worktree /srv/a of a was made, a clone of /srv/repo.git";
    assert_eq!(told(&done), [("worker-worktree-made", text)]);
    let first = started(&done)[0].clone();
    play.runs(&first);
    let done = play.tell(Event::WorktreeMade(id, nothing()));
    assert_eq!(started(&done), [], "news that come twice");
    play.ends(&first, Exit::Code(1));
    let done = play.pass(1_000);
    assert_eq!((started(&done).len(), makings(&done).len()), (0, 1));
    let done = play.tell(Event::WorktreeMade(makings(&done)[0], nothing()));
    assert_eq!((started(&done).len(), told(&done)), (1, vec![]));
}

#[test]
fn what_cannot_be_made_is_told_once_and_tried_again_without_costing_budget() {
    let (mut play, mut id) = begun();
    let failed = || Err("fatal: repository '/srv/repo.git' does not exist".to_owned());
    let wanted = "worktree /srv/a cannot be made: fatal: repository '/srv/repo.git' does not exist";
    for time in 0..20 {
        let done = play.tell(Event::WorktreeMade(id, failed()));
        assert_eq!(started(&done), []);
        let told = told(&done);
        match time {
            0 => {
                let text = format!("a cannot be started now: {wanted}; it is tried again");
                assert_eq!(told, [("worker-worktree-failed", text.as_str())]);
            }
            _ => assert_eq!(told, []),
        }
        assert_eq!(play.state("a"), StateName::BackingOff);
        assert_eq!(why(&play), wanted);
        let done = play.pass(120_000);
        let [next] = makings(&done)[..] else {
            panic!("{done:?}");
        };
        id = next;
    }
    assert_eq!(play.rig.workers["a"].restarts.total, 0);
    let done = play.tell(Event::WorktreeMade(id, nothing()));
    assert_eq!(started(&done).len(), 1);
}

#[test]
fn who_starts_a_worker_whose_worktree_cannot_be_made_is_told_why() {
    let (mut play, id) = begun();
    play.tell(Event::WorktreeMade(id, Err("no".into())));
    let done = play.command(Command::Start(vec!["a".parse().unwrap()]));
    let id = makings(&done)[0];
    let done = play.tell(Event::WorktreeMade(id, Err("no".into())));
    let told = |effect: &Effect| match effect {
        Effect::Answer(_, Err(refusal)) => Some(refusal.message.clone()),
        _ => None,
    };
    let wanted = "a waits: worktree /srv/a cannot be made: no";
    assert_eq!(done.iter().find_map(told).as_deref(), Some(wanted));
}

#[test]
fn who_was_paused_while_it_waited_for_a_next_try_says_so_afterwards() {
    let (mut play, id) = begun();
    play.tell(Event::WorktreeMade(id, Err("no".into())));
    play.command(Command::Pause);
    assert_eq!(play.state("a"), StateName::Stopped);
    play.command(Command::Resume(None));
    assert_eq!(play.state("a"), StateName::BackingOff);
    assert_eq!(why(&play), "nothing was begun by the last try");
}

#[test]
fn what_is_put_right_and_what_is_left_is_told() {
    let (mut play, id) = begun();
    let prepared = || Prepared {
        made: false,
        repaired: vec!["branch main follows origin/main".into()],
        left: vec!["a rebase is under way".into()],
        ..Prepared::default()
    };
    let done = play.tell(Event::WorktreeMade(id, Ok(prepared())));
    let repaired = "worktree /srv/a of a was put right: branch main follows origin/main";
    let left = "worktree /srv/a of a is left as it is: a rebase is under way";
    assert_eq!(
        told(&done),
        [
            ("worker-worktree-repaired", repaired),
            ("worker-worktree-left", left)
        ]
    );
    let first = started(&done)[0].clone();
    play.runs(&first);
    play.ends(&first, Exit::Code(1));
    let id = makings(&play.pass(1_000))[0];
    let done = play.tell(Event::WorktreeMade(id, Ok(prepared())));
    assert_eq!(
        told(&done),
        [("worker-worktree-repaired", repaired)],
        "that it is left was told"
    );
}

#[test]
fn what_is_made_counts_for_the_place_for_which_it_was() {
    let (mut play, id) = begun();
    let done = play.reload(|config| {
        config.workers.get_mut("a").unwrap().worktree = Some("/srv/other".into());
    });
    assert_eq!(makings(&done), [], "one after the other");
    let done = play.tell(Event::WorktreeMade(id, nothing()));
    assert_eq!((started(&done).len(), makings(&done).len()), (0, 1));
    let done = play.tell(Event::WorktreeMade(makings(&done)[0], nothing()));
    assert_eq!(started(&done).len(), 1);
}

#[test]
fn nobody_is_started_where_a_worktree_is_made_for_another() {
    let (mut play, id) = begun();
    let done = play.reload(|config| {
        config.workers.get_mut("a").unwrap().worktree = Some("/srv/other".into());
        let mut other = worker("b");
        other.worktree = Some("/srv/a".into());
        config.workers.insert(other.name.clone(), other);
    });
    assert_eq!(started(&done), []);
    assert_eq!(play.state("b"), StateName::Waiting);
    let done = play.tell(Event::WorktreeMade(id, nothing()));
    let [of] = &started(&done)[..] else {
        panic!("{done:?}");
    };
    assert_eq!(of.worker.as_str(), "b");
}

#[test]
fn who_is_not_wanted_any_more_is_not_started_and_nothing_is_told_of_it() {
    let (mut play, id) = begun();
    play.command(Command::Stop(vec!["a".parse().unwrap()]));
    let done = play.tell(Event::WorktreeMade(id, Err("no".into())));
    assert_eq!((started(&done), told(&done)), (vec![], vec![]));
    assert_eq!(play.state("a"), StateName::Stopped);
}

#[test]
fn a_making_that_nobody_speaks_of_any_more_is_begun_again() {
    let (mut play, _) = begun();
    let done = play.pass(35 * 60_000 - 1);
    assert_eq!(makings(&done), []);
    let done = play.pass(60_000);
    assert_eq!(makings(&done).len(), 1);
    assert_eq!(told(&done).len(), 1);
}

fn on(at: &str) -> Result<Prepared, String> {
    Ok(Prepared {
        on: Some(at.into()),
        ..Prepared::default()
    })
}

/// The making that is asked for, and where its worktree is to have been on.
fn making(effects: &[Effect]) -> (MakingId, Option<&str>) {
    let found = effects.iter().find_map(|effect| match effect {
        Effect::MakeWorktree(id, _, was_on) => {
            Some((*id, was_on.as_ref().and_then(|at| at.to_str())))
        }
        _ => None,
    });
    found.unwrap()
}

#[test]
fn on_which_file_system_a_worktree_is_is_recorded_before_somebody_works_there() {
    let mut play = Play::unasked(rig([in_tree("a", "/srv/a")]));
    let done = play.tell(Event::Surveyed(Ok(Vec::new())));
    let (id, was_on) = making(&done);
    assert_eq!(was_on, None);
    let done = play.tell(Event::WorktreeMade(id, on("/srv")));
    let at = |is: fn(&Effect) -> bool| done.iter().position(is).unwrap();
    let recorded = at(|effect| {
        let Effect::Record(facts) = effect else {
            return false;
        };
        facts
            .iter()
            .any(|fact| matches!(fact, Fact::Worktree { on: Some(on), .. } if on == "/srv"))
    });
    assert!(recorded < at(|effect| matches!(effect, Effect::Start { .. })));
    assert_eq!(told(&done), []);
    // Whoever comes next, and in whichever boot, knows it.
    let done = play.reboot(Vec::new());
    let (id, was_on) = making(&done);
    assert_eq!(was_on, Some("/srv"));
    let facts = |done: &[Effect]| {
        let about = |fact: &Fact| matches!(fact, Fact::Worktree { .. });
        let of =
            |effect: &Effect| matches!(effect, Effect::Record(facts) if facts.iter().any(about));
        done.iter().filter(|effect| of(effect)).count()
    };
    let done = play.tell(Event::WorktreeMade(id, on("/srv")));
    assert_eq!((facts(&done), told(&done)), (0, vec![]), "it is the same");
}

#[test]
fn who_looks_at_a_worktree_knows_on_which_file_system_it_was() {
    let mut config = rig([in_tree("a", "/srv/a")]);
    config.plan.phases = vec![phase("one", Condition::Operator)];
    let mut play = Play::begin(config);
    let (id, _) = making(&play.next_daemon(Vec::new()));
    play.tell(Event::WorktreeMade(id, on("/srv")));
    let now = play.now();
    let shown = play.rig.view(now, |_, _| None).workers[0].worktree_on;
    assert_eq!(shown, Some("/srv".as_ref()));
    let done = play.command(Command::PhaseDone);
    let looked =
        |effect: &Effect| matches!(effect, Effect::LookAtCheckout(_, _, Some(on)) if on == "/srv");
    assert!(done.iter().any(looked), "{done:?}");
}

#[test]
fn who_has_its_worktree_elsewhere_than_before_is_told_of_it_once() {
    let (mut play, id) = begun();
    play.tell(Event::WorktreeMade(id, on("/srv")));
    for (at, is_told) in [("/", true), ("/", false), ("/srv", true)] {
        let done = play.next_daemon(Vec::new());
        let id = makings(&done)[0];
        let done = play.tell(Event::WorktreeMade(id, on(at)));
        assert_eq!(started(&done).len(), 1);
        let told = told(&done);
        assert_eq!(told.len(), usize::from(is_told), "{told:?}");
        if at == "/" && is_told {
            let text = "worktree /srv/a of a is left as it is: it is on the file system that is mounted at /, and \
                        was on that at /srv";
            assert_eq!(told, [("worker-worktree-left", text)]);
        }
    }
    // Where the kernel does not tell, what was known stays known.
    let done = play.next_daemon(Vec::new());
    play.tell(Event::WorktreeMade(makings(&done)[0], nothing()));
    assert_eq!(making(&play.next_daemon(Vec::new())).1, Some("/srv"));
}

#[test]
fn what_is_gone_is_not_made_anew_where_its_file_system_is_not_mounted() {
    let awake = |at: &'static str| Some((at, false));
    let why = "it was on the file system mounted at /mnt/a, and none is mounted there now: mount that, or where it \
               will not come back make another one, as its user: git clone /srv/repo.git /mnt/a/w";
    for (was_on, there, is) in [
        // The root is always there, and a disk may be another one.
        ("/", awake("/"), None),
        ("/mnt/a", awake("/mnt/a"), None),
        ("/mnt/a", awake("/"), Some(why)),
        ("/mnt/a", awake("/mnt"), Some(why)),
        ("/mnt/a", None, Some(why)),
        // Nobody has come there since the machine is up (autofs).
        ("/mnt/a", Some(("/mnt/a", true)), Some(why)),
        ("/mnt/a", Some(("/mnt", true)), Some(why)),
    ] {
        let there = there.map(|(at, is_asleep)| Mounted {
            at: at.into(),
            is_asleep,
        });
        let said = away(
            "/mnt/a/w".as_ref(),
            &origin(),
            was_on.as_ref(),
            there.as_ref(),
        );
        assert_eq!(said.as_deref(), is, "{was_on} {there:?}");
    }
    let linked = Origin {
        branch: Some("of/a".into()),
        form: Form::Linked,
        ..origin()
    };
    let why = away("/w".as_ref(), &linked, "/mnt".as_ref(), None).unwrap();
    assert!(
        why.ends_with(": git -C /srv/repo.git worktree add --force /w of/a"),
        "{why}"
    );
}
