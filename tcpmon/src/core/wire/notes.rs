//! What is to be said of a packet beside the edges it caused.

use super::Flags;
use super::connection::{Side, Totals};
use super::segment::Segment;

/// More holes than that at once are forgotten, the oldest first.
const HOLES: usize = 256;

/// A remark on a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// All of it was sent before, in the packet with this number where it is a SYN or FIN.
    SentAgain(Option<u64>),
    /// So many bytes before it have not been seen: lost, late, or not captured.
    Gap(u64),
    /// It fills a gap: it came late, or repeats what was lost before it was captured.
    FillsGap,
    /// It acknowledges so many bytes that were not captured.
    NotCaptured(u64),
    /// It only asks whether the other side still answers.
    KeepAlive,
    /// It refuses a SYN: nobody listens there, or a firewall says so.
    Refused,
    /// Its sender went on after this reset: somebody else may have sent it in its name.
    ResetIgnored,
    /// It does not fit what was known of its sender or of whom it is for.
    Unexpected,
    /// Nobody answered it: whether it arrived is not known.
    Unanswered,
    /// The other side's process has closed, or shut down sending: that is what a FIN says.
    Closes,
}

/// What one side has sent so far.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// The sequence number after the last seen; `None` before the first.
    end: Option<i64>,
    holes: Vec<(i64, i64)>,
    syn: Option<u64>,
    fin: Option<u64>,
    /// Its SYN acknowledged nothing.
    has_opened: bool,
    has_answered: bool,
}

impl Sent {
    /// Whether the packet has anything that was not sent before.
    pub(super) fn is_new(&self, segment: &Segment) -> bool {
        segment.occupies() && self.end.is_none_or(|end| segment.end > end)
    }

    /// Notes the packet, and says what is to be said of it.
    pub(super) fn take(&mut self, segment: &Segment, totals: &mut Totals, notes: &mut Vec<Note>) {
        let Some(end) = self.end.filter(|_| segment.occupies()) else {
            if segment.occupies() {
                self.end = Some(segment.end);
                self.count(segment, totals);
            }
            return;
        };
        if segment.start > end {
            notes.push(Note::Gap(segment.start.abs_diff(end)));
            if self.holes.len() == HOLES {
                self.holes.remove(0);
            }
            self.holes.push((end, segment.start));
        } else if segment.end <= end {
            return self.take_old(segment, end, totals, notes);
        }
        self.end = Some(segment.end.max(end));
        self.count(segment, totals);
    }

    fn take_old(
        &mut self,
        segment: &Segment,
        end: i64,
        totals: &mut Totals,
        notes: &mut Vec<Note>,
    ) {
        let is_control = segment.has(Flags::SYN) || segment.has(Flags::FIN);
        if self.fill(segment) {
            notes.push(Note::FillsGap);
            self.count(segment, totals);
        } else if segment.length <= 1 && !is_control && segment.start == end - 1 {
            notes.push(Note::KeepAlive);
        } else if segment.has(Flags::SYN)
            && self.has_opened
            && !self.has_answered
            && !segment.opens()
        {
            // Both sides opened: the answer to the other's SYN carries the same SYN.
            self.has_answered = true;
        } else {
            let first = match segment.has(Flags::SYN) {
                true => self.syn,
                false => self.fin.filter(|_| segment.has(Flags::FIN)),
            };
            notes.push(Note::SentAgain(first));
            totals.repeated[segment.from.index()] += 1;
        }
    }

    fn count(&mut self, segment: &Segment, totals: &mut Totals) {
        totals.bytes[segment.from.index()] += u64::from(segment.length);
        self.has_opened |= segment.opens();
        if segment.has(Flags::SYN) {
            self.syn.get_or_insert(segment.number);
        }
        if segment.has(Flags::FIN) {
            self.fin.get_or_insert(segment.number);
        }
    }

    /// Takes the packet out of the gaps; whether it was in any.
    fn fill(&mut self, segment: &Segment) -> bool {
        let mut filled = false;
        let mut left = Vec::with_capacity(self.holes.len());
        for (start, end) in self.holes.drain(..) {
            if segment.end <= start || segment.start >= end {
                left.push((start, end));
                continue;
            }
            filled = true;
            left.extend(
                [(start, segment.start), (segment.end, end)]
                    .iter()
                    .filter(|(a, b)| a < b),
            );
        }
        left.truncate(HOLES);
        self.holes = left;
        filled
    }

    /// The other side has acknowledged everything before `ack`.
    pub(super) fn acknowledged(&mut self, ack: i64, notes: &mut Vec<Note>) {
        let beyond = self.end.map_or(0, |end| ack.saturating_sub(end).max(0));
        let holes = self
            .holes
            .iter()
            .map(|(start, end)| (ack.min(*end) - start).max(0));
        let missing = holes.sum::<i64>() + beyond;
        self.holes.retain(|(_, end)| *end > ack);
        for (start, _) in &mut self.holes {
            *start = ack.max(*start);
        }
        if beyond > 0 {
            self.end = Some(ack);
        }
        if missing > 0 {
            notes.push(Note::NotCaptured(missing.unsigned_abs()));
        }
    }
}

/// What both sides have sent so far.
pub(super) type BothSent = [Sent; 2];

/// What has been sent by the side a packet is for.
pub(super) fn other(sent: &mut BothSent, side: Side) -> &mut Sent {
    &mut sent[side.other().index()]
}
