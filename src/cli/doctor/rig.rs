//! Whether the rig itself is in order: what is declared, kept, run and reached.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use super::{Finding, Is};
use crate::{
    causes::in_one_line,
    cli::{Context, check, failure::Failure, rig::how_to_configure},
    config::{self, Config, Program},
    control::{
        client::ClientError,
        group::how_to_join,
        protocol::{Request, StatusView},
    },
    decide::{Level, access::Access},
    host::look::Unseen,
    model::{PhaseId, StateName, WorkerName},
    paths::{Paths, typed},
    store::Store,
};

/// For a proxy to greet.
const GREETING: Duration = Duration::from_secs(3);

pub(super) fn configuration(paths: &Paths) -> Result<(Finding, Option<Config>), Failure> {
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
            let hint = match paths.config.try_exists() {
                Ok(false) => how_to_configure(&paths.config),
                _ => format!(
                    "see all of it with: supervisorctl check {}",
                    typed(&paths.config)
                ),
            };
            let finding = Finding::new("configuration", Is::Fail, found).hint(hint);
            (finding, None)
        }
    })
}

/// Where nobody knows where it is, nor what it declares.
pub(super) fn unknown(why: Failure) -> Finding {
    let found = Finding::new("state", Is::Fail, why.message().unwrap_or_default());
    match why.into_hint() {
        Some(hint) => found.hint(hint),
        None => found,
    }
}

/// Its owner must be able to write there; we can only try that as its owner.
pub(super) fn state(directory: &Path, daemon_runs: bool) -> Finding {
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

/// Nobody can look there.
pub(super) fn silent(directory: &Path, unseen: &Unseen) -> Finding {
    let name = typed(directory);
    Finding::new("state", Is::Fail, in_one_line(unseen))
        .hint(format!("see its file system with: findmnt -T {name}"))
}

/// The ids of the plan.
pub(super) fn phases(config: Option<&Config>) -> Vec<PhaseId> {
    let phases = config.into_iter().flat_map(|config| &config.plan.phases);
    phases.map(|phase| phase.id.clone()).collect()
}

/// What a daemon that starts now would make of what is recorded there.
pub(super) fn database(state: &Path, plan: &[PhaseId]) -> Option<Finding> {
    if !state.is_dir() {
        return None;
    }
    let finding = |is, found| Finding::new("database", is, found);
    let looked = match Store::read_only(state, plan) {
        Ok(looked) => looked,
        Err(error) => {
            let denied = fs::read_dir(state).is_err();
            let found = finding(
                if denied { Is::Warn } else { Is::Fail },
                in_one_line(&error),
            );
            let hint = match denied {
                true => Some("ask again as the daemon's user, or with sudo".to_owned()),
                false => error.hint(),
            };
            return Some(match hint {
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

/// What a daemon says for itself.
pub(super) enum Answer {
    /// None runs.
    None,
    /// One runs, and does not say.
    Nothing,
    Status(Box<StatusView>),
}

impl Answer {
    /// Nobody wants it to run.
    fn proxy_is_stopped(&self) -> bool {
        let Self::Status(status) = self else {
            return false;
        };
        let mut workers = status.workers.iter();
        workers.any(|row| row.name.as_str() == WorkerName::PROXY && row.state == StateName::Stopped)
    }
}

/// Also what it answers.
pub(super) fn daemon(context: &Context) -> Result<(Finding, Answer), Failure> {
    let finding = |is, found| Finding::new("daemon", is, found);
    let mut daemon = match context.try_connect()? {
        Ok(daemon) => daemon,
        Err(error) => {
            let answer = match error {
                ClientError::NotRunning { .. } => Answer::None,
                _ => Answer::Nothing,
            };
            let failure = finding(Is::Fail, error.to_string());
            let hint = context.refused(error).into_hint();
            return Ok((
                match hint {
                    Some(hint) => failure.hint(hint),
                    None => failure,
                },
                answer,
            ));
        }
    };
    let greeting = daemon.greeting().clone();
    let status: StatusView = match daemon.ask(&Request::Status {}) {
        Ok(status) => status,
        Err(error) => return Ok((finding(Is::Fail, error.to_string()), Answer::Nothing)),
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
        .hint(how_to_join())
    } else {
        finding(Is::Ok, format!("version {version} runs and answers"))
    };
    Ok((found, Answer::Status(Box::new(status))))
}

/// The builtin one and tailscale's; of a proxy that is a command, nobody knows where it listens.
pub(super) fn proxy(config: &Config, answer: &Answer) -> Option<Finding> {
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
        Err(error) if is_late(&error) => Finding::new(
            "proxy",
            Is::Fail,
            format!(
                "{listen} takes connections and says nothing within {} s: not a SOCKS5 server that works",
                GREETING.as_secs()
            ),
        )
        .hint(format!(
            "see who listens there with: ss -ltnp sport = :{}",
            listen.port()
        )),
        Err(_) if answer.proxy_is_stopped() => Finding::new(
            "proxy",
            Is::Warn,
            format!("{listen} does not answer: the proxy is stopped"),
        )
        .hint("start it with: supervisorctl start proxy"),
        Err(error) if !matches!(answer, Answer::None) => Finding::new(
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

/// A read that waited long enough (socket(7), `SO_RCVTIMEO`). To connect fails otherwise.
fn is_late(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
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
