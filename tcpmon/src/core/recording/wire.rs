//! How what the kernel crate shares with the agent is written: that crate knows no serde.

use serde::{Deserialize, Serialize};
use tcpmon_common::record::RECORD_VERSION;
use tcpmon_common::{Holder, Record};

/// A [`Record`] without what is the same in all.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Record")]
pub(super) struct RecordDef {
    time_ns: u64,
    sock: u64,
    cookie: u64,
    netns_cookie: u64,
    cgroup_id: u64,
    inode: u64,
    netns_inode: u32,
    minisocks: u32,
    pid: u32,
    tid: u32,
    local_port: u16,
    remote_port: u16,
    error: u16,
    family: u8,
    old_state: u8,
    new_state: u8,
    shutdown: u8,
    flags: u8,
    #[serde(skip, default = "version")]
    version: u8,
    #[serde(skip)]
    reserved: u32,
    local_address: [u8; 16],
    remote_address: [u8; 16],
    comm: [u8; 16],
}

const fn version() -> u8 {
    RECORD_VERSION
}

/// A [`Holder`].
#[derive(Serialize, Deserialize)]
#[serde(remote = "Holder")]
struct HolderDef {
    sock: u64,
    cookie: u64,
    inode: u64,
    born_ns: u64,
    pid: u32,
    fd: u32,
    comm: [u8; 16],
}

/// Several of them.
pub(super) mod holders {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use tcpmon_common::Holder;

    use super::HolderDef;

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct One(#[serde(with = "HolderDef")] Holder);

    #[expect(clippy::ptr_arg, reason = "serde passes the field as it is")]
    pub(in super::super) fn serialize<S: Serializer>(
        holders: &Vec<Holder>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(holders.iter().copied().map(One))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Holder>, D::Error> {
        let all = Vec::<One>::deserialize(deserializer)?;
        Ok(all.into_iter().map(|One(holder)| holder).collect())
    }
}
