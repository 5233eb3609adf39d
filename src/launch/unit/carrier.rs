//! How a worker's unit is made.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::inotify::WatchFlags;
use zbus::Variant;

use super::{
    confine, defaults, name,
    refused::unreachable,
    script::{self, Script},
};
use crate::{
    host::inotify::Watch,
    launch::{
        ATTEMPT, WORKER,
        attempt::Launched,
        context::Context,
        directory::{Directory, Spec, Start},
        needs::Needs,
        not_started::NotStarted,
        output::journal::identifier,
        socket,
    },
    model::AttemptRef,
    systemd::{manager::Whose, units::Units},
};

const SLICE: &str = "loopkeeper.slice";
/// In an attempt's directory, where it has a session: how that is made.
const SESSION: &str = "start.sh";

/// What is needed to have a worker carried.
pub(in crate::launch) struct Carrier<'a> {
    pub(in crate::launch) context: &'a Context,
    pub(in crate::launch) units: &'a Units,
    /// Our own unit.
    pub(in crate::launch) own: Option<&'a str>,
    /// What is declared of the worker, and what was seen.
    pub(in crate::launch) needs: &'a Needs,
}

impl Carrier<'_> {
    /// Starts an attempt as a service.
    pub(in crate::launch) async fn launch(
        &self,
        attempt: &AttemptRef,
        directory: &Directory,
        spec: &Spec,
        environment: Vec<(OsString, OsString)>,
    ) -> Result<Launched, NotStarted> {
        let unit = name(&attempt.worker);
        let executable = self.context.executable(&self.needs.worker, directory)?;
        let argv = vec![
            executable.to_string_lossy().into_owned(),
            "exec".to_owned(),
            "--attempt-dir".to_owned(),
            directory.path().to_string_lossy().into_owned(),
        ];
        let mut properties = self.properties(attempt, directory, environment)?;
        properties.extend([
            ("Type", "exec".into()),
            ("ExecStart", commands([argv])),
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
        let start = self
            .begin(attempt, &manager, &unit, &properties, directory, &arrival)
            .await?;
        Ok(Launched::Unit {
            start,
            units: self.units.clone(),
        })
    }

    /// Starts a tmux server as a service, and its session in it.
    pub(in crate::launch) async fn launch_session(
        &self,
        attempt: &AttemptRef,
        directory: &Directory,
        tmux: &Path,
        arguments: &[OsString],
        environment: Vec<(OsString, OsString)>,
        arrival: &Watch,
    ) -> Result<Start, NotStarted> {
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
                commands([vec!["/bin/sh".to_owned(), text(&start)?]]),
            ),
            ("StandardOutput", "null".into()),
            ("StandardError", "journal".into()),
        ]);
        let manager = self
            .units
            .manager()
            .await
            .map_err(|error| unreachable(&error))?;
        self.begin(attempt, &manager, &unit, &properties, directory, arrival)
            .await
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
            self.script(script::RECORDER)?,
            text(directory.path())?,
        ];
        let mut asker = vec![
            "/bin/sh".to_owned(),
            self.script(script::ASKER)?,
            text(directory.path())?,
            name(&attempt.worker),
        ];
        let of_user = matches!(self.units.whose(), Whose::User(_));
        if of_user {
            asker.push("--user".to_owned());
        }
        let asked_late = [&asker[..], &["--late".to_owned()]].concat();
        let stop = &self.needs.worker.stop;
        let before: Vec<String> = self.own.map(str::to_owned).into_iter().collect();
        let worker = &attempt.worker;
        // Where links lead as well, which systemd does not follow.
        let ways = self.needs.ways.iter().map(PathBuf::as_path);
        let required = ways
            .map(text)
            .collect::<Result<Vec<String>, NotStarted>>()?;
        let mut credentials = Vec::new();
        for (name, path) in &self.needs.worker.secrets.files {
            credentials.push((name.clone(), text(path)?));
        }
        let sockets = socket::directory(&self.context.settings);
        let places = defaults::Places {
            attempt: directory.path(),
            executable: &self.context.settings.executable.to_run(),
            sockets: &self.context.settings.runtime,
        };
        let settings = defaults::of(&self.needs.worker, self.units.whose(), places);
        let settings = confine::settings(&settings, &text(directory.path())?, &text(&sockets)?);
        let ours = [
            ("Description", format!("Loopkeeper worker {worker}").into()),
            ("Slice", SLICE.into()),
            ("SyslogIdentifier", identifier(attempt, of_user).into()),
            ("LogExtraFields", fields(attempt).into()),
            ("CollectMode", "inactive-or-failed".into()),
            ("Before", before.into()),
            ("RequiresMountsFor", required.into()),
            ("Environment", environment.into()),
            ("ExecStop", commands([asker])),
            // The end first: that is recorded whatever else fails.
            ("ExecStopPost", commands([recorder, asked_late])),
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

    /// The path of a script that is there.
    fn script(&self, script: Script) -> Result<String, NotStarted> {
        let path = script.keep(&self.context.settings.state);
        text(&path.map_err(|error| NotStarted::from_error(&error))?)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// What journald adds to every line of it (systemd.exec(5)).
fn fields(attempt: &AttemptRef) -> Vec<Vec<u8>> {
    let fields = [
        (WORKER, attempt.worker.as_str()),
        (ATTEMPT, attempt.attempt.as_str()),
    ];
    fields
        .map(|(name, value)| format!("{name}={value}").into_bytes())
        .into()
}

/// As the bus has command lines.
fn commands<const N: usize>(lines: [Vec<String>; N]) -> Variant<'static> {
    let lines = lines.map(|argv| {
        let program = argv.first().cloned().unwrap_or_default();
        // `$` begins a variable (systemd.service(5), "Command lines").
        let argv: Vec<String> = argv.iter().map(|word| word.replace('$', "$$")).collect();
        (program, argv, false)
    });
    Vec::from(lines).into()
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
