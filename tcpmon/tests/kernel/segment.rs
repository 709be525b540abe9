//! TCP segments as bytes of an IPv4 packet, and back.

use std::net::Ipv4Addr;

pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const PSH: u8 = 8;
pub(crate) const ACK: u8 = 16;

const IP_HEADER: usize = 20;
const TCP_HEADER: usize = 20;
const ICMP_HEADER: usize = 8;
/// `TCPOPT_TIMESTAMP` and its length (`include/net/tcp.h`).
const TIMESTAMP: [u8; 2] = [8, 10];

/// What the tests look at and choose of a segment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Segment {
    pub(crate) from: u16,
    pub(crate) to: u16,
    pub(crate) number: u32,
    pub(crate) acknowledges: u32,
    pub(crate) flags: u8,
    pub(crate) window: u16,
    pub(crate) options: Vec<u8>,
    pub(crate) data: Vec<u8>,
}

impl Segment {
    /// The sequence numbers it takes.
    pub(crate) fn length(&self) -> u32 {
        let marks = u32::from(self.flags & (SYN | FIN) != 0);
        u32::try_from(self.data.len()).expect("small") + marks
    }

    /// The number after its last.
    pub(crate) fn end(&self) -> u32 {
        self.number.wrapping_add(self.length())
    }

    /// `TSval` of the timestamp option.
    pub(crate) fn timestamp(&self) -> Option<u32> {
        let at = self.options.windows(2).position(|two| two == TIMESTAMP)?;
        let value = self.options.get(at + 2..at + 6)?;
        Some(u32::from_be_bytes(value.try_into().ok()?))
    }

    /// As [`Segment::timestamp`], to be sent.
    pub(crate) fn set_timestamp(&mut self, value: u32, echo: u32) {
        self.options = TIMESTAMP.to_vec();
        self.options.extend(value.to_be_bytes());
        self.options.extend(echo.to_be_bytes());
    }

    /// The segment in a packet; `None` when that is not TCP over IPv4.
    pub(crate) fn of_packet(packet: &[u8]) -> Option<Self> {
        if packet.first()? >> 4 != 4 || i32::from(*packet.get(9)?) != libc::IPPROTO_TCP {
            return None;
        }
        let tcp = packet.get(usize::from(packet[0] & 15) * 4..)?;
        let header = usize::from(tcp.get(12)? >> 4) * 4;
        let short = |at| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
        let long = |at| u32::from_be_bytes([tcp[at], tcp[at + 1], tcp[at + 2], tcp[at + 3]]);
        Some(Self {
            options: tcp.get(TCP_HEADER..header)?.to_vec(),
            data: tcp.get(header..)?.to_vec(),
            from: short(0),
            to: short(2),
            number: long(4),
            acknowledges: long(8),
            flags: tcp[13],
            window: short(14),
        })
    }

    /// The packet that carries it.
    pub(crate) fn packet(&self, from: Ipv4Addr, to: Ipv4Addr) -> Vec<u8> {
        let mut tcp = Vec::new();
        let mut options = self.options.clone();
        // End of option list is padding, too.
        options.resize(options.len().next_multiple_of(4), 0);
        tcp.extend(self.from.to_be_bytes());
        tcp.extend(self.to.to_be_bytes());
        tcp.extend(self.number.to_be_bytes());
        tcp.extend(self.acknowledges.to_be_bytes());
        let words = (TCP_HEADER + options.len()) / 4;
        tcp.push(u8::try_from(words).expect("at most 15 words") << 4);
        tcp.push(self.flags);
        tcp.extend(self.window.to_be_bytes());
        // Checksum and urgent pointer.
        tcp.extend([0; 4]);
        tcp.extend(options);
        tcp.extend(&self.data);
        // The checksum is also over a header that is not sent (RFC 9293 section 3.1).
        let mut pseudo = [from.octets(), to.octets()].concat();
        pseudo.extend([0, libc::IPPROTO_TCP as u8]);
        pseudo.extend(u16::try_from(tcp.len()).expect("small").to_be_bytes());
        pseudo.extend(&tcp);
        let sum = checksum(&pseudo);
        tcp[16..18].copy_from_slice(&sum);
        wrap(libc::IPPROTO_TCP, from, to, &tcp)
    }
}

/// ICMP "destination unreachable" for the reason `code`, about a packet `from` had sent.
pub(crate) fn unreachable(code: u8, router: Ipv4Addr, from: Ipv4Addr, packet: &[u8]) -> Vec<u8> {
    const DESTINATION_UNREACHABLE: u8 = 3;
    let mut icmp = vec![DESTINATION_UNREACHABLE, code, 0, 0, 0, 0, 0, 0];
    icmp.extend(&packet[..IP_HEADER + ICMP_HEADER]);
    let sum = checksum(&icmp);
    icmp[2..4].copy_from_slice(&sum);
    wrap(libc::IPPROTO_ICMP, router, from, &icmp)
}

fn wrap(protocol: i32, from: Ipv4Addr, to: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
    // Version 4, five words of header; no type of service.
    let mut packet = vec![0x45, 0];
    let length = u16::try_from(IP_HEADER + payload.len()).expect("small");
    packet.extend(length.to_be_bytes());
    // No identification; not to be fragmented; 64 hops.
    packet.extend([0, 0, 0x40, 0, 64, protocol as u8, 0, 0]);
    packet.extend(from.octets());
    packet.extend(to.octets());
    let sum = checksum(&packet);
    packet[10..12].copy_from_slice(&sum);
    packet.extend(payload);
    packet
}

/// The Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let words = bytes.chunks(2).map(|word| {
        let low = word.get(1).copied().unwrap_or(0);
        u32::from(u16::from_be_bytes([word[0], low]))
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

#[test]
fn a_segment_survives_its_packet() {
    let mut segment = Segment {
        from: 1,
        to: 65535,
        number: u32::MAX,
        acknowledges: 7,
        flags: SYN | ACK,
        window: 512,
        data: b"odd".to_vec(),
        ..Segment::default()
    };
    segment.set_timestamp(100, 200);
    let packet = segment.packet(Ipv4Addr::LOCALHOST, Ipv4Addr::BROADCAST);
    assert_eq!(checksum(&packet[..IP_HEADER]), [0; 2]);
    let read = Segment::of_packet(&packet).expect("TCP over IPv4");
    assert_eq!((read.from, read.to, read.flags), (1, 65535, SYN | ACK));
    assert_eq!((read.timestamp(), &read.data[..]), (Some(100), &b"odd"[..]));
    assert_eq!((read.number, read.end()), (u32::MAX, 3));
    assert!(Segment::of_packet(&packet[..30]).is_none());
}
