//! Programs of others that tests call.

use std::env;
use std::path::{Path, PathBuf};

/// Where `cargo xtask setup --tests` unpacks programs that the machine does not have.
pub(crate) fn unpacked() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| workspace.expect("a workspace").join("target"));
    target.join("tools")
}

/// A program that not every machine has: on `PATH`, or unpacked. Without it what needs it is
/// skipped, and says so; in CI that is a failure.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let dirs =
        env::split_paths(&path).chain(["usr/bin", "usr/sbin"].map(|dir| unpacked().join(dir)));
    let found = dirs
        .map(|dir| dir.join(program))
        .find(|path| path.is_file());
    if found.is_none() {
        eprintln!(
            "skipped, because {program} is not installed: `cargo xtask setup --tests` does that"
        );
        assert_ne!(
            env::var("CI").as_deref(),
            Ok("true"),
            "CI must have {program}"
        );
    }
    found
}
