//! A running proxy, servers to reach through it, and a bare client.

use std::{
    fs,
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use loopkeeper::config::{Auth, Builtin, Environment};
use tempfile::TempDir;

/// Nothing here takes so long; it only bounds a test that went wrong.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Settings for tests: any port, short drain.
pub(crate) fn settings() -> Builtin {
    Builtin {
        listen: "127.0.0.1:0".parse().unwrap(),
        drain: Duration::from_secs(1),
        ..Builtin::default()
    }
}

/// Where a program is that the test needs. Fails with its Debian package when it is not there.
pub(crate) fn needs(program: &str, package: &str) -> PathBuf {
    let mut environment = Environment::of_this_process().unwrap();
    // Not in everybody's search path.
    environment.path.push("/usr/sbin".into());
    let found = environment.program(program);
    found.unwrap_or_else(|| panic!("{program} is not installed: apt-get install {package}"))
}

/// The lines that a process wrote, as they come.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Written>);

#[derive(Default)]
struct Written {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Default)]
struct Lines {
    so_far: Vec<String>,
    ended: bool,
}

impl Log {
    fn follow(&self, from: impl Read + Send + 'static) {
        let log = self.clone();
        thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                log.0.lines.lock().unwrap().so_far.push(line);
                log.0.changed.notify_all();
            }
            log.0.lines.lock().unwrap().ended = true;
            log.0.changed.notify_all();
        });
    }

    /// The first line that contains `text`; fails when the process ends without it.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        let end = Instant::now() + DEADLINE;
        let mut state = self.0.lines.lock().unwrap();
        loop {
            if let Some(line) = state.so_far.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(
                !state.ended && !left.is_zero(),
                "no line with {text:?} in {:#?}",
                state.so_far
            );
            state = self.0.changed.wait_timeout(state, left).unwrap().0;
        }
    }

    /// Nobody reads what the process writes for as long as this is kept.
    pub(crate) fn unread(&self) -> impl Drop + '_ {
        self.0.lines.lock().unwrap()
    }

    /// Everything, once the process closed its end.
    pub(crate) fn whole(&self) -> Vec<String> {
        let state = self.0.lines.lock().unwrap();
        let (state, late) = self
            .0
            .changed
            .wait_timeout_while(state, DEADLINE, |s| !s.ended)
            .unwrap();
        assert!(
            !late.timed_out(),
            "the log did not end: {:#?}",
            state.so_far
        );
        state.so_far.clone()
    }
}

/// A running proxy; killed when dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    pub(crate) log: Log,
    pub(crate) child: Child,
    _directory: TempDir,
}

impl Proxy {
    pub(crate) fn start(settings: &Builtin) -> Self {
        Self::start_by(settings, |daemon, config| {
            let mut command = Command::new(daemon);
            command.arg("proxy").arg("--settings").arg(config);
            command
        })
    }

    /// Started by a command made from the daemon's path and the settings' path.
    pub(crate) fn start_by(
        settings: &Builtin,
        command: impl FnOnce(&str, &Path) -> Command,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("proxy.json");
        fs::write(&config, serde_json::to_vec(settings).unwrap()).unwrap();
        let mut child = command(env!("CARGO_BIN_EXE_loopkeeperd"), &config)
            .env("RUST_LOG", "debug")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Log::default();
        log.follow(child.stderr.take().unwrap());
        let line = log.wait_for("listening at ");
        let (_, address) = line.split_once("listening at ").unwrap();
        Self {
            address: address.parse().unwrap(),
            log,
            child,
            _directory: directory,
        }
    }

    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// How it ended; fails if it does not.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the proxy ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// Connected, nothing said.
    pub(crate) fn client(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Client(stream)
    }

    /// Asks for a connection; the stream, or the reply code that says why not.
    pub(crate) fn connect(&self, host: &str, port: u16) -> Result<TcpStream, u8> {
        let mut client = self.client();
        client.greet();
        match client.request(1, host, port) {
            0 => Ok(client.0),
            code => Err(code),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A client that says exactly what the test says.
pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    pub(crate) fn read<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    pub(crate) fn greet(&mut self) {
        self.send(&[5, 1, 0]);
        assert_eq!(self.read(), [5, 0]);
    }

    /// Sends a request (a name as a name, never resolved here) and returns the reply's code.
    pub(crate) fn request(&mut self, command: u8, host: &str, port: u16) -> u8 {
        let mut request = vec![5, command, 0];
        match host.parse() {
            Ok(IpAddr::V4(v4)) => {
                request.push(1);
                request.extend(v4.octets());
            }
            Ok(IpAddr::V6(v6)) => {
                request.push(4);
                request.extend(v6.octets());
            }
            Err(_) => request.extend(name(host)),
        }
        request.extend(port.to_be_bytes());
        self.send(&request);
        self.reply()
    }

    pub(crate) fn reply(&mut self) -> u8 {
        let [version, code, reserved, kind] = self.read();
        assert_eq!((version, reserved), (5, 0));
        match kind {
            1 => drop(self.read::<6>()),
            4 => drop(self.read::<18>()),
            other => panic!("address type {other}"),
        }
        code
    }

    /// Waits for the other side to close; fails when it says something more, or stays.
    pub(crate) fn is_closed(&mut self) {
        match self.0.read(&mut [0]) {
            Ok(0) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            other => panic!("not closed: {other:?}"),
        }
    }
}

/// A name as a request carries it.
pub(crate) fn name(host: &str) -> Vec<u8> {
    let mut field = vec![3, host.len().try_into().unwrap()];
    field.extend(host.as_bytes());
    field
}

/// Serves every connection in a thread of its own, as long as the test runs.
pub(crate) fn server(ip: IpAddr, serve: fn(TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind((ip, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Sends back what comes, up to the end of stream, which it then passes back too.
pub(crate) fn echo(mut stream: TcpStream) {
    let mut back = stream.try_clone().unwrap();
    drop(std::io::copy(&mut stream, &mut back));
    drop(back.shutdown(Shutdown::Write));
}

/// A web server of one page.
pub(crate) fn page(mut stream: TcpStream) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read_exact(&mut byte).is_err() {
            return;
        }
        request.push(byte[0]);
    }
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\npage\n";
    drop(stream.write_all(answer));
}

/// Whether bytes make it there and back.
pub(crate) fn echoes(stream: &mut TcpStream) -> bool {
    let mut back = [0; 4];
    stream.write_all(b"ping").is_ok() && stream.read_exact(&mut back).is_ok() && &back == b"ping"
}

/// Waits until a condition that has no event of its own holds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A file of credentials, as `auth`.
pub(crate) fn auth(path: PathBuf, content: &str) -> Option<Auth> {
    fs::write(&path, content).unwrap();
    Some(Auth { file: path })
}
