//! How attempts there end, and what of them is left.

use serde_json::json;

use crate::there::There;

/// Each way to end, and how it is told: by a host with perl, and by one without.
const ENDS: [(&str, &str, &str, &str); 6] = [
    ("ok", "exit 0", r#"{"code":0}"#, r#"{"code":0}"#),
    ("three", "exit 3", r#"{"code":3}"#, r#"{"code":3}"#),
    ("high", "exit 143", r#"{"code":143}"#, ""),
    ("term", "kill -TERM $$", r#"{"signal":"SIGTERM"}"#, ""),
    ("kill", "kill -KILL $$", r#"{"signal":"SIGKILL"}"#, ""),
    ("usr", "kill -USR1 $$", r#"{"signal":"SIGUSR1"}"#, ""),
];

fn config() -> String {
    let workers = ENDS.iter().map(|(name, how, _, _)| {
        format!(
            "[workers.{name}]\nkind = \"service\"\non = \"gpu\"\nrestart = \"never\"\n\
             command = [\"sh\", \"-c\", 'echo {name} says so; {how}']\n"
        )
    });
    workers.collect()
}

#[test]
fn codes_and_signals_are_told_apart() {
    let there = There::up(&config());
    for (name, _, exit, _) in ENDS {
        let row = there.rig.until_state(name, "stopped");
        assert_eq!(row["last_exit"].to_string(), exit, "{name}");
        assert_eq!(row["host"], "gpu");
        assert_eq!(there.rig.done(&["logs", name]), format!("{name} says so\n"));
    }
    there.rig.eventually("nothing of them is left there", |_| {
        let left = std::fs::read_dir(there.path("there/rigs/far")).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        (left.len() == 1 && left[0].to_string_lossy().starts_with("watch.")).then_some(())
    });
}

#[test]
fn without_perl_what_may_be_either_is_said_to_be() {
    let there = There::new("");
    // All that is in PATH there, but for perl.
    for directory in std::env::split_paths(&std::env::var_os("PATH").unwrap()) {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.file_name() != "perl" {
                let link = there.path("there/bin").join(entry.file_name());
                // The first one in PATH counts.
                drop(std::os::unix::fs::symlink(entry.path(), link));
            }
        }
    }
    let path = there.path("there/bin");
    let host = format!("environment = {{ PATH = \"{}\" }}", path.display());
    there.rig.configure(&there.configuration(&host, &config()));
    let mut there = there;
    there.rig.start();
    for (name, _, _, exit) in ENDS {
        let row = there.rig.until_state(name, "stopped");
        match exit {
            "" => {
                let lost = row["last_exit"]["lost"].as_str().unwrap();
                assert!(
                    lost.contains("with perl on that host it would be known"),
                    "{lost}"
                );
            }
            exit => assert_eq!(row["last_exit"].to_string(), exit, "{name}"),
        }
    }
}

#[test]
fn a_stop_reaches_all_of_it_and_ends_with_the_last() {
    let there = There::up(
        "[workers.deaf]\nkind = \"service\"\non = \"gpu\"\nstop = { grace = \"2s\" }\n\
         command = [\"sh\", \"-c\", '''\n\
         trap \"\" TERM HUP\n\
         setsid sh -c 'trap \"\" TERM HUP; echo away >away; while :; do sleep 1; done' &\n\
         until [ -e away ]; do sleep 0.1; done\n\
         echo ready\n\
         while :; do sleep 1; done''']\n",
    );
    there.rig.until_state("deaf", "running");
    there.rig.eventually("it has written", |_| {
        there.log_of("deaf").contains("ready").then_some(())
    });
    let attempt = there.rig.worker("deaf")["attempt"]
        .as_str()
        .unwrap()
        .to_owned();
    let marker = format!("LOOPKEEPER_ATTEMPT={attempt}");
    assert!(crate::there::with_environment(&marker).len() >= 3);
    there.rig.done(&["stop", "deaf"]);
    let row = there.rig.worker("deaf");
    assert_eq!(row["last_exit"], json!({"signal": "SIGKILL"}));
    assert!(crate::there::with_environment(&marker).is_empty());
}
