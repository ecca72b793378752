//! The disk of the data folder: a small one of its own where this user may mount it, so that it can be full.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// Room at the start, and what the load of a minute may add.
const SIZE_MIB: u64 = 256;
const MINUTE_MIB: u64 = 128;
const FILLER: &str = "filler";

/// The folder, and what fills it.
pub(super) struct Disk {
    folder: TempDir,
    own: bool,
}

impl Disk {
    /// Room that Census keeps for what has to be written when nothing is taken in (P4).
    pub(super) const RESERVE: &'static str = "48MiB";

    pub(super) fn new(storm: Duration) -> Self {
        let size_mib = SIZE_MIB + MINUTE_MIB * storm.as_secs().div_ceil(60);
        let folder = tempfile::tempdir().expect("the system has room for a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o"])
            .arg(format!("size={size_mib}m"))
            .arg("census-storm")
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        let own = mounted.is_ok_and(|status| status.success());
        Self { folder, own }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Whether it is one of its own and may be filled.
    pub(super) fn is_own(&self) -> bool {
        self.own
    }

    /// Fills it until this much is left.
    pub(super) fn fill(&self, left_mib: usize) {
        assert!(self.own, "the disk of the whole machine is not filled");
        let mut filler = File::create(self.filler()).expect("the disk is not full yet");
        let mib = vec![0; 1024 * 1024];
        while self.free_mib() > left_mib {
            if filler.write_all(&mib).is_err() {
                return;
            }
        }
    }

    /// Makes room again.
    pub(super) fn empty(&self) {
        // Nothing to remove is as good.
        let _ = std::fs::remove_file(self.filler());
    }

    fn filler(&self) -> PathBuf {
        self.folder.path().join(FILLER)
    }

    fn free_mib(&self) -> usize {
        let stat = rustix::fs::statvfs(self.folder.path()).expect("the folder is there");
        usize::try_from(stat.f_bavail * stat.f_frsize / (1024 * 1024)).expect("it is small")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.own {
            // Lazily: a process that is being killed may still have files open.
            let _ = Command::new("umount")
                .arg("--lazy")
                .arg(self.folder.path())
                .status();
        }
    }
}
