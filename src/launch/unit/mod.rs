//! The systemd launcher: a worker is a transient service of its own, below `loopkeeper.slice`.
//!
//! Promise: PID 1 carries it, and nothing that happens to the daemon reaches it. Its unit has the
//! worker's name, so the manager itself refuses a second one while anything of the first lives. How
//! it ended is written down by the manager's own hand (`record`), also when no daemon is there and no
//! program of ours is left on the disk.
//!
//! How: [`exec`](super::exec) is what the unit runs; it takes the worktree's lease, records the start
//! and becomes the worker. Before our own unit it is ordered, and units are stopped in the inverse
//! order (systemd.unit(5)): when the machine goes down, nobody of us is left to take that for the end
//! of a worker.

mod confine;
mod defaults;
#[cfg(test)]
mod fuzz;
mod killed;
mod record;
mod script;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::inotify::WatchFlags;
pub(super) use script::RECORD;
use zbus::Variant;

use super::{
    ATTEMPT_DIR, House, News,
    attempt::Launched,
    context::Context,
    directory::{Directory, Spec, Start},
    not_started::NotStarted,
    socket,
};
use crate::{
    causes::in_one_line,
    config::{Builtin, Program, Worker},
    model::{AttemptRef, Exit, HostEvent, Intervention, WorkerName},
    systemd::{
        manager::{Incarnation, Manager, ManagerError, Whose},
        units::Units,
    },
};

pub(super) use confine::user;

const SLICE: &str = "loopkeeper.slice";
/// In the state directory.
const RECORDER: &str = "record-exit";
/// In the state directory.
const ASKER: &str = "record-stop";
/// In an attempt's directory, where it has a session: how that is made.
const SESSION: &str = "start.sh";
/// What the manager is given to answer while a signal waits for it.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// What the manager is given to let go of a unit in which nothing lives.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// What an operator types after `systemctl status` and `journalctl -u`.
pub(super) fn name(worker: &WorkerName) -> String {
    format!("loopkeeper-{worker}.service")
}

/// Where the manager puts the credentials of a worker's unit (systemd.exec(5), `LoadCredential=`), as
/// the manager sees it: a service that is confined, as we may be, sees its own and no others.
pub(super) fn credentials(units: &Units, worker: &WorkerName) -> PathBuf {
    let runtime = match units.whose() {
        Whose::System => Path::new("/proc/1/root/run"),
        Whose::User(runtime) => runtime,
    };
    runtime.join("credentials").join(name(worker))
}

/// The builtin proxy's settings, as they are inside of its service.
pub(super) fn proxy_inside(proxy: &Builtin, worker: &WorkerName, units: &Units) -> Builtin {
    defaults::inside(proxy, &name(worker), units.whose())
}

/// What is needed to have a worker carried.
pub(super) struct Carrier<'a> {
    pub(super) context: &'a Context,
    pub(super) units: &'a Units,
    /// Our own unit.
    pub(super) own: Option<&'a str>,
    /// What is declared of the worker.
    pub(super) worker: &'a Worker,
}

impl Carrier<'_> {
    /// Starts an attempt as a service.
    pub(super) async fn launch(
        &self,
        attempt: &AttemptRef,
        directory: &Directory,
        spec: &Spec,
        environment: Vec<(OsString, OsString)>,
    ) -> Result<Launched, NotStarted> {
        let unit = name(&attempt.worker);
        let executable = &self.context.settings.executable;
        let executable = match self.worker.program {
            // It is confined so that it cannot look at ours.
            Program::BuiltinProxy(_) => {
                executable
                    .to_run_apart(&directory.program())
                    .map_err(|error| {
                        NotStarted::because(&directory.program().display().to_string(), &error)
                    })?
            }
            Program::Command(_) | Program::Tailscale(_) => executable.to_run(),
        };
        let argv = vec![
            executable.to_string_lossy().into_owned(),
            "exec".to_owned(),
            "--attempt-dir".to_owned(),
            directory.path().to_string_lossy().into_owned(),
        ];
        let mut properties = self.properties(attempt, directory, environment)?;
        properties.extend([
            ("Type", "exec".into()),
            ("ExecStart", command(argv)),
            ("WorkingDirectory", text(&spec.workdir)?.into()),
            match spec.has_file() {
                true => (
                    "StandardOutputFileToAppend",
                    text(&directory.output())?.into(),
                ),
                false => ("StandardOutput", "journal".into()),
            },
            // The same stream, so that lines stay in their order.
            ("StandardError", "inherit".into()),
        ]);
        let arrival = self
            .context
            .arrivals
            .watch(&directory.records(), WatchFlags::MOVED_TO)
            .map_err(|error| {
                NotStarted::because(&directory.path().display().to_string(), &error)
            })?;
        let manager = self
            .units
            .manager()
            .await
            .map_err(|error| unreachable(&error))?;
        let mut watch = self.units.watch(&unit);
        let started = manager.start(&unit, &properties).await;
        if let Err(error) = &started
            && !matches!(error, ManagerError::Job { .. })
        {
            return Err(refused(&unit, error));
        }
        // That the job failed may also be the end of a worker that was too quick for it.
        loop {
            // In this order: what the unit has recorded was there before it ended.
            let found = look(self.units, &unit).await;
            if let Some(start) = directory.start() {
                return Ok(Launched::Unit {
                    start,
                    units: self.units.clone(),
                });
            }
            if let Some(why) = directory.start_failed() {
                return Err(why.into());
            }
            if let Err(error) = &started {
                return Err(in_one_line(error).into());
            }
            if found.is_ok_and(|found| found.is_none_or(|found| !found.lives)) {
                let why =
                    format!("{unit} ended before its worker began; see: journalctl -u {unit}");
                return Err(why.into());
            }
            tokio::select! {
                () = arrival.changed() => {}
                () = watch.changed() => {}
            }
        }
    }

    /// Starts a tmux server as a service, and its session in it.
    pub(super) async fn launch_session(
        &self,
        attempt: &AttemptRef,
        directory: &Directory,
        tmux: &Path,
        arguments: &[OsString],
        environment: Vec<(OsString, OsString)>,
    ) -> Result<(), NotStarted> {
        let unit = name(&attempt.worker);
        let start = directory.path().join(SESSION);
        let words = arguments.iter().map(|word| word.to_string_lossy());
        let arguments: Vec<String> = words.map(std::borrow::Cow::into_owned).collect();
        // By hand, a unit can be started a second time; an attempt cannot.
        let script = script::run_once(&text(&directory.start_record())?, &text(tmux)?, &arguments);
        let script = script.map_err(|error| NotStarted::from_error(&error))?;
        fs::write(&start, script)
            // Whoever the worker is reads it.
            .and_then(|()| fs::set_permissions(&start, fs::Permissions::from_mode(0o644)))
            .map_err(|error| NotStarted::because(&start.display().to_string(), &error))?;
        let mut properties = self.properties(attempt, directory, environment)?;
        properties.extend([
            ("Type", "forking".into()),
            (
                "ExecStart",
                command(vec!["/bin/sh".to_owned(), text(&start)?]),
            ),
            ("StandardOutput", "null".into()),
            ("StandardError", "journal".into()),
        ]);
        let manager = self
            .units
            .manager()
            .await
            .map_err(|error| unreachable(&error))?;
        match manager.start(&unit, &properties).await {
            Ok(()) => Ok(()),
            // The server ends with its only pane, maybe before the job does: then the pane knows why.
            Err(ManagerError::Job { .. }) if directory.start().is_some() => Ok(()),
            Err(error) => Err(match directory.start_failed() {
                Some(why) => why.into(),
                None => refused(&unit, &error),
            }),
        }
    }

    /// What every unit has, whatever it runs.
    fn properties(
        &self,
        attempt: &AttemptRef,
        directory: &Directory,
        environment: Vec<(OsString, OsString)>,
    ) -> Result<Vec<(&'static str, Variant<'static>)>, NotStarted> {
        let inherited = self.context.runner.inherited.variables();
        // The manager refuses a name that is there twice; the later value holds.
        let environment: BTreeMap<OsString, OsString> = inherited.chain(environment).collect();
        let environment = environment
            .iter()
            .map(|(name, value)| variable(name, value))
            .collect::<Result<Vec<String>, NotStarted>>()?;
        let recorder = vec![
            "/bin/sh".to_owned(),
            self.script(RECORDER, script::RECORDER)?,
            text(directory.path())?,
        ];
        let mut asker = vec![
            "/bin/sh".to_owned(),
            self.script(ASKER, script::ASK)?,
            text(directory.path())?,
            name(&attempt.worker),
        ];
        if matches!(self.units.whose(), Whose::User(_)) {
            asker.push("--user".to_owned());
        }
        let stop = &self.worker.stop;
        let before: Vec<String> = self.own.map(str::to_owned).into_iter().collect();
        let worker = &attempt.worker;
        let mut credentials = Vec::new();
        let files = self.worker.secrets.files.clone();
        let lent = defaults::lent(self.worker, self.units.whose());
        for (name, path) in files.into_iter().chain(lent) {
            credentials.push((name, text(&path)?));
        }
        let sockets = socket::directory(&self.context.settings);
        let places = defaults::Places {
            attempt: directory.path(),
            executable: &self.context.settings.executable.to_run(),
            sockets: &self.context.settings.runtime,
        };
        let settings = defaults::of(self.worker, self.units.whose(), places);
        let settings = confine::settings(&settings, &text(directory.path())?, &text(&sockets)?);
        let ours = [
            ("Description", format!("Loopkeeper worker {worker}").into()),
            ("Slice", SLICE.into()),
            ("SyslogIdentifier", worker.as_str().to_owned().into()),
            ("LogExtraFields", fields(attempt).into()),
            ("CollectMode", "inactive-or-failed".into()),
            ("Before", before.into()),
            ("Environment", environment.into()),
            ("ExecStop", command(asker)),
            ("ExecStopPost", command(recorder)),
            // Else the recorder would have the worker's user and its restrictions.
            ("PermissionsStartOnly", true.into()),
            // For who stops it by hand.
            ("KillSignal", stop.signal.number().into()),
            ("TimeoutStopUSec", micros(stop.grace).into()),
            // `systemctl isolate` is about what belongs to a target, and this does to none.
            ("IgnoreOnIsolate", true.into()),
        ];
        let lent = (!credentials.is_empty()).then(|| ("LoadCredential", credentials.into()));
        Ok(ours.into_iter().chain(settings).chain(lent).collect())
    }

    /// The path of a script in the state directory; makes it, or renews another version's.
    fn script(&self, name: &str, content: &str) -> Result<String, NotStarted> {
        let path = self.context.settings.state.join(name);
        if !fs::read_to_string(&path).is_ok_and(|found| found == content) {
            let new = path.with_extension("new");
            fs::write(&new, content)
                .and_then(|()| fs::rename(&new, &path))
                .map_err(|error| NotStarted::because(&path.display().to_string(), &error))?;
        }
        text(&path)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// What journald adds to every line of it (systemd.exec(5)).
fn fields(attempt: &AttemptRef) -> Vec<Vec<u8>> {
    let fields = [
        (super::WORKER, attempt.worker.as_str()),
        (super::ATTEMPT, attempt.attempt.as_str()),
    ];
    fields
        .map(|(name, value)| format!("{name}={value}").into_bytes())
        .into()
}

/// As the bus has a command line.
fn command(argv: Vec<String>) -> Variant<'static> {
    let program = argv.first().cloned().unwrap_or_default();
    // `$` begins a variable (systemd.service(5), "Command lines").
    let argv: Vec<String> = argv.iter().map(|word| word.replace('$', "$$")).collect();
    vec![(program, argv, false)].into()
}

fn text(path: &Path) -> Result<String, NotStarted> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| NotStarted::from(format!("{}: is not UTF-8", path.display())))
}

fn variable(name: &OsString, value: &OsString) -> Result<String, NotStarted> {
    let text = name.to_str().zip(value.to_str());
    let text = text.map(|(name, value)| format!("{name}={value}"));
    text.ok_or_else(|| NotStarted::from(format!("environment: {} is not UTF-8", name.display())))
}

fn refused(unit: &str, error: &ManagerError) -> NotStarted {
    match error {
        // No fault of the worker's.
        error if error.is_taken() => NotStarted {
            why: format!("{unit} is there already; see: systemctl status {unit}"),
            shortage: true,
        },
        ManagerError::NotThere { .. } | ManagerError::Gone(_) => unreachable(error),
        error => NotStarted::from(in_one_line(error)),
    }
}

/// No fault of the worker's: it is tried again.
fn unreachable(error: &ManagerError) -> NotStarted {
    NotStarted {
        why: in_one_line(error),
        shortage: true,
    }
}

/// Waits until the manager has let go of a worker's unit in which nothing lives: until then it refuses
/// the next one.
pub(super) async fn gone(units: &Units, worker: &WorkerName) -> Result<(), String> {
    let unit = name(worker);
    let mut watch = units.watch(&unit);
    let gone = async {
        loop {
            match look(units, &unit).await {
                Ok(None) => return,
                Ok(Some(_)) | Err(_) => watch.changed().await,
            }
        }
    };
    tokio::time::timeout(GONE_WITHIN, gone)
        .await
        .map_err(|_elapsed| format!("{unit} is there although nothing of it lives"))
}

async fn look(units: &Units, unit: &str) -> Result<Option<Incarnation>, ManagerError> {
    let manager: Manager = units.manager().await?;
    manager.incarnation(unit).await
}

/// The recorder, while it runs. It is in the worker's cgroup, and what is meant for that must not reach
/// it. A manager that does not say it in time has no say.
pub(super) async fn recorder_of(units: &Units, worker: &WorkerName) -> Option<i32> {
    let unit = name(worker);
    let asked = async { units.manager().await.ok()?.last_command(&unit).await.ok()? };
    let answer = tokio::time::timeout(ANSWERS_WITHIN, asked).await;
    answer.ok().flatten()
}

/// Whether a worker's unit is there and carries this attempt, as far as to be about to begin it.
pub(super) async fn carries(
    units: &Units,
    worker: &WorkerName,
    directory: &Directory,
) -> Result<bool, ManagerError> {
    let unit = name(worker);
    let manager = units.manager().await?;
    let found = manager.incarnation(&unit).await?;
    let own = format!("{ATTEMPT_DIR}={}", directory.path().display());
    Ok(found.is_some_and(|found| found.lives) && manager.environment(&unit).await?.contains(&own))
}

/// How far the end of one life of a unit has come.
pub(super) enum Ending {
    /// Something of it lives, or the recorder has not run yet.
    Ending,
    /// It is over; how it ended, if that was recorded.
    Ended(Option<Exit>),
}

/// How an attempt ended that was a unit's main process, if the manager has written it down.
pub(crate) fn recorded(directory: &Directory, start: &Start) -> Option<Exit> {
    let invocation = start
        .invocation
        .as_deref()
        .filter(|_| start.pane.is_none())?;
    of_invocation(directory, invocation)
}

fn of_invocation(directory: &Directory, invocation: &str) -> Option<Exit> {
    let text = fs::read_to_string(directory.path().join(RECORD)).ok()?;
    record::of(&text, invocation)
}

/// What somebody did to the attempt's unit, past us, and ended it.
pub(super) fn intervention(directory: &Directory) -> Option<Intervention> {
    let invocation = directory.start()?.invocation?;
    let text = fs::read_to_string(directory.path().join(script::ASKED)).ok()?;
    record::asked(&text, &invocation)
}

/// Looks whether a signal that ended an attempt was sent by hand, and tells it then.
pub(super) fn look_for_hand(
    context: &Context,
    attempt: &AttemptRef,
    directory: &Directory,
    exit: &Exit,
) {
    let House::Unit { units, .. } = &context.settings.house else {
        return;
    };
    let Exit::Signal(ended_by) = *exit else {
        return;
    };
    let Some(invocation) = directory.start().and_then(|start| start.invocation) else {
        return;
    };
    let (runner, news) = (context.runner.clone(), context.news.clone());
    let (whose, attempt) = (units.whose().clone(), attempt.clone());
    tokio::spawn(async move {
        if killed::by_hand(&runner, &whose, &invocation).await == Some(ended_by) {
            // The daemon that does not listen any more is ending.
            drop(news.send(News::Event(HostEvent::KilledByHand(attempt, ended_by))));
        }
    });
}

/// Asks how far its end has come, also of a unit that runs.
pub(super) async fn ends(
    units: &Units,
    worker: &WorkerName,
    invocation: &str,
    directory: &Directory,
) -> Result<Ending, ManagerError> {
    // In this order: the record is written before the unit is gone.
    let found = look(units, &name(worker)).await;
    if let Some(exit) = of_invocation(directory, invocation) {
        return Ok(Ending::Ended(Some(exit)));
    }
    Ok(match found? {
        Some(found) if found.lives && found.invocation == invocation => Ending::Ending,
        Some(_) | None => Ending::Ended(None),
    })
}

/// Waits for the end of one life of a unit; how it was, if that was recorded.
pub(super) async fn exit(
    units: &Units,
    worker: &WorkerName,
    invocation: &str,
    directory: &Directory,
) -> Option<Exit> {
    let mut watch = units.watch(&name(worker));
    loop {
        match ends(units, worker, invocation, directory).await {
            Ok(Ending::Ended(exit)) => return exit,
            // A manager that cannot be asked has said nothing of the unit.
            Ok(Ending::Ending) | Err(_) => watch.changed().await,
        }
    }
}
