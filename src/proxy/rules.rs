//! Which destinations may be reached: `deny` wins over `allow`, and an empty `allow` is everything.
//!
//! Promise: what is connected to was checked, as a name and as an address. An address is checked
//! in the one form in which rules are written, so that another spelling of it gets no further.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::{Builtin, Destination, Hosts};

/// Why a destination may not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Denied {
    #[error("denied by `{0}` of `deny` in [proxy]")]
    By(Destination),
    #[error("no rule of `allow` in [proxy] names it")]
    Unnamed,
    #[error("it is a number that the upstream proxy may take for an address")]
    Number,
}

/// What the rules say of a name that is not denied, before its addresses are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// Allowed as a name; its addresses may still be denied.
    Allowed,
    /// Only where an address of it is in an allowed network.
    ByAddress,
}

/// What the rules say of a name (in lower case, without a dot at the end) and a port.
///
/// # Errors
/// When it is not to be resolved even.
pub(super) fn of_name(settings: &Builtin, name: &str, port: u16) -> Result<Name, Denied> {
    let names_it = |rule: &&Destination| {
        has_port(rule, port)
            && match &rule.hosts {
                Hosts::Any => true,
                Hosts::Name(exact) => exact == name,
                Hosts::Below(parent) => name
                    .strip_suffix(parent.as_str())
                    .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
                Hosts::Net(_) => false,
            }
    };
    let by_address = |rule: &Destination| is_net(rule) && has_port(rule, port);
    if let Some(rule) = settings.deny.iter().find(names_it) {
        Err(Denied::By(rule.clone()))
    } else if settings.allow.is_empty() || settings.allow.iter().find(names_it).is_some() {
        Ok(Name::Allowed)
    } else if settings.allow.iter().any(by_address) {
        Ok(Name::ByAddress)
    } else {
        Err(Denied::Unnamed)
    }
}

/// Whether an address in its [`plain`] form may be reached. `name` is what was said of the name it
/// comes from, `None` when the client gave the address itself.
///
/// # Errors
/// When it may not.
pub(super) fn of_address(
    settings: &Builtin,
    name: Option<Name>,
    address: IpAddr,
    port: u16,
) -> Result<(), Denied> {
    let covers_it = |rule: &&Destination| {
        has_port(rule, port)
            && match &rule.hosts {
                Hosts::Any => true,
                Hosts::Net(net) => net.contains(&address),
                Hosts::Name(_) | Hosts::Below(_) => false,
            }
    };
    let allowed = match name {
        Some(Name::Allowed) => true,
        Some(Name::ByAddress) | None => {
            settings.allow.is_empty() || settings.allow.iter().find(covers_it).is_some()
        }
    };
    match settings.deny.iter().find(covers_it) {
        Some(rule) => Err(Denied::By(rule.clone())),
        None if allowed => Ok(()),
        None => Err(Denied::Unnamed),
    }
}

/// The address that the kernel would connect to, in its shortest form: an IPv4 address in IPv6
/// clothes becomes itself, and the unspecified address, which Linux takes as this machine,
/// becomes loopback.
pub(super) fn plain(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        address => address,
    }
}

/// Whether a name would be taken as an IPv4 address by some resolvers, such as `127.1` or
/// `0x7f000001` (inet_aton(3)): its last label is a number.
pub(super) fn is_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let digits = last.strip_prefix("0x");
    digits.is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
        || (!last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()))
}

/// The `deny` rules that cannot be applied to a name whose addresses are not known here.
pub(super) fn denied_networks(settings: &Builtin) -> impl Iterator<Item = &Destination> {
    settings.deny.iter().filter(|rule| is_net(rule))
}

fn is_net(rule: &Destination) -> bool {
    matches!(rule.hosts, Hosts::Net(_))
}

fn has_port(rule: &Destination, port: u16) -> bool {
    (rule.ports.0..=rule.ports.1).contains(&port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allow: &[&str], deny: &[&str]) -> Builtin {
        let parse = |rules: &[&str]| rules.iter().map(|rule| rule.parse().unwrap()).collect();
        Builtin {
            allow: parse(allow),
            deny: parse(deny),
            ..Builtin::default()
        }
    }

    fn address(settings: &Builtin, address: &str, port: u16) -> bool {
        of_address(settings, None, plain(address.parse().unwrap()), port).is_ok()
    }

    fn by(rule: &str) -> Denied {
        Denied::By(rule.parse().unwrap())
    }

    #[test]
    fn without_rules_everything_is_allowed() {
        let open = rules(&[], &[]);
        assert_eq!(of_name(&open, "example.org", 1), Ok(Name::Allowed));
        assert!(address(&open, "::1", 1));
    }

    #[test]
    fn names_are_matched_whole_or_below_a_parent() {
        let some = rules(
            &["git.example.org:22", "*.build.example.org"],
            &["bad.build.example.org"],
        );
        for (name, port, verdict) in [
            ("git.example.org", 22, Ok(Name::Allowed)),
            ("git.example.org", 23, Err(Denied::Unnamed)),
            ("agit.example.org", 22, Err(Denied::Unnamed)),
            ("a.git.example.org", 22, Err(Denied::Unnamed)),
            ("a.build.example.org", 1, Ok(Name::Allowed)),
            ("a.b.build.example.org", 1, Ok(Name::Allowed)),
            ("build.example.org", 1, Err(Denied::Unnamed)),
            (".build.example.org", 1, Err(Denied::Unnamed)),
            ("xbuild.example.org", 1, Err(Denied::Unnamed)),
            ("bad.build.example.org", 1, Err(by("bad.build.example.org"))),
        ] {
            assert_eq!(of_name(&some, name, port), verdict, "{name}:{port}");
        }
        assert!(!address(&some, "10.0.0.1", 22), "names allow no addresses");
    }

    #[test]
    fn a_name_no_rule_names_is_left_to_its_addresses() {
        let nets = rules(&["10.0.0.0/8:22"], &["10.6.0.0/16"]);
        assert_eq!(of_name(&nets, "example.org", 22), Ok(Name::ByAddress));
        assert_eq!(of_name(&nets, "example.org", 80), Err(Denied::Unnamed));
        for (text, verdict) in [
            ("10.5.0.1", Ok(())),
            ("10.6.0.1", Err(by("10.6.0.0/16"))),
            ("11.0.0.1", Err(Denied::Unnamed)),
        ] {
            let by_address = Some(Name::ByAddress);
            let ip = text.parse().unwrap();
            assert_eq!(of_address(&nets, by_address, ip, 22), verdict, "{text}");
            assert_eq!(of_address(&nets, None, ip, 22), verdict, "{text}");
            assert!(of_address(&nets, None, ip, 80).is_err(), "{text}");
            assert_eq!(
                of_address(&nets, Some(Name::Allowed), ip, 22).is_ok(),
                text != "10.6.0.1",
                "an allowed name still has denied addresses"
            );
        }
    }

    #[test]
    fn another_spelling_of_an_address_is_the_same_address() {
        let local = rules(&[], &["127.0.0.0/8", "::1", "10.0.0.0/8"]);
        for spelling in [
            "127.0.0.1",
            "0.0.0.0",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.1.2.3",
        ] {
            assert!(!address(&local, spelling, 80), "{spelling}");
        }
        assert!(address(&local, "::ffff:11.1.2.3", 80));
        let any = rules(&[], &["*:25"]);
        assert!(!address(&any, "1.2.3.4", 25));
        assert_eq!(of_name(&any, "example.org", 25), Err(by("*:25")));
        assert_eq!(of_name(&any, "example.org", 26), Ok(Name::Allowed));
    }

    #[test]
    fn numbers_are_no_names() {
        for number in [
            "127.1",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "1.2.3.4.5",
            "a.0x",
            "a.1",
        ] {
            assert!(is_number(number), "{number}");
        }
        for name in ["example.org", "1.a", "0xg", "", "x1", "a.b1"] {
            assert!(!is_number(name), "{name}");
        }
    }
}
