//! What a worker there is started with.

use std::fs;

use crate::there::There;

#[test]
fn its_words_environment_and_directory_come_through_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("it's a $place; [no] `option`");
    fs::create_dir(&place).unwrap();
    let place = place.to_str().unwrap();
    let config = format!(
        "[workers.tells]\nkind = \"service\"\non = \"gpu\"\nrestart = \"never\"\nworkdir = \"\"\"{place}\"\"\"\n\
         environment = {{ NASTY = \"it's \\\"$HOME\\\";\\n`id` Grüße #{{pane_id}} \\\\\" }}\n\
         command = [\"sh\", \"-c\", 'printf \"%s\\0\" \"$@\" \"$NASTY\" \"$LOOPKEEPER_WORKER\" \"$PWD\" \"$(umask)\" \"${{LC_ALL-unset}}\" >told', \"sh\", \
         \"\", \"a b\", \"'\", \"$(id)\", \"; exit 3\", \"two\\nlines\", \"\\\\\", \"--\", \"!!\", \"*\", \"~\", \"%1\", \"#S\", \"x;\"]\n"
    );
    let there = There::up(&config);
    let row = there.rig.until_state("tells", "stopped");
    assert_eq!(
        row["last_exit"].to_string(),
        r#"{"code":0}"#,
        "{}",
        there.log_of("tells")
    );
    let told = fs::read_to_string(dir.path().join("it's a $place; [no] `option`/told")).unwrap();
    // That of whoever logs in there.
    let umask = std::process::Command::new("sh")
        .args(["-c", "umask"])
        .output()
        .unwrap()
        .stdout;
    let umask = String::from_utf8(umask).unwrap().trim().to_owned();
    let told: Vec<&str> = told.split_terminator('\0').collect();
    let expected = [
        "",
        "a b",
        "'",
        "$(id)",
        "; exit 3",
        "two\nlines",
        "\\",
        "--",
        "!!",
        "*",
        "~",
        "%1",
        "#S",
        "x;",
        "it's \"$HOME\";\n`id` Grüße #{pane_id} \\",
        "tells",
        place,
        &umask,
        "unset",
    ];
    assert_eq!(told, expected);
}

#[test]
fn what_is_not_there_is_named() {
    let there = There::up(
        "[defaults]\nbackoff = { first = \"1h\", most = \"1h\" }\n\
         [workers.nothing]\nkind = \"service\"\non = \"gpu\"\ncommand = [\"no-such-program\"]\n\
         [workers.nowhere]\nkind = \"service\"\non = \"gpu\"\nworkdir = \"/no/such\"\ncommand = [\"true\"]\n",
    );
    there.rig.until_logged(
        "nothing could not be started: no-such-program is not to be found there (PATH is ",
    );
    there.rig.until_logged(
        "nowhere could not be started: workdir /no/such: there is no such directory that can be entered",
    );
}

#[test]
fn a_host_that_cannot_be_reached_is_no_fault_of_its_workers() {
    let mut there = There::new(
        "[workers.sleeps]\nkind = \"service\"\non = \"gpu\"\ncommand = [\"sleep\", \"1000\"]\n",
    );
    there.cut();
    there.rig.start();
    there
        .rig
        .until_logged("sleeps cannot be started now: host gpu does not answer: ");
    let status = there.rig.status();
    let degraded = status["degraded"].to_string();
    assert!(
        degraded.contains("host gpu does not answer: "),
        "{degraded}"
    );
    there.listen();
    let row = there.rig.until_state("sleeps", "running");
    assert_eq!(row["restarts"], 0);
}
