use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sched::unshare;
use nix::unistd::gettid;
use tcpmon_common::State;

use super::*;
use crate::core::facts::StateSet;
use crate::core::netns::Search;
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
        .find(|n| n.ip_netns.as_deref() == Some("red"));
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

/// A namespace only the thread that keeps the ends of these channels is in; it ends with them.
fn of_a_thread() -> (
    NetnsIdentity,
    File,
    mpsc::Sender<()>,
    thread::JoinHandle<()>,
) {
    let (tell, told) = mpsc::channel();
    let (stop, stopped) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("root");
        let file = File::open(CURRENT).expect("proc is mounted");
        let identity = NetnsIdentity {
            cookie: netns_cookie().expect("a socket"),
            inode: u32::try_from(file.metadata().expect("open").ino()).expect("32 bits"),
        };
        tell.send((identity, file)).expect("the test waits");
        let _ = stopped.recv();
    });
    let (identity, file) = told.recv().expect("a namespace");
    (identity, file, stop, thread)
}

/// What a seeker that asks the kernel, if that answers, finds out.
fn sought(seeker: &mut Seeker, known: &[NetnsIdentity]) -> (Search, Discovery) {
    let root = ProcRoot::default();
    let mut discovery = discover(&root, &NAMED).expect("found");
    let search = seeker.complete(&root, &mut discovery, known, true);
    (search, discovery)
}

#[test]
fn what_keeps_a_namespace_is_found_wherever_it_is() {
    let root = ProcRoot::default();
    let (netns, file, stop, thread) = of_a_thread();
    let wanted = [netns.inode].into_iter().collect();
    let way = || {
        let mut found = deep::seek(&root, &wanted)
            .expect("proc is mounted")
            .namespaces;
        found
            .remove(&netns.inode)
            .map(|namespace| namespace.way.to_string())
    };
    let path = way().expect("in a thread");
    assert!(path.contains("/task/"), "{path}");
    let mut seeker = Seeker::default();
    let (search, discovery) = sought(&mut seeker, &[netns]);
    assert!(!search.misses(netns));
    let found = discovery.namespaces.iter().find(|n| n.inode == netns.inode);
    drop(enter(found.expect("it is added")).expect("root"));

    drop(stop);
    thread.join().expect("no panic");
    let path = way().expect("in a descriptor");
    assert!(path.contains("/fd/"), "{path}");
    let (search, _) = sought(&mut seeker, &[netns]);
    assert!(!search.misses(netns));

    drop(file);
    assert_eq!(way(), None);
    let (search, _) = sought(&mut seeker, &[netns]);
    assert!(!search.found.contains(&netns.inode));
    assert_eq!(search.misses(netns), search.complete);
}

#[test]
fn the_kernel_says_that_a_namespace_is_gone_once_it_has_answered_for_another() {
    let (other, _other_file, _stop_other, _other_thread) = of_a_thread();
    if handle::open(other).is_err() {
        println!("skipped, because this kernel has no file handles of namespaces");
        return;
    }
    let (netns, file, stop, thread) = of_a_thread();
    drop((file, stop));
    thread.join().expect("no panic");
    let root = ProcRoot::default();
    let denied = |seeker: &mut Seeker| {
        let mut discovery = Discovery::default();
        discovery
            .namespaces
            .push(Discovered::at(other.inode, Way::Cookie(other)));
        let search = seeker.complete(&root, &mut discovery, &[other, netns], false);
        search.denied_by_kernel.contains(&netns)
    };
    let mut seeker = Seeker::default();
    let gone = (0..1000).any(|_| {
        thread::sleep(Duration::from_millis(10));
        denied(&mut seeker)
    });
    assert!(gone);
    let (search, _) = sought(&mut Seeker::default(), &[netns]);
    assert!(search.denied_by_kernel.is_empty(), "nothing is proved yet");
}
