//! Every link layer, and files that are not what they seem.

use super::*;
use crate::core::wire::Flags;

const SYN: &[u8] = &[
    0x9c, 0x40, 0x00, 0x50, 0, 0, 0, 7, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0,
];

fn ipv4(protocol: u8, fragment: u16, payload: &[u8], total: usize) -> Vec<u8> {
    let [high, low] = u16::try_from(total).unwrap().to_be_bytes();
    let [offset, rest] = fragment.to_be_bytes();
    let header = [
        0x45, 0, high, low, 0, 1, offset, rest, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ];
    [&header[..], payload].concat()
}

fn syn() -> Vec<u8> {
    ipv4(6, 0, SYN, 40)
}

fn ipv6(payload: &[u8]) -> Vec<u8> {
    let mut header = vec![
        0x60,
        0,
        0,
        0,
        0,
        u8::try_from(payload.len()).unwrap(),
        6,
        64,
    ];
    header.extend([[0; 15].as_slice(), &[1], &[0; 15], &[2]].concat());
    [&header[..], payload].concat()
}

fn decode(link: i32, bytes: &[u8]) -> Frame {
    frame::decode(Linktype(link), bytes, u32::try_from(bytes.len()).unwrap())
}

fn ethernet(types: &[u8], payload: &[u8]) -> Vec<u8> {
    [&[0; 12], types, payload].concat()
}

#[test]
fn every_link_layer() {
    let cooked = [&[0; 14], &[8, 0][..], &syn()].concat();
    let cooked2 = [&[8, 0][..], &[0; 18], &syn()].concat();
    for (link, bytes) in [
        (0, [&[2, 0, 0, 0], &*syn()].concat()),
        (108, [&[0, 0, 0, 2], &*syn()].concat()),
        (1, ethernet(&[8, 0], &syn())),
        (1, ethernet(&[0x81, 0, 0, 5, 8, 0], &syn())),
        (
            1,
            ethernet(&[0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0], &syn()),
        ),
        // Padded to the least length of a frame.
        (1, ethernet(&[8, 0], &[&*syn(), &[0; 6]].concat())),
        (12, syn()),
        (101, syn()),
        (101, ipv6(SYN)),
        (1, ethernet(&[0x86, 0xdd], &ipv6(SYN))),
        (113, cooked),
        (228, syn()),
        (229, ipv6(SYN)),
        (276, cooked2),
    ] {
        let Frame::Tcp(packet) = decode(link, &bytes) else {
            panic!("link type {link}: {:?}", decode(link, &bytes));
        };
        assert_eq!(
            (packet.source.port(), packet.destination.port()),
            (40000, 80)
        );
        assert_eq!(
            (packet.seq, packet.flags, packet.length),
            (7, Flags::SYN, 0)
        );
        assert!(packet.source.ip() < packet.destination.ip());
    }
}

#[test]
fn what_is_no_tcp_packet_is_told_apart() {
    let cut = |length: usize| syn()[..length].to_vec();
    for (link, bytes, expected) in [
        (101, ipv4(17, 0, SYN, 40), Frame::NotTcp),
        (1, ethernet(&[8, 6], &[0; 28]), Frame::NotTcp),
        (101, ipv4(6, 0x2000, SYN, 40), Frame::Fragment),
        (101, ipv4(6, 5, SYN, 40), Frame::Fragment),
        (101, cut(33), Frame::Cut),
        (101, cut(10), Frame::Cut),
        (1, vec![0; 5], Frame::Cut),
        // A TCP header of 20 bytes in a datagram of 16.
        (101, ipv4(6, 0, SYN, 36), Frame::Malformed),
        (147, syn(), Frame::UnknownLink),
    ] {
        assert_eq!(decode(link, &bytes), expected, "{link} {bytes:?}");
    }
}

#[test]
fn the_payload_is_as_long_as_the_ip_header_says_though_it_was_not_captured() {
    let bytes = ipv4(6, 0, &SYN[..14], 1500);
    let Frame::Tcp(packet) = frame::decode(Linktype(101), &bytes, 1500) else {
        panic!("a TCP packet");
    };
    assert_eq!(packet.length, 1460);
    // A packet that the kernel has not cut up yet has no length in its header.
    let bytes = ipv4(6, 0, SYN, 0);
    let Frame::Tcp(packet) = frame::decode(Linktype(101), &bytes, 100_040) else {
        panic!("a TCP packet");
    };
    assert_eq!(packet.length, 100_000);
}

/// A pcap file of one byte order.
fn file(magic: u32, snap: bool, order: fn(u32) -> [u8; 4]) -> Vec<u8> {
    let mut bytes = order(magic).to_vec();
    let two = |a: u16| match order(1) {
        [1, ..] => a.to_le_bytes(),
        _ => a.to_be_bytes(),
    };
    bytes.extend([two(2), two(4)].as_flattened());
    for word in [0, 0, 262_144, 101] {
        bytes.extend(order(word));
    }
    let packet = syn();
    let captured = if snap { 30 } else { packet.len() };
    for word in [7, 500_000, captured as u32, packet.len() as u32] {
        bytes.extend(order(word));
    }
    bytes.extend(&packet[..captured]);
    bytes
}

#[test]
fn byte_orders_and_units_of_time() {
    for (magic, fraction) in [(0xa1b2_c3d4, 500_000_000), (0xa1b2_3c4d, 500_000)] {
        for order in [u32::to_le_bytes, u32::to_be_bytes] {
            let reading = read(&*file(magic, false, order)).unwrap();
            assert_eq!(reading.trouble, None);
            assert_eq!(reading.packets[0].time_ns, 7_000_000_000 + fraction);
        }
    }
}

#[test]
fn a_snap_length_that_cuts_the_header_is_counted() {
    let reading = read(&*file(0xa1b2_c3d4, true, u32::to_le_bytes)).unwrap();
    assert_eq!((reading.total, reading.left_out.cut), (1, 1));
    assert!(reading.packets.is_empty());
}

#[test]
fn a_file_cut_anywhere_gives_what_came_before() {
    let whole = include_bytes!("../../../tests/captures/http.pcapng");
    let mut most = 0;
    for length in 0..whole.len() {
        let Ok(reading) = read(&whole[..length]) else {
            continue;
        };
        assert!(reading.packets.len() >= most, "{length}");
        most = reading.packets.len();
    }
    assert_eq!(most, 12);
}
