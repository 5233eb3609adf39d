//! `doctor`: is everything there that a rig needs.
//!
//! Each check says what it found; what does not work fails, what only might not work warns.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixDatagram,
    path::Path,
    process::Command,
    time::{Duration, SystemTime},
};

use anstyle::{AnsiColor, Style};
use rustix::process::{Resource, getrlimit};
use serde::Serialize;

use super::{
    Context, check,
    failure::{Exit, Failure},
    words::printable,
};
use crate::{
    causes::in_one_line,
    config::{self, Config, Program},
    control::{
        client::ClientError,
        protocol::{Request, StatusView},
    },
    decide::{Level, access::Access},
    model::{LauncherKind, WorkerName},
    paths::Paths,
    store::Store,
    systemd::BOOTED,
};

/// For a proxy to greet.
const GREETING: Duration = Duration::from_secs(3);

/// Descriptors that the daemon keeps for each worker, as counted in /proc/PID/fd: one for a process,
/// two for a session.
const FILES_OF_A_WORKER: u64 = 2;
/// For the daemon itself, its clients, and what is open for a moment.
const FILES_OF_THE_DAEMON: u64 = 320;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Is {
    Ok,
    Warn,
    Fail,
}

/// One line.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    is: Is,
    found: String,
    /// What helps.
    hint: Option<String>,
}

impl Finding {
    fn new(check: &'static str, is: Is, found: impl Into<String>) -> Self {
        Self {
            check,
            is,
            found: found.into(),
            hint: None,
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

pub(super) fn run(json: bool, context: &Context) -> Result<(), Failure> {
    let paths = context.paths()?;
    let (configuration, config) = configuration(paths)?;
    let (daemon, runs) = daemon(context)?;
    let mut findings = vec![configuration, state(&paths.state, runs), daemon];
    findings.extend(database(&paths.state, config.as_ref()));
    findings.push(tmux(config.as_ref()));
    findings.push(systemd(Path::new(BOOTED)));
    findings.push(journald(Path::new("/run/systemd/journal/socket")));
    findings.push(clock(SystemTime::now()));
    let may_open = most_open_files(Store::holder(&paths.state));
    findings.extend(
        may_open
            .zip(config.as_ref())
            .map(|(most, config)| open_files(most, config.workers.len())),
    );
    findings.extend(config.as_ref().and_then(|config| proxy(config, runs)));
    if json {
        context.screen.json(&findings)?;
    } else {
        let colour = context.screen.colour;
        let text: String = findings
            .iter()
            .map(|finding| line(finding, colour))
            .collect();
        context.screen.print(text)?;
    }
    if findings.iter().any(|finding| finding.is == Is::Fail) {
        return Err(Failure::told(Exit::Failed));
    }
    Ok(())
}

fn line(finding: &Finding, colour: bool) -> String {
    let (word, paint) = match finding.is {
        Is::Ok => ("ok  ", AnsiColor::Green),
        Is::Warn => ("warn", AnsiColor::Yellow),
        Is::Fail => ("fail", AnsiColor::Red),
    };
    let style = if colour {
        Style::new().fg_color(Some(paint.into()))
    } else {
        Style::new()
    };
    let mut line = format!(
        "{style}{word}{style:#}  {:<13}  {}\n",
        finding.check,
        printable(&finding.found)
    );
    if let Some(hint) = &finding.hint {
        line.push_str(&format!("                     hint: {}\n", printable(hint)));
    }
    line
}

fn configuration(paths: &Paths) -> Result<(Finding, Option<Config>), Failure> {
    let file = paths.config.display();
    Ok(match config::load(&paths.config, &check::environment()?) {
        Ok(config) => {
            let found = format!("{file} declares {} workers", config.workers.len());
            (Finding::new("configuration", Is::Ok, found), Some(config))
        }
        Err(complaints) => {
            let first = complaints
                .iter()
                .next()
                .map(|one| one.message.clone())
                .unwrap_or_default();
            let found = match complaints.iter().len() {
                1 => first,
                several => format!("{file} has {several} mistakes, the first: {first}"),
            };
            let finding = Finding::new("configuration", Is::Fail, found)
                .hint(format!("see all of it with: supervisorctl check {file}"));
            (finding, None)
        }
    })
}

/// Its owner must be able to write there; we can only try that as its owner.
fn state(directory: &Path, daemon_runs: bool) -> Finding {
    let name = directory.display();
    let finding = |is, found| Finding::new("state", is, found);
    match fs::metadata(directory) {
        Ok(found) if !found.is_dir() => finding(Is::Fail, format!("{name} is not a directory"))
            .hint("move it away or give another --state-dir"),
        Ok(_) => match tempfile::tempfile_in(directory).and_then(|mut file| {
            file.write_all(&[0; 4096])?;
            file.sync_all()
        }) {
            Ok(()) => finding(Is::Ok, format!("{name} can be written")),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                finding(Is::Warn, format!("{name} is not ours, so it was not tried"))
                    .hint("ask again as the daemon's user, or with sudo")
            }
            Err(error) => finding(Is::Fail, format!("{name} cannot be written: {error}")).hint(
                format!("see the file system with: findmnt -T {name}; df -h {name}"),
            ),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound && !daemon_runs => finding(
            Is::Ok,
            format!("{name} does not exist yet; the daemon makes it"),
        ),
        Err(error) => finding(Is::Fail, format!("{name} cannot be looked at: {error}"))
            .hint("give the daemon's --state-dir"),
    }
}

/// What a daemon that starts now would make of what is recorded there.
fn database(state: &Path, config: Option<&Config>) -> Option<Finding> {
    if !state.is_dir() {
        return None;
    }
    let phases = config.into_iter().flat_map(|config| &config.plan.phases);
    let plan: Vec<_> = phases.map(|phase| phase.id.clone()).collect();
    let finding = |is, found| Finding::new("database", is, found);
    let looked = match Store::read_only(state, &plan) {
        Ok(looked) => looked,
        Err(error) => {
            let denied = fs::read_dir(state).is_err();
            let found = finding(
                if denied { Is::Warn } else { Is::Fail },
                in_one_line(&error),
            );
            return Some(match error.hint() {
                Some(hint) => found.hint(hint),
                None => found,
            });
        }
    };
    let worst = looked.problems.iter().max_by_key(|problem| problem.level());
    Some(
        match worst.filter(|problem| problem.level() != Level::Info) {
            None => finding(Is::Ok, "what is recorded can be read".to_owned()),
            Some(problem) => {
                let is = match problem.level() {
                    Level::Error => Is::Fail,
                    Level::Warning | Level::Info => Is::Warn,
                };
                finding(is, problem.to_string()).hint(
                "a daemon that starts goes on from what is left of it, and sets damage aside; to \
                 put a copy back, end the daemon first",
            )
            }
        },
    )
}

/// Also whether it runs.
fn daemon(context: &Context) -> Result<(Finding, bool), Failure> {
    let finding = |is, found| Finding::new("daemon", is, found);
    let mut daemon = match context.try_connect()? {
        Ok(daemon) => daemon,
        Err(error) => {
            let runs = !matches!(error, ClientError::NotRunning { .. });
            let failure = finding(Is::Fail, error.to_string());
            let hint = Failure::from(error).into_hint();
            return Ok((
                match hint {
                    Some(hint) => failure.hint(hint),
                    None => failure,
                },
                runs,
            ));
        }
    };
    let greeting = daemon.greeting().clone();
    let status: StatusView = match daemon.ask(&Request::Status {}) {
        Ok(status) => status,
        Err(error) => return Ok((finding(Is::Fail, error.to_string()), true)),
    };
    let version = &greeting.loopkeeper;
    let own = env!("CARGO_PKG_VERSION");
    let found = if let Some(trouble) = status.degraded.first() {
        finding(
            Is::Fail,
            format!("version {version} runs degraded: {trouble}"),
        )
        .hint("see the whole of it with: supervisorctl status")
    } else if version != own {
        finding(
            Is::Warn,
            format!("version {version} runs, supervisorctl is {own}"),
        )
        .hint("restart the daemon; its workers go on")
    } else if greeting.access == Access::Read {
        finding(
            Is::Warn,
            format!("version {version} runs; this user may look and not steer"),
        )
        .hint("become a member of the group loopkeeper")
    } else {
        finding(Is::Ok, format!("version {version} runs and answers"))
    };
    Ok((found, true))
}

fn tmux(config: Option<&Config>) -> Finding {
    let needed = config.is_some_and(|config| {
        config
            .workers
            .values()
            .any(|worker| worker.launcher == LauncherKind::Tmux)
    });
    let version = Command::new("tmux").arg("-V").output();
    match version {
        Ok(output) if output.status.success() => {
            let version = String::from_utf8_lossy(&output.stdout);
            Finding::new("tmux", Is::Ok, version.trim().to_owned())
        }
        Ok(output) => Finding::new(
            "tmux",
            Is::Fail,
            format!("tmux -V ends with {}", output.status),
        )
        .hint("install it anew: apt-get install --reinstall tmux"),
        Err(error) => {
            let is = if needed { Is::Fail } else { Is::Warn };
            Finding::new("tmux", is, format!("tmux cannot be run: {error}"))
                .hint("needed for workers with launcher = \"tmux\": apt-get install tmux")
        }
    }
}

fn systemd(sign: &Path) -> Finding {
    if sign.is_dir() {
        Finding::new("systemd", Is::Ok, "the machine was booted with systemd")
    } else {
        Finding::new(
            "systemd",
            Is::Warn,
            "the machine was not booted with systemd",
        )
        .hint("nothing starts the daemon at boot, and nothing restarts it")
    }
}

fn journald(socket: &Path) -> Finding {
    match UnixDatagram::unbound().and_then(|probe| probe.connect(socket)) {
        Ok(()) => Finding::new("journald", Is::Ok, "the journal takes entries"),
        Err(error) => Finding::new(
            "journald",
            Is::Warn,
            format!("{} does not answer: {error}", socket.display()),
        )
        .hint("the daemon writes to standard error instead"),
    }
}

/// A clock that was never set shows a time before this program was installed.
fn clock(now: SystemTime) -> Finding {
    let installed = std::env::current_exe()
        .and_then(fs::metadata)
        .and_then(|m| m.modified());
    match installed {
        Ok(installed) if now < installed => Finding::new(
            "clock",
            Is::Fail,
            "it is earlier than when this program was installed",
        )
        .hint("set it, or see why it is not set, with: timedatectl"),
        Ok(_) => Finding::new("clock", Is::Ok, "its time is plausible"),
        Err(error) => Finding::new(
            "clock",
            Is::Warn,
            format!("nothing to compare it with: {error}"),
        ),
    }
}

/// What the daemon may have open, or would if we started it (proc_pid_limits(5)).
fn most_open_files(daemon: Option<i32>) -> Option<u64> {
    let Some(pid) = daemon else {
        return Some(getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX));
    };
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    let hard = line.split_whitespace().nth(1)?;
    Some(hard.parse().unwrap_or(u64::MAX))
}

/// With too few it goes on, and looks after its workers more slowly.
fn open_files(most: u64, workers: usize) -> Finding {
    let needed = FILES_OF_THE_DAEMON + FILES_OF_A_WORKER * workers as u64;
    if most >= needed {
        let found = format!("{most} may be open at once, {needed} are needed at most");
        Finding::new("open files", Is::Ok, found)
    } else {
        let found = format!("{most} may be open at once, {workers} workers need up to {needed}");
        Finding::new("open files", Is::Warn, found)
            .hint("raise the hard limit where the daemon is started: LimitNOFILE= or ulimit -Hn")
    }
}

/// The builtin one and tailscale's; of a proxy that is a command, nobody knows where it listens.
fn proxy(config: &Config, daemon_runs: bool) -> Option<Finding> {
    let listen = match &config.workers.get(WorkerName::PROXY)?.program {
        Program::BuiltinProxy(builtin) => builtin.listen,
        Program::Tailscale(tailscale) => tailscale.listen,
        Program::Command(_) => return None,
    };
    Some(match greet(listen) {
        Ok(true) => Finding::new(
            "proxy",
            Is::Ok,
            format!("{listen} answers as a SOCKS5 server"),
        ),
        Ok(false) => Finding::new(
            "proxy",
            Is::Fail,
            format!("{listen} answers, and not as a SOCKS5 server"),
        )
        .hint(format!(
            "see who listens there with: ss -ltnp sport = :{}",
            listen.port()
        )),
        Err(error) if daemon_runs => Finding::new(
            "proxy",
            Is::Fail,
            format!("{listen} does not answer: {error}"),
        )
        .hint("see why with: supervisorctl logs proxy"),
        Err(error) => Finding::new(
            "proxy",
            Is::Warn,
            format!("{listen} does not answer: {error}"),
        )
        .hint("it comes up with the daemon"),
    })
}

/// The greeting of RFC 1928 section 3, with both ways to authenticate that we know.
fn greet(address: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&address, GREETING)?;
    stream.set_read_timeout(Some(GREETING))?;
    stream.set_write_timeout(Some(GREETING))?;
    stream.write_all(&[5, 2, 0, 2])?;
    let mut answer = [0; 2];
    stream.read_exact(&mut answer)?;
    Ok(answer[0] == 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_many_workers_need_more_than_is_warned_of() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!(most_open_files(Some(own)), most_open_files(None));
        assert_eq!(most_open_files(Some(i32::MAX)), None);
        assert_eq!(open_files(1024, 352).is, Is::Ok);
        let low = open_files(1024, 353);
        assert_eq!(low.is, Is::Warn);
        assert!(
            low.found.contains("353 workers need up to 1026"),
            "{}",
            low.found
        );
    }
}
