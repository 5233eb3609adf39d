//! Each case of what may lie where the socket is to be.

use super::*;

const STATE: &str = "/var/lib/a rig";

fn policy() -> Policy {
    Policy {
        owner: nix::unistd::geteuid().as_raw(),
        group: None,
        everyone_reads: false,
    }
}

fn refusal(path: &Path) -> String {
    bind(path, STATE.as_ref(), &policy())
        .unwrap_err()
        .to_string()
        .replace(path.to_str().unwrap(), "SOCKET")
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn the_socket_is_ours_alone_and_goes_with_us() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run/control.sock");
    let bound = bind(&path, STATE.as_ref(), &policy()).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    UnixStream::connect(&path).unwrap();
    let left: Vec<_> = fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 2, "{left:?}: the socket and its lock");
    drop(bound);
    assert!(!path.exists());
}

#[test]
fn a_socket_that_a_dying_daemon_leaves_for_a_moment_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run/control.sock");
    let bound = bind(&path, STATE.as_ref(), &policy()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Time is the subject: a fraction of the moment that is waited.
            std::thread::sleep(std::time::Duration::from_millis(200));
            drop(bound);
        });
        drop(bind(&path, STATE.as_ref(), &policy()).unwrap());
    });
}

#[test]
fn a_group_or_everyone_can_be_let_in() {
    let dir = tempfile::tempdir().unwrap();
    let group = nix::unistd::getegid().as_raw();
    for (everyone_reads, socket, parent) in [(false, 0o660, 0o750), (true, 0o666, 0o755)] {
        let path = dir.path().join(format!("{everyone_reads}/c"));
        let policy = Policy {
            group: Some(group),
            everyone_reads,
            ..policy()
        };
        let _bound = bind(&path, STATE.as_ref(), &policy).unwrap();
        assert_eq!(
            (mode(&path), mode(path.parent().unwrap())),
            (socket, parent)
        );
    }
}

#[test]
fn the_socket_of_a_dead_daemon_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let _bound = bind(&path, STATE.as_ref(), &policy()).unwrap();
    UnixStream::connect(&path).unwrap();
}

#[test]
fn a_living_daemon_is_named_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c");
    let bound = bind(&path, STATE.as_ref(), &policy()).unwrap();
    let pid = std::process::id();
    assert_eq!(
        refusal(&path),
        format!("control socket SOCKET belongs to a running daemon (pid {pid})")
    );
    UnixStream::connect(&path).unwrap();
    drop(bound);

    let _without_our_lock = UnixListener::bind(&path).unwrap();
    assert_eq!(
        refusal(&path),
        format!("control socket SOCKET belongs to a running daemon (pid {pid})")
    );
}

#[test]
fn nothing_that_is_not_a_socket_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c");
    fs::write(&path, "precious").unwrap();
    assert_eq!(
        refusal(&path),
        "control socket SOCKET cannot be made: a regular file is in its place"
    );
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    let link = dir.path().join("l");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert_eq!(
        refusal(&link),
        "control socket SOCKET cannot be made: a symbolic link is in its place"
    );
    let directory = dir.path().join("d");
    fs::create_dir(&directory).unwrap();
    assert_eq!(
        refusal(&directory),
        "control socket SOCKET cannot be made: a directory is in its place"
    );
}

#[test]
fn the_socket_of_somebody_else_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c");
    drop(UnixListener::bind(&path).unwrap());
    let owner = policy().owner;
    let stranger = Policy {
        owner: owner + 1,
        ..policy()
    };
    let error = bind(&path, STATE.as_ref(), &stranger).unwrap_err();
    assert!(
        matches!(error, BindError::Foreign { owner: found, .. } if found == owner),
        "{error}"
    );
    assert!(path.exists());
}

#[test]
fn a_path_that_is_too_long_is_refused_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x".repeat(120));
    assert_eq!(
        refusal(&path),
        "control socket SOCKET cannot be made: its path has more than 107 bytes"
    );
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let path = Path::new("/proc/loopkeeper/c");
    assert_eq!(
        refusal(path),
        "control socket SOCKET cannot be made: make directory /proc/loopkeeper"
    );
}

#[test]
fn what_took_our_place_is_not_removed_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c");
    let bound = bind(&path, STATE.as_ref(), &policy()).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "somebody else's").unwrap();
    drop(bound);
    assert!(path.exists());
}

#[test]
fn a_socket_that_was_removed_can_be_made_once_more() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run/c");
    let (_listener, mut place) = bind(&path, STATE.as_ref(), &policy()).unwrap();
    let removals: [fn(&Path); 3] = [
        |path| fs::remove_file(path).unwrap(),
        |path| fs::remove_dir_all(path.parent().unwrap()).unwrap(),
        |path| fs::rename(path, path.with_extension("away")).unwrap(),
    ];
    for remove in removals {
        assert!(place.is_ours());
        remove(&path);
        assert!(!place.is_ours());
        let _listener = place.bind_again(&policy()).unwrap();
        UnixStream::connect(&path).unwrap();
        assert!(refusal(&path).contains("belongs to a running daemon"));
    }
    fs::remove_file(&path).unwrap();
    fs::write(&path, "somebody else's").unwrap();
    let error = place.bind_again(&policy()).unwrap_err();
    assert!(matches!(error, BindError::NotASocket { .. }), "{error}");
}

#[test]
fn whose_state_is_kept_is_told_beside_the_socket_and_stays_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c");
    assert_eq!(state_kept(&path), None);
    // As an earlier version left it.
    fs::write(lock_of(&path), "").unwrap();
    assert_eq!(state_kept(&path), None);
    fs::write(lock_of(&path), "/a/much/longer/state/directory\n").unwrap();
    let bound = bind(&path, STATE.as_ref(), &policy()).unwrap();
    assert_eq!(state_kept(&path).as_deref(), Some(STATE.as_ref()));
    bind(&path, "/another".as_ref(), &policy()).unwrap_err();
    drop(bound);
    assert_eq!(state_kept(&path).as_deref(), Some(STATE.as_ref()));

    let (_listener, mut place) = bind(&path, STATE.as_ref(), &policy()).unwrap();
    fs::remove_file(lock_of(&path)).unwrap();
    fs::remove_file(&path).unwrap();
    place.bind_again(&policy()).unwrap();
    assert_eq!(state_kept(&path).as_deref(), Some(STATE.as_ref()));
}
