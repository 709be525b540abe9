//! Looks for namespaces wherever something can keep one: threads, descriptors, and mounts in front
//! of any process. About 3 µs per descriptor and thread of the machine, so it is done only when one
//! is missing and the kernel cannot be asked. Not seen are the descriptors of a thread that has a table
//! of its own (`unshare(2)` with `CLONE_FILES`).

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Discovered, Way, mounts};
use crate::source::procfs::ProcRoot;

/// What the search found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) namespaces: FxHashMap<u32, Discovered>,
    /// Places that may not be looked at.
    pub(super) denied: u64,
}

struct Search<'a> {
    wanted: &'a FxHashSet<u32>,
    mount_namespaces: FxHashSet<u64>,
    found: Found,
}

/// Finds those of the namespaces with these inodes that are there.
pub(super) fn seek(root: &ProcRoot, wanted: &FxHashSet<u32>) -> io::Result<Found> {
    let mut search = Search {
        wanted,
        mount_namespaces: FxHashSet::default(),
        found: Found::default(),
    };
    for pid in root.pids()? {
        let threads = fs::read_dir(root.of(pid, "task"));
        let mut listed = false;
        for thread in threads.into_iter().flatten().flatten() {
            let thread = thread.path();
            // They share their descriptors; one that has ended shows none.
            listed = listed || search.look(|search| search.descriptors(&thread));
            search.look(|search| search.membership(&thread));
            search.look(|search| search.mounts(&thread));
        }
    }
    Ok(search.found)
}

impl Search<'_> {
    /// Looks at one place; whether there was something to see. What is not permitted is counted; after
    /// any other error the thread has ended.
    fn look(&mut self, at: impl FnOnce(&mut Self) -> io::Result<bool>) -> bool {
        at(self).unwrap_or_else(|error| {
            self.found.denied += u64::from(error.kind() == io::ErrorKind::PermissionDenied);
            false
        })
    }

    fn membership(&mut self, thread: &Path) -> io::Result<bool> {
        let path = thread.join("ns/net");
        let inode = fs::metadata(&path)?.ino();
        self.add(u32::try_from(inode).ok(), &path);
        Ok(true)
    }

    fn descriptors(&mut self, thread: &Path) -> io::Result<bool> {
        let mut some = false;
        for entry in fs::read_dir(thread.join("fd"))? {
            some = true;
            let path = entry?.path();
            match fs::read_link(&path) {
                Ok(target) => self.add(target.to_str().and_then(mounts::inode_of), &path),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
                Err(_) => {}
            }
        }
        Ok(some)
    }

    fn mounts(&mut self, thread: &Path) -> io::Result<bool> {
        let place = fs::metadata(thread.join("ns/mnt"))?.ino();
        if self.mount_namespaces.contains(&place) {
            return Ok(true);
        }
        for mount in mounts::of(&thread.join("mountinfo"))? {
            let below = mount.path.strip_prefix("/").unwrap_or(&mount.path);
            self.add(Some(mount.inode), &thread.join("root").join(below));
        }
        self.mount_namespaces.insert(place);
        Ok(true)
    }

    fn add(&mut self, inode: Option<u32>, path: &Path) {
        if let Some(inode) = inode.filter(|inode| self.wanted.contains(inode)) {
            let namespaces = &mut self.found.namespaces;
            let new = || Discovered::at(inode, Way::Path(path.to_path_buf()));
            namespaces.entry(inode).or_insert_with(new);
        }
    }
}
