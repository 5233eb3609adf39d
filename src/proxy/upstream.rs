//! A request to the SOCKS5 server through which everything goes.
//!
//! fast-socks5's own client panics on a reply code that the standard does not know, so only its
//! coding of addresses is used here.

use std::io;

use fast_socks5::{
    ReplyError,
    util::target_addr::{TargetAddr, read_address},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Asks the server at the other end of `stream` for a connection to `target`. The inner result is
/// its answer, with what it gave as the reason.
pub(super) async fn request(
    stream: &mut TcpStream,
    target: &TargetAddr,
) -> io::Result<Result<(), ReplyError>> {
    stream.write_all(&[5, 1, 0]).await?;
    let mut chosen = [0; 2];
    stream.read_exact(&mut chosen).await?;
    if chosen != [5, 0] {
        return Err(io::Error::other(match chosen {
            [5, 2] => "it wants a user and password".to_owned(),
            [5, _] => "it offers no access without authentication".to_owned(),
            [version, _] => format!("it answers with protocol version {version}, not 5"),
        }));
    }
    let mut request = vec![5, 1, 0];
    request.extend(target.to_be_bytes().map_err(io::Error::other)?);
    stream.write_all(&request).await?;
    let mut reply = [0; 4];
    stream.read_exact(&mut reply).await?;
    let [_, code, _, address_type] = reply;
    match code {
        0 => {
            read_address(stream, address_type)
                .await
                .map_err(io::Error::other)?;
            Ok(Ok(()))
        }
        1..=8 => Ok(Err(ReplyError::from_u8(code))),
        _ => Ok(Err(ReplyError::GeneralFailure)),
    }
}
