//! When control bits arrived: what only the answer tells.

use super::Flags;
use super::connection::Side;
use super::segment::Segment;

/// Something arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    /// Index of the packet that brought it.
    pub(super) by: usize,
    /// Index of the packet with which it shows.
    pub(super) at: usize,
    /// Before or with that packet.
    pub(super) when: When,
}

/// Where within the time of a packet something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum When {
    /// Before it was sent: it answers.
    BeforeSending,
    /// As it was sent.
    Sending,
    /// Before it arrived: what was sent earlier arrives earlier.
    BeforeArrival,
    /// As it arrived.
    Arrival,
}

impl Arrival {
    const fn with(index: usize) -> Self {
        Self {
            by: index,
            at: index,
            when: When::Arrival,
        }
    }
}

/// What one side sent, by index.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    first_syn: Option<usize>,
    last_syn: Option<usize>,
    first_fin: Option<usize>,
    last_fin: Option<usize>,
    first_reset: Option<usize>,
    last_reset: Option<usize>,
    first: Option<usize>,
    last_other_than_reset: Option<usize>,
    /// A SYN that acknowledged nothing.
    opened: bool,
}

impl Marks {
    fn note(&mut self, index: usize, segment: &Segment) {
        self.first.get_or_insert(index);
        self.opened |= segment.opens();
        for (flag, first, last) in [
            (Flags::SYN, &mut self.first_syn, &mut self.last_syn),
            (Flags::FIN, &mut self.first_fin, &mut self.last_fin),
            (Flags::RST, &mut self.first_reset, &mut self.last_reset),
        ] {
            if segment.has(flag) {
                first.get_or_insert(index);
                *last = Some(index);
            }
        }
        if !segment.has(Flags::RST) {
            self.last_other_than_reset = Some(index);
        }
    }
}

/// The segments of one connection.
#[derive(Clone, Copy)]
pub(super) struct Wire<'a> {
    pub(super) segments: &'a [Segment],
    marks: [Marks; 2],
}

impl<'a> Wire<'a> {
    pub(super) fn new(segments: &'a [Segment]) -> Self {
        let mut marks = [Marks::default(); 2];
        for (index, segment) in segments.iter().enumerate() {
            marks[segment.from.index()].note(index, segment);
        }
        Self { segments, marks }
    }

    fn from(self, side: Side) -> impl Iterator<Item = (usize, &'a Segment)> {
        let segments = self.segments.iter().enumerate();
        segments.filter(move |(_, segment)| segment.from == side)
    }

    const fn marks(&self, side: Side) -> &Marks {
        &self.marks[side.index()]
    }

    /// The first packet of `side` with this bit: SYN, FIN or RST.
    pub(super) fn first(self, side: Side, flag: Flags) -> Option<usize> {
        let marks = self.marks(side);
        match flag {
            Flags::SYN => marks.first_syn,
            Flags::FIN => marks.first_fin,
            _ => marks.first_reset,
        }
    }

    /// The last packet of `side` with this bit: SYN, FIN or RST.
    pub(super) fn last(self, side: Side, flag: Flags) -> Option<usize> {
        let marks = self.marks(side);
        match flag {
            Flags::SYN => marks.last_syn,
            Flags::FIN => marks.last_fin,
            _ => marks.last_reset,
        }
    }

    /// Whether the packet with this index is the first of `side`, and answers a SYN.
    pub(super) fn only_answers_a_syn(self, side: Side, index: usize) -> bool {
        let is_first = self.marks(side).first == Some(index);
        let asked = self.marks(side.other());
        is_first && asked.opened && asked.first_syn.is_some_and(|syn| syn < index)
    }

    /// Both sides sent a SYN that acknowledged nothing.
    fn opened_by_both(self) -> bool {
        Side::BOTH.into_iter().all(|side| self.marks(side).opened)
    }

    /// When the SYN or FIN of `side` arrived; `None` when nothing tells that it did.
    pub(super) fn arrived(self, side: Side, flag: Flags) -> Option<Arrival> {
        let first = self.first(side, flag)?;
        let end = self.segments[first].end;
        let refuses = |answer: &Segment| flag == Flags::SYN && answer.has(Flags::RST);
        let (proof, _) = self.from(side.other()).find(|(index, answer)| {
            *index > first && answer.acknowledges(end) && !refuses(answer)
        })?;
        // What had been acknowledged, packet by packet of the receiver's.
        let mut highest = i64::MIN;
        let known: Vec<(usize, i64)> = self
            .from(side.other())
            .take_while(|(index, _)| *index < proof)
            .map(|(index, segment)| {
                highest = highest.max(segment.ack.unwrap_or(i64::MIN));
                (index, highest)
            })
            .collect();
        let crossed = flag == Flags::SYN && self.opened_by_both();
        // The last that brought anything new: it filled what was missing, or repeated what was lost.
        let brings = |index: usize, segment: &Segment| {
            let before = known.partition_point(|(at, _)| *at < index);
            let acknowledged = before.checked_sub(1).map_or(i64::MIN, |last| known[last].1);
            segment.end > acknowledged && segment.start < end && (!crossed || segment.opens())
        };
        let candidates = self.segments[first..proof].iter().zip(first..proof).rev();
        let by = candidates
            .filter(|(segment, _)| segment.from == side && segment.occupies())
            .find(|(segment, index)| brings(*index, segment))
            .map_or(first, |(_, index)| index);
        // What the receiver sent meanwhile shows that it had not arrived yet. It had before the next
        // packet of the same sender did, and before the answer was sent.
        let Some((unaware, _)) = known.last().filter(|(index, _)| *index > by) else {
            return Some(Arrival::with(by));
        };
        let between = self.segments[*unaware..proof].iter().zip(*unaware..);
        let next = between
            .filter(|(segment, _)| segment.from == side)
            .map(|(_, index)| index)
            .next();
        let (at, when) = match next {
            Some(next) => (next, When::BeforeArrival),
            None => (proof, When::BeforeSending),
        };
        Some(Arrival { by, at, when })
    }

    /// When the acknowledgement of the SYN or FIN of `side` arrived there; `None` when nothing tells
    /// that it did.
    pub(super) fn acknowledged(self, side: Side, flag: Flags) -> Option<Arrival> {
        let last = self.last(side, flag)?;
        let last_sent = &self.segments[last];
        let end = self.segments[self.first(side, flag)?].end;
        let mut answers = self
            .from(side.other())
            .filter(|(_, answer)| answer.acknowledges(end) && !answer.has(Flags::RST))
            .map(|(index, _)| index);
        let first_answer = answers.next()?;
        let late = Some(first_answer).filter(|index| *index > last);
        if let Some(index) = late.or_else(|| answers.find(|index| *index > last)) {
            return Some(Arrival::with(index));
        }
        // No answer came after the last transmission: it crossed one, if its sender went on.
        let crossed = last_sent.has(Flags::ACK) && self.opened_by_both();
        let went_on = self.marks(side).last_other_than_reset > Some(last);
        (flag == Flags::SYN && (crossed || went_on)).then_some(Arrival {
            by: first_answer,
            at: last,
            when: When::Arrival,
        })
    }

    /// The reset that ended `side`, which sent it; `None` when it sent none, or went on after the
    /// last: then somebody else sent it in its name.
    pub(super) fn reset_by(self, side: Side) -> Option<usize> {
        let marks = self.marks(side);
        let last = marks.last_reset?;
        let before = marks.last_other_than_reset;
        if before > Some(last) {
            return None;
        }
        // The first of those at the end.
        self.reset_from(side, before.map_or(0, |before| before + 1))
    }

    fn reset_from(self, side: Side, from: usize) -> Option<usize> {
        let later = self.segments.get(from..)?.iter().zip(from..);
        let mut resets =
            later.filter(|(segment, _)| segment.from == side && segment.has(Flags::RST));
        resets.next().map(|(_, index)| index)
    }

    /// When the other side's reset arrived at `side`: after the last packet that it sent.
    pub(super) fn reset_of(self, side: Side) -> Option<Arrival> {
        let ended = self.reset_by(side.other())?;
        let last = self.marks(side).last_other_than_reset.unwrap_or(0);
        if ended > last {
            return Some(Arrival::with(ended));
        }
        Some(match self.reset_from(side.other(), last + 1) {
            Some(index) => Arrival::with(index),
            None => Arrival {
                by: ended,
                at: last,
                when: When::Arrival,
            },
        })
    }
}
