//! Sockets, and what is done to them.

use std::io::{ErrorKind, Read as _};
use std::mem;
use std::net::{
    Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6, TcpListener, TcpStream,
};
use std::os::fd::{AsFd, AsRawFd as _};
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use tcpmon::source::sockopt::socket_cookie;

/// `127.0.0.1`, port of the kernel's choice.
pub(crate) const ANY_PORT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
/// `::1`, port of the kernel's choice.
pub(crate) const ANY_PORT_V6: SocketAddr =
    SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0));

/// A listener on `127.0.0.1`.
pub(crate) fn listener() -> TcpListener {
    TcpListener::bind(ANY_PORT).expect("listens")
}

/// A listener whose accept queue takes one connection; the next SYN is dropped.
pub(crate) fn narrow_listener() -> TcpListener {
    narrow_listener_at(Ipv4Addr::LOCALHOST, 0)
}

/// A listener whose accept queue takes one connection more than `backlog`.
pub(crate) fn narrow_listener_at(address: Ipv4Addr, backlog: i32) -> TcpListener {
    let socket = socket();
    socket
        .bind(&SocketAddr::from((address, 0)).into())
        .expect("binds");
    socket.listen(backlog).expect("listens");
    socket.into()
}

/// An IPv4 TCP socket nobody has used.
pub(crate) fn socket() -> Socket {
    Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket")
}

/// Connects to `listener`, and accepts.
pub(crate) fn pair(listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(address(listener)).expect("connects");
    let (server, _) = listener.accept().expect("accepts");
    (client, server)
}

/// Where `listener` listens.
pub(crate) fn address(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().expect("is bound")
}

/// The local port of a connection.
pub(crate) fn port(stream: &TcpStream) -> u16 {
    stream.local_addr().expect("is bound").port()
}

/// `SO_COOKIE`.
pub(crate) fn cookie(socket: impl AsFd) -> u64 {
    socket_cookie(socket).expect("SO_COOKIE")
}

/// Closes by a reset: `SO_LINGER` with zero seconds.
pub(crate) fn abort(stream: TcpStream) {
    SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .expect("SO_LINGER");
    drop(stream);
}

/// Sends our FIN and keeps the socket.
pub(crate) fn half_close(stream: &TcpStream) {
    stream.shutdown(Shutdown::Write).expect("shuts down");
}

/// Waits for the peer's FIN.
pub(crate) fn read_end(stream: &mut TcpStream) {
    assert_eq!(stream.read(&mut [0]).expect("no error"), 0);
}

/// Waits for the peer's reset.
pub(crate) fn read_reset(stream: &mut TcpStream) {
    let error = stream.read(&mut [0]).expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

/// Waits until there is something to read, and leaves it there.
pub(crate) fn await_unread(stream: &TcpStream) {
    assert_eq!(stream.peek(&mut [0]).expect("no error"), 1);
}

/// Begins to connect and does not wait: the socket stays in SYN_SENT as long as nobody answers.
pub(crate) fn begin_connect(socket: &Socket, to: SocketAddr) {
    socket.set_nonblocking(true).expect("O_NONBLOCK");
    let error = socket.connect(&to.into()).expect_err("nobody answers");
    assert_eq!(error.raw_os_error(), Some(libc::EINPROGRESS));
}

/// Copies of the TCP segments that arrive in the namespace.
pub(crate) fn sniffer() -> Socket {
    let sniffer = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::TCP)).expect("root may");
    let patience = Some(Duration::from_secs(5));
    sniffer.set_read_timeout(patience).expect("SO_RCVTIMEO");
    sniffer
}

/// Answers the SYN of `socket`, which `sniffer` has a copy of, as a router without a way to the
/// host would: by ICMP.
pub(crate) fn answer_unreachable(mut sniffer: &Socket, socket: &Socket) {
    const ROUTER: SocketAddr = ANY_PORT;
    let local = socket.local_addr().expect("has a port").as_socket();
    let port = local.expect("IPv4").port().to_be_bytes();
    let mut packet = [0; 128];
    loop {
        let length = sniffer.read(&mut packet).expect("a segment");
        if length >= 40 && packet[20..22] == port {
            break;
        }
    }
    // Destination unreachable, host; then the header of the packet and eight bytes of the segment.
    let mut message = vec![3, 1, 0, 0, 0, 0, 0, 0];
    message.extend_from_slice(&packet[..28]);
    let words = message
        .chunks(2)
        .map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
    let sum: u32 = words.sum();
    let folded = !((sum & 0xffff) + (sum >> 16)) as u16;
    message[2..4].copy_from_slice(&folded.to_be_bytes());
    let router = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).expect("root may");
    router.send_to(&message, &raw(ROUTER)).expect("sends");
}

/// Ends the connection and keeps the socket for another: `connect(2)` to `AF_UNSPEC`.
pub(crate) fn disconnect(socket: impl AsFd) {
    let nowhere = libc::sockaddr {
        sa_family: libc::AF_UNSPEC as libc::sa_family_t,
        sa_data: [0; 14],
    };
    let length = mem::size_of_val(&nowhere) as libc::socklen_t;
    #[expect(unsafe_code, reason = "no crate connects to AF_UNSPEC")]
    // SAFETY: `nowhere` outlives the call, and `length` is its size.
    let status = unsafe { libc::connect(socket.as_fd().as_raw_fd(), &raw const nowhere, length) };
    assert_eq!(status, 0, "{}", std::io::Error::last_os_error());
}

/// Sets an option that is an `int`.
pub(crate) fn set_option(socket: impl AsFd, level: i32, option: i32, value: i32) {
    #[expect(unsafe_code, reason = "setsockopt(2) for options no crate wraps")]
    // SAFETY: `value` outlives the call, and the length is its size.
    let status = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            mem::size_of_val(&value) as libc::socklen_t,
        )
    };
    assert_eq!(status, 0, "{}", std::io::Error::last_os_error());
}

/// The address in the shape `socket2` wants.
pub(crate) fn raw(address: SocketAddr) -> SockAddr {
    address.into()
}
