//! A process of its own for each test that has a host.
//!
//! A [`Local`](loopkeeper::launch::Local) collects every child of its process, so such a test runs in a
//! process where nothing else does: [`alone`] runs the test binary again for just that test.

use std::{
    env,
    fs::File,
    future::Future,
    io::{BufRead, BufReader, Read, Seek},
    path::PathBuf,
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use loopkeeper::launch::House;
use tempfile::TempDir;

use crate::world::{Place, World};

const ROLE: &str = "TEST_ROLE";
/// Marks everything that a test starts, so that nothing is left of one that failed.
const RUN: &str = "TEST_RUN";
const STATE: &str = "TEST_DIRECTORY";

/// The longest that a whole test may take, also one that is stuck where nothing is awaited.
const NEVER_LONGER: Duration = Duration::from_secs(150);

/// Runs `test` in a process of its own; `name` is the test's path.
pub(crate) fn alone<F: Future<Output = ()>>(name: &str, test: impl FnOnce() -> F) {
    if env::var(ROLE).is_ok_and(|role| role == name) {
        return block_on(test());
    }
    run_alone(name, again(name));
}

/// Runs a test in its own process by `test`, which ends in [`again`].
fn run_alone(name: &str, mut test: Command) {
    // What systemd tells a daemon, and what a daemon around this one told it.
    for private in [
        "NOTIFY_SOCKET",
        "WATCHDOG_USEC",
        "LISTEN_FDS",
        "INVOCATION_ID",
    ] {
        test.env(private, "1");
    }
    // Into files: what a failed test leaves behind would hold pipes open.
    let (mut stdout, mut stderr) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    let run = format!("{}.{name}", std::process::id());
    // A system service is not told whose it is (systemd.exec(5), `User=`).
    for account in ["HOME", "USER", "LOGNAME", "SHELL"] {
        test.env_remove(account);
    }
    let mut test = test
        .env("LOOPKEEPER_OUTER", "1")
        .env("TMUX", "/nonexistent,1,0")
        .env(ROLE, name)
        .env(RUN, &run)
        .stdout(stdout.try_clone().unwrap())
        .stderr(stderr.try_clone().unwrap())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    let status = loop {
        match test.try_wait().unwrap() {
            None if begin.elapsed() < NEVER_LONGER => sleep(Duration::from_millis(5)),
            status => break status,
        }
    };
    // Nothing to do after a test that passed; a stuck one is in it as well.
    marked(RUN, &run).into_iter().for_each(kill);
    let read = |file: &mut File| {
        let mut text = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    };
    let (said, complained) = (read(&mut stdout), read(&mut stderr));
    let passed = status.is_some_and(|status| status.success());
    assert!(
        passed,
        "{name}: {}\n{said}\n{complained}",
        status.map_or("is stuck".into(), |status| status.to_string())
    );
    assert!(
        said.contains("1 passed"),
        "{name} is not the name of a test\n{said}"
    );
}

/// As [`alone`], for a test that has a daemon die first: `daemon` runs in one more process, which is
/// killed with SIGKILL as soon as `daemon` returns. `test` finds what it left.
pub(crate) fn after_death<D: Future<Output = ()>, T: Future<Output = ()>>(
    name: &str,
    daemon: impl FnOnce(World) -> D,
    test: impl FnOnce(TempDir) -> T,
) {
    let dying = format!("{name} daemon");
    if env::var(ROLE).is_ok_and(|role| role == dying) {
        let directory = PathBuf::from(env::var_os(STATE).unwrap());
        return block_on(async {
            daemon(World::in_directory(Place::Other(directory), House::None)).await;
            // The test harness has begun a line.
            println!("\ndone");
            std::future::pending().await
        });
    }
    alone(name, || async {
        let directory = tempfile::tempdir().unwrap();
        let mut daemon = again(name)
            .env(ROLE, &dying)
            .env(STATE, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(daemon.stdout.take().unwrap());
        let done = output
            .lines()
            .map_while(Result::ok)
            .any(|line| line == "done");
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        assert!(done, "the daemon did not get so far");
        test(directory).await;
    });
}

/// Kills a process, if it exists.
pub(crate) fn kill(pid: i32) {
    let pid = nix::unistd::Pid::from_raw(pid);
    let _ = nix::sys::signal::kill(pid, nix::sys::signal::SIGKILL);
}

/// Processes that were started with this variable.
pub(crate) fn marked(variable: &str, value: &str) -> Vec<i32> {
    let mark = format!("{variable}={value}\0");
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

fn again(name: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(only(name));
    command
}

fn only(name: &str) -> [&str; 4] {
    ["--exact", name, "--nocapture", "--test-threads=1"]
}

/// As [`alone`], where the test may mount file systems, and only it sees them.
pub(crate) fn alone_with_mounts<F: Future<Output = ()>>(name: &str, test: impl FnOnce() -> F) {
    if env::var(ROLE).is_ok_and(|role| role == name) {
        return block_on(test());
    }
    let mut in_mounts_of_its_own = Command::new("unshare");
    in_mounts_of_its_own.arg("--mount");
    if !nix::unistd::geteuid().is_root() {
        in_mounts_of_its_own.arg("--map-root-user");
    }
    in_mounts_of_its_own
        .arg("--")
        .arg(env::current_exe().unwrap())
        .args(only(name));
    run_alone(name, in_mounts_of_its_own);
}

fn block_on(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(test);
}
