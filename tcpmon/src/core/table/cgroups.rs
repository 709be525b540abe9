//! Names of control groups, as far as they have been asked for and found.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::core::cgroup;

/// A control group by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cgroup {
    pub(super) path: String,
    /// Shared with whoever names its processes.
    pub(super) identity: Arc<cgroup::Identity>,
}

impl Cgroup {
    pub(super) fn new(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            identity: Arc::new(cgroup::Identity::from_path(path)),
        }
    }
}

/// Control groups by id, and the ids nobody has a name for yet.
#[derive(Debug, Default)]
pub(super) struct Cgroups {
    known: FxHashMap<u64, Option<Cgroup>>,
    wanted: FxHashSet<u64>,
}

/// Names kept: more groups than this have sockets on no machine, and ids are never reused.
const MOST: usize = 65_536;

impl Cgroups {
    #[inline]
    pub(super) fn want(&mut self, id: u64) {
        if id != 0 && !self.known.contains_key(&id) {
            self.wanted.insert(id);
        }
    }

    pub(super) fn get(&self, id: u64) -> Option<&Cgroup> {
        self.known.get(&id)?.as_ref()
    }

    /// Those that have a name.
    pub(super) fn named(&self) -> impl Iterator<Item = (u64, &str)> {
        let known = self.known.iter();
        known.filter_map(|(id, cgroup)| Some((*id, cgroup.as_ref()?.path.as_str())))
    }

    /// Gives one its name, wanted or not.
    pub(super) fn learn(&mut self, id: u64, path: &str) {
        if self.known.len() > MOST {
            self.known.clear();
        }
        self.wanted.remove(&id);
        self.known.insert(id, Some(Cgroup::new(path)));
    }

    pub(super) fn wants(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// Takes names from `paths`; an id not among them is a group that is gone, and unknown for good.
    pub(super) fn name(&mut self, paths: &FxHashMap<u64, String>) {
        if self.known.len() > MOST {
            self.known.clear();
        }
        for id in self.wanted.drain() {
            let named = paths.get(&id).map(|path| Cgroup::new(path));
            self.known.insert(id, named);
        }
    }
}
