//! `cargo xtask dist`: what is handed out: one static program with its unit, configuration, manual pages
//! and completions, as a directory, a tar archive and a Debian package.

mod deb;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::sh::{cargo, repository, sh, target_dir};
use crate::{docs, setup};

/// Build what is handed out into target/dist: a static program, laid out as a package, packed
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Target to build for: the host's glibc one, or a musl one that rustup has installed
    #[arg(long, value_name = "TRIPLE", default_value = HOST)]
    target: String,
}

const HOST: &str = "x86_64-unknown-linux-gnu";
/// The C library within the program.
const STATIC: &str = "-C target-feature=+crt-static";

/// Runs `cargo xtask dist`.
pub(crate) fn run(args: &Args) -> Result<()> {
    setup::kernel_side()?;
    let program = build(&args.target)?;
    let dist = target_dir().join("dist");
    let root = dist.join("root");
    lay_out(&program, &root)?;
    let epoch = commit_time().unwrap_or_else(|| "0".into());
    let architecture = args.target.split('-').next().unwrap_or(&args.target);
    let name = format!("tcpmon-{}-{architecture}-linux", env!("CARGO_PKG_VERSION"));
    let archive = pack(&root, &dist, &name, &epoch)?;
    let mut files = vec![archive];
    files.extend(deb::build(&root, &dist, architecture, &epoch)?);
    checksums(&dist, &files)
}

/// Builds the program with the C library in it, and makes sure of that.
fn build(target: &str) -> Result<PathBuf> {
    let variable = target.to_uppercase().replace('-', "_");
    cargo(&["build", "--release", "--locked", "--package", "tcpmon"])
        .args(["--target", target])
        // For this target alone: build scripts and the kernel side are built as ever.
        .env(format!("CARGO_TARGET_{variable}_RUSTFLAGS"), STATIC)
        .run()?;
    let program = target_dir().join(target).join("release/tcpmon");
    let bytes = fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?;
    if has_interpreter(&bytes) {
        bail!(
            "{} is not static: it names an interpreter",
            program.display()
        );
    }
    Ok(program)
}

/// Whether an ELF file of 64 bits, little endian, asks for a dynamic linker: a program header of type
/// `PT_INTERP` (elf(5)). What is no such file has none.
fn has_interpreter(elf: &[u8]) -> bool {
    const PT_INTERP: [u8; 4] = 3_u32.to_le_bytes();
    let number = |at: usize, length: usize| -> Option<usize> {
        let bytes = elf.get(at..at.checked_add(length)?)?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
        )
    };
    let headers = || Some((number(0x20, 8)?, number(0x36, 2)?, number(0x38, 2)?));
    let Some((first, size, count)) = headers() else {
        return false;
    };
    (0..count).any(|index| {
        let at = first.saturating_add(index * size);
        elf.get(at..at.saturating_add(4))
            .is_some_and(|kind| kind == PT_INTERP)
    })
}

/// Each file of the repository, and where a package has it.
const FILES: [(&str, &str); 9] = [
    (
        "deploy/tcpmon.service",
        "usr/lib/systemd/system/tcpmon.service",
    ),
    ("deploy/sysusers.conf", "usr/lib/sysusers.d/tcpmon.conf"),
    ("deploy/tcpmon.toml", "etc/tcpmon/tcpmon.toml"),
    (
        "deploy/namespaces.conf",
        "usr/share/doc/tcpmon/examples/namespaces.conf",
    ),
    ("README.md", "usr/share/doc/tcpmon/README.md"),
    ("CHANGELOG.md", "usr/share/doc/tcpmon/CHANGELOG.md"),
    ("LICENSE-APACHE", "usr/share/doc/tcpmon/LICENSE-APACHE"),
    ("LICENSE-MIT", "usr/share/doc/tcpmon/LICENSE-MIT"),
    ("deploy/copyright", "usr/share/doc/tcpmon/copyright"),
];
/// Directories of the repository whose files a package has.
const DIRECTORIES: [(&str, &str); 1] = [("deploy/prometheus", "usr/share/doc/tcpmon/prometheus")];

fn lay_out(program: &Path, root: &Path) -> Result<()> {
    if root.exists() {
        fs::remove_dir_all(root).with_context(|| format!("cannot remove {}", root.display()))?;
    }
    install(program, &root.join("usr/bin/tcpmon"), 0o755)?;
    for (from, to) in FILES {
        install(&repository().join(from), &root.join(to), 0o644)?;
    }
    for (from, to) in DIRECTORIES {
        // An empty one, or none, is no error: not every checkout has all of them.
        for entry in fs::read_dir(repository().join(from))
            .into_iter()
            .flatten()
            .flatten()
        {
            if entry.path().is_file() {
                install(&entry.path(), &root.join(to).join(entry.file_name()), 0o644)?;
            }
        }
    }
    docs::package_with(&root.join("usr/bin/tcpmon"), &root.join("usr/share"))
}

fn install(from: &Path, to: &Path, mode: u32) -> Result<()> {
    let context = || format!("cannot install {} as {}", from.display(), to.display());
    fs::create_dir_all(to.parent().with_context(context)?).with_context(context)?;
    fs::copy(from, to).with_context(context)?;
    fs::set_permissions(to, Permissions::from_mode(mode)).with_context(context)
}

/// Seconds since 1970 of the last commit: the time of every file, so that the same source gives the same
/// bytes.
fn commit_time() -> Option<String> {
    let time = sh("git")
        .args(["log", "-1", "--format=%ct"])
        .dir(&repository())
        .stdout()?;
    Some(time.trim().to_owned()).filter(|time| !time.is_empty())
}

fn pack(root: &Path, dist: &Path, name: &str, epoch: &str) -> Result<PathBuf> {
    let archive = dist.join(format!("{name}.tar.gz"));
    sh("tar")
        .args(["--create", "--sort=name", "--format=gnu"])
        .args([
            "--owner=0",
            "--group=0",
            "--numeric-owner",
            "--mode=u+rw,go+r-w",
        ])
        .args([
            format!("--mtime=@{epoch}"),
            format!("--transform=s,^\\./,{name}/,S"),
        ])
        // -n: neither name nor time in the header.
        .args(["--use-compress-program=gzip -9n", "--file"])
        .args([&archive])
        .args(["--directory"])
        .args([root])
        .args(["."])
        .run()?;
    Ok(archive)
}

fn checksums(dist: &Path, files: &[PathBuf]) -> Result<()> {
    let names = files.iter().filter_map(|file| file.file_name());
    let sums = sh("sha256sum").args(names).dir(dist).stdout();
    let sums = sums.context("sha256sum failed")?;
    let file = dist.join("SHA256SUMS");
    fs::write(&file, &sums).with_context(|| format!("cannot write {}", file.display()))?;
    print!("{sums}");
    println!("{} has them", dist.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of an ELF file with one program header of `kind`.
    fn elf(kind: u32) -> Vec<u8> {
        let mut bytes = vec![0; 0x40];
        bytes[0x20] = 0x40;
        bytes[0x36] = 0x38;
        bytes[0x38] = 1;
        bytes.extend(kind.to_le_bytes());
        bytes.resize(0x40 + 0x38, 0);
        bytes
    }

    #[test]
    fn a_static_program_names_no_interpreter() {
        assert!(has_interpreter(&elf(3)));
        assert!(!has_interpreter(&elf(1)));
        assert!(!has_interpreter(b"#!/bin/sh\n"));
        assert!(!has_interpreter(&elf(3)[..0x42]));
    }

    #[test]
    fn every_file_of_a_package_is_in_the_repository() {
        for (file, _) in FILES {
            assert!(repository().join(file).is_file(), "{file}");
        }
    }
}
