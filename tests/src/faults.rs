//! Disks that misbehave: a shim in C that fails or hangs on demand, and a file system that is really full.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::Command;

use crate::house::{Builder, workspace};

/// A disk under the hub's database that fails when told to (`tests/faults/disk.c`).
pub struct Disk {
    dir: TempDir,
}

impl Disk {
    /// Builds the shim; it does nothing yet.
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .arg(dir.path().join("disk.so"))
            .arg(workspace().join("tests/faults/disk.c"))
            .output()
            .await
            .expect("a C compiler, which building the hub needs as well");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        Self { dir }
    }

    /// Puts this disk under a hub.
    #[must_use]
    pub fn under(&self, builder: Builder) -> Builder {
        let path = |path: PathBuf| path.to_str().unwrap().to_owned();
        builder.env("LD_PRELOAD", &path(self.dir.path().join("disk.so"))).env("KAIROS_DISK_FAULT", &path(self.plan()))
    }

    fn plan(&self) -> PathBuf {
        self.dir.path().join("plan")
    }

    /// From now on: `write`, `sync` or `all`, and `EIO`, `ENOSPC`, `EROFS` or `STALL`.
    pub fn breaks(&self, what: &str, how: &str) {
        // As a whole: the hub must not read half of it.
        let draft = self.dir.path().join("draft");
        std::fs::write(&draft, format!("{what} {how}\n")).unwrap();
        std::fs::rename(draft, self.plan()).unwrap();
    }

    /// The disk is well again.
    pub fn heals(&self) {
        std::fs::remove_file(self.plan()).unwrap();
    }
}

/// A file system of a few megabytes, gone when dropped. Needs root, as CI has.
pub struct SmallDisk {
    dir: TempDir,
}

impl SmallDisk {
    /// Mounts one.
    pub async fn mount(size: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        mount(&["-t", "tmpfs", "-o", &format!("size={size},mode=0700"), "kairos-test"], dir.path()).await;
        Self { dir }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Makes it read-only, or writable again.
    pub async fn read_only(&self, yes: bool) {
        mount(&["-o", if yes { "remount,ro" } else { "remount,rw" }], self.path()).await;
    }

    /// Makes it larger.
    pub async fn grow(&self, size: &str) {
        mount(&["-o", &format!("remount,size={size}")], self.path()).await;
    }

    /// Takes all the room that is left.
    pub fn fill(&self) {
        use std::io::Write;
        let mut ballast = std::fs::File::create(self.path().join("ballast")).unwrap();
        for size in [64 * 1024, 4096, 1] {
            while ballast.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// Gives it back.
    pub fn clear(&self) {
        std::fs::remove_file(self.path().join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a hub that is being killed may still have files open.
        let _ = std::process::Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

async fn mount(args: &[&str], at: &Path) {
    let done = Command::new("mount").args(args).arg(at).output().await.expect("mount(8)");
    let why = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "This test mounts a file system of its own and needs root for it: {why}");
}
