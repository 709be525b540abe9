//! Gathers what a namespace can be named by.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{CURRENT, Discovered};
use crate::core::cgroup::Identity;
use crate::core::netns::{Evidence, NetnsName, Resident};
use crate::source::procfs::cgroup::{CGROUP_ROOT, v2_root};
use crate::source::procfs::{ProcRoot, number, process};

/// `PF_KTHREAD` of `include/linux/sched.h`.
const KERNEL_THREAD: u64 = 0x0020_0000;
/// The father of all kernel threads is the second process of the machine; that of a container is
/// an ordinary one.
const KTHREADD: u32 = 2;

/// Names namespaces.
#[derive(Debug)]
pub struct Namer {
    agent: Option<Identity>,
    /// The namespace of kernel threads, where they can be seen.
    initial: Option<u32>,
}

impl Namer {
    /// Finds out where the agent itself is.
    #[must_use]
    pub fn new(root: &ProcRoot) -> Self {
        let is_kernel_thread =
            process::read_flags(root, KTHREADD).is_some_and(|flags| flags & KERNEL_THREAD != 0);
        Self {
            agent: identity(root, std::process::id()),
            initial: is_kernel_thread.then(|| inode(root, KTHREADD)).flatten(),
        }
    }

    /// What to call `namespace`.
    #[must_use]
    pub fn name(&self, root: &ProcRoot, namespace: &Discovered) -> Option<NetnsName> {
        let mut processes = Vec::new();
        let own = fs::metadata(CURRENT).is_ok_and(|own| own.ino() == u64::from(namespace.inode));
        loop {
            let evidence = Evidence {
                inode: namespace.inode,
                kernel_threads: self.initial == Some(namespace.inode),
                own,
                ip_netns: namespace.ip_netns.as_deref(),
                processes: &processes,
                agent: self.agent.as_ref(),
            };
            // The less read the better: most have a name before all processes have been looked at.
            let name = NetnsName::of(&evidence);
            let next = namespace.pids.get(processes.len());
            match (name, next) {
                (None, Some(pid)) => processes.push(resident(root, *pid, namespace.inode)),
                (name, _) => return name,
            }
        }
    }
}

fn resident(root: &ProcRoot, pid: u32, netns: u32) -> Resident {
    let Some((path, identity)) = read(root, pid) else {
        return Resident::default();
    };
    let undivided = identity.unit.is_some() && is_undivided(root, &path, netns);
    Resident {
        identity,
        undivided,
    }
}

fn identity(root: &ProcRoot, pid: u32) -> Option<Identity> {
    read(root, pid).map(|(_, identity)| identity)
}

/// The process's control group, and what the paths of all hierarchies say.
fn read(root: &ProcRoot, pid: u32) -> Option<(String, Identity)> {
    let text = fs::read_to_string(root.of(pid, "cgroup")).ok()?;
    let path = process::parse_cgroup(&text).unwrap_or_default().to_owned();
    Some((path, Identity::from_proc(&text)))
}

/// Whether all processes of the group are in the namespace; not if that cannot be told.
fn is_undivided(root: &ProcRoot, path: &str, netns: u32) -> bool {
    let mount = Path::new(CGROUP_ROOT);
    let trees = [v2_root(mount), Some(mount.join("systemd"))];
    let file = |tree: PathBuf| tree.join(path.trim_start_matches('/')).join("cgroup.procs");
    let texts = trees.into_iter().flatten().map(file);
    let text = texts
        .filter_map(|file| fs::read_to_string(file).ok())
        .find(|text| !text.is_empty());
    let text = text.unwrap_or_default();
    let mut pids = text.lines().filter_map(number::<u32>).peekable();
    // One that has ended meanwhile is in no namespace.
    pids.peek().is_some() && pids.all(|pid| inode(root, pid).is_none_or(|inode| inode == netns))
}

fn inode(root: &ProcRoot, pid: u32) -> Option<u32> {
    let file = fs::metadata(root.of(pid, "ns/net")).ok()?;
    u32::try_from(file.ino()).ok()
}
