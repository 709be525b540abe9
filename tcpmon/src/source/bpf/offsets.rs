//! Where the running kernel keeps the fields the program reads, from its own BTF.

use std::path::Path;

use anyhow::Context as _;
use btf_rs::{Backend, Btf, BtfType, Struct, Type};

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
        let btf = open(path)?;
        let mut found = Vec::with_capacity(WANTED.len());
        for wanted in WANTED {
            match offset(&btf, wanted) {
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
    let btf = open(path)?;
    Ok(WANTED
        .iter()
        .filter(|wanted| offset(&btf, wanted).is_none())
        .map(|wanted| format!("{}.{}", wanted.structure, wanted.path.join(".")))
        .collect())
}

/// Mapping the file is faster than reading all of it: some thirty types of a hundred thousand are
/// asked for.
fn open(path: &Path) -> anyhow::Result<Btf> {
    Btf::from_file_with_backend(path, Backend::Mmap)
        .or_else(|_| Btf::from_file(path))
        .with_context(|| format!("cannot read the kernel's types from {}", path.display()))
}

/// The byte offset of a wanted field; `None` when the kernel has no such field, or keeps it behind
/// a pointer, or as a bit field.
fn offset(btf: &Btf, wanted: &Wanted) -> Option<u32> {
    let structure = btf
        .resolve_types_by_name(wanted.structure)
        .ok()?
        .into_iter()
        .find_map(|kind| match kind {
            Type::Struct(structure) => Some(structure),
            _ => None,
        })?;
    let bits = descend(btf, &structure, wanted.path)?;
    (bits % 8 == 0).then_some(bits / 8)
}

fn descend(btf: &Btf, structure: &Struct, path: &[&str]) -> Option<u32> {
    let (name, rest) = path.split_first()?;
    let (bits, member) = member(btf, structure, name)?;
    if rest.is_empty() {
        return Some(bits);
    }
    Some(bits + descend(btf, &member?, rest)?)
}

/// Offset in bits of member `name`, looked for through anonymous structures and unions, and the
/// member's own structure when it is one.
fn member(btf: &Btf, structure: &Struct, name: &str) -> Option<(u32, Option<Struct>)> {
    for member in &structure.members {
        let own_name = btf.resolve_name(member).unwrap_or_default();
        if own_name == name {
            return Some((member.bit_offset(), structure_of(btf, member)));
        }
        if own_name.is_empty()
            && let Some(inner) = structure_of(btf, member)
            && let Some((bits, found)) = self::member(btf, &inner, name)
        {
            return Some((member.bit_offset() + bits, found));
        }
    }
    None
}

/// The structure or union that is the type of `member`, through typedefs and qualifiers.
fn structure_of(btf: &Btf, member: &dyn BtfType) -> Option<Struct> {
    let mut kind = btf.resolve_chained_type(member).ok()?;
    loop {
        kind = match kind {
            Type::Struct(structure) | Type::Union(structure) => return Some(structure),
            Type::Typedef(inner) => btf.resolve_chained_type(&inner).ok()?,
            Type::Volatile(inner) => btf.resolve_chained_type(&inner).ok()?,
            Type::Const(inner) => btf.resolve_chained_type(&inner).ok()?,
            _ => return None,
        };
    }
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
