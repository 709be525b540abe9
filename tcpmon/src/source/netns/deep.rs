//! Looks for namespaces wherever something can keep one: threads, descriptors, and mounts in front
//! of any process. About 3 µs per descriptor and thread of the machine, so it is done only when one
//! is missing and the kernel cannot be asked.

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
    root: &'a ProcRoot,
    wanted: &'a FxHashSet<u32>,
    mount_namespaces: FxHashSet<u64>,
    found: Found,
}

/// Finds those of the namespaces with these inodes that are there.
pub(super) fn seek(root: &ProcRoot, wanted: &FxHashSet<u32>) -> io::Result<Found> {
    let mut search = Search {
        root,
        wanted,
        mount_namespaces: FxHashSet::default(),
        found: Found::default(),
    };
    for pid in root.pids()? {
        for looked in [
            search.threads(pid),
            search.descriptors(pid),
            search.mounts(pid),
        ] {
            // Any other error: the process has ended.
            if looked.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied) {
                search.found.denied += 1;
            }
        }
    }
    Ok(search.found)
}

impl Search<'_> {
    fn threads(&mut self, pid: u32) -> io::Result<()> {
        for entry in fs::read_dir(self.root.of(pid, "task"))? {
            let path = entry?.path().join("ns/net");
            match fs::metadata(&path) {
                Ok(file) => self.add(u32::try_from(file.ino()).ok(), &path),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn descriptors(&mut self, pid: u32) -> io::Result<()> {
        for entry in fs::read_dir(self.root.of(pid, "fd"))? {
            let path = entry?.path();
            match fs::read_link(&path) {
                Ok(target) => self.add(target.to_str().and_then(mounts::inode_of), &path),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn mounts(&mut self, pid: u32) -> io::Result<()> {
        let place = fs::metadata(self.root.of(pid, "ns/mnt"))?.ino();
        if !self.mount_namespaces.insert(place) {
            return Ok(());
        }
        for mount in mounts::of(&self.root.of(pid, "mountinfo"))? {
            let below = mount.path.strip_prefix("/").unwrap_or(&mount.path);
            let path = self.root.of(pid, "root").join(below);
            self.add(Some(mount.inode), &path);
        }
        Ok(())
    }

    fn add(&mut self, inode: Option<u32>, path: &Path) {
        if let Some(inode) = inode.filter(|inode| self.wanted.contains(inode)) {
            let namespaces = &mut self.found.namespaces;
            let new = || Discovered::at(inode, Way::Path(path.to_path_buf()));
            namespaces.entry(inode).or_insert_with(new);
        }
    }
}
