//! Another process that does as it is told: this test program once more, at the other end of a
//! socket, with a name of its own.

use std::fs;
use std::io::{IoSlice, IoSliceMut, stdin};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg,
    sendmsg, socketpair,
};
use nix::unistd::{ForkResult, Pid, fork, getpid};

/// Set for the processes that are puppets.
const NAME: &str = "TCPMON_PUPPET";

/// A process under the control of a test. Dropping it ends it.
pub(crate) struct Puppet {
    line: OwnedFd,
    pid: u32,
    /// `None` for the child of another puppet.
    child: Option<Child>,
}

impl Puppet {
    /// Starts a process called `name` in the namespace of the calling thread.
    pub(crate) fn start(name: &str) -> Self {
        let (line, theirs) = line();
        let child = Command::new(std::env::current_exe().expect("this program"))
            .args(["puppet::serves", "--exact", "--ignored", "--nocapture"])
            .arg("--test-threads=1")
            .env(NAME, name)
            .stdin(theirs)
            .stdout(Stdio::null())
            .spawn()
            .expect("this program starts");
        let mut puppet = Self {
            line,
            pid: child.id(),
            child: Some(child),
        };
        puppet.ask(&format!("name {name}"));
        puppet
    }

    /// As [`Puppet::start`], in a pid namespace of its own: there it is process 1.
    pub(crate) fn start_contained(name: &str) -> Self {
        thread::scope(|scope| {
            let starter = scope.spawn(|| {
                unshare(CloneFlags::CLONE_NEWPID).expect("root may make a namespace");
                Self::start(name)
            });
            starter.join().expect("no panic")
        })
    }

    /// Has the puppet fork: the child inherits its sockets.
    pub(crate) fn fork(&mut self, name: &str) -> Self {
        let (line, theirs) = line();
        self.give("fork", theirs.as_fd());
        let mut puppet = Self {
            line,
            pid: self.answer().parse().expect("a process id"),
            child: None,
        };
        puppet.ask(&format!("name {name}"));
        puppet
    }

    /// Has it become another program, with its sockets and its line to the test for input.
    pub(crate) fn exec(&mut self, program: &str) {
        let request = format!("exec {program}");
        send(self.line.as_fd(), &request, None).expect("the puppet lives");
    }

    pub(crate) const fn pid(&self) -> u32 {
        self.pid
    }

    /// Has it do something, and waits until it is done.
    #[track_caller]
    pub(crate) fn ask(&mut self, request: &str) -> String {
        send(self.line.as_fd(), request, None).expect("the puppet lives");
        self.answer()
    }

    #[track_caller]
    fn answer(&mut self) -> String {
        let (answer, _) = receive(self.line.as_fd()).expect("the puppet answers");
        answer
    }

    fn give(&mut self, request: &str, descriptor: BorrowedFd<'_>) {
        send(self.line.as_fd(), request, Some(descriptor)).expect("the puppet lives");
    }

    /// Passes the socket `descriptor` of this puppet to another, which answers with its number.
    pub(crate) fn pass(&mut self, descriptor: &str, to: &mut Self) -> String {
        send(self.line.as_fd(), &format!("pass {descriptor}"), None).expect("the puppet lives");
        let (_, socket) = receive(self.line.as_fd()).expect("the puppet answers");
        to.give("take", socket.expect("a descriptor").as_fd());
        to.answer()
    }

    /// Ends it without warning.
    pub(crate) fn kill(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.pid).expect("a process id"));
        kill(pid, Signal::SIGKILL).expect("it lives");
        if let Some(child) = &mut self.child {
            child.wait().expect("it is our child");
        }
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // A puppet that serves ends by itself when its line does; one that hangs does not.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn line() -> (OwnedFd, OwnedFd) {
    let (family, kind) = (AddressFamily::Unix, SockType::SeqPacket);
    socketpair(family, kind, None, SockFlag::SOCK_CLOEXEC).expect("a pair of sockets")
}

fn send(line: BorrowedFd<'_>, text: &str, pass: Option<BorrowedFd<'_>>) -> nix::Result<usize> {
    let fds: Vec<RawFd> = pass.iter().map(|fd| fd.as_raw_fd()).collect();
    let rights = [ControlMessage::ScmRights(&fds)];
    let control = if fds.is_empty() { &[] } else { &rights[..] };
    let text = [IoSlice::new(text.as_bytes())];
    sendmsg::<()>(
        line.as_raw_fd(),
        &text,
        control,
        MsgFlags::MSG_NOSIGNAL,
        None,
    )
}

/// The next message; `None` when the other side is gone.
fn receive(line: BorrowedFd<'_>) -> Option<(String, Option<OwnedFd>)> {
    let mut bytes = [0; 256];
    let mut control = nix::cmsg_space!(RawFd);
    let mut space = [IoSliceMut::new(&mut bytes)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(line.as_raw_fd(), &mut space, Some(&mut control), flags).ok()?;
    let passed = message.cmsgs().ok()?.find_map(|part| match part {
        ControlMessageOwned::ScmRights(fds) => fds.first().copied(),
        _ => None,
    });
    let length = message.bytes;
    #[expect(unsafe_code, reason = "SCM_RIGHTS hands over a bare number")]
    // SAFETY: the kernel has just made this descriptor for us; nobody else knows it.
    let passed = passed.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    let text = String::from_utf8_lossy(bytes.get(..length)?).into_owned();
    (length > 0).then_some((text, passed))
}

/// Not a test: what a puppet runs.
#[test]
#[ignore = "only does something in a process started by another test"]
fn serves() {
    if std::env::var_os(NAME).is_some() {
        let line = stdin().as_fd().try_clone_to_owned().expect("a descriptor");
        serve(&line, &mut Vec::new());
    }
}

fn serve(line: &OwnedFd, held: &mut Vec<OwnedFd>) {
    while let Some((request, passed)) = receive(line.as_fd()) {
        let (verb, object) = request.split_once(' ').unwrap_or((&request, ""));
        match verb {
            "pass" => {
                let socket = &held[find(held, object)];
                send(line.as_fd(), "passed", Some(socket.as_fd())).expect("the test lives");
            }
            "fork" => {
                let theirs = passed.expect("a line for the child");
                if let Some(pid) = split() {
                    send(line.as_fd(), &pid.to_string(), None).expect("the test lives");
                } else {
                    serve(&theirs, held);
                    kill(getpid(), Signal::SIGKILL).expect("oneself may always");
                }
            }
            _ => {
                let answer = act(held, verb, object, passed);
                send(line.as_fd(), &answer, None).expect("the test lives");
            }
        }
    }
}

fn split() -> Option<Pid> {
    #[expect(
        unsafe_code,
        reason = "a child that inherits its sockets, as of a prefork server"
    )]
    // SAFETY: the only other thread of a puppet waits for this one and holds no lock.
    match unsafe { fork() }.expect("forks") {
        ForkResult::Parent { child } => Some(child),
        ForkResult::Child => None,
    }
}

/// Sockets are named by their descriptor numbers.
fn act(held: &mut Vec<OwnedFd>, verb: &str, object: &str, passed: Option<OwnedFd>) -> String {
    match verb {
        "name" => {
            // The name of the leader, which is the process's, and that of this thread, which is all
            // that programs of old kernels can see.
            fs::write("/proc/self/comm", object).expect("a name");
            fs::write("/proc/thread-self/comm", object).expect("a name");
            String::from("named")
        }
        "listen" => {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listens");
            let port = listener.local_addr().expect("is bound").port();
            held.push(listener.into());
            port.to_string()
        }
        "connect" => {
            let port: u16 = object.parse().expect("a port");
            hold(
                held,
                TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connects"),
            )
        }
        "accept" => {
            let listener = held.first().expect("listens already");
            let listener = listener.try_clone().expect("a descriptor");
            let (stream, _) = TcpListener::from(listener).accept().expect("accepts");
            hold(held, stream)
        }
        "take" => hold(held, passed.expect("a socket")),
        "close" => {
            drop(held.swap_remove(find(held, object)));
            String::from("closed")
        }
        "limit" => {
            let files = object.parse().expect("a number");
            let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("it has a limit");
            setrlimit(Resource::RLIMIT_NOFILE, files, most).expect("a lower limit");
            String::from("limited")
        }
        "fill" => {
            // Files that are no sockets, as many as it may have but for some.
            let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("it has a limit");
            setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("the limit it may have");
            let wanted: u64 = object.parse().expect("a number");
            let files = wanted.min(most - 100);
            let file = fs::File::open("/dev/null").expect("it is everywhere");
            held.extend((0..files).map(|_| file.try_clone().expect("it may have more").into()));
            files.to_string()
        }
        "exec" => {
            for socket in held.iter() {
                fcntl(socket, FcntlArg::F_SETFD(FdFlag::empty())).expect("a descriptor");
            }
            let failed = Command::new(object).exec();
            panic!("{object}: {failed}");
        }
        "close-in-thread" => {
            let socket = held.swap_remove(find(held, object));
            let closer = thread::Builder::new().name("closer".into());
            let closer = closer.spawn(move || {
                drop(socket);
                nix::unistd::gettid()
            });
            let tid = closer.expect("a thread").join().expect("no panic");
            tid.to_string()
        }
        other => crate::trick(other),
    }
}

fn hold(held: &mut Vec<OwnedFd>, socket: impl Into<OwnedFd>) -> String {
    let socket = socket.into();
    let number = socket.as_raw_fd().to_string();
    held.push(socket);
    number
}

fn find(held: &[OwnedFd], number: &str) -> usize {
    let number: RawFd = number.parse().expect("a descriptor number");
    let at = held.iter().position(|fd| fd.as_raw_fd() == number);
    at.expect("a socket it holds")
}
