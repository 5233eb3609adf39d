//! What the kernel says of one process, in `/proc/<pid>/stat` (proc_pid_stat(5)).

use std::{fs, io, time::Duration};

use nix::{
    time::{ClockId, clock_gettime},
    unistd::{SysconfVar, sysconf},
};

use super::process::Process;

/// Bits of field 9 of proc_pid_stat(5), from the kernel's `include/linux/sched.h`.
const PF_EXITING: u64 = 0x4;
const PF_KTHREAD: u64 = 0x20_0000;
/// Bytes of a program's name (PR_SET_NAME(2const)).
const LONGEST_NAME: usize = 15;

/// One line of `/proc/<pid>/stat` (proc_pid_stat(5)), as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) process: Process,
    pub(crate) parent: i32,
    pub(crate) session: i32,
    name: [u8; LONGEST_NAME],
    state: u8,
    flags: u64,
    threads: u64,
    /// Clock ticks that it has computed, with those of its own children that it has waited for.
    ticks: u64,
    /// Those of its children that it has waited for alone.
    waited: u64,
    /// How many bytes its environment has; `None` in the midst of execve(2), and where we may not
    /// see it.
    pub(crate) environment: Option<u64>,
    /// The wait status of a zombie; 0 also where we may not see it.
    pub(super) zombie_status: Option<i32>,
}

impl Stat {
    pub(crate) fn of(pid: i32) -> io::Result<Self> {
        let path = format!("/proc/{pid}/stat");
        let text = fs::read(&path)?;
        Self::parse(pid, &text)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("{path}: no stat")))
    }

    fn parse(pid: i32, text: &[u8]) -> Option<Self> {
        // The name in the parentheses is the program's choice and may hold ") ".
        let after_name = text.iter().rposition(|byte| *byte == b')')? + 1;
        let before_name = text.iter().position(|byte| *byte == b'(')? + 1;
        let given = text.get(before_name..after_name - 1)?;
        let mut name = [0; LONGEST_NAME];
        name.iter_mut()
            .zip(given)
            .for_each(|(to, from)| *to = *from);
        let rest = std::str::from_utf8(&text[after_name..]).ok()?;
        let field: Vec<&str> = rest.split_ascii_whitespace().collect();
        // The first of them is field 3 of the manual page.
        let number = |at: usize| field.get(at - 3)?.parse::<u64>().ok();
        let state = *field.first()?.as_bytes().first()?;
        Some(Self {
            process: Process {
                pid,
                started: number(22)?,
            },
            parent: i32::try_from(number(4)?).ok()?,
            session: field.get(6 - 3)?.parse().ok()?,
            name,
            state,
            flags: number(9)?,
            // The last two are signed.
            ticks: (14..=17).filter_map(number).sum(),
            waited: (16..=17).filter_map(number).sum(),
            threads: number(20)?,
            environment: number(51)
                .filter(|end| *end != 0)
                .and_then(|end| end.checked_sub(number(50)?)),
            zombie_status: number(52)
                .and_then(|status| i32::try_from(status).ok())
                .filter(|_| state == b'Z'),
        })
    }

    pub(crate) fn leads(&self) -> bool {
        self.session == self.process.pid
    }

    /// Whether it is or will be a program: neither a thread of the kernel nor about to end.
    pub(crate) fn is_program(&self) -> bool {
        self.lives() && self.flags & (PF_EXITING | PF_KTHREAD) == 0
    }

    /// Its name, which is the program's own choice.
    pub(crate) fn name(&self) -> String {
        let end = self.name.iter().position(|byte| *byte == 0);
        let name = &self.name[..end.unwrap_or(LONGEST_NAME)];
        String::from_utf8_lossy(name).into_owned()
    }

    /// The time that it has computed, with that of its own children that it has waited for.
    pub(crate) fn cpu(&self) -> Duration {
        time_of(self.ticks)
    }

    /// The time that its children have computed which it has waited for, with that of theirs.
    pub(crate) fn waited(&self) -> Duration {
        time_of(self.waited)
    }

    /// Whether it does nothing until somebody sends it SIGCONT.
    pub(crate) fn is_stopped(&self) -> bool {
        matches!(self.state, b'T' | b't')
    }

    /// A zombie whose other threads run on is not dead.
    pub(crate) fn lives(&self) -> bool {
        !matches!(self.state, b'Z' | b'X' | b'x') || self.threads > 1
    }
}

/// Now, in clock ticks since the boot, as the start of a process is told.
pub(crate) fn ticks_now() -> u64 {
    // The call fails only for a clock that does not exist; every Linux has this one.
    let read = clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from);
    let second = u64::from(ticks_a_second());
    read.as_secs() * second + u64::from(read.subsec_nanos()) * second / 1_000_000_000
}

fn time_of(ticks: u64) -> Duration {
    let second = ticks_a_second();
    let (whole, rest) = (ticks / u64::from(second), ticks % u64::from(second));
    Duration::from_secs(whole) + Duration::from_secs(rest) / second
}

fn ticks_a_second() -> u32 {
    /// What Linux tells programs everywhere, whatever it counts in itself (time(7)).
    const USUAL: u32 = 100;
    let told = sysconf(SysconfVar::CLK_TCK).ok().flatten();
    let told = told.and_then(|ticks| u32::try_from(ticks).ok());
    told.filter(|ticks| *ticks > 0).unwrap_or(USUAL)
}

/// It ended while we looked: `ENOENT` before the open, `ESRCH` after it.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(nix::libc::ESRCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_cannot_lie_about_itself_by_its_name() {
        let tail = "S 7 40 41 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 3 0 987654 9 9 9";
        let text = format!("42 (x) Z 1 1 1 (y) {tail}");
        let stat = Stat::parse(42, text.as_bytes()).unwrap();
        assert_eq!(stat.process.started, 987_654);
        assert_eq!((stat.parent, stat.session, stat.threads), (7, 41, 3));
        assert!(stat.lives());
        assert_eq!(
            (stat.name().as_str(), stat.ticks, stat.waited),
            ("x) Z 1 1 1 (y", 5 + 6 + 7 + 8, 7 + 8)
        );
        let zombie = text.replace("S 7", "Z 7");
        assert!(
            Stat::parse(42, zombie.as_bytes()).unwrap().lives(),
            "threads run on"
        );
        let dead = zombie.replace("20 0 3", "20 0 1");
        assert!(!Stat::parse(42, dead.as_bytes()).unwrap().lives());
        assert!(
            !stat.is_stopped()
                && Stat::parse(42, text.replace("S 7", "T 7").as_bytes())
                    .unwrap()
                    .is_stopped()
        );
        let long = text.replace("(x)", "(a name that is too long)");
        assert_eq!(
            Stat::parse(42, long.as_bytes()).unwrap().name(),
            "a name that is "
        );
        for cut in ["", "42 )(", "42 (x", "42 (x) ", "42 (x) S 7 40"] {
            assert_eq!(Stat::parse(42, cut.as_bytes()), None, "{cut}");
        }
    }
}
