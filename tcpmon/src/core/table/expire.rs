//! The end of minisocks no dump can be asked about.

use tcpmon_common::State;

use super::Table;
use super::socket::SlotId;
use crate::core::facts::Kind;

/// The kernel's timer wheel lets a 60 s timer fire up to an eighth late; a dump sees the real end
/// earlier. Only where no dump comes does this one stand in.
const SLACK_NS: u64 = 8_000_000_000;

impl Table {
    /// Removes minisocks whose timer must have fired, at most `budget` of them.
    pub fn expire(&mut self, now_ns: u64, budget: usize) -> usize {
        let mut due = Vec::new();
        for state in [State::TimeWait, State::FinWait2] {
            self.collect_due(state, now_ns, budget, &mut due);
        }
        for id in &due {
            self.count_minisock_end(*id, now_ns);
            self.drop_socket(*id);
        }
        self.endpoints.forget_idle(now_ns);
        due.len()
    }

    /// Looks at the oldest only: those behind them are younger.
    fn collect_due(&self, state: State, now_ns: u64, budget: usize, due: &mut Vec<SlotId>) {
        let mut at = self.slots.oldest(state);
        for _ in 0..budget {
            let Some(id) = at else {
                return;
            };
            let socket = self.slots.get(id);
            let is_due = socket.expires_ns.saturating_add(SLACK_NS) <= now_ns;
            if socket.kind == Kind::Minisock {
                if !is_due {
                    return;
                }
                due.push(id);
            }
            at = self.slots.newer(id);
        }
    }
}
