//! What may stand in the rows of a database that SQLite takes for whole.

use std::{fs, path::Path};

use rusqlite::{Connection, types::Value};

use super::*;
use crate::{
    agent::typed::Digest,
    decide::{
        BegunNudge, Boot, KnownEnding, Level, Notice, NudgeId, Owed, Restarts, Restored, SetBy,
        Stopping,
    },
    fuzz::fuzz,
    model::{AttemptRef, BootId, Exit, Identity, Mono},
};

/// Every column that is read, by the letter that an input begins with.
const COLUMNS: [(&str, &str); 39] = [
    ("meta", "value"),
    ("resume_point", "point"),
    ("resume_point", "text"),
    ("resume_point", "previous"),
    ("boot", "number"),
    ("boot", "boot_id"),
    ("boot", "record"),
    ("boot", "listed"),
    ("worker", "name"),
    ("worker", "stopped"),
    ("worker", "held"),
    ("worker", "restarts"),
    ("worker", "conversation"),
    ("worker", "usage_limit"),
    ("attempt", "worker"),
    ("attempt", "attempt"),
    ("attempt", "decided"),
    ("attempt", "boot"),
    ("attempt", "phase"),
    ("attempt", "definition"),
    ("attempt", "identity"),
    ("attempt", "stopping"),
    ("attempt", "ended"),
    ("attempt", "exit"),
    ("attempt", "stopped"),
    ("notice", "level"),
    ("nudge", "nudge"),
    ("nudge", "worker"),
    ("nudge", "attempt"),
    ("nudge", "begun"),
    ("nudge", "about"),
    ("nudge", "item"),
    ("attempt", "owed"),
    ("attempt", "knows"),
    ("worker", "unstick"),
    ("worker", "spent"),
    ("worker", "breaker"),
    ("attempt", "last_sign"),
    ("nudge", "digest"),
];

#[test]
fn a_row_is_read_as_it_is_or_the_database_is_set_aside_and_that_is_told() {
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let whole = memory.path().join("whole");
    let known = history(&whole);
    fuzz("store-row", 48, |input| {
        let place = tempfile::tempdir_in(memory.path()).unwrap();
        let dir = place.path().join("state");
        copy(&whole, &dir);
        let Some((column, value)) = written(input) else {
            return;
        };
        let (table, name) = COLUMNS[column];
        if !put(&dir, table, name, &value) {
            return;
        }
        let opened = match Store::open(&dir, &plan()) {
            Ok(opened) => opened,
            Err(error) => {
                let dir = dir.display().to_string();
                assert!(error.to_string().contains(&dir), "{error} names no file");
                return;
            }
        };
        let Opened {
            restored,
            store,
            problems,
            ..
        } = opened;
        for exit in exits(&restored) {
            let said = match &value {
                Value::Text(text) if name == "exit" => serde_json::from_str(text).ok(),
                _ => None,
            };
            assert!(
                exit == Exit::Code(7) || Some(&exit) == said.as_ref(),
                "{exit} is made up"
            );
        }
        let told = !problems.is_empty();
        let elsewhere = !matches!(table, "worker" | "attempt");
        let same = restored.workers == known.workers;
        assert!(told || !elsewhere || same, "{table}.{name}: {restored:?}");
        drop(store);
        let again = Store::open(&dir, &plan()).unwrap();
        assert_eq!(
            again.restored, restored,
            "{table}.{name} when it is opened again"
        );
    });
}

fn plan() -> Vec<PhaseId> {
    ["1d", "2", "2b"].map(|id| id.parse().unwrap()).to_vec()
}

/// A database with something in every column that is read.
fn history(dir: &Path) -> Restored {
    let at = "2026-11-21T00:43:19Z".parse().unwrap();
    let boot: BootId = "a".repeat(32).parse().unwrap();
    let worker: crate::model::WorkerName = "builder".parse().unwrap();
    let of = |second: u32| AttemptRef {
        worker: worker.clone(),
        attempt: format!("20261121T00432{second}Z-7f3a9c01").parse().unwrap(),
    };
    let decided = |attempt| Fact::Decided {
        attempt,
        at,
        boot: boot.clone(),
        phase: Some(plan()[1].clone()),
        definition: 1,
        owed: Some(Owed::Crash {
            exit: "exit code 7".into(),
        }),
    };
    let mut store = Store::open(dir, &plan()).unwrap().store;
    let facts = [
        Fact::Boot(Boot {
            boot: boot.clone(),
            booted: at,
            seen: at,
            reboot: None,
        }),
        Fact::Hello {
            boot: boot.clone(),
            at,
        },
        Fact::Phase(ResumePoint::new(&plan(), 1, at, SetBy::Plan)),
        Fact::Paused(Some("why".into())),
        Fact::Ending(Some(KnownEnding {
            phase: plan()[1].clone(),
            since: at,
            boot: boot.clone(),
            mono: Mono(1),
        })),
        Fact::NudgeBegun(BegunNudge {
            nudge: NudgeId(7),
            attempt: of(2),
            at,
            about: "\"go on\", 5 bytes".into(),
            item: Some("1.md".into()),
            digest: Digest::of("go on"),
        }),
        decided(of(1)),
        Fact::Ended {
            attempt: of(1),
            at,
            exit: Exit::Code(7),
            stopped: Some("by somebody".into()),
        },
        decided(of(2)),
        Fact::Started {
            attempt: of(2),
            identity: Identity {
                boot: boot.clone(),
                pid: 4711,
                started: 1,
            },
        },
        Fact::Stopping {
            attempt: of(2),
            stopping: Stopping {
                why: "why".into(),
                failed: false,
            },
        },
        Fact::Held {
            worker: worker.clone(),
            reason: Some("why".into()),
        },
        Fact::Restarts {
            worker: worker.clone(),
            restarts: Restarts::default(),
        },
        Fact::Notice(Notice {
            at,
            event: "worker-held".into(),
            level: Level::Info,
            worker: Some(worker),
            attempt: None,
            phase: None,
            text: "why".into(),
        }),
    ];
    store.record(&facts).unwrap();
    drop(store);
    Store::open(dir, &plan()).unwrap().restored
}

/// Which column gets which value: a letter for the one, one for the kind of the other, and the rest.
fn written(input: &[u8]) -> Option<(usize, Value)> {
    let [column, kind, rest @ ..] = input else {
        return None;
    };
    let text = || String::from_utf8_lossy(rest).into_owned();
    let value = match kind {
        b'n' => Value::Null,
        b'i' => Value::Integer(text().trim().parse().ok()?),
        b'b' => Value::Blob(rest.to_vec()),
        _ => Value::Text(text()),
    };
    Some((
        usize::from(column.wrapping_sub(b'a')) % COLUMNS.len(),
        value,
    ))
}

/// Whether SQLite takes it there.
fn put(dir: &Path, table: &str, column: &str, value: &Value) -> bool {
    let conn = Connection::open(dir.join("loopkeeper.db")).unwrap();
    conn.pragma_update(None, "ignore_check_constraints", true)
        .unwrap();
    let last = format!("UPDATE {table} SET {column} = ?1");
    conn.execute(&last, [value]).is_ok()
}

fn exits(restored: &Restored) -> Vec<Exit> {
    let workers = restored.workers.values();
    workers
        .flat_map(|known| {
            let last = known.last.iter().chain(known.open.values());
            let ended = last.filter_map(|one| one.ended.as_ref().map(|(exit, _)| exit.clone()));
            ended.chain(known.last_exit.clone()).collect::<Vec<_>>()
        })
        .collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}
