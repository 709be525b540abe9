//! The archive the kernel unpacks as its first file system (`newc`: the kernel's
//! `Documentation/driver-api/early-userspace/buffer-format.rst`).

const DIRECTORY: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;

/// An archive that is being written.
#[derive(Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    directories: Vec<String>,
}

impl Archive {
    /// Adds an executable file, and the directories it is in.
    pub(super) fn file(&mut self, path: &str, content: &[u8]) {
        let path = path.trim_start_matches('/');
        for (at, _) in path.match_indices('/') {
            self.directory(&path[..at]);
        }
        self.entry(path, PROGRAM, content);
    }

    /// The whole archive.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }

    fn directory(&mut self, path: &str) {
        if !self.directories.iter().any(|known| known == path) {
            self.entry(path, DIRECTORY, &[]);
            self.directories.push(path.to_owned());
        }
    }

    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) {
        // Inode, mode, user, group, links, time, size, four device numbers, length of the name,
        // checksum.
        let fields = [
            0,
            mode as usize,
            0,
            0,
            1,
            0,
            content.len(),
            0,
            0,
            0,
            0,
            name.len() + 1,
            0,
        ];
        self.bytes.extend(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08x}").bytes());
        }
        self.bytes.extend(name.bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    fn pad(&mut self) {
        let whole = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(whole, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_aligned_and_directories_come_first_and_once() {
        let mut archive = Archive::default();
        archive.file("/bin/a", b"x");
        archive.file("bin/bb", b"yy");
        let bytes = archive.finish();
        assert_eq!(bytes.len() % 4, 0);
        let text = String::from_utf8(bytes).expect("ASCII");
        let starts: Vec<usize> = text.match_indices("070701").map(|(at, _)| at).collect();
        assert!(starts.iter().all(|at| at % 4 == 0), "{starts:?}");
        let names: Vec<&str> = starts
            .iter()
            .map(|at| text[at + 110..].split('\0').next().expect("a name"))
            .collect();
        assert_eq!(names, ["bin", "bin/a", "bin/bb", "TRAILER!!!"]);
        // Mode and size of the second.
        assert_eq!(&text[starts[1] + 14..starts[1] + 22], "000081ed");
        assert_eq!(&text[starts[1] + 54..starts[1] + 62], "00000001");
    }
}
