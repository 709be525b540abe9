//! The netlink requests no crate at hand makes: an interface up or down, its address, and `ss -K`.

use std::net::{Ipv4Addr, SocketAddr};

use netlink_sys::protocols::{NETLINK_ROUTE, NETLINK_SOCK_DIAG};

/// Index of `lo`, the first interface of every namespace.
const LOOPBACK: i32 = 1;
/// `SOCK_DESTROY` of `include/uapi/linux/sock_diag.h`.
const SOCK_DESTROY: u16 = 21;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
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

/// Sends one request and returns the kernel's answer: 0 or a negative errno.
fn ask(protocol: isize, kind: u16, payload: &[u8]) -> i32 {
    let mut socket = netlink_sys::Socket::new(protocol).expect("a netlink socket");
    socket.bind_auto().expect("a netlink address");
    let kernel = netlink_sys::SocketAddr::new(0, 0);
    socket.connect(&kernel).expect("the kernel listens");
    let mut message = Vec::new();
    message.extend(((HEADER_SIZE + payload.len()) as u32).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend((NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
    message.extend([0; 8]);
    message.extend(payload);
    socket.send(&message, 0).expect("sends");
    let mut answer = Vec::with_capacity(4096);
    socket.recv(&mut answer, 0).expect("an answer");
    let errno = answer[HEADER_SIZE..].first_chunk();
    i32::from_ne_bytes(*errno.expect("struct nlmsgerr"))
}
