//! Provides the kernel side as `$OUT_DIR/tcpmon-ebpf`:
//! 1. `TCPMON_BPF_OBJECT=FILE`: a finished object; `TCPMON_BPF_OBJECT=none`: a placeholder.
//! 2. The object built with the toolchain that `cargo xtask setup` installs.
//! 3. Without that toolchain: an error in a release build, a placeholder otherwise, so that
//!    linting, unit tests and everything that needs no kernel work on any machine.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context as _, bail};

#[path = "../xtask/src/ebpf_toolchain.rs"]
mod ebpf_toolchain;

const OBJECT_VARIABLE: &str = "TCPMON_BPF_OBJECT";

fn main() -> anyhow::Result<()> {
    println!("cargo:rerun-if-env-changed={OBJECT_VARIABLE}");
    println!("cargo:rerun-if-env-changed={}", ebpf_toolchain::VARIABLE);
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../xtask/src/ebpf_toolchain.rs");
    println!("cargo:rerun-if-changed=../tcpmon-common/src");
    let object =
        PathBuf::from(env::var_os("OUT_DIR").context("OUT_DIR is not set")?).join("tcpmon-ebpf");
    match env::var(OBJECT_VARIABLE) {
        Ok(value) if value == "none" => placeholder(&object),
        Ok(value) if !value.is_empty() => copy(Path::new(&value), &object),
        _ => build(&object),
    }
}

fn build(object: &Path) -> anyhow::Result<()> {
    let toolchain = ebpf_toolchain::find().filter(|_| ebpf_toolchain::linker().is_some());
    let Some(toolchain) = toolchain else {
        if env::var("PROFILE").as_deref() == Ok("release") {
            bail!(
                "no toolchain can build the kernel side: run `cargo xtask setup`, or set \
                 {OBJECT_VARIABLE} to a finished object or to `none`"
            );
        }
        println!(
            "cargo:warning=no eBPF toolchain: this build cannot watch the kernel (`cargo xtask setup` installs one)"
        );
        // A path that never exists makes cargo look again at every build.
        println!("cargo:rerun-if-changed=no-ebpf-toolchain-yet");
        return placeholder(object);
    };
    // aya-ebpf uses inline assembly that is unstable on this target; on a stable compiler its name
    // here lets that one crate through. On a nightly it changes nothing.
    //
    // SAFETY: a build script's main thread, before any other thread exists.
    #[expect(unsafe_code, reason = "set_var is unsafe only beside other threads")]
    unsafe {
        env::set_var("RUSTC_BOOTSTRAP", "aya_ebpf");
    }
    let manifest_dir = env::var("CARGO_MANIFEST_DIR").context("CARGO_MANIFEST_DIR is not set")?;
    let package = aya_build::Package {
        name: "tcpmon-ebpf",
        root_dir: &format!("{manifest_dir}/../tcpmon-ebpf"),
        ..Default::default()
    };
    aya_build::build_ebpf([package], aya_build::Toolchain::Custom(&toolchain))
        .with_context(|| format!("building the kernel side with toolchain {toolchain:?} failed"))
}

fn copy(from: &Path, object: &Path) -> anyhow::Result<()> {
    println!("cargo:rerun-if-changed={}", from.display());
    fs::copy(from, object).with_context(|| {
        format!(
            "cannot read the object {} named by {OBJECT_VARIABLE}",
            from.display()
        )
    })?;
    Ok(())
}

fn placeholder(object: &Path) -> anyhow::Result<()> {
    fs::write(object, []).with_context(|| format!("cannot write {}", object.display()))
}
