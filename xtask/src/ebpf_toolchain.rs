//! Which installed toolchain can build the kernel side. Shared by `tcpmon/build.rs` and
//! `cargo xtask setup`, so that what setup installs is what the build looks for.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Names a rustup toolchain and overrides the search.
pub(crate) const VARIABLE: &str = "TCPMON_EBPF_TOOLCHAIN";
/// rustup's name for Debian's own compiler, linked by `cargo xtask setup`.
pub(crate) const DEBIAN: &str = "debian-bpf";
/// The name of rustup's nightly, which builds `core` itself.
pub(crate) const NIGHTLY: &str = "nightly";

/// The toolchain to build with: the one the environment names, Debian's compiler with its prebuilt
/// `core`, or a nightly with `rust-src`. `None` when there is none. Debian's comes before a nightly
/// because only setup links it, together with a bpf-linker that reads its bitcode; a nightly may
/// be there for other reasons, with a newer LLVM.
pub(crate) fn find() -> Option<String> {
    if let Ok(name) = env::var(VARIABLE)
        && !name.is_empty()
    {
        return Some(name);
    }
    if debian_has_core() {
        return Some(DEBIAN.into());
    }
    nightly_has_source().then(|| NIGHTLY.into())
}

/// Where `bpf-linker` is: rustc calls it to link for the bpf target. Cargo's own directory counts
/// even when it is not on `PATH`, since `rustup run` puts it there.
pub(crate) fn linker() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(cargo_bin())
        .map(|dir| dir.join("bpf-linker"))
        .find(|path| path.is_file())
}

/// Where `cargo install` puts programs.
fn cargo_bin() -> Option<PathBuf> {
    let named = env::var_os("CARGO_HOME").filter(|home| !home.is_empty());
    let home = match named {
        Some(home) => PathBuf::from(home),
        None => env::home_dir()?.join(".cargo"),
    };
    Some(home.join("bin"))
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
