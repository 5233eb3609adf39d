//! The control socket, where the service manager listens on it for us (sd_listen_fds(3)).

use std::{io, os::unix::net::UnixListener};

use nix::sys::socket::{SockType, getsockopt, sockopt};

use crate::sys;

/// The socket that this process was started with; `None` where it has to make its own. To be called
/// once.
///
/// # Errors
/// When there are several, or it is not one on which clients of ours can connect.
pub fn socket() -> io::Result<Option<UnixListener>> {
    let mut handed = sd_notify::listen_fds()?;
    let Some(number) = handed.next() else {
        return Ok(None);
    };
    if handed.len() > 0 {
        let all = handed.len() + 1;
        return Err(io::Error::other(format!("{all} sockets were handed on")));
    }
    let socket = sys::take_descriptor(number);
    if getsockopt(&socket, sockopt::SockType)? != SockType::Stream
        || !getsockopt(&socket, sockopt::AcceptConn)?
    {
        return Err(io::Error::other("it is no stream socket that listens"));
    }
    // As systemd makes them, they are; what is handed on may have another maker.
    let listener = UnixListener::from(socket);
    listener.set_nonblocking(true)?;
    Ok(Some(listener))
}
