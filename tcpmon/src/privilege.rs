//! Capabilities: what each thread keeps after the programs are attached.
//!
//! Capabilities belong to threads. The sweeper keeps the few it needs to enter namespaces and to
//! look into other processes; every other thread, those of the runtime included, has none.

use std::fmt;

use caps::{CapSet, Capability, CapsHashSet};

use anyhow::Context as _;

/// What the sweeper needs, each with its reason.
pub const SWEEPER: &[(Capability, &str)] = &[
    (
        Capability::CAP_SYS_ADMIN,
        "enter other network namespaces (setns)",
    ),
    (
        Capability::CAP_SYS_PTRACE,
        "open the namespace files of other users' processes",
    ),
    (
        Capability::CAP_DAC_READ_SEARCH,
        "list the file descriptors of other users' processes",
    ),
    (Capability::CAP_BPF, "run the task/file iterator"),
    (Capability::CAP_PERFMON, "run the task/file iterator"),
];

/// What loading and attaching needs.
pub const LOADER: &[(Capability, &str)] = &[
    (Capability::CAP_BPF, "load programs and maps"),
    (
        Capability::CAP_PERFMON,
        "attach programs that read kernel memory",
    ),
];

/// The capabilities of the calling thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held(CapsHashSet);

impl Held {
    /// Reads the effective set of the calling thread.
    ///
    /// # Errors
    ///
    /// The kernel does not tell.
    pub fn read() -> anyhow::Result<Self> {
        let held = caps::read(None, CapSet::Effective).context("cannot read the capabilities")?;
        Ok(Self(held))
    }

    /// Whether `capability` is there. Before Linux 5.8 CAP_SYS_ADMIN stood for CAP_BPF and
    /// CAP_PERFMON, and it still implies them.
    #[must_use]
    pub fn has(&self, capability: Capability) -> bool {
        let implied = matches!(capability, Capability::CAP_BPF | Capability::CAP_PERFMON)
            && self.0.contains(&Capability::CAP_SYS_ADMIN);
        implied || self.0.contains(&capability)
    }

    /// The names of those of `wanted` that are not there.
    #[must_use]
    pub fn missing(&self, wanted: &[(Capability, &'static str)]) -> Vec<String> {
        wanted
            .iter()
            .filter(|(capability, _)| !self.has(*capability))
            .map(|(capability, _)| capability.to_string())
            .collect()
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        names.sort();
        if names.is_empty() {
            return f.write_str("none");
        }
        f.write_str(&names.join(" "))
    }
}

/// Gives up every capability of the calling thread but those of `keep` it has, and verifies it.
///
/// # Errors
///
/// The kernel refuses, or the thread still has more than it should: then it must not go on.
pub fn keep_only(keep: &[(Capability, &'static str)]) -> anyhow::Result<()> {
    let permitted = caps::read(None, CapSet::Permitted).context("cannot read the capabilities")?;
    let kept: CapsHashSet = keep
        .iter()
        .map(|(capability, _)| *capability)
        .filter(|capability| permitted.contains(capability))
        .collect();
    // Ambient and inheritable first: a set may not hold what the permitted set lacks.
    if caps::clear(None, CapSet::Ambient).is_err() {
        log::debug!("this kernel has no ambient capabilities");
    }
    caps::set(None, CapSet::Inheritable, &CapsHashSet::new())
        .and_then(|()| caps::set(None, CapSet::Effective, &kept))
        .and_then(|()| caps::set(None, CapSet::Permitted, &kept))
        .context("cannot give up capabilities")?;
    for set in [CapSet::Permitted, CapSet::Effective, CapSet::Inheritable] {
        let left = caps::read(None, set).context("cannot read the capabilities")?;
        anyhow::ensure!(
            left.is_subset(&kept),
            "capabilities that were given up are still there: {left:?}"
        );
    }
    Ok(())
}

/// No thread of this process can gain a privilege by executing a file from now on.
///
/// # Errors
///
/// The kernel refuses.
pub fn no_new_privileges() -> anyhow::Result<()> {
    nix::sys::prctl::set_no_new_privs().context("cannot set no_new_privs")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The capabilities listed below `add:` in a manifest, as CAP_….
    fn added(manifest: &str) -> Vec<String> {
        let (_, list) = manifest.split_once("add:\n").expect("a list");
        let lines = list.lines().map(str::trim);
        let words = lines.take_while(|line| line.starts_with(['-', '#']));
        let names = words.filter_map(|line| line.strip_prefix("- "));
        names.map(|name| format!("CAP_{name}")).collect()
    }

    #[test]
    fn the_manifest_grants_what_is_needed_and_no_more() {
        let manifest = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../deploy/kubernetes/base/daemonset.yaml"
        );
        let mut granted = added(&std::fs::read_to_string(manifest).expect("readable"));
        granted.sort();
        let all = SWEEPER.iter().chain(LOADER);
        let mut needed: Vec<String> = all.map(|(capability, _)| capability.to_string()).collect();
        needed.sort();
        needed.dedup();
        assert_eq!(granted, needed);
    }

    #[test]
    fn a_thread_that_keeps_nothing_has_nothing() {
        // Capabilities are per thread: the other tests keep theirs.
        std::thread::spawn(|| {
            keep_only(&[]).expect("giving up needs no privilege");
            let held = Held::read().expect("read");
            assert_eq!(held.to_string(), "none");
            assert_eq!(held.missing(LOADER), ["CAP_BPF", "CAP_PERFMON"]);
        })
        .join()
        .expect("the thread ends");
    }
}
