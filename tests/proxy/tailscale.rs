//! `loopkeeperd proxy-ready`, with the builtin proxy in the place of tailscaled's SOCKS server and
//! a fake `tailscale` that says so in its name.

use std::{fs, net::TcpListener, process::Command};

use loopkeeper::{config::Tailscale, proxy::tailscale};
use tempfile::TempDir;

use crate::fixture::{Proxy, settings};

struct Backend {
    proxy: Proxy,
    directory: TempDir,
}

impl Backend {
    fn new(state: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("state"), state).unwrap();
        let proxy = Proxy::start(&settings());
        Self { proxy, directory }
    }

    fn settings(&self, key: Option<&str>) -> Tailscale {
        let auth_key = key.map(|key| {
            let file = self.directory.path().join("key");
            fs::write(&file, key).unwrap();
            file
        });
        Tailscale {
            listen: self.proxy.address,
            state: self.directory.path().to_owned(),
            auth_key,
            hostname: Some("rig".into()),
            tailscaled: "/usr/sbin/tailscaled".into(),
            tailscale: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/proxy/fake-tailscale").into(),
            arguments: vec!["--verbose=1".into()],
        }
    }

    /// Runs the readiness command as the daemon would; what is missing, if anything.
    fn missing(&self, settings: &Tailscale, after_up: &str) -> Option<String> {
        let command = settings.readiness(env!("CARGO_BIN_EXE_loopkeeperd").as_ref());
        let output = Command::new(command.program)
            .args(command.arguments)
            .env("AFTER_UP", after_up)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        match output.status.code() {
            Some(0) => {
                assert_eq!(text, "");
                None
            }
            code => {
                assert_eq!((code, text.lines().count()), (Some(1), 1), "{text}");
                Some(text.trim().to_owned())
            }
        }
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.directory.path().join("calls")).unwrap_or_default()
    }
}

#[test]
fn running_is_ready_and_is_left_alone() {
    let backend = Backend::new("Running");
    assert_eq!(backend.missing(&backend.settings(Some("good")), ""), None);
    assert!(!backend.calls().contains(" up "), "{}", backend.calls());
}

#[test]
fn a_logged_out_machine_is_logged_in_with_the_key_from_its_file() {
    for state in ["NeedsLogin", "Stopped", "NoState"] {
        let backend = Backend::new(state);
        assert_eq!(
            backend.missing(&backend.settings(Some("good")), "Running"),
            None
        );
        let calls = backend.calls();
        let key = backend.directory.path().join("key");
        assert!(calls.contains(&format!("--auth-key=file:{} --hostname=rig", key.display())));
        assert!(!calls.contains("good"), "{calls}");
        assert_eq!(calls.lines().count(), 3, "status, up, status: {calls}");
    }
}

#[test]
fn what_is_missing_is_one_line() {
    let backend = |state, key, after| {
        let backend = Backend::new(state);
        backend.missing(&backend.settings(key), after).unwrap()
    };
    assert_eq!(
        backend("NeedsLogin", None, ""),
        "tailscale backend is NeedsLogin: no auth key is configured, log in with `tailscale up`"
    );
    assert_eq!(
        backend("Starting", Some("good"), ""),
        "tailscale backend is Starting: it has not reached the tailnet yet"
    );
    assert_eq!(
        backend("NeedsLogin", Some("good"), "NeedsMachineAuth"),
        "tailscale backend is NeedsMachineAuth: the tailnet's administrator has to approve this \
         machine"
    );
    assert_eq!(
        backend("NeedsLogin", Some("tskey-auth-secret"), ""),
        "command `tailscale up` failed: backend error: invalid key: tskey-…"
    );
    assert_eq!(
        backend("broken", None, ""),
        "command `tailscale status` failed: failed to connect to local tailscaled"
    );
}

#[test]
fn without_its_socks_server_or_program_it_is_not_ready() {
    let backend = Backend::new("Running");
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut settings = backend.settings(None);
    settings.tailscale = "/nowhere/tailscale".into();
    let missing = backend.missing(&settings, "").unwrap();
    assert!(
        missing.starts_with("program /nowhere/tailscale cannot be run: No such"),
        "{missing}"
    );
    settings.listen = closed;
    let missing = backend.missing(&settings, "").unwrap();
    assert!(
        missing.starts_with("tailscaled is not up: SOCKS5 server 127.0.0.1:"),
        "{missing}"
    );
}

#[test]
fn tailscaled_is_run_in_userspace_with_its_own_state_and_socket() {
    let backend = Backend::new("Running");
    let settings = backend.settings(None);
    let command = tailscale::tailscaled(&settings, "/run/rig/tailscaled.sock".as_ref());
    assert_eq!(command.program, settings.tailscaled);
    assert_eq!(
        command.arguments,
        [
            "--tun=userspace-networking",
            &format!("--socks5-server={}", settings.listen),
            &format!("--statedir={}", settings.state.display()),
            "--socket=/run/rig/tailscaled.sock",
            "--verbose=1",
        ]
    );
}
