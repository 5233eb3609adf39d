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
    admission::{Hearing, Slot},
    connect::connect,
    credentials::Credentials,
    refusal::{Refusal, Refusals},
    relay::relay,
};
use crate::config::Builtin;

/// A client that was told no has so long to hear it before the connection is closed.
const LAST_WORD: Duration = Duration::from_secs(1);

/// What all clients have in common.
pub(super) struct House {
    pub(super) settings: Builtin,
    pub(super) refusals: Refusals,
}

/// A request that was read; the reply to it is still to come.
type Read<'c> = Socks5ServerProtocol<&'c mut TcpStream, CommandRead>;

/// Serves one client; returns when nothing of it is left.
pub(super) async fn serve(
    mut client: TcpStream,
    peer: SocketAddr,
    hearing: Hearing,
    house: Rc<House>,
    credentials: Option<Rc<Credentials>>,
) {
    // Boxed: what it takes to get connected is not kept for as long as the connection is.
    let heard = Box::pin(hear(&mut client, &hearing, &house.settings, credentials)).await;
    let (protocol, target, _slot) = match heard {
        Ok(heard) => heard,
        Err(refusal) => {
            house.refusals.note(peer, &refusal);
            return tokio::select! {
                () = hang_up(client) => {}
                () = hearing.over() => {}
            };
        }
    };
    drop(hearing);
    let reached = Box::pin(reach(protocol, &target, &house.settings)).await;
    match reached {
        Ok(mut destination) => {
            debug!(client = %peer, %target, "connected");
            let (end, bytes) = relay(&mut client, &mut destination, house.settings.idle).await;
            debug!(client = %peer, %target, bytes, "ended: {end}");
        }
        Err(refusal) => {
            house.refusals.note(peer, &refusal);
            hang_up(client).await;
        }
    }
}

/// What the client wants, and its slot.
async fn hear<'c>(
    client: &'c mut TcpStream,
    hearing: &Hearing,
    settings: &Builtin,
    credentials: Option<Rc<Credentials>>,
) -> Result<(Read<'c>, TargetAddr, Slot), Refusal> {
    // A failure here is one of the socket's, and shows with the first read or write.
    drop(client.set_nodelay(true));
    let negotiation = negotiate(client, credentials.as_deref());
    let (protocol, command, target) = tokio::select! {
        heard = time::timeout(settings.handshake, negotiation) => {
            heard.map_err(|_| Refusal::Silent(settings.handshake))??
        }
        () = hearing.over() => return Err(Refusal::Evicted),
    };
    if !matches!(command, Socks5Command::TCPConnect) {
        protocol
            .reply_error(&ReplyError::CommandNotSupported)
            .await?;
        return Err(Refusal::Command(command));
    }
    let Some(slot) = hearing.slot() else {
        protocol.reply_error(&ReplyError::GeneralFailure).await?;
        return Err(Refusal::Full(hearing.slots()));
    };
    Ok((protocol, target, slot))
}

/// The connection to where the client wants to go, which it has been told of.
async fn reach(
    protocol: Read<'_>,
    target: &TargetAddr,
    settings: &Builtin,
) -> Result<TcpStream, Refusal> {
    match connect(settings, target.clone()).await {
        Ok(destination) => {
            drop(destination.set_nodelay(true));
            let local = destination.local_addr().unwrap_or(([0; 4], 0).into());
            protocol.reply_success(local).await?;
            Ok(destination)
        }
        Err(source) => {
            protocol.reply_error(&source.reply()).await?;
            let target = target.clone();
            Err(Refusal::Connect { target, source })
        }
    }
}

/// The client's part of RFC 1928: greeting, login (RFC 1929), request.
async fn negotiate<'c>(
    client: &'c mut TcpStream,
    credentials: Option<&Credentials>,
) -> Result<(Read<'c>, Socks5Command, TargetAddr), SocksServerError> {
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
