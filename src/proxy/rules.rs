//! Which destinations may be reached: `deny` wins over `allow`, and an empty `allow` is everything.
//!
//! Promise: what is connected to was checked, as a name and as an address. An address is checked
//! in the one form in which rules are written, so that another spelling of it gets no further.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::{Builtin, Destination, Hosts};

/// What the rules say of a name, before its addresses are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// Not to be resolved even.
    Denied,
    /// Allowed as a name; its addresses may still be denied.
    Allowed,
    /// Only where an address of it is in an allowed network.
    ByAddress,
}

/// What the rules say of a name (in lower case, without a dot at the end) and a port.
pub(super) fn of_name(settings: &Builtin, name: &str, port: u16) -> Name {
    let names_it = |rule: &Destination| {
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
    if settings.deny.iter().any(names_it) {
        Name::Denied
    } else if settings.allow.is_empty() || settings.allow.iter().any(names_it) {
        Name::Allowed
    } else if settings
        .allow
        .iter()
        .any(|rule| is_net(rule) && has_port(rule, port))
    {
        Name::ByAddress
    } else {
        Name::Denied
    }
}

/// Whether an address in its [`plain`] form may be reached. `name` is what was said of the name it
/// comes from, `None` when the client gave the address itself.
pub(super) fn of_address(
    settings: &Builtin,
    name: Option<Name>,
    address: IpAddr,
    port: u16,
) -> bool {
    let covers_it = |rule: &Destination| {
        has_port(rule, port)
            && match &rule.hosts {
                Hosts::Any => true,
                Hosts::Net(net) => net.contains(&address),
                Hosts::Name(_) | Hosts::Below(_) => false,
            }
    };
    let allowed = match name {
        Some(Name::Denied) => false,
        Some(Name::Allowed) => true,
        Some(Name::ByAddress) | None => {
            settings.allow.is_empty() || settings.allow.iter().any(covers_it)
        }
    };
    allowed && !settings.deny.iter().any(covers_it)
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
        of_address(settings, None, plain(address.parse().unwrap()), port)
    }

    #[test]
    fn without_rules_everything_is_allowed() {
        let open = rules(&[], &[]);
        assert_eq!(of_name(&open, "example.org", 1), Name::Allowed);
        assert!(address(&open, "::1", 1));
    }

    #[test]
    fn names_are_matched_whole_or_below_a_parent() {
        let some = rules(
            &["git.example.org:22", "*.build.example.org"],
            &["bad.build.example.org"],
        );
        for (name, port, verdict) in [
            ("git.example.org", 22, Name::Allowed),
            ("git.example.org", 23, Name::Denied),
            ("agit.example.org", 22, Name::Denied),
            ("a.git.example.org", 22, Name::Denied),
            ("a.build.example.org", 1, Name::Allowed),
            ("a.b.build.example.org", 1, Name::Allowed),
            ("build.example.org", 1, Name::Denied),
            (".build.example.org", 1, Name::Denied),
            ("xbuild.example.org", 1, Name::Denied),
            ("bad.build.example.org", 1, Name::Denied),
        ] {
            assert_eq!(of_name(&some, name, port), verdict, "{name}:{port}");
        }
        assert!(!address(&some, "10.0.0.1", 22), "names allow no addresses");
    }

    #[test]
    fn a_name_no_rule_names_is_left_to_its_addresses() {
        let nets = rules(&["10.0.0.0/8:22"], &["10.6.0.0/16"]);
        assert_eq!(of_name(&nets, "example.org", 22), Name::ByAddress);
        assert_eq!(of_name(&nets, "example.org", 80), Name::Denied);
        for (text, allowed) in [("10.5.0.1", true), ("10.6.0.1", false), ("11.0.0.1", false)] {
            let by_address = Some(Name::ByAddress);
            let ip = text.parse().unwrap();
            assert_eq!(of_address(&nets, by_address, ip, 22), allowed, "{text}");
            assert_eq!(of_address(&nets, None, ip, 22), allowed, "{text}");
            assert!(!of_address(&nets, None, ip, 80), "{text}");
            assert_eq!(
                of_address(&nets, Some(Name::Allowed), ip, 22),
                text != "10.6.0.1",
                "an allowed name still has denied addresses"
            );
            assert!(!of_address(&nets, Some(Name::Denied), ip, 22));
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
        assert_eq!(of_name(&any, "example.org", 25), Name::Denied);
        assert_eq!(of_name(&any, "example.org", 26), Name::Allowed);
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
