//! Who holds a port, for the message that says it is taken (proc(5)).

use std::fs;

/// The process that listens at a TCP port of this machine, as far as this user may know.
pub(super) fn holder_of(port: u16) -> Option<String> {
    let (inode, uid) = ["/proc/self/net/tcp", "/proc/self/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .find_map(|table| table.lines().find_map(|line| listener(line, port)))?;
    let socket = format!("socket:[{inode}]");
    Some(
        match fs::read_dir("/proc").ok().and_then(|mut all| {
            all.find_map(|entry| {
                let process = entry.ok()?;
                let pid: u32 = process.file_name().to_str()?.parse().ok()?;
                let mut open = fs::read_dir(process.path().join("fd")).ok()?;
                open.any(|file| {
                    file.ok()
                        .and_then(|file| fs::read_link(file.path()).ok())
                        .is_some_and(|link| link.as_os_str() == socket.as_str())
                })
                .then(|| {
                    let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
                    format!("process {pid} ({})", name.trim())
                })
            })
        }) {
            Some(process) => process,
            None => format!("a process of user id {uid}"),
        },
    )
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
}
