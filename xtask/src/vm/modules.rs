//! Kernel modules a guest needs: found in an unpacked package, decompressed, in loading order.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::sh::sh;

/// What the tests and the agent ask of a kernel beyond what Debian builds in.
const WANTED: &[&str] = &["tcp_diag", "veth", "dummy", "sch_netem", "tun"];

/// A module, ready for `insmod`.
pub(super) struct Module {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// The wanted modules below `root` and those they depend on, dependencies first. What is not there is
/// built in.
pub(super) fn collect(root: &Path) -> Result<Vec<Module>> {
    let mut files = BTreeMap::new();
    for place in ["lib/modules", "usr/lib/modules"] {
        index(&root.join(place), &mut files);
    }
    let mut modules = Vec::new();
    for name in WANTED {
        add(name, &files, &mut modules)?;
    }
    Ok(modules)
}

fn index(dir: &Path, files: &mut BTreeMap<String, PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            index(&path, files);
        } else if let Some(name) = module_name(&path) {
            files.insert(name, path);
        }
    }
}

/// `net/inet-diag.ko.xz` is `inet_diag`.
fn module_name(path: &Path) -> Option<String> {
    let (name, rest) = path.file_name()?.to_str()?.split_once('.')?;
    rest.starts_with("ko").then(|| name.replace('-', "_"))
}

fn add(name: &str, files: &BTreeMap<String, PathBuf>, into: &mut Vec<Module>) -> Result<()> {
    let Some(path) = files.get(name) else {
        return Ok(());
    };
    if into.iter().any(|module| module.name == name) {
        return Ok(());
    }
    let bytes = content(path)?;
    for needed in dependencies(&bytes) {
        add(&needed, files, into)?;
    }
    let name = name.to_owned();
    into.push(Module { name, bytes });
    Ok(())
}

fn content(path: &Path) -> Result<Vec<u8>> {
    let program = match path.extension().and_then(|extension| extension.to_str()) {
        Some("xz") => "xz",
        Some("zst") => "zstd",
        _ => return fs::read(path).with_context(|| format!("cannot read {}", path.display())),
    };
    sh(program)
        .args(["-d", "-q", "-c"])
        .args([path])
        .bytes()
        .with_context(|| format!("{program} cannot decompress {}", path.display()))
}

/// What `depends=` in the module's own description names.
fn dependencies(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|bytes| bytes == KEY) else {
        return Vec::new();
    };
    let list = module[at + KEY.len()..].split(|byte| *byte == 0).next();
    String::from_utf8_lossy(list.unwrap_or_default())
        .split(',')
        .filter(|name| !name.is_empty())
        .map(|name| name.replace('-', "_"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(root: &Path) -> Vec<String> {
        let modules = collect(root).expect("readable");
        modules.into_iter().map(|module| module.name).collect()
    }

    #[test]
    fn a_module_comes_after_what_it_depends_on_and_once() {
        let root = tempfile::tempdir().expect("a directory");
        let net = root.path().join("usr/lib/modules/9.9/net");
        fs::create_dir_all(&net).expect("made");
        let module = |name: &str, text: &[u8]| fs::write(net.join(name), text).expect("written");
        module("tcp_diag.ko", b"x\0depends=inet_diag,base\0license=GPL\0");
        module("inet-diag.ko", b"x\0depends=base\0");
        module("base.ko", b"x\0depends=\0");
        module("other.ko", b"x\0depends=\0");
        module("notes.txt", b"");
        assert_eq!(names(root.path()), ["base", "inet_diag", "tcp_diag"]);
    }

    #[test]
    fn a_module_without_a_description_depends_on_nothing() {
        assert_eq!(dependencies(b"ELF"), [""; 0]);
        assert_eq!(dependencies(b"\0depends=a-b,c\0"), ["a_b", "c"]);
    }
}
