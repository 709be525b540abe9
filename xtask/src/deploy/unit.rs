//! The systemd unit, as systemd-analyze(1) reads it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::Missing;
use crate::sh::{in_path, repository, sh};

const UNIT: &str = "tcpmon.service";
const DROP_IN: &str = "namespaces.conf";
const PROGRAM: &str = "/usr/bin/tcpmon";
/// A program that every machine has.
const STAND_IN: &str = "/usr/bin/env";
/// Exposure in tenths that the unit may have at most, with and without the drop-in. What is left is what
/// it must do: look at other processes, use the network, load programs.
const EXPOSURE: [(bool, &str); 2] = [(false, "25"), (true, "30")];

/// The unit and the drop-in are understood, and as closed as they were.
pub(super) fn check() -> Result<Missing> {
    if in_path("systemd-analyze").is_none() {
        return Ok(Some("systemd-analyze is missing (package systemd)".into()));
    }
    for (with_drop_in, most) in EXPOSURE {
        let root = tempfile::tempdir().context("cannot make a directory")?;
        let unit = install(root.path(), with_drop_in)?;
        verify(&unit)?;
        exposure(&unit, most)?;
    }
    Ok(None)
}

/// The table is long: only its last line is shown, unless it is too much.
fn exposure(unit: &Path, most: &str) -> Result<()> {
    let threshold = format!("--threshold={most}");
    let words = ["security", "--no-pager", "--offline=true", &threshold];
    let table = sh("systemd-analyze").args(words).args([unit]).stdout();
    let table = table.with_context(|| {
        format!("the unit is more exposed than {most} tenths: run `systemd-analyze security`")
    })?;
    println!("{}", table.lines().last().unwrap_or_default());
    Ok(())
}

/// An unknown key is only a warning to systemd-analyze: anything that is said fails.
fn verify(unit: &Path) -> Result<()> {
    let said = sh("sh")
        .args([
            "-c",
            "exec systemd-analyze verify --man=no \"$1\" 2>&1",
            "sh",
        ])
        .args([unit])
        .stdout()
        .context("systemd-analyze refuses the unit: run `systemd-analyze verify`")?;
    match said.is_empty() {
        true => Ok(()),
        false => bail!("systemd-analyze says of the unit:\n{said}"),
    }
}

/// Copies the unit, with a program in the place of tcpmon, which is not installed; says where it is.
fn install(root: &Path, with_drop_in: bool) -> Result<PathBuf> {
    let deploy = repository().join("deploy");
    let read = |file: &str| {
        fs::read_to_string(deploy.join(file)).with_context(|| format!("cannot read {file}"))
    };
    let unit = root.join(UNIT);
    write(&unit, &read(UNIT)?.replace(PROGRAM, STAND_IN))?;
    if with_drop_in {
        let directory = root.join(format!("{UNIT}.d"));
        fs::create_dir(&directory).context("cannot make a directory")?;
        write(&directory.join(DROP_IN), &read(DROP_IN)?)?;
    }
    Ok(unit)
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
