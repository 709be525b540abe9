//! Programs that the tests call, beyond what a machine has.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::apt;
use crate::sh::{in_path, target_dir};

/// `(program, package)`: reading the kernel's own tables, to compare with ours.
/// `tmux` drives `tcpmon top` as a user does.
const FROM_PACKAGES: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("ss", "iproute2"),
    ("ps", "procps"),
    ("tmux", "tmux"),
];
/// `promtool` checks metrics and alert rules.
const PROMETHEUS: &str = "prometheus";

/// Installs what is missing.
pub(crate) fn install() -> Result<()> {
    let mut packages: Vec<&str> = FROM_PACKAGES
        .iter()
        .filter(|(program, _)| find(program).is_none())
        .map(|(_, package)| *package)
        .collect();
    packages.dedup();
    if packages.is_empty() || apt::can_install(&packages) {
        apt::install(&packages)?;
    } else {
        println!("note: install {packages:?}: tests that need them will fail");
    }
    if find("promtool").is_none() {
        prometheus()?;
    }
    Ok(())
}

/// The program of that name: on `PATH`, or unpacked by [`install`].
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    in_path(program).or_else(|| Some(bin_dir().join(program)).filter(|path| path.is_file()))
}

/// `PATH` with the unpacked programs behind everything else.
pub(crate) fn path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    with_dir(&path, &bin_dir())
}

fn with_dir(path: &OsStr, dir: &Path) -> OsString {
    let dirs = env::split_paths(path).chain([dir.to_owned()]);
    // A directory that PATH cannot hold is left out.
    env::join_paths(dirs).unwrap_or_else(|_| path.to_owned())
}

/// Unpacks Prometheus without installing it: Debian's package would start a service.
fn prometheus() -> Result<()> {
    if !apt::offers(&[PROMETHEUS]) {
        println!("note: apt has no {PROMETHEUS}: tests that need promtool cannot run");
        return Ok(());
    }
    apt::unpack(PROMETHEUS, &tools_dir(), &[])
}

fn tools_dir() -> PathBuf {
    target_dir().join("tools")
}

fn bin_dir() -> PathBuf {
    tools_dir().join("usr/bin")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_has_comes_first() {
        assert_eq!(
            with_dir(OsStr::new("/bin:/sbin"), Path::new("/t/bin")),
            "/bin:/sbin:/t/bin"
        );
    }

    #[test]
    fn a_program_that_is_nowhere_is_not_found() {
        assert_eq!(find("no-such-program"), None);
        assert!(find("sh").is_some());
    }
}
