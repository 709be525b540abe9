//! The unix socket: made so that at no moment the wrong people can connect, two agents share it,
//! or a file that is no socket is lost.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::serve::Listener;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{sleep, timeout};

/// Read and write for the group: who may connect is who is in it.
const SOCKET_MODE: u32 = 0o660;
/// Of a directory made for the socket.
const DIRECTORY_MODE: u32 = 0o750;
/// How long another agent may take to answer, or to make its own socket.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(20);

/// The agent's end of the unix socket. Dropping it removes the socket, unless another agent has
/// put its own there since.
#[derive(Debug)]
pub struct ApiListener {
    listener: UnixListener,
    file: SocketFile,
}

impl ApiListener {
    /// Listens at `path`. A directory that is missing is made, its parent is not; the socket of an
    /// agent that is gone is replaced.
    ///
    /// # Errors
    ///
    /// Another agent listens there, something that is no socket is there, or the socket cannot be
    /// made. Each is a sentence with the path and what to do.
    pub async fn bind(path: &Path) -> Result<Self> {
        let shown = path.display();
        if path.file_name().is_none() || SocketAddr::from_pathname(path).is_err() {
            bail!("{shown} cannot be the name of a socket: choose a shorter --socket");
        }
        let directory = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        create_directory(directory).with_context(|| {
            let directory = directory.display();
            format!("cannot make the directory {directory}: make it or choose another --socket")
        })?;
        // Two agents that start at once would both find the path free.
        let _turn = take_turn(directory).await?;
        vacate(path).await?;
        Self::replace(path, directory).with_context(|| {
            format!("cannot make the socket {shown}: run as root or choose another --socket")
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.file.path
    }

    /// Binds where nobody else can connect, since a socket has its final mode only after `bind`,
    /// and moves it into place.
    fn replace(path: &Path, directory: &Path) -> io::Result<Self> {
        let private = PrivateDirectory::create(directory)?;
        let hidden = private.0.join("s");
        let listener = UnixListener::bind(&hidden)?;
        fs::set_permissions(&hidden, Permissions::from_mode(SOCKET_MODE))?;
        let identity = identity(&hidden)?;
        fs::rename(&hidden, path)?;
        let path = path.to_owned();
        let file = SocketFile { path, identity };
        Ok(Self { listener, file })
    }
}

impl Listener for ApiListener {
    type Io = UnixStream;
    type Addr = tokio::net::unix::SocketAddr;

    async fn accept(&mut self) -> (UnixStream, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        if let Ok(peer) = stream.peer_cred() {
            let (pid, uid) = (peer.pid().unwrap_or_default(), peer.uid());
            log::debug!("local API: connection: pid={pid} uid={uid}");
        }
        (stream, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A socket in the file system, as long as it is ours.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity)
            && let Err(error) = fs::remove_file(&self.path)
        {
            log::warn!("cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Device and inode: which file a name stands for.
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// A directory nobody else can look into, for as long as this lives.
struct PrivateDirectory(PathBuf);

impl PrivateDirectory {
    fn create(parent: &Path) -> io::Result<Self> {
        let mut number = 0;
        loop {
            // A short name: the path of a socket has at most 107 bytes.
            let path = parent.join(format!(".{}.{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                // Left behind by an agent of the same number that was killed, as in containers.
                Err(error) if error.kind() == ErrorKind::AlreadyExists && number < 100 => {
                    number += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for PrivateDirectory {
    fn drop(&mut self) {
        // After an error the socket may still be in it.
        if let Err(error) = fs::remove_dir_all(&self.0) {
            log::warn!("cannot remove {}: {error}", self.0.display());
        }
    }
}

fn create_directory(directory: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(DIRECTORY_MODE).create(directory) {
        // The umask may have taken away what the group needs.
        Ok(()) => fs::set_permissions(directory, Permissions::from_mode(DIRECTORY_MODE)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Waits for agents that make their socket in the same directory at this moment.
async fn take_turn(directory: &Path) -> Result<File> {
    let shown = directory.display();
    let cannot = || format!("cannot lock the directory {shown}: choose another --socket");
    let file = File::open(directory).with_context(cannot)?;
    let turn = async {
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) => sleep(PAUSE).await,
                Err(TryLockError::Error(error)) => return Err(error).with_context(cannot),
            }
        }
    };
    match timeout(PATIENCE, turn).await {
        Ok(locked) => locked?,
        Err(_) => bail!("another process has locked {shown}: stop it or choose another --socket"),
    }
    Ok(file)
}

/// Removes the socket of an agent that is gone, and nothing else.
async fn vacate(path: &Path) -> Result<()> {
    let shown = path.display();
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => {}
        Ok(_) => bail!("{shown} is not a socket: remove it or choose another --socket"),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot look at {shown}")),
    }
    let answer = timeout(PATIENCE, UnixStream::connect(path)).await;
    match answer.map(|answer| answer.map_err(|error| (error.kind(), error))) {
        Ok(Err((ErrorKind::ConnectionRefused, _))) => fs::remove_file(path)
            .with_context(|| format!("cannot remove {shown}, the socket of an agent that is gone")),
        Ok(Err((ErrorKind::NotFound, _))) => Ok(()),
        // A queue that is full is somebody's.
        Ok(Ok(_) | Err((ErrorKind::WouldBlock, _))) | Err(_) => {
            bail!("another agent is listening on {shown}: stop it or choose --socket")
        }
        Ok(Err((_, error))) => Err(error).with_context(|| {
            format!("{shown} may be in use: remove it or choose another --socket")
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener as BlockingListener;

    use tempfile::TempDir;

    use super::*;

    fn place() -> (TempDir, PathBuf) {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("tcpmon.sock");
        (directory, path)
    }

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o7777
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
        entries
            .map(|entry| name(entry).into_string().unwrap())
            .collect()
    }

    async fn sentence(path: &Path) -> String {
        format!("{:#}", ApiListener::bind(path).await.unwrap_err())
    }

    #[tokio::test]
    async fn the_group_may_connect_and_nobody_else() {
        let (directory, path) = place();
        let mut listener = ApiListener::bind(&path).await.unwrap();
        assert_eq!(listener.path(), path);
        assert_eq!(mode(&path), 0o660);
        assert_eq!(names(directory.path()), ["tcpmon.sock"]);
        let connecting = UnixStream::connect(&path);
        let (connected, _) = tokio::join!(connecting, Listener::accept(&mut listener));
        connected.unwrap();
    }

    #[tokio::test]
    async fn a_missing_directory_is_made_but_not_its_parent() {
        let (directory, _) = place();
        let path = directory.path().join("run/tcpmon.sock");
        let listener = ApiListener::bind(&path).await.unwrap();
        assert_eq!(mode(path.parent().unwrap()), 0o750);
        drop(listener);
        let path = directory.path().join("a/b/tcpmon.sock");
        let sentence = sentence(&path).await;
        let expected = format!("cannot make the directory {}", directory.path().display());
        assert!(sentence.starts_with(&expected), "{sentence}");
        assert!(sentence.contains("choose another --socket"), "{sentence}");
        assert!(!directory.path().join("a").exists());
    }

    #[tokio::test]
    async fn a_live_socket_is_left_alone() {
        let (directory, path) = place();
        let _other = ApiListener::bind(&path).await.unwrap();
        let shown = path.display();
        assert_eq!(
            sentence(&path).await,
            format!("another agent is listening on {shown}: stop it or choose --socket")
        );
        UnixStream::connect(&path).await.unwrap();
        assert_eq!(names(directory.path()), ["tcpmon.sock"]);
    }

    #[tokio::test]
    async fn of_two_agents_that_start_at_once_one_wins() {
        let (_directory, path) = place();
        drop(BlockingListener::bind(&path).unwrap());
        let (one, other) = tokio::join!(ApiListener::bind(&path), ApiListener::bind(&path));
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
        UnixStream::connect(&path).await.unwrap();
    }

    #[tokio::test]
    async fn a_dead_socket_is_replaced() {
        let (_directory, path) = place();
        drop(BlockingListener::bind(&path).unwrap());
        assert!(path.exists());
        let _listener = ApiListener::bind(&path).await.unwrap();
        UnixStream::connect(&path).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_no_socket_is_not_removed() {
        let (directory, path) = place();
        fs::write(&path, "precious").unwrap();
        let shown = path.display();
        let expected = format!("{shown} is not a socket: remove it or choose another --socket");
        assert_eq!(sentence(&path).await, expected);
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        // Nor is what a link leads to.
        let link = directory.path().join("link");
        let dead = directory.path().join("dead");
        drop(BlockingListener::bind(&dead).unwrap());
        std::os::unix::fs::symlink(&dead, &link).unwrap();
        assert!(sentence(&link).await.contains("is not a socket"));
        assert!(dead.exists());
    }

    #[tokio::test]
    async fn it_is_gone_with_the_agent() {
        let (directory, path) = place();
        drop(ApiListener::bind(&path).await.unwrap());
        assert!(names(directory.path()).is_empty());
    }

    #[tokio::test]
    async fn the_socket_of_a_successor_stays() {
        let (_directory, path) = place();
        let ours = ApiListener::bind(&path).await.unwrap();
        fs::remove_file(&path).unwrap();
        let _theirs = ApiListener::bind(&path).await.unwrap();
        drop(ours);
        UnixStream::connect(&path).await.unwrap();
    }

    #[tokio::test]
    async fn a_name_no_socket_can_have_is_said() {
        let (directory, _) = place();
        for path in [directory.path().join("x".repeat(200)), PathBuf::from("/")] {
            let sentence = sentence(&path).await;
            let expected = "cannot be the name of a socket: choose a shorter --socket";
            assert!(sentence.ends_with(expected), "{sentence}");
        }
    }

    #[tokio::test]
    async fn what_a_killed_agent_left_behind_is_no_obstacle() {
        let (directory, path) = place();
        let left = directory.path().join(format!(".{}.0", std::process::id()));
        fs::create_dir(left).unwrap();
        drop(ApiListener::bind(&path).await.unwrap());
        assert_eq!(names(directory.path()).len(), 1);
    }
}
