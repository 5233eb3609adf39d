//! Values that are names: of capabilities, namespaces, errors, address families, architectures, system
//! calls, users.
//!
//! Promise: what is refused here, systemd refuses too, or cannot mean anything on the bus. Of system
//! calls it takes any name, and leaves out those that it does not know; so which there are is not looked
//! at here.

use nix::{errno::Errno, sched::CloneFlags};

/// Whether only these are allowed, and these.
pub(super) fn filter(mut words: Vec<String>) -> Option<(bool, Vec<String>)> {
    let first = words.first_mut()?;
    let denied = first.strip_prefix('~').map(str::to_owned);
    let only = denied.is_none();
    if let Some(word) = denied {
        *first = word;
    }
    let plain = |word: &String| !word.is_empty() && !word.starts_with('~');
    words.iter().all(plain).then_some((only, words))
}

/// Calls and `@` sets of them; of those that are denied, also with what is answered instead.
pub(super) fn calls(words: Vec<String>) -> Option<(bool, Vec<String>)> {
    let (only, words) = filter(words)?;
    let is_call = |word: &String| match word.split_once(':') {
        Some((call, answer)) => !only && is_call(call) && is_answer(answer),
        None => is_call(word),
    };
    words.iter().all(is_call).then_some((only, words))
}

fn is_call(word: &str) -> bool {
    let name = word.strip_prefix('@').unwrap_or(word);
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    !name.is_empty() && name.chars().all(is_letter)
}

/// The kernel has no more than 4094 errors that a filter can answer (seccomp(2), `SECCOMP_RET_ERRNO`;
/// libseccomp refuses 4095).
fn is_answer(word: &str) -> bool {
    word == "kill"
        || word.parse().is_ok_and(|number: u16| number <= 4094)
        || errno(&word.to_ascii_uppercase()).is_some()
}

/// In the order of their numbers (linux/socket.h), and their other names. `AF_UNSPEC` is none.
pub(super) const FAMILIES: &[&str] = &[
    "AF_UNIX",
    "AF_INET",
    "AF_AX25",
    "AF_IPX",
    "AF_APPLETALK",
    "AF_NETROM",
    "AF_BRIDGE",
    "AF_ATMPVC",
    "AF_X25",
    "AF_INET6",
    "AF_ROSE",
    "AF_DECnet",
    "AF_NETBEUI",
    "AF_SECURITY",
    "AF_KEY",
    "AF_NETLINK",
    "AF_PACKET",
    "AF_ASH",
    "AF_ECONET",
    "AF_ATMSVC",
    "AF_RDS",
    "AF_SNA",
    "AF_IRDA",
    "AF_PPPOX",
    "AF_WANPIPE",
    "AF_LLC",
    "AF_IB",
    "AF_MPLS",
    "AF_CAN",
    "AF_TIPC",
    "AF_BLUETOOTH",
    "AF_IUCV",
    "AF_RXRPC",
    "AF_ISDN",
    "AF_PHONET",
    "AF_IEEE802154",
    "AF_CAIF",
    "AF_ALG",
    "AF_NFC",
    "AF_VSOCK",
    "AF_KCM",
    "AF_QIPCRTR",
    "AF_SMC",
    "AF_XDP",
    "AF_MCTP",
    "AF_FILE",
    "AF_LOCAL",
    "AF_ROUTE",
];

/// Families, or `none` of them.
pub(super) fn families(words: Vec<String>) -> Option<(bool, Vec<String>)> {
    if words == ["none"] {
        return Some((true, Vec::new()));
    }
    let (only, words) = filter(words)?;
    let is_known = |word: &String| {
        FAMILIES
            .iter()
            .any(|family| family.eq_ignore_ascii_case(word))
    };
    words.iter().all(is_known).then_some((only, words))
}

/// systemd.exec(5), `SystemCallArchitectures=`; systemd's src/shared/seccomp-util.c has them all.
pub(super) const ARCHITECTURES: &[&str] = &[
    "native",
    "x86",
    "x86-64",
    "x32",
    "arm",
    "arm64",
    "loongarch64",
    "mips",
    "mips64",
    "mips64-n32",
    "mips-le",
    "mips64-le",
    "mips64-le-n32",
    "parisc",
    "parisc64",
    "ppc",
    "ppc64",
    "ppc64-le",
    "riscv64",
    "s390",
    "s390x",
];

pub(super) fn architectures(words: Vec<String>) -> Option<Vec<String>> {
    let is_known = |word: &String| ARCHITECTURES.contains(&word.as_str());
    words.iter().all(is_known).then_some(words)
}

/// In the order of their numbers (linux/capability.h).
pub(super) const CAPABILITIES: &[&str] = &[
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

pub(super) fn capabilities(words: Vec<String>) -> Option<u64> {
    if words.is_empty() {
        return Some(0);
    }
    let (keep, names) = filter(words)?;
    let mut set = 0;
    for name in names {
        let number = CAPABILITIES.iter().position(|known| *known == name)?;
        set |= 1_u64 << number;
    }
    let all = (1 << CAPABILITIES.len()) - 1;
    Some(if keep { set } else { all & !set })
}

/// By their flags (clone(2)).
const NAMESPACES: &[(&str, CloneFlags)] = &[
    ("cgroup", CloneFlags::CLONE_NEWCGROUP),
    ("ipc", CloneFlags::CLONE_NEWIPC),
    ("net", CloneFlags::CLONE_NEWNET),
    ("mnt", CloneFlags::CLONE_NEWNS),
    ("pid", CloneFlags::CLONE_NEWPID),
    ("user", CloneFlags::CLONE_NEWUSER),
    ("uts", CloneFlags::CLONE_NEWUTS),
];

/// Whether all kinds or none may be made, as the bus has it.
pub(super) fn all_namespaces(may: bool) -> Option<u64> {
    let all = NAMESPACES.iter().map(|(_, flag)| *flag);
    flags(if may {
        all.collect()
    } else {
        CloneFlags::empty()
    })
}

/// Those that may be made.
pub(super) fn namespaces(names: &[String]) -> Option<u64> {
    let mut allowed = CloneFlags::empty();
    for name in names {
        allowed |= NAMESPACES.iter().find(|(known, _)| known == name)?.1;
    }
    flags(allowed)
}

fn flags(flags: CloneFlags) -> Option<u64> {
    u64::try_from(flags.bits()).ok()
}

pub(super) fn errno(name: &str) -> Option<i32> {
    let known = (1..200).map(Errno::from_raw);
    let mut known = known.filter(|errno| *errno != Errno::UnknownErrno);
    let errno = known.find(|errno| format!("{errno:?}") == name)?;
    Some(errno as i32)
}

/// Absolute, with `-` before those that need not be there, and after it `+` before those that begin at
/// the service's own root (systemd.exec(5), `ReadWritePaths=`).
pub(super) fn paths(words: Vec<String>) -> Option<Vec<String>> {
    words.iter().all(|word| is_path(word)).then_some(words)
}

/// In bytes, the end of it included (limits.h).
const PATH_MAX: usize = 4096;

fn is_path(word: &str) -> bool {
    let path = word.strip_prefix('-').unwrap_or(word);
    let path = path.strip_prefix('+').unwrap_or(path);
    let is_part = |part: &str| part.len() <= 255;
    path.starts_with('/') && path.len() < PATH_MAX && path.split('/').all(is_part)
}

/// A user's or group's name or number. What the manager takes for a name is wider than what useradd(8)
/// does (systemd.io/USER_NAMES, "relaxed").
pub(super) fn account(word: String) -> Option<String> {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_digits(&word) {
        // The last of 16 and of 32 bits mean nobody (systemd.io/UIDS-GIDS).
        let number = word.parse().ok();
        let is_number =
            |number: &u32| !matches!(*number, 65535 | u32::MAX) && number.to_string() == word;
        return number.filter(is_number).map(|_| word);
    }
    let is_name = word.trim() == word
        && !matches!(word.as_str(), "." | "..")
        && !word.contains([':', '/'])
        && !word.strip_prefix('-').is_some_and(is_digits);
    is_name.then_some(word)
}
