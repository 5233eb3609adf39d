//! A program that this machine cannot execute is refused, and no shell looks for words in it.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use crate::rig::Rig;

const RIG: &str = r#"
[defaults]
launcher = "process"
[workers.plain]
command = ["./foreign"]
restart = "never"
[workers.pane]
launcher = "tmux"
command = ["./foreign"]
restart = "never"
[workers.looked]
command = "exec sleep 1000"
alive = { command = ["./foreign"], every = "20ms", failures = 2 }
[workers.text]
command = ["./text"]
[workers.native]
command = ["./sleep", "1000"]
environment = { WHERE = "here" }
"#;

fn executable(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_program_of_another_machine_is_no_script() {
    let mut rig = Rig::new(RIG);
    let foreign = rig.path("foreign");
    let mut program = fs::read(crate::rig::program("true")).unwrap();
    // Which machine it is for (elf(5), e_machine): none that there is.
    program[18..20].copy_from_slice(&0xfffe_u16.to_ne_bytes());
    fs::write(&foreign, program).unwrap();
    executable(&foreign);
    fs::write(rig.path("text"), "exec sleep 1000\n").unwrap();
    executable(&rig.path("text"));
    fs::copy(crate::rig::program("sleep"), rig.path("sleep")).unwrap();
    rig.start();

    let path = foreign.display();
    let refused = format!("could not be started: {path}: Exec format error (os error 8)");
    for name in ["plain", "pane"] {
        let what = format!("{name}: {refused}");
        rig.eventually(&what, |rig| {
            rig.worker(name)
                .to_string()
                .contains(&refused)
                .then_some(())
        });
    }
    let unseen = format!("{path}: cannot be started: Exec format error (os error 8)");
    rig.eventually(&unseen, |rig| {
        rig.status()["degraded"]
            .to_string()
            .contains(&unseen)
            .then_some(())
    });
    rig.until_state("looked", "running");

    // A script without a first line that says so, and what this machine can execute.
    rig.until_state("text", "running");
    let pid = rig.until_state("native", "running")["pid"].clone();
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
    let has = |wanted: &[u8]| {
        environment
            .split(|byte| *byte == 0)
            .any(|one| one == wanted)
    };
    assert!(has(b"WHERE=here"));
    assert!(!environment.windows(13).any(|text| text == b"NOTIFY_SOCKET"));
}
