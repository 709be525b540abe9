//! One boot of a guest.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::guest::Said;
use super::kernel::Kernel;
use super::ladder::Variant;
use crate::sh::{in_path, sh};
use crate::{apt, vm::cache};

const QEMU: &str = "qemu-system-x86_64";
const PACKAGE: &str = "qemu-system-x86";
/// How much of a console tells why its kernel stopped.
const LAST_LINES: usize = 40;

/// Why no guest can be booted here; `None` when it can. Installs QEMU when it is missing.
pub(super) fn obstacle(ci: bool) -> Option<String> {
    if cfg!(not(target_arch = "x86_64")) {
        return Some("the kernels are for x86_64, this machine is not".into());
    }
    if in_path(QEMU).is_some() {
        return None;
    }
    if !apt::can_install(&[PACKAGE]) {
        return Some(format!(
            "{QEMU} is not installed, and apt cannot install {PACKAGE}"
        ));
    }
    if let Err(error) = apt::install(&[PACKAGE]) {
        // A newer qemu-utils than the suite's own may be in the way. Nobody misses it there.
        if !ci || apt::install_without(PACKAGE, "qemu-utils").is_err() {
            return Some(format!("{PACKAGE} cannot be installed: {error:#}"));
        }
    }
    None
}

/// Boots `kernel` and returns what the guest said, and all of its output.
pub(super) fn boot(
    kernel: &Kernel,
    initramfs: &Path,
    variant: Variant,
    append: &str,
) -> Result<(Said, String)> {
    let [console, port] = ["console", "guest"].map(|name| cache().join(name));
    for file in [&console, &port] {
        fs::write(file, "").with_context(|| format!("cannot write {}", file.display()))?;
    }
    let limit = variant.limit_s().to_string();
    let ended = sh("nice")
        // The guest's own end of time: a hang is a failure like another.
        .args(["timeout", "--foreground", "-k", "5", &limit, QEMU])
        .args(["-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max"])
        .args(["-smp", "2", "-m", "1024", "-nodefaults", "-no-user-config"])
        .args(["-display", "none", "-no-reboot"])
        .args(["-serial", &format!("file:{}", console.display())])
        .args(["-serial", &format!("file:{}", port.display())])
        .args(["-kernel".as_ref(), kernel.image.as_path()])
        .args(["-initrd".as_ref(), initramfs])
        .args(["-append", &command_line(variant, append)])
        .run();
    let output = text(&port);
    let said = Said::parse(&output);
    if said.status.is_none() {
        let reason = ended.err().map_or_else(
            || "the guest ended without a word".to_owned(),
            |error| format!("{error:#}"),
        );
        anyhow::bail!(
            "{reason}\n{output}\nthe end of its console:\n{}",
            last_lines(&text(&console))
        );
    }
    Ok((said, output))
}

fn command_line(variant: Variant, append: &str) -> String {
    let words = [
        "console=ttyS0 loglevel=5 panic=-1 oops=panic",
        &format!("tcpmon.script={}", variant.name()),
        variant.words(),
        append,
    ];
    let words = words.into_iter().filter(|words| !words.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).replace('\r', "")
}

fn last_lines(console: &str) -> String {
    let lines: Vec<&str> = console.lines().collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_names_the_script() {
        assert_eq!(
            command_line(Variant::Lockdown, "debug"),
            "console=ttyS0 loglevel=5 panic=-1 oops=panic tcpmon.script=lockdown \
             lockdown=confidentiality debug"
        );
        assert!(command_line(Variant::Suite, "").ends_with("tcpmon.script=suite"));
    }

    #[test]
    fn of_a_console_the_end_is_shown() {
        assert_eq!(last_lines("one\ntwo"), "one\ntwo");
        assert_eq!(last_lines(&"x\n".repeat(100)).lines().count(), LAST_LINES);
    }
}
