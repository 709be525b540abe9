//! Which of the namespaces the table has sockets in are there: what an ordinary search did not find
//! is asked of the kernel, and where that does not answer looked for everywhere.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use rustc_hash::FxHashSet;

use super::{CURRENT, Discovered, Discovery, Way, deep, handle};
use crate::core::facts::NetnsIdentity;
use crate::core::netns::Search;
use crate::source::procfs::ProcRoot;

/// Inode of the initial pid namespace: `PID_NS_INIT_INO` of `include/uapi/linux/nsfs.h`, fixed
/// since Linux 3.8. Elsewhere `/proc` does not show every process.
const INITIAL_PIDS: u64 = 0xEFFF_FFFC;

/// Looks for namespaces.
#[derive(Debug, Default)]
pub struct Seeker {
    /// The kernel has answered for a namespace that is not ours. So it knows handles, we may ask,
    /// and a refusal means that there is none.
    kernel_answers: bool,
}

impl Seeker {
    /// Looks for those of `known` that `discovery` has not found, and adds what it finds to it.
    /// `everywhere`: also where that is dear.
    ///
    /// `kept`: tells in which namespaces sockets are held, of any protocol, if that can be told. From
    /// about Linux 6.19 on the kernel denies a namespace that nothing else keeps.
    pub fn complete(
        &mut self,
        root: &ProcRoot,
        discovery: &mut Discovery,
        known: &[NetnsIdentity],
        everywhere: bool,
        kept: &mut dyn FnMut() -> Option<FxHashSet<u32>>,
    ) -> Search {
        let mut search = Search {
            found: discovery
                .namespaces
                .iter()
                .map(|found| found.inode)
                .collect(),
            ..Search::default()
        };
        self.prove(&search.found, known);
        let mut unknown = FxHashSet::default();
        for netns in known {
            if netns.inode == 0 || search.found.contains(&netns.inode) {
                continue;
            }
            match handle::open(*netns) {
                Ok(_) => add(discovery, &mut search, netns.inode, Way::Cookie(*netns)),
                Err(error) if self.kernel_answers && is_stale(&error) && netns.cookie != 0 => {
                    search.denied_by_kernel.insert(*netns);
                }
                Err(_) => {
                    unknown.insert(netns.inode);
                }
            }
        }
        if everywhere && !unknown.is_empty() {
            look_everywhere(root, discovery, &mut search, &unknown);
        }
        if everywhere && (search.complete || !search.denied_by_kernel.is_empty()) {
            search.kept = kept().unwrap_or_default();
        }
        search
    }

    /// Asks for a namespace that is there and not ours.
    fn prove(&mut self, found: &FxHashSet<u32>, known: &[NetnsIdentity]) {
        if self.kernel_answers {
            return;
        }
        let Ok(own) = fs::metadata(CURRENT) else {
            return;
        };
        let foreign = |netns: &&NetnsIdentity| {
            netns.cookie != 0 && u64::from(netns.inode) != own.ino() && found.contains(&netns.inode)
        };
        self.kernel_answers = known
            .iter()
            .filter(foreign)
            .any(|netns| handle::open(*netns).is_ok());
    }
}

fn is_stale(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(libc::ESTALE)
}

fn add(discovery: &mut Discovery, search: &mut Search, inode: u32, way: Way) {
    if search.found.insert(inode) {
        discovery.namespaces.push(Discovered::at(inode, way));
    }
}

fn look_everywhere(
    root: &ProcRoot,
    discovery: &mut Discovery,
    search: &mut Search,
    wanted: &FxHashSet<u32>,
) {
    let found = match deep::seek(root, wanted) {
        Ok(found) => found,
        Err(error) => {
            log::debug!("cannot look for namespaces everywhere: {error}");
            return;
        }
    };
    let pids = fs::metadata(root.0.join("self/ns/pid"));
    let sees_all = pids.is_ok_and(|pids| pids.ino() == INITIAL_PIDS);
    search.complete = sees_all && discovery.denied == 0 && found.denied == 0;
    for (inode, namespace) in found.namespaces {
        add(discovery, search, inode, namespace.way);
    }
}
