//! Into an archive.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{CutoverError, End, FIRST, INBOX, LAST, Manifest, file_error};
use crate::{
    decide::{Fact, Level, Notice, handed_over},
    handoff,
    inbox::{self, Inbox},
    model::{PhaseId, WorkerName},
    store::{DATABASE, FILES, Store, gates},
};

/// What was packed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Packed {
    /// Files of inboxes that wait.
    pub waiting: usize,
    /// Files of inboxes and of gates that could not be taken along, and requests that nobody has answered.
    pub left: Vec<PathBuf>,
}

/// Packs the rig of a state directory, which is handed over, also while a daemon has it.
///
/// # Errors
/// What cannot be read, or written to `out`; what is there then is no whole archive.
pub fn pack(
    state: &Path,
    plan: &[PhaseId],
    manifest: &Manifest,
    out: impl Write,
) -> Result<Packed, CutoverError> {
    let records = tempfile::tempdir().map_err(file_error("temporary directory", "made"))?;
    copy_records(state, records.path(), plan, manifest)?;
    let mut archive = Archive {
        tar: tar::Builder::new(out),
        at: manifest.at.as_second(),
        files: 0,
    };
    archive.add_json(FIRST, manifest)?;
    archive.files = 0;
    for name in [DATABASE].into_iter().chain(FILES) {
        let file = records.path().join(name);
        if file.exists() {
            let content = fs::read(&file).map_err(file_error(name, "read"))?;
            archive.add(Path::new(name), &content)?;
        }
    }
    let mut packed = Packed::default();
    for worker in workers(&state.join(INBOX))? {
        let inbox = Inbox::open(state, &worker)?;
        packed.waiting += inbox.waiting()?.len();
        let (all, left) = inbox.take_all()?;
        let place = Path::new(INBOX).join(worker.as_str());
        for one in all {
            archive.add(&place.join(&one.name), &one.content)?;
        }
        let whole = inbox::path(state, &worker);
        packed.left.extend(left.iter().map(|name| whole.join(name)));
    }
    for (name, content) in gates::files(state)? {
        match content {
            Ok(content) => archive.add(&name, &content)?,
            Err(_) => packed.left.push(state.join(name)),
        }
    }
    packed.left.extend(handoff::unanswered(state));
    let paused = Store::read_only(state, plan)?.restored.paused;
    if handed_over(paused.as_deref()) != Some(manifest.id.as_str()) {
        return Err(CutoverError::TakenBack);
    }
    let files = archive.files;
    archive.add_json(LAST, &End { files })?;
    let written = archive.tar.into_inner().and_then(|mut out| out.flush());
    written.map_err(file_error("archive", "written"))?;
    Ok(packed)
}

/// The records as the other machine begins with them.
fn copy_records(
    state: &Path,
    to: &Path,
    plan: &[PhaseId],
    manifest: &Manifest,
) -> Result<(), CutoverError> {
    let Manifest { id, from, at, .. } = manifest;
    let at = *at;
    let text = format!("the rig was moved here from {from}, by cutover {id}");
    let mut facts = vec![
        Fact::Paused(Some(format!("moved here from {from} by cutover {id}"))),
        Fact::Notice(Notice {
            at,
            event: "moved-here".into(),
            level: Level::Info,
            worker: None,
            attempt: None,
            phase: None,
            text,
        }),
    ];
    let restored = Store::read_only(state, plan)?.restored;
    // Its checkouts are made anew there, and other things are mounted.
    let paths = restored.worktrees.into_keys();
    facts.extend(paths.map(|path| Fact::Worktree { path, on: None }));
    // The machine that has it next is another boot, and the one before ended in order.
    facts.extend(restored.boot.map(|last| Fact::Goodbye {
        boot: last.boot,
        at,
    }));
    let problems = Store::copy(state, to, plan, &facts)?;
    match problems.first() {
        None => Ok(()),
        Some(problem) => Err(CutoverError::Damaged(problem.to_string())),
    }
}

fn workers(inboxes: &Path) -> Result<Vec<WorkerName>, CutoverError> {
    let entries = match fs::read_dir(inboxes) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(file_error(inboxes.display().to_string(), "read"))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(file_error(inboxes.display().to_string(), "read"))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        names.push(
            name.parse()
                .map_err(|why| CutoverError::Name(entry.path(), why))?,
        );
    }
    names.sort();
    Ok(names)
}

struct Archive<W: Write> {
    tar: tar::Builder<W>,
    at: i64,
    files: usize,
}

impl<W: Write> Archive<W> {
    fn add(&mut self, name: &Path, content: &[u8]) -> Result<(), CutoverError> {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(content.len()).unwrap_or(u64::MAX));
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(self.at).unwrap_or(0));
        let added = self.tar.append_data(&mut header, name, content);
        added.map_err(file_error(name.display().to_string(), "packed"))?;
        self.files += 1;
        Ok(())
    }

    fn add_json(&mut self, name: &str, value: &impl serde::Serialize) -> Result<(), CutoverError> {
        let text = serde_json::to_string(value).map_err(io::Error::from);
        let text = text.map_err(file_error(name, "packed"))? + "\n";
        self.add(Path::new(name), text.as_bytes())
    }
}
