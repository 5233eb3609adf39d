//! Properties that are set over the bus, beside the same ones from a unit file's text.

use std::process::Command;

use loopkeeper::systemd::{
    manager::{Manager, Whose},
    property::{PROPERTIES, Property, Setting, Value, Written},
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
        // The others are off unless they are set.
        "IgnoreSIGPIPE" => (vec!["no"], "no"),
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

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// Whether a unit with this over the bus comes as far as its program.
async fn runs(manager: &Manager, setting: Setting) -> bool {
    let unit = "runs.service";
    let exec = vec![("/bin/true".to_owned(), vec!["true".to_owned()], false)];
    let properties = [
        ("ExecStart", exec.into()),
        ("Type", "oneshot".into()),
        ("RemainAfterExit", true.into()),
        (setting.on_bus, setting.value.into()),
    ];
    let started = manager.start(unit, &properties).await;
    drop(shown(unit, "Id"));
    started.is_ok()
}

#[tokio::test]
async fn what_is_taken_here_is_taken_there() {
    let manager = Manager::connect(&Whose::System).await.unwrap();
    let calls = "@system-service ~ptrace ~ptrace:EPERM ~ptrace:eperm ~ptrace:4094 ~ptrace:0 \
                 ~@reboot:kill ~@swap,ptrace:EACCES @known,nothing ~nothing ~@nothing";
    let families = "none AF_INET,AF_UNIX af_inet ~AF_PACKET AF_AX25 AF_IPX AF_APPLETALK AF_NETROM \
                    AF_BRIDGE AF_ATMPVC AF_X25 AF_INET6 AF_ROSE AF_DECnet AF_NETBEUI AF_SECURITY AF_KEY \
                    AF_NETLINK AF_PACKET AF_ASH AF_ECONET AF_ATMSVC AF_RDS AF_SNA AF_IRDA AF_PPPOX \
                    AF_WANPIPE AF_LLC AF_IB AF_MPLS AF_CAN AF_TIPC AF_BLUETOOTH AF_IUCV AF_RXRPC AF_ISDN \
                    AF_PHONET AF_IEEE802154 AF_CAIF AF_ALG AF_NFC AF_VSOCK AF_KCM AF_QIPCRTR AF_SMC AF_XDP \
                    AF_MCTP AF_FILE AF_LOCAL AF_ROUTE";
    // And loongarch64, which is younger than the libseccomp of Debian 12.
    let architectures = "native x86 x86-64 x32 native,arm arm64 mips mips64 mips64-n32 mips-le mips64-le \
                         mips64-le-n32 parisc parisc64 ppc ppc64 ppc64-le riscv64 s390 s390x";
    for (name, values) in [
        ("SystemCallFilter", calls),
        ("RestrictAddressFamilies", families),
        ("SystemCallArchitectures", architectures),
        (
            "ReadOnlyPaths",
            "/etc -/etc +/etc -+/etc /etc/../usr /usr/. -/nowhere,/srv -/%H",
        ),
        ("InaccessiblePaths", "/srv -/nowhere"),
        ("User", "nobody root 0 1"),
        ("Group", "nogroup 0 1"),
        ("SupplementaryGroups", "adm adm,games 4"),
        ("MemoryLow", "0 1G infinity"),
        ("MemorySwapMax", "0"),
        ("TasksMax", "1 infinity"),
        ("LimitNOFILE", "64 infinity"),
        ("LimitFSIZE", "64K infinity"),
        ("LimitNPROC", "0"),
        ("LimitMEMLOCK", "0"),
        ("UMask", "0000 7777"),
        ("CapabilityBoundingSet", "CAP_KILL ~CAP_KILL"),
        ("RestrictNamespaces", "yes no user"),
        ("SystemCallErrorNumber", "EPERM EHWPOISON"),
        ("OOMScoreAdjust", "-1000 1000"),
        ("Nice", "-20 19"),
        ("CPUQuota", "1% 10000%"),
        ("CPUWeight", "1 10000"),
    ] {
        let property = Property::named(name).unwrap();
        for value in values.split_whitespace() {
            let list = words(&value.replace(',', " "));
            let written = match &list[..] {
                [text] => Written::Text(text),
                _ => Written::List(&list),
            };
            let setting = property.read(written).unwrap();
            assert!(runs(&manager, setting).await, "{name}={value}");
        }
    }
}

#[test]
fn what_is_refused_here_is_refused_there() {
    for (name, values) in [
        (
            "SystemCallFilter",
            "ptrace:EPERM @system-service:EPERM ~ptrace:EFOO ~ptrace:4095 ~ptrace:4096",
        ),
        (
            "RestrictAddressFamilies",
            "INET AF_FOO AF_UNSPEC AF_MAX ~none 2",
        ),
        ("SystemCallArchitectures", "x86_64 amd64 ~x86"),
        ("ReadOnlyPaths", "etc -etc +-/etc ++/etc ./etc"),
        ("ReadWritePaths", "etc"),
        ("InaccessiblePaths", "etc"),
        ("NoExecPaths", "etc"),
        ("User", "a:b a/b . .. 007 65535 4294967295 -1 99999999999"),
        ("Group", "a:b 65535"),
        ("SupplementaryGroups", "a:b 65535"),
        ("MemoryMax", "0 -1 2X"),
        ("MemoryHigh", "0"),
        ("TasksMax", "0"),
        ("CPUWeight", "0 10001"),
        ("IOWeight", "0"),
        ("CPUQuota", "0% 50"),
        ("LimitNOFILE", "1 -1 many"),
        ("SystemCallErrorNumber", "EFOO"),
        ("OOMPolicy", "panic"),
        ("OOMScoreAdjust", "1001"),
        ("Nice", "20"),
        ("UMask", "0999"),
        ("ProtectSystem", "always"),
        ("PrivateTmp", "perhaps"),
    ] {
        let property = Property::named(name).unwrap();
        for value in values.split_whitespace() {
            assert!(
                property.read(Written::Text(value)).is_err(),
                "{name}={value}"
            );
            let run = Command::new("systemd-run")
                .args(["--quiet", "--wait", "--collect", "--property"])
                .args([&format!("{name}={value}"), "/bin/true"])
                .output()
                .unwrap();
            assert!(!run.status.success(), "{name}={value}: {run:?}");
        }
    }
}
