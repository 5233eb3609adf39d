//! What a client is told, in the codes of RFC 1928.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpListener},
    time::Duration,
};

use crate::fixture::{Client, LOCALHOST, Proxy, echo, echoes, name, server, settings};

#[test]
fn connects_to_v4_v6_and_names() {
    let proxy = Proxy::start(&settings());
    let v4 = server(LOCALHOST, echo);
    let v6 = server("::1".parse().unwrap(), echo);
    for (host, port) in [
        ("127.0.0.1", v4.port()),
        ("::1", v6.port()),
        ("::ffff:127.0.0.1", v4.port()),
        ("localhost", v4.port()),
        ("LocalHost.", v4.port()),
    ] {
        let mut stream = proxy.connect(host, port).unwrap();
        assert!(echoes(&mut stream), "{host}");
    }
    let mut client = proxy.client();
    client.greet();
    client.send(&[&[5, 1, 0][..], &name("127.0.0.1"), &v4.port().to_be_bytes()].concat());
    assert_eq!(client.reply(), 0, "an address written as a name");
}

#[test]
fn bind_udp_and_unknown_commands_are_not_supported() {
    let proxy = Proxy::start(&settings());
    for command in [2, 3, 0, 9, 255] {
        let mut client = proxy.client();
        client.greet();
        assert_eq!(client.request(command, "127.0.0.1", 9), 7, "{command}");
        client.is_closed();
    }
}

/// With bytes of the client unread, closing at once would be a reset that can overtake the reply.
#[test]
fn a_refusal_is_heard_by_a_client_that_goes_on_talking() {
    let proxy = Proxy::start(&settings());
    let mut client = proxy.client();
    client.greet();
    client.send(&[&[5, 2, 0, 1, 127, 0, 0, 1, 0, 9][..], &[b'x'; 10_000]].concat());
    assert_eq!(client.reply(), 7);
    assert_eq!(client.0.read(&mut [0]).unwrap(), 0, "an end of stream");
}

#[test]
fn failures_to_connect_have_their_codes() {
    let proxy = Proxy::start(&settings());
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let code = |host: &str| proxy.connect(host, closed.port()).unwrap_err();
    assert_eq!(code("127.0.0.1"), 5);
    assert_eq!(code("::1"), 5);
    assert_eq!(code("localhost"), 5);
    assert_eq!(code("name.invalid"), 4);
    assert_eq!(code("a\0b"), 4);
    assert_eq!(code("."), 4);
    assert_eq!(code(&"x".repeat(255)), 4);
    let mut client = proxy.client();
    client.greet();
    client.send(&[5, 1, 0, 2, 0, 0, 0, 0, 0, 9]);
    assert_eq!(client.reply(), 8, "an address type that does not exist");
    let told = format!(": no connection to {closed}: connection failed: Connection refused");
    let line = proxy.log.wait_for(" INFO client 127.0.0.1:");
    assert!(line.contains(&told), "{line}");
}

/// A connection that never comes about: the queue of a listener that does not accept is full.
#[test]
fn a_destination_that_does_not_answer_is_a_timeout() {
    use nix::sys::socket::{
        AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, getsockname, listen, socket,
    };
    use std::os::fd::AsRawFd;
    let silent = socket(
        AddressFamily::Inet,
        SockType::Stream,
        SockFlag::empty(),
        None,
    )
    .unwrap();
    bind(silent.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
    listen(&silent, Backlog::new(0).unwrap()).unwrap();
    let port = getsockname::<SockaddrIn>(silent.as_raw_fd())
        .unwrap()
        .port();
    let limit = Duration::from_millis(200);
    let mut filling = Vec::new();
    while let Ok(stream) =
        std::net::TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), limit)
    {
        filling.push(stream);
    }
    let proxy = Proxy::start(&loopkeeper::config::Builtin {
        connect: limit,
        ..settings()
    });
    assert_eq!(proxy.connect("127.0.0.1", port).unwrap_err(), 6);
}

#[test]
fn the_end_of_a_stream_is_passed_on_in_each_direction_by_itself() {
    let proxy = Proxy::start(&settings());
    // Answers only once it has everything.
    let counts = server(LOCALHOST, |mut stream| {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        stream.write_all(&all.len().to_be_bytes()).unwrap();
    });
    let mut stream = proxy.connect("127.0.0.1", counts.port()).unwrap();
    stream.write_all(&[7; 1_000_000]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, 1_000_000_usize.to_be_bytes());

    // Says everything at once and then listens.
    let ends_first = server(LOCALHOST, |mut stream| {
        stream.write_all(b"bye").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"still here");
    });
    let mut stream = proxy.connect("127.0.0.1", ends_first.port()).unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"bye");
    stream.write_all(b"still here").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let line = proxy.log.wait_for("bytes=13");
    assert!(line.contains("ended: complete"), "{line}");
}

#[test]
fn much_data_arrives_whole_past_a_reader_that_is_slow_to_begin() {
    let proxy = Proxy::start(&settings());
    let echoing = server(LOCALHOST, echo);
    let mut stream = proxy.connect("127.0.0.1", echoing.port()).unwrap();
    let mut writer = stream.try_clone().unwrap();
    // More than four sockets hold, whose buffers are as large as they may grow (tcp(7)).
    let most = |kind: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/net/ipv4/tcp_{kind}mem")).unwrap();
        let most = text.split_whitespace().last().unwrap();
        most.parse::<u32>().unwrap()
    };
    let data: Vec<u8> = (0..4 * (most("r") + most("w")) + 1_000_000)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    // Until nothing moves any more: every buffer on the way there and back is full.
    writer
        .set_write_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let mut sent = 0;
    let stuck = loop {
        match writer.write(&data[sent..]) {
            Ok(0) => panic!("all of it was taken, and nobody has read"),
            Ok(written) => sent += written,
            Err(error) => break error,
        }
    };
    assert_eq!(
        stuck.kind(),
        ErrorKind::WouldBlock,
        "{sent} bytes were taken"
    );
    let rest = data[sent..].to_vec();
    let writing = std::thread::spawn(move || {
        writer.set_write_timeout(None).unwrap();
        writer.write_all(&rest).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut back = Vec::new();
    stream.read_to_end(&mut back).unwrap();
    writing.join().unwrap();
    assert!(
        back == data,
        "{} of {} bytes, or changed",
        back.len(),
        data.len()
    );
}

#[test]
fn a_connection_that_breaks_off_is_a_reset_and_no_end() {
    let proxy = Proxy::start(&settings());
    let breaks = server(LOCALHOST, |mut stream| {
        stream.write_all(b"half of").unwrap();
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        let reset = nix::libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        nix::sys::socket::setsockopt(&stream, nix::sys::socket::sockopt::Linger, &reset).unwrap();
    });
    let mut client = Client(proxy.connect("127.0.0.1", breaks.port()).unwrap());
    assert_eq!(&client.read::<7>(), b"half of");
    client.send(b"x");
    let error = client.0.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}
