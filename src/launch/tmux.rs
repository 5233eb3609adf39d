//! The tmux launcher: each worker in a session of a tmux server of its own.
//!
//! Promise: a worker lives with its terminal, whatever happens to the daemon; people attach to it
//! with any size of window and leave again. Nobody's other tmux is touched: the server has a private
//! socket, a configuration of ours alone and exactly one session, and it ends with it.
//!
//! How: one invocation of tmux starts the server with the worker's environment, makes the session
//! with [`pane`] in it, and begins to record the pane before anything can be lost. What lives is asked from the kernel by the identities in `start.json`,
//! never from tmux, so a tmux that does not answer is nobody's death.

use std::{
    ffi::OsString,
    fs::{self, Permissions},
    io,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::inotify::WatchFlags;

use super::{
    House,
    attempt::Launched,
    command::Request,
    context::Context,
    directory::{Directory, Start},
    needs::Needs,
    not_started::NotStarted,
    output::recording::Size,
    pane,
    socket::{of_attempt, prepare},
    unit::Carrier,
};
use crate::{
    host::process::Process,
    model::{AttemptRef, Exit, WorkerName},
};

/// How long tmux may take to start a server, and then the pane to start the worker.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// Records the pane, until tmux has nothing more to say; see [`recorder`](super::recorder). tmux reads
/// more into a command than a shell does, so paths are in variables; but which terminal it is, only tmux
/// knows.
const RECORDER: &str = r##"exec "$LOOPKEEPER_RECORDER" record --attempt-dir "$LOOPKEEPER_ATTEMPT_DIR" --terminal "#{pane_tty}""##;

/// What a session begins with, to which nobody is attached.
pub(super) const SIZE: Size = Size {
    columns: 200,
    rows: 50,
};

/// In an attempt's directory: [`OPTIONS`], which would make a long command line of the server's.
const CONFIGURATION: &str = "tmux.conf";

/// Before the session is made.
const OPTIONS: &[&[&str]] = &[
    &["set-option", "-s", "exit-empty", "on"],
    &["set-option", "-s", "escape-time", "0"],
    &["set-option", "-g", "default-shell", "/bin/sh"],
    &["set-option", "-g", "default-terminal", "screen-256color"],
    &["set-option", "-g", "default-size", "200x50"],
    &["set-option", "-g", "window-size", "latest"],
    &["set-option", "-g", "history-limit", "50000"],
    &["set-option", "-g", "remain-on-exit", "off"],
    &["set-option", "-g", "destroy-unattached", "off"],
    &["set-option", "-g", "set-titles", "off"],
    &["set-option", "-g", "status", "off"],
    &["set-option", "-g", "allow-rename", "off"],
    &["set-option", "-g", "update-environment", ""],
    // A second window would keep the session after the worker's end: attaching is for looking and
    // typing, so of tmux's own keys only leaving and scrolling are left.
    &["unbind-key", "-a", "-T", "prefix"],
    &["bind-key", "-T", "prefix", "d", "detach-client"],
    &["bind-key", "-T", "prefix", "[", "copy-mode"],
    &["bind-key", "-T", "prefix", "C-b", "send-prefix"],
];

/// tmux reads '.' and ':' in a target as window and pane.
fn session(worker: &WorkerName) -> String {
    worker.as_str().replace('.', "_")
}

pub(crate) fn target(worker: &WorkerName) -> String {
    target_in(&session(worker))
}

/// The pane of the session of this name.
pub(crate) fn target_in(session: &str) -> String {
    format!("={session}:")
}

/// Starts an attempt in its session.
pub(super) async fn launch(
    context: &Context,
    attempt: &AttemptRef,
    directory: &Directory,
    needs: &Needs,
    mut environment: Vec<(OsString, OsString)>,
) -> Result<Launched, NotStarted> {
    let shell = environment.iter().rfind(|(name, _)| name == "SHELL");
    let shell = shell.map(|(_, shell)| shell.clone());
    let shell = shell.or_else(|| context.runner.inherited.get("SHELL"));
    environment.extend(shell.map(|shell| (pane::SHELL.into(), shell)));
    let executable = context.executable(&needs.worker, directory)?;
    environment.push((pane::RECORDER.into(), executable.clone().into()));
    let worker = &attempt.worker;
    let tmux = super::find("tmux").ok_or_else(|| NotStarted::missing("tmux is not in PATH"))?;
    let socket = of_attempt(&context.settings, worker, directory);
    prepare(&socket).map_err(|error| NotStarted::from_error(&error))?;
    let arrival = context
        .arrivals
        .watch(&directory.records(), WatchFlags::MOVED_TO)
        .map_err(|error| {
            let what = format!("{}: cannot be watched", directory.path().display());
            NotStarted::because(&what, &error)
        })?;
    let configuration = directory.path().join(CONFIGURATION);
    configure(&configuration)
        .map_err(|error| NotStarted::because(&configuration.display().to_string(), &error))?;
    let argv = invocation(&executable, worker, directory, socket, &configuration);
    if let House::Unit { units, own, .. } = &context.settings.house {
        let own = own.as_deref();
        let carrier = Carrier {
            context,
            units,
            own,
            needs,
        };
        let start = carrier
            .launch_session(attempt, directory, &tmux, &argv, environment, &arrival)
            .await?;
        return in_pane(start);
    }
    let (cgroup, procs) = context.house(attempt)?;
    let request = Request {
        program: tmux,
        arguments: argv,
        workdir: "/".into(),
        environment,
        as_user: None,
        input: Vec::new(),
        limit: STARTS_WITHIN,
        keep: 4096,
        cgroup: procs,
    };
    let outcome = context
        .runner
        .run(request)
        .await
        .map_err(|error| NotStarted::from_error(&error));
    let started = match outcome {
        Ok(outcome) if outcome.exit == Exit::Code(0) => {
            let start = wait_for_start(directory, &arrival, &outcome.output).await;
            start.map_err(NotStarted::from)
        }
        // The server ends with its only pane, maybe before tmux has done all it was asked: then the
        // pane knows why.
        Ok(outcome) => {
            let why = directory.start_failed().unwrap_or_else(|| {
                let said = String::from_utf8_lossy(&outcome.errors);
                format!("tmux: {}: {}", outcome.exit, said.trim())
            });
            Err(why.into())
        }
        Err(error) => Err(error),
    };
    match started {
        Ok(start) => in_pane(start),
        Err(NotStarted { why, shortage }) => {
            let why = context.clean_up(attempt, cgroup, why).await;
            Err(NotStarted { why, shortage })
        }
    }
}

fn in_pane(start: Start) -> Result<Launched, NotStarted> {
    let nameless = || NotStarted::from("start.json: names no pane".to_owned());
    let pane = start.pane.ok_or_else(nameless)?;
    Ok(Launched::Pane { start, pane })
}

/// What tmux is to do before it makes the session, as a file of its commands.
pub(super) fn options() -> String {
    let word = |word: &&str| if word.is_empty() { "''" } else { *word }.to_owned();
    let lines = OPTIONS
        .iter()
        .map(|option| option.iter().map(word).collect::<Vec<_>>().join(" ") + "\n");
    lines.collect()
}

fn configure(file: &Path) -> io::Result<()> {
    fs::write(file, options())?;
    // Whoever the worker is reads it.
    fs::set_permissions(file, Permissions::from_mode(0o644))
}

/// What else tmux is asked, as its arguments.
fn invocation(
    executable: &Path,
    worker: &WorkerName,
    directory: &Directory,
    socket: PathBuf,
    configuration: &Path,
) -> Vec<OsString> {
    let mut argv: Vec<OsString> = vec!["-S".into(), socket.into(), "-f".into()];
    argv.push(configuration.into());
    let session = session(worker);
    let make = ["new-session", "-d", "-P", "-F", "#{pane_pid}"];
    argv.extend(make.map(OsString::from));
    for (option, number) in [("-x", SIZE.columns), ("-y", SIZE.rows)] {
        argv.extend([option.into(), number.to_string().into()]);
    }
    argv.extend(["-s".into(), session.into()]);
    argv.push("--".into());
    argv.push(argument(executable.as_os_str()));
    argv.extend(["pane", "--attempt-dir"].map(OsString::from));
    argv.push(argument(directory.path().as_os_str()));
    argv.extend([";", "pipe-pane", "-t"].map(OsString::from));
    argv.push(target(worker).into());
    argv.push(RECORDER.into());
    argv
}

/// tmux takes a semicolon at the end of an argument for the end of a command.
fn argument(text: &std::ffi::OsStr) -> OsString {
    use std::os::unix::ffi::OsStringExt;
    let mut bytes = text.as_bytes().to_vec();
    if bytes.last() == Some(&b';') {
        bytes.insert(bytes.len() - 1, b'\\');
    }
    OsString::from_vec(bytes)
}

/// The pane's process, as tmux was asked for it; `None` where it says something else.
fn pane_pid(output: &[u8]) -> Option<i32> {
    let text = std::str::from_utf8(output).ok()?;
    text.trim().parse().ok().filter(|pid| *pid > 0)
}

/// Waits until the pane has recorded that the worker runs, or why not.
async fn wait_for_start(
    directory: &Directory,
    arrival: &crate::host::inotify::Watch,
    output: &[u8],
) -> Result<Start, String> {
    let ended = async {
        match pane_pid(output).map(Process::of) {
            Some(Ok(wrapper)) => wrapper.ended().await,
            Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            // Whether it lives cannot be told; what it records can.
            Some(Err(_)) | None => std::future::pending().await,
        }
    };
    tokio::pin!(ended);
    let recorded = || match (directory.start(), directory.start_failed()) {
        (Some(start), _) => Some(Ok(start)),
        (None, Some(why)) => Some(Err(why)),
        (None, None) => None,
    };
    let arrived = async {
        loop {
            if let Some(result) = recorded() {
                return result;
            }
            tokio::select! {
                () = arrival.changed() => {}
                over = &mut ended => return recorded().unwrap_or_else(|| Err(match over {
                    Ok(()) => "the pane ended before it started anything".to_owned(),
                    Err(error) => format!("the pane cannot be watched: {error}"),
                })),
            }
        }
    };
    tokio::time::timeout(STARTS_WITHIN, arrived)
        .await
        .unwrap_or_else(|_| Err(format!("the pane started nothing within {STARTS_WITHIN:?}")))
}

#[cfg(test)]
mod fuzz {
    use super::pane_pid;
    use crate::fuzz::fuzz;

    #[test]
    fn what_tmux_says_is_one_process_or_none() {
        fuzz("pane-pid", 512, |output| {
            let Some(pid) = pane_pid(output) else {
                return;
            };
            let text = String::from_utf8_lossy(output);
            let digits = text.trim().trim_start_matches(['+', '0']);
            assert!(pid > 0 && digits == pid.to_string(), "{pid} of {text:?}");
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn a_semicolon_at_the_end_of_an_argument_stays_one() {
        for (plain, escaped) in [
            ("a;", "a\\;"),
            ("a;b", "a;b"),
            ("a\\;", "a\\\\;"),
            (";", "\\;"),
        ] {
            assert_eq!(argument(plain.as_ref()), escaped);
        }
    }
}
