//! One client: reads its requests one after the other and writes what the daemon answers.
//!
//! Nothing in here grows with what the client sends: a line has a limit, one request is open at a
//! time, and while it is open nothing more is read. A client that asks nothing at all, sends half a
//! line, reads nothing of an answer, or sends nonsense again and again loses its connection.

use std::time::Duration;

use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::UnixStream,
    sync::mpsc,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    answer::{Answer, Line, encode, error_line, event_line},
    protocol::{self, ENDED, Greeting, PROTOCOL, Refusal, RefusalKind},
    seat::Seat,
    server::Call,
};
use crate::{
    agent::typed::LONGEST,
    decide::access::{Access, Peer},
};

/// Bytes of a request with its line end: the longest text that can be typed, with each byte of it
/// escaped, and what is around it.
pub(super) const LONGEST_LINE: usize = 2 * LONGEST + 4096;
/// From the greeting to the first byte of the first request.
const FIRST_REQUEST: Duration = Duration::from_secs(30);
/// From the first byte of a line to its end.
const HALF_LINE: Duration = Duration::from_secs(10);
/// For a client to take one line of ours.
const WRITE: Duration = Duration::from_secs(30);
/// For a client that loses its place to be told.
const LAST_WORD: Duration = Duration::from_secs(1);
/// Lines that were no request, before the connection is closed.
const NONSENSE: usize = 16;

/// The connection is over; nobody is left to be told why.
struct Over;

/// Serves one client to its end.
pub(super) async fn serve(
    stream: UnixStream,
    peer: Peer,
    (access, types): (Access, bool),
    seat: Seat,
    calls: mpsc::Sender<Call>,
    closing: CancellationToken,
) {
    let (reader, writer) = stream.into_split();
    let mut client = Client {
        reader: BufReader::new(reader),
        writer,
        peer,
        access,
        types,
        nonsense: 0,
        half_written: false,
    };
    let lost = tokio::select! {
        Over = client.run(&calls, &closing, || seat.asks()) => false,
        () = seat.is_lost() => true,
    };
    if lost && !client.half_written {
        let why = "its place was given to another client, for the daemon has as many as it takes";
        drop(timeout(LAST_WORD, client.farewell(why.to_owned())).await);
    }
}

struct Client<R, W> {
    reader: R,
    writer: W,
    peer: Peer,
    access: Access,
    /// It may type to agents.
    types: bool,
    nonsense: usize,
    /// A line of ours has begun and not ended.
    half_written: bool,
}

pub(super) enum Got {
    Line(Vec<u8>),
    TooLong,
    Half,
    Nothing,
    End,
}

impl<R: AsyncBufRead + Unpin, W: AsyncWrite + Unpin> Client<R, W> {
    async fn run(
        &mut self,
        calls: &mpsc::Sender<Call>,
        closing: &CancellationToken,
        asks: impl Fn(),
    ) -> Over {
        let greeting = Greeting {
            loopkeeper: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: PROTOCOL,
            access: self.access,
        };
        let Ok(greeting) = encode(&greeting) else {
            return Over;
        };
        if let Err(over) = self.write(&greeting).await {
            return over;
        }
        let mut patience = Some(FIRST_REQUEST);
        loop {
            let got = tokio::select! {
                () = closing.cancelled() => return Over,
                got = read_line(&mut self.reader, patience) => got,
            };
            let step = match got {
                Got::Line(line) => {
                    let asked = || {
                        asks();
                        patience = None;
                    };
                    self.line(&line, calls, asked).await
                }
                Got::TooLong => {
                    self.farewell(format!("line is longer than {LONGEST_LINE} bytes"))
                        .await
                }
                Got::Half => {
                    self.farewell(format!("line did not end within {} s", HALF_LINE.as_secs()))
                        .await
                }
                Got::Nothing => {
                    let limit = FIRST_REQUEST.as_secs();
                    self.farewell(format!("there was no request within {limit} s"))
                        .await
                }
                Got::End => Err(Over),
            };
            if let Err(over) = step {
                return over;
            }
        }
    }

    async fn line(
        &mut self,
        line: &[u8],
        calls: &mpsc::Sender<Call>,
        asked: impl FnOnce(),
    ) -> Result<(), Over> {
        let (id, request) = match protocol::parse(line) {
            Ok(parsed) => {
                asked();
                parsed
            }
            Err(wrong) => {
                let refusal = Refusal::new(RefusalKind::Usage, wrong.why);
                self.write(&error_line(wrong.id, refusal)).await?;
                self.nonsense += 1;
                if self.nonsense < NONSENSE {
                    return Ok(());
                }
                return self
                    .farewell(format!("{NONSENSE} lines were no requests"))
                    .await;
            }
        };
        if request.needed() > self.access {
            let refusal = Refusal::new(
                RefusalKind::NotAllowed,
                format!("user {} may look and not steer", self.peer.uid),
            )
            .hint(super::group::how_to_join());
            return self.write(&error_line(Some(id), refusal)).await;
        }
        if matches!(request, protocol::Request::Nudge { .. }) && !self.types {
            let refusal = Refusal::new(
                RefusalKind::NotAllowed,
                format!(
                    "user {} may steer, and not type as the workers' users",
                    self.peer.uid
                ),
            )
            .hint("root and the user of the daemon may: sudo supervisorctl nudge …");
            return self.write(&error_line(Some(id), refusal)).await;
        }
        let is_needed = request.needs_its_client();
        let (answer, out) = Answer::new(id);
        let _over = answer.over().drop_guard();
        // When the daemon is ending, the call is dropped with its answer, and that is told below.
        drop(
            calls
                .send(Call {
                    request,
                    peer: self.peer.clone(),
                    answer,
                })
                .await,
        );
        self.relay(id, out, is_needed).await
    }

    /// Writes what the daemon answers, up to the last line of it. `is_needed`: not for a client that
    /// has hung up; it is seen by that it sends something, or nothing any more.
    async fn relay(
        &mut self,
        id: u64,
        mut out: mpsc::Receiver<Line>,
        is_needed: bool,
    ) -> Result<(), Over> {
        loop {
            let line = tokio::select! {
                line = out.recv() => line,
                _ = self.reader.fill_buf(), if is_needed => return Err(Over),
            };
            match line {
                Some(Line::Backlog(rows)) => {
                    for row in &rows {
                        match event_line(id, row) {
                            Ok(line) => self.write(&line).await?,
                            Err(refusal) => {
                                let line = error_line(Some(id), refusal);
                                return self.write(&line).await.and(Err(Over));
                            }
                        }
                    }
                }
                Some(Line::Event(line)) => self.write(&line).await?,
                Some(Line::Last(line)) => {
                    self.write(&line).await?;
                    return if is_needed { Err(Over) } else { Ok(()) };
                }
                None => {
                    let refusal = Refusal::new(RefusalKind::Failed, ENDED)
                        .hint("try again with: supervisorctl status");
                    return self
                        .write(&error_line(Some(id), refusal))
                        .await
                        .and(Err(Over));
                }
            }
        }
    }

    /// Says why, and ends the connection.
    async fn farewell(&mut self, why: String) -> Result<(), Over> {
        let refusal = Refusal::new(RefusalKind::Usage, format!("connection is closed: {why}"));
        self.write(&error_line(None, refusal)).await.and(Err(Over))
    }

    async fn write(&mut self, line: &[u8]) -> Result<(), Over> {
        self.half_written = true;
        match timeout(WRITE, self.writer.write_all(line)).await {
            Ok(Ok(())) => {
                self.half_written = false;
                Ok(())
            }
            Ok(Err(_)) | Err(_) => Err(Over),
        }
    }
}

/// Waits for a line for as long as `patience` says, `None` is for ever, and for the end of one that
/// has begun [`HALF_LINE`].
pub(super) async fn read_line<R: AsyncBufRead + Unpin>(
    reader: &mut R,
    patience: Option<Duration>,
) -> Got {
    let begun = match patience {
        Some(patience) => match timeout(patience, reader.fill_buf()).await {
            Ok(begun) => begun,
            Err(_) => return Got::Nothing,
        },
        None => reader.fill_buf().await,
    };
    match begun {
        Ok(bytes) if !bytes.is_empty() => {}
        Ok(_) | Err(_) => return Got::End,
    }
    timeout(HALF_LINE, rest_of_line(reader))
        .await
        .unwrap_or(Got::Half)
}

async fn rest_of_line<R: AsyncBufRead + Unpin>(reader: &mut R) -> Got {
    let mut line = Vec::new();
    loop {
        let bytes = match reader.fill_buf().await {
            Ok(bytes) if !bytes.is_empty() => bytes,
            Ok(_) | Err(_) => return Got::End,
        };
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(bytes.len(), |at| at + 1);
        if line.len() + taken > LONGEST_LINE {
            return Got::TooLong;
        }
        line.extend_from_slice(&bytes[..taken]);
        reader.consume(taken);
        if end.is_some() {
            return Got::Line(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::protocol::Request, *};

    #[tokio::test(start_paused = true)]
    async fn half_a_line_and_the_first_one_have_a_time_limit_and_silence_has_none() {
        let (mut client, server) = tokio::io::duplex(64);
        let mut reader = BufReader::new(server);
        let first = read_line(&mut reader, Some(FIRST_REQUEST)).await;
        assert!(matches!(first, Got::Nothing));
        let wait = timeout(HALF_LINE * 1000, read_line(&mut reader, None)).await;
        assert!(wait.is_err(), "a silent client was cut off");
        client.write_all(b"{\"id\":").await.unwrap();
        assert!(matches!(read_line(&mut reader, None).await, Got::Half));
    }

    fn of_user(
        stream: tokio::io::DuplexStream,
        access: Access,
    ) -> Client<impl AsyncBufRead + Unpin, impl AsyncWrite + Unpin> {
        let (reader, writer) = tokio::io::split(stream);
        Client {
            reader: BufReader::new(reader),
            writer,
            peer: Peer {
                pid: 1,
                uid: 8,
                groups: std::collections::BTreeSet::new(),
            },
            access,
            types: false,
            nonsense: 0,
            half_written: false,
        }
    }

    #[tokio::test]
    async fn who_steers_does_not_type_for_that() {
        for types in [false, true] {
            let (near, far) = tokio::io::duplex(4096);
            let mut client = of_user(far, Access::Steer);
            client.types = types;
            let (calls, mut daemon) = mpsc::channel::<Call>(1);
            let closing = CancellationToken::new();
            let talk = async {
                let (heard, mut say) = tokio::io::split(near);
                let mut heard = BufReader::new(heard).lines();
                heard.next_line().await.unwrap();
                let nudge =
                    r#"{"id":1,"do":"nudge","worker":"a","text":"x","when":"now","within":1}"#;
                say.write_all(format!("{nudge}\n").as_bytes())
                    .await
                    .unwrap();
                match types {
                    true => {
                        let call = daemon.recv().await.unwrap();
                        call.answer.error(Refusal::new(RefusalKind::Failed, "x"));
                    }
                    false => {
                        let refused = heard.next_line().await.unwrap().unwrap();
                        assert!(refused.contains("not-allowed"), "{refused}");
                        assert!(daemon.try_recv().is_err(), "it reached the daemon");
                    }
                }
                drop((heard, say));
            };
            tokio::join!(client.run(&calls, &closing, || ()), talk);
        }
    }

    #[tokio::test]
    async fn who_may_only_read_cannot_steer() {
        let (near, far) = tokio::io::duplex(4096);
        let mut client = of_user(far, Access::Read);
        let (calls, mut daemon) = mpsc::channel::<Call>(1);
        let closing = CancellationToken::new();
        let talk = async {
            let (heard, mut say) = tokio::io::split(near);
            let mut heard = BufReader::new(heard).lines();
            let mut next = async || heard.next_line().await.unwrap().unwrap();
            assert!(next().await.contains(r#""access":"read""#));
            say.write_all(b"{\"id\":1,\"do\":\"pause\"}\n")
                .await
                .unwrap();
            let refused = next().await;
            assert!(
                refused.contains(r#""id":1,"error":{"kind":"not-allowed""#),
                "{refused}"
            );
            say.write_all(b"{\"id\":2,\"do\":\"reload\",\"dry_run\":false}\n")
                .await
                .unwrap();
            assert!(next().await.contains("not-allowed"));
            say.write_all(b"{\"id\":3,\"do\":\"reload\",\"dry_run\":true}\n")
                .await
                .unwrap();
            let call = daemon.recv().await.unwrap();
            assert_eq!(call.request, Request::Reload { dry_run: true });
            call.answer.error(Refusal::new(RefusalKind::Failed, "x"));
            assert!(next().await.contains(r#""id":3"#));
            assert!(
                daemon.try_recv().is_err(),
                "something refused reached the daemon"
            );
            drop((heard, say));
        };
        tokio::join!(client.run(&calls, &closing, || ()), talk);
    }

    #[tokio::test]
    async fn a_line_may_come_in_pieces_up_to_the_limit() {
        let mut longest = vec![b' '; LONGEST_LINE - 1];
        longest.push(b'\n');
        let mut reader = BufReader::with_capacity(7, longest.as_slice());
        assert!(matches!(read_line(&mut reader, None).await, Got::Line(line) if line == longest));
        longest.insert(0, b' ');
        let mut reader = BufReader::with_capacity(7, longest.as_slice());
        assert!(matches!(read_line(&mut reader, None).await, Got::TooLong));
    }
}
