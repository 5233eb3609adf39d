//! Where the rules let a client go.

use std::{
    net::{TcpListener, UdpSocket},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use loopkeeper::config::Builtin;

use crate::fixture::{LOCALHOST, Proxy, echo, name, needs, server, settings};

fn with_rules(allow: &[&str], deny: &[&str]) -> Builtin {
    let parse = |rules: &[&str]| rules.iter().map(|rule| rule.parse().unwrap()).collect();
    Builtin {
        allow: parse(allow),
        deny: parse(deny),
        ..settings()
    }
}

#[test]
fn every_spelling_of_a_denied_address_is_refused() {
    let port = server(LOCALHOST, echo).port();
    let proxy = Proxy::start(&with_rules(&[], &["127.0.0.0/8", "::1"]));
    for host in [
        "127.0.0.1",
        "localhost",
        "LOCALHOST.",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "::",
        "::1",
    ] {
        assert_eq!(proxy.connect(host, port).unwrap_err(), 2, "{host}");
    }
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "2130706433",
        "017700000001",
        "0",
        "::",
    ] {
        let mut client = proxy.client();
        client.greet();
        client.send(&[&[5, 1, 0][..], &name(host), &port.to_be_bytes()].concat());
        assert_eq!(client.reply(), 2, "{host} as a name");
    }
    proxy.log.wait_for(&format!(
        "is refused: no connection to 127.0.0.1:{port}: denied by `127.0.0.0/8` of `deny` in [proxy]"
    ));
}

#[test]
fn a_name_that_no_rule_names_is_judged_by_its_addresses() {
    let port = server(LOCALHOST, echo).port();
    let proxy = Proxy::start(&with_rules(&["10.0.0.0/8", "127.0.0.0/8"], &[]));
    assert!(proxy.connect("localhost", port).is_ok());
    let proxy = Proxy::start(&with_rules(&["10.0.0.0/8"], &[]));
    assert_eq!(proxy.connect("localhost", port).unwrap_err(), 2);
    proxy.log.wait_for(&format!(
        "no connection to localhost:{port}: no rule of `allow` in [proxy] names it"
    ));
}

#[test]
fn names_and_ports_are_rules_too() {
    let port = server(LOCALHOST, echo).port();
    let other = if port == 65535 { 1 } else { port + 1 };
    let proxy = Proxy::start(&with_rules(
        &["*.invalid", &format!("localhost:{port}")],
        &[],
    ));
    assert!(proxy.connect("localhost", port).is_ok());
    assert_eq!(proxy.connect("localhost", other).unwrap_err(), 2);
    assert_eq!(proxy.connect("127.0.0.1", port).unwrap_err(), 2);
    assert_eq!(
        proxy.connect("a.invalid", port).unwrap_err(),
        4,
        "allowed, and does not exist"
    );
    let proxy = Proxy::start(&with_rules(&[], &[&format!("*:{port}")]));
    assert_eq!(proxy.connect("127.0.0.1", port).unwrap_err(), 2);
    assert_eq!(
        proxy.connect("name.invalid", port).unwrap_err(),
        2,
        "not even resolved"
    );
}

/// A name server that gives another address at each question: what was checked is what is
/// connected to, so the denied address is never reached, however the questions fall.
#[test]
fn a_name_that_changes_its_address_gains_nothing() {
    needs("unshare", "util-linux");
    assert!(
        nix::unistd::geteuid().is_root(),
        "this test answers DNS at port 53 in a mount namespace and must be run as root"
    );
    let permitted = server(LOCALHOST, echo);
    let denied = TcpListener::bind(("127.0.0.2", permitted.port())).unwrap();
    denied.set_nonblocking(true).unwrap();
    let questions = Arc::new(AtomicUsize::new(0));
    name_server("127.77.0.53", Arc::clone(&questions));
    let proxy = Proxy::start_by(&with_rules(&[], &["127.0.0.2"]), |daemon, config| {
        let resolver = config.with_file_name("resolv.conf");
        std::fs::write(&resolver, "nameserver 127.77.0.53\n").unwrap();
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-ec"])
            .arg("mount --bind \"$1\" /etc/resolv.conf; exec \"$2\" proxy --settings \"$3\"")
            .arg("sh")
            .args([resolver.as_os_str(), daemon.as_ref(), config.as_os_str()]);
        command
    });
    let codes: Vec<u8> = (0..20)
        .map(|_| {
            proxy
                .connect("rebind.test", permitted.port())
                .map_or_else(|code| code, |_| 0)
        })
        .collect();
    assert_eq!(codes, [0, 2].repeat(10));
    assert_eq!(
        questions.load(Ordering::Relaxed),
        20,
        "one question for each request"
    );
    for _ in 0..5 {
        assert!(proxy.connect("both.test", permitted.port()).is_ok());
    }
    let reached = denied.accept().unwrap_err();
    assert_eq!(reached.kind(), std::io::ErrorKind::WouldBlock);
}

/// Answers every question for an IPv4 address with 127.0.0.1 and 127.0.0.2 in turn, or for
/// both.test with both, the second one first (RFC 1035). Counts those that are answered in turn.
fn name_server(ip: &str, questions: Arc<AtomicUsize>) {
    let socket = UdpSocket::bind((ip, 53)).unwrap();
    thread::spawn(move || {
        let mut packet = [0; 512];
        loop {
            let (length, from) = socket.recv_from(&mut packet).unwrap();
            let mut question = &packet[12..length];
            while question[0] != 0 {
                question = &question[usize::from(question[0]) + 1..];
            }
            let wants_v4 = question[1..3] == [0, 1];
            let end = length - question.len() + 5;
            let mut answer = packet[..end].to_vec();
            answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0]);
            let addresses = match (wants_v4, answer[12..].starts_with(b"\x04both")) {
                (false, _) => vec![],
                (true, true) => vec![2, 1],
                (true, false) => vec![1 + questions.fetch_add(1, Ordering::Relaxed) as u8 % 2],
            };
            answer[7] = addresses.len() as u8;
            for last in addresses {
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, last]);
            }
            socket.send_to(&answer, from).unwrap();
        }
    });
}
