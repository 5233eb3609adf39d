//! Files that are no configuration at all, and how that is said.

use std::path::Path;

use loopkeeper::config::{self, Complaints, Environment};

use crate::fixture::{FILE, Machine};

fn load(machine: &Machine) -> Complaints {
    config::load(Path::new(FILE), &machine.env).expect_err("no configuration")
}

/// The whole of what people see.
fn refused(content: impl AsRef<[u8]>) -> String {
    let machine = Machine::new();
    machine.write(FILE, content, 0o644);
    load(&machine).render(false)
}

#[test]
fn a_right_file_is_loaded() {
    let machine = Machine::new();
    machine.write(FILE, "\u{feff}[proxy]\r\nlisten = '127.0.0.1:9'\r\n", 0o644);
    assert!(config::load(Path::new(FILE), &machine.env).is_ok());
}

#[test]
fn the_environment_of_a_process_finds_what_the_process_finds() {
    let env = Environment::of_this_process().unwrap();
    let rig = config::parse("workers.a.command = ['sh']", Path::new(FILE), &env);
    // Every machine has sh, and not every one has tmux, which a loop would need.
    let text = rig.err().map(|complaints| complaints.render(false));
    assert!(
        text.is_none_or(|text| text.contains("tmux")),
        "sh was not found"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_reason() {
    let machine = Machine::new();
    assert_eq!(
        load(&machine).to_string(),
        "configuration /etc/loopkeeper/loopkeeper.toml cannot be read: No such file or directory"
    );
    std::fs::create_dir_all(machine.on_disk(FILE)).unwrap();
    assert_eq!(
        load(&machine).to_string(),
        "configuration /etc/loopkeeper/loopkeeper.toml is a directory"
    );
    std::fs::remove_dir(machine.on_disk(FILE)).unwrap();
    nix::unistd::mkfifo(&machine.on_disk(FILE), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(
        load(&machine).to_string(),
        "configuration /etc/loopkeeper/loopkeeper.toml is not a regular file"
    );
}

#[test]
fn a_file_that_is_not_for_us_is_named_with_the_reason() {
    let machine = Machine::new();
    machine.write(FILE, "[proxy]", 0o000);
    // Root reads it all the same.
    let expected = if nix::unistd::geteuid().is_root() {
        None
    } else {
        Some(
            "configuration /etc/loopkeeper/loopkeeper.toml cannot be read: Permission denied"
                .to_owned(),
        )
    };
    let said = config::load(Path::new(FILE), &machine.env).err();
    assert_eq!(said.map(|complaints| complaints.to_string()), expected);
}

#[test]
fn a_file_of_100_mb_is_refused_unread() {
    let machine = Machine::new();
    machine.write(FILE, "", 0o644);
    let file = std::fs::File::options()
        .write(true)
        .open(machine.on_disk(FILE))
        .unwrap();
    file.set_len(100 << 20).unwrap();
    assert_eq!(
        load(&machine).to_string(),
        "configuration /etc/loopkeeper/loopkeeper.toml is larger than 1024 KiB"
    );
}

#[test]
fn bytes_that_are_no_text_have_a_place() {
    insta::assert_snapshot!(refused(b"[rig]\nname = \"p\xffi\"\n"));
}

#[test]
fn a_program_is_no_configuration_and_does_not_reach_the_terminal() {
    let mut program = b"\x7fELF\x1b[2J\x1b]0;title\x07\n".to_vec();
    program.extend((0..100_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 & 0x7f));
    let text = refused(&program);
    assert!(
        text.len() < 20_000,
        "{} bytes for a file nobody can read",
        text.len()
    );
    assert!(
        text.chars().all(|c| c == '\n' || !c.is_control()),
        "a control character is shown"
    );
}

#[test]
fn a_very_long_line_is_not_shown() {
    let long = "x".repeat(500_000);
    // A short place in it, and a place that is most of it.
    for value in [format!("['{long}', 22]"), format!("['{long}:no port']")] {
        let text = refused(format!("[proxy]\nallow = {value}"));
        assert!(
            text.len() < 2_000 && text.contains("line 2, column 10"),
            "{} bytes: {text:.1000}",
            text.len()
        );
    }
}

#[test]
fn an_empty_file_is_not_a_wish_to_stop_everything() {
    insta::assert_snapshot!(refused(""));
    assert!(refused("[workers]").contains("nothing to keep running"));
}

#[test]
fn all_errors_of_syntax_are_told_with_their_places() {
    insta::assert_snapshot!(refused(
        "[rig\nname = \"pi\n\n[workers.a]\ncommand = [\"x\"\nrestart = always\nkind == \"loop\"\n"
    ));
}

#[test]
fn a_key_that_is_there_twice_does_not_hide_other_mistakes() {
    insta::assert_snapshot!(refused(
        "[workers.a]\ncommand = 'x'\ncommand = 'y'\nkindd = 'loop'\n[workers.a]\nrestart = 'no'\n"
    ));
}

#[test]
fn colour_is_there_when_asked_for() {
    let machine = Machine::new();
    machine.write(FILE, "x = 1", 0o644);
    let complaints = load(&machine);
    assert!(complaints.render(true).contains("\u{1b}["));
    assert!(!complaints.render(false).contains('\u{1b}'));
}
