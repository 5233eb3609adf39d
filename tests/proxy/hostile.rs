//! Clients that do not mean it.

use std::{
    fs,
    io::{Read, Write},
    net::Shutdown,
    thread,
    time::Duration,
};

use loopkeeper::config::Builtin;

use crate::fixture::{LOCALHOST, Proxy, auth, echo, echoes, eventually, server, settings};

/// Every message is random after a beginning that leads somewhere, and every answer is nothing,
/// a refusal of the method or of the login, or a well-formed reply.
fn bombard(proxy: &Proxy, messages: usize, seed: u64) {
    let beginnings: [&[u8]; 12] = [
        &[],
        &[5],
        &[5, 1, 0],
        &[5, 2, 0, 2],
        &[5, 255],
        &[4, 1, 0, 80, 127, 0, 0, 1],
        &[5, 1, 0, 5, 1, 0, 3],
        &[5, 1, 0, 5, 1, 0, 3, 0],
        &[5, 1, 0, 5],
        &[5, 1, 2, 1],
        &[5, 1, 2, 1, 3, b'a', b'n', b'n'],
        b"GET / HTTP/1.1\r\n",
    ];
    let mut random = fastrand::Rng::with_seed(seed);
    for round in 0..messages {
        let mut message = random.choice(beginnings).unwrap().to_vec();
        let length = random.usize(..64);
        message.extend((0..length).map(|_| random.u8(..)));
        let mut client = proxy.client();
        drop(client.0.write_all(&message));
        if random.bool() {
            drop(client.0.shutdown(Shutdown::Write));
            let mut answer = Vec::new();
            drop(client.0.read_to_end(&mut answer));
            let is_fine = match answer.as_slice() {
                [] | [5, 0xff] | [5, 0 | 2] => true,
                [5, 2, 1, status] => *status != 0,
                [5, 0, 5, code, 0, 1, ..] => (1..=8).contains(code) && answer.len() == 12,
                _ => false,
            };
            assert!(
                is_fine,
                "seed {seed} round {round}: {message:02x?} got {answer:02x?}"
            );
        }
    }
}

#[test]
fn ten_thousand_random_messages_harm_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let port = server(LOCALHOST, echo).port();
    let nowhere = Builtin {
        allow: vec!["127.0.0.1".parse().unwrap()],
        deny: vec![format!("*:1-{}", port - 1).parse().unwrap()],
        handshake: Duration::from_secs(2),
        ..settings()
    };
    let open = Proxy::start(&nowhere);
    let closed = Proxy::start(&Builtin {
        auth: auth(directory.path().join("users"), "ann:secret"),
        ..nowhere
    });
    let mut before = open.connect("127.0.0.1", port).unwrap();
    let (open_one, closed_one) = (&open, &closed);
    thread::scope(|scope| {
        for seed in 0..2 {
            scope.spawn(move || bombard(open_one, 2_500, seed));
            scope.spawn(move || bombard(closed_one, 2_500, seed + 100));
        }
    });
    assert!(echoes(&mut before), "a connection from before is untouched");
    assert!(echoes(&mut open.connect("127.0.0.1", port).unwrap()));
    drop(before);
    for mut proxy in [open, closed] {
        eventually("every descriptor of theirs is closed", || {
            sockets(&proxy) == 1
        });
        proxy.signal(nix::sys::signal::Signal::SIGTERM);
        assert!(proxy.wait().success());
        let log = proxy.log.whole().join("\n");
        assert!(
            !log.contains("panicked") && !log.contains("task failed"),
            "{log}"
        );
    }
}

#[test]
fn a_request_byte_by_byte_is_a_request() {
    let port = server(LOCALHOST, echo).port();
    let proxy = Proxy::start(&settings());
    let mut client = proxy.client();
    let [high, low] = port.to_be_bytes();
    for byte in [5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, high, low] {
        client.send(&[byte]);
    }
    client.send(b"early");
    assert_eq!(client.read(), [5, 0]);
    assert_eq!(client.reply(), 0);
    assert_eq!(
        &client.read::<5>(),
        b"early",
        "what came with the request is not lost"
    );
    assert!(echoes(&mut client.0));
}

#[test]
fn clients_that_vanish_leave_nothing_behind() {
    let port = server(LOCALHOST, echo).port();
    let proxy = Proxy::start(&settings());
    for _ in 0..200 {
        let mut stream = proxy.connect("127.0.0.1", port).unwrap();
        stream.write_all(&[1; 100]).unwrap();
        // Closed with bytes unread: a reset.
        stream.read_exact(&mut [0; 10]).unwrap();
    }
    eventually("their sockets are closed", || sockets(&proxy) == 1);
}

/// TCP sockets the proxy has open.
fn sockets(proxy: &Proxy) -> usize {
    let pid = proxy.child.id();
    let table =
        ["tcp", "tcp6"].map(|table| fs::read_to_string(format!("/proc/net/{table}")).unwrap());
    let is_tcp = |link: &str| {
        let inode = link
            .strip_prefix("socket:[")
            .and_then(|rest| rest.strip_suffix(']'));
        inode.is_some_and(|inode| {
            table
                .iter()
                .any(|table| table.contains(&format!(" {inode} ")))
        })
    };
    fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|file| fs::read_link(file.unwrap().path()).ok())
        .filter(|link| link.to_str().is_some_and(is_tcp))
        .count()
}
