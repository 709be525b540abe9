//! What `/proc`, `/proc/sys` and the cgroup file system tell. Every parser is a pure function and
//! takes any input; a file that lacks a value gives `None`, never zero.

pub mod cgroup;
pub mod fd;
pub mod inspect;
pub mod limits;
pub mod netstat;
pub mod own;
pub mod process;
pub mod sockstat;
pub mod tcp;

use std::fs;
use std::io;
use std::path::PathBuf;

/// Where `/proc` is mounted. In a container the host's may be elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcRoot(pub PathBuf);

impl Default for ProcRoot {
    fn default() -> Self {
        Self(PathBuf::from("/proc"))
    }
}

impl ProcRoot {
    /// A file of a process.
    #[must_use]
    pub fn of(&self, pid: u32, file: &str) -> PathBuf {
        let mut path = self.0.join(pid.to_string());
        path.push(file);
        path
    }

    /// The processes that can be seen now.
    ///
    /// # Errors
    /// When the directory cannot be opened.
    pub fn pids(&self) -> io::Result<impl Iterator<Item = u32>> {
        let entries = fs::read_dir(&self.0)?;
        Ok(entries
            .flatten()
            .filter_map(|entry| number(entry.file_name().to_str()?)))
    }

    /// A small file as text; what is not UTF-8 is replaced.
    fn read(&self, file: &str) -> io::Result<String> {
        fs::read(self.0.join(file)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// An unsigned decimal number without sign, as the kernel prints it.
pub(in crate::source) fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    if text.starts_with('+') {
        return None;
    }
    text.parse().ok()
}
