//! What the manager tells nobody but the journal.

use std::{io, path::Path, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
};

use crate::{
    launch::{
        command::{Request, Runner},
        find,
    },
    systemd::manager::Whose,
};

/// What the journal is given to answer.
pub(super) const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// Of the messages that match.
const KEEP: usize = 1 << 20;
/// Where journald takes orders, of root only.
const ORDERS: &str = "/run/systemd/journal/io.systemd.journal";

/// Waits until journald has written what it was sent before, as far as it can be asked for that. One that
/// hangs is waited for.
pub(super) async fn caught_up(whose: &Whose) {
    if *whose == Whose::System {
        // Who is not there writes nothing either.
        drop(synchronize(Path::new(ORDERS)).await);
    }
}

/// What `journalctl --sync` does, in journald's own words (<https://varlink.org>): an answer comes when
/// it is done, or when that is not known there.
async fn synchronize(orders: &Path) -> io::Result<()> {
    let mut stream = BufReader::new(UnixStream::connect(orders).await?);
    let order = b"{\"method\":\"io.systemd.Journal.Synchronize\"}\0";
    stream.write_all(order).await?;
    stream.read_until(0, &mut Vec::new()).await.map(drop)
}

/// The messages that match all of this (journalctl(1)), a line each, which begins with its time in
/// seconds since 1970, the oldest first; `None` when the journal does not answer.
pub(super) async fn messages(
    runner: &Runner,
    whose: &Whose,
    matches: &[String],
) -> Option<Vec<String>> {
    let of_user = match whose {
        Whose::System => None,
        Whose::User(_) => Some("--user".to_owned()),
    };
    let quiet = ["--quiet", "--output=short-unix"].map(str::to_owned);
    let arguments = quiet.into_iter().chain(of_user);
    let arguments = arguments.chain(matches.iter().cloned());
    let request = Request {
        program: find("journalctl")?,
        arguments: arguments.map(Into::into).collect(),
        workdir: "/".into(),
        environment: Vec::new(),
        as_user: None,
        input: Vec::new(),
        limit: ANSWERS_WITHIN,
        keep: KEEP,
        cgroup: None,
    };
    let answer = runner.run(request).await.ok()?;
    let text = String::from_utf8_lossy(&answer.output);
    Some(text.lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::UnixListener,
    };

    use super::*;

    #[tokio::test]
    async fn journald_is_waited_for_until_it_answers_or_is_gone() {
        let home = tempfile::tempdir().unwrap();
        let orders = home.path().join("orders");
        assert!(synchronize(&orders).await.is_err(), "nobody is there");
        let journald = UnixListener::bind(&orders).unwrap();
        for answer in [&b"{\"parameters\":{}}\0"[..], b""] {
            let mut asked = pin!(synchronize(&orders));
            let heard = async {
                let (mut client, _) = journald.accept().await.unwrap();
                let mut order = vec![0; 44];
                client.read_exact(&mut order).await.unwrap();
                assert_eq!(order.pop(), Some(0));
                let order: serde_json::Value = serde_json::from_slice(&order).unwrap();
                assert_eq!(order["method"], "io.systemd.Journal.Synchronize");
                client
            };
            let mut client = tokio::select! {
                client = heard => client,
                early = &mut asked => panic!("{early:?}"),
            };
            client.write_all(answer).await.unwrap();
            drop(client);
            asked.await.unwrap();
        }
    }
}
