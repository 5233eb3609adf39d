//! The way back: from the daemon's loop to one client, without ever making the loop wait.

use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::protocol::{Refusal, RefusalKind, Reply, Said};
use crate::decide::Notice;

/// Events that may wait for a client that reads slowly, beside those that were before it asked.
const QUEUE: usize = 256;

/// One line for a client.
#[derive(Debug)]
pub(super) enum Line {
    /// What was before it asked, written as fast as the client reads. More will come.
    Backlog(Vec<Notice>),
    /// More will come.
    Event(Vec<u8>),
    /// The request is answered.
    Last(Vec<u8>),
}

/// Answers one request, now or later. Dropped without an answer, it tells the client so.
#[derive(Debug)]
pub struct Answer {
    id: u64,
    lines: mpsc::Sender<Line>,
    over: CancellationToken,
}

/// The client hung up or reads too slowly; there is no use in further events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("client does not follow any more")]
pub struct Gone;

impl Answer {
    /// An answer, and where its lines come out. One slot of the queue is kept for the last line.
    pub(super) fn new(id: u64) -> (Self, mpsc::Receiver<Line>) {
        let (lines, out) = mpsc::channel(QUEUE + 1);
        let over = CancellationToken::new();
        (Self { id, lines, over }, out)
    }

    /// Cancelled once nobody listens for the answer any more, for it was given or the client hung up.
    pub(super) fn over(&self) -> CancellationToken {
        self.over.clone()
    }

    /// Waits until nobody listens for the answer any more: it was given, or the client hung up.
    pub fn unheard(&self) -> impl Future<Output = ()> + Send + use<> {
        self.over.clone().cancelled_owned()
    }

    /// It was done.
    pub fn ok(self, reply: Reply) {
        let line = match encode(&Said {
            id: Some(self.id),
            ok: Some(reply),
            event: None,
            error: None,
        }) {
            Ok(line) => line,
            Err(refusal) => error_line(Some(self.id), refusal),
        };
        self.last(line);
    }

    /// It was not done.
    pub fn error(self, refusal: Refusal) {
        let line = error_line(Some(self.id), refusal);
        self.last(line);
    }

    /// The beginning of a stream: rows that there are already, however many. A client takes them in
    /// its own time, while what happens meanwhile waits in the queue.
    pub fn backlog(&self, rows: Vec<Notice>) -> Result<(), Gone> {
        self.lines.try_send(Line::Backlog(rows)).map_err(|_| Gone)
    }

    /// One row of a stream. A client that has fallen behind by more than the queue holds is told
    /// that it missed events, and dropped.
    pub fn event(&self, row: &Notice) -> Result<(), Gone> {
        if self.lines.is_closed() {
            return Err(Gone);
        }
        match event_line(self.id, row) {
            Ok(line) if self.lines.capacity() > 1 => {
                self.lines.try_send(Line::Event(line)).map_err(|_| Gone)
            }
            Ok(_) => {
                let missed = Refusal::new(
                    RefusalKind::Failed,
                    "events were missed: this client read too slowly",
                )
                .hint("see what happened with: supervisorctl history");
                self.lines
                    .try_send(Line::Last(error_line(Some(self.id), missed)))
                    .map_err(|_| Gone)
                    .and(Err(Gone))
            }
            Err(refusal) => self
                .lines
                .try_send(Line::Last(error_line(Some(self.id), refusal)))
                .map_err(|_| Gone)
                .and(Err(Gone)),
        }
    }

    /// A client that is gone needs no answer.
    fn last(self, line: Vec<u8>) {
        drop(self.lines.try_send(Line::Last(line)));
    }
}

/// A line with one row of a stream.
pub(super) fn event_line(id: u64, row: &Notice) -> Result<Vec<u8>, Refusal> {
    encode(&Said {
        id: Some(id),
        ok: None,
        event: Some(row),
        error: None,
    })
}

/// A line that says what went wrong.
pub(super) fn error_line(id: Option<u64>, refusal: Refusal) -> Vec<u8> {
    encode(&Said::<()> {
        id,
        ok: None,
        event: None,
        error: Some(refusal),
    })
    .unwrap_or_default()
}

/// As a line of JSON. Fails for a path that is not UTF-8, and for nothing else.
pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Refusal> {
    let mut line = serde_json::to_vec(value).map_err(|why| {
        Refusal::new(
            RefusalKind::Failed,
            format!("answer cannot be written as JSON: {why}"),
        )
    })?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Notice {
        Notice {
            at: jiff::Timestamp::UNIX_EPOCH,
            event: "worker-started".into(),
            level: crate::decide::Level::Info,
            worker: None,
            phase: None,
            attempt: None,
            text: "m".into(),
        }
    }

    #[test]
    fn a_reader_that_falls_behind_is_told_and_dropped() {
        let (answer, mut out) = Answer::new(3);
        for _ in 0..QUEUE {
            assert_eq!(answer.event(&row()), Ok(()));
        }
        assert_eq!(answer.event(&row()), Err(Gone));
        assert_eq!(answer.event(&row()), Err(Gone));
        drop(answer);
        let mut lines = Vec::new();
        while let Ok(line) = out.try_recv() {
            lines.push(line);
        }
        assert_eq!(lines.len(), QUEUE + 1);
        let Some(Line::Last(last)) = lines.pop() else {
            panic!("no last line")
        };
        let last = String::from_utf8(last).unwrap();
        assert!(
            last.contains(r#""id":3,"error""#) && last.contains("events were missed"),
            "{last}"
        );
        assert!(lines.iter().all(|line| matches!(line, Line::Event(_))));
    }

    #[test]
    fn a_client_that_hung_up_is_noticed() {
        let (answer, out) = Answer::new(3);
        drop(out);
        assert_eq!(answer.event(&row()), Err(Gone));
    }
}
