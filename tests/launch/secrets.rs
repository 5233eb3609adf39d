//! Secrets: who finds them where, and that nothing of them is left.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use loopkeeper::{
    config::Worker,
    model::{AttemptRef, Condition, Exit, HostEvent, LauncherKind, WorkerName},
};

use crate::{
    alone::alone,
    world::{World, until},
};

const LAUNCHERS: [LauncherKind; 2] = [LauncherKind::Process, LauncherKind::Tmux];

/// A worker that has the file `secret` of the test's directory as `gitea-token`.
fn with_secret(world: &World, launcher: LauncherKind, script: &str) -> Worker {
    let mut worker = world.script(launcher, script);
    let path = world.path().join("secret");
    worker.secrets.files.insert("gitea-token".into(), path);
    worker
}

fn in_environment(mut worker: Worker) -> Worker {
    let variables = &mut worker.secrets.variables;
    variables.insert("GITEA_TOKEN".into(), "gitea-token".into());
    worker
}

/// All copies of secrets that there are.
fn copies(world: &World) -> Vec<PathBuf> {
    fn below(directory: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.file_type().unwrap().is_dir() {
                true => below(&entry.path(), files),
                false => files.push(entry.path()),
            }
        }
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(world.runtime()).unwrap().flatten() {
        let name = entry.file_name();
        if name.to_str().unwrap().starts_with("credentials-") {
            below(&entry.path(), &mut files);
        }
    }
    files
}

const TELL: &str = r#"stat -c %a "$CREDENTIALS_DIRECTORY" "$CREDENTIALS_DIRECTORY"/* >modes
    cat "$CREDENTIALS_DIRECTORY/gitea-token" >file; printf %s "${GITEA_TOKEN-unset}" >variable
    exec sleep 1000"#;

#[test]
fn a_worker_finds_its_secret_as_a_file_and_if_it_wants_in_its_environment() {
    alone(
        "secrets::a_worker_finds_its_secret_as_a_file_and_if_it_wants_in_its_environment",
        || async {
            let mut world = World::new();
            let read = |world: &World, name| {
                fs::read_to_string(world.path().join(name)).unwrap_or_default()
            };
            for launcher in LAUNCHERS {
                // One newline at the end is how files end; the second is the secret's own.
                fs::write(world.path().join("secret"), "open\nsesame\n\n").unwrap();
                let plain = with_secret(&world, launcher, TELL);
                for (worker, variable) in [
                    (plain.clone(), "unset"),
                    (in_environment(plain), "open\nsesame\n"),
                ] {
                    drop(fs::remove_file(world.path().join("variable")));
                    let (attempt, _) = world.run(&worker).await;
                    until("it has told", || !read(&world, "variable").is_empty()).await;
                    assert_eq!(read(&world, "variable"), variable, "{launcher}");
                    assert_eq!(read(&world, "file"), "open\nsesame\n\n");
                    assert_eq!(read(&world, "modes"), "700\n400\n");
                    assert_eq!(copies(&world).len(), 1);
                    world.kill(&attempt).await;
                    assert_eq!(copies(&world), Vec::<PathBuf>::new(), "{launcher}");
                }
            }
        },
    );
}

#[test]
fn who_becomes_the_worker_is_the_worker() {
    alone("secrets::who_becomes_the_worker_is_the_worker", || async {
        let mut world = World::new();
        fs::write(world.path().join("secret"), "x").unwrap();
        for launcher in LAUNCHERS {
            let script = "echo $$ >pid; exit 7";
            let worker = in_environment(with_secret(&world, launcher, script));
            let (attempt, identity) = world.run(&worker).await;
            assert_eq!(world.gone_after_end(&attempt).await, Exit::Code(7));
            let pid = fs::read_to_string(world.path().join("pid")).unwrap();
            assert_eq!(pid.trim(), identity.pid.to_string(), "{launcher}");
        }
    });
}

#[test]
fn a_secret_that_cannot_be_read_yet_is_waited_for() {
    alone(
        "secrets::a_secret_that_cannot_be_read_yet_is_waited_for",
        || async {
            let mut world = World::new();
            let path = world.path().join("secret");
            for launcher in LAUNCHERS {
                drop(fs::remove_file(&path));
                let worker = with_secret(&world, launcher, "exit 0");
                let attempt = world.start(&worker);
                let why = world.shortage(&attempt).await;
                let told = format!(
                    "secret gitea-token: {}: No such file or directory (os error 2)",
                    path.display()
                );
                assert!(why.starts_with(&told), "{why}");
                fs::write(&path, "x").unwrap();
                let (attempt, _) = world.run(&worker).await;
                assert_eq!(world.gone_after_end(&attempt).await, Exit::Code(0));
                fs::remove_file(&path).unwrap();
                nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
                let attempt = world.start(&worker);
                let why = world.shortage(&attempt).await;
                assert!(why.contains("is not a regular file"), "{why}");
            }
        },
    );
}

/// Why nobody could become the worker of an attempt, whether its launcher notices while it starts or
/// after that; what is recorded is the same.
async fn cannot_become(world: &mut World, attempt: &AttemptRef) -> String {
    match world.event(attempt).await {
        HostEvent::Started(..) => {
            let exit = world.gone_after_end(attempt).await;
            assert!(exit.is_not_started(), "{exit}");
            exit.to_string()
        }
        HostEvent::StartFailed(_, why) => {
            let recorded = world.directory(attempt).ended();
            assert!(recorded.is_none_or(|ended| ended.exit.is_not_started()));
            why
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_secret_that_cannot_be_a_variable_is_not_told() {
    alone(
        "secrets::a_secret_that_cannot_be_a_variable_is_not_told",
        || async {
            let mut world = World::new();
            fs::write(world.path().join("secret"), "open\0sesame").unwrap();
            for launcher in LAUNCHERS {
                let worker = in_environment(with_secret(&world, launcher, "exit 0"));
                let attempt = world.start(&worker);
                let why = cannot_become(&mut world, &attempt).await;
                assert!(why.contains("secret gitea-token: "), "{why}");
                assert!(why.contains("a zero byte is in it"), "{why}");
                let output = fs::read_to_string(world.directory(&attempt).output());
                assert!(
                    !(output.unwrap_or_default() + &why).contains("sesame"),
                    "{why}"
                );
            }
        },
    );
}

#[test]
fn who_cannot_become_the_worker_has_no_exit_code() {
    alone(
        "secrets::who_cannot_become_the_worker_has_no_exit_code",
        || async {
            let mut world = World::new();
            let script = world.path().join("script");
            fs::write(&script, "#!/does/not/exist\n").unwrap();
            fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
            for launcher in LAUNCHERS {
                let fits = in_environment(with_secret(&world, launcher, "exit 0"));
                let mut no_interpreter = fits.clone();
                no_interpreter.program = world
                    .worker(launcher, script.to_str().unwrap(), &[])
                    .program;
                for (worker, size, why) in [
                    (fits, 200 << 10, "/bin/sh: Argument list too long"),
                    (
                        no_interpreter,
                        1,
                        "its interpreter /does/not/exist: No such file",
                    ),
                ] {
                    fs::write(world.path().join("secret"), "x".repeat(size)).unwrap();
                    let attempt = world.start(&worker);
                    let told = cannot_become(&mut world, &attempt).await;
                    assert!(told.contains(why), "{launcher}: {told}");
                }
            }
        },
    );
}

#[test]
fn copies_that_a_dead_daemon_left_behind_are_taken_away() {
    alone(
        "secrets::copies_that_a_dead_daemon_left_behind_are_taken_away",
        || async {
            let mut world = World::new();
            fs::write(world.path().join("secret"), "x").unwrap();
            let worker = with_secret(&world, LauncherKind::Process, "exec sleep 1000");
            let (attempt, _) = world.run(&worker).await;
            let [living] = copies(&world).try_into().unwrap();
            // As of one that ended when nobody was there.
            let attempts = living.parent().unwrap().parent().unwrap();
            let dead = attempts.join("20261121T004301Z-00000000");
            fs::create_dir(&dead).unwrap();
            fs::write(dead.join("gitea-token"), "y").unwrap();
            fs::set_permissions(&dead, Permissions::from_mode(0o700)).unwrap();
            let other: WorkerName = "other".parse().unwrap();
            let of_other = attempts.with_file_name(other.as_str());
            fs::create_dir_all(of_other.join("20261121T004301Z-00000001/d")).unwrap();
            let (found, is) = world.found().await;
            assert_eq!(found, attempt);
            assert!(matches!(is, Condition::Alive(_)), "{is:?}");
            assert_eq!(copies(&world), [living]);
            assert_eq!(fs::read_dir(of_other).unwrap().count(), 0);
            world.kill(&attempt).await;
        },
    );
}
