//! What a worker cannot be started without and a machine may not have at some moment: directories,
//! programs, tmux, credentials, users.
//!
//! Promise: none of it makes a configuration wrong, for a file system that is mounted late is no
//! mistake of who wrote the file. `check` tells of it and the launcher waits for it, by the same look.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
};

use super::{
    Command, On, Probe, Program, Tailscale, Users, UsersError, Worker,
    environment::{Credentials, Environment, Flaw},
    service,
};
use crate::{
    host::{look::At, way::way},
    model::LauncherKind,
};

/// Until when that is looked for which does not exist.
pub(crate) const THERE: &str = "it is there";

/// One thing that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    pub(super) what: String,
    /// What helps.
    pub hint: Option<String>,
    /// Everything on the way to it, where it has a place.
    pub(super) ways: BTreeSet<PathBuf>,
    /// It is there, and not right.
    pub(super) wrong: bool,
    /// Until when it is looked for.
    pub(crate) until: &'static str,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Lack {
    /// Something that can only be said in these words.
    pub(crate) fn of(what: String) -> Self {
        let (hint, ways, wrong) = (None, BTreeSet::new(), false);
        Self {
            what,
            hint,
            ways,
            wrong,
            until: THERE,
        }
    }

    /// Whether it is there, and has to be made right.
    pub(crate) fn is_wrong(&self) -> bool {
        self.wrong
    }

    /// Whether it would be in this directory, or below.
    pub(crate) fn is_below(&self, directory: &Path) -> bool {
        self.ways.iter().any(|way| way.starts_with(directory))
    }

    /// With what helps.
    pub fn in_full(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{self}; {hint}"),
            None => self.to_string(),
        }
    }
}

const STORE: &str = "/nix/store";

/// Something that has to be there.
#[derive(Clone, Copy)]
enum Need<'a> {
    /// Called so.
    Directory(&'static str, &'a Path),
    /// Called so, and what helps when it is in no directory of PATH.
    Program(&'static str, &'a Path, Option<&'static str>),
    Credential(&'a Path),
}

impl Worker {
    /// What this machine does not have of what the worker cannot be started without. What is below a
    /// directory that is not there is not told of as well. Of what another machine has, nothing is known.
    pub fn lacks(&self, env: &Environment) -> Vec<Lack> {
        self.lacks_at(env, &At::default())
    }

    /// The same, which says meanwhile what it looks at.
    pub(crate) fn lacks_at(&self, env: &Environment, at: &At) -> Vec<Lack> {
        let mut gone: Vec<&Path> = Vec::new();
        let mut lacks = Vec::new();
        for need in self.everything_needed() {
            let path = need.path();
            at.comes_to(path);
            if let Some(lack) = need.lack(&self.workdir, env)
                && !gone.iter().any(|directory| path.starts_with(directory))
            {
                lacks.push(lack);
                if matches!(need, Need::Directory(..)) {
                    gone.push(path);
                }
            }
        }
        lacks.extend(service::lacks(self, env, at));
        lacks.extend(self.flaw_of_users(env, at));
        lacks
    }

    /// What is wrong with programs in the store of Nix, which is the same on every machine; of one that
    /// is not there nothing can be said.
    pub(super) fn flaws_in_store(&self, env: &Environment) -> Vec<Lack> {
        let needs = self.everything_needed().into_iter();
        let programs = needs.filter(|need| {
            matches!(need, Need::Program(_, path, _) if path.starts_with(STORE) && !env.is_absent(path))
        });
        programs
            .filter_map(|program| program.lack(&self.workdir, env))
            .collect()
    }

    /// What is wrong with the users that it would begin with, if it is a proxy that has some. Who may
    /// not read them says nothing.
    pub(crate) fn flaw_of_users(&self, env: &Environment, at: &At) -> Option<Lack> {
        let Program::BuiltinProxy(builtin) = &self.program else {
            return None;
        };
        let file = &builtin.auth.as_ref()?.file;
        at.comes_to(file);
        service::can_be_handed_over(file, env).then_some(())?;
        let error = Users::read(&env.on_disk(file)).err()?;
        let hint = match builtin.credential() {
            _ if matches!(error, UsersError::Read { .. }) => return None,
            Some(_) => {
                "mend what it is a copy of (LoadCredential=), then: systemctl restart loopkeeper"
            }
            None => "mend it, and it is read again",
        };
        Some(Lack {
            hint: Some(hint.to_owned()),
            wrong: true,
            ..Lack::of(error.to_string())
        })
    }

    /// Where that is which [`Worker::lacks`] looks at, as far as it has a place; of a program without
    /// a `/`, every place where it could be found.
    pub fn needs(&self, env: &Environment) -> Vec<PathBuf> {
        let needs = self.everything_needed().into_iter();
        let places = needs.flat_map(|need| match (need, bare(need.path())) {
            (Need::Program(..), Some(name)) => env.places(name).collect(),
            (_, Some(_)) => Vec::new(),
            (_, None) => vec![need.path().to_owned()],
        });
        let of_service = service::needs(self).map(Path::to_owned);
        places.chain(of_service).collect()
    }

    /// The directories of this machine that it works in.
    pub fn places(&self) -> impl Iterator<Item = &Path> {
        let worktree = self.worktree.as_deref().into_iter();
        let places = worktree.chain([self.workdir.as_path()]);
        places.filter(|_| self.on == On::Local)
    }

    fn everything_needed(&self) -> Vec<Need<'_>> {
        if self.on != On::Local {
            return Vec::new();
        }
        let mut needs = vec![Need::Directory("workdir", &self.workdir)];
        let worktree = self.worktree.iter();
        needs.extend(worktree.map(|tree| Need::Directory("worktree", tree)));
        match &self.program {
            Program::Command(command) => {
                needs.push(Need::Program("program", &command.program, None));
                let ready = self.ready.as_ref().map(|ready| &ready.probe);
                let alive = self.alive.as_ref().map(|alive| &alive.probe);
                let probes = [("program of `ready`", ready), ("program of `alive`", alive)];
                for (what, probe) in probes {
                    if let Some(Probe::Command(command)) = probe {
                        needs.push(Need::Program(what, &command.program, None));
                    }
                }
            }
            Program::BuiltinProxy(builtin) => {
                needs.extend(builtin.auth.iter().map(|auth| Need::Credential(&auth.file)));
            }
            Program::Tailscale(settings) => {
                let hint = Some("install tailscale");
                for program in [&settings.tailscaled, &settings.tailscale] {
                    needs.push(Need::Program("program", program, hint));
                }
                needs.extend(settings.auth_key.iter().map(|key| Need::Credential(key)));
            }
        }
        if self.launcher == LauncherKind::Tmux {
            let hint = Some("install tmux, or write launcher = \"process\"");
            needs.push(Need::Program("program", Path::new("tmux"), hint));
        }
        needs
    }

    /// The worker with its programs where they are now; [`Worker::lacks`] tells of what is nowhere. Where
    /// they are on another machine is found there.
    pub fn looked_up(&self, env: &Environment) -> Self {
        let mut worker = self.clone();
        if worker.on != On::Local {
            return worker;
        }
        for program in worker.program.programs() {
            *program = env.located(program);
        }
        worker
    }

    /// The definition that earlier versions recorded of an attempt of this worker whose program was
    /// found at `program`: they took a program for the place where it was found.
    pub fn definition_when_at(&self, program: &Path, env: &Environment) -> u64 {
        if self.on != On::Local {
            return self.definition();
        }
        let mut worker = self.looked_up(env);
        let written = self
            .program
            .clone()
            .programs()
            .first()
            .map(|name| (*name).clone());
        if let (Some(written), Some(found)) = (written, worker.program.programs().first_mut())
            && bare(&written).is_some()
            && written.file_name() == program.file_name()
        {
            program.clone_into(found);
        }
        worker.definition()
    }

    /// Whether nobody can say what an attempt of it is: it names a credential, and this daemon was
    /// handed none, so that it has no place. Nothing could take such an attempt's place.
    pub fn is_vague(&self) -> bool {
        let auth = match &self.program {
            Program::BuiltinProxy(builtin) => builtin.auth.as_ref().map(|auth| &auth.file),
            Program::Tailscale(tailscale) => tailscale.auth_key.as_ref(),
            Program::Command(_) => None,
        };
        auth.is_some_and(|file| file.is_relative())
    }
}

impl Program {
    pub(crate) fn programs(&mut self) -> Vec<&mut PathBuf> {
        match self {
            Self::Command(command) => vec![&mut command.program],
            Self::BuiltinProxy(_) => Vec::new(),
            Self::Tailscale(Tailscale {
                tailscaled,
                tailscale,
                ..
            }) => vec![tailscaled, tailscale],
        }
    }
}

impl Command {
    /// The command with its program where it is now.
    pub(crate) fn looked_up(&self, env: &Environment) -> Self {
        Self {
            program: env.located(&self.program),
            arguments: self.arguments.clone(),
        }
    }

    /// What its program lacks to be run.
    pub(super) fn lack(&self, env: &Environment) -> Option<Lack> {
        Need::Program("program", &self.program, None).lack(Path::new("/"), env)
    }
}

/// A name that stands for whatever is found by it.
fn bare(path: &Path) -> Option<&str> {
    path.is_relative().then(|| path.to_str()).flatten()
}

impl<'a> Need<'a> {
    fn path(self) -> &'a Path {
        match self {
            Self::Directory(_, path) | Self::Program(_, path, _) | Self::Credential(path) => path,
        }
    }

    /// `None` when it is there.
    fn lack(self, workdir: &Path, env: &Environment) -> Option<Lack> {
        let path = self.path();
        let (called, flaw) = match (self, bare(path)) {
            (Self::Directory(called, _), _) => (called, env.directory(path)),
            (Self::Program(_, _, hint), Some(name)) => {
                if env.program(name).is_some() {
                    return None;
                }
                let hint = hint.map_or_else(|| how_to_find(name, workdir, env), str::to_owned);
                let what = format!("program {name} is not in PATH");
                return Some(Lack {
                    hint: Some(hint),
                    ..Lack::of(what)
                });
            }
            (Self::Program(called, ..), None) => (called, env.executable(path)),
            (Self::Credential(_), Some(name)) => {
                let what = format!(
                    "credential {name} was not handed to the daemon: \
                     $CREDENTIALS_DIRECTORY is not set"
                );
                return Some(Lack {
                    hint: Some(format!(
                        "add LoadCredential={name}:/path/of/the/file to the unit, or write an \
                         absolute path"
                    )),
                    ..Lack::of(what)
                });
            }
            (Self::Credential(_), None) => match &env.credentials {
                // Nobody but the one to whom it is handed can say.
                Credentials::Elsewhere(directory) if path.starts_with(directory) => return None,
                Credentials::In(_) | Credentials::Elsewhere(_) | Credentials::None => {
                    ("credential", env.file(path))
                }
            },
        };
        let flaw = flaw.err()?;
        let shown = path.display();
        let hint = match (self, &flaw) {
            // To make one where something is to be mounted would only hide that it is not.
            (Self::Directory(..), Flaw::Absent) => {
                Some(format!("mount what it is on, or make it: mkdir -p {shown}"))
            }
            (_, Flaw::NotExecutable) => Some(format!("chmod +x {shown}")),
            _ => None,
        };
        let until = match flaw {
            Flaw::NotExecutable => "it can be run",
            _ => THERE,
        };
        let what = format!("{called} {shown} {flaw}");
        let ways = way(path);
        Some(Lack {
            hint,
            ways,
            until,
            ..Lack::of(what)
        })
    }
}

fn how_to_find(name: &str, workdir: &Path, env: &Environment) -> String {
    if env.executable(&workdir.join(name)).is_ok() {
        return format!("did you mean \"./{name}\"?");
    }
    let searched = env.path.iter().map(|path| path.display().to_string());
    format!("PATH is {}", searched.collect::<Vec<_>>().join(":"))
}
