//! What is to be done to every socket, a part at a time, so that the owner can do other things in
//! between: the end of an audit, and the end of a scan of file descriptors.
//!
//! A walk goes from slot to slot. What happens between two parts needs no care: a socket that came
//! or changed since is newer than the dump or the scan, by its own times, wherever its slot is.

use super::Table;
use super::audit::Ending;
use super::owners::{ByInode, Scan};
use super::socket::SlotId;

/// A walk under way.
#[derive(Debug)]
pub(super) struct Walk {
    /// The next slot.
    at: usize,
    task: Task,
}

/// What is done to each socket.
#[derive(Debug)]
pub(super) enum Task {
    /// Removed, if the kernel no longer has it; else put to the service that accepted it.
    EndAudit(Ending),
    /// Given its holder, if that is known by the inode alone, or else its listener's.
    EndHolders { scan: Scan, by_inode: ByInode },
}

impl Table {
    /// Whether something is left to be done by [`Table::walk_on`].
    #[must_use]
    pub const fn is_walking(&self) -> bool {
        self.walk.is_some()
    }

    /// Looks at the next `budget` slots; `false` when nothing is left to do.
    pub fn walk_on(&mut self, budget: usize) -> bool {
        let Some(mut walk) = self.walk.take() else {
            return false;
        };
        let end = self.slots.places().min(walk.at.saturating_add(budget));
        for index in walk.at..end {
            let id = SlotId::from_index(index);
            if self.slots.is_alive(id) {
                self.visit(id, &mut walk.task);
            }
        }
        walk.at = end;
        if end < self.slots.places() {
            self.walk = Some(walk);
            return true;
        }
        self.groups.settle();
        match walk.task {
            Task::EndAudit(ending) => self.audit_ended(&ending),
            Task::EndHolders { scan, .. } => self.holders_scanned_ns = scan.started_ns,
        }
        false
    }

    /// Begins a walk; what is left of one before is done now.
    pub(super) fn start_walk(&mut self, task: Task) {
        while self.walk_on(usize::MAX) {}
        self.walk = Some(Walk { at: 0, task });
    }

    fn visit(&mut self, id: SlotId, task: &mut Task) {
        match task {
            Task::EndAudit(ending) => {
                if ending.is_over(self.slots.get(id)) {
                    self.end_unseen(id, ending.now_ns);
                } else if ending.found_listener() {
                    self.move_to_service(id);
                }
            }
            Task::EndHolders { scan, by_inode } => {
                if !by_inode.is_empty() {
                    self.hear_by_inode(id, by_inode, scan);
                }
                self.look_for_holder(id, scan);
            }
        }
    }
}
