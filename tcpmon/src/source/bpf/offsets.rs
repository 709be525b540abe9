//! Where the running kernel keeps the fields the program reads, from its own BTF.

use std::path::Path;

use super::btf::Btf;

/// The kernel's description of its own types.
pub const BTF_PATH: &str = "/sys/kernel/btf/vmlinux";

/// What the program does when the kernel has no such field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Nothing works without it.
    Required,
    /// The fact is unknown without it.
    Optional,
}

/// One global of the kernel program and the field whose offset it holds.
struct Wanted {
    global: &'static str,
    structure: &'static str,
    path: &'static [&'static str],
    need: Need,
}

impl Wanted {
    fn offset(&self, btf: &Btf) -> Option<u32> {
        btf.offset(self.structure, self.path)
    }
}

const fn required(
    global: &'static str,
    structure: &'static str,
    path: &'static [&'static str],
) -> Wanted {
    Wanted {
        global,
        structure,
        path,
        need: Need::Required,
    }
}

const fn optional(
    global: &'static str,
    structure: &'static str,
    path: &'static [&'static str],
) -> Wanted {
    Wanted {
        global,
        structure,
        path,
        need: Need::Optional,
    }
}

const DEATH_ROW: [&str; 2] = ["ipv4", "tcp_death_row"];

/// Every global of `tcpmon-ebpf/src/kernel.rs` that holds an offset.
const WANTED: &[Wanted] = &[
    required("OFF_FAMILY", "sock", &["__sk_common", "skc_family"]),
    required("OFF_PROTOCOL", "sock", &["sk_protocol"]),
    required("OFF_NUM", "sock", &["__sk_common", "skc_num"]),
    required("OFF_DPORT", "sock", &["__sk_common", "skc_dport"]),
    required("OFF_SADDR", "sock", &["__sk_common", "skc_rcv_saddr"]),
    required("OFF_DADDR", "sock", &["__sk_common", "skc_daddr"]),
    optional("OFF_SADDR6", "sock", &["__sk_common", "skc_v6_rcv_saddr"]),
    optional("OFF_DADDR6", "sock", &["__sk_common", "skc_v6_daddr"]),
    required("OFF_COOKIE", "sock", &["__sk_common", "skc_cookie"]),
    required("OFF_FLAGS", "sock", &["__sk_common", "skc_flags"]),
    required("OFF_NET", "sock", &["__sk_common", "skc_net", "net"]),
    required("OFF_ERR", "sock", &["sk_err"]),
    required("OFF_SHUTDOWN", "sock", &["sk_shutdown"]),
    required("OFF_WMEM_QUEUED", "sock", &["sk_wmem_queued"]),
    required("OFF_SOCKET", "sock", &["sk_socket"]),
    optional("OFF_CGROUP", "sock", &["sk_cgrp_data", "cgroup"]),
    required("OFF_INET_SPORT", "inet_sock", &["inet_sport"]),
    required("OFF_NET_INUM", "net", &["ns", "inum"]),
    optional("OFF_NET_COOKIE", "net", &["net_cookie"]),
    optional(
        "OFF_NET_TW_REFCOUNT",
        "net",
        &[DEATH_ROW[0], DEATH_ROW[1], "tw_refcount"],
    ),
    optional(
        "OFF_NET_TW_COUNT",
        "net",
        &[DEATH_ROW[0], DEATH_ROW[1], "tw_count"],
    ),
    optional(
        "OFF_NET_TW_MAX",
        "net",
        &[DEATH_ROW[0], DEATH_ROW[1], "sysctl_max_tw_buckets"],
    ),
    optional("OFF_CGROUP_KN", "cgroup", &["kn"]),
    optional("OFF_KN_ID", "kernfs_node", &["id"]),
    optional("OFF_SOCKET_FILE", "socket", &["file"]),
    optional("OFF_SOCKET_SK", "socket", &["sk"]),
    optional("OFF_FILE_INODE", "file", &["f_inode"]),
    optional("OFF_INODE_INO", "inode", &["i_ino"]),
    optional("OFF_TASK_TGID", "task_struct", &["tgid"]),
    optional("OFF_TASK_LEADER", "task_struct", &["group_leader"]),
    optional("OFF_TASK_COMM", "task_struct", &["comm"]),
    optional("OFF_TASK_BORN", "task_struct", &["start_boottime"]),
];

/// The offsets of the running kernel, by the name of the global that takes each.
#[derive(Debug)]
pub(super) struct Offsets(pub(super) Vec<(&'static str, u32)>);

impl Offsets {
    /// Reads the kernel's BTF at `path`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a field without which nothing works is not in it.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        Self::find(&Btf::read(path)?)
    }

    /// Looks every field up.
    ///
    /// # Errors
    ///
    /// A field without which nothing works is not in it.
    pub(super) fn find(btf: &Btf) -> anyhow::Result<Self> {
        let mut found = Vec::with_capacity(WANTED.len());
        for wanted in WANTED {
            match wanted.offset(btf) {
                Some(bytes) => found.push((wanted.global, bytes)),
                None if wanted.need == Need::Optional => {}
                None => anyhow::bail!(
                    "this kernel has no field {}.{}",
                    wanted.structure,
                    wanted.path.join(".")
                ),
            }
        }
        Ok(Self(found))
    }
}

/// The fields the program would use and this kernel lacks, as `structure.field`.
///
/// # Errors
///
/// The BTF at `path` cannot be read.
pub fn missing_fields(path: &Path) -> anyhow::Result<Vec<String>> {
    Btf::read(path).map(|btf| missing(&btf))
}

pub(super) fn missing(btf: &Btf) -> Vec<String> {
    WANTED
        .iter()
        .filter(|wanted| wanted.offset(btf).is_none())
        .map(|wanted| format!("{}.{}", wanted.structure, wanted.path.join(".")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_named() {
        let error = Offsets::read(Path::new("/nonexistent/btf")).expect_err("no such file");
        assert!(format!("{error:#}").contains("/nonexistent/btf"));
    }

    #[test]
    fn the_running_kernel_has_every_required_field() {
        let path = Path::new(BTF_PATH);
        if !path.exists() {
            eprintln!("skipped, because this kernel has no BTF");
            return;
        }
        let Offsets(found) = Offsets::read(path).expect("required fields");
        let family = found.iter().find(|(name, _)| *name == "OFF_FAMILY");
        // The same in every kernel that has BTF: the tuple and the port precede it.
        assert_eq!(family, Some(&("OFF_FAMILY", 16)));
    }
}
