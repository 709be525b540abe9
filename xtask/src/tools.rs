//! Programs that the tests call, beyond what a machine has.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use anyhow::Result;

use crate::apt;
use crate::sh::{in_path, sh, target_dir};

/// `(program, package)`: reading the kernel's own tables, to compare with ours.
const FROM_PACKAGES: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("ss", "iproute2"),
    ("ps", "procps"),
    ("python3", "python3"),
    // Judges the unit.
    ("systemd-analyze", "systemd"),
    // Drives `tcpmon top` as a user does.
    ("tmux", "tmux"),
    // Meets the web server, with TLS.
    ("curl", "curl"),
    // Shows the page.
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
];
/// `(program, packages)`: unpacked and not installed, because some would start a service. The last
/// has the program, those before it the libraries that machines do not have.
const UNPACKED: &[(&str, &[&str])] = &[
    // Checks metrics and alert rules, and scrapes and judges as in production.
    ("promtool", &["prometheus"]),
    ("prometheus", &["prometheus"]),
    // Tells of alerts.
    ("prometheus-alertmanager", &["prometheus-alertmanager"]),
    // Counts sockets by state, to compare with.
    ("prometheus-node-exporter", &["prometheus-node-exporter"]),
    // Scrapes the agent, as many do instead of Prometheus.
    ("vmagent", &["victoria-metrics"]),
    // A server that is well, or stands before one that is not; and its load.
    ("nginx", &["nginx"]),
    ("wrk", &["libluajit-5.1-2", "wrk"]),
];

/// Python packages: the reader of a scrape that most others are compared with.
const FROM_PYPI: &[(&str, &str)] = &[("prometheus_client", "prometheus-client==0.26.0")];

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
    for (program, packages) in UNPACKED {
        if find(program).is_none() {
            unpack(program, packages)?;
        }
    }
    python_packages();
    Ok(())
}

/// Puts them where the tests look for them, and nowhere else on the machine.
fn python_packages() {
    let place = tools_dir().join("python");
    for (module, package) in FROM_PYPI {
        if place.join(module).is_dir() {
            continue;
        }
        let install = sh("python3")
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--root-user-action=ignore",
                "--target",
            ])
            .args([place.as_os_str(), OsStr::new(package)])
            .downloads();
        if let Err(error) = install.run() {
            println!(
                "note: {package} is not installed: tests that need it are skipped ({error:#})"
            );
        }
    }
}

/// Unpacks one program, unless it is there.
pub(crate) fn install_one(wanted: &str) -> Result<()> {
    let known = UNPACKED.iter().find(|(program, _)| *program == wanted);
    match known {
        Some((program, packages)) if find(program).is_none() => unpack(program, packages),
        _ => Ok(()),
    }
}

/// The program of that name: on `PATH`, or unpacked by [`install`].
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let unpacked = || bin_dirs().map(|dir| dir.join(program));
    in_path(program).or_else(|| unpacked().into_iter().find(|path| path.is_file()))
}

/// `PATH` with the unpacked programs behind everything else.
pub(crate) fn path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    with_dirs(&path, &bin_dirs())
}

fn with_dirs(path: &OsStr, more: &[PathBuf]) -> OsString {
    let dirs = env::split_paths(path).chain(more.iter().cloned());
    // A directory that PATH cannot hold is left out.
    env::join_paths(dirs).unwrap_or_else(|_| path.to_owned())
}

fn unpack(program: &str, packages: &[&str]) -> Result<()> {
    if !apt::offers(packages) {
        println!("note: apt does not have {packages:?}: tests that need {program} cannot run");
        return Ok(());
    }
    for package in packages {
        apt::unpack(package, &tools_dir(), &[])?;
    }
    Ok(())
}

fn tools_dir() -> PathBuf {
    target_dir().join("tools")
}

fn bin_dirs() -> [PathBuf; 2] {
    ["usr/bin", "usr/sbin"].map(|dir| tools_dir().join(dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_has_comes_first() {
        assert_eq!(
            with_dirs(
                OsStr::new("/bin:/sbin"),
                &["/t/bin".into(), "/t/sbin".into()]
            ),
            "/bin:/sbin:/t/bin:/t/sbin"
        );
    }

    #[test]
    fn a_program_that_is_nowhere_is_not_found() {
        assert_eq!(find("no-such-program"), None);
        assert!(find("sh").is_some());
    }
}
