//! The programs that people use it with.

use std::{
    fs,
    io::Write,
    net::TcpListener,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
};

use crate::fixture::{LOCALHOST, Proxy, echo, needs, page, server, settings};

#[test]
fn curl_gets_a_page_with_names_resolved_here_or_there() {
    needs("curl", "curl");
    let proxy = Proxy::start(&settings());
    let v4 = server(LOCALHOST, page).port();
    let v6 = server("::1".parse().unwrap(), page).port();
    for (kind, url) in [
        ("--socks5-hostname", format!("http://localhost:{v4}/")),
        ("--socks5", format!("http://localhost:{v4}/")),
        ("--socks5", format!("http://127.0.0.1:{v4}/")),
        ("--socks5-hostname", format!("http://[::1]:{v6}/")),
        ("--socks5", format!("http://[::1]:{v6}/")),
    ] {
        let output = Command::new("curl")
            .args([
                "--silent",
                "--show-error",
                "--max-time",
                "60",
                "--noproxy",
                "",
                kind,
            ])
            .args([&proxy.address.to_string(), &url])
            .output()
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "page\n",
            "{kind} {url}: {output:?}"
        );
    }
    proxy.log.wait_for(&format!("target=localhost:{v4}"));
}

#[test]
fn ncat_talks_through_it() {
    needs("ncat", "ncat");
    let proxy = Proxy::start(&settings());
    let port = server(LOCALHOST, echo).port();
    let mut ncat = Command::new("ncat")
        .args([
            "--proxy-type",
            "socks5",
            "--proxy",
            &proxy.address.to_string(),
        ])
        .args(["localhost", &port.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let data = vec![b'x'; 300_000];
    let mut input = ncat.stdin.take().unwrap();
    let typed = data.clone();
    let typing = thread::spawn(move || input.write_all(&typed).unwrap());
    let output = ncat.wait_with_output().unwrap();
    typing.join().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(
        output.stdout == data,
        "{} bytes came back",
        output.stdout.len()
    );
}

#[test]
fn ssh_reaches_an_sshd_through_ncat() {
    needs("ssh", "openssh-client");
    needs("ssh-keygen", "openssh-client");
    needs("ncat", "ncat");
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    for key in ["host", "user"] {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(file(key))
            .status();
        assert!(made.unwrap().success());
    }
    let sshd_config = format!(
        "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n",
        file("host").display(),
        file("user.pub").display(),
    );
    fs::write(file("sshd_config"), sshd_config).unwrap();
    let port = sshd(needs("sshd", "openssh-server"), file("sshd_config"));
    let proxy = Proxy::start(&settings());
    let user = nix::unistd::User::from_uid(nix::unistd::getuid())
        .unwrap()
        .unwrap()
        .name;
    let through = format!("ncat --proxy-type socks5 --proxy {} %h %p", proxy.address);
    let mut ssh = Command::new("ssh")
        .args([
            "-F",
            "none",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "BatchMode=yes",
            "-i",
        ])
        .arg(file("user"))
        .arg("-o")
        .arg(format!(
            "UserKnownHostsFile={}",
            file("known_hosts").display()
        ))
        .arg("-o")
        .arg(format!("ProxyCommand={through}"))
        .args([
            "-p",
            &port.to_string(),
            &format!("{user}@localhost"),
            "cat; exit 7",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    ssh.stdin.take().unwrap().write_all(b"over ssh").unwrap();
    let output = ssh.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "over ssh",
        "{output:?}"
    );
    assert_eq!(output.status.code(), Some(7));
    proxy.log.wait_for("connected client=");
}

/// An sshd for each connection to the port that is returned.
fn sshd(program: PathBuf, config: PathBuf) -> u16 {
    // Where Debian's service has it; sshd does not start as root without it.
    let separation = std::path::Path::new("/run/sshd");
    if nix::unistd::geteuid().is_root() && !separation.exists() {
        fs::create_dir(separation).unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = std::os::fd::OwnedFd::from(stream.unwrap());
            let mut sshd = Command::new(&program);
            sshd.arg("-ief").arg(&config);
            sshd.stdin(stream.try_clone().unwrap()).stdout(stream);
            thread::spawn(move || sshd.status().unwrap());
        }
    });
    port
}
