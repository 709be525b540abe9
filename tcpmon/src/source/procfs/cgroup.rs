//! Names of control groups: the kernel knows them by number, users by path.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::unix::fs::{DirEntryExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

/// Where control groups are mounted.
pub const CGROUP_ROOT: &str = "/sys/fs/cgroup";

/// Directories a walk visits at most.
pub const MAX_DIRECTORIES: usize = 50_000;

/// Paths of control groups by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CgroupPaths {
    /// Path below the mount point, beginning with `/`, by cgroup v2 id: on 64-bit kernels the
    /// inode number of the directory (`kernfs_ino` in `include/linux/kernfs.h`).
    pub paths: FxHashMap<u64, String>,
    /// There are more than the walk may visit: the deepest are missing.
    pub truncated: bool,
}

/// The cgroup v2 tree at `mount` (normally [`CGROUP_ROOT`]), or at `unified` below it, where
/// systemd puts it beside version 1. `None` without version 2.
#[must_use]
pub fn v2_root(mount: &Path) -> Option<PathBuf> {
    let roots = [mount.to_path_buf(), mount.join("unified")];
    roots
        .into_iter()
        .find(|root| root.join("cgroup.controllers").exists())
}

/// Reads the paths of all control groups below `root`, at most `max_directories`. Top down: what
/// is left out is deep. Groups that vanish meanwhile, or may not be read, are left out.
///
/// # Errors
/// When `root` does not exist.
pub fn walk(root: &Path, max_directories: usize) -> io::Result<CgroupPaths> {
    let mut found = CgroupPaths::default();
    found
        .paths
        .insert(fs::metadata(root)?.ino(), "/".to_owned());
    let mut pending = VecDeque::from([String::new()]);
    while let Some(parent) = pending.pop_front() {
        let directory = root.join(parent.trim_start_matches('/'));
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if found.paths.len() >= max_directories {
                found.truncated = true;
                return Ok(found);
            }
            let path = format!("{parent}/{}", entry.file_name().to_string_lossy());
            found.paths.insert(entry.ino(), path.clone());
            pending.push_back(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn names_every_directory_by_its_inode() {
        let root = tempfile::tempdir().expect("a directory");
        let deep = root.path().join("system.slice/nginx.service");
        fs::create_dir_all(&deep).expect("a directory");
        fs::write(deep.join("cgroup.procs"), "").expect("a file");
        symlink(root.path(), deep.join("loop")).expect("a link");

        let found = walk(root.path(), 10).expect("readable");
        let inode = |path: &Path| fs::metadata(path).expect("exists").ino();
        let path = |path: &Path| found.paths.get(&inode(path)).map(String::as_str);
        assert_eq!(found.paths.len(), 3);
        assert_eq!(path(root.path()), Some("/"));
        assert_eq!(
            path(&root.path().join("system.slice")),
            Some("/system.slice")
        );
        assert_eq!(path(&deep), Some("/system.slice/nginx.service"));
        assert!(!found.truncated);
    }

    #[test]
    fn a_bounded_walk_keeps_the_top() {
        let root = tempfile::tempdir().expect("a directory");
        for path in ["a/x", "b/x", "c/x"] {
            fs::create_dir_all(root.path().join(path)).expect("a directory");
        }
        let found = walk(root.path(), 4).expect("readable");
        assert_eq!((found.paths.len(), found.truncated), (4, true));
        assert!(found.paths.values().all(|path| !path.ends_with('x')));
        assert!(walk(Path::new("/nowhere"), 4).is_err());
    }

    #[test]
    fn finds_version_2_in_both_places() {
        let mount = tempfile::tempdir().expect("a directory");
        assert_eq!(v2_root(mount.path()), None);
        let unified = mount.path().join("unified");
        fs::create_dir(&unified).expect("a directory");
        fs::write(unified.join("cgroup.controllers"), "").expect("a file");
        assert_eq!(v2_root(mount.path()), Some(unified));
        fs::write(mount.path().join("cgroup.controllers"), "").expect("a file");
        assert_eq!(v2_root(mount.path()).as_deref(), Some(mount.path()));
    }
}
