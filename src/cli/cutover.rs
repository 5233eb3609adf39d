//! `cutover`: a rig goes on on another machine.
//!
//! Promise: what is exported does not run here any more before somebody takes it back, and that is
//! recorded before the first byte of it is written; what is imported stands still until somebody resumes it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, IsTerminal as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use jiff::{Timestamp, tz::TimeZone};
use nix::unistd::{Uid, User, geteuid, gethostname};

use super::{
    Context, check,
    failure::{Exit, Failure},
    offline,
    quiesce::{self, Wait},
    steer, table,
    words::printable,
};
use crate::{
    causes::in_one_line,
    config,
    control::protocol::{Done, Request, StatusView},
    cutover::{self, CutoverError, Manifest, Packed},
    decide::handed_over,
    model::{CutoverId, PhaseId},
    paths::typed,
    store::Store,
    systemd::service,
};

/// Standard input or output.
const STREAM: &str = "-";

#[derive(Debug, Subcommand)]
pub(super) enum What {
    /// Pause the rig at a safe point, hand it over, and write it into a file.
    Export(Export),
    /// Take over what was exported, where no daemon runs.
    Import(Import),
    /// Let a rig run here again that was handed over; only if it was not imported elsewhere.
    Cancel,
}

#[derive(Debug, Args)]
pub(super) struct Export {
    /// The file, which is not there yet; `-` is standard output.
    file: PathBuf,
    #[command(flatten)]
    wait: Wait,
}

#[derive(Debug, Args)]
pub(super) struct Import {
    /// The file that `export` wrote; `-` is standard input.
    file: PathBuf,
    /// Set the records aside that are here already.
    #[arg(long)]
    replace: bool,
}

pub(super) fn run(what: &What, context: &Context) -> Result<(), Failure> {
    match what {
        What::Export(arguments) => export(arguments, context),
        What::Import(arguments) => import(arguments, context),
        What::Cancel => steer::done(&Request::TakeBack {}, context),
    }
}

fn export(arguments: &Export, context: &Context) -> Result<(), Failure> {
    let Export { file, wait } = arguments;
    let paths = context.paths()?;
    refuse_target(file)?;
    may_write(&paths.state)?;
    let before: StatusView = context.connect()?.ask(&Request::Status {})?;
    let id = match handed_over(before.paused_because.as_deref()) {
        // It was handed over, and the file may not have been written.
        Some(id) => id
            .parse()
            .map_err(|error| Failure::new(Exit::Failed, &error))?,
        None => hand_over(wait, context)?,
    };
    let status: StatusView = context.connect()?.ask(&Request::Status {})?;
    let point = status.phase.as_ref().map(|phase| table::place(Some(phase)));
    let rig = printable(&status.rig);
    let manifest = Manifest::new(id, rig, printable(&host()), Timestamp::now(), point);
    let plan = plan(&paths.config);
    let pack = |out: &mut dyn io::Write| cutover::pack(&paths.state, &plan, &manifest, out);
    let packed = match file == Path::new(STREAM) {
        true => pack(&mut io::stdout().lock()),
        false => into_file(file, pack),
    };
    let packed = packed.map_err(|error| {
        let failure = Failure::new(Exit::Failed, &error);
        if matches!(error, CutoverError::TakenBack) {
            return failure;
        }
        let again = "nothing runs here now; mend that and export again, or go on here with: \
                     supervisorctl cutover cancel";
        failure.hint(again)
    })?;
    tell(&manifest, &packed, file, context)
}

/// Pauses the rig and hands it over.
fn hand_over(wait: &Wait, context: &Context) -> Result<CutoverId, Failure> {
    Failure::show(&quiesce::pause_safely(wait, context)?);
    let time = Timestamp::now().to_zoned(TimeZone::UTC);
    let id = format!(
        "{}-{:08x}",
        time.strftime("%Y%m%dT%H%M%SZ"),
        fastrand::u32(..)
    );
    let id: CutoverId = id
        .parse()
        .map_err(|error| Failure::new(Exit::Failed, &error))?;
    let request = Request::HandOver {
        cutover: id.clone(),
    };
    context.connect()?.ask::<Done>(&request).map(drop)?;
    Ok(id)
}

fn refuse_target(file: &Path) -> Result<(), Failure> {
    if file == Path::new(STREAM) {
        return match io::stdout().is_terminal() {
            false => Ok(()),
            true => Err(Failure::say(
                Exit::Usage,
                "archive is not for a terminal; name a file, or pipe it on",
            )),
        };
    }
    match fs::symlink_metadata(file) {
        Ok(_) => {
            let message = format!("file {} is there already", file.display());
            Err(Failure::say(Exit::Failed, message).hint("name another one"))
        }
        Err(_) => Ok(()),
    }
}

/// Writes all of it, or leaves nothing there.
fn into_file(
    file: &Path,
    pack: impl FnOnce(&mut dyn io::Write) -> Result<Packed, CutoverError>,
) -> Result<Packed, CutoverError> {
    let failed = |did| {
        let what = file.display().to_string();
        move |source| CutoverError::File { what, did, source }
    };
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .map_err(failed("made"))?;
    let packed = pack(&mut out).and_then(|packed| {
        let synced = out.flush().and_then(|()| out.sync_all());
        synced.map(|()| packed).map_err(failed("written"))
    });
    if packed.is_err() {
        // Half an archive is of no use to anybody.
        drop(fs::remove_file(file));
    }
    packed
}

fn tell(
    manifest: &Manifest,
    packed: &Packed,
    file: &Path,
    context: &Context,
) -> Result<(), Failure> {
    let Manifest { id, .. } = manifest;
    let shown = match file == Path::new(STREAM) {
        true => "FILE".to_owned(),
        false => typed(file),
    };
    let mut text = match &manifest.resume_point {
        Some(point) => format!("cutover {id}: exported at {point}"),
        None => format!("cutover {id}: exported"),
    };
    text.push_str(&match packed.waiting {
        0 => "\n".to_owned(),
        1 => ", with 1 file that waits in an inbox\n".to_owned(),
        files => format!(", with {files} files that wait in inboxes\n"),
    });
    for left in &packed.left {
        text.push_str(&format!(
            "left here: {}\n",
            printable(&left.display().to_string())
        ));
    }
    text.push_str(&format!(
        "no loop runs here any more; on the other machine, with its daemon stopped:\n  \
         supervisorctl cutover import {shown}\nif it was not imported, go on here with:\n  \
         supervisorctl cutover cancel\n"
    ));
    if file == Path::new(STREAM) {
        Failure::show(&text);
        return Ok(());
    }
    Ok(context.screen.print(text)?)
}

fn import(arguments: &Import, context: &Context) -> Result<(), Failure> {
    let paths = context.paths()?;
    let state = &paths.state;
    may_write(state)?;
    if let Some(pid) = Store::holder(state) {
        let message = format!("loopkeeperd runs (pid {pid}), so nothing was imported");
        let ends = service::how_to_end(pid);
        return Err(Failure::say(Exit::Failed, message).hint(format!(
            "stop its workers with supervisorctl stop, as they go on without it, then: {ends}"
        )));
    }
    if let Some((worker, pid)) = offline::living(state)? {
        let message = format!("{worker} still runs here (pid {pid}), so nothing was imported");
        return Err(Failure::say(Exit::Failed, message).hint(
            "stop it first: start the daemon, supervisorctl stop it, and stop the daemon again",
        ));
    }
    let stream = arguments.file == Path::new(STREAM);
    let arrived = match stream {
        true => cutover::unpack(state, io::stdin().lock(), arguments.replace),
        false => {
            let file = File::open(&arguments.file).map_err(|error| {
                let message = format!("file {}: {error}", arguments.file.display());
                Failure::say(Exit::Failed, message)
            })?;
            cutover::unpack(state, io::BufReader::new(file), arguments.replace)
        }
    };
    let arrived = arrived.map_err(|error| refused(&error))?;
    let Manifest {
        id,
        rig,
        from,
        resume_point,
        ..
    } = &arrived.manifest;
    let mut text = match resume_point {
        Some(point) => format!("imported rig {rig} of {from}: {point} (cutover {id})\n"),
        None => format!("imported rig {rig} of {from} (cutover {id})\n"),
    };
    if let Some(aside) = &arrived.set_aside {
        text.push_str(&format!("what was here before is in {}\n", aside.display()));
    }
    text.push_str("it is paused: start the daemon, look at supervisorctl status, then: supervisorctl resume\n");
    Ok(context.screen.print(text)?)
}

fn refused(error: &CutoverError) -> Failure {
    let failure = Failure::new(Exit::Failed, error);
    match error {
        CutoverError::Here(_) => failure.hint("go on here with: supervisorctl cutover cancel"),
        CutoverError::History { .. } => {
            failure.hint("--replace sets what is there aside, and removes nothing")
        }
        CutoverError::Store(error) => match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        },
        CutoverError::Inbox(_)
        | CutoverError::Name(..)
        | CutoverError::Damaged(_)
        | CutoverError::File { .. }
        | CutoverError::Archive(_)
        | CutoverError::TakenBack => failure,
    }
}

/// The state directory is to stay its owner's.
fn may_write(state: &Path) -> Result<(), Failure> {
    let Ok(found) = fs::metadata(state) else {
        return Ok(());
    };
    let owner = Uid::from_raw(found.uid());
    if owner == geteuid() {
        return Ok(());
    }
    let user = User::from_uid(owner).ok().flatten();
    let name = user.map_or_else(|| owner.to_string(), |user| user.name);
    let message = format!("state directory {} is {name}'s", state.display());
    let hint = match owner.is_root() {
        true => "type the same after `sudo`".to_owned(),
        false => format!("type the same after `sudo -u {name}`"),
    };
    Err(Failure::say(Exit::Failed, message).hint(hint))
}

/// The ids of the plan, by which an edited `phase-idx` is understood.
fn plan(file: &Path) -> Vec<PhaseId> {
    let config = check::environment()
        .ok()
        .and_then(|environment| config::load(file, &environment).ok());
    let phases = config.map(|config| config.plan.phases).unwrap_or_default();
    phases.into_iter().map(|phase| phase.id).collect()
}

fn host() -> String {
    let name = gethostname().map_err(|error| in_one_line(&error));
    name.map_or_else(
        |_| "another machine".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}
