//! One channel over a connection, and the shell at its end.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use openssh::{ChildStderr, ChildStdin, ChildStdout, Session, Stdio};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use super::{
    script::{COMMAND, Rendered},
    sieve::Sieve,
    words::on_one_line,
};
use crate::{causes::in_one_line, model::Exit};

/// Bytes that are read at a time.
const BLOCK: usize = 8192;

/// As the master tells that sshd opens no channel (mux.c, `mux_session_confirm`).
const REFUSED: &str = "Session open refused by peer";

/// A shell that listens, and has not got its script yet.
pub(super) struct Shell {
    script: String,
    pub(super) input: ChildStdin,
    pub(super) output: Ear<ChildStdout>,
    pub(super) errors: Ear<ChildStderr>,
    /// Its exit, or how the channel broke. To be awaited once.
    pub(super) exit: Pin<Box<dyn Future<Output = Result<Exit, String>> + Send>>,
}

/// There is no shell that listens.
#[derive(Debug)]
pub(super) enum NoShell {
    /// There is no channel either.
    NoChannel(String),
    /// The host opens no other one at the moment.
    Refused(String),
    /// Something else was there, and has ended.
    Other { exit: Exit, said: String },
    /// The channel broke.
    Broke(String),
}

impl NoShell {
    fn without_channel(error: &openssh::Error) -> Self {
        let why = in_one_line(error);
        match why.contains(REFUSED) {
            true => Self::Refused(format!("{REFUSED} (sshd_config(5), MaxSessions)")),
            false => Self::NoChannel(why),
        }
    }
}

/// What comes out of one end of a channel.
pub(super) struct Ear<P> {
    pipe: P,
    sieve: Sieve,
    block: Vec<u8>,
    over: bool,
    /// What the script said and nobody took yet.
    pub(super) own: Vec<u8>,
}

impl<P: AsyncRead + Unpin> Ear<P> {
    fn new(pipe: P, sieve: Sieve) -> Self {
        Self {
            pipe,
            sieve,
            block: vec![0; BLOCK],
            over: false,
            own: Vec::new(),
        }
    }

    /// Whether the script has begun.
    pub(super) fn has_begun(&self) -> bool {
        self.sieve.has_begun()
    }

    /// Whether nothing follows.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Waits for more. Cancel-safe.
    pub(super) async fn listen(&mut self) {
        // An end that breaks is one.
        match self.pipe.read(&mut self.block).await {
            Ok(count @ 1..) => {
                self.sieve.take(&self.block[..count], &mut self.own);
                self.over = self.sieve.has_ended();
            }
            _ => {
                self.over = true;
                if self.sieve.has_begun() {
                    self.own.extend(self.sieve.rest());
                }
            }
        }
    }

    /// Listens to the end, and keeps no more than the first `keep` bytes.
    async fn hear_out(&mut self, keep: usize) {
        while !self.over {
            self.listen().await;
            self.own.truncate(keep);
        }
    }
}

impl Shell {
    /// Opens a channel, and waits until its shell listens.
    pub(super) async fn open(session: Arc<Session>, script: &Rendered) -> Result<Self, NoShell> {
        let Rendered {
            greeting,
            text,
            marks,
        } = script;
        let mut child = session
            .clone()
            .arc_raw_command(COMMAND)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .await
            .map_err(|error| NoShell::without_channel(&error))?;
        let lacks = || NoShell::NoChannel("it has no input and outputs".into());
        let (input, output) = (child.stdin().take(), child.stdout().take());
        let (input, output) = (input.ok_or_else(lacks)?, output.ok_or_else(lacks)?);
        let errors = child.stderr().take().ok_or_else(lacks)?;
        let mut shell = Self {
            script: text.clone(),
            input,
            output: Ear::new(output, Sieve::of_output(marks)),
            errors: Ear::new(errors, Sieve::of_errors(marks)),
            exit: Box::pin(exit(session, child)),
        };
        // Who does not read it has ended, or tells why.
        drop(shell.input.write_all(greeting.as_bytes()).await);
        while !shell.output.sieve.has_greeted() {
            if shell.output.is_over() {
                return Err(shell.other().await);
            }
            shell.listen().await;
        }
        Ok(shell)
    }

    /// Waits for more of what is said. Cancel-safe. Not to be called when all is over.
    pub(super) async fn listen(&mut self) {
        tokio::select! {
            () = self.output.listen(), if !self.output.over => {}
            () = self.errors.listen(), if !self.errors.over => {}
        }
    }

    /// Sends the script: from here on it may run.
    pub(super) async fn send_script(&mut self) {
        // As of the greeting.
        drop(self.input.write_all(self.script.as_bytes()).await);
    }

    /// Runs the script to its end, without any other input.
    pub(super) async fn run(self, keep: usize) -> Result<(Exit, Vec<u8>, Vec<u8>), String> {
        let Self {
            script,
            mut input,
            mut output,
            mut errors,
            exit,
        } = self;
        let feed = async move {
            // As of the greeting.
            drop(input.write_all(script.as_bytes()).await);
            drop(input);
        };
        tokio::join!(feed, output.hear_out(keep), errors.hear_out(keep));
        let exit = exit.await?;
        Ok((exit, output.own, errors.own))
    }

    /// What was there in place of a shell.
    async fn other(mut self) -> NoShell {
        self.errors.hear_out(0).await;
        let mut said = self.output.sieve.rest();
        said.extend(self.errors.sieve.rest());
        match self.exit.await {
            Ok(exit) => NoShell::Other {
                exit,
                said: on_one_line(&said),
            },
            Err(why) => NoShell::Broke(why),
        }
    }
}

impl fmt::Debug for Shell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shell").finish_non_exhaustive()
    }
}

/// How the other end ended. The protocol tells a code or nothing; with nothing ends what a signal has ended,
/// and what was lost with its connection.
async fn exit(session: Arc<Session>, child: openssh::Child<Arc<Session>>) -> Result<Exit, String> {
    match child.wait().await {
        Ok(status) => match status.code().and_then(|code| u8::try_from(code).ok()) {
            Some(code) => Ok(Exit::Code(code)),
            None => Ok(Exit::Lost(format!("it is told as {status}"))),
        },
        // That is how the library reads this code, which may have other reasons.
        Err(openssh::Error::Remote(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok(Exit::Code(127))
        }
        Err(openssh::Error::RemoteProcessTerminated) if session.check().await.is_ok() => Ok(
            Exit::Lost("the host tells no exit code, as of what a signal has ended".into()),
        ),
        Err(error) => Err(in_one_line(&error)),
    }
}
