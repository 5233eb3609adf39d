use super::*;

/// A host that has all.
fn good() -> HostFacts {
    let directory = |path: &str| HostDirectory {
        path: Some(path.into()),
        is: Some(HostDirectoryIs::Directory),
        own: Some(true),
        mode: Some("drwx------".into()),
        at: Some(path.into()),
        writable: Some(true),
        free: Some(50 << 20),
        inodes: Some(1_000_000),
        link: None,
    };
    let has = ["tmux", "git", "rsync", "perl", "flock", "awk", "ps"];
    let mut facts = HostFacts {
        user: Some("op".into()),
        kernel: Some("Linux 6.1".into()),
        uptime: Some(7200),
        cpus: Some(4),
        load: Some(0.5),
        memory: Some(8 << 20),
        memory_available: Some(3 << 20),
        has: has
            .map(|name| (name.to_owned(), format!("/usr/bin/{name}")))
            .into(),
        search: Some("/usr/bin".into()),
        ours: directory("/home/op/.loopkeeper"),
        sockets: directory("/tmp/loopkeeper-1000"),
        tmp: directory("/tmp"),
        session: Some(true),
        kills: Some(false),
        linger: Some(false),
        ..HostFacts::default()
    };
    facts.has.insert("tmux".into(), "tmux 3.3a".into());
    facts.tmp.mode = Some("drwxrwxrwt".into());
    facts
}

fn of(facts: HostFacts) -> HostCheckView {
    HostCheckView {
        host: "gpu".parse().unwrap(),
        why: None,
        latency_ms: Some(12),
        skew_ms: Some(-3),
        locks: true,
        facts: Some(facts),
    }
}

/// What is found of a good host to which this was done, apart from what is well.
fn bad(change: impl FnOnce(&mut HostFacts)) -> Vec<(&'static str, Is, String)> {
    let mut facts = good();
    change(&mut facts);
    bad_of(&of(facts))
}

fn bad_of(view: &HostCheckView) -> Vec<(&'static str, Is, String)> {
    let findings = findings(view).into_iter();
    let bad = findings.filter(|finding| finding.is != Is::Ok);
    bad.map(|finding| {
        assert!(finding.hint.is_some(), "{finding:?}");
        (finding.check, finding.is, finding.found)
    })
    .collect()
}

/// The only thing that is wrong.
fn only(change: impl FnOnce(&mut HostFacts), check: &str, is: Is, words: &str) {
    let bad = bad(change);
    let [one] = &bad[..] else {
        panic!("{bad:?}");
    };
    assert!(
        (one.0, one.1) == (check, is) && one.2.contains(words),
        "{one:?}"
    );
}

#[test]
fn of_a_good_host_all_is_well_and_each_is_said_once() {
    let found: Vec<_> = findings(&of(good()));
    assert!(
        found.iter().all(|finding| finding.is == Is::Ok),
        "{found:?}"
    );
    let checks: Vec<_> = found.iter().map(|finding| finding.check).collect();
    let expected = [
        "reach",
        "latency",
        "clock",
        "tmux",
        "git",
        "tools",
        "rsync",
        "perl",
        "locks",
        "directory",
        "space",
        "sockets",
        "tmp",
        "logout",
        "load",
        "memory",
    ];
    assert_eq!(checks, expected);
    assert_eq!(found[0].found, "answers as op on Linux 6.1, up 2h 0m");
}

#[test]
fn of_one_that_does_not_answer_nothing_else_is_said() {
    let mut view = of(good());
    (view.facts, view.why) = (None, Some("no route to host".into()));
    assert_eq!(
        bad_of(&view),
        [("reach", Is::Fail, "no route to host".to_owned())]
    );
    assert_eq!(findings(&view).len(), 1);
}

#[test]
fn only_what_is_needed_fails_where_a_host_says_nothing() {
    let bad = bad_of(&of(HostFacts::default()));
    let failed = bad.iter().filter(|(_, is, _)| *is == Is::Fail);
    let failed: Vec<_> = failed.map(|(check, _, _)| *check).collect();
    assert_eq!(failed, ["tmux", "git", "locks"]);
}

#[test]
fn distance_and_clock_are_judged_with_what_is_not_known_of_them() {
    let judged = |latency_ms, skew_ms| {
        bad_of(&HostCheckView {
            latency_ms,
            skew_ms,
            ..of(good())
        })
    };
    assert_eq!(judged(Some(SLOW_MS), Some(0)), []);
    assert_eq!(judged(Some(SLOW_MS + 1), Some(0))[0].0, "latency");
    assert_eq!(judged(Some(100), Some(2050)), []);
    let ahead = judged(Some(100), Some(2051));
    assert_eq!(ahead[0].2, "it is 2.051 s ahead of ours, within 0.050 s");
    let behind = judged(Some(0), Some(-2001));
    assert_eq!(behind[0].2, "it is 2.001 s behind ours, within 0.000 s");
    assert_eq!(judged(Some(0), Some(i64::MIN))[0].0, "clock");
    assert_eq!(judged(Some(100), None)[0].2, "it does not tell its time");
}

#[test]
fn without_tmux_or_git_nothing_begins() {
    for name in ["tmux", "git"] {
        let gone = |facts: &mut HostFacts| {
            facts.has.remove(name);
            facts.lacks.insert(name.to_owned());
        };
        only(
            gone,
            name,
            Is::Fail,
            "is not in PATH there (/usr/bin), and no attempt can begin",
        );
        let broken = |facts: &mut HostFacts| {
            facts.has.remove(name);
            facts.broken.insert(name.to_owned());
        };
        only(broken, name, Is::Fail, "does not tell its version");
    }
    let version = |text: &'static str| {
        move |facts: &mut HostFacts| {
            facts.has.insert("tmux".into(), text.into());
        }
    };
    only(
        version("tmux 3.0a"),
        "tmux",
        Is::Fail,
        "tmux 3.0a is older than 3.1",
    );
    assert_eq!(bad(version("tmux 3.1")), []);
    assert_eq!(bad(version("tmux master")), []);
}

#[test]
fn what_is_only_wanted_is_warned_of_and_what_the_scripts_call_fails() {
    only(
        |facts| drop(facts.has.remove("rsync")),
        "rsync",
        Is::Warn,
        "rsync is not in PATH",
    );
    only(
        |facts| drop(facts.has.remove("perl")),
        "perl",
        Is::Warn,
        "a signal",
    );
    only(
        |facts| facts.lacks.extend(["awk".into()]),
        "tools",
        Is::Fail,
        "without: awk",
    );
    only(
        |facts| facts.broken.extend(["head -c".into()]),
        "tools",
        Is::Fail,
        "head -c",
    );
    only(
        |facts| facts.broken.extend(["grep -z".into()]),
        "tools",
        Is::Warn,
        "left its terminal",
    );
}

#[test]
fn locks_need_one_of_two_where_a_worktree_is_declared() {
    assert_eq!(bad(|facts| drop(facts.has.remove("flock"))), []);
    let neither = |facts: &mut HostFacts| {
        facts
            .has
            .retain(|name, _| name != "flock" && name != "perl")
    };
    let found = bad(neither);
    assert!(
        found
            .iter()
            .any(|(check, is, _)| (*check, *is) == ("locks", Is::Fail)),
        "{found:?}"
    );
    let mut facts = good();
    neither(&mut facts);
    let view = HostCheckView {
        locks: false,
        ..of(facts)
    };
    assert!(bad_of(&view).iter().all(|(check, _, _)| *check != "locks"));
}

#[test]
fn our_directory_is_ours_alone_or_can_be_made() {
    let missing = |facts: &mut HostFacts| facts.ours.is = Some(HostDirectoryIs::Missing);
    assert_eq!(bad(missing), []);
    let barred = |facts: &mut HostFacts| {
        (facts.ours.is, facts.ours.at) = (Some(HostDirectoryIs::Missing), Some("/srv".into()));
        facts.ours.writable = Some(false);
    };
    only(barred, "directory", Is::Fail, "nothing can be made in /srv");
    let other = |facts: &mut HostFacts| facts.ours.is = Some(HostDirectoryIs::Other);
    only(other, "directory", Is::Fail, "is not a directory");
    only(
        |facts| facts.ours.own = Some(false),
        "directory",
        Is::Fail,
        "another user's",
    );
    for (mode, is, words) in [
        ("drwxrwx---", Is::Fail, "its group can change"),
        ("drwx----w-", Is::Fail, "everybody can change"),
        ("drwxr-x---+", Is::Warn, "its group can look"),
        ("drwxr-xr-x", Is::Warn, "everybody can look"),
    ] {
        only(
            |facts| facts.ours.mode = Some(mode.into()),
            "directory",
            is,
            words,
        );
    }
    // Whatever a host says of a mode.
    assert_eq!(bad(|facts| facts.ours.mode = Some("ä".into())), []);
}

#[test]
fn room_and_files_run_out_in_two_steps() {
    for (free, inodes, is) in [
        (FULL - 1, 1_000_000, Is::Fail),
        (50 << 20, FEW_FILES.0 - 1, Is::Fail),
        (NEARLY_FULL - 1, 1_000_000, Is::Warn),
        (50 << 20, FEW_FILES.1 - 1, Is::Warn),
    ] {
        let change = |facts: &mut HostFacts| {
            (facts.ours.free, facts.ours.inodes) = (Some(free), Some(inodes))
        };
        only(change, "space", is, "free in /home/op/.loopkeeper");
    }
    assert_eq!(bad(|facts| facts.ours.inodes = None), []);
    only(
        |facts| facts.tmp.free = Some(FULL - 1),
        "tmp",
        Is::Warn,
        "free in /tmp",
    );
    only(
        |facts| facts.tmp.writable = Some(false),
        "tmp",
        Is::Warn,
        "nothing can be made in /tmp",
    );
}

#[test]
fn sockets_are_judged_as_a_start_does_it() {
    let open = |facts: &mut HostFacts| facts.sockets.mode = Some("drwxr-x---".into());
    only(open, "sockets", Is::Fail, "not a directory of ours alone");
    only(
        |facts| facts.sockets.own = Some(false),
        "sockets",
        Is::Fail,
        "ours alone",
    );
    only(
        |facts| facts.sockets.link = Some(true),
        "sockets",
        Is::Fail,
        "ours alone",
    );
    let other = |facts: &mut HostFacts| facts.sockets.is = Some(HostDirectoryIs::Other);
    only(other, "sockets", Is::Fail, "ours alone");
    let long = |facts: &mut HostFacts| facts.sockets.path = Some("/t".repeat(44));
    only(long, "sockets", Is::Fail, "too long");
    let missing = |facts: &mut HostFacts| facts.sockets.is = Some(HostDirectoryIs::Missing);
    assert_eq!(bad(missing), []);
    let barred = |facts: &mut HostFacts| {
        facts.sockets.is = Some(HostDirectoryIs::Missing);
        facts.sockets.writable = Some(false);
    };
    only(barred, "sockets", Is::Fail, "cannot be made");
}

#[test]
fn a_login_that_takes_all_along_is_warned_of() {
    let kills = |facts: &mut HostFacts| facts.kills = Some(true);
    only(kills, "logout", Is::Warn, "all workers with the connection");
    // It keeps the user's manager, and tmux is not of that.
    let lingers = |facts: &mut HostFacts| (facts.kills, facts.linger) = (Some(true), Some(true));
    only(lingers, "logout", Is::Warn, "although the user lingers");
    assert_eq!(
        bad(|facts| (facts.kills, facts.spared) = (Some(true), Some(true))),
        []
    );
    assert_eq!(
        bad(|facts| (facts.kills, facts.session) = (Some(true), Some(false))),
        []
    );
}

#[test]
fn a_host_that_is_busy_is_warned_of() {
    assert_eq!(bad(|facts| facts.load = Some(8.0)), []);
    only(
        |facts| facts.load = Some(8.1),
        "load",
        Is::Warn,
        "load 8.10 on 4 cpus",
    );
    only(
        |facts| facts.memory_available = Some(SCARCE - 1),
        "memory",
        Is::Warn,
        "127 MiB of 8.0 GiB",
    );
}
