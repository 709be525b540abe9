//! Sockets by whose they are and what they serve: one group per process and endpoint, with a list
//! per bucket in the order of entry.
//!
//! Kept at every change, so that a verdict, a screen or a scrape costs a step per group and not one
//! per socket, and the oldest of a group is the head of a list.

use rustc_hash::FxHashMap;
use tcpmon_common::State;

use super::endpoints::EndpointId;
use super::processes::ProcessId;
use super::signposts::{STRIDE, Signposts, Spot};
use super::slots::Slots;
use super::socket::{SlotId, Socket};

/// Steps of a search before the signposts are asked: each is a memory access or three.
const NEAR: usize = 2;

/// Index of a group. Reused after its last socket is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(u32);

impl GroupId {
    const NONE: Self = Self(u32::MAX);
}

/// A state, with what nobody has accepted yet told apart: its culprit is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(u8);

impl Bucket {
    /// How many there are; the first indexes are the numbers of the states.
    pub const COUNT: usize = State::ALL.len() + 3;
    /// ESTABLISHED, and still in the accept queue.
    pub const UNACCEPTED: Self = Self(State::ALL.len() as u8 + 1);
    /// CLOSE_WAIT, and still in the accept queue.
    pub const UNACCEPTED_CLOSE_WAIT: Self = Self(State::ALL.len() as u8 + 2);

    /// The bucket of the sockets in `state`; of ESTABLISHED and CLOSE_WAIT those that a process has
    /// taken.
    #[must_use]
    pub const fn of_state(state: State) -> Self {
        Self(state.folded() as u8)
    }

    /// The bucket a socket belongs to.
    #[inline]
    pub(super) fn of(socket: &Socket) -> Self {
        match (socket.state, socket.accepted) {
            (State::Established, Some(false)) => Self::UNACCEPTED,
            (State::CloseWait, Some(false)) => Self::UNACCEPTED_CLOSE_WAIT,
            (state, _) => Self::of_state(state),
        }
    }

    /// Every bucket of sockets in `state`.
    pub fn all_of(state: State) -> impl Iterator<Item = Self> {
        let waiting = match state {
            State::Established => Some(Self::UNACCEPTED),
            State::CloseWait => Some(Self::UNACCEPTED_CLOSE_WAIT),
            _ => None,
        };
        std::iter::once(Self::of_state(state)).chain(waiting)
    }

    const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where a socket stands among the groups.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    group: GroupId,
    previous: SlotId,
    next: SlotId,
    bucket: Bucket,
    /// It has been in its bucket for longer than the judge finds natural.
    ripe: bool,
}

impl Place {
    pub(super) const NOWHERE: Self = Self {
        group: GroupId::NONE,
        previous: SlotId::NONE,
        next: SlotId::NONE,
        bucket: Bucket(0),
        ripe: false,
    };

    #[inline]
    pub(super) fn group(&self) -> Option<GroupId> {
        (self.group != GroupId::NONE).then_some(self.group)
    }

    #[inline]
    pub(super) const fn bucket(&self) -> Bucket {
        self.bucket
    }

    #[cfg(test)]
    pub(super) const fn ripe(&self) -> bool {
        self.ripe
    }
}

/// The sockets of a group in one bucket, oldest first.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    pub(super) oldest: SlotId,
    newest: SlotId,
    /// The newest that is ripe; all older ones are.
    newest_ripe: SlotId,
    pub(super) length: u32,
    pub(super) ripe: u32,
    /// Sockets that ever came here.
    pub(super) came: u64,
    /// Sockets that ever became ripe here, and those of them that went on.
    pub(super) ripened: u64,
    pub(super) ripe_left: u64,
}

impl List {
    const EMPTY: Self = Self {
        oldest: SlotId::NONE,
        newest: SlotId::NONE,
        newest_ripe: SlotId::NONE,
        length: 0,
        ripe: 0,
        came: 0,
        ripened: 0,
        ripe_left: 0,
    };
}

/// What makes a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) process: Option<ProcessId>,
    pub(super) endpoint: EndpointId,
}

#[derive(Clone, Debug)]
struct Group {
    key: Key,
    sockets: u32,
    /// A bit for each bucket that has sockets: who counts all groups need not fetch empty lists, each
    /// of which is a cache line.
    occupied: u16,
    lists: Box<[List; Bucket::COUNT]>,
}

const _: () = assert!(Bucket::COUNT <= u16::BITS as usize);

impl Group {
    /// A bucket got a socket, or lost one.
    #[inline]
    fn changed(&mut self, bucket: Bucket) {
        let bit = 1 << bucket.0;
        if self.lists[bucket.index()].length > 0 {
            self.occupied |= bit;
        } else {
            self.occupied &= !bit;
        }
    }
}

/// All groups with sockets.
#[derive(Debug, Default)]
pub(super) struct Groups {
    all: Vec<Group>,
    free: Vec<GroupId>,
    index: FxHashMap<Key, GroupId>,
    signposts: Signposts,
}

impl Groups {
    pub(super) fn key(&self, id: GroupId) -> Key {
        self.all[id.0 as usize].key
    }

    pub(super) fn list(&self, id: GroupId, bucket: Bucket) -> &List {
        &self.all[id.0 as usize].lists[bucket.index()]
    }

    /// How many sockets the group has in the bucket.
    #[inline]
    pub(super) fn length(&self, id: GroupId, bucket: Bucket) -> u32 {
        let group = &self.all[id.0 as usize];
        if group.occupied & (1 << bucket.0) == 0 {
            return 0;
        }
        group.lists[bucket.index()].length
    }

    /// How many sockets the group has.
    pub(super) fn sockets_of(&self, id: GroupId) -> u32 {
        self.all[id.0 as usize].sockets
    }

    /// Every group, in no particular order.
    pub(super) fn ids(&self) -> impl Iterator<Item = GroupId> + '_ {
        self.ids_in(0, usize::MAX)
    }

    /// The groups in so many places from this one on, in the order of [`Groups::ids`].
    pub(super) fn ids_in(&self, first: usize, places: usize) -> impl Iterator<Item = GroupId> + '_ {
        let alive = self.all.iter().enumerate().skip(first).take(places);
        alive.filter_map(|(index, group)| {
            (group.sockets > 0).then_some(GroupId(u32::try_from(index).unwrap_or(u32::MAX - 1)))
        })
    }

    /// How many places there are, free ones among them.
    pub(super) const fn places(&self) -> usize {
        self.all.len()
    }

    /// The socket longest in the bucket.
    pub(super) fn oldest(&self, id: GroupId, bucket: Bucket) -> Option<SlotId> {
        some(self.list(id, bucket).oldest)
    }

    /// The socket shortest in the bucket.
    pub(super) fn newest(&self, id: GroupId, bucket: Bucket) -> Option<SlotId> {
        some(self.list(id, bucket).newest)
    }

    /// The next newer socket in the same bucket.
    pub(super) fn newer(&self, slots: &Slots, id: SlotId) -> Option<SlotId> {
        some(slots.get(id).place.next)
    }

    /// The next older socket in the same bucket.
    pub(super) fn older(&self, slots: &Slots, id: SlotId) -> Option<SlotId> {
        some(slots.get(id).place.previous)
    }

    /// Groups with sockets.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Bytes allocated.
    pub(super) fn bytes(&self) -> usize {
        let group = size_of::<Group>() + Bucket::COUNT * size_of::<List>();
        self.all.capacity() * group
            + self.index.capacity() * (size_of::<(Key, GroupId)>() + 1)
            + self.free.capacity() * size_of::<GroupId>()
            + self.signposts.bytes()
    }

    /// A sweep is over that brought old sockets, or gave them to others: no more are expected.
    pub(super) fn settle(&mut self) {
        self.signposts.clear();
    }

    /// Signposts that stand.
    #[cfg(test)]
    pub(super) fn signposts(&self) -> usize {
        self.signposts.len()
    }

    /// Puts a socket that stands nowhere into the group of `key`, where its time of entry belongs.
    /// `true` when the group is new.
    pub(super) fn link(&mut self, slots: &mut Slots, id: SlotId, key: Key) -> bool {
        let (group_id, is_new) = match self.index.get(&key) {
            Some(group) => (*group, false),
            None => (self.open(key), true),
        };
        let group = &mut self.all[group_id.0 as usize];
        group.sockets += 1;
        slots.get_mut(id).place.group = group_id;
        put(group, &mut self.signposts, slots, id);
        is_new
    }

    /// Takes the socket out of its group; says which group it was the last of.
    pub(super) fn unlink(&mut self, slots: &mut Slots, id: SlotId) -> Option<Key> {
        let group_id = slots.get(id).place.group()?;
        let group = &mut self.all[group_id.0 as usize];
        take(group, slots, id);
        slots.get_mut(id).place = Place::NOWHERE;
        group.sockets -= 1;
        if group.sockets > 0 {
            return None;
        }
        let key = group.key;
        self.index.remove(&key);
        self.free.push(group_id);
        Some(key)
    }

    /// Moves the socket to the bucket it belongs to now, in the group it is in.
    #[inline]
    pub(super) fn shift(&mut self, slots: &mut Slots, id: SlotId) {
        let Some(group) = slots.get(id).place.group() else {
            return;
        };
        let group = &mut self.all[group.0 as usize];
        take(group, slots, id);
        put(group, &mut self.signposts, slots, id);
    }

    /// Marks the sockets that entered the bucket before `before_ns` as ripe, at most `most` of them;
    /// says how many. Costs a step per socket that became so since the last time.
    pub(super) fn ripen(
        &mut self,
        slots: &mut Slots,
        (id, bucket): (GroupId, Bucket),
        before_ns: u64,
        most: u32,
    ) -> u32 {
        let list = &mut self.all[id.0 as usize].lists[bucket.index()];
        // Somebody may have raised the age from which on they are.
        while let Some(ripe) = some(list.newest_ripe) {
            let socket = slots.get_mut(ripe);
            if socket.entered_ns <= before_ns {
                break;
            }
            socket.place.ripe = false;
            list.newest_ripe = socket.place.previous;
            list.ripe -= 1;
            list.ripened -= 1;
        }
        let mut at = match some(list.newest_ripe) {
            Some(ripe) => slots.get(ripe).place.next,
            None => list.oldest,
        };
        let mut count = 0;
        while let Some(socket) = some(at) {
            let socket = slots.get_mut(socket);
            if socket.entered_ns > before_ns || count == most {
                break;
            }
            count += 1;
            socket.place.ripe = true;
            list.newest_ripe = at;
            list.ripe += 1;
            list.ripened += 1;
            at = socket.place.next;
        }
        count
    }

    /// The sockets of a bucket, oldest first.
    pub(super) fn sockets<'a>(
        &'a self,
        slots: &'a Slots,
        id: GroupId,
        bucket: Bucket,
    ) -> impl Iterator<Item = SlotId> + 'a {
        let oldest = self.oldest(id, bucket);
        std::iter::successors(oldest, move |id| self.newer(slots, *id))
    }

    fn open(&mut self, key: Key) -> GroupId {
        let id = if let Some(id) = self.free.pop() {
            let group = &mut self.all[id.0 as usize];
            group.key = key;
            group.occupied = 0;
            *group.lists = [List::EMPTY; Bucket::COUNT];
            id
        } else {
            let id = GroupId(u32::try_from(self.all.len()).unwrap_or(u32::MAX - 1));
            self.all.push(Group {
                key,
                sockets: 0,
                occupied: 0,
                lists: Box::new([List::EMPTY; Bucket::COUNT]),
            });
            id
        };
        self.index.insert(key, id);
        id
    }
}

/// Puts the socket into the list of its bucket, where its time of entry belongs.
#[inline]
fn put(group: &mut Group, signposts: &mut Signposts, slots: &mut Slots, id: SlotId) {
    let socket = slots.get(id);
    let bucket = Bucket::of(socket);
    let group_id = socket.place.group;
    let list = &mut group.lists[bucket.index()];
    let before = place_before(
        slots,
        list,
        signposts,
        (group_id, bucket, socket.entered_ns),
        id,
    );
    let after = match some(before) {
        Some(before) => slots.get(before).place.next,
        None => list.oldest,
    };
    // In front of one that is ripe, it is so too.
    let ripe = some(after).is_some_and(|after| slots.get(after).place.ripe);
    list.ripe += u32::from(ripe);
    list.ripened += u64::from(ripe);
    list.length += 1;
    list.came += 1;
    match some(after) {
        Some(after) => slots.get_mut(after).place.previous = id,
        None => list.newest = id,
    }
    match some(before) {
        Some(before) => slots.get_mut(before).place.next = id,
        None => list.oldest = id,
    }
    let place = &mut slots.get_mut(id).place;
    place.previous = before;
    place.next = after;
    place.bucket = bucket;
    place.ripe = ripe;
    group.changed(bucket);
}

/// Takes the socket out of the list it is in.
#[inline]
fn take(group: &mut Group, slots: &mut Slots, id: SlotId) {
    let place = slots.get(id).place;
    let list = &mut group.lists[place.bucket.index()];
    match some(place.previous) {
        Some(previous) => slots.get_mut(previous).place.next = place.next,
        None => list.oldest = place.next,
    }
    match some(place.next) {
        Some(next) => slots.get_mut(next).place.previous = place.previous,
        None => list.newest = place.previous,
    }
    list.length -= 1;
    if place.ripe {
        list.ripe -= 1;
        list.ripe_left += 1;
        if list.newest_ripe == id {
            list.newest_ripe = place.previous;
        }
    }
    group.changed(place.bucket);
}

/// The socket after which `id`, which is at `spot`, belongs in the list of its bucket.
#[inline]
fn place_before(
    slots: &Slots,
    list: &List,
    signposts: &mut Signposts,
    spot: Spot,
    id: SlotId,
) -> SlotId {
    let is_after = |other: SlotId| slots.get(other).entered_ns > spot.2;
    // Records come almost in order.
    if !some(list.newest).is_some_and(is_after) {
        return list.newest;
    }
    if some(list.oldest).is_some_and(is_after) {
        return SlotId::NONE;
    }
    search(slots, list, spot, id, NEAR).unwrap_or_else(|| far(slots, list, signposts, spot, id))
}

/// The same, where that is far from the newest.
#[cold]
fn far(slots: &Slots, list: &List, signposts: &mut Signposts, spot: Spot, id: SlotId) -> SlotId {
    let Some(post) = signposts.before(slots, spot) else {
        signposts.put(spot, id);
        return search(slots, list, spot, id, usize::MAX).unwrap_or(SlotId::NONE);
    };
    let (near, true) = last_before(slots, post, spot.2, STRIDE) else {
        signposts.put(spot, id);
        return last_before(slots, post, spot.2, usize::MAX).0;
    };
    near
}

/// The last in a list from `at` on that did not enter after `entered_ns`, so many steps away at most;
/// and whether it is that. Those that entered at the same time stand in the order in which they came
/// into the list, and that is not their order in the list of the state.
#[inline]
fn last_before(slots: &Slots, mut at: SlotId, entered_ns: u64, steps: usize) -> (SlotId, bool) {
    for _ in 0..steps {
        let next = slots.get(at).place.next;
        if some(next).is_none_or(|next| slots.get(next).entered_ns > entered_ns) {
            return (at, true);
        }
        at = next;
    }
    (at, false)
}

/// Searches so many steps: from both ends of the list, which is short in a small group, and down the
/// list of the state, where a large group has a member soon. Something in the list is older.
#[inline]
fn search(slots: &Slots, list: &List, spot: Spot, id: SlotId, steps: usize) -> Option<SlotId> {
    let (group, bucket, entered_ns) = spot;
    let mut here = list.newest;
    let mut there = slots.older(id);
    let mut old = list.oldest;
    for _ in 0..steps {
        let at = some(here)?;
        if slots.get(at).entered_ns <= entered_ns {
            return Some(at);
        }
        here = slots.get(at).place.previous;
        if let Some(other) = there {
            let place = &slots.get(other).place;
            if place.group == group
                && place.bucket == bucket
                && let (found, true) = last_before(slots, other, entered_ns, STRIDE)
            {
                return Some(found);
            }
            there = slots.older(other);
        }
        let newer = slots.get(old).place.next;
        if some(newer).is_none_or(|newer| slots.get(newer).entered_ns > entered_ns) {
            return Some(old);
        }
        old = newer;
    }
    None
}

#[inline]
fn some(id: SlotId) -> Option<SlotId> {
    (id != SlotId::NONE).then_some(id)
}
