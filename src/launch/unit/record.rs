//! What systemd says of an end, as the recorder wrote it down (systemd.exec(5), "Environment variables
//! set or propagated by the service manager").

use nix::libc::{CLD_DUMPED, CLD_EXITED, CLD_KILLED};

use crate::{
    model::{Exit, Intervention, Signal, Status},
    systemd::change::MainEnd,
};

/// What somebody last asked of this incarnation of the unit, and ended it; of the last one, where it is
/// not known in which its worker would have begun. `None` when nobody did.
pub(super) fn asked(text: &str, invocation: Option<&str>) -> Option<Intervention> {
    let complete = text.rsplit_once('\n')?.0;
    let mut lines = complete.lines().filter_map(|line| {
        let mut words = line.splitn(4, ' ');
        let (job, manager, of) = (words.next()?, words.next()?, words.next()?);
        Some((of, (job, manager, words.next())))
    });
    let of_it = match invocation {
        Some(invocation) => lines.rfind(|(of, _)| *of == invocation),
        None => lines.next_back(),
    };
    Some(match of_it?.1 {
        (_, "stopping", _) => Intervention::ManagerEnded,
        // All is stopped that is no part of it.
        (_, "maintenance", _) => Intervention::Maintenance,
        (_, _, Some(unmounted)) => Intervention::Unmounted(unmounted.into()),
        ("restart", _, None) => Intervention::Restarted,
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

/// The last incarnation of which there is a whole line.
pub(super) fn last_invocation(text: &str) -> Option<&str> {
    let complete = text.rsplit_once('\n')?.0;
    complete.lines().next_back()?.split(' ').nth(3)
}

fn exit(result: &str, code: &str, status: &str) -> Option<Exit> {
    let status = match code {
        "exited" => Status::Code(status.parse().ok()?),
        "killed" | "dumped" => Status::Signal(status.parse().ok()?),
        _ => return None,
    };
    Some(of_status(result, status))
}

/// The same, as the manager told it itself.
pub(super) fn told(end: &MainEnd) -> Option<Exit> {
    let status = match end.code {
        CLD_EXITED => Status::Code(end.status.try_into().ok()?),
        CLD_KILLED | CLD_DUMPED => Status::Signal(Signal::from_number(end.status)?),
        _ => return None,
    };
    Some(of_status(&end.result, status))
}

fn of_status(result: &str, status: Status) -> Exit {
    match result {
        "oom-kill" => Exit::OutOfMemory(status),
        _ => status.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn what_the_manager_tells_itself_is_the_same_exit() {
        let end = |code, status, result: &str| MainEnd {
            pid: 7,
            code,
            status,
            result: result.to_owned(),
        };
        for (end, exit) in [
            (end(CLD_EXITED, 42, "exit-code"), Some(Exit::Code(42))),
            (
                end(CLD_KILLED, 9, "signal"),
                Some(Exit::Signal(Signal::KILL)),
            ),
            (
                end(CLD_DUMPED, 6, "core-dump"),
                Signal::from_number(6).map(Exit::Signal),
            ),
            (
                end(CLD_KILLED, 9, "oom-kill"),
                Some(Exit::OutOfMemory(Status::Signal(Signal::KILL))),
            ),
            (end(CLD_EXITED, 256, "exit-code"), None),
            (end(CLD_KILLED, 0, "signal"), None),
            (end(0, 0, "success"), None),
        ] {
            assert_eq!(told(&end), exit, "{end:?}");
        }
    }

    #[test]
    fn a_line_that_is_not_whole_is_not_there() {
        let one = "success exited 0 aa\n";
        for cut in 0..one.len() {
            assert_eq!(of(&one[..cut], "aa"), None, "{cut}");
        }
        assert_eq!(last_invocation(one.trim_end()), None);
        let two = format!("{one}exit-code exited 7 bb\nexit-code ex");
        assert_eq!(of(&two, "bb"), Some(Exit::Code(7)));
        assert_eq!(of(&two, "aa"), Some(Exit::Code(0)));
        assert_eq!(last_invocation(&two), Some("bb"));
    }

    #[test]
    fn what_was_asked_of_a_unit_is_told_by_its_job() {
        for (line, by) in [
            ("stop running aa", Some(Intervention::Stopped)),
            ("restart degraded aa", Some(Intervention::Restarted)),
            ("stop stopping aa", Some(Intervention::ManagerEnded)),
            ("stop maintenance aa", Some(Intervention::Maintenance)),
            (
                "stop degraded aa /mnt/the nas",
                Some(Intervention::Unmounted("/mnt/the nas".into())),
            ),
            (
                "restart running aa /mnt",
                Some(Intervention::Unmounted("/mnt".into())),
            ),
            ("stop stopping aa /mnt", Some(Intervention::ManagerEnded)),
            ("- - aa", Some(Intervention::Stopped)),
            ("stop running bb", None),
            ("stop running", None),
            ("", None),
        ] {
            assert_eq!(asked(&format!("{line}\n"), Some("aa")), by, "{line}");
        }
        let cut = asked("stop running aa", Some("aa"));
        assert_eq!(cut, None, "not a whole line");
        let both = "restart running aa\nstop - -\n";
        assert_eq!(asked(both, None), Some(Intervention::Stopped), "the last");
        assert_eq!(asked(both, Some("aa")), Some(Intervention::Restarted));
        let last = "\nstop running aa\nrestart running aa\n";
        assert_eq!(asked(last, Some("aa")), Some(Intervention::Restarted));
    }
}
