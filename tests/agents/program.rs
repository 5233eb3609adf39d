//! Where the scripted agent is, and that it is the one of these sources.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::SystemTime,
};

/// The scripted agent. `cargo test` builds it with the tests, but not if only these are asked for.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let tests = env::current_exe().unwrap();
        let directory = tests.ancestors().nth(2).unwrap();
        let program = directory.join("examples/scripted-agent");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/agents/scripted");
        if changed(&program) < newest(&source) {
            build(directory);
        }
        program
    })
}

/// Builds it into this directory, which is called as its profile.
fn build(directory: &Path) {
    let profile = match directory.file_name().unwrap().to_str().unwrap() {
        "debug" => "dev",
        profile => profile,
    };
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--locked", "--quiet", "--profile", profile])
        .args(["--example", "scripted-agent", "--target-dir"])
        .arg(directory.parent().unwrap())
        .status();
    assert!(built.unwrap().success(), "scripted-agent cannot be built");
}

/// When a file was changed; long ago, if it is not there.
fn changed(file: &Path) -> SystemTime {
    let changed = fs::metadata(file).and_then(|file| file.modified());
    changed.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// When the newest file below was changed; it may be gone where only the programs are.
fn newest(directory: &Path) -> SystemTime {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let changes = entries.map(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            newest(&path)
        } else {
            changed(&path)
        }
    });
    changes.max().unwrap_or(SystemTime::UNIX_EPOCH)
}
