//! Where in a long list a socket that is not its newest belongs.
//!
//! Records come almost in order. But a dump brings half a million old sockets, and a scan of file
//! descriptors gives them all another owner: then every one of them would be a walk along the list of
//! its group. So whoever had to walk far leaves a signpost, and the next one begins there. What a
//! signpost says is checked when it is read; all are taken away when the sweep is over.

use std::collections::BTreeMap;

use super::groups::{Bucket, GroupId};
use super::slots::Slots;
use super::socket::SlotId;

/// Who walked further than this leaves a signpost.
pub(super) const STRIDE: usize = 4;

/// A list, and when a socket in it entered its state.
pub(super) type Spot = (GroupId, Bucket, u64);

/// Some of the sockets that are not the newest of their list.
#[derive(Debug, Default)]
pub(super) struct Signposts {
    posts: BTreeMap<Spot, SlotId>,
}

impl Signposts {
    /// Remembers the socket at `spot`.
    pub(super) fn put(&mut self, spot: Spot, id: SlotId) {
        self.posts.insert(spot, id);
    }

    /// The last socket known in the list of `spot` that did not enter after it.
    pub(super) fn before(&mut self, slots: &Slots, spot: Spot) -> Option<SlotId> {
        let (group, bucket, _) = spot;
        loop {
            let first = (group, bucket, 0);
            let (found, id) = self.posts.range(first..=spot).next_back()?;
            let (found, id) = (*found, *id);
            let socket = slots.get(id);
            let is_there = socket.place.group() == Some(group) && socket.place.bucket() == bucket;
            if is_there && socket.entered_ns == found.2 {
                return Some(id);
            }
            self.posts.remove(&found);
        }
    }

    /// Takes all of them away.
    pub(super) fn clear(&mut self) {
        self.posts = BTreeMap::new();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.posts.len()
    }

    /// About the bytes allocated.
    pub(super) fn bytes(&self) -> usize {
        self.posts.len() * size_of::<(Spot, SlotId)>()
    }
}
