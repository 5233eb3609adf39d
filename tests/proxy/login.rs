//! Users and passwords.

use std::{fs, process::Command};

use loopkeeper::config::Builtin;
use nix::sys::signal::Signal;

use crate::fixture::{LOCALHOST, Proxy, auth, needs, page, server, settings};

/// What curl says: the page, or its exit code (97 is "proxy handshake error").
fn curl(proxy: &Proxy, login: Option<&str>, port: u16) -> Result<String, i32> {
    needs("curl", "curl");
    let mut command = Command::new("curl");
    command.args(["--silent", "--max-time", "30", "--noproxy", ""]);
    command
        .arg("--socks5-hostname")
        .arg(proxy.address.to_string());
    if let Some(login) = login {
        command.args(["--proxy-user", login]);
    }
    let output = command
        .arg(format!("http://localhost:{port}/"))
        .output()
        .unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        Err(output.status.code().unwrap())
    }
}

#[test]
fn only_known_users_get_through_and_no_password_is_logged() {
    let port = server(LOCALHOST, page).port();
    let directory = tempfile::tempdir().unwrap();
    let mut proxy = Proxy::start(&Builtin {
        auth: auth(directory.path().join("users"), "ann:open:sesame\nbob:b\n"),
        ..settings()
    });
    assert_eq!(
        curl(&proxy, Some("ann:open:sesame"), port).unwrap(),
        "page\n"
    );
    assert_eq!(curl(&proxy, Some("bob:b"), port).unwrap(), "page\n");
    for login in ["ann:wrongsesame", "ann:b", "nobody:x", "ann:"] {
        assert_eq!(curl(&proxy, Some(login), port).unwrap_err(), 97, "{login}");
    }
    assert_eq!(curl(&proxy, None, port).unwrap_err(), 97);

    let mut client = proxy.client();
    client.send(&[5, 1, 0]);
    assert_eq!(client.read(), [5, 0xff], "no method without a password");
    client.is_closed();

    let mut client = proxy.client();
    client.send(&[5, 1, 2]);
    assert_eq!(client.read(), [5, 2]);
    client.send(
        &[
            &[1, 3][..],
            b"ann",
            &[4],
            b"nope",
            &[5, 1, 0, 1, 127, 0, 0, 1, 0, 9],
        ]
        .concat(),
    );
    let [version, status] = client.read();
    assert!(version == 1 && status != 0, "refused (RFC 1929)");
    client.is_closed();

    proxy.signal(Signal::SIGTERM);
    assert!(proxy.wait().success());
    let log = proxy.log.whole().join("\n");
    assert!(
        !log.contains("sesame") && !log.contains("[111, 112"),
        "{log}"
    );
}

#[test]
fn sighup_reads_the_file_again_and_a_bad_one_changes_nothing() {
    let port = server(LOCALHOST, page).port();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("users");
    let proxy = Proxy::start(&Builtin {
        auth: auth(file.clone(), "ann:old\n"),
        ..settings()
    });
    proxy.log.wait_for("1 user read");
    assert!(curl(&proxy, Some("ann:old"), port).is_ok());

    fs::write(&file, "ann:new\nbob:b\n").unwrap();
    assert!(
        curl(&proxy, Some("ann:old"), port).is_ok(),
        "not before the signal"
    );
    proxy.signal(Signal::SIGHUP);
    proxy.log.wait_for("2 users read");
    assert!(curl(&proxy, Some("ann:new"), port).is_ok());
    assert_eq!(curl(&proxy, Some("ann:old"), port).unwrap_err(), 97);

    fs::write(&file, "ann:new\ngarbage\n").unwrap();
    proxy.signal(Signal::SIGHUP);
    let line = proxy.log.wait_for("those read before stay valid");
    assert!(
        line.contains("line 2 is not valid") && !line.contains("garbage"),
        "{line}"
    );
    assert!(curl(&proxy, Some("ann:new"), port).is_ok());

    fs::remove_file(&file).unwrap();
    proxy.signal(Signal::SIGHUP);
    proxy.log.wait_for("cannot be read: No such file");
    assert!(curl(&proxy, Some("bob:b"), port).is_ok());
}
