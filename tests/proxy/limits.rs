//! How many clients, for how long, at what cost.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    time::{Duration, Instant},
};

use loopkeeper::config::Builtin;

use crate::fixture::{
    Client, DEADLINE, LOCALHOST, Proxy, echo, echoes, eventually, server, settings,
};

#[test]
fn at_its_limit_it_refuses_a_connection_and_is_up() {
    let port = server(LOCALHOST, echo).port();
    let mut proxy = Proxy::start(&Builtin {
        max_connections: 2,
        ..settings()
    });
    let mut first = proxy.connect("127.0.0.1", port).unwrap();
    let mut second = proxy.connect("127.0.0.1", port).unwrap();
    for _ in 0..20 {
        const GENERAL_FAILURE: u8 = 1;
        assert_eq!(
            proxy.connect("127.0.0.1", port).unwrap_err(),
            GENERAL_FAILURE
        );
    }
    answers_a_look(&proxy);
    assert!(echoes(&mut first) && echoes(&mut second));
    drop(first);
    let mut third = None;
    eventually("the place that was left is free", || {
        third = proxy.connect("127.0.0.1", port).ok();
        third.is_some()
    });
    assert!(echoes(&mut third.unwrap()) && echoes(&mut second));
    proxy.signal(nix::sys::signal::Signal::SIGKILL);
    proxy.wait();
    let said: Vec<_> = proxy.log.whole();
    let said: Vec<_> = said.iter().filter(|line| line.contains("WARN")).collect();
    assert!(
        matches!(said[..], [one] if one.contains("client 127.0.0.1:")
            && one.contains("is refused: all 2 connections are taken (`max_connections`")),
        "{said:#?}"
    );
}

#[test]
fn silent_clients_keep_nobody_out() {
    let port = server(LOCALHOST, echo).port();
    let proxy = Proxy::start(&Builtin {
        handshake: DEADLINE * 10,
        ..settings()
    });
    let mut before = proxy.connect("127.0.0.1", port).unwrap();
    let mut silent: Vec<Client> = (0..500).map(|_| proxy.client()).collect();
    answers_a_look(&proxy);
    let mut after = proxy.connect("127.0.0.1", port).unwrap();
    assert!(echoes(&mut before) && echoes(&mut after));
    silent[0].is_closed();
    proxy.log.wait_for("is refused: no request yet");
}

/// To the daemon, which stops a proxy that does not.
fn answers_a_look(proxy: &Proxy) {
    let address = proxy.address.to_string();
    let look = loopkeeper::proxy::handshake(&address, DEADLINE);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(look).unwrap();
}

#[test]
fn silent_and_slow_clients_are_closed_in_time() {
    let limit = Duration::from_millis(500);
    let proxy = Proxy::start(&Builtin {
        handshake: limit,
        ..settings()
    });
    let started = Instant::now();
    let mut half_said: Vec<Client> = [&[][..], &[5], &[5, 1, 0], &[5, 1, 0, 5, 1, 0, 3, 200]]
        .iter()
        .map(|part| {
            let mut client = proxy.client();
            client.send(part);
            client
        })
        .collect();
    for client in &mut half_said {
        let mut left = Vec::new();
        drop(client.0.read_to_end(&mut left));
        assert!(left.len() <= 2, "{left:?}");
        assert!(started.elapsed() >= limit, "closed before their time");
    }
    assert!(started.elapsed() < limit * 20, "{:?}", started.elapsed());

    // A byte now and then does not keep a place.
    let mut slow = proxy.client();
    while slow.0.write_all(&[5]).is_ok() {
        std::thread::sleep(Duration::from_millis(20));
        assert!(
            started.elapsed() < DEADLINE,
            "a slow client is never closed"
        );
    }
}

#[test]
fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let idle = Duration::from_millis(800);
    let port = server(LOCALHOST, echo).port();
    let proxy = Proxy::start(&Builtin { idle, ..settings() });
    let started = Instant::now();
    let mut quiet = proxy.connect("127.0.0.1", port).unwrap();
    let mut busy = proxy.connect("127.0.0.1", port).unwrap();
    quiet.set_nonblocking(true).unwrap();
    let closed = loop {
        assert!(echoes(&mut busy), "closed while in use");
        match quiet.read(&mut [0]) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            closed => break closed,
        }
        std::thread::sleep(Duration::from_millis(10));
        assert!(started.elapsed() < DEADLINE, "an idle connection stays");
    };
    assert!(
        started.elapsed() >= idle,
        "closed after {:?}",
        started.elapsed()
    );
    assert_eq!(
        closed.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionReset
    );
    proxy.log.wait_for("ended: idle");
    // Movement in one direction alone is enough.
    fn drip(mut stream: TcpStream) {
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(100));
            if stream.write_all(b"x").is_err() {
                return;
            }
        }
    }
    let mut stream = proxy
        .connect("127.0.0.1", server(LOCALHOST, drip).port())
        .unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    assert_eq!(all.len(), 20);
}

#[test]
fn running_out_of_descriptors_is_survived_without_spinning() {
    let limit = Duration::from_secs(1);
    let port = server(LOCALHOST, echo).port();
    let proxy = Proxy::start_by(
        &Builtin {
            handshake: limit,
            ..settings()
        },
        |daemon, config| {
            let mut command = Command::new("sh");
            command.args([
                "-c",
                "ulimit -n 40; exec \"$0\" proxy --settings \"$1\"",
                daemon,
            ]);
            command.arg(config);
            command
        },
    );
    proxy
        .log
        .wait_for("limit of 40 open files is too low for 1024 clients");
    let before = cpu_time(&proxy);
    let started = Instant::now();
    let mut silent: Vec<Client> = (0..60).map(|_| proxy.client()).collect();
    proxy
        .log
        .wait_for("cannot be accepted at times, trying on: Too many open files");
    for client in &mut silent {
        client.is_closed();
    }
    let (spent, elapsed) = (cpu_time(&proxy) - before, started.elapsed());
    assert!(
        elapsed >= limit && spent < elapsed / 4,
        "{spent:?} of {elapsed:?}"
    );
    assert!(echoes(&mut proxy.connect("127.0.0.1", port).unwrap()));
    let mut proxy = proxy;
    proxy.signal(nix::sys::signal::Signal::SIGTERM);
    assert!(proxy.wait().success());
    let log = proxy.log.whole();
    let complaints = log
        .iter()
        .filter(|line| line.contains("cannot be accepted"))
        .count() as u64;
    assert!(
        (1..=1 + elapsed.as_secs() / 60).contains(&complaints),
        "{log:#?}"
    );
}

/// What a connection costs that has carried something and now is idle.
#[test]
fn an_idle_connection_has_no_buffers() {
    const CONNECTIONS: usize = 400;
    let proxy = Proxy::start(&settings());
    let port = server(LOCALHOST, echo).port();
    assert!(echoes(&mut proxy.connect("127.0.0.1", port).unwrap()));
    let before = resident(&proxy);
    let mut open: Vec<_> = (0..CONNECTIONS)
        .map(|_| proxy.connect("127.0.0.1", port).unwrap())
        .collect();
    assert!(open.iter_mut().all(echoes));
    let each = (resident(&proxy) - before) / CONNECTIONS;
    assert!(each < 8 * 1024, "{each} bytes for each connection");
}

/// Resident memory in bytes.
fn resident(proxy: &Proxy) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", proxy.child.id())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kilobytes: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1024
}

/// Processor time used so far (proc(5), fields 14 and 15 of stat, in hundredths of a second).
fn cpu_time(proxy: &Proxy) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", proxy.child.id())).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks =
        |field: usize| -> u64 { fields.split(' ').nth(field - 3).unwrap().parse().unwrap() };
    Duration::from_millis(10 * (ticks(14) + ticks(15)))
}
