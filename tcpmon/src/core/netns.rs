//! What to call a network namespace, and when one is gone.

use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

use crate::core::cgroup::Identity;
use crate::core::facts::NetnsIdentity;

/// Inode of the initial network namespace where the kernel fixes it: `NET_NS_INIT_INO` of
/// `include/uapi/linux/nsfs.h` (6.18). Numbers given out at run time begin above.
const INITIAL_INODE: u32 = 0xEFFF_FFF9;

/// What the names of files in `/run/netns` begin with that a container runtime makes up
/// (`pkg/netns/netns_linux.go` of containerd and CRI-O): they say less than the pod.
const MADE_UP: &str = "cni-";

/// What kind of name a network namespace has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameSource {
    /// The initial namespace, that of the machine itself: its name is `host`.
    Host,
    /// A file in `/run/netns`: the name among `ip netns list`.
    IpNetns,
    /// Uid of the Kubernetes pod whose processes live in it.
    Pod,
    /// Id of the container whose processes live in it; its name for LXC.
    Container,
    /// The systemd service that lives in it, as with `PrivateNetwork=`.
    Unit,
}

/// The name of a network namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetnsName {
    /// As users know it. An `ip netns` name is what somebody chose: sanitise before it reaches a
    /// terminal.
    pub text: String,
    /// What kind of name it is.
    pub source: NameSource,
}

/// What is known of a namespace when it is to be named.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence<'a> {
    /// Inode of its nsfs file.
    pub inode: u32,
    /// Kernel threads live in it. They never leave the initial one.
    pub kernel_threads: bool,
    /// The agent lives in it.
    pub own: bool,
    /// Its name in `/run/netns`.
    pub ip_netns: Option<&'a str>,
    /// Control groups of some processes in it.
    pub processes: &'a [Resident],
    /// The agent's own control group. What it says is true of the agent, and of a namespace only if
    /// the agent lives there: in a container one can make further namespaces.
    pub agent: Option<&'a Identity>,
}

/// The control group of a process in a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resident {
    /// What its path says.
    pub identity: Identity,
    /// All processes of the group live in the same network namespace.
    pub undivided: bool,
}

impl NetnsName {
    /// What the evidence says, the most telling first; `None` when nothing but the inode is known.
    #[must_use]
    pub fn of(evidence: &Evidence<'_>) -> Option<Self> {
        if evidence.kernel_threads || evidence.inode == INITIAL_INODE {
            return Some(Self::new("host", NameSource::Host));
        }
        let chosen = evidence
            .ip_netns
            .map(|name| Self::new(name, NameSource::IpNetns));
        match chosen {
            Some(chosen) if !chosen.text.starts_with(MADE_UP) => Some(chosen),
            made_up => evidence.inhabitant().or(made_up),
        }
    }

    fn new(text: &str, source: NameSource) -> Self {
        Self {
            text: text.to_owned(),
            source,
        }
    }
}

impl Evidence<'_> {
    /// The pod, container or unit whose processes live there.
    fn inhabitant(&self) -> Option<NetnsName> {
        let agent = self.agent.filter(|_| !self.own);
        let told = |text: Option<&String>, of_agent: Option<&String>, source| {
            let text = text.filter(|text| Some(*text) != of_agent)?;
            Some(NetnsName::new(text, source))
        };
        let first =
            |name: &dyn Fn(&Resident) -> Option<NetnsName>| self.processes.iter().find_map(name);
        first(&|process| {
            let of_agent = agent.and_then(|agent| agent.pod.as_ref());
            told(process.identity.pod.as_ref(), of_agent, NameSource::Pod)
        })
        .or_else(|| {
            first(&|process| {
                let id = container(&process.identity);
                told(id, agent.and_then(container), NameSource::Container)
            })
        })
        .or_else(|| {
            first(&|process| {
                let name = service(&process.identity).filter(|_| process.undivided);
                told(name, agent.and_then(service), NameSource::Unit)
            })
        })
    }
}

fn container(identity: &Identity) -> Option<&String> {
    identity.container.as_ref().map(|container| &container.id)
}

/// Only services have `PrivateNetwork=`; a scope is what others have put there, a login say.
fn service(identity: &Identity) -> Option<&String> {
    let unit = identity.unit.as_ref()?;
    unit.ends_with(".service").then_some(unit)
}

/// What a search for the namespaces the table has sockets in has found out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Search {
    /// When it began, `CLOCK_BOOTTIME` ns: what was seen to happen in a namespace since shows that
    /// it lived.
    pub began_ns: u64,
    /// Inodes of the namespaces found. One that was found is left to its dump.
    pub found: FxHashSet<u32>,
    /// Inodes of namespaces in which a process holds a socket, of any protocol. Nobody can enter one
    /// that nothing else keeps, but it is there.
    pub kept: FxHashSet<u32>,
    /// Namespaces of which the kernel itself said that they are gone.
    pub denied_by_kernel: FxHashSet<NetnsIdentity>,
    /// Everything that can keep a namespace was looked at: processes and their threads, their
    /// descriptors, what is mounted in front of each of them.
    pub complete: bool,
}

impl Search {
    /// Whether the namespace was not there although it would have been found.
    #[must_use]
    pub fn misses(&self, netns: NetnsIdentity) -> bool {
        netns.inode != 0
            && !self.found.contains(&netns.inode)
            && !self.kept.contains(&netns.inode)
            && (self.complete || self.denied_by_kernel.contains(&netns))
    }
}

#[cfg(test)]
mod tests;
