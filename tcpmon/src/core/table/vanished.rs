//! Giving up the sockets of a namespace that is gone. No event tells: the kernel purges the minisocks
//! of a dying namespace in silence (`inet_twsk_purge`).
//!
//! A namespace lives while a process or thread is in it, while a descriptor or a mount of its nsfs
//! file is there, and while it has sockets, of whatever protocol (`sk_net_refcnt` of
//! `include/net/sock.h`; minisocks and requests do not count). So it is gone when neither was found:
//!
//! - a search that looked everywhere missed it, twice in a row, for what keeps it may be handed on
//!   behind the search's back; or once, if the kernel itself said so;
//! - nothing has happened in it since the search began;
//! - no full socket in it may be alive.
//!
//! Whether a full socket is alive is known from the stream, which announces its end; the end may have
//! been lost. Then a scan of file descriptors, made since the namespace was first missed, finds
//! nobody with it.
//!
//! Not seen are a socket or a descriptor on its way in a message between two processes, and, without
//! the iterator over open files (before Linux 5.11), sockets of other protocols that are held in another
//! namespace: if nothing else keeps a namespace, its minisocks are given up too early. The next dump, or
//! the next record, brings back what is there.

use rustc_hash::FxHashMap;
use tcpmon_common::State;

use super::Table;
use super::namespaces::{Missed, NetnsId};
use super::socket::{SlotId, Socket};
use crate::core::facts::Kind;
use crate::core::netns::Search;

/// Searches that have to miss a namespace before it is given up, if the kernel does not say so.
const SEARCHES: u32 = 2;

/// Longest life of a closed socket that still sends: eight times the longest retransmission timeout
/// (`tcp_orphan_retries` and `TCP_RTO_MAX` of `net/ipv4/tcp_timer.c`, `include/net/tcp.h`).
const ORPHAN_NS: u64 = 8 * 120 * 1_000_000_000;

/// A namespace that was missed.
struct Suspect {
    missed: Missed,
    /// Missed often enough, or denied by the kernel.
    certain: bool,
    /// Something shows that it lives.
    lives: bool,
    sockets: Vec<SlotId>,
}

impl Table {
    /// Takes over a search for the namespaces the table has sockets in, and removes the sockets of
    /// those that are gone. Every record up to the end of the search has been applied.
    pub fn give_up_vanished(&mut self, search: &Search, now_ns: u64) {
        let mut suspects = self.suspects(search);
        if suspects.is_empty() {
            return;
        }
        for id in self.slots.ids() {
            let socket = self.slots.get(id);
            if let Some(suspect) = suspects.get_mut(&socket.netns) {
                let since_ns = suspect.missed.since_ns;
                let lives =
                    socket.touched_ns >= search.began_ns || self.may_live(socket, since_ns, now_ns);
                suspect.lives |= lives;
                suspect.sockets.push(id);
            }
        }
        for suspect in suspects.into_values() {
            if suspect.lives {
                // Perhaps an end was lost: whether somebody holds a socket tells.
                self.unconfirmed = true;
            } else if suspect.certain {
                for id in suspect.sockets {
                    self.end_unseen(id, now_ns);
                }
            }
        }
    }

    /// Namespaces with sockets that were not found, and may be alive nevertheless.
    #[must_use]
    pub fn unfound_namespaces(&self) -> u64 {
        let occupied = self.namespaces.occupied();
        occupied
            .filter(|namespace| namespace.missed.times > SEARCHES)
            .count() as u64
    }

    fn suspects(&mut self, search: &Search) -> FxHashMap<NetnsId, Suspect> {
        let mut suspects = FxHashMap::default();
        for (id, namespace) in self.namespaces.occupied_mut() {
            if !search.misses(namespace.identity) {
                namespace.missed = Missed::default();
                continue;
            }
            let missed = &mut namespace.missed;
            if missed.times == 0 {
                missed.since_ns = search.began_ns;
            }
            missed.times = missed.times.saturating_add(1);
            let denied = search.denied_by_kernel.contains(&namespace.identity);
            let suspect = Suspect {
                missed: *missed,
                certain: denied || missed.times >= SEARCHES,
                lives: false,
                sockets: Vec::new(),
            };
            suspects.insert(id, suspect);
        }
        suspects
    }

    /// Whether the socket may keep its namespace, which has been missing since `since_ns`.
    fn may_live(&self, socket: &Socket, since_ns: u64, now_ns: u64) -> bool {
        if socket.kind != Kind::Full {
            return false;
        }
        // Nobody holds these after `close()`.
        let is_closed = matches!(
            socket.state,
            State::FinWait1 | State::FinWait2 | State::Closing | State::LastAck
        );
        if is_closed && socket.touched_ns.saturating_add(ORPHAN_NS) > now_ns {
            return true;
        }
        let scanned_ns = self.holders_scanned_ns;
        let scanned = scanned_ns > since_ns && scanned_ns > socket.touched_ns;
        !scanned || socket.seen_holder_ns >= scanned_ns
    }
}
