//! The release binaries under test, built by the benchmark itself.
//!
//! Cargo builds a benchmark together with the features that tests ask for, fault points among them; what is measured
//! has to be what is shipped.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ground::Ground;
use crate::process::Programs;
use crate::progress::say;

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");

/// The target folder that this benchmark was built in.
pub(crate) fn target_folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("cargo makes the folder within its target folder")
        .to_owned()
}

/// Builds `api` and `workers` and keeps copies of them, so that a later build changes nothing under a running measurement.
pub(crate) fn build(target: &Path, ground: &Ground, log: &str) -> Programs {
    say("building the release binaries");
    let mut cargo = Command::new(env!("CARGO"));
    // What cargo tells this benchmark of its package would make build scripts that watch such variables run again, and
    // all that depends on them with it.
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_"))
        {
            cargo.env_remove(name);
        }
    }
    let status = cargo
        .args(["build", "--release", "--locked", "-p", "api", "-p", "workers"])
        .args(["--manifest-path", MANIFEST])
        .arg("--target-dir")
        .arg(target)
        .status()
        .expect("cargo can be run: it runs this");
    assert!(status.success(), "the product does not build");
    let copied = |name: &str| {
        let copy = ground.path().join(name);
        std::fs::copy(target.join("release").join(name), &copy).expect("the disk has room for a program");
        copy
    };
    Programs {
        api: copied("api"),
        workers: copied("workers"),
        log: log.to_owned(),
    }
}
