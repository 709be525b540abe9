//! The messages of a sock_diag dump (`include/uapi/linux/netlink.h`, `linux/inet_diag.h`): encodes
//! the request, takes a datagram apart. Total: any bytes give an answer.

use std::fmt;

use crate::core::facts::StateSet;
use crate::core::tuple::{AF_INET, AF_INET6, Family, Tuple};
use crate::source::sockdiag::bytes::{take, take_padded, take_u16, take_u32};

/// `TCPDIAG_GETSOCK`: the request that lists both address families in one walk. The kernel walks
/// its whole table for each request, so the newer one, per family, costs twice as much.
pub const TCPDIAG_GETSOCK: u16 = 18;

/// Bytes of a request: `struct nlmsghdr` and `struct inet_diag_req`.
pub const REQUEST_SIZE: usize = 76;

/// Bytes of `struct nlmsghdr`.
const HEADER_SIZE: usize = 16;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 0x001;
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_DUMP_INTR: u16 = 0x010;

/// The bit of `INET_DIAG_INFO` in `idiag_ext`.
const EXTENSION_INFO: u8 = 1 << 1;
/// The bit of `INET_DIAG_CONG`.
const EXTENSION_CONGESTION: u8 = 1 << 3;
/// The bit of `INET_DIAG_SKMEMINFO`.
const EXTENSION_MEMORY: u8 = 1 << 6;

/// What to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Echoed in every message of the reply.
    pub sequence: u32,
    /// Only sockets in these states; a minisock counts by its substate.
    pub states: StateSet,
    /// Whether full sockets carry `struct tcp_info`; about doubles the cost of a row.
    pub with_info: bool,
    /// Whether full sockets carry `SK_MEMINFO`, which has what a listener dropped.
    pub with_memory: bool,
}

impl Request {
    /// The request as the kernel reads it.
    #[must_use]
    pub fn encode(&self) -> [u8; REQUEST_SIZE] {
        let mut extensions = 0;
        if self.with_info {
            extensions |= EXTENSION_INFO;
        }
        if self.with_memory {
            extensions |= EXTENSION_MEMORY;
        }
        encode(&Fields {
            flags: NLM_F_REQUEST | NLM_F_DUMP,
            sequence: self.sequence,
            // A dump ignores it.
            family: 0,
            extensions,
            // Any ports, any addresses.
            socket: [0; SOCKET_ID_SIZE],
            states: self.states,
        })
    }
}

/// Which socket to describe, as exactly as there is to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OneRequest {
    /// Echoed in the reply.
    pub sequence: u32,
    /// Its addresses and ports.
    pub tuple: Tuple,
    /// Its cookie: another socket that has the addresses now is not described.
    pub cookie: u64,
}

impl OneRequest {
    /// The request as the kernel reads it. The socket is found by its addresses, then the cookie is
    /// compared (`inet_diag_find_one_icsk` of `net/ipv4/inet_diag.c`).
    #[must_use]
    pub fn encode(&self) -> [u8; REQUEST_SIZE] {
        let Tuple {
            family,
            local_port,
            remote_port,
            local,
            remote,
        } = self.tuple;
        let mut socket = [0; SOCKET_ID_SIZE];
        socket[..2].copy_from_slice(&local_port.to_be_bytes());
        socket[2..4].copy_from_slice(&remote_port.to_be_bytes());
        socket[4..20].copy_from_slice(&local);
        socket[20..36].copy_from_slice(&remote);
        // idiag_if: any interface. The cookie is two words, the lower first.
        let words = [self.cookie & u64::from(u32::MAX), self.cookie >> 32];
        for (word, place) in words.into_iter().zip(socket[40..].chunks_exact_mut(4)) {
            let word = u32::try_from(word).unwrap_or(u32::MAX);
            place.copy_from_slice(&word.to_ne_bytes());
        }
        encode(&Fields {
            flags: NLM_F_REQUEST,
            sequence: self.sequence,
            family: match family {
                Family::Ipv4 => AF_INET,
                Family::Ipv6 => AF_INET6,
            },
            extensions: EXTENSION_INFO | EXTENSION_CONGESTION,
            socket,
            states: StateSet(u32::MAX),
        })
    }
}

/// Bytes of `struct inet_diag_sockid`.
const SOCKET_ID_SIZE: usize = 48;

/// What differs between requests.
struct Fields {
    flags: u16,
    sequence: u32,
    family: u8,
    extensions: u8,
    socket: [u8; SOCKET_ID_SIZE],
    states: StateSet,
}

fn encode(fields: &Fields) -> [u8; REQUEST_SIZE] {
    let mut out = [0; REQUEST_SIZE];
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        out[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    put(&(REQUEST_SIZE as u32).to_ne_bytes());
    put(&TCPDIAG_GETSOCK.to_ne_bytes());
    put(&fields.flags.to_ne_bytes());
    put(&fields.sequence.to_ne_bytes());
    // Port 0: the kernel fills it in.
    put(&[0; 4]);
    // The prefix lengths never had a meaning.
    put(&[fields.family, 0, 0, fields.extensions]);
    put(&fields.socket);
    put(&fields.states.0.to_ne_bytes());
    // idiag_dbs: all tables.
    put(&[0; 4]);
    out
}

/// One message of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Sequence number of the request it answers.
    pub sequence: u32,
    /// `NLM_F_DUMP_INTR`: what is listed changed during the dump in a way the kernel noticed.
    pub interrupted: bool,
    /// What it says.
    pub body: Body<'a>,
}

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// One socket: `struct inet_diag_msg` and attributes, for [`Row::decode`].
    ///
    /// [`Row::decode`]: crate::source::sockdiag::row::Row::decode
    Row(&'a [u8]),
    /// The dump is over: 0, or the positive errno that ended it. A dump that fails once it has
    /// begun ends this way, not with [`Body::Error`] (`netlink_dump` in `af_netlink.c`).
    Done(i32),
    /// The request was refused: the positive errno; 0 is an acknowledgement.
    Error(i32),
    /// Nothing of interest.
    Other,
}

/// A datagram that is not a sequence of netlink messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("malformed netlink message")
    }
}

impl std::error::Error for Malformed {}

/// The messages of one datagram. Ends after the first malformed one.
#[derive(Clone, Debug)]
pub struct Messages<'a>(&'a [u8]);

impl<'a> Messages<'a> {
    /// Takes `datagram` apart.
    #[must_use]
    pub const fn new(datagram: &'a [u8]) -> Self {
        Self(datagram)
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let message = decode(&mut self.0).ok_or(Malformed);
        if message.is_err() {
            self.0 = &[];
        }
        Some(message)
    }
}

fn decode<'a>(datagram: &mut &'a [u8]) -> Option<Message<'a>> {
    let mut header: &[u8] = &take::<HEADER_SIZE>(datagram)?;
    let length = take_u32(&mut header)?;
    let kind = take_u16(&mut header)?;
    let flags = take_u16(&mut header)?;
    let sequence = take_u32(&mut header)?;
    let payload = usize::try_from(length).ok()?.checked_sub(HEADER_SIZE)?;
    let payload = take_padded(datagram, payload)?;
    Some(Message {
        sequence,
        interrupted: flags & NLM_F_DUMP_INTR != 0,
        body: match kind {
            TCPDIAG_GETSOCK => Body::Row(payload),
            NLMSG_DONE => Body::Done(errno(payload).unwrap_or(0)),
            NLMSG_ERROR => Body::Error(errno(payload)?),
            _ => Body::Other,
        },
    })
}

/// The kernel sends errors negative.
fn errno(mut payload: &[u8]) -> Option<i32> {
    take(&mut payload).map(|bytes| i32::from_ne_bytes(bytes).saturating_neg())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tcpmon_common::State;

    use super::*;

    /// A message with a correct header and padding.
    fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let length = u32::try_from(HEADER_SIZE + payload.len()).expect("small");
        out.extend(length.to_ne_bytes());
        out.extend(kind.to_ne_bytes());
        out.extend(flags.to_ne_bytes());
        out.extend(sequence.to_ne_bytes());
        out.extend(0u32.to_ne_bytes());
        out.extend(payload);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    fn body(bytes: &[u8]) -> Vec<Result<Body<'_>, Malformed>> {
        Messages::new(bytes).map(|m| m.map(|m| m.body)).collect()
    }

    #[test]
    fn request_has_the_layout_of_inet_diag_req() {
        let request = Request {
            sequence: 0x0102_0304,
            states: StateSet::of(&[State::Listen]),
            with_info: true,
            with_memory: false,
        };
        let mut expected = Vec::new();
        expected.extend(76u32.to_ne_bytes());
        expected.extend(18u16.to_ne_bytes());
        expected.extend(0x301u16.to_ne_bytes());
        expected.extend(0x0102_0304u32.to_ne_bytes());
        expected.extend([0; 4]);
        expected.extend([0, 0, 0, 2]);
        expected.extend([0; 48]);
        expected.extend((1u32 << 10).to_ne_bytes());
        expected.extend([0; 4]);
        assert_eq!(request.encode().to_vec(), expected);
    }

    #[test]
    fn a_request_for_one_socket_names_it() {
        let request = OneRequest {
            sequence: 5,
            tuple: Tuple {
                family: Family::Ipv4,
                local_port: 0x1234,
                remote_port: 0x5678,
                local: [1; 16],
                remote: [2; 16],
            },
            cookie: 0x0102_0304_0506_0708,
        };
        let mut expected = Vec::new();
        expected.extend(76u32.to_ne_bytes());
        expected.extend(18u16.to_ne_bytes());
        expected.extend(1u16.to_ne_bytes());
        expected.extend(5u32.to_ne_bytes());
        expected.extend([0; 4]);
        expected.extend([2, 0, 0, 0b1010]);
        expected.extend([0x12, 0x34, 0x56, 0x78]);
        expected.extend([1; 16]);
        expected.extend([2; 16]);
        expected.extend([0; 4]);
        expected.extend(0x0506_0708u32.to_ne_bytes());
        expected.extend(0x0102_0304u32.to_ne_bytes());
        expected.extend([0xff; 4]);
        expected.extend([0; 4]);
        assert_eq!(request.encode().to_vec(), expected);
    }

    #[test]
    fn takes_a_datagram_apart() {
        let mut datagram = message(TCPDIAG_GETSOCK, 2, 7, &[1, 2, 3, 4, 5]);
        datagram.extend(message(1, 0, 7, &[]));
        datagram.extend(message(
            NLMSG_DONE,
            2 | NLM_F_DUMP_INTR,
            7,
            &0i32.to_ne_bytes(),
        ));
        let messages: Vec<_> = Messages::new(&datagram).map(Result::unwrap).collect();
        let [row, noop, done] = messages[..] else {
            panic!("three messages, not {messages:?}");
        };
        assert_eq!(row.body, Body::Row(&[1, 2, 3, 4, 5]));
        assert_eq!((row.sequence, row.interrupted), (7, false));
        assert_eq!(noop.body, Body::Other);
        assert_eq!((done.body, done.interrupted), (Body::Done(0), true));
    }

    #[test]
    fn errors_come_out_positive() {
        for (errno, expected) in [(-2i32, 2), (0, 0), (i32::MIN, i32::MAX)] {
            let payload = errno.to_ne_bytes();
            assert_eq!(
                body(&message(NLMSG_DONE, 0, 1, &payload)),
                [Ok(Body::Done(expected))]
            );
            assert_eq!(
                body(&message(NLMSG_ERROR, 0, 1, &payload)),
                [Ok(Body::Error(expected))]
            );
        }
        assert_eq!(body(&message(NLMSG_DONE, 0, 1, &[])), [Ok(Body::Done(0))]);
        assert_eq!(body(&message(NLMSG_ERROR, 0, 1, &[1])), [Err(Malformed)]);
    }

    #[test]
    fn every_cut_is_noticed() {
        let whole = message(TCPDIAG_GETSOCK, 0, 1, &[9; 8]);
        for end in 1..whole.len() {
            assert_eq!(body(&whole[..end]), [Err(Malformed)], "cut at {end}");
        }
        let mut two = whole.clone();
        two.extend(&whole[..5]);
        assert_eq!(body(&two), [Ok(Body::Row(&[9; 8])), Err(Malformed)]);
    }

    #[test]
    fn a_length_shorter_than_the_header_is_malformed() {
        for length in 0u32..16 {
            let mut bytes = message(TCPDIAG_GETSOCK, 0, 1, &[]);
            bytes[..4].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(body(&bytes), [Err(Malformed)]);
        }
    }

    proptest! {
        #[test]
        fn any_datagram_ends(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Messages::new(&bytes).count() <= bytes.len() / HEADER_SIZE + 1);
        }

        #[test]
        fn messages_survive_the_round_trip(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
        ) {
            let datagram: Vec<u8> = payloads.iter()
                .flat_map(|payload| message(TCPDIAG_GETSOCK, 2, 3, payload))
                .collect();
            let expected: Vec<_> = payloads.iter().map(|p| Ok(Body::Row(p))).collect();
            prop_assert_eq!(body(&datagram), expected);
        }
    }
}
