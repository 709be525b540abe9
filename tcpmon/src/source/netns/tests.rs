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
        (own.inode, own.pid()),
        (inode("net"), Some(std::process::id()))
    );
    assert_eq!(
        (uts.inode, uts.ip_netns.as_deref()),
        (inode("uts"), Some("blue"))
    );
    assert!(matches!(uts.pid(), Some(1 | 2)));
    assert_eq!(
        (mnt.inode, mnt.ip_netns.as_deref()),
        (inode("mnt"), Some("green"))
    );
    assert_eq!(
        (mnt.pid(), &mnt.way),
        (None, &Way::Path(named.path().join("green")))
    );
}

#[test]
fn the_own_namespace_is_entered_without_moving() {
    let found = discover(&ProcRoot::default(), &NAMED).expect("found");
    let own = found.namespaces.first().expect("at least the own");
    assert!(!enter(own).expect("no privilege needed").moved());
}

#[test]
fn a_reused_path_is_refused() {
    let gone = Discovered::at(1, Way::Path("/proc/self/ns/net".into()));
    let error = enter(&gone).expect_err("another namespace");
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}
