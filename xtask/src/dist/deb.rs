//! The Debian package, made of the directory that is there by dpkg-deb(1).

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::sh::{in_path, repository, sh};

/// Scripts of the package: makes the user, tells systemd. Nothing is enabled or started: whoever wants
/// the agent to watch says so.
const POSTINST: &str = "\
#!/bin/sh
set -e
if command -v systemd-sysusers >/dev/null; then
    systemd-sysusers tcpmon.conf
fi
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    # After an upgrade the new program runs, where the old one did.
    systemctl try-restart tcpmon.service || true
fi
";
const PRERM: &str = "\
#!/bin/sh
set -e
if [ \"$1\" = remove ] && [ -d /run/systemd/system ]; then
    systemctl disable --now tcpmon.service || true
fi
";
const POSTRM: &str = "\
#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi
if [ \"$1\" = purge ]; then
    rm -rf /var/lib/tcpmon /var/lib/private/tcpmon
fi
";
const SCRIPTS: [(&str, &str); 3] = [("postinst", POSTINST), ("prerm", PRERM), ("postrm", POSTRM)];
const CONFIGURATION: &str = "/etc/tcpmon/tcpmon.toml\n";

/// Packs `root`; `None` where there is no dpkg-deb.
pub(super) fn build(
    root: &Path,
    dist: &Path,
    architecture: &str,
    epoch: &str,
) -> Result<Option<PathBuf>> {
    if in_path("dpkg-deb").is_none() {
        println!("note: dpkg-deb is missing: no Debian package is made");
        return Ok(None);
    }
    let architecture = debian(architecture);
    let version = env!("CARGO_PKG_VERSION");
    let control = root.join("DEBIAN");
    fs::create_dir_all(&control).with_context(|| format!("cannot make {}", control.display()))?;
    write(
        &control.join("control"),
        &control_file(version, architecture, size(root)?),
        0o644,
    )?;
    write(&control.join("conffiles"), CONFIGURATION, 0o644)?;
    write(&control.join("md5sums"), &sums(root)?, 0o644)?;
    for (name, script) in SCRIPTS {
        write(&control.join(name), script, 0o755)?;
    }
    let package = dist.join(format!("tcpmon_{version}_{architecture}.deb"));
    sh("dpkg-deb")
        .args(["--root-owner-group", "-Zxz", "--build"])
        .args([root, &package])
        .env("SOURCE_DATE_EPOCH", epoch)
        .run()?;
    // The directory stays what an image is made of.
    fs::remove_dir_all(&control).with_context(|| format!("cannot remove {}", control.display()))?;
    Ok(Some(package))
}

fn debian(architecture: &str) -> &str {
    match architecture {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn control_file(version: &str, architecture: &str, kibibytes: u64) -> String {
    format!(
        "Package: tcpmon\n\
         Version: {version}\n\
         Architecture: {architecture}\n\
         Maintainer: {}\n\
         Installed-Size: {kibibytes}\n\
         Section: net\n\
         Priority: optional\n\
         Description: says which process leaks TCP connections\n \
         Watches every TCP state transition of the machine with eBPF and keeps the\n \
         state of every socket in every network namespace: since when it is in it,\n \
         whose it is, and what is wrong. Metrics for Prometheus, a terminal view, and\n \
         an agent that needs Linux 5.8 or later.\n",
        packager()
    )
}

/// Whoever builds the package, as dch(1) and git know them.
fn packager() -> String {
    let git = |key: &str| {
        let value = sh("git")
            .args(["config", key])
            .dir(&repository())
            .stdout()?;
        Some(value.trim().to_owned()).filter(|value| !value.is_empty())
    };
    let known = |variable: &str, key: &str| std::env::var(variable).ok().or_else(|| git(key));
    let name = known("DEBFULLNAME", "user.name").unwrap_or_else(|| "unknown".into());
    let address = known("DEBEMAIL", "user.email").unwrap_or_else(|| "unknown@localhost".into());
    format!("{name} <{address}>")
}

/// KiB of all files, each rounded up.
fn size(root: &Path) -> Result<u64> {
    let sizes = files(root)?
        .into_iter()
        .map(|file| fs::metadata(root.join(file)));
    let mut sum = 0;
    for metadata in sizes {
        sum += metadata.context("a file is gone")?.len().div_ceil(1024);
    }
    Ok(sum)
}

fn sums(root: &Path) -> Result<String> {
    let files = files(root)?;
    sh("md5sum")
        .args(files)
        .dir(root)
        .stdout()
        .context("md5sum failed")
}

/// The files of the package, relative to its root, sorted.
fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(root, Path::new(""), &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(root: &Path, below: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let directory = root.join(below);
    let context = || format!("cannot list {}", directory.display());
    for entry in fs::read_dir(&directory).with_context(context)? {
        let entry = entry.with_context(context)?;
        let path = below.join(entry.file_name());
        if path == Path::new("DEBIAN") {
            continue;
        }
        match entry.file_type().with_context(context)?.is_dir() {
            true => collect(root, &path, found)?,
            false => found.push(path),
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    let context = || format!("cannot write {}", path.display());
    fs::write(path, text).with_context(context)?;
    fs::set_permissions(path, Permissions::from_mode(mode)).with_context(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_file_has_what_dpkg_wants() {
        let text = control_file("1.2.3", debian("aarch64"), 12);
        for line in [
            "Package: tcpmon",
            "Version: 1.2.3",
            "Architecture: arm64",
            "Installed-Size: 12",
        ] {
            assert!(text.lines().any(|have| have == line), "{line}");
        }
        let described = text
            .lines()
            .skip_while(|line| !line.starts_with("Description:"));
        assert!(described.skip(1).all(|line| line.starts_with(' ')));
    }

    #[test]
    fn files_are_listed_without_those_of_the_package_itself() {
        let root = tempfile::tempdir().unwrap();
        for file in ["DEBIAN/control", "usr/bin/b", "etc/a"] {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        assert_eq!(
            files(root.path()).unwrap(),
            [Path::new("etc/a"), Path::new("usr/bin/b")]
        );
        assert_eq!(size(root.path()).unwrap(), 2);
    }
}
