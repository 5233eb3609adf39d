//! What a program says, if it goes on saying something.

use std::{
    io::{self, PipeReader, Read as _},
    os::fd::AsFd as _,
    process::{Child, Command},
    time::Duration,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

const CHUNK: usize = 64 * 1024;

/// How a program ended that was asked for something.
pub(super) struct Answer {
    pub(super) success: bool,
    pub(super) output: Vec<u8>,
    pub(super) errors: Vec<u8>,
}

/// Ends the program, whatever comes between.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Runs it to its end. One that says nothing for `patience` is killed.
///
/// # Errors
/// When it cannot be started or heard; [`io::ErrorKind::TimedOut`] when it fell silent.
pub(super) fn answer(command: &mut Command, patience: Duration) -> io::Result<Answer> {
    let (output, its_output) = io::pipe()?;
    let (errors, its_errors) = io::pipe()?;
    command.stdout(its_output).stderr(its_errors);
    let mut running = Running(command.spawn()?);
    // Ours would be the last writing ends but the program's.
    command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let mut heard = [(output, Vec::new(), true), (errors, Vec::new(), true)];
    while heard.iter().any(|(_, _, open)| *open) {
        hear(&mut heard, patience)?;
    }
    let success = running.0.wait()?.success();
    let [(_, output, _), (_, errors, _)] = heard;
    Ok(Answer {
        success,
        output,
        errors,
    })
}

type Heard = (PipeReader, Vec<u8>, bool);

/// Takes the next words of any of them.
fn hear(heard: &mut [Heard], patience: Duration) -> io::Result<()> {
    let limit = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
    let mut polled: Vec<PollFd<'_>> = heard
        .iter()
        .filter(|(_, _, open)| *open)
        .map(|(pipe, ..)| PollFd::new(pipe.as_fd(), PollFlags::POLLIN))
        .collect();
    match poll(&mut polled, limit) {
        Ok(0) => {
            let why = format!("it said nothing for {} seconds", patience.as_secs());
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        }
        Ok(_) => {}
        Err(nix::errno::Errno::EINTR) => return Ok(()),
        Err(errno) => return Err(errno.into()),
    }
    let speaks: Vec<bool> = polled.iter().map(|one| one.any() == Some(true)).collect();
    let open = heard.iter_mut().filter(|(_, _, open)| *open);
    for ((pipe, words, open), speaks) in open.zip(speaks) {
        if speaks {
            let before = words.len();
            words.resize(before + CHUNK, 0);
            let count = pipe.read(&mut words[before..])?;
            words.truncate(before + count);
            *open = count > 0;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn all_that_is_said_is_heard() {
        let script = "seq 100000; echo no >&2; exit 3";
        let said = answer(&mut shell(script), Duration::from_secs(60)).unwrap();
        assert_eq!(said.output.len(), 588_895);
        assert_eq!((said.success, &said.errors[..]), (false, &b"no\n"[..]));
    }

    #[test]
    fn who_falls_silent_is_not_waited_for() {
        let begin = Instant::now();
        let script = "echo $$; exec sleep 1000";
        let error = answer(&mut shell(script), Duration::from_millis(200)).err();
        assert_eq!(error.unwrap().kind(), io::ErrorKind::TimedOut);
        assert!(begin.elapsed() < Duration::from_secs(60));
    }
}
