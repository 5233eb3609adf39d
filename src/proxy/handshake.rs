//! Whether a SOCKS5 server answers.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};

/// Why a SOCKS5 server counts as not there.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// No connection, or it broke.
    #[error("SOCKS5 server {address} cannot be talked to")]
    Io {
        /// Who was asked.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// It did not answer in time.
    #[error("SOCKS5 server {address} did not answer within {limit:?}")]
    Timeout {
        /// Who was asked.
        address: String,
        /// How long was waited.
        limit: Duration,
    },
    /// What answers is something else.
    #[error("server {address} does not speak SOCKS5: it answered the greeting with {answer:02x?}")]
    Protocol {
        /// Who was asked.
        address: String,
        /// What it sent in place of a method selection.
        answer: [u8; 2],
    },
}

/// Greets the server at `address` (`host:port`) and waits for its answer, `limit` long altogether
/// (RFC 1928 section 3). A server that wants a user and password counts as answering.
///
/// # Errors
/// When it cannot be reached, is silent, or is no SOCKS5 server for either method.
pub async fn handshake(address: &str, limit: Duration) -> Result<(), HandshakeError> {
    let subject = || address.to_owned();
    match time::timeout(limit, greet(address)).await {
        Ok(Ok([5, 0 | 2])) => Ok(()),
        Ok(Ok(answer)) => Err(HandshakeError::Protocol {
            address: subject(),
            answer,
        }),
        Ok(Err(source)) => Err(HandshakeError::Io {
            address: subject(),
            source,
        }),
        Err(_) => Err(HandshakeError::Timeout {
            address: subject(),
            limit,
        }),
    }
}

/// Offers no authentication and user and password; returns version and chosen method.
async fn greet(address: &str) -> io::Result<[u8; 2]> {
    let mut server = TcpStream::connect(address).await?;
    server.write_all(&[5, 2, 0, 2]).await?;
    let mut answer = [0; 2];
    server.read_exact(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::net::TcpListener;

    use super::*;

    /// A server that reads the greeting and answers with these bytes, then stays silent.
    async fn answering(answer: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut greeting = [0; 4];
            client.read_exact(&mut greeting).await.unwrap();
            assert_eq!(greeting, [5, 2, 0, 2]);
            client.write_all(answer).await.unwrap();
            client.read_exact(&mut greeting).await.unwrap_err();
        });
        address
    }

    async fn ask(answer: &'static [u8], limit: Duration) -> Result<(), HandshakeError> {
        handshake(&answering(answer).await.to_string(), limit).await
    }

    #[tokio::test]
    async fn a_socks5_server_answers_with_or_without_passwords() {
        let long = Duration::from_secs(30);
        ask(&[5, 0], long).await.unwrap();
        ask(&[5, 2], long).await.unwrap();
    }

    #[tokio::test]
    async fn anything_else_is_said() {
        let long = Duration::from_secs(30);
        for other in [&b"HTTP/1.1 400"[..], &[5, 0xff], &[4, 0]] {
            let error = ask(other, long).await.unwrap_err().to_string();
            assert!(error.contains("does not speak SOCKS5"), "{error}");
        }
        let error = ask(&[5], Duration::from_millis(50)).await.unwrap_err();
        assert!(
            error.to_string().contains("did not answer within 50ms"),
            "{error}"
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = listener.local_addr().unwrap().to_string();
        drop(listener);
        let error = handshake(&closed, long).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("SOCKS5 server {closed} cannot be talked to")
        );
    }
}
