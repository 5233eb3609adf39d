//! One line for a person of what ssh says when there is no connection.

use std::time::Duration;

use crate::model::Exit;

/// Lines after which the reason stands before.
const NO_REASON: [&str; 4] = [
    "Connection closed by UNKNOWN",
    "kex_exchange_identification:",
    "banner exchange:",
    "ssh_exchange_identification:",
];

/// Why ssh ended. `by_hand` is the command by which a person connects.
pub(super) fn why(said: &[u8], exit: &Exit, by_hand: &str) -> String {
    let lines = lines(said);
    let last = || reason(&lines).unwrap_or_else(|| format!("ssh ended without a word: {exit}"));
    let line = |what: &str| lines.iter().find(|line| line.contains(what));
    if line("IDENTIFICATION HAS CHANGED").is_some() {
        let known = line("Offending").map(|line| format!(" ({line})"));
        let known = known.unwrap_or_default();
        let remove = line("ssh-keygen -f").map_or("it", |line| line.trim());
        return format!(
            "it shows another host key than the known one{known}: somebody else may answer in its place; \
             if it was installed anew, remove the old key ({remove}), compare the new one and accept it \
             once by hand, as the daemon's user: {by_hand}"
        );
    }
    if let Some(unknown) = line("host key is known for") {
        return format!(
            "{unknown} Compare its key and accept it once by hand, as the daemon's user: {by_hand}"
        );
    }
    if let Some(denied) = line("Permission denied (") {
        return format!(
            "{denied} Nobody is there to be asked for a password or passphrase; try by hand, as the \
             daemon's user: {by_hand}"
        );
    }
    last()
}

/// Why an attempt to connect took too long.
pub(super) fn too_long(said: &[u8], limit: Duration) -> String {
    let said = reason(&lines(said)).map(|line| format!("; ssh says: {line}"));
    let said = said.unwrap_or_default();
    format!("no connection within {} s{said}", limit.as_secs())
}

/// The last line that says why, with those that follow it.
fn reason(lines: &[String]) -> Option<String> {
    let is_reason = |line: &String| !NO_REASON.iter().any(|start| line.starts_with(start));
    let from = lines.iter().rposition(is_reason).unwrap_or(0);
    let reason = lines.get(from..)?.join("; ");
    (!reason.is_empty()).then_some(reason)
}

/// Without what a terminal would take for more than text, and without empty ones.
fn lines(said: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(said);
    let plain = |line: &str| {
        let line: String = line.chars().filter(|c| !c.is_control()).collect();
        line.trim().to_owned()
    };
    let lines = text.lines().map(plain);
    lines.filter(|line| !line.is_empty()).collect()
}

/// What a login shell says, on one line.
pub(super) fn on_one_line(said: &[u8]) -> String {
    lines(said).join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(said: &str) -> String {
        why(said.as_bytes(), &Exit::Code(255), "ssh there")
    }

    #[test]
    fn the_last_line_that_gives_a_reason_is_told() {
        for (said, told) in [
            ("", "ssh ended without a word: exit code 255"),
            ("\r\n\x1b\n", "ssh ended without a word: exit code 255"),
            (
                "Welcome.\nssh: connect to host a port 22: Connection refused\r\n",
                "ssh: connect to host a port 22: Connection refused",
            ),
            ("\x1b[1mbold\x07", "[1mbold"),
            (
                "proxy a:1 cannot be used: Connection refused\n\
                 kex_exchange_identification: Connection closed by remote host\n\
                 Connection closed by UNKNOWN port 65535\n",
                "proxy a:1 cannot be used: Connection refused; kex_exchange_identification: Connection \
                 closed by remote host; Connection closed by UNKNOWN port 65535",
            ),
        ] {
            assert_eq!(says(said), told, "{said:?}");
        }
        let late = too_long(b"Connecting.\n", Duration::from_secs(45));
        assert_eq!(late, "no connection within 45 s; ssh says: Connecting.");
    }

    #[test]
    fn of_a_key_and_of_a_refusal_what_helps_is_told() {
        let unknown = "No ED25519 host key is known for a and you have requested strict checking.\r\n\
                       Host key verification failed.\r\n";
        assert_eq!(
            says(unknown),
            "No ED25519 host key is known for a and you have requested strict checking. Compare its key \
             and accept it once by hand, as the daemon's user: ssh there"
        );
        let changed = "@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@\n\
                       Offending ED25519 key in /known:1\r\n  remove with:\r\n  \
                       ssh-keygen -f \"/known\" -R \"a\"\r\nHost key verification failed.\r\n";
        assert_eq!(
            says(changed),
            "it shows another host key than the known one (Offending ED25519 key in /known:1): somebody \
             else may answer in its place; if it was installed anew, remove the old key (ssh-keygen -f \
             \"/known\" -R \"a\"), compare the new one and accept it once by hand, as the daemon's user: \
             ssh there"
        );
        let denied = says("Hello.\na@b: Permission denied (publickey).\n");
        assert!(denied.starts_with("a@b: Permission denied (publickey). Nobody is there"));
        assert!(denied.ends_with(": ssh there"));
    }
}
