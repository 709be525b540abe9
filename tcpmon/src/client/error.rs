//! Why there is no answer.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use nix::unistd::{Gid, Group};

use crate::view::format::sanitise;

/// Why a question got no answer. [`Display`](fmt::Display) is one sentence for the user, safe to
/// show on a terminal.
#[derive(Debug)]
pub enum ClientError {
    /// Nobody listens at the socket.
    NoAgent {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The user may not connect to the socket.
    NotPermitted {
        /// The socket.
        path: PathBuf,
        /// Whose permissions stand in the way, as far as that can be seen.
        barrier: Option<Barrier>,
    },
    /// The agent refused the question.
    Refused {
        /// HTTP status.
        status: u16,
        /// Why, in one sentence.
        message: String,
        /// Where in the filter, as a byte offset.
        position: Option<usize>,
    },
    /// What came back is no answer: one sentence.
    Broken(String),
}

/// What keeps a user from connecting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barrier {
    /// The socket or its directory.
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
    /// Name of its group, or the number of a group without a name.
    pub group: String,
}

impl Barrier {
    fn of(path: &Path) -> Option<Self> {
        // Without a look at the socket itself, it is the directory that is closed.
        let candidates = [Some(path), path.parent()];
        candidates.into_iter().flatten().find_map(Self::at)
    }

    fn at(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        let group = Group::from_gid(Gid::from_raw(metadata.gid()))
            .ok()
            .flatten();
        Some(Self {
            path: path.to_owned(),
            mode: metadata.permissions().mode() & 0o7777,
            group: group.map_or_else(|| metadata.gid().to_string(), |group| group.name),
        })
    }
}

impl ClientError {
    /// Nobody could be reached at `path`.
    pub(super) fn unreachable(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if source.kind() == io::ErrorKind::PermissionDenied {
            let barrier = Barrier::of(&path);
            return Self::NotPermitted { path, barrier };
        }
        Self::NoAgent { path, source }
    }

    /// The answer ended too soon.
    pub(super) fn broken_off(path: &Path, why: impl fmt::Display) -> Self {
        let path = path.display();
        Self::Broken(format!("the agent at {path} broke off its answer: {why}"))
    }

    /// The answer makes no sense.
    pub(super) fn not_understood(path: &Path, why: impl fmt::Display) -> Self {
        let path = path.display();
        Self::Broken(format!(
            "what answers at {path} does not speak as a tcpmon agent does: {why}"
        ))
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentence = match self {
            Self::NoAgent { path, source } => no_agent(path, source),
            Self::NotPermitted { path, barrier } => not_permitted(path, barrier.as_ref()),
            Self::Refused { message, .. } => message.clone(),
            Self::Broken(sentence) => sentence.clone(),
        };
        // Whatever answers at the socket, and whoever names it, may have put anything in.
        f.write_str(&sanitise(&sentence))
    }
}

impl std::error::Error for ClientError {}

fn no_agent(path: &Path, source: &io::Error) -> String {
    let path = path.display();
    let remedy = "start one with \"tcpmon agent\" or name its socket with --socket";
    match source.kind() {
        // Nothing is there, or nobody listens any more: for the user that is the same.
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            format!("no agent answers at {path}: {remedy}")
        }
        _ => format!("no agent answers at {path} ({source}): {remedy}"),
    }
}

fn not_permitted(path: &Path, barrier: Option<&Barrier>) -> String {
    let shown = path.display();
    let Some(barrier) = barrier else {
        return format!("not permitted to use the agent's socket {shown}: run as root");
    };
    let what = if barrier.path == path {
        "it"
    } else {
        "its directory"
    };
    let Barrier { mode, group, .. } = barrier;
    format!(
        "not permitted to use the agent's socket {shown}: {what} has mode {mode:04o} and group \
         {group}; join that group or run as root"
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    const PATH: &str = "/run/tcpmon/tcpmon.sock";

    fn sentence(kind: io::ErrorKind) -> String {
        let (path, source) = (PathBuf::from(PATH), kind.into());
        ClientError::NoAgent { path, source }.to_string()
    }

    #[test]
    fn no_agent_says_what_to_do() {
        for kind in [io::ErrorKind::NotFound, io::ErrorKind::ConnectionRefused] {
            assert_eq!(
                sentence(kind),
                "no agent answers at /run/tcpmon/tcpmon.sock: start one with \"tcpmon agent\" or \
                 name its socket with --socket"
            );
        }
        assert!(sentence(io::ErrorKind::TimedOut).contains("(timed out)"));
    }

    #[test]
    fn a_closed_socket_names_mode_and_group() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let _listener = UnixListener::bind(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o660)).unwrap();
        let denied = || io::ErrorKind::PermissionDenied.into();
        let error = ClientError::unreachable(&path, denied());
        let ClientError::NotPermitted {
            barrier: Some(barrier),
            ..
        } = &error
        else {
            panic!("{error:?}");
        };
        let expected = format!(
            "not permitted to use the agent's socket {}: it has mode 0660 and group {}; join that \
             group or run as root",
            path.display(),
            barrier.group
        );
        assert_eq!(error.to_string(), expected);
        let mode = fs::Permissions::from_mode(0o750);
        fs::set_permissions(directory.path(), mode).unwrap();
        // A socket that cannot be seen is in a directory that is closed.
        let error = ClientError::unreachable(&directory.path().join("t"), denied());
        let sentence = error.to_string();
        assert!(
            sentence.contains(": its directory has mode 0750 and group "),
            "{sentence}"
        );
    }

    #[test]
    fn what_others_wrote_cannot_act_on_a_terminal() {
        let message = "a\x1b[2J\nb".to_owned();
        assert_eq!(ClientError::Broken(message).to_string(), "a\\x1b[2J\\x0ab");
    }
}
