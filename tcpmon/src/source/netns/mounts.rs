//! Network namespaces that are mounted somewhere, as `/proc/PID/mountinfo` tells (proc(5)).

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

/// A mounted namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) inode: u32,
    /// Where, as the process sees it.
    pub(super) path: PathBuf,
}

/// Those in a mountinfo file.
pub(super) fn of(mountinfo: &Path) -> io::Result<Vec<Mount>> {
    let text = fs::read(mountinfo)?;
    Ok(text
        .split(|byte| *byte == b'\n')
        .filter_map(parse)
        .collect())
}

/// A line `ID PARENT MAJOR:MINOR net:[INODE] PATH …`.
fn parse(line: &[u8]) -> Option<Mount> {
    let mut words = line.split(|byte| *byte == b' ');
    let inode = inode_of(str::from_utf8(words.nth(3)?).ok()?)?;
    let path = unescape(words.next()?);
    Some(Mount {
        inode,
        path: PathBuf::from(OsString::from_vec(path)),
    })
}

/// The inode in `net:[INODE]`, which is also what the link of a descriptor says.
pub(super) fn inode_of(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("net:[")?.strip_suffix(']')?;
    crate::source::procfs::number(digits)
}

/// Blanks, line ends and backslashes are written as three octal digits (`mangle_path` of
/// `fs/seq_file.c`).
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        let octal = tail
            .get(..3)
            .filter(|_| *first == b'\\')
            .and_then(|digits| {
                let digits = str::from_utf8(digits).ok()?;
                u8::from_str_radix(digits, 8).ok()
            });
        out.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &tail[3..] } else { tail };
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mounted_namespace_among_others() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("mountinfo");
        let text = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
            80 22 0:4 net:[4026532177] /run/docker/netns/a\\040b rw shared:3 - nsfs nsfs rw\n\
            81 22 0:4 mnt:[4026532178] /run/snapd/ns/x.mnt rw - nsfs nsfs rw\n";
        fs::write(&file, text).expect("a file");
        let mount = Mount {
            inode: 4_026_532_177,
            path: "/run/docker/netns/a b".into(),
        };
        assert_eq!(of(&file).expect("readable"), [mount]);
    }

    proptest! {
        #[test]
        fn any_line_gives_an_answer(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (parse(&line), unescape(&line));
        }
    }
}
