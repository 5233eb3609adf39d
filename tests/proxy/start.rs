//! What keeps the proxy from starting is said, with the exit code of a wrong configuration (2) or
//! of a failure (1).

use std::{fs, net::TcpListener, process::Command, time::Duration};

use loopkeeper::{config::Builtin, proxy};

use crate::fixture::{Proxy, auth, settings};

/// Exit code and the one line of a proxy that does not start.
fn refused(config: &str) -> (i32, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("proxy.json");
    fs::write(&path, config).unwrap();
    let output = Command::new("timeout")
        .args([
            "60",
            env!("CARGO_BIN_EXE_loopkeeperd"),
            "proxy",
            "--settings",
        ])
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    let (_, message) = text.trim().split_once("ERROR ").unwrap();
    (output.status.code().unwrap(), message.to_owned())
}

fn refuses(settings: &Builtin) -> (i32, String) {
    refused(&serde_json::to_string(settings).unwrap())
}

#[test]
fn beyond_loopback_only_with_passwords() {
    for listen in [
        "0.0.0.0:0",
        "[::]:0",
        "192.0.2.1:1055",
        "[::ffff:0.0.0.0]:0",
    ] {
        let (code, message) = refuses(&Builtin {
            listen: listen.parse().unwrap(),
            ..settings()
        });
        assert_eq!(code, 2);
        assert!(
            message.contains("beyond loopback, and everyone could use"),
            "{message}"
        );
        assert!(
            message.ends_with("or name a file of user:password lines as `auth`"),
            "{message}"
        );
    }
    let directory = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(&Builtin {
        listen: "0.0.0.0:0".parse().unwrap(),
        auth: auth(directory.path().join("users"), "ann:a"),
        ..settings()
    });
    proxy.log.wait_for("listening at 0.0.0.0:");
}

#[test]
fn a_taken_port_names_who_has_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let (code, message) = refuses(&Builtin {
        listen,
        ..settings()
    });
    assert_eq!(code, 1);
    let me = format!(
        "address {listen} cannot be listened at, process {} (",
        std::process::id()
    );
    assert!(
        message.starts_with(&me) && message.contains("Address already in use"),
        "{message}"
    );
    assert!(message.ends_with(&format!("see `ss -ltnp 'sport = :{}'`", listen.port())));
}

#[test]
fn bad_credentials_and_settings_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users");
    let with = |content: &str| {
        refuses(&Builtin {
            auth: auth(path.clone(), content),
            ..settings()
        })
    };
    let file = path.display();
    let (code, message) = with("hunter2");
    assert_eq!(code, 2);
    assert!(message.starts_with(&format!("credentials {file} line 1 is not valid: expected")));
    assert!(!message.contains("hunter2"));
    assert!(
        with("")
            .1
            .starts_with(&format!("credentials {file} are empty"))
    );
    fs::remove_file(&path).unwrap();
    let missing = Builtin {
        auth: Some(loopkeeper::config::Auth { file: path.clone() }),
        ..settings()
    };
    let (code, message) = refuses(&missing);
    assert_eq!(code, 2);
    assert!(message.starts_with(&format!("credentials {file} cannot be read: No such file")));

    let (code, message) = refused("{\"listen\": 7}");
    assert_eq!(code, 2);
    assert!(message.contains("proxy.json are not valid: ") && message.contains("line 1"));
    let whole = serde_json::to_string(&settings()).unwrap();
    let (code, message) = refused(&whole.replace("\"deny\":[]", "\"deny\":[\"10.0.0.7/8\"]"));
    assert_eq!(code, 2);
    assert!(message.contains("expected `10.0.0.0/8`"), "{message}");
}

#[test]
fn the_handshake_probe_counts_a_proxy_with_passwords_as_up() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let with_passwords = Builtin {
        auth: auth(directory.path().join("users"), "ann:a"),
        ..settings()
    };
    for settings in [settings(), with_passwords] {
        let proxy = Proxy::start(&settings);
        let address = format!("localhost:{}", proxy.address.port());
        runtime
            .block_on(proxy::handshake(&address, Duration::from_secs(30)))
            .unwrap();
    }
}
