//! The only module with `unsafe`: what the kernel offers and no safe library wraps.
//!
//! Promise: nothing in here decides anything; each function is one thing asked of the kernel, with
//! the reason why it is sound written at the spot.

use std::{
    io,
    os::fd::{AsFd, AsRawFd},
};

use nix::libc;

/// The supplementary groups of the process at the other end of a unix socket, as they were when it
/// connected (`SO_PEERGROUPS`, Linux 4.13 and later). Unlike a look into `/proc` this cannot be
/// about another process that got the same pid.
pub(crate) fn peer_groups(socket: &impl AsFd) -> io::Result<Vec<u32>> {
    let mut groups: Vec<libc::gid_t> = vec![0; 64];
    loop {
        let mut bytes = libc::socklen_t::try_from(size_of_val(groups.as_slice()))
            .map_err(|_| io::ErrorKind::OutOfMemory)?;
        // SAFETY: the pointer and the length are those of one live, writable allocation of plain
        // integers, and the kernel writes at most `bytes` into it.
        #[expect(unsafe_code, reason = "neither nix nor rustix knows SO_PEERGROUPS")]
        let result = unsafe {
            libc::getsockopt(
                socket.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut bytes,
            )
        };
        let needed = bytes as usize / size_of::<libc::gid_t>();
        if result == 0 {
            groups.truncate(needed);
            return Ok(groups);
        }
        let error = io::Error::last_os_error();
        // The kernel said how much room it needs.
        if error.raw_os_error() != Some(libc::ERANGE) || needed <= groups.len() {
            return Err(error);
        }
        groups.resize(needed, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_of_a_peer_are_those_it_has() {
        let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut groups = peer_groups(&ours).unwrap();
        let mut own: Vec<u32> = nix::unistd::getgroups()
            .unwrap()
            .iter()
            .map(|gid| gid.as_raw())
            .collect();
        groups.sort_unstable();
        own.sort_unstable();
        assert_eq!(groups, own);
    }

    #[test]
    fn something_that_is_no_socket_has_no_peer() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(
            peer_groups(&file).unwrap_err().raw_os_error(),
            Some(libc::ENOTSOCK)
        );
    }
}
