//! What a guest runs: the kernel tests, tcpmon, and the shared libraries both need.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::cpio::Archive;
use super::{ladder, modules};
use crate::apt;
use crate::sh::{cargo, in_path, sh};

/// Programs of this machine and where a guest has them.
pub(super) struct Payload {
    programs: Vec<(PathBuf, String)>,
    busybox: PathBuf,
}

impl Payload {
    /// Builds what is ours and finds the rest. For `few` tests it is not worth building all anew with
    /// another profile than that of all other tests.
    pub(super) fn build(cache: &Path, few: bool) -> Result<Self> {
        let words = [
            "test",
            "--locked",
            "--package",
            "tcpmon",
            "--features",
            "kernel-tests",
            "--test",
            "kernel",
            "--no-run",
            "--profile",
            if few { "test" } else { "emulated" },
        ];
        cargo(&words).run()?;
        let messages = cargo(&words)
            .args(["--message-format=json"])
            .stdout()
            .context("cargo does not say what it has built")?;
        let tests = executable(&messages, "kernel").context("cargo has built no kernel tests")?;
        let tcpmon = executable(&messages, "tcpmon").context("cargo has built no tcpmon")?;
        let setpriv = in_path("setpriv").context("setpriv is not installed")?;
        Ok(Self {
            programs: vec![
                (tests, "bin/kernel-tests".into()),
                (tcpmon, "bin/tcpmon".into()),
                (setpriv, "usr/bin/setpriv".into()),
            ],
            busybox: busybox(cache)?,
        })
    }

    /// The first file system of a guest with the kernel unpacked at `root`, whose suite script runs
    /// the tests `filter` names, all when it names none.
    pub(super) fn initramfs(&self, root: &Path, filter: &[String]) -> Result<Vec<u8>> {
        let mut archive = Archive::default();
        archive.file("init", include_bytes!("guest.sh"));
        archive.file("bin/busybox", &read(&self.busybox)?);
        let mut libraries = BTreeSet::new();
        for (program, place) in &self.programs {
            archive.file(place, &read(program)?);
            let list = sh("ldd").args([program]).stdout().unwrap_or_default();
            libraries.extend(shared_libraries(&list));
        }
        for library in libraries {
            archive.file(&library, &read(Path::new(&library))?);
        }
        let mut order = String::new();
        for module in modules::collect(root)? {
            let file = format!("{}.ko", module.name);
            archive.file(&format!("modules/{file}"), &module.bytes);
            order.push_str(&file);
            order.push('\n');
        }
        archive.file("modules/order", order.as_bytes());
        for (name, script) in ladder::scripts(filter) {
            archive.file(&format!("guest/{name}"), script.as_bytes());
        }
        Ok(archive.finish())
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Debian's static busybox, unpacked once.
fn busybox(cache: &Path) -> Result<PathBuf> {
    let root = cache.join("busybox");
    let places = ["bin/busybox", "usr/bin/busybox"].map(|place| root.join(place));
    let there = || places.iter().find(|place| place.is_file()).cloned();
    if there().is_none() {
        apt::unpack("busybox-static", &root, &[])?;
    }
    there().context("busybox-static has no busybox")
}

/// The program of that name among cargo's messages.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let of_target = message["target"]["name"] == name;
        let path = message["executable"].as_str()?;
        of_target.then(|| path.into())
    })
}

/// The files `ldd` names.
fn shared_libraries(list: &str) -> Vec<String> {
    let words = list.split_whitespace();
    words
        .filter(|word| word.starts_with('/'))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_libraries_of_a_program_are_read() {
        let list = "\
\tlinux-vdso.so.1 (0x00007fff)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f1)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f2)
";
        let expected = [
            "/lib/x86_64-linux-gnu/libc.so.6",
            "/lib64/ld-linux-x86-64.so.2",
        ];
        assert_eq!(shared_libraries(list), expected);
        assert_eq!(shared_libraries("\tstatically linked\n"), [""; 0]);
    }

    #[test]
    fn what_cargo_has_built_is_found_by_name() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"tcpmon"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"tcpmon"},"executable":"/t/tcpmon"}"#,
            "\nnot json\n",
        );
        assert_eq!(
            executable(messages, "tcpmon"),
            Some(PathBuf::from("/t/tcpmon"))
        );
        assert_eq!(executable(messages, "kernel"), None);
    }
}
