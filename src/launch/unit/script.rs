//! The small scripts of an attempt that systemd carries: how a session is made, and what runs last.
//!
//! Promise: what runs last needs a shell and nothing else, no program of ours above all, so an
//! attempt's end is recorded whatever becomes of our installation meanwhile.
//!
//! Why scripts: systemd 252 writes arguments into a transient unit's file so that it does not read
//! them back as they were (`$`, `;`), and reads that file at each `daemon-reload`. A path without such
//! characters stays what it is.

use std::{
    borrow::Cow,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use shlex::Quoter;

use crate::{host::HostError, launch::directory::Directory};

/// A script in the state directory, which units run for as long as they live.
#[derive(Clone, Copy)]
pub(super) struct Script {
    name: &'static str,
    content: &'static str,
}

impl Script {
    /// Makes it, or renews another version's; where it is.
    ///
    /// # Errors
    /// When that was not possible, with the path.
    pub(super) fn keep(self, state: &Path) -> Result<PathBuf, HostError> {
        let path = state.join(self.name);
        if !fs::read_to_string(&path).is_ok_and(|found| found == self.content) {
            let new = path.with_extension("new");
            fs::write(&new, self.content)
                .and_then(|()| fs::rename(&new, &path))
                .map_err(|error| HostError::file(&path, error))?;
        }
        Ok(path)
    }
}

/// Makes those again that somebody removed, for the units that live.
///
/// # Errors
/// When that was not possible, with the path.
pub(in crate::launch) fn keep_scripts(state: &Path) -> Result<(), HostError> {
    [RECORDER, ASKER]
        .into_iter()
        .try_for_each(|script| script.keep(state).map(drop))
}

/// What the recorder leaves in the attempt's directory; see [`super::record`].
pub(in crate::launch) const RECORD: &str = "unit-exit";

/// What systemd runs last, whichever way the worker ended (`ExecStopPost=`, systemd.service(5)). It
/// writes in one piece, so that a reader finds a whole line or none.
pub(super) const RECORDER: Script = Script {
    name: "record-exit",
    content: "\
#!/bin/sh
# Records how a worker's unit ended; systemd runs it, with the attempt's directory.
printf '%s %s %s %s\\n' \"${SERVICE_RESULT:--}\" \"${EXIT_CODE:--}\" \"${EXIT_STATUS:--}\" \"${INVOCATION_ID:--}\" >>\"$1/unit-exit\"
",
};

/// What the script of [`ASKER`] leaves in the attempt's directory; see [`super::record`].
pub(super) const ASKED: &str = "unit-asked";

/// Makes the files of both with an empty line in them: that line has room on the disk for theirs after
/// it, on most file systems, so that they can write although the disk is full by then.
pub(super) fn reserve(directory: &Directory) -> io::Result<()> {
    [RECORD, ASKED]
        .into_iter()
        .try_for_each(|name| fs::write(directory.path().join(name), "\n"))
}

/// Records what [`ASKER`] does of a stop, where that could not run.
pub(super) fn record_stop(directory: &Directory) -> io::Result<()> {
    let start = directory.start();
    let invocation = start.and_then(|start| start.invocation);
    let line = format!("stop - {}\n", invocation.as_deref().unwrap_or("-"));
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(directory.path().join(ASKED))?;
    file.write_all(line.as_bytes())
}

/// What systemd runs first when a unit stops (`ExecStop=`, systemd.service(5)): also when the worker
/// has ended by itself, but then there is no main process. Which job it is, only the manager knows;
/// that the manager itself ends as well. A mount that is stopped takes those along that require it
/// (systemd.unit(5), `RequiresMountsFor=`): then both have a job.
///
/// A manager that ends it of itself, since it ran out of memory above all, may do so while the main
/// process is not collected yet: then it has no job, and a result already.
///
/// A unit that is stopped while it begins has no `ExecStop=`, and whoever asks for a stop may ask for a
/// restart before that is done: so it runs once more at the very end, `--late`, and says which job
/// there is then, unless that has been said.
pub(super) const ASKER: Script = Script {
    name: "record-stop",
    content: "\
#!/bin/sh
# Records that a worker's unit was asked to end; systemd runs it, with the attempt's directory, the
# unit, --user where the manager is a user's, and --late after the end. Where a mount that it requires
# is stopped, that place is the last word. The last line counts.
set -f
directory=$1 unit=$2 user= late=
shift 2
for word; do
  case $word in
  --user) user=$word ;;
  --late) late=$word ;;
  esac
done
noted=
while read -r word state of rest; do
  [ \"$of\" != \"${INVOCATION_ID:--}\" ] || noted=$word
done 2>/dev/null <\"$directory/unit-asked\"
if [ -z \"$late\" ]; then
  [ -n \"${MAINPID-}\" ] || exit 0
elif [ -z \"$noted\" ]; then
  case ${EXIT_CODE-} in exited | dumped) exit 0 ;; esac
fi
state=$(systemctl $user is-system-running)
requires=$(systemctl $user show --property=Requires --value \"$unit\")
job= at=
set -- $(systemctl $user list-jobs --no-legend --full)
while [ $# -ge 4 ]; do
  case $3:$2 in
  *:\"$unit\") job=$3 ;;
  stop:*.mount | restart:*.mount)
    case \" $requires \" in
    *\" $2 \"*) at=$(systemctl $user show --property=Where --value \"$2\") ;;
    esac
    ;;
  esac
  shift 4
done
case $late:$job:${SERVICE_RESULT:-success} in
\"--late:$noted:\"*) exit 0 ;;
--late:stop:* | --late:restart:* | :?*:* | ::success) ;;
*) exit 0 ;;
esac
printf '%s %s %s%s\\n' \"${job:--}\" \"${state:--}\" \"${INVOCATION_ID:--}\" \"${at:+ $at}\" >>\"$directory/unit-asked\"
",
};

/// A text that no shell can be given: it has a zero byte in it.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} has a zero byte in it")]
pub(super) struct Unquotable(String);

/// Becomes the program, unless `done` is there.
pub(super) fn run_once(
    done: &str,
    program: &str,
    arguments: &[String],
) -> Result<String, Unquotable> {
    let done = quoted(done)?;
    let mut script = format!("#!/bin/sh\n[ -e {done} ] && exit 0\nexec");
    for word in std::iter::once(program).chain(arguments.iter().map(String::as_str)) {
        script.push(' ');
        script.push_str(&quoted(word)?);
    }
    script.push('\n');
    Ok(script)
}

fn quoted(word: &str) -> Result<Cow<'_, str>, Unquotable> {
    Quoter::new()
        .quote(word)
        .map_err(|_| Unquotable(word.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt as _, process::Command};

    use super::*;
    use crate::{
        config::Environment,
        launch::unit::record,
        model::{Exit, Intervention},
    };

    #[test]
    fn the_recorder_writes_what_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let script = RECORDER.keep(directory.path()).unwrap();
        let mut command = Command::new("/bin/sh");
        command.arg(script).arg(directory.path()).envs([
            ("SERVICE_RESULT", "exit-code"),
            ("EXIT_CODE", "exited"),
            ("EXIT_STATUS", "42"),
            ("INVOCATION_ID", "0123abcd"),
        ]);
        assert!(command.status().unwrap().success());
        let text = fs::read_to_string(directory.path().join(RECORD)).unwrap();
        assert_eq!(record::of(&text, "0123abcd"), Some(Exit::Code(42)));
    }

    /// Says what systemctl would, of these jobs.
    const FAKE_SYSTEMCTL: &str = "#!/bin/sh
case $* in
is-system-running) echo running ;;
'show --property=Requires --value loopkeeper-a.service') echo 'system.slice mnt-nas.mount -.mount' ;;
'show --property=Where --value mnt-nas.mount') echo '/mnt/the nas' ;;
'list-jobs --no-legend --full') printf '%b' \"$JOBS\" ;;
*) exit 64 ;;
esac
";

    #[test]
    fn the_asker_writes_what_is_read() {
        let own = "12 loopkeeper-a.service";
        let stopped = Some(Intervention::Stopped);
        let unmounted = Some(Intervention::Unmounted("/mnt/the nas".into()));
        for (pid, result, jobs, by) in [
            (
                "7",
                "success",
                format!("{own} stop running\n"),
                stopped.clone(),
            ),
            (
                "7",
                "success",
                format!("{own} restart running\n"),
                Some(Intervention::Restarted),
            ),
            (
                "7",
                "success",
                format!("{own} stop running\n  13 mnt-nas.mount stop waiting\n"),
                unmounted.clone(),
            ),
            (
                "7",
                "success",
                format!("13 mnt-nas.mount restart waiting\n{own} restart running\n"),
                unmounted,
            ),
            (
                "7",
                "success",
                format!("{own} stop running\n13 mnt-other.mount stop waiting\n"),
                stopped.clone(),
            ),
            (
                "7",
                "success",
                format!("{own} stop running\n13 mnt-nas.mount start waiting\n"),
                stopped.clone(),
            ),
            // The manager does not say which.
            ("7", "success", String::new(), stopped.clone()),
            // It had ended by itself.
            ("", "success", format!("{own} stop running\n"), None),
            // Its manager ended it, before it collected the main process.
            ("7", "oom-kill", String::new(), None),
            ("7", "timeout", String::new(), None),
            // Somebody did while it was ending so.
            ("7", "oom-kill", format!("{own} stop running\n"), stopped),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let script = ASKER.keep(directory.path()).unwrap();
            let systemctl = directory.path().join("systemctl");
            fs::write(&systemctl, FAKE_SYSTEMCTL).unwrap();
            fs::set_permissions(&systemctl, fs::Permissions::from_mode(0o755)).unwrap();
            let path = std::env::var("PATH").unwrap();
            let mut command = Command::new("/bin/sh");
            command
                .arg(script)
                .arg(directory.path())
                .arg("loopkeeper-a.service")
                .env("PATH", format!("{}:{path}", directory.path().display()))
                .env("JOBS", &jobs)
                .env("MAINPID", pid)
                .env("SERVICE_RESULT", result)
                .env("INVOCATION_ID", "0123abcd");
            assert!(command.status().unwrap().success());
            let text = fs::read_to_string(directory.path().join(ASKED)).unwrap_or_default();
            assert_eq!(
                record::asked(&text, Some("0123abcd")),
                by,
                "{result} {jobs}: {text}"
            );
        }
    }

    #[test]
    fn a_script_that_was_removed_or_changed_is_made_again() {
        let state = tempfile::tempdir().unwrap();
        for damage in [None, Some("exit 0\n"), Some("")] {
            keep_scripts(state.path()).unwrap();
            let path = RECORDER.keep(state.path()).unwrap();
            match damage {
                Some(other) => fs::write(&path, other).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            keep_scripts(state.path()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), RECORDER.content);
        }
        let nowhere = keep_scripts(&state.path().join("x")).unwrap_err();
        assert!(nowhere.to_string().contains("record-exit"), "{nowhere}");
    }

    #[test]
    fn arguments_come_through_a_real_shell_as_they_are() {
        let words: Vec<String> = [
            "", "a b", "$HOME", "`id`", "'", "\"", "\\", "a\nb", "%h", ";", "~", "*", "!x", "-n",
            "ä",
        ]
        .map(str::to_owned)
        .to_vec();
        let mut arguments = vec!["%s\\0".to_owned()];
        arguments.extend(words.clone());
        let printf = Environment::of_this_process().unwrap().program("printf");
        let printf = printf.unwrap().display().to_string();
        let script = run_once("/nowhere", &printf, &arguments).unwrap();
        let output = Command::new("/bin/sh").args(["-c", &script]).output();
        let output = String::from_utf8(output.unwrap().stdout).unwrap();
        assert_eq!(output, words.join("\0") + "\0");
    }
}
