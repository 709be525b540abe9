//! Which installed toolchain can build the kernel side. Shared by `tcpmon/build.rs` and
//! `cargo xtask setup`, so that what setup installs is what the build looks for.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Names a rustup toolchain and overrides the search.
pub const VARIABLE: &str = "TCPMON_EBPF_TOOLCHAIN";
/// rustup's name for Debian's own compiler, linked by `cargo xtask setup`.
pub const DEBIAN: &str = "debian-bpf";
/// The name of rustup's nightly, which builds `core` itself.
pub const NIGHTLY: &str = "nightly";

/// The toolchain to build with: the one the environment names, a nightly with `rust-src`, or
/// Debian's compiler with its prebuilt `core`. `None` when there is none.
pub fn find() -> Option<String> {
    if let Ok(name) = env::var(VARIABLE)
        && !name.is_empty()
    {
        return Some(name);
    }
    if nightly_has_source() {
        return Some(NIGHTLY.into());
    }
    debian_has_core().then(|| DEBIAN.into())
}

/// Whether `bpf-linker` can be found: rustc calls it to link for the bpf target.
pub fn linker() -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|dir| dir.join("bpf-linker"))
        .find(|path| path.is_file())
}

fn nightly_has_source() -> bool {
    sysroot(NIGHTLY).is_some_and(|root| root.join("lib/rustlib/src/rust/library/core").is_dir())
}

fn debian_has_core() -> bool {
    sysroot(DEBIAN).is_some_and(|root| has_bpf_core(&root))
}

fn has_bpf_core(root: &Path) -> bool {
    root.join("lib/rustlib/bpfel-unknown-none/lib").is_dir()
}

fn sysroot(toolchain: &str) -> Option<PathBuf> {
    let output = Command::new("rustup")
        .args(["run", toolchain, "rustc", "--print", "sysroot"])
        // Cargo names its own compiler to build scripts; rustup must choose again.
        .env_remove("RUSTC")
        .env_remove("RUSTUP_TOOLCHAIN")
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let root = String::from_utf8(output.stdout).ok()?;
    output
        .status
        .success()
        .then(|| PathBuf::from(root.trim_end()))
}
