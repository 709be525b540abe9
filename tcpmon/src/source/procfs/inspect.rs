//! Looks at one process: who it is, how many files it has open and may have.
//!
//! Everything is read through one descriptor of `/proc/PID`: when the process ends it leads nowhere
//! any more, though the pid may be another's by then. So nothing is ever mixed up. None of these
//! files takes the lock of the process's memory, which a hung process may hold; the command line
//! does, see [`read_command_line`].

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, readlinkat};
use nix::sys::signal::kill;
use nix::sys::stat::{Mode, fstatat};
use nix::unistd::Pid;

use crate::core::facts::{CommandLine, Presence, ProcessFact};
use crate::source::accounts::Accounts;
use crate::source::procfs::process::{self, Stat};
use crate::source::procfs::{ProcRoot, limits};

/// Most bytes of a command line that are read.
pub const COMMAND_LINE_BYTES: usize = 4096;

/// Most bytes of any other file: the longest is that of control groups, a path per hierarchy.
const MOST_BYTES: u64 = 1 << 20;

/// Reads what is known of `pid`. `now_ns` is the time it is read, `CLOCK_BOOTTIME`. About 50 µs, and
/// more before Linux 6.2 where descriptors must be counted one by one.
#[must_use]
pub fn read(root: &ProcRoot, pid: u32, now_ns: u64, accounts: &Accounts) -> ProcessFact {
    let opened = Place::open(root, pid).and_then(|place| Ok((place.read("stat")?, place)));
    let Ok((bytes, place)) = opened else {
        return ProcessFact::unread(pid, now_ns, presence(pid));
    };
    let stat = process::parse_stat(&bytes);
    let status = place.text("status").ok();
    let uid = status.as_deref().and_then(process::parse_effective_uid);
    let (executable, executable_deleted) = place.executable();
    let cgroup = place.text("cgroup").ok();
    ProcessFact {
        presence: Presence::Seen,
        start_ticks: stat.map(|stat| stat.start_ticks),
        comm: process::parse_stat_name(&bytes),
        executable,
        executable_deleted,
        uid,
        user: uid.and_then(|uid| accounts.name(uid)).map(str::to_owned),
        cgroup: cgroup.and_then(|text| process::parse_cgroup(&text).map(str::to_owned)),
        threads: stat.map(|stat| stat.threads),
        open_files: stat.and_then(|stat| place.open_files(stat)),
        max_open_files: place.max_open_files(),
        ..ProcessFact::unread(pid, now_ns, Presence::Seen)
    }
}

/// The command line of the process that began at `start_ticks`. Takes the lock of its memory: while
/// a hung process holds that, this waits.
///
/// # Errors
/// When the process is gone or may not be looked at.
pub fn read_command_line(
    root: &ProcRoot,
    pid: u32,
    start_ticks: Option<u64>,
) -> io::Result<CommandLine> {
    let place = Place::open(root, pid)?;
    let began = process::parse_stat(&place.read("stat")?).map(|stat| stat.start_ticks);
    if began != start_ticks {
        return Err(io::Error::from(io::ErrorKind::NotFound));
    }
    let mut bytes = Vec::new();
    place
        .file("cmdline")?
        .take(COMMAND_LINE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(parse_command_line(&bytes))
}

/// Whether the pids of the calling process are those of the kernel: it is in the initial pid
/// namespace (`PROC_PID_INIT_INO` in `include/linux/proc_ns.h`).
#[must_use]
pub fn sees_kernel_pids(root: &ProcRoot) -> bool {
    let namespace = fs::read_link(root.0.join("self/ns/pid"));
    namespace.is_ok_and(|link| link.as_os_str() == "pid:[4026531836]")
}

/// Splits at the NUL after each argument. A process that writes a title over its arguments leaves
/// several at the end (`setproctitle`); a kernel thread has none.
#[must_use]
pub fn parse_command_line(bytes: &[u8]) -> CommandLine {
    let truncated = bytes.len() > COMMAND_LINE_BYTES;
    let bytes = bytes.get(..COMMAND_LINE_BYTES).unwrap_or(bytes);
    let end = bytes.iter().rposition(|byte| *byte != 0);
    let arguments = end.map(|end| {
        let arguments = bytes[..=end].split(|byte| *byte == 0);
        arguments.map(|argument| String::from_utf8_lossy(argument).into_owned())
    });
    CommandLine {
        arguments: arguments.into_iter().flatten().collect(),
        truncated,
    }
}

/// Whether a process that cannot be read is there at all: signal 0 is sent to nobody, and refused
/// only where there is somebody.
fn presence(pid: u32) -> Presence {
    let Ok(pid) = i32::try_from(pid) else {
        return Presence::Gone;
    };
    match kill(Pid::from_raw(pid), None) {
        Err(Errno::ESRCH) => Presence::Gone,
        _ => Presence::Hidden,
    }
}

/// `/proc/PID`, opened.
struct Place(OwnedFd);

impl Place {
    fn open(root: &ProcRoot, pid: u32) -> io::Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(Self(open(&root.of(pid, ""), flags, Mode::empty())?))
    }

    fn file(&self, name: &str) -> io::Result<File> {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
        Ok(openat(&self.0, name, flags, Mode::empty())?.into())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        // A page is enough for nearly all; asking for the size first would tell nothing.
        let mut bytes = Vec::with_capacity(4096);
        self.file(name)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn text(&self, name: &str) -> io::Result<String> {
        let bytes = self.read(name)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn executable(&self) -> (Option<String>, bool) {
        match readlinkat(&self.0, "exe") {
            Ok(target) => {
                let (path, deleted) = process::parse_executable(&target.to_string_lossy());
                (Some(path), deleted)
            }
            Err(_) => (None, false),
        }
    }

    /// `None` also when the first thread has ended: its table is gone, those of the others are not.
    fn open_files(&self, stat: Stat) -> Option<u64> {
        if stat.is_zombie {
            return None;
        }
        // The size of the directory is their number since Linux 6.2 (proc_fd_getattr, fs/proc/fd.c).
        let size = fstatat(&self.0, "fd", AtFlags::empty()).ok()?.st_size;
        match u64::try_from(size).ok()? {
            0 => self.count_files(),
            count => Some(count),
        }
    }

    fn count_files(&self) -> Option<u64> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut directory = Dir::openat(&self.0, "fd", flags, Mode::empty()).ok()?;
        let mut count = 0;
        for entry in directory.iter() {
            let name = entry.ok()?.file_name().to_bytes().first().copied();
            count += u64::from(name != Some(b'.'));
        }
        Some(count)
    }

    fn max_open_files(&self) -> Option<u64> {
        let limit = limits::parse_max_open_files(&self.text("limits").ok()?)?;
        (limit != limits::UNLIMITED).then_some(limit)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::symlink;
    use std::path::Path;
    use std::process::{Command, Stdio};

    use proptest::prelude::*;

    use super::*;

    fn inspect(root: &ProcRoot, pid: u32) -> ProcessFact {
        let mut accounts = Accounts::default();
        accounts.refresh();
        read(root, pid, 7, &accounts)
    }

    #[test]
    fn itself() {
        let fact = inspect(&ProcRoot::default(), std::process::id());
        assert_eq!((fact.presence, fact.read_ns), (Presence::Seen, 7));
        let program = std::env::current_exe().expect("it runs");
        assert_eq!(fact.executable.as_deref(), program.to_str());
        assert!(!fact.executable_deleted);
        assert_eq!(fact.uid, Some(nix::unistd::geteuid().as_raw()));
        assert!(fact.comm.is_some_and(|comm| comm[0] != 0));
        assert!(fact.start_ticks > Some(0) && fact.threads >= Some(1));
        let limit = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE);
        assert_eq!(fact.max_open_files, Some(limit.expect("it has one").0));
    }

    #[test]
    fn open_files_are_counted_with_and_without_the_size_of_the_directory() {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        // Its answer comes after everything it does to start.
        child
            .stdin
            .as_mut()
            .expect("a pipe")
            .write_all(b"x")
            .expect("it reads");
        child
            .stdout
            .as_mut()
            .expect("a pipe")
            .read_exact(&mut [0])
            .expect("it answers");
        let root = ProcRoot::default();
        let place = Place::open(&root, child.id()).expect("it runs");
        let listed = fs::read_dir(root.of(child.id(), "fd")).expect("it runs");
        // What the test runner has left open is there too.
        let listed = u64::try_from(listed.count()).expect("few");
        assert!(listed >= 3);
        assert_eq!(place.count_files(), Some(listed));
        assert_eq!(inspect(&root, child.id()).open_files, Some(listed));
        let began = inspect(&root, child.id()).start_ticks;
        let line = read_command_line(&root, child.id(), began).expect("it runs");
        assert_eq!(
            (line.arguments, line.truncated),
            (vec!["cat".to_owned()], false)
        );

        let other = read_command_line(&root, child.id(), Some(1));
        assert_eq!(
            other.expect_err("another process").kind(),
            io::ErrorKind::NotFound
        );
        drop(child.stdin.take());
        child.wait().expect("ends with its input");
        let gone = place.read("stat").expect_err("a descriptor of nobody");
        assert_eq!(gone.raw_os_error(), Some(Errno::ESRCH as i32));
        assert_eq!(inspect(&root, child.id()).presence, Presence::Gone);
    }

    #[test]
    fn a_zombie_runs_no_program_and_its_files_are_not_told() {
        let mut child = Command::new("true").spawn().expect("starts");
        let waited = nix::sys::wait::WaitPidFlag::WEXITED | nix::sys::wait::WaitPidFlag::WNOWAIT;
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
        nix::sys::wait::waitid(nix::sys::wait::Id::Pid(pid), waited).expect("it ends");
        let fact = inspect(&ProcRoot::default(), child.id());
        assert_eq!(fact.presence, Presence::Seen);
        assert_eq!((fact.executable, fact.open_files), (None, None));
        assert_eq!(fact.comm, Some(*b"true\0\0\0\0\0\0\0\0\0\0\0\0"));
        child.wait().expect("it has ended");
    }

    #[test]
    fn what_is_missing_is_unknown() {
        let proc = tempfile::tempdir().expect("a directory");
        let process = proc.path().join("10");
        fs::create_dir_all(process.join("fd")).expect("a directory");
        fs::write(process.join("stat"), "10 (a) b) R 1").expect("a file");
        symlink("/opt/app (deleted)", process.join("exe")).expect("a link");
        let root = ProcRoot(Path::new(proc.path()).to_path_buf());
        let fact = inspect(&root, 10);
        let expected = ProcessFact {
            comm: Some(*b"a) b\0\0\0\0\0\0\0\0\0\0\0\0"),
            executable: Some("/opt/app".into()),
            executable_deleted: true,
            ..ProcessFact::unread(10, 7, Presence::Seen)
        };
        assert_eq!(fact, expected);
    }

    #[test]
    fn command_lines() {
        let parse = |text: &str| {
            let line = parse_command_line(text.as_bytes());
            assert!(!line.truncated);
            line.arguments
        };
        assert_eq!(
            parse("nginx: master process\0\0\0\0"),
            ["nginx: master process"]
        );
        assert_eq!(parse("sh\0-c\0\0x y\0"), ["sh", "-c", "", "x y"]);
        assert_eq!(parse("title"), ["title"]);
        assert!(parse("").is_empty() && parse("\0\0").is_empty());
        let long = parse_command_line(&[b'a'; COMMAND_LINE_BYTES + 1]);
        assert!(long.truncated);
        assert_eq!(long.arguments, ["a".repeat(COMMAND_LINE_BYTES)]);
    }

    proptest! {
        #[test]
        fn any_command_line_gives_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
            let line = parse_command_line(&bytes);
            prop_assert_eq!(line.truncated, bytes.len() > COMMAND_LINE_BYTES);
        }
    }
}
