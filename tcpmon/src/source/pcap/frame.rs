//! One captured frame: its link layer, IP and TCP headers. Total: any bytes give an answer.

use std::net::{IpAddr, SocketAddr};

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, ip_number};
use pcap_parser::Linktype;

use crate::core::wire::{Flags, Packet};

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A TCP packet; number and time are the reader's to set.
    Tcp(Packet),
    /// Something else than TCP over IP.
    NotTcp,
    /// A fragment of an IP datagram.
    Fragment,
    /// The headers are not all there.
    Cut,
    /// The headers contradict themselves.
    Malformed,
    /// The link layer is not known here.
    UnknownLink,
}

/// As much of a TCP header as is needed: up to the flags (RFC 9293 section 3.1).
const NEEDED: usize = 14;
const WORD: u32 = 4;

/// Link types of `pcap-linktype(7)` beyond those that the crate names.
mod link {
    pub(super) const NULL: i32 = 0;
    pub(super) const ETHERNET: i32 = 1;
    /// The number in files of OpenBSD, and what BPF calls raw IP there.
    pub(super) const RAW_BSD: [i32; 2] = [12, 14];
    pub(super) const RAW: i32 = 101;
    pub(super) const LOOP: i32 = 108;
    pub(super) const LINUX_SLL: i32 = 113;
    pub(super) const IPV4: i32 = 228;
    pub(super) const IPV6: i32 = 229;
    pub(super) const LINUX_SLL2: i32 = 276;
}

/// Decodes a frame of which `bytes` were captured and that was `wire_length` bytes long.
pub(crate) fn decode(link: Linktype, bytes: &[u8], wire_length: u32) -> Frame {
    let Some(sliced) = slice(link, bytes) else {
        return match is_known(link) {
            true => Frame::Cut,
            false => Frame::UnknownLink,
        };
    };
    let Some(net) = &sliced.net else {
        return match &sliced.stop_err {
            Some((error, _)) if is_cut(error) => Frame::Cut,
            Some(_) => Frame::Malformed,
            None => Frame::NotTcp,
        };
    };
    let Some(payload) = net.ip_payload_ref() else {
        return Frame::NotTcp;
    };
    if payload.fragmented {
        return Frame::Fragment;
    }
    if payload.ip_number != ip_number::TCP {
        return Frame::NotTcp;
    }
    // Both slices are of `bytes`.
    let offset = (payload.payload.as_ptr() as usize).wrapping_sub(bytes.as_ptr() as usize);
    let rest = wire_length.saturating_sub(u32::try_from(offset).unwrap_or(u32::MAX));
    let Some((source, destination, declared)) = addresses(net) else {
        return Frame::NotTcp;
    };
    tcp(
        source,
        destination,
        payload.payload,
        declared.unwrap_or(rest),
    )
}

/// The frame as far as it can be read; `None` when its link layer cannot.
fn slice(link: Linktype, bytes: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    match link.0 {
        link::ETHERNET => LaxSlicedPacket::from_ethernet(bytes).ok(),
        link::NULL | link::LOOP => ip(bytes.get(4..)?),
        link::RAW | link::IPV4 | link::IPV6 => ip(bytes),
        number if link::RAW_BSD.contains(&number) => ip(bytes),
        // The protocol ends a header of 16 bytes, or begins one of 20.
        link::LINUX_SLL => cooked(bytes.get(14..16)?, bytes.get(16..)?),
        link::LINUX_SLL2 => cooked(bytes.get(..2)?, bytes.get(20..)?),
        _ => None,
    }
}

const fn is_known(link: Linktype) -> bool {
    matches!(
        link.0,
        link::NULL
            | link::ETHERNET
            | 12
            | 14
            | link::RAW
            | link::LOOP
            | link::LINUX_SLL
            | link::IPV4
            | link::IPV6
            | link::LINUX_SLL2
    )
}

fn ip(bytes: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    LaxSlicedPacket::from_ip(bytes).ok()
}

fn cooked<'a>(protocol: &[u8], bytes: &'a [u8]) -> Option<LaxSlicedPacket<'a>> {
    let protocol = u16::from_be_bytes(protocol.try_into().ok()?);
    Some(LaxSlicedPacket::from_ether_type(EtherType(protocol), bytes))
}

fn is_cut(error: &etherparse::err::packet::SliceError) -> bool {
    matches!(error, etherparse::err::packet::SliceError::Len(_))
}

/// Source, destination, and how many bytes the IP header says follow; `None` where it says nothing,
/// as in packets of over 64 KiB that the kernel has not cut up yet.
fn addresses(net: &LaxNetSlice<'_>) -> Option<(IpAddr, IpAddr, Option<u32>)> {
    match net {
        LaxNetSlice::Ipv4(ipv4) => {
            let header = ipv4.header();
            let extensions = ipv4.extensions().auth.map_or(0, |auth| auth.slice().len());
            let declared = usize::from(header.total_len());
            let before = header.slice().len() + extensions;
            let declared = (declared > 0).then(|| declared.saturating_sub(before) as u32);
            let (source, destination) = (header.source_addr(), header.destination_addr());
            Some((source.into(), destination.into(), declared))
        }
        LaxNetSlice::Ipv6(ipv6) => {
            let header = ipv6.header();
            let declared = usize::from(header.payload_length());
            let before = ipv6.extensions().slice().len();
            let declared = (declared > 0).then(|| declared.saturating_sub(before) as u32);
            let (source, destination) = (header.source_addr(), header.destination_addr());
            Some((source.into(), destination.into(), declared))
        }
        LaxNetSlice::Arp(_) => None,
    }
}

/// The fixed part of the header is enough: a capture may have cut the options.
fn tcp(source: IpAddr, destination: IpAddr, bytes: &[u8], declared: u32) -> Frame {
    let Some(header) = bytes.first_chunk::<NEEDED>() else {
        return Frame::Cut;
    };
    let [a, b, c, d, e, f, g, h, i, j, k, l, offset, flags] = *header;
    let header_length = u32::from(offset >> 4) * WORD;
    if header_length < 5 * WORD || header_length > declared {
        return Frame::Malformed;
    }
    Frame::Tcp(Packet {
        number: 0,
        time_ns: 0,
        source: SocketAddr::new(source, u16::from_be_bytes([a, b])),
        destination: SocketAddr::new(destination, u16::from_be_bytes([c, d])),
        seq: u32::from_be_bytes([e, f, g, h]),
        ack: u32::from_be_bytes([i, j, k, l]),
        flags: Flags::from_byte(flags),
        length: declared - header_length,
    })
}
