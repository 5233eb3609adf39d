use std::process::Command;

use super::*;
use crate::config::{self, Environment};

fn places(executable: &str) -> Places<'_> {
    Places {
        attempt: Path::new("/var/lib/loopkeeper/attempts/proxy/1"),
        executable: Path::new(executable),
        sockets: Path::new("/run/loopkeeper"),
    }
}

fn usual() -> Places<'static> {
    places("/usr/bin/loopkeeperd")
}

fn worker(name: &str, text: &str) -> Worker {
    let environment = Environment {
        credentials: config::Credentials::Elsewhere("/run/credentials/loopkeeper.service".into()),
        ..Environment::of_this_process().unwrap()
    };
    let rig = config::parse(text, Path::new("/rig.toml"), &environment);
    let rig = rig.unwrap_or_else(|complaints| panic!("{complaints:?}"));
    let mut workers = rig.workers.into_values();
    workers.find(|worker| worker.name.as_str() == name).unwrap()
}

fn text(worker: &Worker, whose: &Whose) -> String {
    let rows = rows(worker, whose, usual());
    let lines = rows
        .iter()
        .map(|(name, value)| format!("{name}={}\n", value.join(" ")));
    format!(
        "[Service]\nExecStart=/bin/true\n{}",
        lines.collect::<String>()
    )
}

/// Whether a unit is exposed to so many tenths at most, and why.
fn is_shut(unit: &str, tenths: u32) -> (bool, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("loopkeeper-proxy.service");
    fs::write(&path, unit).unwrap();
    let analysed = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager"])
        .arg(format!("--threshold={tenths}"))
        .arg(&path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&analysed.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&analysed.stderr).into_owned();
    assert_eq!(complaints, "", "{unit}");
    (analysed.status.success(), said)
}

#[test]
fn the_proxy_is_exposed_to_two_at_most() {
    for settings in [
        "",
        "listen = '127.0.0.1:80'",
        "auth = '/etc/hostname'",
        "auth = 'users'",
    ] {
        let proxy = worker("proxy", &format!("[proxy]\n{settings}"));
        let unit = text(&proxy, &Whose::System);
        let (shut, said) = is_shut(&unit, 20);
        assert!(shut, "{settings}: {said}");
    }
}

#[test]
fn what_is_taken_from_the_proxy_counts() {
    let unit = text(&worker("proxy", "[proxy]"), &Whose::System);
    for open in [
        "CapabilityBoundingSet=",
        "SystemCallFilter=",
        "RestrictNamespaces=",
    ] {
        let spoiled = unit.replace(&format!("\n{open}"), "\n#");
        assert!(!is_shut(&spoiled, 20).0, "the check finds nothing: {open}");
    }
}

#[test]
fn each_default_is_one_that_the_bus_is_told() {
    let user = Whose::User("/run/user/1000".into());
    let rig = "[proxy]\n[workers.builder]\ncommand = ['/bin/true']";
    for (name, whose, some) in [
        ("proxy", &Whose::System, true),
        ("proxy", &user, true),
        ("builder", &Whose::System, true),
        ("builder", &user, false),
    ] {
        let worker = worker(name, rig);
        let settings = of(&worker, whose, usual());
        let names: Vec<_> = settings.keys().copied().collect();
        let mut written = rows(&worker, whose, usual());
        written.sort_unstable();
        let written: Vec<_> = written.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, written, "{name}");
        assert_eq!(!names.is_empty(), some, "{name}");
    }
}

#[test]
fn a_worker_s_own_word_wins() {
    let told = worker("proxy", "[proxy]\nsystemd = { ProtectSystem = 'full' }");
    let settings = of(&told, &Whose::System, usual());
    assert_eq!(settings["ProtectSystem"], told.systemd["ProtectSystem"]);
    assert!(settings.len() > 10, "{settings:?}");
}

#[test]
fn what_the_proxy_needs_is_left_to_it() {
    const EXECUTABLE: &str = "/usr/bin/loopkeeperd";
    let row = |worker: &Worker, executable: &str, name: &str| {
        let rows = rows(worker, &Whose::System, places(executable));
        let row = rows.into_iter().find(|(found, _)| *found == name);
        row.unwrap().1.join(" ")
    };
    let plain = worker("proxy", "[proxy]");
    assert_eq!(row(&plain, EXECUTABLE, "ProtectHome"), "yes");
    assert_eq!(row(&plain, "/root/loopkeeperd", "ProtectHome"), "read-only");
    let doors = row(&plain, EXECUTABLE, "InaccessiblePaths");
    assert!(doors.ends_with(" -/run/loopkeeper"), "{doors}");
    assert_eq!(row(&plain, EXECUTABLE, "CapabilityBoundingSet"), "");
    for (settings, capabilities) in [
        ("listen = '127.0.0.1:1023'", "CAP_NET_BIND_SERVICE"),
        ("listen = '127.0.0.1:1024'", ""),
        ("auth = '/etc/hostname'", "CAP_DAC_READ_SEARCH"),
        ("auth = 'users'", ""),
    ] {
        let proxy = worker("proxy", &format!("[proxy]\n{settings}"));
        let found = row(&proxy, EXECUTABLE, "CapabilityBoundingSet");
        assert_eq!(found, capabilities, "{settings}");
    }
}

#[test]
fn a_credential_of_ours_is_the_proxy_s_own_inside() {
    let unit = "loopkeeper-proxy.service";
    for (auth, inside_at) in [
        (
            "users",
            "/run/credentials/loopkeeper-proxy.service/proxy-users",
        ),
        ("/etc/hostname", "/etc/hostname"),
    ] {
        let worker = worker("proxy", &format!("[proxy]\nauth = '{auth}'"));
        let Program::BuiltinProxy(proxy) = &worker.program else {
            panic!("{worker:?}");
        };
        let found = inside(proxy, unit, &Whose::System).auth.unwrap();
        assert_eq!(found.file, Path::new(inside_at));
        let user = Whose::User("/run/user/1000".into());
        assert_eq!(inside(proxy, unit, &user), *proxy);
    }
}
