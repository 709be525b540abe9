//! Packet captures, pcap and pcapng: which TCP packets are in them.

mod frame;
#[cfg(any(test, fuzzing))]
pub mod fuzz;

use std::io::Read;

use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{Block, InterfaceDescriptionBlock, Linktype, PcapBlockOwned, PcapError};

use self::frame::Frame;
use crate::core::wire::{Packet, Reading};

/// As much of a file as is held at once; a block that is larger makes it grow.
const BUFFER: usize = 1 << 16;
/// No packet and no list of names needs more; a file that says so is damaged.
const LARGEST_BLOCK: usize = 64 << 20;
/// More TCP packets than that are not held: they would take about 200 MB.
const MOST_PACKETS: usize = 2_000_000;

const NANOSECONDS: u128 = 1_000_000_000;

/// Reads a capture. What comes after a damaged place is left out, and said to be.
///
/// # Errors
///
/// It is no capture; the sentence goes behind the name of the file.
pub fn read(source: impl Read + Send) -> Result<Reading, String> {
    let mut source = source;
    let mut beginning = Vec::new();
    let begun = source
        .by_ref()
        .take(BUFFER as u64)
        .read_to_end(&mut beginning);
    begun.map_err(|error| format!("cannot be read: {error}"))?;
    if let Some(sentence) = foreign(&beginning) {
        return Err(sentence.to_owned());
    }
    let whole = std::io::Cursor::new(beginning).chain(source);
    let mut blocks = pcap_parser::create_reader(BUFFER, whole).map_err(|error| match error {
        PcapError::Incomplete(_) | PcapError::Eof | PcapError::UnexpectedEof => {
            "is cut off within its header: it has no packets".to_owned()
        }
        _ => "is neither a pcap nor a pcapng capture".to_owned(),
    })?;
    let mut reader = Reader::default();
    reader.reading.trouble = reader.run(blocks.as_mut());
    Ok(reader.reading)
}

/// Why a file that begins like this is none of ours, where it can be told.
fn foreign(beginning: &[u8]) -> Option<&'static str> {
    match beginning {
        [] => Some("is empty"),
        [0x1f, 0x8b, ..] => Some("is compressed: gunzip it first"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("is compressed: unzstd it first"),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => Some("is compressed: unxz it first"),
        _ => None,
    }
}

/// What a packet's place in the file says of it.
#[derive(Clone, Copy)]
struct Interface {
    link: Linktype,
    /// Units of a time stamp in a second.
    resolution: u64,
    /// Seconds to be added to it.
    offset: i64,
}

impl Interface {
    fn of(description: &InterfaceDescriptionBlock<'_>) -> Self {
        let exponent = description.if_tsresol;
        // The highest bit makes it a power of two (pcapng, section 4.2).
        let resolution = match exponent & 0x80 {
            0 => 10u64.checked_pow(exponent.into()),
            _ => 1u64.checked_shl(u32::from(exponent & 0x7f)),
        };
        Self {
            link: description.linktype,
            resolution: resolution.unwrap_or(1_000_000),
            offset: description.if_tsoffset,
        }
    }

    fn time_ns(&self, units: u64) -> u64 {
        let nanoseconds = u128::from(units) * NANOSECONDS / u128::from(self.resolution.max(1));
        let offset = i128::from(self.offset) * NANOSECONDS as i128;
        let time = i128::try_from(nanoseconds).unwrap_or(i128::MAX);
        u64::try_from(time.saturating_add(offset)).unwrap_or(0)
    }
}

#[derive(Default)]
struct Reader {
    interfaces: Vec<Interface>,
    reading: Reading,
}

impl Reader {
    /// Reads block by block; the sentence says why it ended before the file.
    fn run(&mut self, blocks: &mut dyn PcapReaderIterator) -> Option<String> {
        let mut capacity = BUFFER;
        loop {
            let before = self.reading.total;
            match blocks.next() {
                Ok((length, block)) => {
                    self.take(&block);
                    blocks.consume(length);
                    if self.reading.packets.len() >= MOST_PACKETS {
                        return Some(format!(
                            "only the first {MOST_PACKETS} TCP packets were read"
                        ));
                    }
                }
                Err(PcapError::Eof) => return None,
                Err(PcapError::Incomplete(_)) => {
                    if blocks.refill().is_err() {
                        return Some(format!("it cannot be read after packet {before}"));
                    }
                }
                Err(PcapError::BufferTooSmall) if capacity < LARGEST_BLOCK => {
                    capacity *= 2;
                    if !blocks.grow(capacity) || blocks.refill().is_err() {
                        return Some(format!("it cannot be read after packet {before}"));
                    }
                }
                Err(PcapError::UnexpectedEof) => {
                    return Some(format!("it is cut off after packet {before}"));
                }
                Err(_) => return Some(format!("it is damaged after packet {before}")),
            }
        }
    }

    fn take(&mut self, block: &PcapBlockOwned<'_>) {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                let resolution = match header.is_nanosecond_precision() {
                    true => 1_000_000_000,
                    false => 1_000_000,
                };
                // The highest bits tell the length of the frame check sequence.
                let link = Linktype(header.network.0 & 0xffff);
                self.interfaces = vec![Interface {
                    link,
                    resolution,
                    offset: 0,
                }];
            }
            PcapBlockOwned::Legacy(packet) => {
                if let Some(interface) = self.interfaces.first() {
                    let units = u64::from(packet.ts_sec) * interface.resolution;
                    let time_ns = interface.time_ns(units + u64::from(packet.ts_usec));
                    self.packet(interface.link, time_ns, packet.data, packet.origlen);
                }
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => self.interfaces.clear(),
            PcapBlockOwned::NG(Block::InterfaceDescription(description)) => {
                self.interfaces.push(Interface::of(description));
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                let index = usize::try_from(packet.if_id).unwrap_or(usize::MAX);
                let Some(interface) = self.interfaces.get(index).copied() else {
                    self.reading.total += 1;
                    self.reading.left_out.malformed += 1;
                    return;
                };
                let units = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                let captured = usize::try_from(packet.caplen).unwrap_or(usize::MAX);
                let bytes = &packet.data[..captured.min(packet.data.len())];
                self.packet(
                    interface.link,
                    interface.time_ns(units),
                    bytes,
                    packet.origlen,
                );
            }
            // It has no time: without one it cannot be put in order.
            PcapBlockOwned::NG(Block::SimplePacket(_)) => {
                self.reading.total += 1;
                self.reading.left_out.malformed += 1;
            }
            PcapBlockOwned::NG(_) => {}
        }
    }

    fn packet(&mut self, link: Linktype, time_ns: u64, bytes: &[u8], wire_length: u32) {
        self.reading.saw(time_ns);
        let left_out = &mut self.reading.left_out;
        let number = match frame::decode(link, bytes, wire_length) {
            Frame::Tcp(packet) => {
                self.reading.packets.push(Packet {
                    number: self.reading.total,
                    time_ns,
                    ..packet
                });
                return;
            }
            Frame::NotTcp => &mut left_out.not_tcp,
            Frame::Fragment => &mut left_out.fragments,
            Frame::Cut => &mut left_out.cut,
            Frame::Malformed => &mut left_out.malformed,
            Frame::UnknownLink => &mut left_out.unknown_link,
        };
        *number += 1;
    }
}

#[cfg(test)]
mod tests;
