//! The network namespaces of the machine: finds them, enters them.

mod deep;
mod handle;
mod mounts;
mod naming;
mod seek;

use std::fs::{self, File, Metadata};
use std::io;
use std::marker::PhantomData;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, setns};
use rustc_hash::FxHashMap;

use crate::core::facts::NetnsIdentity;
use crate::core::netns::NetnsName;
use crate::source::procfs::ProcRoot;

pub use naming::Namer;
pub use seek::Seeker;

/// Where `ip netns` keeps a file per namespace. `/var/run` is a second place only where it is no
/// link to `/run`.
pub const NAMED: [&str; 2] = ["/run/netns", "/var/run/netns"];

/// Processes of a namespace that are looked at for its name. The first that tells is enough; those
/// before it are visitors.
const SOME: usize = 4;

/// The namespace of the calling thread, whatever `/proc` is searched.
const CURRENT: &str = "/proc/thread-self/ns/net";

/// Inode of the namespace this thread is in; `None` where `/proc` does not tell.
#[must_use]
pub fn own_inode() -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    let file = std::fs::metadata(CURRENT).ok()?;
    u32::try_from(file.ino()).ok()
}

/// A network namespace and a way to open it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    /// Inode of the nsfs file. The kernel gives it to the next namespace as soon as this one is
    /// gone.
    pub inode: u32,
    /// What leads there.
    pub way: Way,
    /// The name `ip netns` knows it by.
    pub ip_netns: Option<String>,
    /// Some processes in it, the first found first.
    pub pids: Vec<u32>,
    /// What to call it, once that has been found out.
    pub name: Option<NetnsName>,
}

/// How to open a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// A file that leads there; to the own namespace only from the thread that searched.
    Path(PathBuf),
    /// The kernel finds it by its cookie: no file leads there.
    Cookie(NetnsIdentity),
}

impl Way {
    fn open(&self) -> io::Result<File> {
        match self {
            Self::Path(path) => File::open(path),
            Self::Cookie(identity) => handle::open(*identity),
        }
    }
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Cookie(identity) => write!(f, "cookie {}", identity.cookie),
        }
    }
}

impl Discovered {
    fn at(inode: u32, way: Way) -> Self {
        Self {
            inode,
            way,
            ip_netns: None,
            pids: Vec::new(),
            name: None,
        }
    }

    /// A process in it.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.pids.first().copied()
    }
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// Each namespace once, that of the calling thread first, then in the order of `/proc`.
    pub namespaces: Vec<Discovered>,
    /// Processes whose namespace may not be known: `CAP_SYS_PTRACE` is missing.
    pub denied: u64,
    /// Processes that ended during the search.
    pub vanished: u64,
}

/// Finds the namespaces in which a process lives, which have a name in one of `named` (normally
/// [`NAMED`]), or are mounted elsewhere where the caller sees it. About 2 µs per process.
///
/// Not found: a namespace held only by a descriptor, a socket, a thread other than its process's
/// first, or a mount in another mount namespace. A [`Seeker`] finds these.
///
/// # Errors
/// When `/proc` cannot be listed, or the caller's own namespace not be told.
pub fn discover<P: AsRef<Path>>(root: &ProcRoot, named: &[P]) -> io::Result<Discovery> {
    let own_path = PathBuf::from(CURRENT);
    let own = fs::metadata(&own_path)?;
    let mut search = Search {
        device: own.dev(),
        seen: FxHashMap::default(),
        found: Discovery::default(),
    };
    search.add(&own, own_path, Some(std::process::id()));
    for pid in root.pids()? {
        let path = root.of(pid, "ns/net");
        match fs::metadata(&path) {
            Ok(file) => search.add(&file, path, Some(pid)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                search.found.denied += 1;
            }
            Err(_) => search.found.vanished += 1,
        }
    }
    for directory in named {
        search.add_named(directory.as_ref());
    }
    for mount in mounts::of(&root.0.join("self/mountinfo")).unwrap_or_default() {
        if let Ok(file) = fs::metadata(&mount.path) {
            search.add(&file, mount.path, None);
        }
    }
    Ok(search.found)
}

struct Search {
    /// Device of nsfs: a plain file left in `/run/netns` is on another.
    device: u64,
    /// Where each inode stands among those found.
    seen: FxHashMap<u32, usize>,
    found: Discovery,
}

impl Search {
    fn add(&mut self, file: &Metadata, path: PathBuf, pid: Option<u32>) {
        let Ok(inode) = u32::try_from(file.ino()) else {
            return;
        };
        if file.dev() != self.device {
            return;
        }
        let namespaces = &mut self.found.namespaces;
        let at = *self.seen.entry(inode).or_insert_with(|| {
            namespaces.push(Discovered::at(inode, Way::Path(path)));
            namespaces.len() - 1
        });
        let pids = &mut namespaces[at].pids;
        if let Some(pid) = pid.filter(|_| pids.len() < SOME) {
            pids.push(pid);
        }
    }

    fn add_named(&mut self, directory: &Path) {
        // No directory: nobody ever ran `ip netns`.
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(file) = fs::metadata(&path) else {
                continue;
            };
            self.add(&file, path, None);
            if file.dev() == self.device {
                self.name(file.ino(), &entry.file_name().to_string_lossy());
            }
        }
    }

    fn name(&mut self, inode: u64, name: &str) {
        let namespaces = &mut self.found.namespaces;
        let namespace = namespaces.iter_mut().find(|n| u64::from(n.inode) == inode);
        if let Some(namespace) = namespace {
            namespace.ip_netns.get_or_insert_with(|| name.to_owned());
        }
    }
}

/// The calling thread is in another network namespace; dropping this brings it back.
///
/// # Panics
/// Dropping panics when the way back fails: everything the thread did from then on would be done
/// in the wrong namespace, silently. A thread that panics for another reason at that moment aborts
/// the process.
#[derive(Debug)]
#[must_use = "the thread returns as soon as this is dropped"]
pub struct Entered {
    /// `None` when the thread is at home.
    home: Option<File>,
    /// The namespace belongs to the thread: this must not be dropped on another.
    _thread: PhantomData<*const ()>,
}

/// Moves the calling thread, and no other, into `namespace`. Sockets opened from now on belong
/// there, and `/proc/sys/net` speaks of it. Does nothing when the thread is there already, which
/// also needs no privilege; otherwise it takes `CAP_SYS_ADMIN`.
///
/// # Errors
/// `NotFound` when the namespace is gone, also when its path leads to another by now; `EPERM`.
pub fn enter(namespace: &Discovered) -> io::Result<Entered> {
    let home = File::open(CURRENT)?;
    let own = home.metadata()?;
    if own.ino() == u64::from(namespace.inode) {
        return Ok(Entered::new(None));
    }
    let target = namespace.way.open()?;
    let file = target.metadata()?;
    if (file.dev(), file.ino()) != (own.dev(), u64::from(namespace.inode)) {
        let message = format!(
            "{} is no longer network namespace {}",
            namespace.way, namespace.inode
        );
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    }
    setns(&target, CloneFlags::CLONE_NEWNET)?;
    Ok(Entered::new(Some(home)))
}

impl Entered {
    const fn new(home: Option<File>) -> Self {
        Self {
            home,
            _thread: PhantomData,
        }
    }

    /// Whether the thread had to move.
    #[must_use]
    pub const fn moved(&self) -> bool {
        self.home.is_some()
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let Some(home) = &self.home else {
            return;
        };
        if let Err(error) = setns(home, CloneFlags::CLONE_NEWNET) {
            panic!("cannot return to the thread's own network namespace: {error}");
        }
    }
}

#[cfg(test)]
mod tests;

#[cfg(all(test, feature = "kernel-tests"))]
mod kernel_tests;
