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
