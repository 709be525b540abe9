//! The other end of a connection, segment by segment: a host behind a TUN device whose TCP is the
//! test. A segment it writes has been dealt with by the kernel when the write returns.

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;

use socket2::Socket;

use crate::harness::Watch;
use crate::net::{address, begin_connect, half_close, socket};
use crate::netlink;
use crate::place::{Namespace, eventually, in_namespace};
use crate::segment::{ACK, FIN, SYN, Segment, unreachable};

/// The namespace of the test.
pub(crate) const KERNEL: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
/// The host behind the device.
pub(crate) const PEER: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);
/// The first sequence number of the peer.
const ISN: u32 = 0xffff_f000;

/// `struct ifreq` as TUNSETIFF takes it (`include/uapi/linux/if.h`).
#[repr(C)]
struct Interface {
    name: [u8; libc::IFNAMSIZ],
    flags: i16,
    unused: [u8; 22],
}

/// A host the kernel reaches through a device of its namespace.
pub(crate) struct Peer {
    device: File,
    last_port: Cell<u16>,
}

/// Runs `body` in a namespace of its own, with a peer; not where the kernel has no TUN devices.
pub(crate) fn with_peer(body: impl FnOnce(Namespace, Watch, Peer) + Send) {
    in_namespace(|namespace| match open_device() {
        Some(device) => body(namespace, Watch::open(namespace), Peer::new(device)),
        None => eprintln!("skipped, because this kernel has no TUN devices"),
    });
}

fn open_device() -> Option<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    options.custom_flags(libc::O_NONBLOCK);
    match options.open("/dev/net/tun") {
        Ok(device) => Some(device),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => None,
        Err(error) => panic!("/dev/net/tun: {error}"),
    }
}

impl Peer {
    /// In the namespace of the calling thread.
    fn new(device: File) -> Self {
        static INDEX: i32 = 77;
        let mut interface = Interface {
            name: [0; libc::IFNAMSIZ],
            flags: (libc::IFF_TUN | libc::IFF_NO_PI) as i16,
            unused: [0; 22],
        };
        interface.name[..4].copy_from_slice(b"peer");
        #[expect(unsafe_code, reason = "TUNSETIFF, which no crate at hand wraps")]
        // SAFETY: both arguments outlive the calls; the kernel reads an `int`, and reads and writes
        // a `struct ifreq` of 40 bytes.
        let status = unsafe {
            let device = device.as_raw_fd();
            libc::ioctl(device, libc::TUNSETIFINDEX, &raw const INDEX)
                | libc::ioctl(device, libc::TUNSETIFF, &raw mut interface)
        };
        assert_eq!(status, 0, "{}", std::io::Error::last_os_error());
        netlink::add_address(INDEX, KERNEL, 24);
        netlink::set_link(INDEX, true);
        Self {
            device,
            last_port: Cell::new(7000),
        }
    }

    fn new_port(&self) -> u16 {
        self.last_port.set(self.last_port.get() + 1);
        self.last_port.get()
    }

    fn write(&self, packet: &[u8]) {
        let written = (&self.device).write(packet).expect("the device is up");
        assert_eq!(written, packet.len());
    }

    /// The next segment from the kernel that `wanted` is true of. Drops those before it.
    #[track_caller]
    fn await_segment(&self, what: &str, wanted: impl Fn(&Segment) -> bool) -> Segment {
        eventually(what, || self.next_segment(&wanted))
    }

    fn next_segment(&self, wanted: impl Fn(&Segment) -> bool) -> Option<Segment> {
        let mut packet = [0; 2048];
        loop {
            match (&self.device).read(&mut packet) {
                Ok(length) => {
                    let segment = Segment::of_packet(&packet[..length]);
                    if let Some(segment) = segment.filter(&wanted) {
                        return Some(segment);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) => panic!("the device: {error}"),
            }
        }
    }

    /// A socket of the kernel's that has sent its SYN to the peer.
    pub(crate) fn called(&self) -> (Socket, Link<'_>) {
        let socket = socket();
        let link = self.called_by(&socket);
        (socket, link)
    }

    /// As [`Peer::called`], by this socket.
    pub(crate) fn called_by(&self, socket: &Socket) -> Link<'_> {
        let port = self.new_port();
        self.called_at(socket, port)
    }

    /// As [`Peer::called_by`], at this port of the peer.
    pub(crate) fn called_at(&self, socket: &Socket, port: u16) -> Link<'_> {
        begin_connect(socket, SocketAddr::from((PEER, port)));
        self.answer(port)
    }

    /// The link of the SYN that has been sent to `port`.
    pub(crate) fn answer(&self, port: u16) -> Link<'_> {
        let syn = self.await_segment("a SYN", |segment| {
            (segment.to, segment.flags) == (port, SYN)
        });
        let mut link = Link::new(self, port, syn.from);
        link.seen = syn.end();
        link
    }

    /// Where a connection would be opened to; nobody answers.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((PEER, self.new_port()))
    }

    /// A connection the kernel opened.
    pub(crate) fn connected(&self) -> (TcpStream, Link<'_>) {
        let (socket, mut link) = self.called();
        link.send(SYN | ACK);
        link.take(ACK);
        socket.set_nonblocking(false).expect("blocking");
        (socket.into(), link)
    }

    /// A SYN for `listener` that the kernel has answered.
    pub(crate) fn calling(&self, listener: &TcpListener) -> Link<'_> {
        let mut link = Link::new(self, self.new_port(), address(listener).port());
        link.send(SYN);
        link.take(SYN);
        link
    }

    /// A connection the peer opened.
    pub(crate) fn accepted(&self, listener: &TcpListener) -> (TcpStream, Link<'_>) {
        let mut link = self.calling(listener);
        link.send(ACK);
        let (stream, _) = listener.accept().expect("accepts");
        (stream, link)
    }

    /// As [`Link::send`] of a SYN with data, which makes the child at once.
    pub(crate) fn fast_open(&self, listener: &TcpListener) -> Link<'_> {
        let mut link = Link::new(self, self.new_port(), address(listener).port());
        link.send_data(SYN, b"early");
        link.take(SYN);
        link
    }
}

/// A listener the peer can reach.
pub(crate) fn open_listener() -> TcpListener {
    TcpListener::bind((KERNEL, 0)).expect("listens")
}

/// One connection as the peer sees it.
pub(crate) struct Link<'p> {
    peer: &'p Peer,
    pub(crate) peer_port: u16,
    pub(crate) kernel_port: u16,
    /// The peer's next sequence number.
    pub(crate) next: u32,
    /// The kernel's next sequence number, as far as the peer has acknowledged.
    pub(crate) seen: u32,
    pub(crate) window: u16,
    /// The peer's clock, where it sends timestamps; and the kernel's last.
    pub(crate) clock: Option<(u32, u32)>,
}

impl<'p> Link<'p> {
    const fn new(peer: &'p Peer, peer_port: u16, kernel_port: u16) -> Self {
        Self {
            peer,
            peer_port,
            kernel_port,
            next: ISN,
            seen: 0,
            window: 65000,
            clock: None,
        }
    }

    /// Sends a segment without data.
    pub(crate) fn send(&mut self, flags: u8) {
        self.send_data(flags, b"");
    }

    /// Sends a segment.
    pub(crate) fn send_data(&mut self, flags: u8, data: &[u8]) {
        let segment = self.segment(flags, data);
        self.next = segment.end();
        self.peer.write(&segment.packet(PEER, KERNEL));
    }

    /// Sends a segment that begins `ahead` bytes after the next one, which is still missing.
    pub(crate) fn send_ahead(&self, ahead: u32, flags: u8, data: &[u8]) {
        let mut segment = self.segment(flags, data);
        segment.number = segment.number.wrapping_add(ahead);
        self.peer.write(&segment.packet(PEER, KERNEL));
    }

    fn segment(&self, flags: u8, data: &[u8]) -> Segment {
        let mut segment = Segment {
            from: self.peer_port,
            to: self.kernel_port,
            number: self.next,
            acknowledges: if flags & ACK == 0 { 0 } else { self.seen },
            flags,
            window: self.window,
            options: Vec::new(),
            data: data.to_vec(),
        };
        if let Some((clock, echo)) = self.clock {
            segment.set_timestamp(clock, echo);
        }
        segment
    }

    /// The kernel's next segment of this connection with one of `flags`; not acknowledged yet.
    #[track_caller]
    pub(crate) fn see(&self, flags: u8) -> Segment {
        let what = format!("a segment with one of the flags {flags:#x}");
        self.peer.await_segment(&what, |segment| {
            segment.to == self.peer_port
                && segment.from == self.kernel_port
                && segment.flags & flags != 0
        })
    }

    /// As [`Link::see`]; acknowledged by whatever is sent next.
    #[track_caller]
    pub(crate) fn take(&mut self, flags: u8) -> Segment {
        let segment = self.see(flags);
        self.seen = segment.end();
        segment
    }

    /// Answers as a router that cannot deliver what the kernel has sent from `number` on: ICMP, for
    /// the reason `code`.
    pub(crate) fn send_unreachable(&self, code: u8, number: u32) {
        let lost = Segment {
            from: self.kernel_port,
            to: self.peer_port,
            number,
            ..Segment::default()
        };
        let lost = lost.packet(KERNEL, PEER);
        self.peer.write(&unreachable(code, PEER, KERNEL, &lost));
    }

    /// Destroys the kernel's end as `ss -K` does. `false`: the kernel is built without that.
    pub(crate) fn destroy(&self) -> bool {
        netlink::destroy(
            SocketAddr::from((KERNEL, self.kernel_port)),
            SocketAddr::from((PEER, self.peer_port)),
        )
    }

    /// The process closes; the peer has its FIN and has not acknowledged.
    pub(crate) fn closed(&mut self, stream: TcpStream) {
        drop(stream);
        self.take(FIN);
    }

    /// As [`Link::closed`], by a process that keeps the socket.
    pub(crate) fn half_closed(&mut self, stream: &TcpStream) {
        half_close(stream);
        self.take(FIN);
    }

    /// Sends a FIN from before the kernel's FIN had come.
    pub(crate) fn send_crossing_fin(&mut self) {
        let seen = self.seen;
        self.seen = seen.wrapping_sub(1);
        self.send(FIN | ACK);
        self.seen = seen;
    }
}
