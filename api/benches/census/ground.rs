//! Where data folders are made: on a real disk, whose file system is named in the record.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A folder of this run, gone at its end.
pub(crate) struct Ground {
    folder: TempDir,
    file_system: String,
}

impl Ground {
    /// A new folder within `parent`.
    pub(crate) fn open(parent: &Path) -> Self {
        std::fs::create_dir_all(parent).expect("the folder for data can be made");
        let parent = parent.canonicalize().expect("the folder for data is there");
        let file_system = file_system_of(&parent);
        assert!(
            !matches!(file_system.as_str(), "tmpfs" | "ramfs"),
            "{} is in memory ({file_system}): name a folder on a disk with --data",
            parent.display()
        );
        let folder = within(&parent, "run-");
        Self { folder, file_system }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The type of the file system, like `ext4`.
    pub(crate) fn file_system(&self) -> &str {
        &self.file_system
    }

    /// An empty folder for one repetition, gone when dropped.
    pub(crate) fn fresh(&self) -> TempDir {
        within(self.path(), "data-")
    }
}

fn within(parent: &Path, prefix: &str) -> TempDir {
    tempfile::Builder::new()
        .prefix(prefix)
        .tempdir_in(parent)
        .expect("the disk has room for a folder")
}

/// The innermost mount that holds the folder says it.
fn file_system_of(folder: &Path) -> String {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mut innermost = (PathBuf::new(), "unknown");
    for mount in mounts.lines() {
        let mut fields = mount.split(' ').skip(1);
        if let (Some(point), Some(kind)) = (fields.next(), fields.next())
            && folder.starts_with(point)
            && Path::new(point).components().count() >= innermost.0.components().count()
        {
            innermost = (PathBuf::from(point), kind);
        }
    }
    innermost.1.to_owned()
}
