//! A process of its own for each test.
//!
//! Who starts ssh collects every child of its process, so such a test runs in a process where nothing else
//! does: [`alone`] runs the test binary again for just that test.

use std::{
    env,
    fs::File,
    future::Future,
    io::{Read, Seek},
    process::{Command, Stdio},
    time::Duration,
};

const ROLE: &str = "TEST_ROLE";
/// Marks everything that a test starts, so that nothing is left of one that failed.
const RUN: &str = "TEST_RUN";

/// The longest that a whole test may take.
const NEVER_LONGER: Duration = Duration::from_secs(150);

/// Runs `test` in a process of its own; `name` is the test's path.
pub(crate) fn alone<F: Future<Output = ()>>(name: &str, test: impl FnOnce() -> F) {
    if plays(name) {
        return block_on(async {
            tokio::time::timeout(NEVER_LONGER, test()).await.unwrap();
        });
    }
    // Into files: what a failed test leaves behind would hold pipes open.
    let (stdout, stderr) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    let run = format!("{}.{name}", std::process::id());
    let status = again(name, name)
        .env(RUN, &run)
        .stdout(stdout.try_clone().unwrap())
        .stderr(stderr.try_clone().unwrap())
        .status()
        .unwrap();
    // Nothing to do after a test that passed.
    marked(&run).into_iter().for_each(kill);
    let read = |mut file: File| {
        let mut text = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    };
    let (said, complained) = (read(stdout), read(stderr));
    assert!(
        status.success() && said.contains("1 passed"),
        "{name}: {status}\n{said}\n{complained}"
    );
}

/// Whether this process is there for that part of a test.
pub(crate) fn plays(role: &str) -> bool {
    env::var(ROLE).is_ok_and(|own| own == role)
}

/// The test binary again, for one part of a test.
pub(crate) fn again(test: &str, role: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        // A system service is not told whose it is (systemd.exec(5), `User=`).
        .env_remove("HOME")
        .env_remove("USER")
        .env("SHELL", "/bin/false")
        .stdin(Stdio::null());
    command
}

pub(crate) fn block_on(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(test);
}

/// Kills a process, if it exists.
pub(crate) fn kill(pid: i32) {
    let pid = nix::unistd::Pid::from_raw(pid);
    let _ = nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL);
}

/// Processes of this run of a test.
fn marked(run: &str) -> Vec<i32> {
    let mark = format!("{RUN}={run}\0");
    let all = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment
                .windows(mark.len())
                .any(|part| part == mark.as_bytes())
        })
        .collect()
}
