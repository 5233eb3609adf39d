//! File systems that are mounted for a test, to be filled or made read-only.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

/// Mounting needs root. Without it the test is skipped, which is a failure where `CI=true`.
pub(crate) fn can_mount(test: &str) -> bool {
    if nix::unistd::geteuid().is_root() {
        return true;
    }
    assert_ne!(
        std::env::var("CI").as_deref(),
        Ok("true"),
        "{test} needs root to mount"
    );
    eprintln!("skipped: {test} needs root to mount");
    false
}

/// Something mounted, until it is dropped.
pub(crate) struct Mount(pub(crate) PathBuf);

impl Mount {
    pub(crate) fn new(options: &[&str], source: &Path, target: &Path) -> Self {
        fs::create_dir_all(target).unwrap();
        run(Command::new("mount").args(options).arg(source).arg(target));
        Self(target.to_owned())
    }
}

impl Mount {
    /// A small file system in memory.
    pub(crate) fn small(target: &Path, size: &str) -> Self {
        let options = format!("size={size},mode=700");
        Self::new(&["-t", "tmpfs", "-o", &options], Path::new("tmpfs"), target)
    }

    /// Leaves so many pages of 4 KiB free; with the file that is returned, the room is gone.
    pub(crate) fn fill(&self, free: usize) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = File::create(&path).unwrap();
        let mut pages = 0;
        while file.write_all(&[0; 4096]).is_ok() {
            pages += 1;
        }
        file.set_len(4096 * (pages as u64).saturating_sub(free as u64))
            .unwrap();
        path
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: what was killed a moment ago may still have a file open.
        run(Command::new("umount").arg("--lazy").arg(&self.0));
    }
}

pub(crate) fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}
