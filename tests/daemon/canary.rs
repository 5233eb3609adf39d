//! A canary in a secret: it is nowhere but in the file, in the copy, and in the environment of the
//! worker that wants it there.

use std::{
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::rig::Rig;

const RIG: &str = r#"
[defaults]
launcher = "process"
backoff = { first = "10ms", most = "10ms" }
budget = { restarts = 1, window = "10m" }
[workers.file]
command = "exec sleep 1000"
secrets = { key = "key" }
[workers.process]
command = "exec sleep 1000"
secrets = { key = "key" }
environment_from = ["key"]
[workers.session]
launcher = "tmux"
command = "exec sleep 1000"
secrets = { key = "key" }
environment_from = ["key"]
[workers.broken]
command = ["./broken"]
secrets = { key = "key" }
environment_from = ["key"]
[workers.torn]
command = "exec sleep 1000"
secrets = { torn = "torn" }
environment_from = ["torn"]
[workers.torn-session]
launcher = "tmux"
command = "exec sleep 1000"
secrets = { torn = "torn" }
environment_from = ["torn"]
[workers.told]
command = "trap : HUP; : >listens; while :; do sleep 0.1; done"
secrets = { turned = "turned" }
on_secret_change = "HUP"
"#;

fn canary() -> String {
    format!("canary-{:016x}", fastrand::u64(..))
}

fn holds(bytes: &[u8], canary: &str) -> bool {
    bytes
        .windows(canary.len())
        .any(|part| part == canary.as_bytes())
}

/// Processes of which this file in `/proc` has it.
fn processes(file: &str, canary: &str) -> Vec<i64> {
    let listed = fs::read_dir("/proc").unwrap().flatten();
    let pids = listed.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut found: Vec<i64> = pids
        .filter(|pid| {
            let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            holds(&text, canary)
        })
        .collect();
    found.sort_unstable();
    found
}

/// Whether it is in what a core of this process would have: all that it may write to.
fn in_memory(pid: u32, canary: &str) -> bool {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut looked = 0;
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        if !rights.starts_with("rw") || line.ends_with("[vvar]") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let at = |text| u64::from_str_radix(text, 16).unwrap();
        let mut part = vec![0; usize::try_from(at(to) - at(from)).unwrap()];
        memory.seek(SeekFrom::Start(at(from))).unwrap();
        memory.read_exact(&mut part).unwrap();
        looked += part.len();
        if holds(&part, canary) {
            return true;
        }
    }
    assert!(
        looked > 100_000,
        "{pid}: only {looked} bytes were looked at"
    );
    false
}

/// Files below that have it.
fn files(directory: &Path, canary: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            found.extend(files(&path, canary));
        } else if kind.is_file() && holds(&fs::read(&path).unwrap_or_default(), canary) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// All that our verbs say.
fn said(rig: &Rig) -> String {
    let mut said = rig.log();
    for verb in [
        &["status"][..],
        &["status", "--json"],
        &["history"],
        &["history", "--json"],
        &["events", "--json"],
        &["doctor"],
        &["logs", "broken"],
        &["logs", "torn"],
        &["logs", "torn-session"],
        &["logs", "session"],
        &["check"],
    ] {
        let output = rig.ctl(verb);
        said.push_str(&String::from_utf8_lossy(&output.stdout));
        said.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    said
}

#[test]
fn a_secret_is_seen_by_nobody_but_the_worker_that_names_it() {
    let mut rig = Rig::new(RIG);
    let canary = canary();
    rig.write("key", &format!("{canary}\n"));
    rig.write("torn", &format!("{canary}\0{canary}"));
    rig.write("turned", "another");
    // It is a file that can be executed, and there is nothing that could do that.
    rig.write("broken", "#!/nonexistent/interpreter\n");
    let broken = fs::Permissions::from_mode(0o755);
    fs::set_permissions(rig.path("broken"), broken).unwrap();
    rig.start();
    for name in ["broken", "torn", "torn-session"] {
        rig.until_state(name, "held");
    }
    let workers = ["file", "process", "session"].map(|name| {
        let row = rig.until_state(name, "running");
        row["pid"].as_i64().unwrap()
    });
    let [_, process, session] = workers;
    let mut wanted = vec![process, session];
    wanted.sort_unstable();
    // Whoever becomes the worker has it when it is the worker.
    rig.eventually("they have it", |_| {
        (processes("environ", &canary) == wanted).then_some(())
    });

    // The one who looks at secrets does so, and keeps what was told of them.
    rig.eventually("it listens", |rig| {
        rig.path("listens").exists().then_some(())
    });
    rig.write("turned", &canary);
    rig.eventually("it is told", |rig| {
        let history = rig.done(&["history", "told"]);
        history.contains("SIGHUP to told").then_some(())
    });
    rig.write("key", &format!("{canary}\n"));
    rig.done(&["restart", "file"]);
    rig.end_daemon("TERM");
    rig.start();

    assert_eq!(processes("cmdline", &canary), Vec::<i64>::new());
    assert_eq!(processes("environ", &canary), wanted);
    let said = said(&rig);
    assert!(!said.contains(&canary), "{said}");
    assert!(said.contains("a zero byte is in it"), "{said}");
    assert!(said.contains("broken"), "{said}");
    let found = files(&rig.path("."), &canary);
    let of_others: Vec<_> = found
        .iter()
        .filter(|path| {
            !["key", "torn", "turned"]
                .iter()
                .any(|of| path.ends_with(of))
        })
        .collect();
    assert_eq!(of_others, Vec::<&PathBuf>::new());
    let copies = found
        .iter()
        .filter(|path| path.starts_with(rig.path("./run")));
    assert_eq!(copies.count(), 3, "those of the dead are gone: {found:?}");

    let daemon = rig.daemon.as_ref().unwrap().pid();
    let pane = fs::read_to_string(format!("/proc/{session}/stat")).unwrap();
    let pane = pane.rsplit(") ").next().unwrap().split(' ').nth(1).unwrap();
    assert_eq!(
        fs::read_to_string(format!("/proc/{pane}/comm")).unwrap(),
        "lk-pane\n"
    );
    for pid in [daemon, pane.parse().unwrap()] {
        assert!(!in_memory(pid, &canary), "a core of {pid} would have it");
    }
    assert!(
        in_memory(u32::try_from(session).unwrap(), &canary),
        "who looks finds it"
    );
}
