//! The bytes of a recording: a preamble, and frames with a checksum each.

use std::fmt;
use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

/// What a recording begins with. The line feed shows a transfer that took it for text.
pub const MAGIC: [u8; 8] = *b"tcpmonR\n";
/// Version of the frames and of what is in them.
pub const FORMAT: u16 = 2;
/// Bytes before the first frame: [`MAGIC`] and [`FORMAT`], least significant byte first.
pub const PREAMBLE: usize = MAGIC.len() + 2;
/// Bytes of a frame before its payload.
pub const FRAME_HEAD: usize = 22;
/// Bytes of a payload at most, unpacked. What says that it is larger is damaged.
pub const MAX_FRAME: usize = 16 << 20;
/// Bytes a payload may grow by when it is packed and cannot be made smaller.
const MAX_OVERHEAD: usize = MAX_FRAME / 1000 + 64;

/// The first bytes of a recording.
#[must_use]
pub fn preamble() -> [u8; PREAMBLE] {
    let mut bytes = [0; PREAMBLE];
    bytes[..MAGIC.len()].copy_from_slice(&MAGIC);
    bytes[MAGIC.len()..].copy_from_slice(&FORMAT.to_le_bytes());
    bytes
}

/// Why a file that begins with `beginning`, of [`PREAMBLE`] bytes or all there are, is no recording that
/// can be read here; the sentence goes behind its name.
#[must_use]
pub fn not_ours(beginning: &[u8]) -> Option<String> {
    let capture = "is a packet capture: say so with --pcap";
    let is_captured = [
        [0xa1, 0xb2, 0xc3, 0xd4],
        [0xd4, 0xc3, 0xb2, 0xa1],
        [0xa1, 0xb2, 0x3c, 0x4d],
        [0x4d, 0x3c, 0xb2, 0xa1],
        [0x0a, 0x0d, 0x0d, 0x0a],
    ];
    match beginning {
        [] => Some("is empty".to_owned()),
        [0x1f, 0x8b, ..] => Some("is compressed: gunzip it first".to_owned()),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("is compressed: unzstd it first".to_owned()),
        _ if is_captured.iter().any(|it| beginning.starts_with(it)) => Some(capture.to_owned()),
        _ if beginning.len() < PREAMBLE && preamble().starts_with(beginning) => {
            Some("is cut off before its beginning: nothing in it can be read".to_owned())
        }
        _ => match beginning.strip_prefix(&MAGIC) {
            Some([low, high, ..]) => match u16::from_le_bytes([*low, *high]) {
                FORMAT => None,
                format => Some(format!(
                    "is a recording of format {format}, and this tcpmon reads format {FORMAT}: use the \
                     release that made it"
                )),
            },
            _ => Some("is no recording of tcpmon".to_owned()),
        },
    }
}

/// What is in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// A [`super::Header`]; the first.
    Header = 1,
    /// [`super::Items`].
    Items = 2,
    /// An [`super::End`]; the last. Without it the recording was cut off.
    End = 3,
}

/// How a payload is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Packing {
    /// As it is.
    Stored = 0,
    /// Compressed (RFC 1951).
    Deflate = 1,
}

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    /// What is in it.
    pub kind: FrameKind,
    /// How it is written.
    pub packing: Packing,
    /// Bytes unpacked.
    pub unpacked: usize,
    /// Bytes in the file.
    pub length: usize,
    /// The time it goes up to, `CLOCK_BOOTTIME` ns.
    pub to_ns: u64,
    crc: u32,
}

/// A whole frame, unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What is in it.
    pub kind: FrameKind,
    /// The time it goes up to, `CLOCK_BOOTTIME` ns.
    pub to_ns: u64,
    /// That.
    pub payload: Vec<u8>,
}

/// A place where a recording cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// A frame of no kind there is.
    UnknownFrame,
    /// A frame that is too large.
    TooLarge,
    /// The checksum is another.
    Checksum,
    /// A payload that cannot be unpacked, or that makes no sense.
    Content,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownFrame => "there is something else than the beginning of a frame",
            Self::TooLarge => "a frame says that it is larger than any is",
            Self::Checksum => "a checksum is wrong",
            Self::Content => "what a frame says makes no sense",
        })
    }
}

impl std::error::Error for Damage {}

impl FrameHead {
    /// Reads what stands before a payload.
    ///
    /// # Errors
    ///
    /// It is none.
    pub fn parse(bytes: &[u8; FRAME_HEAD]) -> Result<Self, Damage> {
        let word = |at: usize| {
            let bytes = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
            u32::from_le_bytes(bytes)
        };
        let kind = match bytes[0] {
            1 => FrameKind::Header,
            2 => FrameKind::Items,
            3 => FrameKind::End,
            _ => return Err(Damage::UnknownFrame),
        };
        let packing = match bytes[1] {
            0 => Packing::Stored,
            1 => Packing::Deflate,
            _ => return Err(Damage::UnknownFrame),
        };
        let size = |at, most| {
            let size = usize::try_from(word(at)).unwrap_or(usize::MAX);
            if size > most {
                Err(Damage::TooLarge)
            } else {
                Ok(size)
            }
        };
        Ok(Self {
            kind,
            packing,
            unpacked: size(2, MAX_FRAME)?,
            length: size(6, MAX_FRAME + MAX_OVERHEAD)?,
            to_ns: u64::from(word(10)) | u64::from(word(14)) << 32,
            crc: word(18),
        })
    }

    fn bytes(&self) -> [u8; FRAME_HEAD] {
        let mut bytes = [0; FRAME_HEAD];
        let words =
            [self.unpacked, self.length].map(|size| u32::try_from(size).unwrap_or(u32::MAX));
        bytes[0] = self.kind as u8;
        bytes[1] = self.packing as u8;
        bytes[2..6].copy_from_slice(&words[0].to_le_bytes());
        bytes[6..10].copy_from_slice(&words[1].to_le_bytes());
        bytes[10..18].copy_from_slice(&self.to_ns.to_le_bytes());
        bytes[18..].copy_from_slice(&self.crc.to_le_bytes());
        bytes
    }

    fn checksum(&self, payload: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.bytes()[..18]);
        hasher.update(payload);
        hasher.finalize()
    }

    /// Compares a payload, as it is in the file, with its checksum.
    ///
    /// # Errors
    ///
    /// It is another, or has another length.
    pub fn check(&self, payload: &[u8]) -> Result<(), Damage> {
        let is_it = payload.len() == self.length && self.checksum(payload) == self.crc;
        is_it.then_some(()).ok_or(Damage::Checksum)
    }

    /// Makes a frame of a payload as it is in the file.
    ///
    /// # Errors
    ///
    /// It is damaged.
    pub fn unpack(&self, payload: &[u8]) -> Result<Frame, Damage> {
        self.check(payload)?;
        let payload = match self.packing {
            Packing::Stored => payload.to_vec(),
            Packing::Deflate => {
                // One byte more, so that one that goes on is noticed.
                let mut unpacked = Vec::with_capacity(self.unpacked.min(1 << 20));
                let limit = self.unpacked as u64 + 1;
                let read = DeflateDecoder::new(payload)
                    .take(limit)
                    .read_to_end(&mut unpacked);
                read.map_err(|_| Damage::Content)?;
                unpacked
            }
        };
        if payload.len() != self.unpacked {
            return Err(Damage::Content);
        }
        Ok(Frame {
            kind: self.kind,
            to_ns: self.to_ns,
            payload,
        })
    }
}

impl Frame {
    /// The frame as bytes of a file; one that packing does not make smaller is stored.
    #[must_use]
    pub fn to_bytes(&self, packing: Packing) -> Vec<u8> {
        let packed = match packing {
            Packing::Stored => None,
            Packing::Deflate => self.deflated(),
        };
        let packing = match packed {
            Some(_) => Packing::Deflate,
            None => Packing::Stored,
        };
        let payload = packed.as_deref().unwrap_or(&self.payload);
        let mut head = FrameHead {
            kind: self.kind,
            packing,
            unpacked: self.payload.len(),
            length: payload.len(),
            to_ns: self.to_ns,
            crc: 0,
        };
        head.crc = head.checksum(payload);
        [&head.bytes()[..], payload].concat()
    }

    fn deflated(&self) -> Option<Vec<u8>> {
        // Fast: a recorder must keep up with the busiest machine.
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(3));
        encoder.write_all(&self.payload).ok()?;
        let packed = encoder.finish().ok()?;
        (packed.len() < self.payload.len()).then_some(packed)
    }
}
