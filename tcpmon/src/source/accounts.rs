//! Names of users, from `/etc/passwd` (passwd(5)). Not through the C library: that may ask a
//! directory server over the network, and what asks here must never wait for one. Accounts that are
//! not in the file have no name.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

/// Where the accounts are.
const PASSWD: &str = "/etc/passwd";

/// What changes when the file does: device, inode, size, time of change.
type Version = (u64, u64, u64, (i64, i64));

/// The accounts of the machine as of the last [`Accounts::refresh`].
#[derive(Debug)]
pub struct Accounts {
    path: PathBuf,
    version: Option<Version>,
    names: FxHashMap<u32, String>,
}

impl Default for Accounts {
    fn default() -> Self {
        Self::at(Path::new(PASSWD))
    }
}

impl Accounts {
    /// The accounts in the file at `path`. Nothing is read yet.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            version: None,
            names: FxHashMap::default(),
        }
    }

    /// Reads the file if it has changed. Without a readable file nobody has a name.
    pub fn refresh(&mut self) {
        let version = version(&self.path);
        if version.is_some() && version == self.version {
            return;
        }
        let bytes = fs::read(&self.path).unwrap_or_default();
        self.names = parse(&bytes);
        self.version = version;
    }

    /// The name of the user; of several with the same number the first, as getpwuid(3).
    #[must_use]
    pub fn name(&self, uid: u32) -> Option<&str> {
        self.names.get(&uid).map(String::as_str)
    }
}

fn version(path: &Path) -> Option<Version> {
    let file = fs::metadata(path).ok()?;
    let changed = (file.ctime(), file.ctime_nsec());
    Some((file.dev(), file.ino(), file.size(), changed))
}

/// Names by number. Lines that are not understood are left out; bytes that are no UTF-8 replaced.
#[must_use]
pub fn parse(bytes: &[u8]) -> FxHashMap<u32, String> {
    let mut names = FxHashMap::default();
    for line in String::from_utf8_lossy(bytes).lines() {
        let mut fields = line.split(':');
        let (Some(name), Some(uid)) = (fields.next(), fields.nth(1)) else {
            continue;
        };
        // Lines of NIS begin with + or -.
        let is_name = !name.is_empty() && !name.starts_with(['+', '-', '#']);
        if let (true, Ok(uid)) = (is_name, uid.parse::<u32>()) {
            names.entry(uid).or_insert_with(|| name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_by_number() {
        let text = "root:x:0:0:root:/root:/bin/bash\n\
                    toor:x:0:0::/root:/bin/sh\n\
                    # a comment:x:7:\n\
                    +nis:x:8:8:::\n\
                    :x:9:9:::\n\
                    odd:x\n\
                    far:x:4294967296:0:::\n\
                    www-data:x:33:33::/var/www:/usr/sbin/nologin\n\
                    nobody:x:65534:65534:nobody:/:/usr/sbin/nologin";
        let names = parse(text.as_bytes());
        let mut names: Vec<_> = names
            .iter()
            .map(|(uid, name)| (*uid, name.as_str()))
            .collect();
        names.sort_unstable();
        assert_eq!(names, [(0, "root"), (33, "www-data"), (65534, "nobody")]);
    }

    #[test]
    fn a_changed_file_is_read_again() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("passwd");
        let mut accounts = Accounts::at(&path);
        accounts.refresh();
        assert_eq!(accounts.name(1000), None, "there is no file");
        fs::write(&path, "ann:x:1000:").expect("a file");
        accounts.refresh();
        assert_eq!(accounts.name(1000), Some("ann"));
        fs::write(&path, "barbara:x:1000:").expect("a file");
        assert_eq!(accounts.name(1000), Some("ann"), "as of the last look");
        accounts.refresh();
        assert_eq!(accounts.name(1000), Some("barbara"));
        fs::remove_file(&path).expect("it exists");
        accounts.refresh();
        assert_eq!(accounts.name(1000), None);
    }

    #[test]
    fn this_machine_has_root() {
        let mut accounts = Accounts::default();
        accounts.refresh();
        assert_eq!(accounts.name(0), Some("root"));
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
