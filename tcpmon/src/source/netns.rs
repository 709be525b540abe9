//! The network namespaces of the machine: finds them, enters them.

use std::fs::{self, File};
use std::io;
use std::marker::PhantomData;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, setns};
use rustc_hash::FxHashSet;

use crate::source::procfs::ProcRoot;

/// Where `ip netns` keeps a file per namespace. `/var/run` is a second place only where it is no
/// link to `/run`.
pub const NAMED: [&str; 2] = ["/run/netns", "/var/run/netns"];

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
    /// A file that leads there; to the own namespace only from the thread that searched.
    pub path: PathBuf,
    /// The name `ip netns` knows it by.
    pub name: Option<String>,
    /// A process in it.
    pub pid: Option<u32>,
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

/// Finds the namespaces in which a process lives or which have a name in one of `named`
/// (normally [`NAMED`]). About 2 µs per process.
///
/// Not found: a namespace held only by a descriptor, a socket, or a thread other than its
/// process's first.
///
/// # Errors
/// When `/proc` cannot be listed, or the caller's own namespace not be told.
pub fn discover<P: AsRef<Path>>(root: &ProcRoot, named: &[P]) -> io::Result<Discovery> {
    let own_path = PathBuf::from(CURRENT);
    let own = fs::metadata(&own_path)?;
    let mut search = Search {
        device: own.dev(),
        seen: FxHashSet::default(),
        found: Discovery::default(),
    };
    search.add(own.dev(), own.ino(), own_path, Some(std::process::id()));
    for pid in root.pids()? {
        let path = root.of(pid, "ns/net");
        match fs::metadata(&path) {
            Ok(file) => search.add(file.dev(), file.ino(), path, Some(pid)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                search.found.denied += 1;
            }
            Err(_) => search.found.vanished += 1,
        }
    }
    for directory in named {
        search.add_named(directory.as_ref());
    }
    Ok(search.found)
}

struct Search {
    /// Device of nsfs: a plain file left in `/run/netns` is on another.
    device: u64,
    seen: FxHashSet<u32>,
    found: Discovery,
}

impl Search {
    fn add(&mut self, device: u64, inode: u64, path: PathBuf, pid: Option<u32>) {
        let Ok(inode) = u32::try_from(inode) else {
            return;
        };
        if device == self.device && self.seen.insert(inode) {
            self.found.namespaces.push(Discovered {
                inode,
                path,
                name: None,
                pid,
            });
        }
    }

    fn add_named(&mut self, directory: &Path) {
        // No directory: nobody ever ran `ip netns`.
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(file) = fs::metadata(&path) else {
                continue;
            };
            self.add(file.dev(), file.ino(), path, None);
            if file.dev() == self.device {
                self.name(file.ino(), &entry.file_name().to_string_lossy());
            }
        }
    }

    fn name(&mut self, inode: u64, name: &str) {
        let namespaces = &mut self.found.namespaces;
        let namespace = namespaces.iter_mut().find(|n| u64::from(n.inode) == inode);
        if let Some(namespace) = namespace {
            namespace.name.get_or_insert_with(|| name.to_owned());
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
    let target = File::open(&namespace.path)?;
    let file = target.metadata()?;
    if (file.dev(), file.ino()) != (own.dev(), u64::from(namespace.inode)) {
        let path = namespace.path.display();
        let message = format!("{path} is no longer network namespace {}", namespace.inode);
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
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Inode of another namespace file of this process: not a network namespace, but nsfs as well.
    fn inode(kind: &str) -> u32 {
        let file = fs::metadata(format!("/proc/self/ns/{kind}")).expect("proc");
        u32::try_from(file.ino()).expect("nsfs inodes have 32 bits")
    }

    fn process(root: &Path, pid: &str, target: &str) {
        let directory = root.join(pid).join("ns");
        fs::create_dir_all(&directory).expect("a directory");
        symlink(target, directory.join("net")).expect("a link");
    }

    #[test]
    fn each_namespace_once_and_the_own_first() {
        let proc = tempfile::tempdir().expect("a directory");
        let named = tempfile::tempdir().expect("a directory");
        process(proc.path(), "1", "/proc/self/ns/uts");
        process(proc.path(), "2", "/proc/self/ns/uts");
        process(proc.path(), "3", "/proc/self/ns/net");
        process(proc.path(), "4", "/nowhere");
        process(proc.path(), "self", "/proc/self/ns/ipc");
        symlink("/proc/self/ns/uts", named.path().join("blue")).expect("a link");
        symlink("/proc/self/ns/mnt", named.path().join("green")).expect("a link");
        fs::write(named.path().join("stale"), "").expect("a file");

        let root = ProcRoot(proc.path().to_path_buf());
        let found = discover(&root, &[named.path(), Path::new("/nowhere")]).expect("found");

        assert_eq!((found.denied, found.vanished), (0, 1));
        let [own, uts, mnt] = &found.namespaces[..] else {
            panic!("three namespaces, not {found:?}");
        };
        assert_eq!(
            (own.inode, own.pid),
            (inode("net"), Some(std::process::id()))
        );
        assert_eq!(
            (uts.inode, uts.name.as_deref()),
            (inode("uts"), Some("blue"))
        );
        assert!(matches!(uts.pid, Some(1 | 2)));
        assert_eq!(
            (mnt.inode, mnt.name.as_deref()),
            (inode("mnt"), Some("green"))
        );
        assert_eq!((mnt.pid, &mnt.path), (None, &named.path().join("green")));
    }

    #[test]
    fn the_own_namespace_is_entered_without_moving() {
        let found = discover(&ProcRoot::default(), &NAMED).expect("found");
        let own = found.namespaces.first().expect("at least the own");
        assert!(!enter(own).expect("no privilege needed").moved());
    }

    #[test]
    fn a_reused_path_is_refused() {
        let gone = Discovered {
            inode: 1,
            path: "/proc/self/ns/net".into(),
            name: None,
            pid: None,
        };
        let error = enter(&gone).expect_err("another namespace");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}

#[cfg(all(test, feature = "kernel-tests"))]
mod kernel_tests {
    use std::net::TcpListener;
    use std::sync::mpsc;
    use std::thread;

    use nix::sched::unshare;
    use nix::unistd::gettid;
    use tcpmon_common::State;

    use super::*;
    use crate::core::facts::StateSet;
    use crate::source::sockdiag::{Dumper, netns_cookie};

    fn listeners() -> usize {
        let mut count = 0;
        Dumper::open()
            .expect("opens")
            .dump(StateSet::of(&[State::Listen]), false, &mut |rows| {
                count += rows.len();
            })
            .expect("dumps");
        count
    }

    #[test]
    fn enters_another_namespace_and_returns() {
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = mpsc::channel::<()>();
        let other = thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).expect("root");
            // Loopback is down in a new namespace, but one can listen on any address.
            let _listener = TcpListener::bind("0.0.0.0:0").expect("listens");
            let path = PathBuf::from(format!("/proc/self/task/{}/ns/net", gettid()));
            tell.send((path, netns_cookie())).expect("the test waits");
            let _ = stopped.recv();
        });
        let (path, cookie) = told.recv().expect("a namespace");
        let named = tempfile::tempdir().expect("a directory");
        std::os::unix::fs::symlink(path, named.path().join("red")).expect("a link");
        let own_cookie = netns_cookie().expect("a socket");

        let found = discover(&ProcRoot::default(), &[named.path()]).expect("found");
        let red = found
            .namespaces
            .iter()
            .find(|n| n.name.as_deref() == Some("red"));
        let red = red.expect("the new namespace");
        {
            let entered = enter(red).expect("root");
            assert!(entered.moved());
            assert_eq!(netns_cookie().expect("a socket"), cookie.expect("a socket"));
            assert_eq!(listeners(), 1);
        }
        assert_eq!(netns_cookie().expect("a socket"), own_cookie);
        drop(stop);
        other.join().expect("no panic");
    }
}
