//! Who reads a terminal: the foreground process group of its session (proc_pid_stat(5), `tpgid`).
//!
//! Promise: of a program and those around it in the same group, the one that is typed to is found: of
//! who has the terminal as standard input, whoever started none of the others. What may not be looked at
//! is taken for a reader.

use std::{fs, io, iter::successors, os::unix::fs::OpenOptionsExt, path::Path};

use rustix::termios::{LocalModes, tcgetattr};

use crate::{
    agent::{profile::Profile, typed::Reader},
    host::{census::Census, process::Process},
    launch::near::Near,
};

/// What the kernel keeps of a line that it edits, without its end (termios(3), canonical mode).
const LONGEST_LINE: usize = 4095;

/// Programs whose first argument is what people call by its name.
const INTERPRETERS: [&str; 7] = ["python", "node", "bun", "deno", "ruby", "perl", "java"];

/// Those around the terminal that `leader` leads the session of, here.
///
/// # Errors
/// The leader cannot be asked, as it has ended.
pub(in crate::launch) fn near(leader: Process, census: &Census) -> io::Result<Vec<Near>> {
    let (_, foreground) = groups(leader.pid)?;
    let terminal = fs::read_link(format!("/proc/{}/fd/0", leader.pid)).ok();
    let reads = |pid: i32| match fs::read_link(format!("/proc/{pid}/fd/0")) {
        Ok(input) => terminal.as_ref().is_none_or(|terminal| *terminal == input),
        Err(_) => true,
    };
    let in_group = |pid: i32| groups(pid).is_ok_and(|(group, _)| group == foreground);
    let session = census.living().filter(|stat| stat.session == leader.pid);
    let others = session.filter(|stat| stat.process.pid != leader.pid);
    let near = others.map(|stat| {
        let pid = stat.process.pid;
        Near {
            pid,
            parent: stat.parent,
            reads: in_group(pid) && reads(pid),
            names: names(pid),
            cpu: stat.cpu(),
        }
    });
    Ok(near.collect())
}

/// Who reads the terminal that these are around.
pub(super) fn readers(near: &[Near]) -> Vec<Reader> {
    let reading: Vec<&Near> = near.iter().filter(|one| one.reads).collect();
    let started_one = |pid: i32| {
        let above = |other: i32| successors(parent(near, other), |below| parent(near, *below));
        let mut others = reading.iter().filter(|other| other.pid != pid);
        others.any(|other| above(other.pid).any(|parent| parent == pid))
    };
    let lowest = reading.iter().filter(|one| !started_one(one.pid));
    let reader = |one: &&Near| Reader {
        pid: one.pid,
        names: one.names.clone(),
    };
    lowest.map(reader).collect()
}

fn parent(near: &[Near], of: i32) -> Option<i32> {
    near.iter().find(|one| one.pid == of).map(|one| one.parent)
}

/// The agent itself, by pid: `worker`, who reads the terminal and is called as `profile` says, and those
/// between them, such as the script that starts it again and again. Below a reader of another name, as an
/// editor is, it is the next one above it. Without names it is `worker` alone.
pub(in crate::launch) fn line_of_agent(near: &[Near], worker: i32, profile: &Profile) -> Vec<i32> {
    let mut line = vec![worker];
    if profile.programs.is_empty() {
        return line;
    }
    let of = |pid: i32| near.iter().find(|one| one.pid == pid);
    let is_agent = |one: &&Near| one.names.iter().any(|name| profile.is_program(name));
    for reader in readers(near) {
        let way = successors(of(reader.pid), |below| of(below.parent));
        let way = way.take_while(|one| one.pid != worker);
        line.extend(way.skip_while(|one| !is_agent(one)).map(|one| one.pid));
    }
    line
}

/// The longest line that the terminal of this process takes, while the kernel edits lines.
pub(super) fn longest_line(leader: Process) -> Option<usize> {
    let mut open = fs::OpenOptions::new();
    open.read(true)
        .custom_flags(nix::libc::O_NOCTTY | nix::libc::O_NONBLOCK);
    let terminal = open.open(format!("/proc/{}/fd/0", leader.pid)).ok()?;
    let modes = tcgetattr(&terminal).ok()?;
    let edited = modes.local_modes.contains(LocalModes::ICANON);
    edited.then_some(LONGEST_LINE)
}

/// Its process group, and the foreground one of its terminal.
fn groups(pid: i32) -> io::Result<(i32, i32)> {
    let path = format!("/proc/{pid}/stat");
    let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
    let mut fields = fields.split_ascii_whitespace();
    // Fields 5 and 8 of the manual page; behind the name comes field 3.
    let group = fields.nth(5 - 3).and_then(|group| group.parse().ok());
    let foreground = fields.nth(8 - 5 - 1).and_then(|group| group.parse().ok());
    let none = || io::Error::new(io::ErrorKind::InvalidData, format!("{path}: no stat"));
    group.zip(foreground).ok_or_else(none)
}

/// What it may be called.
fn names(pid: i32) -> Vec<String> {
    let read = |file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let own = String::from_utf8_lossy(&read("comm")).trim_end().to_owned();
    let command = String::from_utf8_lossy(&read("cmdline")).into_owned();
    let words = command.split('\0').collect::<Vec<_>>();
    called(own, &words)
}

/// What a program may be called that the kernel calls so, with these words as its command.
pub(in crate::launch) fn called(own: String, words: &[&str]) -> Vec<String> {
    let mut names = vec![own];
    let base = |word: &str| {
        let base = Path::new(word).file_name()?.to_str()?;
        // A login shell.
        Some(base.trim_start_matches('-').to_owned())
    };
    let program = words.first().and_then(|word| base(word));
    let interprets = |name: &String| {
        let versioned = |rest: &str| rest.chars().all(|c| c.is_ascii_digit() || c == '.');
        let mut known = INTERPRETERS.iter();
        known.any(|known| name.strip_prefix(known).is_some_and(versioned))
    };
    if program.as_ref().is_some_and(interprets) {
        let script = words[1..].iter().find(|word| !word.starts_with('-'));
        names.extend(script.and_then(|word| base(word)));
    }
    names.extend(program);
    names.retain(|name| !name.is_empty());
    let mut known: Vec<String> = Vec::new();
    for name in names {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_called_by_its_own_name_and_a_file_that_is_edited_is_not() {
        for (own, words, names) in [
            ("vim", &["/usr/bin/vim", "claude"][..], &["vim"][..]),
            (
                "MainThread",
                &["node", "--flag", "/opt/bin/claude", "x"],
                &["MainThread", "claude", "node"],
            ),
            (
                "python3",
                &["/usr/bin/python3.11", "/bin/aider"],
                &["python3", "aider", "python3.11"],
            ),
            ("bash", &["-bash"], &["bash"]),
            ("bash", &["bash", "claude"], &["bash"]),
            ("nodes", &["nodes", "claude"], &["nodes"]),
            ("gone", &[""], &["gone"]),
        ] {
            assert_eq!(called(own.to_owned(), words), names, "{words:?}");
        }
    }

    #[test]
    fn the_group_of_a_process_is_told() {
        use std::{os::unix::process::CommandExt as _, process::Command};
        let own = nix::unistd::getpgrp().as_raw();
        let mut sleep = Command::new("sleep");
        let sleep = sleep.arg("60");
        for alone in [false, true] {
            let command = if alone {
                sleep.process_group(0)
            } else {
                &mut *sleep
            };
            let mut child = command.spawn().unwrap();
            let pid = i32::try_from(child.id()).unwrap();
            let group = groups(pid).map(|(group, _)| group);
            child.kill().unwrap();
            child.wait().unwrap();
            assert_eq!(group.unwrap(), if alone { pid } else { own });
            assert!(groups(pid).is_err());
        }
    }
}
