//! Properties that are set over the bus, beside the same ones from a unit file's text.

use std::process::Command;

use loopkeeper::systemd::{
    manager::{Manager, Whose},
    property::{PROPERTIES, Setting, Value, Written},
};

use crate::systemctl;

/// As TOML has it, and as a unit file has it.
fn example(name: &str) -> (Vec<&'static str>, &'static str) {
    match name {
        "AmbientCapabilities" => (
            vec!["CAP_NET_BIND_SERVICE", "CAP_KILL"],
            "CAP_NET_BIND_SERVICE CAP_KILL",
        ),
        "CapabilityBoundingSet" => (vec!["~CAP_SYS_ADMIN", "CAP_BPF"], "~CAP_SYS_ADMIN CAP_BPF"),
        "CPUQuota" => (vec!["150%"], "150%"),
        "CPUWeight" | "IOWeight" => (vec!["50"], "50"),
        "DevicePolicy" => (vec!["closed"], "closed"),
        "User" | "Group" => (vec!["nobody"], "nobody"),
        "SupplementaryGroups" => (vec!["adm", "games"], "adm games"),
        "InaccessiblePaths" | "NoExecPaths" | "ReadOnlyPaths" | "ReadWritePaths" => {
            (vec!["/srv", "-/nowhere"], "/srv -/nowhere")
        }
        "Nice" => (vec!["-5"], "-5"),
        "OOMScoreAdjust" => (vec!["-100"], "-100"),
        "OOMPolicy" => (vec!["continue"], "continue"),
        "ProcSubset" => (vec!["pid"], "pid"),
        "ProtectHome" => (vec!["read-only"], "read-only"),
        "ProtectProc" => (vec!["invisible"], "invisible"),
        "ProtectSystem" => (vec!["strict"], "strict"),
        "RestrictAddressFamilies" => (vec!["AF_INET", "AF_UNIX"], "AF_INET AF_UNIX"),
        "RestrictNamespaces" => (vec!["user", "mnt"], "user mnt"),
        "SystemCallErrorNumber" => (vec!["EPERM"], "EPERM"),
        "SystemCallFilter" => (vec!["~@reboot", "ptrace"], "~@reboot ptrace"),
        "SystemCallArchitectures" => (vec!["native"], "native"),
        "UMask" => (vec!["0027"], "0027"),
        "LimitNOFILE" | "LimitNPROC" | "TasksMax" => (vec!["4096"], "4096"),
        name if name.starts_with("Memory") && !name.contains("Deny")
            || name.starts_with("Limit") =>
        {
            (vec!["64M"], "64M")
        }
        _ => (vec!["yes"], "yes"),
    }
}

/// Starts a unit that does nothing, and shows a property as the bus has it.
fn from_text(unit: &str, set: Option<&str>, on_bus: &str) -> String {
    let started = Command::new("systemd-run")
        .args(["--quiet", "--remain-after-exit", "--unit", unit])
        .args(set.iter().flat_map(|set| ["--property", set]))
        .arg("/bin/true")
        .output()
        .unwrap();
    assert!(started.status.success(), "{set:?}: {started:?}");
    shown(unit, on_bus)
}

fn shown(unit: &str, on_bus: &str) -> String {
    let text = systemctl(&["show", "--all", "--property", on_bus, unit]);
    drop(Command::new("systemctl").args(["stop", unit]).output());
    drop(
        Command::new("systemctl")
            .args(["reset-failed", unit])
            .output(),
    );
    text
}

async fn over_the_bus(manager: &Manager, unit: &str, on_bus: &str, value: Value) -> String {
    let exec = vec![("/bin/true".to_owned(), vec!["true".to_owned()], false)];
    let properties = [
        ("ExecStart", exec.into()),
        ("RemainAfterExit", true.into()),
        (on_bus, value.into()),
    ];
    manager.start(unit, &properties).await.unwrap();
    shown(unit, on_bus)
}

#[tokio::test]
async fn each_means_what_it_does_in_a_unit_file() {
    let manager = Manager::connect(&Whose::System).await.unwrap();
    for property in PROPERTIES {
        let (items, text) = example(property.name);
        let list: Vec<String> = items.iter().map(|item| (*item).to_owned()).collect();
        let written = match items[..] {
            [text] => Written::Text(text),
            _ => Written::List(&list),
        };
        let Setting { on_bus, value, .. } = property.read(written).unwrap();
        let set = format!("{}={text}", property.name);
        let plain = from_text("plain.service", Some(&set), on_bus);
        let ours = over_the_bus(&manager, "ours.service", on_bus, value).await;
        assert_eq!(ours, plain, "{set}");
        let unset = from_text("unset.service", None, on_bus);
        assert_ne!(plain, unset, "{set} changes nothing");
    }
}
