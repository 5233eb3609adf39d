//! A script on a host that stays: lines come from it, and lines can be sent to it.

use std::time::Duration;

use tokio::{
    io::AsyncWriteExt,
    sync::watch,
    time::{Instant, timeout},
};

use super::{
    LinkError, State,
    link::OPENS_WITHIN,
    session::Shell,
    state::{Cut, MOMENT, lost, within},
    turns::Turn,
    words::on_one_line,
};

/// The longest line that is taken.
const LONGEST: usize = 1024 * 1024;

/// How long a script may not read what is sent to it.
const TAKES_WITHIN: Duration = Duration::from_secs(30);

/// Bytes that are kept of what it says last on standard error.
const ERRORS: usize = 4096;

/// A script that runs on a host. It ends with its connection; and dropped, it has no input any more and
/// nobody to write to, so one that reads its input or writes now and then ends by that.
#[derive(Debug)]
pub struct Channel {
    shell: Shell,
    host: String,
    state: watch::Receiver<State>,
    life: u64,
    turn: Turn,
    unsent: Vec<u8>,
    over: Option<LinkError>,
}

impl Channel {
    /// Sends the script, and waits until it has begun: before that, the shell that reads the script might
    /// take what is sent for more of it.
    pub(super) async fn begin(
        mut shell: Shell,
        host: String,
        state: watch::Receiver<State>,
        life: u64,
        turn: Turn,
        until: Instant,
    ) -> Result<Self, LinkError> {
        let begun = async {
            shell.send_script().await;
            while !shell.output.has_begun() && !shell.output.is_over() {
                shell.listen().await;
            }
        };
        let begun = within(state.clone(), life, until, begun).await;
        let mut this = Self {
            shell,
            host,
            state,
            life,
            turn,
            unsent: Vec::new(),
            over: None,
        };
        match begun {
            Ok(()) if this.shell.output.has_begun() => Ok(this),
            Ok(()) => Err(this.end().await),
            Err(Cut::Lost(why)) => Err(this.lost(why)),
            Err(Cut::Late) => Err(LinkError::TimedOut {
                host: this.host,
                limit: OPENS_WITHIN,
            }),
        }
    }

    /// The next line, without its end. Cancel-safe.
    ///
    /// # Errors
    /// There is none any more: the script has ended, or the connection is lost. The same is said of each
    /// further line.
    pub async fn line(&mut self) -> Result<Vec<u8>, LinkError> {
        loop {
            let own = &mut self.shell.output.own;
            if let Some(end) = own.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = own.drain(..=end).collect();
                line.pop();
                return Ok(line);
            }
            if own.len() > LONGEST {
                let why = format!("a line of it is longer than {LONGEST} bytes");
                return Err(self.lost(why));
            }
            if let Some(over) = &self.over {
                return Err(over.clone());
            }
            if self.shell.output.is_over() {
                return Err(self.end().await);
            }
            let (state, life) = (self.state.clone(), self.life);
            tokio::select! {
                biased;
                () = self.shell.listen() => {}
                why = lost(state, life) => return Err(self.lost(why)),
            }
            let errors = &mut self.shell.errors.own;
            errors.drain(..errors.len().saturating_sub(ERRORS));
        }
    }

    /// Sends one line, or several with ends between them. What was sent when this is cancelled is sent
    /// further by the next.
    ///
    /// # Errors
    /// As of [`Channel::line`]; or the script takes nothing.
    pub async fn send(&mut self, line: &str) -> Result<(), LinkError> {
        if let Some(over) = &self.over {
            return Err(over.clone());
        }
        self.unsent.extend_from_slice(line.as_bytes());
        self.unsent.push(b'\n');
        while !self.unsent.is_empty() {
            let (state, life) = (self.state.clone(), self.life);
            let until = Instant::now() + TAKES_WITHIN;
            let write = self.shell.input.write(&self.unsent);
            match within(state, life, until, write).await {
                Ok(Ok(count)) => drop(self.unsent.drain(..count)),
                // Nobody reads any more.
                Ok(Err(_)) => return Err(self.end().await),
                Err(Cut::Lost(why)) => return Err(self.lost(why)),
                Err(Cut::Late) => {
                    let (host, limit) = (self.host.clone(), TAKES_WITHIN);
                    return Err(self.is_over(LinkError::TimedOut { host, limit }));
                }
            }
        }
        Ok(())
    }

    /// How it ended that nothing more comes of it.
    async fn end(&mut self) -> LinkError {
        let shell = &mut self.shell;
        let end = async {
            while !shell.errors.is_over() {
                shell.errors.listen().await;
            }
            (&mut shell.exit).await
        };
        let exit = timeout(MOMENT, end).await;
        let host = self.host.clone();
        let over = match exit {
            Ok(Ok(exit)) => {
                self.turn.is_over();
                let said = on_one_line(&self.shell.errors.own);
                LinkError::Ended { host, exit, said }
            }
            Ok(Err(broke)) => {
                self.lost(broke.clone());
                let lost = timeout(MOMENT, lost(self.state.clone(), self.life));
                let why = lost.await.unwrap_or(broke);
                LinkError::Lost { host, why }
            }
            Err(_) => LinkError::Lost {
                host,
                why: "the script has closed its output, and goes on".into(),
            },
        };
        self.is_over(over)
    }

    fn lost(&mut self, why: String) -> LinkError {
        let host = self.host.clone();
        self.is_over(LinkError::Lost { host, why })
    }

    fn is_over(&mut self, over: LinkError) -> LinkError {
        self.over.insert(over).clone()
    }
}
