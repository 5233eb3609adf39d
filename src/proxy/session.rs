//! One client, from its greeting to its end.

use std::{net::SocketAddr, rc::Rc, time::Duration};

use fast_socks5::{
    ReplyError, Socks5Command,
    server::{Socks5ServerProtocol, SocksServerError, states::CommandRead},
    util::target_addr::TargetAddr,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};
use tracing::debug;

use super::{
    connect::{ConnectError, connect},
    credentials::Credentials,
    relay::relay,
};
use crate::{causes::in_one_line, config::Builtin};

/// A client that was told no has so long to hear it before the connection is closed.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Why a client got no connection.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("no request within {0:?}")]
    Silent(Duration),
    #[error("no valid request")]
    Negotiation(#[from] SocksServerError),
    #[error("command {0:?} is not supported")]
    Command(Socks5Command),
    #[error("no connection to {target}")]
    Connect {
        target: TargetAddr,
        source: ConnectError,
    },
}

/// Serves one client; returns when nothing of it is left.
pub(super) async fn serve(
    mut client: TcpStream,
    peer: SocketAddr,
    settings: Rc<Builtin>,
    credentials: Option<Rc<Credentials>>,
) {
    // Boxed: what it takes to get connected is not kept for as long as the connection is.
    let opened = Box::pin(open(&mut client, &settings, credentials)).await;
    match opened {
        Ok((mut destination, target)) => {
            debug!(client = %peer, %target, "connected");
            let (end, bytes) = relay(&mut client, &mut destination, settings.idle).await;
            debug!(client = %peer, %target, bytes, "ended: {end}");
        }
        Err(refusal) => {
            debug!(client = %peer, "refused: {}", in_one_line(&refusal));
            hang_up(client).await;
        }
    }
}

async fn open(
    client: &mut TcpStream,
    settings: &Builtin,
    credentials: Option<Rc<Credentials>>,
) -> Result<(TcpStream, TargetAddr), Refusal> {
    // A failure here is one of the socket's, and shows with the first read or write.
    drop(client.set_nodelay(true));
    let negotiation = negotiate(client, credentials.as_deref());
    let (protocol, command, target) = time::timeout(settings.handshake, negotiation)
        .await
        .map_err(|_| Refusal::Silent(settings.handshake))??;
    if !matches!(command, Socks5Command::TCPConnect) {
        protocol
            .reply_error(&ReplyError::CommandNotSupported)
            .await?;
        return Err(Refusal::Command(command));
    }
    match connect(settings, target.clone()).await {
        Ok(destination) => {
            drop(destination.set_nodelay(true));
            let local = destination.local_addr().unwrap_or(([0; 4], 0).into());
            protocol.reply_success(local).await?;
            Ok((destination, target))
        }
        Err(source) => {
            protocol.reply_error(&source.reply()).await?;
            Err(Refusal::Connect { target, source })
        }
    }
}

/// The client's part of RFC 1928: greeting, login (RFC 1929), request.
async fn negotiate<'c>(
    client: &'c mut TcpStream,
    credentials: Option<&Credentials>,
) -> Result<
    (
        Socks5ServerProtocol<&'c mut TcpStream, CommandRead>,
        Socks5Command,
        TargetAddr,
    ),
    SocksServerError,
> {
    let protocol = match credentials {
        None => Socks5ServerProtocol::accept_no_auth(client).await?,
        Some(known) => {
            let admit = |user: String, password: String| known.admit(&user, &password);
            Socks5ServerProtocol::accept_password_auth(client, admit)
                .await?
                .0
        }
    };
    protocol.read_command().await
}

/// Closes so that the last reply arrives: closing with bytes unread would reset the connection
/// and take the reply with it.
async fn hang_up(mut client: TcpStream) {
    let until_it_closes = async {
        client.shutdown().await?;
        while client.read(&mut [0; 512]).await? > 0 {}
        std::io::Result::Ok(())
    };
    // Whether it listened or not, that was all.
    drop(time::timeout(LAST_WORD, until_it_closes).await);
}
