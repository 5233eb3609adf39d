//! Through an upstream SOCKS5 server.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
};

use loopkeeper::config::Builtin;

use crate::fixture::{LOCALHOST, Proxy, auth, echo, echoes, name, server, settings};

fn through(upstream: SocketAddr) -> Builtin {
    Builtin {
        upstream: Some(upstream.to_string()),
        ..settings()
    }
}

#[test]
fn names_go_upstream_unresolved_and_answers_come_back() {
    let far = Proxy::start(&settings());
    let near = Proxy::start(&through(far.address));
    let v4 = server(LOCALHOST, echo).port();
    let v6 = server("::1".parse().unwrap(), echo).port();
    for (host, port) in [("localhost", v4), ("127.0.0.1", v4), ("::1", v6)] {
        assert!(echoes(&mut near.connect(host, port).unwrap()), "{host}");
    }
    far.log.wait_for(&format!("target=localhost:{v4}"));
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    assert_eq!(near.connect("127.0.0.1", closed.port()).unwrap_err(), 5);
    assert_eq!(near.connect("name.invalid", 80).unwrap_err(), 4);
}

#[test]
fn rules_apply_before_anything_goes_upstream() {
    let far = Proxy::start(&settings());
    let port = server(LOCALHOST, echo).port();
    let near = Proxy::start(&Builtin {
        deny: vec![
            "127.0.0.0/8".parse().unwrap(),
            "secret.test".parse().unwrap(),
        ],
        ..through(far.address)
    });
    near.log.wait_for("deny 127.0.0.0/8 cannot see names");
    assert_eq!(near.connect("127.0.0.1", port).unwrap_err(), 2);
    assert_eq!(near.connect("secret.test", port).unwrap_err(), 2);
    for number in ["127.1", "0x7f000001", "2130706433"] {
        let mut client = near.client();
        client.greet();
        client.send(&[&[5, 1, 0][..], &name(number), &port.to_be_bytes()].concat());
        assert_eq!(client.reply(), 2, "{number}");
    }
    assert!(
        near.connect("localhost", port).is_ok(),
        "a name that no rule names"
    );
}

#[test]
fn an_upstream_that_fails_is_a_general_failure() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let near = Proxy::start(&through(closed));
    assert_eq!(near.connect("127.0.0.1", 80).unwrap_err(), 1);
    near.log
        .wait_for("upstream proxy failed: Connection refused");

    let directory = tempfile::tempdir().unwrap();
    let wants_login = Proxy::start(&Builtin {
        auth: auth(directory.path().join("users"), "ann:a"),
        ..settings()
    });
    let near = Proxy::start(&through(wants_login.address));
    assert_eq!(near.connect("127.0.0.1", 80).unwrap_err(), 1);
    near.log.wait_for("offers no access without authentication");
}

/// Upstreams that no standard knows: the client gets a reply and the proxy goes on.
#[test]
fn a_hostile_upstream_harms_nobody() {
    fn after_greeting(mut stream: TcpStream, answers: &[&[u8]]) {
        let mut greeting = [0; 3];
        drop(stream.read_exact(&mut greeting));
        for answer in answers {
            drop(stream.write_all(answer));
        }
        drop(std::io::copy(&mut stream, &mut std::io::sink()));
    }
    let hostile: [fn(TcpStream); 5] = [
        |stream| after_greeting(stream, &[&[5, 0], &[5, 77, 0, 1, 0, 0, 0, 0, 0, 0]]),
        |stream| after_greeting(stream, &[&[5, 0], &[5, 0, 0, 99, 0, 0, 0, 0, 0, 0]]),
        |stream| after_greeting(stream, &[b"HTTP/1.1 400 Bad Request\r\n\r\n"]),
        |stream| after_greeting(stream, &[&[5, 0xff]]),
        drop,
    ];
    for serve in hostile {
        let near = Proxy::start(&through(server(LOCALHOST, serve)));
        for _ in 0..2 {
            assert_eq!(near.connect("127.0.0.1", 80).unwrap_err(), 1);
        }
        drop(near.client());
    }
}
