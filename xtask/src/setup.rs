//! `cargo xtask setup`: installs what building the kernel side needs, and what the tests need.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::ebpf_toolchain::{self, DEBIAN, NIGHTLY};
use crate::sh::{can_be_root, in_path, sh};
use crate::{apt, deploy, tools};

const LINKER_VERSION: &str = "0.13.0";
/// The LLVM that Debian's `rustc-web` is built with.
const DEBIAN_LLVM: u32 = 22;
/// A compiler, its prebuilt `core` for the bpf targets, and what bpf-linker builds against.
const DEBIAN_PACKAGES: &[&str] = &[
    "rustc-web",
    "cargo-web",
    "libstd-rust-web-dev-bpf",
    "rust-web-llvm",
    "llvm-22-dev",
];

/// Install what building the kernel side needs: a toolchain for the bpf target, and bpf-linker
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Install what `cargo xtask test` needs, too
    #[arg(long)]
    tests: bool,
}

/// Runs `cargo xtask setup`.
pub(crate) fn run(args: &Args) -> Result<()> {
    kernel_side()?;
    if args.tests {
        test_tools()?;
    }
    Ok(())
}

/// Installs what building the kernel side needs, unless it is there.
pub(crate) fn kernel_side() -> Result<()> {
    if let Some(found) = found() {
        println!("eBPF toolchain: already installed ({found})");
        return Ok(());
    }
    if in_path("rustup").is_none() {
        bail!("rustup is not installed: see https://rustup.rs");
    }
    if apt::can_install(DEBIAN_PACKAGES) {
        debian()?;
    } else {
        nightly()?;
    }
    let found = found()
        .context("the commands above succeeded, but nothing found can build for the bpf target")?;
    println!("eBPF toolchain: installed ({found})");
    Ok(())
}

/// Installs what the tests need, unless it is there.
pub(crate) fn test_tools() -> Result<()> {
    lint_tools()?;
    tools::install()?;
    if let Err(error) = deploy::tools::install() {
        println!("note: {error:#}: what is in deploy/kubernetes and deploy/helm cannot be checked");
    }
    Ok(())
}

/// Installs rustfmt and clippy, which a minimal rustup profile leaves out.
pub(crate) fn lint_tools() -> Result<()> {
    for (component, driver) in [("rustfmt", "cargo-fmt"), ("clippy", "cargo-clippy")] {
        if sh(driver).args(["--version"]).stdout().is_none() {
            sh("rustup")
                .args(["component", "add", component])
                .downloads()
                .run()?;
        }
    }
    Ok(())
}

/// The toolchain and the linker that a build would use, if it would find both.
fn found() -> Option<String> {
    let toolchain = ebpf_toolchain::find()?;
    let linker = ebpf_toolchain::linker()?;
    Some(format!("{toolchain}, {}", linker.display()))
}

/// Debian's compiler comes with a `core` for the bpf targets: nothing unstable, nothing to fetch
/// from rustup.
fn debian() -> Result<()> {
    apt::install(DEBIAN_PACKAGES)?;
    c_compiler()?;
    linker(DEBIAN_LLVM)?;
    if !has_toolchain(DEBIAN) {
        sh("rustup")
            .args(["toolchain", "link", DEBIAN, "/usr"])
            .run()?;
    }
    Ok(())
}

/// A nightly builds `core` itself, from source.
fn nightly() -> Result<()> {
    if has_toolchain(NIGHTLY) {
        sh("rustup")
            .args(["component", "add", "rust-src", "--toolchain", NIGHTLY])
            .downloads()
            .run()?;
    } else {
        sh("rustup")
            .args(["toolchain", "install", NIGHTLY, "--no-self-update"])
            .args(["--profile", "minimal", "--component", "rust-src"])
            .downloads()
            .run()?;
    }
    let llvm = nightly_llvm().context("cannot tell which LLVM the nightly is built with")?;
    let package = format!("llvm-{llvm}-dev");
    if ebpf_toolchain::linker().is_none() && apt::can_install(&[&package]) {
        apt::install(&[&package])?;
    }
    c_compiler()?;
    linker(llvm).with_context(|| {
        format!("bpf-linker needs the development files of LLVM {llvm} (on Debian: {package})")
    })
}

fn c_compiler() -> Result<()> {
    if in_path("cc").is_none() && can_be_root() && in_path("apt-get").is_some() {
        apt::install(&["gcc", "libc6-dev"])?;
    }
    Ok(())
}

/// Builds bpf-linker against the LLVM of the compiler whose bitcode it will read.
fn linker(llvm: u32) -> Result<()> {
    if ebpf_toolchain::linker().is_some() {
        return Ok(());
    }
    let feature = format!("llvm-{llvm}");
    let mut install = sh("cargo")
        .args(["install", "bpf-linker", "--version", LINKER_VERSION])
        .args(["--locked", "--no-default-features", "--features", &feature])
        .downloads();
    let prefix = format!("/usr/lib/llvm-{llvm}");
    if Path::new(&prefix).is_dir() {
        install = install.env("LLVM_PREFIX", prefix);
    }
    install.run()
}

fn has_toolchain(name: &str) -> bool {
    sh("rustup")
        .args(["toolchain", "list"])
        .stdout()
        .is_some_and(|list| is_listed(&list, name))
}

/// Whether a `rustup toolchain list` has `name`, linked as it is or installed for some host.
fn is_listed(list: &str, name: &str) -> bool {
    list.lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter_map(|listed| listed.strip_prefix(name))
        .any(|rest| rest.is_empty() || is_host(rest))
}

/// Whether what follows a channel's name is a host and not a date or another name:
/// `-x86_64-unknown-linux-gnu`.
fn is_host(rest: &str) -> bool {
    rest.strip_prefix('-').is_some_and(|host| {
        host.starts_with(|first: char| first.is_ascii_alphabetic()) && host.split('-').count() >= 3
    })
}

fn nightly_llvm() -> Option<u32> {
    let version = sh("rustup")
        .args(["run", NIGHTLY, "rustc", "--version", "--verbose"])
        .stdout()?;
    llvm_major(&version)
}

/// The first number of the LLVM version in `rustc --version --verbose`.
fn llvm_major(version: &str) -> Option<u32> {
    version
        .lines()
        .find_map(|line| line.strip_prefix("LLVM version: "))?
        .split('.')
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "\
stable-x86_64-unknown-linux-gnu (active, default)
nightly-2025-05-30-x86_64-unknown-linux-gnu
debian-bpf
";

    #[test]
    fn a_linked_toolchain_is_found_by_its_name() {
        assert!(is_listed(LIST, "debian-bpf"));
        assert!(is_listed(LIST, "stable"));
        assert!(!is_listed(LIST, "debian"), "another name that begins alike");
    }

    #[test]
    fn a_dated_nightly_is_another_toolchain() {
        assert!(!is_listed(LIST, "nightly"));
        assert!(is_listed(
            "nightly-aarch64-unknown-linux-gnu (default)",
            "nightly"
        ));
    }

    #[test]
    fn the_llvm_of_a_compiler_is_read() {
        let version = "rustc 1.97.0-nightly\nrelease: 1.97.0-nightly\nLLVM version: 22.1.4\n";
        assert_eq!(llvm_major(version), Some(22));
        assert_eq!(llvm_major("rustc 1.97.0"), None);
    }
}
