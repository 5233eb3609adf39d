//! Units that are started, ended and watched over the bus.

use loopkeeper::systemd::{
    manager::{Manager, ManagerError, Whose},
    start::Cancellation,
    units::Units,
};
use zbus::Variant;

use crate::systemctl;

const UNIT: &str = "loopkeeper-of.test_1.service";

fn shell(script: &str) -> Vec<(&'static str, Variant<'static>)> {
    let argv = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    let exec = vec![("/bin/sh".to_owned(), argv, false)];
    vec![
        ("ExecStart", exec.into()),
        ("CollectMode", "inactive-or-failed".into()),
        ("Slice", "loopkeeper.slice".into()),
    ]
}

/// The way to the manager, and the manager.
async fn systemd() -> (Units, Manager) {
    let units = Units::of(Whose::System);
    let manager = units.manager().await.unwrap();
    (units, manager)
}

/// Waits until it has ended, by what the manager tells.
async fn ended(units: &Units, unit: &str) {
    let mut watch = units.watch(unit);
    while lives(units, unit).await {
        watch.changed().await;
    }
}

async fn lives(units: &Units, unit: &str) -> bool {
    let Ok(manager) = units.manager().await else {
        return true;
    };
    let found = manager.incarnation(unit).await;
    // A manager that is being lost has not said that it is gone.
    found.map_or(true, |found| found.is_some_and(|found| found.lives))
}

#[tokio::test]
async fn a_name_is_taken_while_something_of_it_lives_and_free_afterwards() {
    let (units, manager) = systemd().await;
    manager.start(UNIT, &shell("sleep 1000")).await.unwrap();
    let error = manager.start(UNIT, &shell("true")).await.unwrap_err();
    assert!(error.is_taken(), "{error:?}");
    let first = manager.incarnation(UNIT).await.unwrap().unwrap();
    assert!(first.lives && first.pid > 0, "{first:?}");
    assert_eq!(manager.units("loopkeeper-*").await.unwrap(), [UNIT]);
    manager.kill(UNIT, 9).await.unwrap();
    ended(&units, UNIT).await;
    manager.start(UNIT, &shell("sleep 1000")).await.unwrap();
    let second = manager.incarnation(UNIT).await.unwrap().unwrap();
    assert_ne!(first.invocation, second.invocation);
    manager.stop(UNIT).await.unwrap();
    ended(&units, UNIT).await;
    assert_eq!(manager.incarnation(UNIT).await.unwrap(), None);
}

#[tokio::test]
async fn who_waits_for_its_turn_is_under_way_and_has_no_life_yet() {
    let (units, manager) = systemd().await;
    let first = "loopkeeper-first.service";
    let mut slow = shell("sleep 1000");
    slow.push(("Type", "oneshot".into()));
    let mut next = shell("sleep 1000");
    next.push(("After", vec![first.to_owned()].into()));
    let until_under_way = async |unit: &str| {
        while !manager.is_under_way(unit).await.unwrap() {
            tokio::task::yield_now().await;
        }
    };
    assert!(!manager.is_under_way(UNIT).await.unwrap());
    let story = async {
        until_under_way(first).await;
        let queued = async {
            until_under_way(UNIT).await;
            assert_eq!(manager.incarnation(UNIT).await.unwrap(), None);
            manager.kill(first, 9).await.unwrap();
        };
        let (started, ()) = tokio::join!(manager.start(UNIT, &next), queued);
        started.unwrap();
    };
    let (failed, ()) = tokio::join!(manager.start(first, &slow), story);
    assert!(
        matches!(failed, Err(ManagerError::Job { .. })),
        "{failed:?}"
    );
    assert!(manager.is_under_way(UNIT).await.unwrap());
    manager.kill(UNIT, 9).await.unwrap();
    ended(&units, UNIT).await;
    assert!(!manager.is_under_way(UNIT).await.unwrap());
}

#[tokio::test]
async fn who_canceled_a_start_is_known() {
    let (units, manager) = systemd().await;
    let before = "loopkeeper-first.service";
    let mut begins = shell("sleep 1000");
    begins.push(("Type", "oneshot".into()));
    let mut waits = shell("sleep 1000");
    waits.push(("After", vec![before.to_owned()].into()));
    let (manager, units) = (&manager, &units);
    // What its start comes to, when this is done to it while it begins, or waits until another has.
    let canceled = async |properties, command: &[&str]| {
        let done = async {
            while !manager.is_under_way(UNIT).await.unwrap() {
                tokio::task::yield_now().await;
            }
            systemctl(command);
        };
        let (started, ()) = tokio::join!(manager.start(UNIT, properties), done);
        match started {
            Err(ManagerError::Canceled { by, .. }) => by,
            other => panic!("{command:?}: {other:?}"),
        }
    };
    let stopped = ["stop", UNIT];
    assert_eq!(canceled(&begins, &stopped).await, Cancellation::Stopped);
    assert_eq!(manager.incarnation(UNIT).await.unwrap(), None, "it is done");
    assert_eq!(canceled(&begins, &["cancel"]).await, Cancellation::Other);
    assert!(lives(units, UNIT).await, "and goes on");
    manager.kill(UNIT, 9).await.unwrap();
    ended(units, UNIT).await;
    let story = async {
        while !manager.is_under_way(before).await.unwrap() {
            tokio::task::yield_now().await;
        }
        assert_eq!(canceled(&waits, &stopped).await, Cancellation::Stopped);
        assert_eq!(canceled(&waits, &["cancel"]).await, Cancellation::Other);
        manager.kill(before, 9).await.unwrap();
    };
    let (_canceled_too, ()) = tokio::join!(manager.start(before, &begins), story);
    ended(units, before).await;
}

#[tokio::test]
async fn what_cannot_be_started_is_the_jobs_own_failure() {
    let (units, manager) = systemd().await;
    let mut missing = shell("true");
    let argv = vec!["nowhere".to_owned()];
    missing[0].1 = vec![("/nowhere".to_owned(), argv, false)].into();
    missing.push(("Type", "exec".into()));
    let error = manager.start(UNIT, &missing).await.unwrap_err();
    assert!(matches!(error, ManagerError::Job { .. }), "{error:?}");
    let mut wrong = shell("true");
    wrong.push(("MemoryMaximum", 3_u64.into()));
    let error = manager.start(UNIT, &wrong).await.unwrap_err();
    assert!(
        error.to_string().contains("MemoryMaximum"),
        "systemd names what it refuses: {error:?}"
    );
    ended(&units, UNIT).await;
}

#[tokio::test]
async fn its_units_and_its_word_outlive_a_manager_that_executes_itself_again() {
    let (units, manager) = systemd().await;
    manager.start(UNIT, &shell("sleep 1000")).await.unwrap();
    let before = manager.incarnation(UNIT).await.unwrap();
    systemctl(&["daemon-reexec"]);
    assert_eq!(manager.incarnation(UNIT).await.unwrap(), before);
    manager.kill(UNIT, 15).await.unwrap();
    ended(&units, UNIT).await;
}

#[tokio::test]
async fn who_waits_for_a_unit_is_told_also_after_the_bus_was_restarted() {
    let (units, manager) = systemd().await;
    manager.start(UNIT, &shell("sleep 1000")).await.unwrap();
    let before = manager.incarnation(UNIT).await.unwrap();
    let mut watch = units.watch(UNIT);
    systemctl(&["restart", "dbus.service"]);
    let next = loop {
        // Lost, or found again.
        watch.changed().await;
        if let Ok(manager) = units.manager().await
            && let Ok(found) = manager.incarnation(UNIT).await
        {
            assert_eq!(found, before);
            break manager;
        }
    };
    let error = manager.incarnation(UNIT).await.unwrap_err();
    assert!(matches!(error, ManagerError::Gone(_)), "{error:?}");
    next.kill(UNIT, 9).await.unwrap();
    ended(&units, UNIT).await;
}

/// systemd 252 writes `$` and `;` of an argument into the transient unit's file so that it does not
/// read them back: after a reload the command is another. A script's path means the same for ever.
#[tokio::test]
async fn what_runs_when_it_stops_has_the_managers_rights_also_after_a_reload() {
    let (units, manager) = systemd().await;
    let record = "/root/record";
    drop(std::fs::remove_file(record));
    let script = "/root/record-exit";
    std::fs::write(script, "echo $EXIT_CODE $EXIT_STATUS >$1\n").unwrap();
    let argv = ["/bin/sh", script, record].map(str::to_owned).to_vec();
    let stop_post = vec![("/bin/sh".to_owned(), argv, false)];
    let mut strict = shell("sleep 1000");
    strict.extend([
        ("ExecStopPost", stop_post.into()),
        ("PermissionsStartOnly", true.into()),
        ("User", "nobody".into()),
        ("ProtectSystem", "strict".into()),
        ("ProtectHome", "yes".into()),
    ]);
    manager.start(UNIT, &strict).await.unwrap();
    systemctl(&["daemon-reload"]);
    systemctl(&["daemon-reexec"]);
    manager.kill(UNIT, 15).await.unwrap();
    ended(&units, UNIT).await;
    assert_eq!(std::fs::read_to_string(record).unwrap(), "killed TERM\n");
}
