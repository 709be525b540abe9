//! Rows of a dump, gathered and sorted by age before they are passed on.
//!
//! The table keeps the sockets of a state in the order of their age, and the kernel lists them in no
//! order. Whoever adds them sorted finds each place beside the one before.

use crate::core::facts::DumpRow;
use crate::core::table::sort_rows;

/// Rows that are gathered at most (a little more when a chunk ends beyond): seven megabytes.
const ROWS: usize = 65_536;

/// Rows of one namespace, and when they were read.
#[derive(Default)]
pub(super) struct Batch {
    rows: Vec<DumpRow>,
    /// Where each chunk ends, and when it was read.
    chunks: Vec<(usize, u64)>,
}

impl Batch {
    /// Adds rows read just now; `true` when there are enough.
    pub(super) fn add(&mut self, rows: &[DumpRow], read_ns: u64) -> bool {
        self.rows.extend_from_slice(rows);
        self.chunks.push((self.rows.len(), read_ns));
        self.rows.len() >= ROWS
    }

    /// Empties it: the rows sorted by age, as if all had been read when the last of them was, and when
    /// that was.
    pub(super) fn take(&mut self) -> (Vec<DumpRow>, u64) {
        let mut rows = std::mem::take(&mut self.rows);
        let read_ns = self.chunks.last().map_or(0, |(_, read_ns)| *read_ns);
        let mut begin = 0;
        for (end, chunk_ns) in self.chunks.drain(..) {
            let later_ms = read_ns.saturating_sub(chunk_ns) / 1_000_000;
            let later_ms = u32::try_from(later_ms).unwrap_or(u32::MAX);
            for row in &mut rows[begin..end] {
                row.age_by(later_ms);
            }
            begin = end;
        }
        sort_rows(&mut rows);
        (rows, read_ns)
    }
}

#[cfg(test)]
mod tests {
    use tcpmon_common::State;

    use super::*;
    use crate::core::facts::{Kind, Timer};
    use crate::core::tuple::Tuple;

    const MS: u64 = 1_000_000;

    fn row(cookie: u64, state: State, expires_ms: u32, last_ack_ms: Option<u32>) -> DumpRow {
        DumpRow {
            cookie,
            state,
            kind: match state {
                State::TimeWait => Kind::Minisock,
                _ => Kind::Full,
            },
            tuple: Tuple::UNKNOWN,
            inode: 0,
            uid: 0,
            recv_queue: 0,
            send_queue: None,
            expires_ms,
            timer: Timer::None,
            unanswered: 0,
            cgroup: 0,
            drops: None,
            last_ack_ms,
        }
    }

    #[test]
    fn chunks_read_at_several_times_are_of_one_time_and_sorted_by_age() {
        let mut batch = Batch::default();
        let first = [
            row(1, State::Established, 0, Some(10)),
            row(2, State::TimeWait, 59_000, None),
        ];
        let second = [
            row(3, State::Listen, 0, None),
            row(4, State::Established, 0, Some(25)),
        ];
        assert!(!batch.add(&first, 100 * MS));
        assert!(!batch.add(&second, 120 * MS));
        let (rows, read_ns) = batch.take();
        assert_eq!(read_ns, 120 * MS);
        let told: Vec<_> = rows
            .iter()
            .map(|row| (row.cookie, row.expires_ms, row.last_ack_ms))
            .collect();
        // The listener first, then what has waited 1,020, 30 and 25 ms.
        let expected = [
            (3, 0, None),
            (2, 58_980, None),
            (1, 0, Some(30)),
            (4, 0, Some(25)),
        ];
        assert_eq!(told, expected);
        assert!(batch.take().0.is_empty());
    }

    #[test]
    fn a_batch_is_full_with_the_chunk_that_reaches_its_size() {
        let mut batch = Batch::default();
        let rows = vec![row(1, State::Established, 0, None); ROWS - 1];
        assert!(!batch.add(&rows, MS));
        assert!(batch.add(&rows[..1], MS));
        assert_eq!(batch.take().0.len(), ROWS);
    }
}
