//! Reads a recording: first where its frames are, and how far it can be read; then frame by frame, as
//! often as wanted.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use crate::core::recording::{
    Damage, End, FRAME_HEAD, Frame, FrameHead, FrameKind, Header, Item, Items, PREAMBLE, not_ours,
};

/// Bytes that are read at once.
const BUFFER: usize = 1 << 16;

/// Where a frame is.
#[derive(Clone, Copy, Debug)]
struct Place {
    offset: u64,
    head: FrameHead,
}

/// A recording.
#[derive(Debug)]
pub struct Reader<R> {
    source: BufReader<R>,
    header: Header,
    frames: Vec<Place>,
    end: Option<End>,
    trouble: Option<String>,
    last_ns: u64,
}

/// What comes after the frames that could be read.
enum Next {
    Frame(FrameHead, Vec<u8>),
    Nothing,
    CutOff,
    Damaged(Damage),
}

impl<R: Read + Seek> Reader<R> {
    /// Reads how it begins, and looks through it once: every frame is compared with its checksum.
    ///
    /// # Errors
    ///
    /// It is no recording, or nothing in it can be read; the sentence goes behind its name.
    pub fn open(source: R) -> Result<Self, String> {
        let mut source = BufReader::with_capacity(BUFFER, source);
        let mut beginning = Vec::new();
        let begun = (&mut source)
            .take(PREAMBLE as u64)
            .read_to_end(&mut beginning);
        begun.map_err(|error| format!("cannot be read: {error}"))?;
        if let Some(sentence) = not_ours(&beginning) {
            return Err(sentence);
        }
        let header = match next_frame(&mut source)
            .map_err(|error| format!("cannot be read: {error}"))?
        {
            Next::Frame(head, payload) if head.kind == FrameKind::Header => head
                .unpack(&payload)
                .ok()
                .and_then(|frame| Header::parse(&frame.payload))
                .ok_or("is damaged at its beginning: nothing in it can be read")?,
            Next::CutOff | Next::Nothing => {
                return Err("is cut off before its beginning: nothing in it can be read".to_owned());
            }
            Next::Frame(..) | Next::Damaged(_) => {
                return Err("is damaged at its beginning: nothing in it can be read".to_owned());
            }
        };
        let last_ns = header.began_ns;
        let mut reader = Self {
            source,
            header,
            frames: Vec::new(),
            end: None,
            trouble: None,
            last_ns,
        };
        reader.trouble = reader.look_through();
        Ok(reader)
    }

    /// Finds the frames; the sentence says why it cannot be read to its end.
    fn look_through(&mut self) -> Option<String> {
        loop {
            let offset = match self.source.stream_position() {
                Ok(offset) => offset,
                Err(error) => return Some(format!("cannot be read to its end: {error}")),
            };
            match next_frame(&mut self.source) {
                Ok(Next::Frame(head, payload)) => match head.kind {
                    FrameKind::Items => {
                        self.frames.push(Place { offset, head });
                        self.last_ns = self.last_ns.max(head.to_ns);
                    }
                    FrameKind::End => {
                        let frame = head.unpack(&payload).ok();
                        self.end = frame.and_then(|frame| End::parse(&frame.payload));
                        return match self.end {
                            Some(_) => None,
                            None => Some(damaged(offset, Damage::Content)),
                        };
                    }
                    FrameKind::Header => return Some(damaged(offset, Damage::UnknownFrame)),
                },
                Ok(Next::Damaged(damage)) => return Some(damaged(offset, damage)),
                Ok(Next::Nothing | Next::CutOff) => {
                    return Some(
                        "was cut off: whoever recorded it was killed, or it was not copied whole"
                            .to_owned(),
                    );
                }
                Err(error) => return Some(format!("cannot be read to its end: {error}")),
            }
        }
    }

    /// What was recorded, where and when.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// How it ended; `None` when its end is missing.
    #[must_use]
    pub const fn end(&self) -> Option<End> {
        self.end
    }

    /// Why it cannot be read to its end, if so: a sentence to go behind its name.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// The last time in it, `CLOCK_BOOTTIME` ns.
    #[must_use]
    pub const fn last_ns(&self) -> u64 {
        self.last_ns
    }

    /// How many frames with items there are.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames.len()
    }

    /// The items in a frame, counted from 0. A frame that makes no sense ends the recording there: then
    /// [`Reader::trouble`] says so.
    pub fn items(&mut self, index: usize) -> Vec<Item> {
        let Some(place) = self.frames.get(index).copied() else {
            return Vec::new();
        };
        let frame = self.frame(&place);
        let mut items = Vec::new();
        let outcome = frame.and_then(|frame| {
            for item in Items::new(&frame.payload) {
                items.push(item.map_err(|damage| damaged(place.offset, damage))?);
            }
            Ok(())
        });
        if let Err(sentence) = outcome {
            self.trouble = Some(sentence);
            self.frames.truncate(index);
        }
        items
    }

    fn frame(&mut self, place: &Place) -> Result<Frame, String> {
        let cannot = |error: io::Error| format!("cannot be read to its end: {error}");
        let offset = place.offset + FRAME_HEAD as u64;
        self.source.seek(SeekFrom::Start(offset)).map_err(cannot)?;
        let mut payload = vec![0; place.head.length];
        self.source.read_exact(&mut payload).map_err(cannot)?;
        let frame = place.head.unpack(&payload);
        frame.map_err(|damage| damaged(place.offset, damage))
    }
}

fn damaged(offset: u64, damage: Damage) -> String {
    format!("is damaged from byte {offset} on: {damage}")
}

/// The next frame, compared with its checksum.
fn next_frame(source: &mut impl Read) -> io::Result<Next> {
    let mut head = Vec::with_capacity(FRAME_HEAD);
    source.take(FRAME_HEAD as u64).read_to_end(&mut head)?;
    let Some(head) = head.first_chunk::<FRAME_HEAD>() else {
        return Ok(match head.is_empty() {
            true => Next::Nothing,
            false => Next::CutOff,
        });
    };
    let head = match FrameHead::parse(head) {
        Ok(head) => head,
        Err(damage) => return Ok(Next::Damaged(damage)),
    };
    // No more is allocated than there is to be read.
    let mut payload = Vec::new();
    source.take(head.length as u64).read_to_end(&mut payload)?;
    Ok(match head.check(&payload) {
        Ok(()) => Next::Frame(head, payload),
        Err(_) if payload.len() < head.length => Next::CutOff,
        Err(damage) => Next::Damaged(damage),
    })
}
