use std::net::{SocketAddr as IpSocket, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;

use tcpmon_common::State;

use super::*;
use crate::core::facts::Kind;

/// Rows of `states` with `port` at either end.
fn rows_of(port: u16, states: StateSet, with_info: bool) -> Vec<DumpRow> {
    let mut found = Vec::new();
    let stats = Dumper::open()
        .expect("no privilege needed")
        .dump(states, with_info, &mut |rows| {
            found.extend(
                rows.iter()
                    .filter(|row| row.tuple.local_port == port || row.tuple.remote_port == port),
            );
        })
        .expect("the kernel lists its sockets");
    assert!(stats.rows >= found.len() as u64);
    assert_eq!(stats.skipped, 0);
    found
}

/// Asks again until `complete`: segments cross the loopback in their own time.
fn rows_when(port: u16, states: StateSet, complete: impl Fn(&[DumpRow]) -> bool) -> Vec<DumpRow> {
    (0..10_000)
        .map(|_| rows_of(port, states, true))
        .find(|rows| complete(rows))
        .expect("the segments arrive")
}

fn cookie_of(socket: &impl std::os::fd::AsFd) -> u64 {
    crate::source::sockopt::socket_cookie(socket).expect("any socket has one")
}

fn inode_of(socket: &impl std::os::fd::AsFd) -> u64 {
    let fd = socket.as_fd().try_clone_to_owned().expect("a descriptor");
    std::fs::File::from(fd).metadata().expect("fstat").ino()
}

fn listen(address: &str) -> (TcpListener, IpSocket) {
    let listener = TcpListener::bind(address).expect("loopback");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// Keeps connections half-open until data arrives.
#[expect(unsafe_code, reason = "no safe wrapper knows this socket option")]
fn defer_accept(listener: &TcpListener) {
    let seconds: libc::c_int = 30;
    // SAFETY: the descriptor is open and the value is valid for the length given.
    let status = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            size_of_val(&seconds) as libc::socklen_t,
        )
    };
    assert_eq!(status, 0);
}

fn only(rows: &[DumpRow], wanted: impl Fn(&DumpRow) -> bool) -> DumpRow {
    let found: Vec<_> = rows.iter().filter(|row| wanted(row)).collect();
    let [row] = found[..] else {
        panic!("one row, not {found:?}");
    };
    *row
}

#[test]
fn finds_a_connection_by_cookie_inode_and_tuple() {
    for bind in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(listener) = TcpListener::bind(bind) else {
            continue; // a machine without IPv6
        };
        let server = listener.local_addr().expect("bound");
        let client = TcpStream::connect(server).expect("connects");
        let rows = rows_when(server.port(), StateSet::LIVE, |rows| {
            rows.iter().all(|row| row.state != State::SynRecv)
        });

        let row = only(&rows, |row| row.state == State::Listen);
        assert_eq!(row.cookie, cookie_of(&listener));
        assert_eq!((row.recv_queue, row.tuple.remote_port), (1, 0));
        assert!(row.send_queue > Some(0) && row.last_ack_ms.is_none());

        let row = only(&rows, |row| row.tuple.remote_port == server.port());
        assert_eq!((row.state, row.kind), (State::Established, Kind::Full));
        assert_eq!(row.cookie, cookie_of(&client));
        assert_eq!(u64::from(row.inode), inode_of(&client));
        assert_eq!(row.tuple.local_address(), server.ip());
        assert_eq!(row.tuple.remote_address(), server.ip());
        assert!(row.last_ack_ms.is_some_and(|ms| ms < 60_000));

        let row = only(&rows, |row| {
            row.tuple.local_port == server.port() && row.state != State::Listen
        });
        assert_eq!(
            (row.state, row.inode),
            (State::Established, 0),
            "not accepted"
        );
    }
}

#[test]
fn a_half_open_connection_is_a_request() {
    let (listener, server) = listen("127.0.0.1:0");
    defer_accept(&listener);
    let client = TcpStream::connect(server).expect("connects");
    let rows = rows_of(server.port(), StateSet::of(&[State::SynRecv]), true);
    let request = only(&rows, |_| true);
    assert_eq!(
        (request.state, request.kind),
        (State::SynRecv, Kind::Request)
    );
    assert_eq!((request.inode, request.last_ack_ms), (0, None));
    assert_ne!(request.cookie, 0);
    let client = client.local_addr().expect("connected");
    assert_eq!(request.tuple.remote_port, client.port());
}

#[test]
fn many_rows_come_in_chunks() {
    let (listener, server) = listen("127.0.0.1:0");
    let pairs: Vec<_> = (0..400)
        .map(|_| {
            let client = TcpStream::connect(server).expect("connects");
            (client, listener.accept().expect("accepts"))
        })
        .collect();
    // More than one datagram holds.
    let established = StateSet::of(&[State::Established]);
    let mut cookies: Vec<_> = rows_of(server.port(), established, true)
        .iter()
        .map(|row| row.cookie)
        .collect();
    cookies.sort_unstable();
    let mut expected: Vec<_> = pairs
        .iter()
        .flat_map(|(client, (accepted, _))| [cookie_of(client), cookie_of(accepted)])
        .collect();
    expected.sort_unstable();
    assert_eq!(cookies, expected);
}

#[test]
fn close_wait_and_the_orphan_it_waits_for() {
    let (listener, server) = listen("127.0.0.1:0");
    let client = TcpStream::connect(server).expect("connects");
    let (accepted, _) = listener.accept().expect("accepts");
    drop(accepted);
    let states = StateSet::of(&[State::CloseWait, State::FinWait2]);
    let rows = rows_when(server.port(), states, |rows| rows.len() == 2);

    let held = only(&rows, |row| row.state == State::CloseWait);
    assert_eq!((held.kind, held.cookie), (Kind::Full, cookie_of(&client)));
    assert!(held.last_ack_ms.is_some());
    let orphan = only(&rows, |row| row.state == State::FinWait2);
    assert_eq!(
        (orphan.kind, orphan.inode, orphan.last_ack_ms),
        (Kind::Minisock, 0, None)
    );
    assert!(
        (1..=60_000).contains(&orphan.expires_ms),
        "{}",
        orphan.expires_ms
    );
}

#[test]
fn a_dumper_asks_more_than_once_and_only_for_what_it_wants() {
    let (_listener, server) = listen("127.0.0.1:0");
    let mut dumper = Dumper::open().expect("no privilege needed");
    for _ in 0..3 {
        let mut found = false;
        dumper
            .dump(StateSet::of(&[State::Listen]), false, &mut |rows| {
                assert!(rows.iter().all(|row| row.state == State::Listen));
                found |= rows.iter().any(|row| row.tuple.local_port == server.port());
            })
            .expect("the kernel lists its sockets");
        assert!(found);
    }
    let cookie = dumper.netns_cookie().expect("a socket");
    assert_eq!(
        cookie,
        crate::source::sockopt::netns_cookie().expect("a socket")
    );
}

#[test]
fn errors_of_the_kernel_end_the_dump() {
    let mut stats = DumpStats::default();
    let mut message = |kind: u16, errno: i32| {
        let mut bytes = 20u32.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(0u16.to_ne_bytes());
        bytes.extend(5u32.to_ne_bytes());
        bytes.extend(0u32.to_ne_bytes());
        bytes.extend(errno.to_ne_bytes());
        collect(&bytes, 5, &mut Vec::new(), &mut stats)
    };
    for kind in [2, 3] {
        assert!(matches!(
            message(kind, -libc::ENOENT),
            Err(DumpError::Unsupported)
        ));
        assert!(matches!(message(kind, -libc::EBUSY), Err(DumpError::Io(_))));
    }
    assert!(matches!(message(2, 0), Ok(false)));
    assert!(matches!(message(3, 0), Ok(true)));
}
