//! The way into the tmux session of a worker, also while no daemon runs.
//!
//! Promise: root trusts nobody's tmux server but root's own. A server may have its client run a command, so
//! where it may be another user's the client is run as that user ([`launch::whose`]), with nothing of
//! root's environment but what a terminal needs, and in a session of its own ([`launch::as_user`]).
//!
//! Of a worker on another host the client is run over there, over the connection that its daemon keeps:
//! without a daemon there is none, and whoever may not use that connection is told so. ssh hands no
//! terminal on but carries bytes, and is run as whom the connection belongs to.

use std::{
    env,
    ffi::OsString,
    fs,
    io::ErrorKind,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
};

use nix::{
    sys::socket::{getsockopt, sockopt::PeerCredentials},
    unistd::Uid,
};

use super::{
    Context,
    failure::{Exit, Failure},
};
use crate::{
    control::{
        client::ClientError,
        protocol::{FarView, Request, WhereView},
    },
    host::look::{MOMENT, look_at},
    launch::{self, as_user::AsUser, tmux, whose},
    model::{HostName, LauncherKind, WorkerName},
    paths::{SYSTEM_SOCKET, typed},
    ssh::shared,
};

/// What of root's environment is another user's to see.
const OF_THE_TERMINAL: [&str; 8] = [
    "PATH",
    "TERM",
    "TERMINFO",
    "TERMINFO_DIRS",
    "COLORTERM",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
];

/// A terminal that is not known over there is taken for one that everybody knows.
const TERMINAL: &str = "\
    if command -v infocmp >/dev/null && ! infocmp \"$TERM\" >/dev/null 2>&1; then TERM=xterm-256color; fi\n";

/// The directory of tmux's sockets over there, which has to be ours alone (`launch/remote/sh/lib.sh`).
const PRIVATE: &str = "\
    unset TMUX TMUX_PANE\nprivate=${TMUX_TMPDIR:-/tmp}/loopkeeper-$(id -u)\n\
    if [ ! -O \"$private\" ] || [ -h \"$private\" ]; then\n\
    echo \"$private: is not a directory of ours alone\" >&2; exit 1\nfi\n";

/// A session that we may enter.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) worker: WorkerName,
    /// The process of its tmux server, where the kernel knows.
    pub(super) server: Option<i32>,
    way: Way,
}

/// Where its tmux server listens.
#[derive(Debug)]
enum Way {
    Here(PathBuf),
    There { host: HostName, far: FarView },
}

impl Session {
    /// The one of this worker, for this `verb`.
    pub(super) fn find(worker: WorkerName, verb: &str, context: &Context) -> Result<Self, Failure> {
        let way = way(&worker, context)?;
        let socket = match &way {
            Way::Here(socket) => socket,
            Way::There { host, far } => {
                let found = look_at(MOMENT, &far.connection, |socket| fs::metadata(socket));
                return match found {
                    Ok(Err(error)) if error.kind() == ErrorKind::PermissionDenied => {
                        let whose = format!("the connection to host {host}");
                        Err(not_ours(&whose, &worker, verb, context))
                    }
                    Err(_) | Ok(Err(_)) => {
                        Err(unreached(&worker, host, "its connection was just lost"))
                    }
                    Ok(Ok(_)) => Ok(Self {
                        worker,
                        server: None,
                        way,
                    }),
                };
            }
        };
        let answer = look_at(MOMENT, socket, |socket| UnixStream::connect(socket));
        let server = match answer {
            Err(_) => return Err(silent(&worker, None)),
            // What tmux says of it helps nobody.
            Ok(Err(error)) if error.kind() == ErrorKind::PermissionDenied => {
                let whose = format!("the session of worker {worker}");
                return Err(not_ours(&whose, &worker, verb, context));
            }
            // It does, of all else.
            Ok(Err(_)) => None,
            Ok(Ok(server)) => getsockopt(&server, PeerCredentials).ok(),
        };
        Ok(Self {
            worker,
            server: server.map(|peer| peer.pid()),
            way,
        })
    }

    /// What tmux knows the pane by.
    pub(super) fn target(&self) -> String {
        match &self.way {
            Way::Here(_) => tmux::target(&self.worker),
            Way::There { far, .. } => tmux::target_in(&far.session),
        }
    }

    /// tmux as a client of its server, asked this, and as whom it is run where that is not ourselves.
    /// `terminal`: it is to have ours.
    pub(super) fn tmux(
        &self,
        words: &[&str],
        terminal: bool,
    ) -> Result<(Command, Option<Uid>), Failure> {
        let unusable = |what: &str, path: &Path, why: &str| {
            Failure::say(Exit::Failed, format!("{what} {}: {why}", path.display()))
        };
        let (what, socket, program, arguments) = match &self.way {
            Way::Here(socket) => {
                let tmux = launch::find("tmux").ok_or_else(|| no_tmux("it is not in PATH"))?;
                let mut arguments = vec!["-S".into(), socket.clone().into_os_string()];
                arguments.extend(words.iter().map(OsString::from));
                ("tmux socket", socket, tmux, arguments)
            }
            Way::There { host, far } => {
                let (what, socket) = ("ssh socket", &far.connection);
                let ssh = launch::find("ssh").ok_or_else(|| {
                    let why = format!("host {host} cannot be come to: ssh is not in PATH");
                    Failure::say(Exit::Failed, why)
                })?;
                let script = script(far, words, terminal);
                let arguments = script
                    .and_then(|script| shared::arguments(socket, host.as_str(), terminal, &script));
                let arguments = arguments.ok_or_else(|| unusable(what, socket, "is no text"))?;
                (what, socket, ssh, arguments)
            }
        };
        let as_user = whose::to_be_asked_as(socket)
            .map_err(|error| unusable(what, socket, &error.to_string()))?;
        let mut command = match as_user {
            None => Command::new(program),
            Some(user) => {
                // Ourselves, whatever became of the file: who becomes the user, and then tmux.
                let mut command = Command::new("/proc/self/exe");
                command.env_clear().current_dir("/");
                let variables = OF_THE_TERMINAL.into_iter();
                command.envs(variables.filter_map(|name| Some((name, env::var_os(name)?))));
                command.arg("as").args(AsUser::number(user).arguments());
                command.arg("--").arg(program);
                command
            }
        };
        command.args(arguments);
        Ok((command, as_user))
    }

    /// Its server says nothing.
    pub(super) fn silent(&self) -> Failure {
        match &self.way {
            Way::Here(_) => silent(&self.worker, self.server),
            Way::There { host, .. } => unreached(&self.worker, host, "it says nothing"),
        }
    }
}

/// What a shell over there does to become tmux; `None` where it cannot be told.
fn script(far: &FarView, words: &[&str], terminal: bool) -> Option<String> {
    let FarView { socket, search, .. } = far;
    let quoted = |words: &[&str]| shlex::try_join(words.iter().copied()).ok();
    let path = match search.is_empty() {
        true => String::new(),
        false => format!("PATH={}; export PATH\n", quoted(&[search])?),
    };
    let terminal = match terminal {
        true => TERMINAL,
        false => "",
    };
    let (socket, words) = (quoted(&[socket])?, quoted(words)?);
    Some(format!(
        "{path}{terminal}{PRIVATE}exec tmux -u -S \"$private\"/{socket} {words}"
    ))
}

/// Where its server listens.
fn way(worker: &WorkerName, context: &Context) -> Result<Way, Failure> {
    let request = Request::Where {
        worker: worker.clone(),
    };
    let connected = context.try_connect()?;
    let found: WhereView = match connected.and_then(|mut daemon| daemon.ask(&request)) {
        Ok(found) => found,
        Err(down @ ClientError::NotRunning { .. }) => {
            return without_daemon(worker, down, context).map(Way::Here);
        }
        Err(other) => return Err(context.refused(other)),
    };
    match (found.on, found.far, found.tmux_lost) {
        (Some(host), _, Some(why)) => return Err(unreached(worker, &host, &why)),
        (None, _, Some(why)) => return Err(lost(worker, &why)),
        (Some(host), Some(far), None) => return Ok(Way::There { host, far }),
        (_, _, None) => {}
    }
    found.tmux.map(Way::Here).ok_or_else(|| {
        let (what, logs) = match found.launcher {
            Some(LauncherKind::Process) => {
                ("no terminal, since its launcher is process", "logs -f")
            }
            Some(LauncherKind::Systemd) => {
                ("no terminal, since its launcher is systemd", "logs -f")
            }
            Some(LauncherKind::Tmux) | None => ("no tmux session that lives", "logs"),
        };
        let failure = Failure::say(Exit::Failed, format!("worker {worker} has {what}"));
        failure.hint(format!(
            "see what it writes with: supervisorctl {logs} {worker}"
        ))
    })
}

/// The socket of a session that lives on; that the daemon is down is said all the same.
fn without_daemon(
    worker: &WorkerName,
    down: ClientError,
    context: &Context,
) -> Result<PathBuf, Failure> {
    if context.is_the_systems(&down) {
        return Err(context.refused(down));
    }
    let paths = context.paths()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::say(Exit::Failed, format!("event loop: {error}")))?;
    // The daemon's own runtime directory has its socket as a rule, and is in no environment of ours.
    let of_socket = paths.socket.parent().unwrap_or(&paths.runtime);
    let runtimes = [of_socket, &paths.runtime];
    let found = launch::without_daemon(&paths.state, &runtimes, worker);
    match runtime.block_on(found) {
        None => Err(context.refused(down)),
        Some(found) => {
            context.refused(down).print();
            found.map_err(|why| lost(worker, &why))
        }
    }
}

fn lost(worker: &WorkerName, why: &str) -> Failure {
    let lost = format!("worker {worker} runs, but nobody can attach to it: {why}");
    Failure::say(Exit::Failed, lost).hint(format!(
        "see what it writes with: supervisorctl logs -f {worker}; a restart gives it a session \
         that can be attached to: supervisorctl restart {worker}"
    ))
}

fn unreached(worker: &WorkerName, host: &HostName, why: &str) -> Failure {
    let why = why.strip_prefix(&format!("host {host} ")).unwrap_or(why);
    let why = why.strip_prefix("does not answer: ").unwrap_or(why);
    let unreached = format!("worker {worker} is on host {host}, which does not answer: {why}");
    Failure::say(Exit::Failed, unreached).hint(format!(
        "it goes on there, and the daemon connects again by itself: supervisorctl status; what came from \
         there: supervisorctl logs {worker}"
    ))
}

/// `whose`: what is not ours.
fn not_ours(whose: &str, worker: &WorkerName, verb: &str, context: &Context) -> Failure {
    let whose = format!("{whose} is its user's alone, and root's");
    let failure = Failure::say(Exit::Failed, whose);
    let rig = match context.socket() {
        Ok(usual) if usual == Path::new(SYSTEM_SOCKET) => String::new(),
        Ok(other) => format!(" --socket {}", typed(other)),
        Err(failure) => return failure,
    };
    failure.hint(format!("sudo supervisorctl{rig} {verb} {worker}"))
}

fn silent(worker: &WorkerName, server: Option<i32>) -> Failure {
    let failure = Failure::say(
        Exit::Failed,
        format!("tmux server of worker {worker} does not answer"),
    );
    match server {
        Some(pid) => failure.hint(format!(
            "see what it does with: ps -o pid,stat,wchan,args {pid} (T is stopped, and goes on after: \
             kill -CONT {pid})"
        )),
        None => failure.hint(format!(
            "see what it writes with: supervisorctl logs -f {worker}"
        )),
    }
}

pub(super) fn no_tmux(why: &str) -> Failure {
    Failure::say(Exit::Failed, format!("tmux cannot be run: {why}"))
        .hint("see what is missing with: supervisorctl doctor")
}
