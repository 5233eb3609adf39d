//! Writes lines into the journal, and waits for nobody.
//!
//! How: a datagram for each line, in journald's native protocol
//! (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL>): it carries fields, which journald itself adds for
//! system services only, and a journald that is started again finds what was sent meanwhile. A socket
//! that is full is tried again later, with what was kept; beyond a bound lines are left out, and a line
//! says so.

use std::{
    collections::VecDeque,
    io,
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::net::UnixDatagram,
    },
    path::{Path, PathBuf},
};

use crate::{
    launch,
    model::AttemptRef,
    systemd::journal::{self, SOCKET},
};

/// Lines that are kept for it.
const KEPT: usize = 4096;

/// Lines on their way into the journal.
pub(crate) struct JournalWriter {
    place: PathBuf,
    socket: Option<UnixDatagram>,
    /// The fields of every line.
    fields: String,
    /// Where all of it is.
    elsewhere: PathBuf,
    waiting: VecDeque<String>,
    left_out: usize,
}

impl JournalWriter {
    /// For an attempt whose whole output is in that file.
    pub(crate) fn new(attempt: &AttemptRef, elsewhere: &Path) -> Self {
        let AttemptRef { worker, attempt } = attempt;
        Self {
            place: SOCKET.into(),
            socket: None,
            fields: format!(
                "SYSLOG_IDENTIFIER={worker}\nPRIORITY=6\n{}={worker}\n{}={attempt}\n",
                launch::WORKER,
                launch::ATTEMPT
            ),
            elsewhere: elsewhere.to_owned(),
            waiting: VecDeque::new(),
            left_out: 0,
        }
    }

    /// Adds lines, to be sent.
    pub(crate) fn add(&mut self, lines: Vec<String>) {
        for line in lines {
            if self.waiting.len() >= KEPT {
                self.left_out += 1;
                continue;
            }
            self.say_what_is_missing();
            self.waiting.push_back(line);
        }
    }

    fn say_what_is_missing(&mut self) {
        if self.left_out > 0 {
            let (lines, path) = (self.left_out, self.elsewhere.display());
            self.left_out = 0;
            self.waiting.push_back(format!(
                "[{lines} lines are missing here, which journald did not take in time; they are in {path}]"
            ));
        }
    }

    /// Sends as much as it takes; whether that was all.
    pub(crate) fn send(&mut self) -> bool {
        loop {
            let Some(line) = self.waiting.front() else {
                if self.left_out == 0 {
                    return true;
                }
                self.say_what_is_missing();
                continue;
            };
            let datagram = format!("{}MESSAGE={line}\n", self.fields);
            if self.send_one(datagram.as_bytes()).is_err() {
                return false;
            }
            self.waiting.pop_front();
        }
    }

    fn send_one(&mut self, datagram: &[u8]) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => connect(&self.place)?,
        };
        match socket.send(datagram) {
            Ok(_) => {
                self.socket = Some(socket);
                Ok(())
            }
            Err(full) if full.kind() == io::ErrorKind::WouldBlock => {
                self.socket = Some(socket);
                Err(full)
            }
            Err(gone) => Err(gone),
        }
    }

    /// What is writable when more can be sent, while something waits for that.
    pub(crate) fn waits_for(&self) -> Option<BorrowedFd<'_>> {
        let socket = self.socket.as_ref();
        socket
            .filter(|_| !self.waiting.is_empty())
            .map(|socket| socket.as_fd())
    }

    /// Whether something waits for a journald that is not there.
    pub(crate) fn is_astray(&self) -> bool {
        self.socket.is_none() && !self.waiting.is_empty()
    }
}

/// Sends one entry, with all its fields, to who listens there now.
pub(super) fn send(entry: &str) -> io::Result<()> {
    connect(Path::new(SOCKET))?.send(entry.as_bytes()).map(drop)
}

fn connect(place: &Path) -> io::Result<UnixDatagram> {
    let socket = journal::connect(place)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A socket in the place of journald's, which reads when it is told to.
    fn journald(place: &Path) -> UnixDatagram {
        let socket = UnixDatagram::bind(place).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        socket
    }

    fn writer(place: &Path) -> JournalWriter {
        let attempt = AttemptRef {
            worker: "builder".parse().unwrap(),
            attempt: "20261121T004319Z-00000001".parse().unwrap(),
        };
        let mut writer = JournalWriter::new(&attempt, Path::new("/state/output.log"));
        writer.place = place.to_owned();
        writer
    }

    /// The next one; `None` where there is none and it is not waited for.
    fn message(journald: &UnixDatagram) -> Option<String> {
        let mut datagram = [0; 1024];
        let length = journald.recv(&mut datagram).ok()?;
        let text = std::str::from_utf8(&datagram[..length]).unwrap();
        let fields: Vec<&str> = text.lines().collect();
        let named = [
            "SYSLOG_IDENTIFIER=builder",
            "PRIORITY=6",
            "LOOPKEEPER_WORKER=builder",
            "LOOPKEEPER_ATTEMPT=20261121T004319Z-00000001",
        ];
        assert_eq!(fields[..4], named);
        fields[4].strip_prefix("MESSAGE=").map(str::to_owned)
    }

    #[test]
    fn who_is_full_is_not_waited_for_and_what_is_missing_is_said() {
        let home = tempfile::tempdir().unwrap();
        let place = home.path().join("socket");
        let journald = journald(&place);
        let mut writer = writer(&place);
        let many = 3 * KEPT;
        for number in 0..many {
            writer.add(vec![number.to_string()]);
            writer.send();
        }
        assert!(writer.waits_for().is_some() && !writer.is_astray());
        let mut told = Vec::new();
        loop {
            let all = writer.send();
            // At least one is there, since the others did not fit.
            told.extend(message(&journald));
            if all {
                break;
            }
        }
        journald.set_nonblocking(true).unwrap();
        told.extend(std::iter::from_fn(|| message(&journald)));
        let last = told.pop().unwrap();
        let expected: Vec<String> = (0..told.len()).map(|number| number.to_string()).collect();
        assert_eq!(told, expected);
        let missing = many - told.len();
        let note = "lines are missing here, which journald did not take in time; they are in \
                    /state/output.log";
        assert_eq!(last, format!("[{missing} {note}]"));
    }

    #[test]
    fn who_is_not_there_yet_gets_it_later() {
        let home = tempfile::tempdir().unwrap();
        let place = home.path().join("socket");
        let mut writer = writer(&place);
        writer.add(vec!["first".into()]);
        assert!(!writer.send() && writer.is_astray());
        let journald = journald(&place);
        assert!(writer.send());
        assert_eq!(message(&journald).as_deref(), Some("first"));
    }
}
