//! What a host answered, judged.
//!
//! Promise: nothing is asked here. What a host did not say is not judged, but for what no attempt can
//! begin without.

use super::{size, status};
use crate::{
    cli::{
        doctor::{Finding, Is, tmux::too_old},
        words::duration,
    },
    control::protocol::HostCheckView,
    model::{HostDirectory, HostDirectoryIs, HostFacts, HostName},
    paths::typed,
};

/// A script that does nothing and takes longer makes every start and stop slow.
const SLOW_MS: u64 = 1000;
/// Times of logs there and here cannot be put in order any more.
const SKEWED_MS: u64 = 2000;
/// Room below which no attempt can be recorded and write, in KiB.
const FULL: u64 = 16 << 10;
/// Room that a few talkative workers use up in a night, in KiB.
const NEARLY_FULL: u64 = 1 << 20;
/// The same of files.
const FEW_FILES: (u64, u64) = (100, 10_000);
/// Memory below which the next process may be killed for it, in KiB.
const SCARCE: u64 = 128 << 10;
/// The longest path of a socket (sys/un.h, of macOS; Linux has four bytes more).
const LONGEST_SOCKET: usize = 103;
/// Bytes of the name of a socket, with the slash before it.
const SOCKET_NAME: usize = 17;

/// What may be worse without them; and why.
const WANTED: [(&str, &str); 2] = [
    (
        "rsync",
        "files are copied to and from it only as far as ssh alone does it",
    ),
    (
        "perl",
        "a worker that a signal has ended cannot be told from one that exits with such a code",
    ),
];
/// Programs that are judged by themselves.
const APART: [&str; 5] = ["tmux", "git", "rsync", "perl", "flock"];

/// A finding for each that can be judged.
pub(super) fn findings(view: &HostCheckView) -> Vec<Finding> {
    let Some(facts) = &view.facts else {
        let why = view.why.as_deref().unwrap_or("it does not answer");
        let hint = "since when: `supervisorctl host list`; the daemon tries again by itself";
        return vec![Finding::new("reach", Is::Fail, why).hint(hint)];
    };
    let mut all = vec![reach(facts)];
    all.extend(view.latency_ms.map(latency));
    all.push(clock(view.skew_ms, view.latency_ms));
    all.push(tmux(facts, &view.host));
    all.push(git(facts, &view.host));
    all.extend(tools(facts, &view.host));
    all.extend(WANTED.iter().map(|(name, harm)| wanted(facts, name, harm)));
    all.push(locks(facts, view.locks));
    all.extend(ours(&facts.ours, &view.host));
    all.extend(room("space", &facts.ours));
    all.extend(sockets(&facts.sockets));
    all.extend(tmp(&facts.tmp));
    all.extend(logout(facts));
    all.extend(load(facts));
    all.extend(memory(facts));
    all
}

fn ok(check: &'static str, found: impl Into<String>) -> Finding {
    Finding::new(check, Is::Ok, found)
}

fn warn(check: &'static str, found: impl Into<String>) -> Finding {
    Finding::new(check, Is::Warn, found)
}

fn fail(check: &'static str, found: impl Into<String>) -> Finding {
    Finding::new(check, Is::Fail, found)
}

fn reach(facts: &HostFacts) -> Finding {
    let parts = [("as ", &facts.user), ("on ", &facts.kernel)];
    let parts = parts
        .into_iter()
        .filter_map(|(before, is)| Some(format!(" {before}{}", is.as_ref()?)));
    let up = facts.uptime.map(|up| format!(", up {}", duration(up)));
    ok(
        "reach",
        format!(
            "answers{}{}",
            parts.collect::<String>(),
            up.unwrap_or_default()
        ),
    )
}

fn latency(ms: u64) -> Finding {
    let found = format!("a script that does nothing takes {ms} ms");
    match ms > SLOW_MS {
        true => warn("latency", found).hint("every start and stop there takes several times that"),
        false => ok("latency", found),
    }
}

/// Within half of the round trip, nobody knows.
fn clock(skew: Option<i64>, latency: Option<u64>) -> Finding {
    let Some(skew) = skew else {
        return warn("clock", "it does not tell its time").hint("date(1) has to be in PATH there");
    };
    let which = if skew < 0 { "behind" } else { "ahead of" };
    let (off, within) = (skew.unsigned_abs(), latency.unwrap_or(0) / 2);
    let seconds = |ms: u64| format!("{}.{:03} s", ms / 1000, ms % 1000);
    let found = format!(
        "it is {} {which} ours, within {}",
        seconds(off),
        seconds(within)
    );
    match off.saturating_sub(within) > SKEWED_MS {
        true => warn("clock", found).hint("on both: timedatectl set-ntp true"),
        false => ok("clock", found),
    }
}

fn tmux(facts: &HostFacts, host: &HostName) -> Finding {
    let needed = "no attempt can begin without it";
    match facts.has.get("tmux") {
        Some(version) => match too_old(version) {
            None => ok("tmux", version),
            Some(found) => {
                fail("tmux", format!("{found}, and {needed}")).hint(install("tmux", host))
            }
        },
        None => fail("tmux", format!("{}, and {needed}", missing("tmux", facts)))
            .hint(install("tmux", host)),
    }
}

fn git(facts: &HostFacts, host: &HostName) -> Finding {
    match facts.has.get("git") {
        Some(version) => ok("git", version),
        None => {
            let found = format!(
                "{}, and no attempt can begin without it",
                missing("git", facts)
            );
            fail("git", found).hint(install("git", host))
        }
    }
}

fn missing(name: &str, facts: &HostFacts) -> String {
    match (facts.broken.contains(name), &facts.search) {
        (true, _) => format!("{name} does not tell its version"),
        (false, Some(search)) => format!("{name} is not in PATH there ({search})"),
        (false, None) => format!("{name} is not in PATH there"),
    }
}

fn install(name: &str, host: &HostName) -> String {
    format!(
        "there: apt-get install {name}; where it is elsewhere: environment = {{ PATH = \"…\" }} in [hosts.{host}]"
    )
}

/// What our scripts call.
fn tools(facts: &HostFacts, host: &HostName) -> Vec<Finding> {
    let is_tool = |name: &&str| !APART.contains(name);
    let lacks: Vec<&str> = facts
        .lacks
        .iter()
        .map(String::as_str)
        .filter(is_tool)
        .collect();
    let is_small = |name: &&str| *name == "grep -z";
    let broken = facts.broken.iter().map(String::as_str).filter(is_tool);
    let (small, broken): (Vec<&str>, Vec<&str>) = broken.partition(is_small);
    let mut all = Vec::new();
    if !lacks.is_empty() {
        let found = format!(
            "these are not in PATH there, and nothing works without: {}",
            lacks.join(", ")
        );
        let hint = format!(
            "there: apt-get install coreutils procps mawk grep sed; {}",
            path(host)
        );
        all.push(fail("tools", found).hint(hint));
    }
    if !broken.is_empty() {
        let found = format!("these do not do what POSIX says: {}", broken.join(", "));
        let hint = format!("there: apt-get install coreutils procps; {}", path(host));
        all.push(fail("tools", found).hint(hint));
    }
    if !small.is_empty() {
        let found = "grep knows no -z: of an attempt, a process that left its terminal and its parents is not found";
        all.push(warn("tools", found).hint("there: apt-get install grep"));
    }
    let has = facts.has.keys().map(String::as_str).filter(is_tool).count();
    if all.is_empty() && has > 0 {
        all.push(ok("tools", format!("all {has} that are called are there")));
    }
    all
}

fn path(host: &HostName) -> String {
    format!("or have PATH lead to better ones, in the environment of [hosts.{host}]")
}

fn wanted(facts: &HostFacts, name: &'static str, harm: &str) -> Finding {
    match facts.has.get(name) {
        Some(is) => ok(name, is),
        None => {
            let found = format!("{}: {harm}", missing(name, facts));
            warn(name, found).hint(format!("there: apt-get install {name}"))
        }
    }
}

/// `needed`: a worker there has its worktree to itself.
fn locks(facts: &HostFacts, needed: bool) -> Finding {
    let by = ["flock", "perl"]
        .into_iter()
        .find(|name| facts.has.contains_key(*name));
    let none = "neither flock nor perl is there, and no worktree can be locked";
    match (by, needed) {
        (Some(by), _) => ok("locks", format!("worktrees are locked with {by}")),
        (None, true) => fail("locks", none).hint("there: apt-get install util-linux"),
        (None, false) => ok("locks", format!("{none}; no worker there has one")),
    }
}

fn ours(directory: &HostDirectory, host: &HostName) -> Option<Finding> {
    const CHECK: &str = "directory";
    let name = directory.path.as_deref()?;
    let another = format!("have another one, as path in [hosts.{host}]");
    Some(match directory.is? {
        HostDirectoryIs::Other => fail(CHECK, format!("{name} is not a directory"))
            .hint(format!("remove it there, or {another}")),
        _ if directory.writable == Some(false) => {
            let at = directory.at.as_deref().unwrap_or(name);
            fail(CHECK, format!("{name}: nothing can be made in {at}")).hint(another)
        }
        HostDirectoryIs::Missing => ok(CHECK, format!("{name} will be made")),
        HostDirectoryIs::Directory if directory.own == Some(false) => {
            fail(CHECK, format!("{name} is another user's")).hint(another)
        }
        HostDirectoryIs::Directory => match open_to(directory) {
            Some((to, true)) => {
                fail(CHECK, format!("{to} can change what is in {name}")).hint(close(name))
            }
            Some((to, false)) => {
                warn(CHECK, format!("{to} can look into {name}")).hint(close(name))
            }
            None => ok(CHECK, format!("{name} is there, and ours alone")),
        },
    })
}

fn close(directory: &str) -> String {
    format!("there: chmod go= {}", typed(directory.as_ref()))
}

/// To whom beside its owner it is open, and whether to change it.
fn open_to(directory: &HostDirectory) -> Option<(&'static str, bool)> {
    let mode = directory.mode.as_deref()?.as_bytes();
    let (group, others) = (mode.get(4..7)?, mode.get(7..10)?);
    let has = |part: &[u8], bit| part.contains(&bit);
    let any = |part: &[u8]| part.iter().any(|bit| *bit != b'-');
    match () {
        () if has(others, b'w') => Some(("everybody", true)),
        () if has(group, b'w') => Some(("its group", true)),
        () if any(others) => Some(("everybody", false)),
        () if any(group) => Some(("its group", false)),
        () => None,
    }
}

fn room(check: &'static str, directory: &HostDirectory) -> Option<Finding> {
    let free = directory.free?;
    let at = directory
        .at
        .as_deref()
        .or(directory.path.as_deref())
        .unwrap_or("its disk");
    let files = directory
        .inodes
        .map(|inodes| format!(", and for {inodes} files"));
    let found = format!("{} free in {at}{}", size(free), files.unwrap_or_default());
    let hint = || format!("there: df -h {0}; df -i {0}", typed(at.as_ref()));
    let few = |most| directory.inodes.is_some_and(|inodes| inodes < most);
    Some(match () {
        () if free < FULL || few(FEW_FILES.0) => fail(check, found).hint(hint()),
        () if free < NEARLY_FULL || few(FEW_FILES.1) => warn(check, found).hint(hint()),
        () => ok(check, found),
    })
}

/// As the scripts that begin an attempt look at it.
fn sockets(directory: &HostDirectory) -> Option<Finding> {
    const CHECK: &str = "sockets";
    let name = directory.path.as_deref()?;
    let is = directory.is?;
    let remove = || format!("there: rm -r {}", typed(name.as_ref()));
    let mode = directory.mode.as_deref().unwrap_or("d");
    let is_open = mode.get(4..10).is_some_and(|others| others != "------");
    let elsewhere = "have TMUX_TMPDIR another one for its logins (sshd_config(5), SetEnv)";
    Some(match is {
        _ if name.len() + SOCKET_NAME > LONGEST_SOCKET => {
            fail(CHECK, format!("{name} is too long for the sockets of tmux")).hint(elsewhere)
        }
        HostDirectoryIs::Missing if directory.writable == Some(false) => {
            fail(CHECK, format!("{name} cannot be made")).hint(elsewhere)
        }
        HostDirectoryIs::Missing => ok(CHECK, format!("{name} will be made")),
        HostDirectoryIs::Directory
            if directory.link != Some(true) && directory.own != Some(false) && !is_open =>
        {
            ok(CHECK, format!("{name} is ours alone"))
        }
        _ => fail(CHECK, format!("{name} is not a directory of ours alone")).hint(remove()),
    })
}

fn tmp(directory: &HostDirectory) -> Option<Finding> {
    let name = directory.path.as_deref()?;
    let usable = directory.is? == HostDirectoryIs::Directory && directory.writable != Some(false);
    let hint = format!("there: ls -ld {name}; df -h {name}");
    Some(match directory.free {
        _ if !usable => warn("tmp", format!("nothing can be made in {name}")).hint(hint),
        Some(free) if free < FULL => {
            warn("tmp", format!("{} free in {name}", size(free))).hint(hint)
        }
        Some(free) => ok("tmp", format!("{} free in {name}", size(free))),
        None => ok("tmp", format!("things can be made in {name}")),
    })
}

/// Lingering keeps the user's manager and what is its own, not what belongs to a session
/// (logind.conf(5), KillUserProcesses); tmux does.
fn logout(facts: &HostFacts) -> Option<Finding> {
    const CHECK: &str = "logout";
    if !facts.session? {
        return Some(ok(
            CHECK,
            "what is started there belongs to no login session",
        ));
    }
    if !facts.kills? || facts.spared == Some(true) {
        return Some(ok(CHECK, "what is started there outlives the login"));
    }
    let linger = match facts.linger {
        Some(true) => ", although the user lingers: that keeps what is no part of a session",
        _ => "",
    };
    let user = facts.user.as_deref().unwrap_or("USER");
    let found = format!(
        "logind kills what a login has started as soon as that ends, so all workers with the connection{linger}"
    );
    let hint = format!(
        "there, in /etc/systemd/logind.conf: KillUserProcesses=no, or KillExcludeUsers=root {user}; \
         then: systemctl restart systemd-logind"
    );
    Some(warn(CHECK, found).hint(hint))
}

fn load(facts: &HostFacts) -> Option<Finding> {
    let found = status::load(facts)?;
    // With twice as many as there are processors, each waits half of its time.
    let too_many = facts
        .cpus
        .and_then(|cpus| u32::try_from(cpus).ok())
        .map(|cpus| 2.0 * f64::from(cpus));
    Some(
        match too_many.is_some_and(|most| facts.load.is_some_and(|load| load > most)) {
            true => warn("load", found).hint("there: top"),
            false => ok("load", found),
        },
    )
}

fn memory(facts: &HostFacts) -> Option<Finding> {
    let found = status::memory(facts)?;
    Some(
        match facts
            .memory_available
            .is_some_and(|available| available < SCARCE)
        {
            true => warn("memory", found).hint("there: free -h; ps aux --sort=-rss | head"),
            false => ok("memory", found),
        },
    )
}

#[cfg(test)]
mod tests;
