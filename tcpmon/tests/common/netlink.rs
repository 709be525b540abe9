//! The netlink requests no crate at hand makes: an interface up or down, its address, and `ss -K`.

use std::net::{Ipv4Addr, SocketAddr};

use netlink_sys::protocols::{NETLINK_ROUTE, NETLINK_SOCK_DIAG};

/// Index of `lo`, the first interface of every namespace.
const LOOPBACK: i32 = 1;
/// `SOCK_DESTROY` of `include/uapi/linux/sock_diag.h`.
const SOCK_DESTROY: u16 = 21;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_CREATE: u16 = 0x400;
const HEADER_SIZE: usize = 16;

/// Turns the loopback of the calling thread's namespace on or off.
pub(crate) fn set_loopback(up: bool) {
    set_link(LOOPBACK, up);
}

/// Turns an interface of the calling thread's namespace on or off.
pub(crate) fn set_link(index: i32, up: bool) {
    let on = libc::IFF_UP as u32;
    // struct ifinfomsg
    let mut request = vec![0; 4];
    request.extend(index.to_ne_bytes());
    request.extend(if up { on } else { 0 }.to_ne_bytes());
    request.extend(on.to_ne_bytes());
    assert_eq!(ask(NETLINK_ROUTE, libc::RTM_NEWLINK, &request), 0);
}

/// Gives an interface an address, and the route to its network.
pub(crate) fn add_address(index: i32, address: Ipv4Addr, prefix: u8) {
    // struct ifaddrmsg, then one struct rtattr
    let mut request = vec![libc::AF_INET as u8, prefix, 0, 0];
    request.extend(index.to_ne_bytes());
    request.extend(8_u16.to_ne_bytes());
    request.extend(libc::IFA_LOCAL.to_ne_bytes());
    request.extend(address.octets());
    assert_eq!(ask(NETLINK_ROUTE, libc::RTM_NEWADDR, &request), 0);
}

/// Destroys an IPv4 connection as `ss -K` does. `false`: the kernel is built without that.
pub(crate) fn destroy(local: SocketAddr, remote: SocketAddr) -> bool {
    // struct inet_diag_req_v2
    let mut request = vec![libc::AF_INET as u8, libc::IPPROTO_TCP as u8, 0, 0];
    request.extend(u32::MAX.to_ne_bytes());
    request.extend(local.port().to_be_bytes());
    request.extend(remote.port().to_be_bytes());
    for address in [local, remote] {
        let SocketAddr::V4(address) = address else {
            panic!("{address} is not IPv4");
        };
        request.extend(address.ip().octets());
        request.extend([0; 12]);
    }
    // No interface, any cookie.
    request.extend([0; 4]);
    request.extend([0xff; 8]);
    match -ask(NETLINK_SOCK_DIAG, SOCK_DESTROY, &request) {
        0 => true,
        libc::EOPNOTSUPP => false,
        errno => panic!("SOCK_DESTROY: errno {errno}"),
    }
}

/// What netem does to every packet that leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Netem {
    pub(crate) delay_ms: u32,
    /// Of a hundred packets so many are dropped.
    pub(crate) loss_percent: u32,
    /// Of a hundred packets so many are sent twice.
    pub(crate) duplicate_percent: u32,
    /// Delays differ by up to so much, so that packets overtake each other.
    pub(crate) jitter_ms: u32,
}

/// Puts netem on the loopback of the calling thread's namespace. `false`: the kernel has no netem.
pub(crate) fn disturb_loopback(netem: Netem) -> bool {
    const TCA_KIND: u16 = 1;
    const TCA_OPTIONS: u16 = 2;
    const TCA_NETEM_LATENCY64: u16 = 10;
    const TCA_NETEM_JITTER64: u16 = 11;
    const TC_H_ROOT: u32 = u32::MAX;
    let share = |percent: u32| u32::MAX / 100 * percent;
    // struct tc_netem_qopt: latency, limit, loss, gap, duplicate, jitter
    let mut options = Vec::new();
    for word in [
        0,
        10_000,
        share(netem.loss_percent),
        0,
        share(netem.duplicate_percent),
        0,
    ] {
        options.extend(word.to_ne_bytes());
    }
    let nanoseconds = |ms: u32| (i64::from(ms) * 1_000_000).to_ne_bytes();
    attribute(
        &mut options,
        TCA_NETEM_LATENCY64,
        &nanoseconds(netem.delay_ms),
    );
    attribute(
        &mut options,
        TCA_NETEM_JITTER64,
        &nanoseconds(netem.jitter_ms),
    );
    // struct tcmsg
    let mut request = vec![0; 4];
    request.extend(LOOPBACK.to_ne_bytes());
    request.extend(0_u32.to_ne_bytes());
    request.extend(TC_H_ROOT.to_ne_bytes());
    request.extend(0_u32.to_ne_bytes());
    attribute(&mut request, TCA_KIND, b"netem\0");
    attribute(&mut request, TCA_OPTIONS, &options);
    match ask_with(NLM_F_CREATE, NETLINK_ROUTE, libc::RTM_NEWQDISC, &request) {
        0 => true,
        errno if errno == -libc::ENOENT || errno == -libc::EOPNOTSUPP => false,
        errno => panic!("netem: errno {errno}"),
    }
}

/// One `struct rtattr` with its padding.
fn attribute(request: &mut Vec<u8>, kind: u16, value: &[u8]) {
    request.extend(((4 + value.len()) as u16).to_ne_bytes());
    request.extend(kind.to_ne_bytes());
    request.extend(value);
    request.resize(request.len().next_multiple_of(4), 0);
}

/// Sends one request and returns the kernel's answer: 0 or a negative errno.
fn ask(protocol: isize, kind: u16, payload: &[u8]) -> i32 {
    ask_with(0, protocol, kind, payload)
}

fn ask_with(flags: u16, protocol: isize, kind: u16, payload: &[u8]) -> i32 {
    let mut socket = netlink_sys::Socket::new(protocol).expect("a netlink socket");
    socket.bind_auto().expect("a netlink address");
    let kernel = netlink_sys::SocketAddr::new(0, 0);
    socket.connect(&kernel).expect("the kernel listens");
    let mut message = Vec::new();
    message.extend(((HEADER_SIZE + payload.len()) as u32).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend((NLM_F_REQUEST | NLM_F_ACK | flags).to_ne_bytes());
    message.extend([0; 8]);
    message.extend(payload);
    socket.send(&message, 0).expect("sends");
    let mut answer = Vec::with_capacity(4096);
    socket.recv(&mut answer, 0).expect("an answer");
    let errno = answer[HEADER_SIZE..].first_chunk();
    i32::from_ne_bytes(*errno.expect("struct nlmsgerr"))
}
