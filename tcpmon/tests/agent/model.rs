//! What the connections of a test must be, worked out from what was done to them.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd as _};

use socket2::Socket;
use tcpmon_common::State;

use crate::net::set_option;
use crate::place::{eventually, now_ns};
use crate::ss::spell;

/// Address, canonical, and port.
pub(crate) type Place = (IpAddr, u16);
/// Something happened after the first and before the second, in `CLOCK_BOOTTIME`.
pub(crate) type Span = (u64, u64);

/// A row that must be there.
pub(crate) struct Expected {
    pub(crate) line: String,
    /// When it entered its state, where the test can tell.
    pub(crate) since: Option<Span>,
}

/// Who has an end of a connection.
pub(crate) enum Holder {
    Test(Socket),
    /// The puppet of this number.
    Puppet(usize),
    /// The accept queue of its listener.
    Queue,
    /// It is closed.
    Nobody,
}

/// One end of a connection.
pub(crate) struct End {
    pub(crate) holder: Holder,
    at: Place,
    /// [`State::Close`]: the kernel has nothing of it any more.
    pub(crate) state: State,
    since: Option<Span>,
    unread: bool,
}

/// How a side stops talking.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Fin,
    Reset,
}

/// The client is end 0, the server end 1.
pub(crate) struct Connection {
    pub(crate) ends: [End; 2],
}

impl Connection {
    /// A connection made during `since` whose server nobody has accepted.
    pub(crate) fn new(client: Holder, at: Place, server: Place, since: Span) -> Self {
        let end = |holder, at| End {
            holder,
            at,
            state: State::Established,
            since: Some(since),
            unread: false,
        };
        Self {
            ends: [end(client, at), end(Holder::Queue, server)],
        }
    }

    /// `action` closes the end of `side` without `SO_LINGER`.
    pub(crate) fn close(&mut self, side: usize, action: impl FnOnce(Holder)) {
        self.close_after(now_ns(), side, action);
    }

    /// As [`Connection::close`], where the end may have closed since `began_ns` already.
    pub(crate) fn close_after(&mut self, began_ns: u64, side: usize, action: impl FnOnce(Holder)) {
        let end = &mut self.ends[side];
        let how = if end.unread { How::Reset } else { How::Fin };
        let holder = std::mem::replace(&mut end.holder, Holder::Nobody);
        self.change(began_ns, side, how, || action(holder));
    }

    /// `action` takes the end of `side` from its holder, with a reset.
    pub(crate) fn reset<T>(&mut self, side: usize, action: impl FnOnce(Holder) -> T) -> T {
        let holder = std::mem::replace(&mut self.ends[side].holder, Holder::Nobody);
        self.change(now_ns(), side, How::Reset, || action(holder))
    }

    /// Our FIN, and the socket stays.
    pub(crate) fn half_close(&mut self, side: usize) {
        let socket = self.socket(side).try_clone().expect("a descriptor");
        self.change(now_ns(), side, How::Fin, || {
            socket
                .shutdown(std::net::Shutdown::Write)
                .expect("shuts down");
        });
    }

    pub(crate) const fn may_write(&self, side: usize) -> bool {
        matches!(self.ends[side].state, State::Established | State::CloseWait)
    }

    /// Sends something, which the peer does not read; a peer that nobody has answers by a reset.
    pub(crate) fn write(&mut self, side: usize) {
        let socket = self.socket(side).try_clone().expect("a descriptor");
        let send = || assert_eq!(socket.send(&[b'x'; 64]).expect("sends"), 64);
        if matches!(self.ends[1 - side].holder, Holder::Nobody) {
            self.change(now_ns(), side, How::Reset, send);
            return;
        }
        send();
        self.ends[1 - side].unread = true;
        if let Holder::Test(peer) = &self.ends[1 - side].holder {
            peer.peek(&mut [std::mem::MaybeUninit::uninit()])
                .expect("it arrives");
        }
    }

    /// Reads all there is.
    pub(crate) fn read(&mut self, side: usize) {
        if std::mem::take(&mut self.ends[side].unread) {
            let mut buffer = vec![std::mem::MaybeUninit::uninit(); 1 << 16];
            let read = self.socket(side).recv(&mut buffer).expect("arrived before");
            assert!(read >= 64 && read.is_multiple_of(64), "{read}");
        }
    }

    /// IPv4 at both ends, whatever the sockets are.
    pub(crate) const fn is_ipv4(&self) -> bool {
        self.ends[0].at.0.is_ipv4()
    }

    fn socket(&self, side: usize) -> &Socket {
        match &self.ends[side].holder {
            Holder::Test(socket) => socket,
            _ => panic!("the test does not have it"),
        }
    }

    /// Does `action`, by which `side` stops talking, and waits for what it causes.
    fn change<T>(&mut self, began_ns: u64, side: usize, how: How, action: impl FnOnce() -> T) -> T {
        use State::{Close, CloseWait, Established, FinWait2, TimeWait};
        let outcome = action();
        let (own, peer) = (self.ends[side].state, self.ends[1 - side].state);
        let next = match (how, own) {
            (_, Close | TimeWait) | (How::Fin, FinWait2) => (own, peer),
            (How::Fin, Established) => (FinWait2, CloseWait),
            (How::Fin, _) => (Close, TimeWait),
            (How::Reset, _) => (Close, Close),
        };
        self.ends[side].state = next.0;
        self.ends[1 - side].state = next.1;
        self.settle();
        let span = (began_ns, now_ns());
        // The FIN of a socket that is gone is acknowledged by one that nobody has yet, when the
        // kernel thinks it is time: nobody can look at either.
        let looked = |end: &End| matches!(end.holder, Holder::Test(_));
        let is_untold = !self.ends.iter().any(looked);
        for (side, before) in [(side, own), (1 - side, peer)] {
            let end = &mut self.ends[side];
            if end.state != before {
                end.since = (!is_untold || end.state != FinWait2).then_some(span);
            }
        }
        outcome
    }

    /// Waits until the kernel has the sockets of the test in their states. A FIN is acknowledged
    /// after 40 ms unless the receiver asks for haste.
    pub(crate) fn settle(&self) {
        let receivers_first = |end: &&End| end.state != State::CloseWait;
        let mut ends: Vec<&End> = self.ends.iter().collect();
        ends.sort_by_key(receivers_first);
        for end in ends {
            let Holder::Test(socket) = &end.holder else {
                continue;
            };
            let wanted = match end.state {
                // Only a minisock is left.
                State::TimeWait => State::Close.number(),
                state => state.number(),
            };
            eventually("the kernel does what is expected", || {
                (kernel_state(socket) == wanted).then_some(())
            });
            if end.state == State::CloseWait {
                set_option(socket, libc::IPPROTO_TCP, libc::TCP_QUICKACK, 1);
            }
        }
    }

    /// What the kernel must have of it.
    pub(crate) fn expected(&self) -> impl Iterator<Item = Expected> {
        let pairs = [(0, 1), (1, 0)].map(|(own, peer)| (&self.ends[own], &self.ends[peer]));
        let alive = pairs
            .into_iter()
            .filter(|(own, _)| own.state != State::Close);
        alive.map(|(own, peer)| Expected {
            line: spell(own.state.name(), own.at, peer.at),
            since: own.since,
        })
    }
}

/// Address and port as rows are compared.
pub(crate) fn canonical(address: SocketAddr) -> Place {
    (address.ip().to_canonical(), address.port())
}

/// Where a socket is bound.
pub(crate) fn local(socket: &Socket) -> SocketAddr {
    let address = socket.local_addr().expect("is bound").as_socket();
    address.expect("an address of the internet")
}

/// The first member of `struct tcp_info`.
fn kernel_state(socket: &Socket) -> u8 {
    let mut state = 0_u8;
    let mut length: libc::socklen_t = 1;
    #[expect(unsafe_code, reason = "no crate asks for TCP_INFO")]
    // SAFETY: both outlive the call, and the length is the size of `state`.
    let status = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut state).cast(),
            &raw mut length,
        )
    };
    assert_eq!(status, 0, "{}", std::io::Error::last_os_error());
    state
}
