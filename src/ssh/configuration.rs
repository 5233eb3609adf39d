//! What ssh is told of a host.
//!
//! Promise: what we insist on holds whatever the user's files say, because ssh takes the first value that it
//! finds: its command line before its configuration, and ours before what that includes. What we insist on
//! also holds for jump hosts, which ssh reaches by calling itself with the same file; what is meant for
//! the host alone is on the command line. Nothing that a name or path has in it is taken for more than that.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{Target, place::Place};

/// For every host on the way. Keys are known before, or there is no connection; nobody is asked anything;
/// no connection is shared with others; nothing is forwarded, no file of the user's changed.
///
/// A peer that is silent for 3 s is asked whether it is there, and twice more: see
/// [`NOTICED_WITHIN`](super::NOTICED_WITHIN).
const ALWAYS: &str = "\
BatchMode yes
StrictHostKeyChecking yes
NoHostAuthenticationForLocalhost no
UpdateHostKeys no
ConnectTimeout 15
ServerAliveInterval 3
ServerAliveCountMax 2
ControlMaster no
ControlPath none
ControlPersist no
ClearAllForwardings yes
ForwardAgent no
ForwardX11 no
ForwardX11Trusted no
Tunnel no
PermitLocalCommand no
RemoteCommand none
RequestTTY no
AddKeysToAgent no
VisualHostKey no
LogLevel INFO
";

/// What is said on the master's standard output once there is a connection, and a socket.
pub(super) const CONNECTED: &str = "loopkeeper: connected";

/// ssh cannot be told of something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    #[error("{what} {text:?} cannot be given to ssh: it has {found:?} in it")]
    Character {
        what: &'static str,
        text: String,
        found: char,
    },
    #[error("{what} {text:?} cannot be given to ssh: it begins with '-' or is empty")]
    Option { what: &'static str, text: String },
    #[error("{what} {} is not an absolute path in UTF-8", path.display())]
    Path { what: &'static str, path: PathBuf },
}

/// The file that ssh reads for this host.
pub(super) fn text(target: &Target) -> Result<String, Unusable> {
    let included = match &target.ssh_config {
        Some(path) => format!("Include \"{}\"\n", plain("ssh_config", path, "*?[")?),
        // -F drops them both (ssh(1)).
        None => "Include ~/.ssh/config\nInclude /etc/ssh/ssh_config\n".to_owned(),
    };
    Ok(format!("{ALWAYS}{included}"))
}

/// What the master is called with.
pub(super) fn arguments(
    target: &Target,
    place: &Place,
    executable: &Path,
) -> Result<Vec<OsString>, Unusable> {
    let percents = |path: &str| path.replace('%', "%%");
    let socket = plain("socket", &place.socket, "")?;
    let mut arguments = vec!["-F".into(), place.configuration.clone().into()];
    arguments.extend(["-M", "-N", "-T", "-S"].map(OsString::from));
    arguments.push(percents(socket).into());
    for option in [
        "PermitLocalCommand=yes".to_owned(),
        format!("LocalCommand=echo '{CONNECTED}'"),
    ] {
        arguments.extend(["-o".into(), option.into()]);
    }
    arguments.extend(destination(target, executable)?);
    Ok(arguments)
}

/// Where to, as whom and how: what is the same for whoever connects by hand.
fn destination(target: &Target, executable: &Path) -> Result<Vec<OsString>, Unusable> {
    let mut arguments: Vec<OsString> = Vec::new();
    let mut option = |words: [String; 2]| arguments.extend(words.map(OsString::from));
    if let Some(path) = &target.identity {
        let path = plain("identity", path, "%")?;
        option(["-o".into(), "IdentitiesOnly=yes".into()]);
        option(["-i".into(), path.to_owned()]);
    }
    if let Some(proxy) = &target.proxy {
        let proxy = word("proxy", proxy)?;
        let executable = plain("executable", executable, "'")?.replace('%', "%%");
        let way = format!("'{executable}' through-proxy '{proxy}' '%h' %p");
        option(["-o".into(), format!("ProxyCommand={way}")]);
    }
    if let Some(port) = target.port {
        option(["-p".into(), port.to_string()]);
    }
    if let Some(user) = &target.user {
        option(["-l".into(), word("user", user)?.to_owned()]);
    }
    option(["--".into(), word("host", &target.host)?.to_owned()]);
    Ok(arguments)
}

/// The command by which a person connects to it.
pub(super) fn by_hand(target: &Target, executable: &Path) -> String {
    let mut words = vec!["ssh".to_owned()];
    if let Some(path) = &target.ssh_config {
        words.extend(["-F".to_owned(), path.to_string_lossy().into_owned()]);
    }
    // What is unusable is told of before anybody has reason to connect by hand.
    let destination = destination(target, executable).unwrap_or_default();
    let texts = destination
        .iter()
        .map(|word| word.to_string_lossy().into_owned());
    words.extend(texts.filter(|word| word != "--"));
    let quoted = words
        .iter()
        .map(|word| crate::paths::typed(Path::new(word)));
    quoted.collect::<Vec<_>>().join(" ")
}

/// A name that means itself alone to ssh, to a shell and in `%h`.
fn word<'a>(what: &'static str, text: &'a str) -> Result<&'a str, Unusable> {
    let odd = |c: &char| !c.is_alphanumeric() && !"._-:@%+,[]\\".contains(*c);
    if let Some(found) = text.chars().find(odd) {
        let text = text.to_owned();
        return Err(Unusable::Character { what, text, found });
    }
    if text.is_empty() || text.starts_with('-') {
        let text = text.to_owned();
        return Err(Unusable::Option { what, text });
    }
    Ok(text)
}

/// A path in which nothing means more than itself: neither between quotes, nor where ssh looks for
/// variables.
fn plain<'a>(what: &'static str, path: &'a Path, also: &str) -> Result<&'a str, Unusable> {
    let text = path.to_str().filter(|_| path.is_absolute());
    let text = text.ok_or_else(|| Unusable::Path {
        what,
        path: path.to_owned(),
    })?;
    let odd = |c: &char| c.is_control() || "\"\\$".contains(*c) || also.contains(*c);
    match text.chars().find(odd) {
        None => Ok(text),
        Some(found) => Err(Unusable::Character {
            what,
            text: text.to_owned(),
            found,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        Target {
            name: "there".into(),
            user: Some("some.body".into()),
            host: "fe80::1%eth0".into(),
            port: Some(2222),
            ssh_config: Some("/it's here/config".into()),
            identity: Some("/it's here/key".into()),
            proxy: Some("[::1]:1080".into()),
        }
    }

    #[test]
    fn a_person_connects_as_we_do() {
        assert_eq!(
            by_hand(&target(), Path::new("/opt/100% ours/daemon")),
            "ssh -F '/it'\\''s here/config' -o IdentitiesOnly=yes -i '/it'\\''s here/key' -o \
             'ProxyCommand='\\''/opt/100%% ours/daemon'\\'' through-proxy '\\''[::1]:1080'\\'' '\\''%h'\\'' %p' \
             -p 2222 -l some.body fe80::1%eth0"
        );
        let plain = Target {
            user: None,
            port: None,
            ssh_config: None,
            identity: None,
            proxy: None,
            ..target()
        };
        assert_eq!(by_hand(&plain, Path::new("/daemon")), "ssh fe80::1%eth0");
    }

    #[test]
    fn what_people_write_comes_after_what_we_insist_on() {
        let declared = text(&target()).unwrap();
        let own = "Include \"/it's here/config\"\n";
        assert_eq!(declared.strip_suffix(own), Some(ALWAYS));
        let usual = text(&Target {
            ssh_config: None,
            ..target()
        });
        let usual = usual.unwrap();
        assert!(usual.ends_with("Include ~/.ssh/config\nInclude /etc/ssh/ssh_config\n"));
    }

    #[test]
    fn what_means_more_than_itself_is_refused() {
        let with = |path: &str| {
            text(&Target {
                ssh_config: Some(path.into()),
                ..target()
            })
        };
        for odd in ["a\"b", "a\\b", "${HOME}", "a\nb", "a*b", "a?b", "a[b"] {
            assert!(with(&format!("/{odd}")).is_err(), "{odd}");
        }
        assert!(with("relative").is_err());
        for odd in ["", "-v", "a b", "a;b", "$(a)", "a'b", "a\nb", "a=b"] {
            assert!(word("host", odd).is_err(), "{odd}");
        }
        for plain in ["host", "a.b-c_d", "::1", "DOMAIN\\me", "me@there"] {
            assert_eq!(word("host", plain), Ok(plain));
        }
    }
}
