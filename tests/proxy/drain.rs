//! The end of the proxy.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

use loopkeeper::config::Builtin;
use nix::sys::signal::Signal::{SIGINT, SIGTERM};

use crate::fixture::{DEADLINE, LOCALHOST, Proxy, echo, echoes, eventually, server, settings};

fn draining(drain: Duration) -> (Proxy, TcpStream) {
    let port = server(LOCALHOST, echo).port();
    let proxy = Proxy::start(&Builtin {
        drain,
        ..settings()
    });
    let open = proxy.connect("127.0.0.1", port).unwrap();
    (proxy, open)
}

#[test]
fn without_clients_it_ends_at_once() {
    for signal in [SIGTERM, SIGINT] {
        let mut proxy = Proxy::start(&Builtin {
            drain: DEADLINE * 10,
            ..settings()
        });
        proxy.signal(signal);
        assert!(proxy.wait().success());
        assert!(proxy.log.whole().last().unwrap().ends_with(" stopped"));
    }
}

#[test]
fn open_connections_may_finish_and_new_ones_are_refused() {
    let (mut proxy, mut open) = draining(DEADLINE * 10);
    proxy.signal(SIGTERM);
    proxy.log.wait_for("stopping, 1 connections have up to");
    let refused = TcpStream::connect(proxy.address).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert!(echoes(&mut open));
    open.shutdown(Shutdown::Write).unwrap();
    open.read_to_end(&mut Vec::new()).unwrap();
    assert!(proxy.wait().success());
    assert!(proxy.log.whole().last().unwrap().ends_with(" stopped"));
}

#[test]
fn what_does_not_finish_in_time_is_cut_with_a_reset() {
    let drain = Duration::from_millis(500);
    let (mut proxy, mut open) = draining(drain);
    let asked = Instant::now();
    proxy.signal(SIGTERM);
    assert_eq!(
        open.read(&mut [0]).unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    assert!(asked.elapsed() >= drain);
    assert!(proxy.wait().success());
    proxy.log.wait_for("stopped, 1 connections cut");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let (mut proxy, mut open) = draining(DEADLINE * 10);
    proxy.signal(SIGTERM);
    proxy.log.wait_for("stopping, 1 connections");
    assert!(echoes(&mut open));
    proxy.signal(SIGTERM);
    assert!(proxy.wait().success());
    assert_eq!(
        open.read(&mut [0]).unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
}

#[test]
fn killed_it_leaves_no_connection_that_looks_complete() {
    let (mut proxy, mut open) = draining(DEADLINE);
    open.write_all(b"ping").unwrap();
    open.read_exact(&mut [0; 4]).unwrap();
    proxy.child.kill().unwrap();
    assert_eq!(
        open.read(&mut [0]).unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
    eventually("the port is free", || {
        TcpStream::connect(proxy.address).is_err()
    });
}

#[test]
fn a_log_that_nobody_reads_holds_neither_clients_nor_the_end() {
    let port = server(LOCALHOST, echo).port();
    let mut proxy = Proxy::start(&settings());
    let log = proxy.log.clone();
    let unread = log.unread();
    // Two lines for each: more than a pipe takes.
    for _ in 0..1000 {
        assert!(echoes(&mut proxy.connect("127.0.0.1", port).unwrap()));
    }
    proxy.signal(SIGTERM);
    assert!(proxy.wait().success());
    drop(unread);
}
