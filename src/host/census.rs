//! Who lives: all processes of the machine at one moment, from `/proc`.
//!
//! Promise: a census that was asked for began after it was asked for, so a child that its dying
//! parent left behind is in it. Everybody who asks while one is about to begin gets the same one:
//! a thousand workers that end together cost one look, not a thousand.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read as _},
    os::unix::ffi::OsStrExt,
    sync::{Arc, Mutex, OnceLock},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, oneshot};

use super::{
    process::Process,
    stat::{Stat, is_gone},
};
use crate::sys;

/// Variables that [`Census::environment`] keeps begin so.
const OURS: &[u8] = b"LOOPKEEPER_";

/// How long, in one census, programs are waited for to get through execve(2). It takes a tenth of a
/// millisecond as a rule; nothing else goes on meanwhile, so it is the longest that the daemon stands
/// still for those whose execve(2) hangs, as on a file system that does not answer, however many.
const EXEC_WITHIN: Duration = Duration::from_millis(50);
/// Between two looks at one of them.
const LOOK_EVERY: Duration = Duration::from_micros(200);

type Environment = BTreeMap<Vec<u8>, Vec<u8>>;

/// All processes at one moment: whoever lives at its end is in it.
#[derive(Debug, Default)]
pub(crate) struct Census {
    all: BTreeMap<i32, Stat>,
    children: HashMap<i32, Vec<i32>>,
    environments: Mutex<Environments>,
    all_traits: OnceLock<Traits>,
}

/// Read on demand, and once.
#[derive(Debug)]
struct Environments {
    known: HashMap<i32, Arc<Environment>>,
    /// What is left of [`EXEC_WITHIN`].
    patience: Duration,
}

impl Default for Environments {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            patience: EXEC_WITHIN,
        }
    }
}

impl Census {
    /// Looks at the machine, now.
    ///
    /// # Errors
    /// When `/proc` cannot be listed or a process in it cannot be opened, above all `EMFILE`: then
    /// nothing at all is known, rather than half.
    pub(crate) fn take() -> io::Result<Self> {
        let mut census = Self::default();
        let mut newest = newest_pid()?;
        for entry in fs::read_dir("/proc")? {
            if let Some(pid) = number(&entry?.file_name()) {
                census.look_at(pid)?;
            }
        }
        // A process may have ended before its turn and left a child that was not listed yet.
        loop {
            let now = newest_pid()?;
            if now == newest {
                return Ok(census);
            }
            if now < newest {
                // The pids began again at the bottom.
                return Self::take();
            }
            for pid in newest + 1..=now {
                census.look_at(pid)?;
            }
            newest = now;
        }
    }

    fn look_at(&mut self, pid: i32) -> io::Result<()> {
        match Stat::of(pid) {
            Ok(stat) => {
                if self.all.insert(pid, stat).is_none() {
                    self.children.entry(stat.parent).or_default().push(pid);
                }
                Ok(())
            }
            Err(error) if is_gone(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Processes that were alive.
    pub(crate) fn living(&self) -> impl Iterator<Item = &Stat> {
        self.all.values().filter(|stat| stat.lives())
    }

    pub(crate) fn stat(&self, process: Process) -> Option<&Stat> {
        self.by_pid(process.pid)
            .filter(|stat| stat.process == process)
    }

    pub(crate) fn by_pid(&self, pid: i32) -> Option<&Stat> {
        self.all.get(&pid)
    }

    /// Adds all that descend from those in `pids`.
    pub(crate) fn with_descendants(&self, pids: &mut HashSet<i32>) {
        let mut open: Vec<i32> = pids.iter().copied().collect();
        while let Some(pid) = open.pop() {
            for child in self.children.get(&pid).into_iter().flatten() {
                if pids.insert(*child) {
                    open.push(*child);
                }
            }
        }
    }

    pub(crate) fn children(&self, pid: i32) -> &[i32] {
        self.children.get(&pid).map_or(&[], Vec::as_slice)
    }

    /// The process's variables named `LOOPKEEPER_…`, as it was started with them. Empty where we
    /// may not look.
    pub(crate) fn environment(&self, pid: i32) -> Arc<Environment> {
        let Ok(mut environments) = self.environments.lock() else {
            return Arc::default();
        };
        let Environments { known, patience } = &mut *environments;
        let stat = self.by_pid(pid).copied();
        let read = || Arc::new(ours(pid, stat, patience));
        Arc::clone(known.entry(pid).or_insert_with(read))
    }

    /// What tells whose processes these are.
    pub(crate) fn traits(&self, pids: impl Iterator<Item = i32>) -> Traits {
        let mut traits = Traits::default();
        for stat in pids.filter_map(|pid| self.by_pid(pid)) {
            traits.add(stat, &self.environment(stat.process.pid));
        }
        traits
    }

    /// The same of everybody who was alive; looked at once.
    pub(crate) fn all_traits(&self) -> &Traits {
        let pids = || self.living().map(|stat| stat.process.pid);
        self.all_traits.get_or_init(|| self.traits(pids()))
    }
}

/// What tells whose processes are: for each trait those that have it, so that whoever looks for
/// those of one attempt does not have to go through all.
#[derive(Debug, Default)]
pub(crate) struct Traits {
    sessions: HashMap<i32, Vec<i32>>,
    variables: HashMap<(Vec<u8>, Vec<u8>), Vec<i32>>,
    tags: HashMap<u64, Vec<i32>>,
}

impl Traits {
    fn add(&mut self, stat: &Stat, environment: &Environment) {
        let pid = stat.process.pid;
        self.sessions.entry(stat.session).or_default().push(pid);
        for (name, value) in environment {
            let variable = (name.clone(), value.clone());
            self.variables.entry(variable).or_default().push(pid);
        }
        if let Some(tag) = sys::tag_of(pid) {
            self.tags.entry(tag).or_default().push(pid);
        }
    }

    pub(crate) fn in_session(&self, id: i32) -> &[i32] {
        self.sessions.get(&id).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn with_variable(&self, name: &str, value: &OsStr) -> &[i32] {
        let variable = (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        self.variables.get(&variable).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn with_tag(&self, tag: u64) -> &[i32] {
        self.tags.get(&tag).map_or(&[], Vec::as_slice)
    }
}

/// The variables of a process that are ours. In the midst of execve(2) its environment looks empty or
/// is cut short, and the process would not be recognised: then it is looked at again, as long as there
/// is patience.
fn ours(pid: i32, mut stat: Option<Stat>, patience: &mut Duration) -> Environment {
    loop {
        let Ok((ours, length)) = read_ours(pid) else {
            return Environment::new();
        };
        let whole = |stat: Stat| !stat.is_program() || stat.environment == Some(length);
        if stat.is_none_or(whole) || patience.is_zero() {
            return ours;
        }
        stat = Stat::of(pid).ok();
        if stat.is_none_or(whole) {
            return ours;
        }
        let begin = Instant::now();
        thread::sleep(LOOK_EVERY);
        *patience = patience.saturating_sub(begin.elapsed());
    }
}

/// A variable of a process's environment, one of those that are ours.
pub(crate) fn variable(pid: i32, name: &str) -> Option<String> {
    let mut patience = EXEC_WITHIN;
    let mut all = ours(pid, Stat::of(pid).ok(), &mut patience);
    String::from_utf8(all.remove(name.as_bytes())?).ok()
}

/// Those that are ours, and the length of all. The others may be secrets: nothing of them stays in this
/// process, for a core of it to have.
fn read_ours(pid: i32) -> io::Result<(Environment, u64)> {
    let mut file = File::open(format!("/proc/{pid}/environ"))?;
    let (mut ours, mut length) = (Environment::new(), 0);
    // As far as it is one of ours.
    let mut entry = Vec::new();
    let mut others = false;
    let mut part = [0; 4096];
    loop {
        let read = file.read(&mut part)?;
        if read == 0 {
            return Ok((ours, length));
        }
        length += read as u64;
        for byte in &part[..read] {
            match (*byte, OURS.get(entry.len())) {
                (0, _) => {
                    let equals = entry.iter().position(|byte| *byte == b'=');
                    if let Some(equals) = equals.filter(|_| !others) {
                        ours.insert(entry[..equals].to_vec(), entry[equals + 1..].to_vec());
                    }
                    entry.clear();
                    others = false;
                }
                _ if others => {}
                (byte, Some(expected)) if byte != *expected => others = true,
                (byte, _) => entry.push(byte),
            }
        }
        part.fill(0);
        // So that it is not left out as something that nobody reads.
        std::hint::black_box(&part);
    }
}

/// The pid that was given out last, to a process or a thread (proc_loadavg(5)).
fn newest_pid() -> io::Result<i32> {
    let text = fs::read_to_string("/proc/loadavg")?;
    let newest = text
        .split_ascii_whitespace()
        .nth(4)
        .and_then(|pid| pid.parse().ok());
    newest.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/loadavg: no pid"))
}

fn number(name: &OsStr) -> Option<i32> {
    std::str::from_utf8(name.as_bytes()).ok()?.parse().ok()
}

type Answer = oneshot::Sender<Result<Arc<Census>, Arc<io::Error>>>;

/// Takes a census for those who ask.
#[derive(Debug, Clone)]
pub(crate) struct CensusTaker {
    asked: mpsc::UnboundedSender<Answer>,
}

impl CensusTaker {
    /// Starts the task that answers; it ends with the last handle.
    pub(crate) fn start() -> Self {
        let (asked, mut questions) = mpsc::unbounded_channel::<Answer>();
        tokio::spawn(async move {
            while let Some(first) = questions.recv().await {
                // Let everybody who is about to ask in this turn of the loop do so.
                tokio::task::yield_now().await;
                let mut waiting = vec![first];
                while let Ok(next) = questions.try_recv() {
                    waiting.push(next);
                }
                let result = Census::take().map(Arc::new).map_err(Arc::new);
                for answer in waiting {
                    // Who asked may have gone meanwhile.
                    drop(answer.send(result.clone()));
                }
            }
        });
        Self { asked }
    }

    /// A census that begins after this call.
    ///
    /// # Errors
    /// As [`Census::take`].
    pub(crate) async fn take(&self) -> Result<Arc<Census>, Arc<io::Error>> {
        let (answer, result) = oneshot::channel();
        let ended = || Arc::new(io::Error::other("the daemon is ending"));
        self.asked.send(answer).map_err(|_| ended())?;
        result.await.map_err(|_| ended())?
    }
}
