//! Who holds a port: for the message that says it is taken, and to know a proxy from another one
//! (proc(5)).

use std::{fs, io, path::PathBuf};

/// The process that listens at a TCP port of this machine, as far as this user may know.
pub(crate) fn holder_of(port: u16) -> Option<String> {
    let (inode, uid) = listeners(port).next()?;
    let process = fs::read_dir("/proc").ok().and_then(|mut all| {
        all.find_map(|entry| {
            let process = entry.ok()?;
            let pid: i32 = process.file_name().to_str()?.parse().ok()?;
            has_open(pid, std::slice::from_ref(&inode)).ok()?.then(|| {
                let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
                format!("process {pid} ({})", name.trim())
            })
        })
    });
    Some(process.unwrap_or_else(|| format!("a process of user id {uid}")))
}

/// Whether this process may be who listens at a port; who may not look into it goes by its user.
pub(crate) fn may_listen(pid: i32, port: u16) -> bool {
    let (inodes, uids): (Vec<_>, Vec<_>) = listeners(port).unzip();
    if inodes.is_empty() {
        // It is another network's, or was let go this moment.
        return true;
    }
    match has_open(pid, &inodes) {
        Ok(open) => open,
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(_) => user_of(pid).is_none_or(|user| uids.contains(&user)),
    }
}

fn listeners(port: u16) -> impl Iterator<Item = (String, String)> {
    ["/proc/self/net/tcp", "/proc/self/net/tcp6"]
        .into_iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(move |table| {
            let found: Vec<_> = table
                .lines()
                .filter_map(|line| listener(line, port))
                .collect();
            found
        })
}

/// Whether a process has one of these sockets open.
fn has_open(pid: i32, inodes: &[String]) -> io::Result<bool> {
    let sockets: Vec<_> = inodes
        .iter()
        .map(|inode| PathBuf::from(format!("socket:[{inode}]")))
        .collect();
    let files = fs::read_dir(format!("/proc/{pid}/fd"))?;
    let links = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    Ok(links.into_iter().any(|link| sockets.contains(&link)))
}

/// The user id as which a process acts on files, also of one that nobody may look into.
fn user_of(pid: i32) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().nth(1).map(str::to_owned)
}

/// Inode and user id of the socket on this line of the table, if it listens at `port`.
fn listener(line: &str, port: u16) -> Option<(String, String)> {
    const LISTEN: &str = "0A";
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, local, _, state, _, _, _, uid, _, inode, ..] = fields.as_slice() else {
        return None;
    };
    let (_, local_port) = local.rsplit_once(':')?;
    let is_it = *state == LISTEN && u16::from_str_radix(local_port, 16) == Ok(port);
    is_it.then(|| ((*inode).to_owned(), (*uid).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_port_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let me = format!("process {} (", std::process::id());
        assert!(holder_of(port).unwrap().starts_with(&me));
        drop(listener);
        assert_eq!(holder_of(port), None);
    }

    #[test]
    fn a_process_is_known_from_who_listens() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut other = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let pid_of = |pid: u32| i32::try_from(pid).unwrap();
        assert!(may_listen(pid_of(std::process::id()), port));
        assert!(!may_listen(pid_of(other.id()), port));
        other.kill().unwrap();
        other.wait().unwrap();
        assert!(!may_listen(pid_of(other.id()), port), "it is gone");
        drop(listener);
        assert!(
            may_listen(pid_of(std::process::id()), port),
            "nobody can be seen"
        );
    }
}
