//! Which socket a fact of another source speaks of.
//!
//! Every socket is in one index, by its cookie; by its addresses and ports where it has none, and
//! where the dumps have none. A minisock carries the cookie of the socket it is the rest of, and may
//! have the addresses of a newer one, so its kind belongs to the key.

use std::hash::BuildHasher as _;

use rustc_hash::FxBuildHasher;
use tcpmon_common::{Record, State};

use super::Table;
use super::namespaces::NetnsId;
use super::socket::{SlotId, Socket};
use crate::core::facts::{DumpRow, Kind, NetnsIdentity};
use crate::core::tuple::Tuple;

impl Table {
    /// Says that dumps carry no cookies (`/proc/net/tcp`) or, again, that they do. Costs a step per
    /// socket when that changes, which is at the first dump, if ever.
    pub fn set_dumps_have_cookies(&mut self, have: bool) {
        if self.dumps_have_cookies == have {
            return;
        }
        let all: Vec<SlotId> = self.slots.ids().collect();
        for id in &all {
            self.leave_index(*id);
        }
        self.dumps_have_cookies = have;
        for id in all {
            self.enter_in_index(id);
        }
    }

    /// Whether dumps carry cookies: those of sock_diag do.
    #[must_use]
    pub const fn dumps_have_cookies(&self) -> bool {
        self.dumps_have_cookies
    }

    /// Makes the socket known by what identifies it now.
    #[inline]
    pub(super) fn enter_in_index(&mut self, id: SlotId) {
        let socket = self.slots.get(id);
        let hash = self.hash_of(socket);
        self.known_by_tuple += usize::from(self.is_known_by_tuple(socket));
        self.index.insert(id, hash);
    }

    /// Before what identifies the socket changes, and when it ends.
    #[inline]
    pub(super) fn leave_index(&mut self, id: SlotId) {
        let is_known = self.is_known_by_tuple(self.slots.get(id));
        self.known_by_tuple -= usize::from(is_known);
        self.index.remove(id);
    }

    /// Whether it is its addresses and ports that identify the socket.
    #[inline]
    const fn is_known_by_tuple(&self, socket: &Socket) -> bool {
        socket.cookie == 0 || !self.dumps_have_cookies
    }

    #[inline]
    fn hash_of(&self, socket: &Socket) -> u32 {
        if self.is_known_by_tuple(socket) {
            hash_of_tuple(&socket.tuple)
        } else {
            hash_of_cookie(socket.cookie)
        }
    }

    /// Whether the index finds the socket by what identifies it now.
    #[cfg(test)]
    pub(super) fn is_indexed(&self, id: SlotId) -> bool {
        let hash = self.hash_of(self.slots.get(id));
        self.index.with_hash(hash).any(|other| other == id)
    }

    /// Gives the socket its cookie, which it keeps for life but for a child's (see `apply`).
    #[inline]
    pub(super) fn set_cookie(&mut self, id: SlotId, cookie: u64) {
        if self.slots.get(id).cookie == cookie {
            return;
        }
        self.leave_index(id);
        self.slots.get_mut(id).cookie = cookie;
        self.enter_in_index(id);
    }

    /// Gives the socket its addresses and ports.
    #[inline]
    pub(super) fn set_tuple(&mut self, id: SlotId, tuple: Tuple) {
        if self.slots.get(id).tuple == tuple {
            return;
        }
        let is_key = self.is_known_by_tuple(self.slots.get(id));
        if is_key {
            self.leave_index(id);
        }
        self.slots.get_mut(id).tuple = tuple;
        if is_key {
            self.enter_in_index(id);
        }
    }

    /// The socket with this cookie that is of a kind `fits` likes.
    #[inline]
    pub(super) fn with_cookie(
        &self,
        cookie: u64,
        fits: impl Fn(&Socket) -> bool,
    ) -> Option<SlotId> {
        let mut same = self.index.with_hash(hash_of_cookie(cookie));
        same.find(|id| {
            let socket = self.slots.get(*id);
            socket.cookie == cookie && fits(socket)
        })
    }

    /// The socket that has this cookie, or what is left of it. A step; a step per socket where dumps
    /// have no cookies.
    #[must_use]
    pub fn socket_with(&self, cookie: u64) -> Option<SlotId> {
        if cookie == 0 {
            return None;
        }
        if !self.dumps_have_cookies {
            let has_it = |id: &SlotId| self.slots.get(*id).cookie == cookie;
            return self.slots.ids().find(has_it);
        }
        let full = self.with_cookie(cookie, |socket| socket.kind != Kind::Minisock);
        full.or_else(|| self.with_cookie(cookie, |_| true))
    }

    /// Where a socket is, and its addresses and ports: what the kernel finds it by.
    #[must_use]
    pub fn whereabouts(&self, id: SlotId) -> (NetnsIdentity, Tuple) {
        let socket = self.slots.get(id);
        (self.namespaces.get(socket.netns).identity, socket.tuple)
    }

    /// The socket known by these addresses and ports in `netns`; in an unknown namespace, if there
    /// is none in that.
    fn with_tuple(
        &self,
        netns: NetnsId,
        tuple: &Tuple,
        fits: impl Fn(&Socket) -> bool,
    ) -> Option<SlotId> {
        // A dump of half a million sockets asks of each.
        if self.known_by_tuple == 0 {
            return None;
        }
        let find = |netns| {
            let mut same = self.index.with_hash(hash_of_tuple(tuple));
            same.find(|id| {
                let socket = self.slots.get(*id);
                socket.tuple == *tuple && socket.netns == netns && fits(socket)
            })
        };
        find(netns).or_else(|| find(NetnsId::UNKNOWN))
    }

    /// The socket a row of a dump speaks of.
    pub(super) fn find_row(&self, netns: NetnsId, row: &DumpRow) -> Option<SlotId> {
        if self.dumps_have_cookies {
            // A socket that is connected again and again leaves several minisocks with its cookie.
            let known = self.with_cookie(row.cookie, |socket| {
                let is_it = row.kind != Kind::Minisock || socket.tuple == row.tuple;
                socket.kind == row.kind && (is_it || socket.tuple.local_port == 0)
            });
            // Without a cookie: kernels before 5.12, and the classic tracepoint.
            return known.or_else(|| {
                self.with_tuple(netns, &row.tuple, |socket| {
                    socket.cookie == 0 && socket.kind == row.kind
                })
            });
        }
        let inode = u64::from(row.inode);
        let fits = |socket: &Socket| {
            socket.kind == row.kind && (socket.inode == inode || socket.inode == 0 || inode == 0)
        };
        self.with_tuple(netns, &row.tuple, fits).or_else(|| {
            // A connecting socket has no local port when it is announced.
            let announced = Tuple {
                local_port: 0,
                ..row.tuple
            };
            (row.state == State::SynSent)
                .then(|| self.with_tuple(netns, &announced, |socket| socket.inode == inode))
                .flatten()
        })
    }

    /// The socket a record speaks of, if only dumps have spoken of it so far.
    #[inline]
    pub(super) fn find_dumped(&self, netns: NetnsId, record: &Record) -> Option<SlotId> {
        let is_dumped = |socket: &Socket| socket.sock == 0 && socket.kind != Kind::Minisock;
        if self.dumps_have_cookies {
            return (record.cookie != 0)
                .then(|| self.with_cookie(record.cookie, is_dumped))
                .flatten();
        }
        let tuple = Tuple::of_record(record)?;
        self.with_tuple(netns, &tuple, |socket| {
            let inodes = (socket.inode, record.inode);
            is_dumped(socket) && (inodes.0 == inodes.1 || inodes.0 == 0 || inodes.1 == 0)
        })
    }
}

/// The kernel counts cookies up, so they are their own best hash: neighbours in time are neighbours
/// in the index.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "half of it spreads well enough"
)]
const fn hash_of_cookie(cookie: u64) -> u32 {
    cookie as u32
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
fn hash_of_tuple(tuple: &Tuple) -> u32 {
    FxBuildHasher.hash_one(tuple) as u32
}
