//! The way through a SOCKS5 server for a program that speaks no SOCKS itself: ssh's `ProxyCommand`.
//!
//! Promise: what comes on standard input goes to the host, and what the host sends to standard output, until
//! either of them ends; then this process ends too, so that nothing of it outlives the one for which it was
//! started. Why there is no way is one line on standard error. The server resolves the host's name.

use std::{
    io::{self, Write},
    net::IpAddr,
    os::fd::AsFd,
    process::ExitCode,
    time::Duration,
};

use fast_socks5::{ReplyError, util::target_addr::TargetAddr};
use tokio::{
    io::copy,
    net::{TcpStream, lookup_host, unix::pipe},
    time,
};

use super::{connect::connect_to_any, upstream};
use crate::causes::in_one_line;

/// How long the server is given to connect.
const CONNECTS_WITHIN: Duration = Duration::from_secs(15);

/// From where to where.
#[derive(Debug, clap::Args)]
pub(crate) struct Way {
    /// The SOCKS5 server, as host:port
    proxy: String,
    /// The host, by its name or address
    host: String,
    /// Its port
    port: u16,
}

/// Why there is no way.
#[derive(Debug, thiserror::Error)]
enum NoWay {
    #[error("event loop cannot be set up")]
    Runtime(#[source] io::Error),
    #[error("proxy {0} cannot be used")]
    Proxy(String, #[source] io::Error),
    #[error("proxy {proxy} has no way to {host} port {port}: {reply}")]
    Refused {
        proxy: String,
        host: String,
        port: u16,
        reply: ReplyError,
    },
    #[error("proxy {proxy} found no way to {host} port {port} within {limit:?}")]
    Timeout {
        proxy: String,
        host: String,
        port: u16,
        limit: Duration,
    },
    #[error("standard input and output are no pipes")]
    Pipes(#[source] io::Error),
}

/// The process `loopkeeperd through-proxy`: ends with either side; exits with 1 where there is no way.
#[must_use]
pub(crate) fn main(way: &Way) -> ExitCode {
    let went = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(NoWay::Runtime)
        .and_then(|runtime| {
            let went = runtime.block_on(go(way));
            // A name server that does not answer must not hold up the end.
            runtime.shutdown_background();
            went
        });
    match went {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without standard error the exit code has to do.
            drop(writeln!(io::stderr(), "{}", in_one_line(&error)));
            ExitCode::FAILURE
        }
    }
}

async fn go(way: &Way) -> Result<(), NoWay> {
    let limit = CONNECTS_WITHIN;
    let mut host = time::timeout(limit, connect(way)).await.map_err(|_| {
        let Way { proxy, host, port } = way;
        NoWay::Timeout {
            proxy: proxy.clone(),
            host: host.clone(),
            port: *port,
            limit,
        }
    })??;
    let (mut input, mut output) = pipes().map_err(NoWay::Pipes)?;
    let (mut from_host, mut to_host) = host.split();
    // ssh never closes one direction alone; whoever stops the other is gone.
    tokio::select! {
        _ = copy(&mut input, &mut to_host) => {}
        _ = copy(&mut from_host, &mut output) => {}
    }
    Ok(())
}

async fn connect(way: &Way) -> Result<TcpStream, NoWay> {
    let Way { proxy, host, port } = way;
    let unusable = |error| NoWay::Proxy(proxy.clone(), error);
    let target = match host.parse::<IpAddr>() {
        Ok(address) => TargetAddr::Ip((address, *port).into()),
        Err(_) => TargetAddr::Domain(host.clone(), *port),
    };
    let addresses = lookup_host(proxy).await.map_err(unusable)?.collect();
    let mut stream = connect_to_any(addresses).await.map_err(unusable)?;
    let answer = upstream::request(&mut stream, &target)
        .await
        .map_err(unusable)?;
    answer.map_err(|reply| NoWay::Refused {
        proxy: proxy.clone(),
        host: host.clone(),
        port: *port,
        reply,
    })?;
    // Keys that are typed are to arrive at once.
    drop(stream.set_nodelay(true));
    Ok(stream)
}

/// Standard input and output, which are pipes where ssh starts us (sshconnect.c, `ssh_proxy_connect`).
fn pipes() -> io::Result<(pipe::Receiver, pipe::Sender)> {
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    let output = io::stdout().as_fd().try_clone_to_owned()?;
    Ok((
        pipe::Receiver::from_owned_fd(input)?,
        pipe::Sender::from_owned_fd(output)?,
    ))
}
