//! Storage of sockets: a vector with a free list, and one list per state in the order of entry.
//!
//! The lists are threaded through the sockets, so entering and leaving a state costs a constant,
//! and "the ten oldest in CLOSE_WAIT" costs ten steps however many sockets there are.

use tcpmon_common::State;

use super::socket::{SlotId, Socket};

/// Sockets in a piece: some hundred kilobytes.
const PIECE: usize = 4096;

#[derive(Clone, Copy, Debug)]
struct List {
    oldest: SlotId,
    newest: SlotId,
    length: u64,
}

impl List {
    const EMPTY: Self = Self {
        oldest: SlotId::NONE,
        newest: SlotId::NONE,
        length: 0,
    };
}

/// All sockets.
#[derive(Debug)]
pub(super) struct Slots {
    /// In pieces that never move: one vector of half a million would be copied when it grows, and
    /// the owner stand still for tens of milliseconds.
    pieces: Vec<Vec<Socket>>,
    alive: Vec<bool>,
    free: Vec<SlotId>,
    lists: [List; State::ALL.len() + 1],
}

impl Slots {
    pub(super) fn new() -> Self {
        Self {
            pieces: Vec::new(),
            alive: Vec::new(),
            free: Vec::new(),
            lists: [List::EMPTY; State::ALL.len() + 1],
        }
    }

    /// Sockets alive.
    pub(super) fn len(&self) -> usize {
        self.places() - self.free.len()
    }

    /// Sockets in `state`.
    pub(super) fn in_state(&self, state: State) -> u64 {
        self.lists[state as usize].length
    }

    /// The socket at `id`. One that is gone keeps its last facts until the slot is reused.
    #[inline]
    pub(super) fn get(&self, id: SlotId) -> &Socket {
        let index = id.index();
        &self.pieces[index / PIECE][index % PIECE]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: SlotId) -> &mut Socket {
        let index = id.index();
        &mut self.pieces[index / PIECE][index % PIECE]
    }

    pub(super) fn is_alive(&self, id: SlotId) -> bool {
        self.alive.get(id.index()).copied().unwrap_or(false)
    }

    /// Stores `socket` as the newest of its state, or where its time of entry belongs: from
    /// `near` on, if given, else looked for from the newest backwards.
    pub(super) fn insert(&mut self, socket: Socket, near: Option<SlotId>) -> SlotId {
        let id = if let Some(id) = self.free.pop() {
            *self.get_mut(id) = socket;
            self.alive[id.index()] = true;
            id
        } else {
            let id = SlotId::from_index(self.places());
            if id.index().is_multiple_of(PIECE) {
                self.pieces.push(Vec::with_capacity(PIECE));
            }
            self.pieces[id.index() / PIECE].push(socket);
            self.alive.push(true);
            id
        };
        self.link(id, near);
        id
    }

    /// Takes the socket out of its list and frees the slot.
    pub(super) fn remove(&mut self, id: SlotId) {
        self.unlink(id);
        self.alive[id.index()] = false;
        self.free.push(id);
    }

    /// Moves the socket to the list of `state`, as entered at `entered_ns`.
    #[inline]
    pub(super) fn enter(&mut self, id: SlotId, state: State, entered_ns: u64) {
        self.unlink(id);
        let socket = self.get_mut(id);
        socket.state = state;
        socket.entered_ns = entered_ns;
        self.link(id, None);
    }

    /// The socket longest in `state`.
    pub(super) fn oldest(&self, state: State) -> Option<SlotId> {
        some(self.lists[state as usize].oldest)
    }

    /// The socket shortest in `state`.
    pub(super) fn newest(&self, state: State) -> Option<SlotId> {
        some(self.lists[state as usize].newest)
    }

    /// The next newer socket in the same state.
    pub(super) fn newer(&self, id: SlotId) -> Option<SlotId> {
        some(self.get(id).next)
    }

    /// The next older socket in the same state.
    pub(super) fn older(&self, id: SlotId) -> Option<SlotId> {
        some(self.get(id).previous)
    }

    /// The last socket in a list that did not enter after `entered_ns`, if it is at most so many steps
    /// after `from`; `None` if `from` entered after that.
    #[inline]
    pub(super) fn last_before(
        &self,
        from: SlotId,
        entered_ns: u64,
        steps: usize,
    ) -> Option<SlotId> {
        if self.get(from).entered_ns > entered_ns {
            return None;
        }
        let mut at = from;
        for _ in 0..=steps {
            let next = some(self.get(at).next);
            let Some(next) = next.filter(|next| self.get(*next).entered_ns <= entered_ns) else {
                return Some(at);
            };
            at = next;
        }
        None
    }

    /// Slots ever used: no socket is at this index or beyond.
    pub(super) fn places(&self) -> usize {
        self.alive.len()
    }

    /// Every socket alive, in no particular order.
    pub(super) fn ids(&self) -> impl Iterator<Item = SlotId> + '_ {
        let alive = self.alive.iter().enumerate();
        alive.filter_map(|(index, alive)| alive.then_some(SlotId::from_index(index)))
    }

    /// Bytes allocated.
    pub(super) fn bytes(&self) -> usize {
        self.pieces.len() * PIECE * size_of::<Socket>()
            + self.alive.capacity()
            + self.free.capacity() * size_of::<SlotId>()
    }

    #[inline]
    fn link(&mut self, id: SlotId, near: Option<SlotId>) {
        let (state, entered_ns) = {
            let socket = self.get(id);
            (socket.state, socket.entered_ns)
        };
        let before = self.place(state, entered_ns, near);
        let after = match some(before) {
            Some(before) => self.get(before).next,
            None => self.lists[state as usize].oldest,
        };
        let socket = self.get_mut(id);
        socket.previous = before;
        socket.next = after;
        match some(before) {
            Some(before) => self.get_mut(before).next = id,
            None => self.lists[state as usize].oldest = id,
        }
        match some(after) {
            Some(after) => self.get_mut(after).previous = id,
            None => self.lists[state as usize].newest = id,
        }
        self.lists[state as usize].length += 1;
    }

    /// The socket after which one entered at `entered_ns` belongs. Records come almost in order,
    /// so the walk from the newest ends at once; a batch of old rows, sorted, walks forward from
    /// the row before.
    #[inline]
    fn place(&self, state: State, entered_ns: u64, near: Option<SlotId>) -> SlotId {
        let near = near.filter(|near| self.get(*near).state == state);
        if let Some(at) = near.and_then(|near| self.last_before(near, entered_ns, usize::MAX)) {
            return at;
        }
        let oldest = self.lists[state as usize].oldest;
        if some(oldest).is_none_or(|oldest| self.get(oldest).entered_ns > entered_ns) {
            return SlotId::NONE;
        }
        // From both ends, for what is old is near the other one.
        let mut at = self.lists[state as usize].newest;
        let mut old = oldest;
        while let Some(id) = some(at) {
            if self.get(id).entered_ns <= entered_ns {
                break;
            }
            let next = self.get(old).next;
            if some(next).is_none_or(|next| self.get(next).entered_ns > entered_ns) {
                return old;
            }
            old = next;
            at = self.get(id).previous;
        }
        at
    }

    #[inline]
    fn unlink(&mut self, id: SlotId) {
        let (state, previous, next) = {
            let socket = self.get(id);
            (socket.state, socket.previous, socket.next)
        };
        match some(previous) {
            Some(previous) => self.get_mut(previous).next = next,
            None => self.lists[state as usize].oldest = next,
        }
        match some(next) {
            Some(next) => self.get_mut(next).previous = previous,
            None => self.lists[state as usize].newest = previous,
        }
        self.lists[state as usize].length -= 1;
    }
}

#[inline]
fn some(id: SlotId) -> Option<SlotId> {
    (id != SlotId::NONE).then_some(id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entered(slots: &Slots, state: State) -> Vec<u64> {
        let mut out = Vec::new();
        let mut at = slots.oldest(state);
        while let Some(id) = at {
            out.push(slots.get(id).entered_ns);
            at = slots.newer(id);
        }
        out
    }

    proptest! {
        /// Whatever is inserted, moved and removed: each list is sorted by entry, complete, and
        /// the same read from either end.
        #[test]
        fn lists_stay_sorted_and_complete(steps in prop::collection::vec((0u8..3, 0u64..50, 0usize..8), 0..200)) {
            let mut slots = Slots::new();
            let mut ids: Vec<SlotId> = Vec::new();
            for (what, time, pick) in steps {
                let state = if pick % 2 == 0 { State::CloseWait } else { State::Established };
                match what {
                    0 => ids.push(slots.insert(Socket::new(state, time), ids.last().copied())),
                    1 if !ids.is_empty() => {
                        let id = ids.swap_remove(pick % ids.len());
                        slots.remove(id);
                    }
                    _ if !ids.is_empty() => slots.enter(ids[pick % ids.len()], state, time),
                    _ => {}
                }
                // A removed slot may not be used as a hint: it has no place in a list.
                ids.retain(|id| slots.is_alive(*id));
            }
            for state in [State::CloseWait, State::Established] {
                let forwards = entered(&slots, state);
                let mut backwards = Vec::new();
                let mut at = slots.newest(state);
                while let Some(id) = at {
                    backwards.push(slots.get(id).entered_ns);
                    at = slots.older(id);
                }
                backwards.reverse();
                prop_assert!(forwards.is_sorted());
                prop_assert_eq!(&forwards, &backwards);
                prop_assert_eq!(forwards.len() as u64, slots.in_state(state));
            }
            prop_assert_eq!(slots.len(), ids.len());
        }
    }
}
