//! What packets tell of both ends of a connection is what the kernel announces of them: the packets
//! of a namespace are captured, told as `tcpmon replay --pcap` does, and compared with the stream.

use std::net::TcpStream;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, LinkAddr, SockFlag, SockProtocol, SockType, recvfrom};
use tcpmon::core::fsm;
use tcpmon::core::wire::{Capture, Side};
use tcpmon::source::pcap;
use tcpmon_common::State;

use crate::harness::Watch;
use crate::net::{abort, half_close, listener, pair, port, read_end};
use crate::place::in_namespace;

/// `PACKET_OUTGOING` of `linux/if_packet.h`: loopback shows every packet twice, as libpcap knows.
const OUTGOING: u8 = 4;
const LARGEST: usize = 1 << 17;

/// A packet socket on every interface of the namespace.
struct Tap(OwnedFd);

impl Tap {
    /// `None`, and a line that says so, where the kernel has no packet sockets.
    fn open() -> Option<Self> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let (family, protocol) = (AddressFamily::Packet, SockProtocol::EthAll);
        let socket = nix::sys::socket::socket(family, SockType::Raw, flags, protocol);
        match socket {
            Err(Errno::EAFNOSUPPORT) => {
                eprintln!("skipped, because this kernel has no packet sockets");
                None
            }
            socket => Some(Self(socket.expect("a packet socket"))),
        }
    }

    /// What came until now as the bytes of a pcap file; a packet a second.
    fn file(&self) -> Vec<u8> {
        let mut file = Vec::new();
        for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, LARGEST as u32, 1] {
            file.extend(word.to_le_bytes());
        }
        let mut buffer = vec![0; LARGEST];
        for second in 0.. {
            let (length, from) = match recvfrom::<LinkAddr>(self.0.as_raw_fd(), &mut buffer) {
                Ok(received) => received,
                Err(Errno::EAGAIN) => break,
                Err(error) => panic!("recvfrom: {error}"),
            };
            if from.expect("an address").pkttype() == OUTGOING {
                continue;
            }
            for word in [second, 0, length as u32, length as u32] {
                file.extend(u32::to_le_bytes(word));
            }
            file.extend(&buffer[..length]);
        }
        file
    }
}

type Edges = Vec<(State, State)>;

/// What the stream says of the socket with these ports, from its birth on.
fn announced(watch: &Watch, local: u16, remote: u16) -> Edges {
    let records = watch.seen.iter().map(|seen| &seen.record);
    let is_ours = |record: &&tcpmon_common::Record| {
        (record.local_port, record.remote_port) == (local, remote)
    };
    let Some(socket) = records.clone().find(is_ours).map(|record| record.sock) else {
        return Vec::new();
    };
    let state = |number| State::from_kernel(i64::from(number)).expect("a state");
    let own = records.filter(|record| record.sock == socket);
    own.map(|record| (state(record.old_state), state(record.new_state)))
        .collect()
}

/// What of the packets' edges the kernel announces: TIME_WAIT it calls CLOSE, and then is silent.
fn told(capture: &Capture, side: Side) -> Edges {
    let [connection] = &capture.connections[..] else {
        panic!("one connection, not {:#?}", capture.connections);
    };
    let edges = connection.moves(side).map(|edge| {
        let from = edge.from.expect("the capture has the beginning");
        (from, edge.to)
    });
    let edges = edges.filter(|(from, _)| *from != State::TimeWait);
    let edges = edges.map(|(from, to)| match to {
        State::TimeWait => (from, State::Close),
        to => (from, to),
    });
    let edges: Edges = edges.collect();
    for (from, to) in &edges {
        assert!(fsm::is_announced(fsm::edge(*from, *to)), "{from} -> {to}");
    }
    edges
}

/// Opens a connection, has `end` end it, and compares.
#[track_caller]
fn agree(end: fn(TcpStream, TcpStream)) {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let Some(tap) = Tap::open() else {
            return;
        };
        let listener = listener();
        let (client, server) = pair(&listener);
        let (near, far) = (port(&client), port(&server));
        end(client, server);
        let sides = |watch: &Watch| [announced(watch, near, far), announced(watch, far, near)];
        let streamed = watch.until("both ends are closed", |watch| {
            let sides = sides(watch);
            let is_closed = |edges: &Edges| edges.last().is_some_and(|(_, to)| *to == State::Close);
            sides.iter().all(is_closed).then_some(sides)
        });
        let reading = pcap::read(&*tap.file()).expect("a capture");
        let capture = Capture::replay(&reading.packets, 0);
        let packets = [told(&capture, Side::Client), told(&capture, Side::Server)];
        assert_eq!(packets, streamed, "{capture:#?}");
    });
}

#[test]
fn of_an_orderly_close_packets_tell_what_the_stream_does() {
    agree(|client, server| {
        drop(client);
        drop(server);
    });
    agree(|client, server| {
        drop(server);
        drop(client);
    });
}

#[test]
fn of_a_half_close_packets_tell_what_the_stream_does() {
    agree(|mut client, mut server| {
        half_close(&client);
        read_end(&mut server);
        drop(server);
        read_end(&mut client);
    });
}

#[test]
fn of_a_reset_packets_tell_what_the_stream_does() {
    agree(|client, _server| {
        abort(client);
    });
}
