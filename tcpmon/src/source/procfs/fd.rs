//! Who holds which socket, by the links in `/proc/PID/fd`. About 3 µs per descriptor; needs
//! `CAP_DAC_READ_SEARCH` and `CAP_SYS_PTRACE` for processes of other users.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;

use nix::errno::Errno;
use nix::fcntl::readlinkat;
use rustc_hash::FxHashSet;

use crate::source::procfs::{ProcRoot, number, process};
use tcpmon_common::Holder;

/// Which sockets to look for.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// Every socket, of whatever family: the link does not tell.
    All,
    /// Sockets with these inodes. 0 is the inode of no socket that has a descriptor.
    Inodes(&'a FxHashSet<u64>),
}

impl Wanted<'_> {
    fn includes(self, inode: u64) -> bool {
        match self {
            Self::All => true,
            Self::Inodes(inodes) => inodes.contains(&inode),
        }
    }
}

/// What a scan read, and what it could not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanStats {
    /// Processes whose descriptors were listed.
    pub processes: u64,
    /// Descriptors looked at.
    pub descriptors: u64,
    /// Holders reported.
    pub holders: u64,
    /// Processes whose descriptors may not be listed or read.
    pub denied: u64,
    /// Processes that ended during the scan.
    pub vanished: u64,
}

/// Reports every descriptor of every process that is one of the `wanted` sockets. A socket shared
/// by several processes is reported for each.
///
/// # Errors
/// When `/proc` cannot be listed; a process that cannot be read is counted, not an error.
pub fn scan(
    root: &ProcRoot,
    wanted: Wanted<'_>,
    on_holder: &mut dyn FnMut(Holder),
) -> io::Result<ScanStats> {
    let mut stats = ScanStats::default();
    for pid in root.pids()? {
        scan_process(root, pid, wanted, &mut stats, on_holder);
    }
    Ok(stats)
}

/// [`scan`] for one process; adds to `stats`.
pub fn scan_process(
    root: &ProcRoot,
    pid: u32,
    wanted: Wanted<'_>,
    stats: &mut ScanStats,
    on_holder: &mut dyn FnMut(Holder),
) {
    match try_scan_process(root, pid, wanted, stats, on_holder) {
        Ok(()) => stats.processes += 1,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => stats.denied += 1,
        Err(_) => stats.vanished += 1,
    }
}

fn try_scan_process(
    root: &ProcRoot,
    pid: u32,
    wanted: Wanted<'_>,
    stats: &mut ScanStats,
    on_holder: &mut dyn FnMut(Holder),
) -> io::Result<()> {
    let path = root.of(pid, "fd");
    // Names are looked up in the open directory: a full path for each costs a third more.
    let directory = File::open(&path)?;
    let mut who = None;
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        let Some(fd) = name.to_str().and_then(number) else {
            continue;
        };
        stats.descriptors += 1;
        let Some(inode) = socket_inode(&directory, &name)? else {
            continue;
        };
        if !wanted.includes(inode) {
            continue;
        }
        let (comm, born_ns) = match who {
            Some(who) => who,
            None => *who.insert(process::read_birth(root, pid)?),
        };
        stats.holders += 1;
        on_holder(Holder {
            sock: 0,
            cookie: 0,
            inode,
            born_ns,
            pid,
            fd,
            comm,
        });
    }
    Ok(())
}

/// `None` also when the descriptor has been closed since it was listed.
fn socket_inode(directory: &File, name: &OsStr) -> io::Result<Option<u64>> {
    match readlinkat(directory, name) {
        Ok(target) => Ok(target.to_str().and_then(parse_socket_link)),
        Err(Errno::ENOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The inode in `socket:[INODE]` (`sockfs_dname` in `net/socket.c`).
#[must_use]
pub fn parse_socket_link(target: &str) -> Option<u64> {
    number(target.strip_prefix("socket:[")?.strip_suffix(']')?)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::{AsFd as _, AsRawFd as _};
    use std::os::unix::fs::{MetadataExt as _, symlink};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn links() {
        for (target, expected) in [
            ("socket:[4711]", Some(4711)),
            ("socket:[18446744073709551615]", Some(u64::MAX)),
            ("socket:[18446744073709551616]", None),
            ("socket:[]", None),
            ("socket:[+1]", None),
            ("socket:[1", None),
            ("pipe:[1]", None),
            ("/tmp/socket:[1]", None),
        ] {
            assert_eq!(parse_socket_link(target), expected, "{target}");
        }
    }

    #[test]
    fn finds_its_own_listener() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let fd = listener.as_fd().try_clone_to_owned().expect("a descriptor");
        let inode = std::fs::File::from(fd).metadata().expect("fstat").ino();
        let wanted = FxHashSet::from_iter([inode]);
        let mut found = Vec::new();
        let stats = scan(
            &ProcRoot::default(),
            Wanted::Inodes(&wanted),
            &mut |holder| {
                found.push((holder.inode, holder.pid, i32::try_from(holder.fd)));
            },
        )
        .expect("proc");
        let fd = listener.as_raw_fd();
        assert!(found.contains(&(inode, std::process::id(), Ok(fd))));
        assert!(stats.processes >= 1 && stats.descriptors > stats.holders);
    }

    #[test]
    fn reports_every_holder_and_survives_the_vanished() {
        let proc = tempfile::tempdir().expect("a directory");
        for (pid, comm, ticks) in [("10", "first", 7), ("11", "second", 9)] {
            let fd = proc.path().join(pid).join("fd");
            fs::create_dir_all(&fd).expect("a directory");
            let stat =
                format!("{pid} ({comm}) S 1 1 1 0 -1 64 0 0 0 0 0 0 0 0 20 0 1 0 {ticks} 4096 0\n");
            fs::write(proc.path().join(pid).join("stat"), stat).expect("a file");
            symlink("socket:[5]", fd.join("3")).expect("a link");
            symlink("socket:[6]", fd.join("4")).expect("a link");
            symlink("/dev/null", fd.join("0")).expect("a link");
        }
        fs::create_dir(proc.path().join("12")).expect("a directory");
        let root = ProcRoot(proc.path().to_path_buf());

        let mut found = Vec::new();
        let wanted = FxHashSet::from_iter([5]);
        let stats = scan(&root, Wanted::Inodes(&wanted), &mut |h| {
            found.push((h.pid, h.fd, h.comm, h.born_ns));
        })
        .expect("readable");
        found.sort_unstable();
        let expected = [
            (10, 3, *b"first\0\0\0\0\0\0\0\0\0\0\0", 70_000_000),
            (11, 3, *b"second\0\0\0\0\0\0\0\0\0\0", 90_000_000),
        ];
        assert_eq!(found, expected);
        let expected = ScanStats {
            processes: 2,
            descriptors: 6,
            holders: 2,
            denied: 0,
            vanished: 1,
        };
        assert_eq!(stats, expected);

        let stats = scan(&root, Wanted::All, &mut |_| {}).expect("readable");
        assert_eq!(stats.holders, 4);
    }

    proptest! {
        #[test]
        fn any_link_gives_an_answer(target in ".*", inode in any::<u64>()) {
            let _ = parse_socket_link(&target);
            prop_assert_eq!(parse_socket_link(&format!("socket:[{inode}]")), Some(inode));
        }
    }
}
