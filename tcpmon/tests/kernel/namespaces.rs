//! Whatever keeps a namespace, it is found; and once nothing does, it is missed.

use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc;
use std::thread;

use nix::mount::{MsFlags, mount, umount};
use nix::sched::{CloneFlags, unshare};
use tcpmon::core::facts::NetnsIdentity;
use tcpmon::core::netns::Search;
use tcpmon::source::bpf::holders::Holders;
use tcpmon::source::netns::{NAMED, Seeker, discover, enter};
use tcpmon::source::procfs::ProcRoot;
use tcpmon::source::sockdiag::netns_cookie;

use crate::place::{Namespace, eventually, in_namespace};
use crate::puppet::Puppet;

const SKIPPED: &str = "skipped, because some processes here hide what they have";

/// A namespace that a thread is in, until that is told to end.
struct Inhabited {
    netns: NetnsIdentity,
    file: File,
    stop: mpsc::Sender<()>,
    thread: thread::JoinHandle<()>,
}

impl Inhabited {
    fn make() -> Self {
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).expect("root may make a namespace");
            let file = File::open("/proc/thread-self/ns/net").expect("proc is mounted");
            let seen = (Namespace::current().0, file);
            tell.send(seen).expect("the test waits");
            let _ = stopped.recv();
        });
        let (netns, file) = told.recv().expect("a namespace");
        Self {
            netns,
            file,
            stop,
            thread,
        }
    }

    /// What is left of it: a descriptor.
    fn leave(self) -> (NetnsIdentity, File) {
        drop(self.stop);
        self.thread.join().expect("no panic");
        (self.netns, self.file)
    }
}

/// Who looks, and a namespace that is surely there: the kernel has to prove itself on it.
struct Observer {
    seeker: Seeker,
    proof: NetnsIdentity,
    holders: Option<Holders>,
}

impl Observer {
    fn look(&mut self, netns: NetnsIdentity) -> Search {
        let mut discovery = discover(&ProcRoot::default(), &NAMED).expect("proc is mounted");
        let known = [self.proof, netns];
        let root = ProcRoot::default();
        let mut kept = || self.holders.as_mut()?.namespaces().ok();
        let search = (self.seeker).complete(&root, &mut discovery, &known, true, &mut kept);
        if let Some(found) = discovery.namespaces.iter().find(|n| n.inode == netns.inode) {
            let _entered = enter(found).expect("root may enter");
            assert_eq!(netns_cookie().expect("a socket"), netns.cookie);
        }
        search
    }

    #[track_caller]
    fn finds(&mut self, netns: NetnsIdentity) {
        let search = self.look(netns);
        assert!(search.found.contains(&netns.inode), "{search:?}");
        assert!(!search.misses(netns));
    }

    /// Waits, for the kernel may be closing what kept it. `false`: nobody here can tell that it is
    /// gone.
    #[track_caller]
    #[must_use]
    fn misses(&mut self, netns: NetnsIdentity) -> bool {
        let search = eventually("the namespace is not found", || {
            let search = self.look(netns);
            (!search.found.contains(&netns.inode)).then_some(search)
        });
        let told = search.complete || !search.denied_by_kernel.is_empty();
        assert_eq!(search.misses(netns), told, "{search:?}");
        told
    }
}

fn observed(body: impl FnOnce(Observer) + Send) {
    let proof = Namespace::current().0;
    in_namespace(|_| {
        body(Observer {
            seeker: Seeker::default(),
            proof,
            holders: Holders::load().ok(),
        });
    });
}

#[test]
fn a_thread_keeps_its_namespace() {
    observed(|mut observer| {
        let Inhabited {
            netns,
            file,
            stop,
            thread,
        } = Inhabited::make();
        drop(file);
        observer.finds(netns);
        drop(stop);
        thread.join().expect("no panic");
        if !observer.misses(netns) {
            println!("{SKIPPED}");
        }
    });
}

#[test]
fn a_descriptor_keeps_its_namespace() {
    observed(|mut observer| {
        let (netns, file) = Inhabited::make().leave();
        observer.finds(netns);
        drop(file);
        if !observer.misses(netns) {
            println!("{SKIPPED}");
        }
    });
}

#[test]
fn a_process_keeps_its_namespace() {
    observed(|mut observer| {
        let (netns, resident) = thread::scope(|scope| {
            let starter = scope.spawn(|| {
                unshare(CloneFlags::CLONE_NEWNET).expect("root may make a namespace");
                (Namespace::current().0, Puppet::start("resident"))
            });
            starter.join().expect("no panic")
        });
        observer.finds(netns);
        drop(resident);
        if !observer.misses(netns) {
            println!("{SKIPPED}");
        }
    });
}

#[test]
fn a_mount_nobody_else_sees_keeps_its_namespace() {
    const NONE: Option<&str> = None;
    observed(|mut observer| {
        let directory = tempfile::tempdir().expect("a directory");
        let place = directory.path().join("net work");
        fs::write(&place, "").expect("a file");
        let (netns, file) = Inhabited::make().leave();
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let place = &place;
            scope.spawn(move || {
                unshare(CloneFlags::CLONE_NEWNS).expect("root may make a namespace");
                let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
                mount(NONE, "/", NONE, private, NONE).expect("root may mount");
                let way = format!("/proc/self/fd/{}", file.as_raw_fd());
                mount(Some(&*way), place, NONE, MsFlags::MS_BIND, NONE).expect("root may mount");
                drop(file);
                tell.send(()).expect("the test waits");
                let _ = stopped.recv();
                umount(place).expect("root may unmount");
            });
            told.recv().expect("mounted");
            assert_ne!(
                fs::metadata(place).expect("a file").ino(),
                u64::from(netns.inode)
            );
            observer.finds(netns);
            drop(stop);
        });
        if !observer.misses(netns) {
            println!("{SKIPPED}");
        }
    });
}

#[test]
fn a_socket_alone_keeps_its_namespace() {
    observed(|mut observer| {
        let inhabited = Inhabited::make();
        let netns = inhabited.netns;
        let root = ProcRoot::default();
        let found = {
            let mut discovery = discover(&root, &NAMED).expect("proc is mounted");
            let known = [observer.proof, netns];
            let mut seeker = Seeker::default();
            seeker.complete(&root, &mut discovery, &known, true, &mut || None);
            let mut all = discovery.namespaces.into_iter();
            all.find(|found| found.inode == netns.inode)
        };
        let socket = {
            let _entered = enter(&found.expect("a thread is in it")).expect("root may enter");
            UnixDatagram::unbound().expect("a socket")
        };
        drop(inhabited.leave());
        // Which protocol makes no difference.
        if observer.holders.is_none() {
            println!("skipped, because this kernel has no iterator over open files");
            return;
        }
        let search = observer.look(netns);
        assert!(!search.misses(netns), "{search:?}");
        assert!(search.found.contains(&netns.inode) || search.kept.contains(&netns.inode));
        drop(socket);
        if !observer.misses(netns) {
            println!("{SKIPPED}");
        }
    });
}
