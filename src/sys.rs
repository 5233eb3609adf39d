//! The only module with `unsafe`: what the kernel offers and no safe library wraps.
//!
//! Promise: nothing in here decides anything; each function is one thing asked of the kernel, with
//! the reason why it is sound written at the spot.

use std::{
    collections::BTreeMap,
    env,
    ffi::CString,
    io, iter,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd, RawFd},
        unix::{ffi::OsStrExt, process::CommandExt},
    },
    process::Command,
    sync::atomic::AtomicPtr,
};

use nix::{
    libc,
    sys::{
        prctl,
        signal::{self, SigSet},
    },
    unistd::{self, ForkResult, Pid},
};
use tokio::io::{Interest, unix::AsyncFd};

use crate::model::Signal;

/// A descriptor that this process was started with, to be taken once.
pub(crate) fn take_descriptor(number: RawFd) -> OwnedFd {
    #[expect(
        unsafe_code,
        reason = "a bare number becomes a descriptor with an owner"
    )]
    // SAFETY: it was open before main began, and nobody else in this process knows of it.
    unsafe {
        std::os::fd::FromRawFd::from_raw_fd(number)
    }
}

/// fork(2): `None` in the child.
///
/// # Errors
/// Also where this process has more than one thread, of which the child would not know what they held.
pub(crate) fn fork() -> io::Result<Option<Pid>> {
    if std::fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::ErrorKind::ResourceBusy.into());
    }
    #[expect(unsafe_code, reason = "fork(2) is safe only without threads")]
    // SAFETY: this is the only thread, so the child finds every lock free.
    let forked = unsafe { unistd::fork() };
    match forked? {
        ForkResult::Child => Ok(None),
        ForkResult::Parent { child } => Ok(Some(child)),
    }
}

/// What a child does between fork(2) and execve(2).
#[derive(Debug, Default)]
pub(crate) struct Birth {
    /// Becomes the leader of a session (and process group) of its own, setsid(2).
    pub(crate) session: bool,
    /// An open `cgroup.procs`: the child moves itself there before it runs (cgroups(7)).
    pub(crate) cgroup: Option<OwnedFd>,
    /// A number that it carries, and everything that it starts: see [`tag_of`].
    pub(crate) tag: Option<u64>,
    /// A descriptor that it inherits beside its standard three; to be open until it was started.
    pub(crate) inherits: Option<RawFd>,
    /// The limit on open files it gets back, soft and hard, where ours was raised (getrlimit(2)).
    pub(crate) open_files: Option<(u64, u64)>,
    /// It is killed when the thread ends that starts it, however that comes (PR_SET_PDEATHSIG(2const)):
    /// for children of a thread that lives as long as the process does.
    pub(crate) dies_with_us: bool,
}

/// Arranges `birth` for `command`, and that the child has every signal at its default, none
/// blocked, and no descriptor of ours but its standard three and the one it `inherits`.
pub(crate) fn before_exec(command: &mut Command, birth: Birth) {
    let parent = unistd::getpid();
    let hook = move || {
        if birth.dies_with_us {
            prctl::set_pdeathsig(signal::Signal::SIGKILL)?;
            // Nobody tells of a death that was before.
            if unistd::getppid() != parent {
                return Err(io::ErrorKind::NotFound.into());
            }
        }
        if birth.session && unistd::setsid().is_err() {
            return Err(io::Error::last_os_error());
        }
        if let Some(procs) = &birth.cgroup {
            rustix::io::write(procs, b"0")?;
        }
        if let Some((soft, hard)) = birth.open_files {
            let limit = rustix::process::Rlimit {
                current: Some(soft),
                maximum: Some(hard),
            };
            rustix::process::setrlimit(rustix::process::Resource::Nofile, limit)?;
        }
        if let Some(tag) = birth.tag {
            let limit = rustix::process::Rlimit {
                current: Some(tag),
                ..rustix::process::getrlimit(rustix::process::Resource::Locks)
            };
            // Refused where the hard limit was lowered; then it is recognised by less.
            let _ = rustix::process::setrlimit(rustix::process::Resource::Locks, limit);
        }
        SigSet::empty().thread_set_mask()?;
        for number in 1..=64 {
            // Fails for SIGKILL, SIGSTOP and the two that libc keeps, which have nothing to reset.
            #[expect(
                unsafe_code,
                reason = "signal(2) has no safe form that knows real-time signals"
            )]
            // SAFETY: SIG_DFL installs no handler; signal(2) is async-signal-safe.
            unsafe {
                libc::signal(number, libc::SIG_DFL);
            }
        }
        #[expect(unsafe_code, reason = "close_range(2) has no safe wrapper")]
        // SAFETY: CLOEXEC closes nothing now, so no descriptor that somebody still uses is lost.
        unsafe {
            libc::syscall(
                libc::SYS_close_range,
                3,
                libc::c_uint::MAX,
                libc::CLOSE_RANGE_CLOEXEC,
            );
        }
        if let Some(inherited) = birth.inherits {
            #[expect(unsafe_code, reason = "the descriptor belongs to the parent")]
            // SAFETY: it only changes a flag in the child's own table, and the number is checked by
            // the kernel.
            let result = unsafe { libc::fcntl(inherited, libc::F_SETFD, 0) };
            if result == -1 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    };
    #[expect(
        unsafe_code,
        reason = "the only way to run something between fork and exec"
    )]
    // SAFETY: the hook makes plain system calls on values that were prepared before the fork; it
    // neither allocates nor takes a lock, as is required after fork(2) in a threaded process.
    unsafe {
        command.pre_exec(hook);
    }
}

/// Arranges that what `command` executes is not ended by writing to a pipe or socket that nobody reads
/// any more, which then fails (SIGPIPE, signal(7)). To be called after [`before_exec`].
pub(crate) fn ignore_broken_pipe(command: &mut Command) {
    let hook = || {
        #[expect(unsafe_code, reason = "signal(2) has no safe form")]
        // SAFETY: SIG_IGN installs no handler; signal(2) is async-signal-safe.
        unsafe {
            libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        }
        Ok(())
    };
    #[expect(
        unsafe_code,
        reason = "the library sets it to the default before any exec"
    )]
    // SAFETY: the hook makes one system call, and neither allocates nor takes a lock.
    unsafe {
        command.pre_exec(hook);
    }
}

/// Arranges that `command` is what the kernel executes, or fails: the library calls execvp(3), which gives
/// to a shell what the kernel does not know (ENOEXEC), whatever is in it. To be called last, for a path
/// with all its arguments, in our environment with what was added to it and removed from it.
///
/// # Errors
/// When there is a zero byte in one of those.
pub(crate) fn execute_or_fail(command: &mut Command) -> io::Result<()> {
    let program = CString::new(command.get_program().as_bytes())?;
    let arguments = command.get_args().map(|text| CString::new(text.as_bytes()));
    let arguments = iter::once(Ok(program.clone())).chain(arguments);
    let arguments = Strings::new(arguments.collect::<Result<_, _>>()?);
    let mut variables: BTreeMap<_, _> = env::vars_os().collect();
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => variables.insert(name.to_owned(), value.to_owned()),
            None => variables.remove(name),
        };
    }
    let variables = variables
        .iter()
        .map(|(name, value)| CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()));
    let variables = Strings::new(variables.collect::<Result<_, _>>()?);
    let hook = move || {
        #[expect(unsafe_code, reason = "the safe wrappers of execve(2) allocate")]
        // SAFETY: both lists end with a null, and they and their texts are owned by the hook.
        unsafe {
            libc::execve(program.as_ptr(), arguments.list(), variables.list());
        }
        Err(io::Error::last_os_error())
    };
    #[expect(
        unsafe_code,
        reason = "the only way to run something between fork and exec"
    )]
    // SAFETY: the hook makes one system call on what was prepared before the fork; it neither
    // allocates nor takes a lock.
    unsafe {
        command.pre_exec(hook);
    }
    Ok(())
}

/// Texts as execve(2) takes them.
struct Strings {
    /// With a null at the end. Atomic for being `Sync`: nobody writes.
    pointers: Vec<AtomicPtr<libc::c_char>>,
    /// What they point to, which stays where it is.
    _texts: Vec<CString>,
}

impl Strings {
    fn new(texts: Vec<CString>) -> Self {
        let pointers = texts.iter().map(|text| text.as_ptr().cast_mut());
        let pointers = pointers.chain([std::ptr::null_mut()]);
        Self {
            pointers: pointers.map(AtomicPtr::new).collect(),
            _texts: texts,
        }
    }

    /// As long as this lives.
    fn list(&self) -> *const *const libc::c_char {
        self.pointers.as_ptr().cast()
    }
}

/// The tag that a process was born with or has inherited. `None` where it has none, or we may not ask.
///
/// It is the soft limit on file locks, which the kernel keeps for each process, hands on to every
/// child and over every execve(2), and has not looked at since Linux 2.4 (getrlimit(2),
/// `RLIMIT_LOCKS`). No environment that is cleared, session that is left or descriptor that is closed
/// changes it.
pub(crate) fn tag_of(pid: i32) -> Option<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    #[expect(unsafe_code, reason = "the safe wrapper of prlimit(2) cannot only ask")]
    // SAFETY: nothing is set, and what is asked for is written to a live structure of its type.
    let answer =
        unsafe { libc::prlimit(pid, libc::RLIMIT_LOCKS, std::ptr::null(), &raw mut limit) };
    (answer == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

/// The largest error that the kernel's clock may have, in µs, as who synchronises it has said
/// (adjtimex(2), `maxerror`). It grows by itself when nobody does.
pub(crate) fn largest_clock_error() -> io::Result<i64> {
    let mut timex = std::mem::MaybeUninit::<libc::timex>::zeroed();
    #[expect(unsafe_code, reason = "adjtimex(2) has no safe wrapper")]
    // SAFETY: it is of integers alone, for which zero is a value; with no mode set nothing is
    // changed, and the kernel writes no more than the structure.
    let (answer, timex) = unsafe {
        let answer = libc::adjtimex(timex.as_mut_ptr());
        (answer, timex.assume_init())
    };
    if answer == -1 {
        return Err(io::Error::last_os_error());
    }
    #[expect(
        clippy::useless_conversion,
        reason = "the kernel's long is shorter elsewhere"
    )]
    Ok(timex.maxerror.into())
}

/// Whether somebody has this file, which is open for reading alone, open for writing; `None` where the
/// kernel does not tell, as of a file of somebody else.
///
/// It is asked for a lease on the file, which it does not give while there is a writer (fcntl(2),
/// `F_SETLEASE`), and the lease is given back at once.
pub(crate) fn is_being_written(file: &impl AsFd) -> Option<bool> {
    let fd = file.as_fd().as_raw_fd();
    // Who opens it in between waits for us, and that we are told by a signal: by SIGIO, which would end
    // us, unless another one is named; SIGURG does nothing.
    #[expect(unsafe_code, reason = "fcntl(2) has no safe form for leases")]
    // SAFETY: the descriptor is open for as long as `file` is, and each argument is a number.
    let answer = unsafe {
        if libc::fcntl(fd, F_SETSIG, libc::SIGURG) == -1 {
            return None;
        }
        libc::fcntl(fd, libc::F_SETLEASE, libc::F_RDLCK)
    };
    if answer == -1 {
        let busy = io::Error::last_os_error().raw_os_error() == Some(libc::EAGAIN);
        return busy.then_some(true);
    }
    #[expect(unsafe_code, reason = "fcntl(2) has no safe form for leases")]
    // SAFETY: as above.
    unsafe {
        libc::fcntl(fd, libc::F_SETLEASE, libc::F_UNLCK);
    }
    Some(false)
}

/// Which signal tells of a lease (include/uapi/asm-generic/fcntl.h).
const F_SETSIG: libc::c_int = 10;

/// Waits for `fd` to become what is of interest, from within a tokio runtime.
pub(crate) fn polled(fd: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    #[expect(unsafe_code, reason = "tokio has no safe form for an owned descriptor")]
    // SAFETY: an OwnedFd is open, and stays the same descriptor, for as long as the AsyncFd has it.
    let registered = unsafe { AsyncFd::register_with_interest(fd, interest) };
    registered.map_err(io::Error::from)
}

/// The wait status of a process that is not our child, once its parent has collected it: kernel
/// 6.15 and later keep it for those who hold a pidfd. `None` where the kernel cannot tell.
pub(crate) fn pidfd_wait_status(pidfd: impl AsFd) -> Option<i32> {
    let mut info = PidfdInfo {
        mask: libc::PIDFD_INFO_EXIT.into(),
        ..PidfdInfo::default()
    };
    #[expect(unsafe_code, reason = "PIDFD_GET_INFO has no safe wrapper")]
    // SAFETY: the structure has the layout of the kernel's first version (64 bytes), and its size
    // is part of the request's number, so the kernel writes no further.
    let answer = unsafe { pidfd_get_info(pidfd.as_fd().as_raw_fd(), &raw mut info) };
    let told = answer.is_ok() && info.mask & u64::from(libc::PIDFD_INFO_EXIT) != 0;
    told.then_some(info.exit_code)
}

/// `struct pidfd_info`, first version (include/uapi/linux/pidfd.h).
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    mask: u64,
    cgroup: u64,
    ids: [u32; 11],
    exit_code: i32,
}

const _: () = assert!(size_of::<PidfdInfo>() == 64);

mod request {
    nix::ioctl_readwrite!(pidfd_get_info, 0xFF, 11, super::PidfdInfo);
}
use request::pidfd_get_info;

/// Signals the process that `pidfd` holds (pidfd_send_signal(2)); `Ok(false)` when it has ended.
/// By hand, because the safe wrapper knows no real-time signals.
pub(crate) fn pidfd_signal(pidfd: impl AsFd, signal: Signal) -> io::Result<bool> {
    #[expect(unsafe_code, reason = "there is no safe wrapper for every signal")]
    // SAFETY: a null siginfo means "as kill(2)"; nothing else is a pointer.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_fd().as_raw_fd(),
            signal.number(),
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    if answer == 0 {
        return Ok(true);
    }
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::ESRCH) => Ok(false),
        error => Err(error),
    }
}

/// The supplementary groups of the process at the other end of a unix socket, as they were when it
/// connected (`SO_PEERGROUPS`, Linux 4.13 and later). Unlike a look into `/proc` this cannot be
/// about another process that got the same pid.
pub(crate) fn peer_groups(socket: &impl AsFd) -> io::Result<Vec<u32>> {
    let mut groups: Vec<libc::gid_t> = vec![0; 64];
    loop {
        let mut bytes = libc::socklen_t::try_from(size_of_val(groups.as_slice()))
            .map_err(|_| io::ErrorKind::OutOfMemory)?;
        // SAFETY: the pointer and the length are those of one live, writable allocation of plain
        // integers, and the kernel writes at most `bytes` into it.
        #[expect(unsafe_code, reason = "neither nix nor rustix knows SO_PEERGROUPS")]
        let result = unsafe {
            libc::getsockopt(
                socket.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut bytes,
            )
        };
        let needed = bytes as usize / size_of::<libc::gid_t>();
        if result == 0 {
            groups.truncate(needed);
            return Ok(groups);
        }
        let error = io::Error::last_os_error();
        // The kernel said how much room it needs.
        if error.raw_os_error() != Some(libc::ERANGE) || needed <= groups.len() {
            return Err(error);
        }
        groups.resize(needed, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_of_a_peer_are_those_it_has() {
        let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut groups = peer_groups(&ours).unwrap();
        let mut own: Vec<u32> = unistd::getgroups()
            .unwrap()
            .iter()
            .map(|gid| gid.as_raw())
            .collect();
        groups.sort_unstable();
        own.sort_unstable();
        assert_eq!(groups, own);
    }

    #[test]
    fn something_that_is_no_socket_has_no_peer() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(
            peer_groups(&file).unwrap_err().raw_os_error(),
            Some(libc::ENOTSOCK)
        );
    }
}
