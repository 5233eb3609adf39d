//! A file system that does not answer: whoever is on it waits, and nobody else.

use std::{
    fs::{self, File, OpenOptions},
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    mount::{can_mount, run},
    rig::Rig,
};

/// A file system in user space (fuse(4)) whose server reads no request.
pub(crate) struct Hung {
    at: PathBuf,
    server: Option<File>,
}

impl Hung {
    pub(crate) fn new(at: &Path) -> Self {
        fs::create_dir_all(at).unwrap();
        let server = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/fuse")
            .unwrap();
        // mount(8) is to inherit it.
        rustix::io::fcntl_setfd(&server, rustix::io::FdFlags::empty()).unwrap();
        let options = format!(
            "fd={},rootmode=40000,user_id=0,group_id=0",
            server.as_raw_fd()
        );
        run(Command::new("mount")
            .args(["-i", "-n", "-t", "fuse", "-o", &options, "hung"])
            .arg(at));
        rustix::io::fcntl_setfd(&server, rustix::io::FdFlags::CLOEXEC).unwrap();
        Self {
            at: at.to_owned(),
            server: Some(server),
        }
    }

    /// Whoever waits is told that there is nobody, and what it was mounted on is there again.
    fn end(&mut self) {
        if self.server.take().is_some() {
            run(Command::new("umount").arg("--lazy").arg(&self.at));
        }
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        self.end();
    }
}

/// Threads of the daemon that look at something.
fn looks(rig: &Rig) -> usize {
    let pid = rig.daemon.as_ref().unwrap().pid();
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let names = threads.map(|thread| fs::read_to_string(thread.path().join("comm")));
    names
        .filter(|name| matches!(name, Ok(name) if name == "look\n"))
        .count()
}

const RIG: &str = r#"
[workers.other]
launcher = "process"
command = "exec sleep 1000"
[workers.held]
launcher = "process"
workdir = "disk/held"
command = "exec sleep 1000"
budget = { restarts = 0, window = "10m" }
backoff = { first = "1s" }
[workers.runs]
launcher = "process"
worktree = "later"
command = "exec sleep 1000"
"#;

#[test]
fn who_is_on_a_file_system_that_hangs_waits_for_it_alone() {
    if !can_mount("who_is_on_a_file_system_that_hangs_waits_for_it_alone") {
        return;
    }
    let mut rig = Rig::new(RIG);
    fs::create_dir_all(rig.path("disk/held")).unwrap();
    fs::create_dir_all(rig.path("later")).unwrap();
    let mut disk = Hung::new(&rig.path("disk"));
    rig.start();
    // While the look is on its way.
    rig.until_state("other", "running");
    rig.until_state("runs", "running");
    let held = rig.path("disk/held").display().to_string();
    let why = format!(
        "{held} does not answer: a look at it did not come back within 10 s; it is looked at again \
         until it does"
    );
    let row = rig.until_state("held", "backing-off");
    assert_eq!(row["reason"], *why, "{row}");
    assert_eq!(row["restarts"], 0, "{row}");
    rig.done(&["restart", "other"]);
    rig.done(&["stop", "other"]);
    rig.done(&["start", "other"]);
    rig.eventually("no more than one look", |rig| {
        (looks(rig) == 1).then_some(())
    });

    // Nor does a daemon wait that ends, or that begins beside who runs there.
    let pid = rig.pid("runs");
    let mut later = Hung::new(&rig.path("later"));
    rig.end_daemon("TERM");
    rig.start();
    rig.until_state("other", "running");
    rig.until_state("runs", "running");
    assert_eq!(rig.pid("runs"), pid);
    let said = rig.refused(1, &["restart", "runs"]);
    let at = rig.path("later").display().to_string();
    let why = format!("error: worker runs could not start again: {at} does not answer");
    assert!(said.starts_with(&why), "{said}");
    assert_eq!(rig.pid("runs"), pid);
    rig.done(&["stop", "runs"]);

    // It answers.
    disk.end();
    later.end();
    rig.until_state("held", "running");
    rig.done(&["start", "runs"]);
}

const WATCHED: &str = r#"
[plan]
phases = [{ id = "a", until = { file = "disk/done" } }, { id = "b" }]
[workers.other]
launcher = "process"
command = "exec sleep 1000"
[workers.asked]
launcher = "process"
workdir = "disk"
command = "exec sleep 1000"
alive = { command = ["true"], every = "1s", failures = 2 }
"#;
const BEATS: &str = r#"
[workers.beats]
launcher = "process"
command = "exec sleep 1000"
ready = { file = "disk/beat", every = "1s", timeout = "10m" }
"#;

#[test]
fn who_cannot_be_looked_at_because_its_files_hang_goes_on() {
    if !can_mount("who_cannot_be_looked_at_because_its_files_hang_goes_on") {
        return;
    }
    let mut rig = Rig::new(WATCHED);
    let disk = rig.path("disk");
    fs::create_dir_all(&disk).unwrap();
    rig.start();
    let with_beats = format!("{WATCHED}{BEATS}");
    rig.configure(&with_beats);
    rig.done(&["reload"]);
    rig.until_state("asked", "running");
    rig.eventually("beats is there", |rig| rig.worker("beats")["pid"].as_i64());
    let pids = [rig.pid("asked"), rig.pid("beats")];
    let mut hung = Hung::new(&disk);
    rig.configure(&format!("# A word.\n{with_beats}"));
    rig.done(&["reload"]);
    for (what, path) in [
        ("asked", &disk),
        ("beats", &disk.join("beat")),
        ("phase a", &disk.join("done")),
    ] {
        let silent = format!("{} does not answer", path.display());
        rig.eventually(&silent, |rig| {
            let troubles = rig.status()["degraded"].clone();
            let lines = troubles.as_array().unwrap().iter();
            let mut lines = lines.filter_map(serde_json::Value::as_str);
            lines
                .any(|line| line.contains(&silent) && line.contains(what))
                .then_some(())
        });
    }
    rig.done(&["restart", "other"]);
    hung.end();
    rig.eventually("all is seen again", |rig| {
        let troubles = rig.status()["degraded"].clone();
        troubles.as_array().unwrap().is_empty().then_some(())
    });
    fs::write(disk.join("beat"), "").unwrap();
    rig.until_state("beats", "running");
    assert_eq!([rig.pid("asked"), rig.pid("beats")], pids);
    fs::write(disk.join("done"), "").unwrap();
    rig.eventually("the phase ends", |rig| {
        (rig.status()["phase"]["id"] == "b").then_some(())
    });
}
