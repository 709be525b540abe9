//! Debian's packages, where there is apt.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::sh::{can_be_root, in_path, sh};

/// Whether apt offers every one of `packages` and they can be installed from here.
pub(crate) fn can_install(packages: &[&str]) -> bool {
    if missing(packages).is_empty() {
        return true;
    }
    can_be_root() && offers(packages)
}

/// Whether apt offers every one of `packages`, asking its servers when it does not know them.
pub(crate) fn offers(packages: &[&str]) -> bool {
    if in_path("apt-get").is_none() {
        return false;
    }
    if knows(packages) {
        return true;
    }
    // A fresh machine has no package lists. One source that does not answer is no reason to stop.
    let update = sh("apt-get").args(["update"]).root().downloads().run();
    if let Err(error) = update {
        println!("note: {error:#}; going on with the package lists there are");
    }
    knows(packages)
}

/// Installs those of `packages` that are missing.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    get_install(&missing)
}

/// Installs `package` and removes `other`, which is in its way.
pub(crate) fn install_without(package: &str, other: &str) -> Result<()> {
    get_install(&[package, &format!("{other}-")])
}

fn get_install(words: &[&str]) -> Result<()> {
    sh("apt-get")
        .args(["install", "-y", "--no-install-recommends"])
        .args(words)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .root()
        .downloads()
        .run()
}

/// Downloads `package` and unpacks it into `dir` without installing it. `options` say where apt looks.
pub(crate) fn unpack(package: &str, dir: &Path, options: &[String]) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    sh("apt-get")
        .args(options)
        // Without it, apt run by root complains that its own user cannot write here.
        .args(["-o", "APT::Sandbox::User=root", "download", package])
        .dir(dir)
        .downloads()
        .run()?;
    let archive = archive(dir)?;
    sh("dpkg").args(["-x"]).args([&archive, dir]).run()?;
    fs::remove_file(&archive).with_context(|| format!("cannot remove {}", archive.display()))
}

fn archive(dir: &Path) -> Result<PathBuf> {
    fs::read_dir(dir)
        .with_context(|| format!("cannot read {}", dir.display()))?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension() == Some(OsStr::new("deb")))
        .with_context(|| format!("no package was downloaded into {}", dir.display()))
}

fn missing<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    packages
        .iter()
        .copied()
        .filter(|package| !is_installed(package))
        .collect()
}

fn is_installed(package: &str) -> bool {
    sh("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", package])
        .stdout()
        .is_some_and(|status| status == "installed")
}

fn knows(packages: &[&str]) -> bool {
    sh("apt-cache")
        .args(["policy"])
        .args(packages)
        .env("LC_ALL", "C")
        .stdout()
        .is_some_and(|policy| candidates(&policy) == packages.len())
}

/// How many packages of an `apt-cache policy` have a version to install.
fn candidates(policy: &str) -> usize {
    policy
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("Candidate: "))
        .filter(|version| *version != "(none)")
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_packages_with_a_version_count() {
        let policy = "\
iproute2:
  Installed: (none)
  Candidate: 6.1.0-3
  Version table:
     6.1.0-3 500
virtual-only:
  Installed: (none)
  Candidate: (none)
  Version table:
";
        assert_eq!(candidates(policy), 1);
        assert_eq!(candidates(""), 0);
    }
}
