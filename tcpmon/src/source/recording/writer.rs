//! Writes a recording: a frame at a time, so that of one that is cut off at most the last frame is lost.

use std::fmt;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::core::recording::{End, Frame, FrameKind, Header, PREAMBLE, Packing, preamble};

/// Only its owner reads it: it names peers, processes and users.
const MODE: u32 = 0o600;

/// Room that is left for how it ends.
const END_BYTES: u64 = 128;

/// Where a recording goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Into a file.
    File {
        /// Its name.
        path: PathBuf,
        /// One that is there already is replaced.
        replace: bool,
    },
    /// To standard output.
    Stdout,
}

/// Why a recording is not written, or not on.
#[derive(Debug)]
pub enum WriteError {
    /// There is something of that name.
    Exists(PathBuf),
    /// It is a directory.
    Directory(PathBuf),
    /// It cannot be made.
    Create(PathBuf, io::Error),
    /// It cannot be written on; `true` when what was written before is whole.
    Write(PathBuf, io::Error, bool),
    /// Nobody reads standard output any more, or it cannot be written.
    Stdout(io::Error),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists(path) => write!(
                f,
                "{} is there already: choose another name, or replace it with --force",
                path.display()
            ),
            Self::Directory(path) => {
                write!(f, "{} is a directory: name a file in it", path.display())
            }
            Self::Create(path, error) => write!(f, "cannot make {}: {error}", path.display()),
            Self::Write(path, error, true) => write!(
                f,
                "cannot write {}: {error}; what is in it can be replayed",
                path.display()
            ),
            Self::Write(path, error, false) => {
                write!(f, "cannot write {}: {error}", path.display())
            }
            Self::Stdout(error) => write!(f, "cannot write to standard output: {error}"),
        }
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Exists(_) | Self::Directory(_) => None,
            // What the sentence has said already; here for whoever looks for a broken pipe.
            Self::Create(..) | Self::Write(..) => None,
            Self::Stdout(error) => Some(error),
        }
    }
}

impl Target {
    /// Says early what [`Writer::create`] would: before an agent is asked.
    ///
    /// # Errors
    ///
    /// Something of that name is there.
    pub fn check(&self) -> Result<(), WriteError> {
        let Self::File { path, replace } = self else {
            return Ok(());
        };
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => Err(WriteError::Directory(path.clone())),
            Ok(_) if !replace => Err(WriteError::Exists(path.clone())),
            _ => Ok(()),
        }
    }

    fn name(&self) -> PathBuf {
        match self {
            Self::File { path, .. } => path.clone(),
            Self::Stdout => PathBuf::from("-"),
        }
    }
}

/// A recording that is written.
#[derive(Debug)]
pub struct Writer {
    target: Target,
    output: Output,
    /// Bytes of whole frames.
    bytes: u64,
    /// It may become so large, with its end.
    most: u64,
}

#[derive(Debug)]
enum Output {
    File(File),
    Stdout(io::Stdout),
}

impl Writer {
    /// Makes the file, of at most `most` bytes, and writes how the recording begins.
    ///
    /// # Errors
    ///
    /// See [`WriteError`].
    pub fn create(target: Target, header: &Header, most: u64) -> Result<Self, WriteError> {
        let output = match &target {
            Target::File { path, replace } => Output::File(create(path, *replace)?),
            Target::Stdout => Output::Stdout(io::stdout()),
        };
        let mut writer = Self {
            target,
            output,
            bytes: 0,
            most,
        };
        let first = Frame {
            kind: FrameKind::Header,
            to_ns: header.began_ns,
            payload: header.payload(),
        };
        writer.write(&[&preamble()[..], &first.to_bytes(Packing::Stored)].concat())?;
        Ok(writer)
    }

    /// Writes a frame; `false` when there is no room for it.
    ///
    /// # Errors
    ///
    /// See [`WriteError`]; what of it was written is taken back.
    pub fn append(&mut self, frame: &Frame) -> Result<bool, WriteError> {
        let bytes = frame.to_bytes(Packing::Deflate);
        if self.bytes + bytes.len() as u64 + END_BYTES > self.most {
            return Ok(false);
        }
        self.write(&bytes)?;
        Ok(true)
    }

    /// Writes how the recording ends, and waits until all of it is on the disk.
    ///
    /// # Errors
    ///
    /// See [`WriteError`].
    pub fn finish(mut self, end: End, now_ns: u64) -> Result<(), WriteError> {
        let last = Frame {
            kind: FrameKind::End,
            to_ns: now_ns,
            payload: end.payload(),
        };
        self.write(&last.to_bytes(Packing::Stored))?;
        match &self.output {
            Output::File(file) => match file.sync_all() {
                // What is no file of a disk cannot be waited for.
                Err(error) if error.kind() != ErrorKind::InvalidInput => Err(self.failed(error)),
                _ => Ok(()),
            },
            Output::Stdout(_) => Ok(()),
        }
    }

    /// Bytes written so far.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let written = match &mut self.output {
            Output::File(file) => file.write_all(bytes),
            Output::Stdout(stdout) => {
                let mut stdout = stdout.lock();
                stdout.write_all(bytes).and_then(|()| stdout.flush())
            }
        };
        match written {
            Ok(()) => {
                self.bytes += bytes.len() as u64;
                Ok(())
            }
            Err(error) => {
                if let Output::File(file) = &self.output {
                    // Half a frame is of no use; a device has no length.
                    drop(file.set_len(self.bytes));
                }
                Err(self.failed(error))
            }
        }
    }

    fn failed(&self, error: io::Error) -> WriteError {
        match &self.target {
            Target::File { .. } => {
                let is_usable = self.bytes > PREAMBLE as u64;
                WriteError::Write(self.target.name(), error, is_usable)
            }
            Target::Stdout => WriteError::Stdout(error),
        }
    }
}

fn create(path: &Path, replace: bool) -> Result<File, WriteError> {
    let mut options = OpenOptions::new();
    options.write(true).mode(MODE);
    match replace {
        true => options.create(true).truncate(true),
        false => options.create_new(true),
    };
    let cannot = |error: io::Error| match error.kind() {
        ErrorKind::AlreadyExists => WriteError::Exists(path.to_owned()),
        ErrorKind::IsADirectory => WriteError::Directory(path.to_owned()),
        _ => WriteError::Create(path.to_owned(), error),
    };
    let file = options.open(path).map_err(cannot)?;
    let kind = file.metadata().map_err(cannot)?.file_type();
    // One that was there may be for others to read; a device is left as it is.
    if !kind.is_char_device() && !kind.is_fifo() {
        let only_ours = Permissions::from_mode(MODE);
        file.set_permissions(only_ours).map_err(cannot)?;
    }
    Ok(file)
}
