//! What systemd says of an end, as the recorder wrote it down (systemd.exec(5), "Environment variables
//! set or propagated by the service manager").

use crate::model::{Exit, Intervention, Status};

/// What somebody asked of this incarnation of the unit, and ended it; `None` when nobody did.
pub(super) fn asked(text: &str, invocation: &str) -> Option<Intervention> {
    let complete = text.rsplit_once('\n')?.0;
    let of_it = complete.lines().find_map(|line| {
        let mut words = line.split(' ');
        let (job, manager) = (words.next()?, words.next()?);
        (words.next() == Some(invocation)).then_some((job, manager))
    });
    Some(match of_it? {
        (_, "stopping") => Intervention::ManagerEnded,
        ("restart", _) => Intervention::Restarted,
        _ => Intervention::Stopped,
    })
}

/// How the main process of this incarnation ended; `None` when no whole line says so.
///
/// There is a line for each incarnation: more than one when somebody restarted the unit by hand.
pub(super) fn of(text: &str, invocation: &str) -> Option<Exit> {
    let complete = text.rsplit_once('\n')?.0;
    complete.lines().rev().find_map(|line| {
        let mut words = line.split(' ');
        let (result, code, status) = (words.next()?, words.next()?, words.next()?);
        let is_it = words.next() == Some(invocation);
        is_it.then(|| exit(result, code, status)).flatten()
    })
}

fn exit(result: &str, code: &str, status: &str) -> Option<Exit> {
    let status = match code {
        "exited" => Status::Code(status.parse().ok()?),
        "killed" | "dumped" => Status::Signal(status.parse().ok()?),
        _ => return None,
    };
    Some(match result {
        "oom-kill" => Exit::OutOfMemory(status),
        _ => status.into(),
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::launch::unit::script::{RECORD, RECORDER};
    use crate::model::Signal;

    #[test]
    fn systemds_words_are_an_exit() {
        let signal = |name: &str| Some(Exit::Signal(name.parse().unwrap()));
        for (line, exit) in [
            ("success exited 0 aa", Some(Exit::Code(0))),
            ("exit-code exited 255 aa", Some(Exit::Code(255))),
            ("success killed TERM aa", signal("SIGTERM")),
            ("core-dump dumped SEGV aa", signal("SIGSEGV")),
            ("signal killed RTMIN+3 aa", signal("SIGRTMIN+3")),
            (
                "oom-kill killed KILL aa",
                Some(Exit::OutOfMemory(Status::Signal(Signal::KILL))),
            ),
            (
                "oom-kill exited 0 aa",
                Some(Exit::OutOfMemory(Status::Code(0))),
            ),
            ("exit-code exited 256 aa", None),
            ("exit-code exited x aa", None),
            ("signal killed NOPE aa", None),
            ("timeout - - aa", None),
            ("success exited 0", None),
            ("", None),
        ] {
            assert_eq!(of(&format!("{line}\n"), "aa"), exit, "{line}");
        }
    }

    #[test]
    fn a_line_that_is_not_whole_is_not_there() {
        let one = "success exited 0 aa\n";
        for cut in 0..one.len() {
            assert_eq!(of(&one[..cut], "aa"), None, "{cut}");
        }
        let two = format!("{one}exit-code exited 7 bb\nexit-code ex");
        assert_eq!(of(&two, "bb"), Some(Exit::Code(7)));
        assert_eq!(of(&two, "aa"), Some(Exit::Code(0)));
    }

    #[test]
    fn what_was_asked_of_a_unit_is_told_by_its_job() {
        for (line, by) in [
            ("stop running aa", Some(Intervention::Stopped)),
            ("restart degraded aa", Some(Intervention::Restarted)),
            ("stop stopping aa", Some(Intervention::ManagerEnded)),
            ("- - aa", Some(Intervention::Stopped)),
            ("stop running bb", None),
            ("stop running", None),
            ("", None),
        ] {
            assert_eq!(asked(&format!("{line}\n"), "aa"), by, "{line}");
        }
        assert_eq!(asked("stop running aa", "aa"), None, "not a whole line");
    }

    #[test]
    fn the_recorder_writes_what_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", RECORDER, "sh"])
            .arg(directory.path())
            .envs([
                ("SERVICE_RESULT", "exit-code"),
                ("EXIT_CODE", "exited"),
                ("EXIT_STATUS", "42"),
                ("INVOCATION_ID", "0123abcd"),
            ]);
        assert!(command.status().unwrap().success());
        let text = std::fs::read_to_string(directory.path().join(RECORD)).unwrap();
        assert_eq!(of(&text, "0123abcd"), Some(Exit::Code(42)));
    }
}
