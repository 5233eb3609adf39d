//! `[proxy]`: the three kinds of proxy, each of them the row `proxy` of the rig.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
    time::Duration,
};

use super::{
    machine, probe,
    rules::Rules,
    systemd,
    values::{self, SHORTEST},
};
use crate::{
    config::{
        Alive, Auth, Backoff, Builtin, Keeps, Limit, On, OnPhase, OnSecretChange, Probe, Program,
        Ready, Say, Secrets, Tailscale, Unstick, Watch, Worker,
        reader::{Entry, Reading, Table},
        schema::{self, Section, builtin, proxy, proxy_command, tailscale},
    },
    model::{Kind, LauncherKind, Signal, WorkerName},
};

#[derive(Clone, Copy, PartialEq)]
enum Which {
    Builtin,
    Tailscale,
    Command,
}

const KINDS: [(&str, Which); 3] = [
    ("builtin", Which::Builtin),
    ("tailscale", Which::Tailscale),
    ("command", Which::Command),
];

impl Which {
    fn section(self) -> &'static Section {
        match self {
            Self::Builtin => schema::BUILTIN,
            Self::Tailscale => schema::TAILSCALE,
            Self::Command => schema::PROXY_COMMAND,
        }
    }
}

/// From one look at a starting proxy to the next: everything else waits for it.
const READY_EVERY: Duration = Duration::from_millis(200);

const DESTINATION: &str = "a destination such as \"10.0.0.0/8:22\" or \"*.example.org:443\"";

/// The longest path of a socket (`sun_path`, unix(7)), without the NUL at its end.
const LONGEST_SOCKET: usize = 107;

/// The row of `[proxy]`.
pub(super) fn proxy(entry: &Entry<'_>, reading: &mut Reading<'_>) -> Option<Worker> {
    let table = Table::open(entry, reading)?;
    let which = match table.get(proxy::KIND) {
        Some(entry) => entry.word(reading, &KINDS)?,
        None => Which::Builtin,
    };
    table.only(which.section(), reading, |name| {
        KINDS
            .iter()
            .find(|(_, kind)| kind.section().keys().any(|key| key.name == name))
            .map(|(word, _)| format!("`{name}` belongs to kind = \"{word}\""))
    });
    let told = table
        .get(proxy::SYSTEMD)
        .and_then(|entry| systemd::settings(&entry, reading));
    let mut worker = match which {
        Which::Builtin => builtin(&table, reading),
        Which::Tailscale => tailscale(&table, reading),
        Which::Command => command(&table, reading),
    }?;
    worker.systemd = told.unwrap_or_default();
    Some(worker)
}

fn builtin(table: &Table<'_>, reading: &mut Reading<'_>) -> Option<Worker> {
    let default = Builtin::default();
    let listen = listen(table, reading);
    let auth = table
        .get(builtin::AUTH)
        .map(|entry| machine::credential(&entry, reading));
    let allow = list(table.get(builtin::ALLOW), reading);
    let deny = list(table.get(builtin::DENY), reading);
    let upstream = table
        .get(builtin::UPSTREAM)
        .and_then(|entry| values::host_port(&entry, reading));
    let max_connections = table
        .get(builtin::MAX_CONNECTIONS)
        .and_then(|entry| entry.whole(reading, 1, 1_000_000));
    let mut time = |key, least| {
        let entry = table.get(key)?;
        values::duration(&entry, reading, least)
    };
    let idle = time(builtin::IDLE, SHORTEST);
    let handshake = time(builtin::HANDSHAKE, SHORTEST);
    let connect = time(builtin::CONNECT, SHORTEST);
    let drain = time(builtin::DRAIN, Duration::ZERO);
    let proxy = Builtin {
        listen: listen?,
        auth: match auth {
            Some(file) => Some(Auth { file: file? }),
            None => None,
        },
        allow,
        deny,
        upstream,
        max_connections: max_connections.unwrap_or(default.max_connections),
        idle: idle.unwrap_or(default.idle),
        handshake: handshake.unwrap_or(default.handshake),
        connect: connect.unwrap_or(default.connect),
        drain: drain.unwrap_or(default.drain),
    };
    if proxy.is_open_to_strangers() {
        let expected = "auth as well, or an address such as \"127.0.0.1:1055\"";
        beyond_loopback(table, reading, "has no auth", expected);
    }
    let probe = Probe::Socks(reached_at(proxy.listen));
    let drain = proxy.drain;
    let secrets = users(&proxy);
    let mut worker = row(Program::BuiltinProxy(proxy), probe, reading);
    worker.secrets = secrets;
    // It ends by itself when the connections had their time; SIGKILL comes after that.
    worker.stop.grace += drain;
    Some(worker)
}

/// Its users are a secret of its own. What systemd handed us as a credential it has of systemd as well,
/// which is another one with another attempt alone; any other file it reads again when it is told to.
fn users(proxy: &Builtin) -> Secrets {
    let file = proxy.auth.as_ref().map(|auth| &auth.file);
    // A credential has no place where nothing was handed over.
    let Some(file) = file.filter(|file| file.is_absolute()) else {
        return Secrets::default();
    };
    Secrets {
        files: BTreeMap::from([(Builtin::USERS.to_owned(), file.clone())]),
        on_change: match proxy.credential() {
            Some(_) => OnSecretChange::Restart,
            None => OnSecretChange::Signal(Signal::HUP),
        },
        ..Secrets::default()
    }
}

fn tailscale(table: &Table<'_>, reading: &mut Reading<'_>) -> Option<Worker> {
    let listen = listen(table, reading);
    if listen.is_some_and(|listen| !listen.ip().to_canonical().is_loopback()) {
        let expected = "an address such as \"127.0.0.1:1055\"";
        beyond_loopback(table, reading, "cannot have auth", expected);
    }
    let state = table.need(tailscale::STATE, reading).and_then(|entry| {
        let state = machine::path(&entry, reading)?;
        let socket = Tailscale::socket_in(&state);
        if socket.as_os_str().len() > LONGEST_SOCKET {
            entry
                .wrong(
                    reading,
                    format_args!("is too long for {}", socket.display()),
                )
                .hint(format!(
                    "a socket's path has at most {LONGEST_SOCKET} bytes"
                ));
            return None;
        }
        Some(state)
    });
    let auth_key = table
        .get(tailscale::AUTH_KEY)
        .map(|entry| machine::credential(&entry, reading));
    let hostname = table.get(tailscale::HOSTNAME).map(|entry| {
        let text = entry.string(reading)?;
        let fits = text.len() <= 63 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !fits {
            entry.wrong(reading, format_args!("is \"{text}\""));
        }
        fits.then(|| text.to_owned())
    });
    let arguments = table
        .get(tailscale::ARGUMENTS)
        .and_then(|entry| values::strings(&entry, reading))
        .unwrap_or_default();
    let program = Tailscale {
        listen: listen?,
        state: state?,
        auth_key: match auth_key {
            Some(file) => Some(file?),
            None => None,
        },
        hostname: match hostname {
            Some(name) => Some(name?),
            None => None,
        },
        tailscaled: "tailscaled".into(),
        tailscale: "tailscale".into(),
        arguments,
    };
    let ready = Probe::Command(program.readiness(&reading.env.executable));
    let alive = Probe::Socks(reached_at(program.listen));
    let mut worker = row(Program::Tailscale(program), alive, reading);
    if let Some(by) = &mut worker.ready {
        by.probe = ready;
    }
    Some(worker)
}

fn command(table: &Table<'_>, reading: &mut Reading<'_>) -> Option<Worker> {
    let listen = listen(table, reading);
    let workdir = match table.get(proxy_command::WORKDIR) {
        Some(entry) => machine::path(&entry, reading),
        None => Some(reading.base.to_owned()),
    };
    let environment = table
        .get(proxy_command::ENVIRONMENT)
        .and_then(|entry| values::environment(&entry, reading))
        .unwrap_or_default();
    let program = table
        .need(proxy_command::COMMAND, reading)
        .and_then(|entry| machine::command(&entry, reading, workdir.as_deref()));
    let ready = table
        .get(proxy_command::READY)
        .map(|entry| probe::ready(&entry, reading, workdir.as_deref()));
    let mut worker = row(
        Program::Command(program?),
        Probe::Socks(reached_at(listen?)),
        reading,
    );
    worker.workdir = workdir?;
    worker.environment = environment;
    if let Some(ready) = ready {
        worker.ready = Some(ready?);
    }
    Some(worker)
}

/// The row of a proxy that is ready, and well, when `probe` says so.
fn row(program: Program, probe: Probe, reading: &Reading<'_>) -> Worker {
    let rules = Rules::default();
    Worker {
        name: WorkerName::proxy(),
        kind: Kind::Proxy,
        on: On::Local,
        program,
        workdir: reading.base.to_owned(),
        worktree: None,
        origin: None,
        environment: rules.environment,
        systemd: rules.systemd,
        secrets: Secrets::default(),
        launcher: LauncherKind::Process,
        requires: Vec::new(),
        restart: rules.restart,
        backoff: Backoff {
            first: Duration::from_millis(200),
            most: Duration::from_secs(30),
            ..rules.backoff
        },
        budget: rules.budget,
        daily: rules.daily,
        ready: Some(Ready {
            probe: probe.clone(),
            every: READY_EVERY,
            timeout: probe::READY_TIMEOUT,
        }),
        alive: Some(Alive {
            probe,
            every: probe::ALIVE_EVERY,
            failures: probe::ALIVE_FAILURES,
        }),
        agent: None,
        conversation: Keeps::default(),
        watch: Watch::default(),
        say: Say::default(),
        limit: Limit::default(),
        handoff: None,
        unstick: Unstick::default(),
        breaker: None,
        stop: rules.stop,
        phases: None,
        on_phase: OnPhase::Keep,
        keep_output: rules.keep_output,
        keep_attempts: rules.keep_attempts,
    }
}

fn listen(table: &Table<'_>, reading: &mut Reading<'_>) -> Option<SocketAddr> {
    match table.get(proxy::LISTEN) {
        Some(entry) => values::listen(&entry, reading),
        None => Some(Builtin::default().listen),
    }
}

fn beyond_loopback(
    table: &Table<'_>,
    reading: &mut Reading<'_>,
    why: &str,
    expected: &'static str,
) {
    let at = table
        .get(proxy::LISTEN)
        .map_or(table.at.clone(), |entry| entry.at);
    reading
        .complain(
            &at,
            format!("proxy is open to other machines and {why}"),
            expected,
        )
        .hint("whoever reaches it could use your network");
}

/// Where a client on this machine reaches what listens there.
fn reached_at(listen: SocketAddr) -> String {
    let mut reached = listen;
    if listen.ip().is_unspecified() {
        match listen {
            SocketAddr::V4(_) => reached.set_ip(Ipv4Addr::LOCALHOST.into()),
            SocketAddr::V6(_) => reached.set_ip(Ipv6Addr::LOCALHOST.into()),
        }
    }
    reached.to_string()
}

fn list<T>(entry: Option<Entry<'_>>, reading: &mut Reading<'_>) -> Vec<T>
where
    T: FromStr<Err: std::fmt::Display>,
{
    let items = entry.and_then(|entry| entry.items(DESTINATION, reading));
    items
        .unwrap_or_default()
        .iter()
        .filter_map(|item| item.parsed(reading))
        .collect()
}
