//! The network namespaces sockets live in.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::core::facts::{KernelEvents, NamespaceFact, NamespaceLimits, NetnsIdentity};
use crate::core::netns::NetnsName;

/// Index of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetnsId(u32);

impl NetnsId {
    /// The stream did not say: the classic tracepoint has no namespace.
    pub const UNKNOWN: Self = Self(0);
}

/// A namespace that is not found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Missed {
    /// Searches in a row; 0 for one that is there, as far as is known.
    pub(super) times: u32,
    /// When the first of them began.
    pub(super) since_ns: u64,
}

/// What the table knows of a namespace.
#[derive(Clone, Debug, Default)]
pub(super) struct Namespace {
    pub(super) identity: NetnsIdentity,
    /// It was dumped once: from here on an unknown socket in it is a missed one.
    pub(super) seeded: bool,
    /// Sockets in it, of any kind.
    pub(super) sockets: u64,
    /// Minisocks in it by our count.
    pub(super) minisocks: u64,
    /// Those of them in FIN_WAIT2: a silent edge is ahead of them.
    pub(super) orphans: u64,
    /// Its name, where it has one.
    pub(super) name: Option<NetnsName>,
    /// The kernel's counters when they were last read.
    pub(super) events: Option<KernelEvents>,
    /// Its settings when they were last read.
    pub(super) limits: Option<Arc<NamespaceLimits>>,
    /// Something happened since that only other settings explain, or the end of what they allow.
    pub(super) limits_doubted: bool,
    /// How often in a row it was not found where everything was looked at, and since when.
    pub(super) missed: Missed,
    /// Minisocks by the kernel's count at the last record that told.
    pub(super) kernel_minisocks: Option<u64>,
}

impl Namespace {
    /// Its name as users know it, where it has one.
    pub(super) fn name_text(&self) -> Option<&str> {
        self.name.as_ref().map(|name| name.text.as_str())
    }
}

/// All namespaces, by cookie where there is one: inodes are reused at once.
#[derive(Debug)]
pub(super) struct Namespaces {
    all: Vec<Namespace>,
    free: Vec<NetnsId>,
    by_identity: FxHashMap<NetnsIdentity, NetnsId>,
    /// The namespace of the last record; most records follow one of the same namespace.
    last: (NetnsIdentity, NetnsId),
}

impl Namespaces {
    pub(super) fn new() -> Self {
        let unknown = NetnsIdentity::default();
        Self {
            all: vec![Namespace::default()],
            free: Vec::new(),
            by_identity: FxHashMap::from_iter([(unknown, NetnsId::UNKNOWN)]),
            last: (unknown, NetnsId::UNKNOWN),
        }
    }

    /// The namespace with this identity, made known if it is not.
    #[inline]
    pub(super) fn intern(&mut self, identity: NetnsIdentity) -> NetnsId {
        if self.last.0 == identity {
            return self.last.1;
        }
        let id = match self.by_identity.get(&identity) {
            Some(id) => *id,
            None => self.add(identity),
        };
        self.last = (identity, id);
        id
    }

    /// The namespace with this identity, if it is known.
    pub(super) fn find(&self, identity: NetnsIdentity) -> Option<NetnsId> {
        self.by_identity.get(&identity).copied()
    }

    fn add(&mut self, identity: NetnsIdentity) -> NetnsId {
        let namespace = Namespace {
            identity,
            ..Namespace::default()
        };
        let id = if let Some(id) = self.free.pop() {
            self.all[id.0 as usize] = namespace;
            id
        } else {
            let id = NetnsId(u32::try_from(self.all.len()).unwrap_or(0));
            self.all.push(namespace);
            id
        };
        self.by_identity.insert(identity, id);
        id
    }

    #[inline]
    pub(super) fn get(&self, id: NetnsId) -> &Namespace {
        &self.all[id.0 as usize]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: NetnsId) -> &mut Namespace {
        &mut self.all[id.0 as usize]
    }

    /// Namespaces with sockets, to be changed.
    pub(super) fn occupied_mut(&mut self) -> impl Iterator<Item = (NetnsId, &mut Namespace)> {
        let all = self.all.iter_mut().enumerate();
        all.filter(|(_, namespace)| namespace.sockets > 0)
            .map(|(index, namespace)| (NetnsId(u32::try_from(index).unwrap_or(0)), namespace))
    }

    /// Namespaces with sockets.
    pub(super) fn occupied(&self) -> impl Iterator<Item = &Namespace> {
        self.all.iter().filter(|namespace| namespace.sockets > 0)
    }

    /// Takes over what was read of a namespace; returns by how much its counters have grown since
    /// they were last read. What they had before the first reading is not ours to count.
    pub(super) fn describe(&mut self, fact: NamespaceFact) -> KernelEvents {
        let id = self.intern(fact.identity);
        let namespace = self.get_mut(id);
        namespace.name = fact.name;
        namespace.limits = fact.limits.or(namespace.limits.take());
        let before = namespace.events.replace(fact.events);
        let mut grown = KernelEvents::default();
        for (index, now) in fact.events.into_iter().enumerate() {
            let earlier = before.and_then(|before| before[index]);
            grown[index] = now.map(|now| now.saturating_sub(earlier.unwrap_or(now)));
        }
        grown
    }

    /// Namespaces that are gone, and since when at the latest: another with their inode, which no
    /// two have at a time, was dumped then. Cookies do not tell which is newer: every processor
    /// gives them out from a stock of its own (`gen_cookie_next` of `include/linux/cookie.h`).
    pub(super) fn superseded(&self, swept: &FxHashMap<NetnsId, u64>) -> FxHashMap<NetnsId, u64> {
        let is_known = |identity: &NetnsIdentity| identity.cookie != 0 && identity.inode != 0;
        let mut latest: FxHashMap<u32, (u64, NetnsId)> = FxHashMap::default();
        for (id, started_ns) in swept {
            let identity = self.get(*id).identity;
            if is_known(&identity) {
                let here = latest.entry(identity.inode).or_insert((*started_ns, *id));
                if here.0 < *started_ns {
                    *here = (*started_ns, *id);
                }
            }
        }
        let identities = self.by_identity.iter().filter(|(of, _)| is_known(of));
        identities
            .filter_map(|(of, id)| {
                let (started_ns, current) = latest.get(&of.inode)?;
                (current != id).then_some((*id, *started_ns))
            })
            .collect()
    }

    /// Forgets namespaces without sockets, and says which; a new socket makes its namespace known
    /// again.
    pub(super) fn forget_empty(&mut self) -> FxHashSet<NetnsId> {
        let mut gone = FxHashSet::default();
        let Self {
            all,
            free,
            by_identity,
            last,
        } = self;
        by_identity.retain(|_, id| {
            let keep = *id == NetnsId::UNKNOWN || all[id.0 as usize].sockets > 0;
            if !keep {
                free.push(*id);
                gone.insert(*id);
            }
            keep
        });
        *last = (NetnsIdentity::default(), NetnsId::UNKNOWN);
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_inode_with_another_cookie_is_another_namespace() {
        let mut namespaces = Namespaces::new();
        let first = NetnsIdentity {
            cookie: 1,
            inode: 7,
        };
        let second = NetnsIdentity {
            cookie: 2,
            inode: 7,
        };
        assert_ne!(namespaces.intern(first), namespaces.intern(second));
        assert_eq!(namespaces.intern(first), namespaces.intern(first));
    }

    #[test]
    fn a_thousand_passing_namespaces_leave_nothing() {
        let mut namespaces = Namespaces::new();
        for cookie in 1..=1000 {
            namespaces.intern(NetnsIdentity { cookie, inode: 1 });
            namespaces.forget_empty();
        }
        assert_eq!(namespaces.by_identity.len(), 1);
        assert!(namespaces.all.len() <= 2);
    }
}
