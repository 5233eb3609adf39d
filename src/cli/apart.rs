//! A verb in a process of its own, which may stay behind.
//!
//! Promise: who waits for a verb waits no longer than the verb itself takes. A thread that looks at a
//! file system which does not answer may be beyond SIGKILL (fuse(4); also who only waits for another
//! one's look there), and a process is not over before all its threads are.
//!
//! How: the verb runs in a child, which says by a pipe how it ends. A child that stays behind has nothing
//! of ours open, and ends with its look.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
};

use nix::{
    fcntl::OFlag,
    sys::{
        prctl,
        signal::Signal,
        wait::{WaitStatus, waitpid},
    },
    unistd::{Pid, getppid, pipe2},
};

use crate::sys;

/// Runs the verb; the exit code. To be called before there are threads.
pub(super) fn run(verb: impl FnOnce() -> u8) -> u8 {
    let Ok((ours, its)) = pipe2(OFlag::O_CLOEXEC) else {
        return verb();
    };
    let us = nix::unistd::getpid();
    match sys::fork() {
        Err(_) => verb(),
        Ok(None) => {
            drop(ours);
            // Who ends us ends it.
            if prctl::set_pdeathsig(Signal::SIGKILL).is_err() || getppid() != us {
                return 1;
            }
            let code = verb();
            let_go();
            // Without somebody who reads it there is nobody to be told.
            drop(File::from(its).write_all(&[code]));
            code
        }
        Ok(Some(child)) => {
            drop(its);
            let mut code = [0];
            match File::from(ours).read_exact(&mut code) {
                Ok(()) => code[0],
                Err(_) => ended(child),
            }
        }
    }
}

/// Whoever reads what we write hears its end.
fn let_go() {
    drop(io::stdout().flush());
    if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        // What cannot be let go of is kept until the process is over.
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stdout(&null);
        let _ = rustix::stdio::dup2_stderr(&null);
    }
}

/// How a child ended that did not say so; as shells have it.
fn ended(child: Pid) -> u8 {
    let code = match waitpid(child, None) {
        Ok(WaitStatus::Exited(_, code)) => code,
        Ok(WaitStatus::Signaled(_, signal, _)) => 128 + signal as i32,
        _ => 1,
    };
    u8::try_from(code).unwrap_or(1)
}
