//! Values of labels.

use std::net::IpAddr;

use rustc_hash::FxHashMap;

use super::book::Member;
use crate::core::census::{Census, Workload};
use crate::core::facts::NetnsIdentity;

/// Process, unit, container and pod; all empty when nobody is known.
pub(super) fn workload(workload: Option<&Workload>) -> Member {
    let Some(workload) = workload else {
        return vec![String::new(); 4].into();
    };
    let identity = workload.identity.as_deref();
    let part = |text: Option<&String>| text.cloned().unwrap_or_default();
    let container = identity.and_then(|it| it.container.as_ref());
    [
        comm(&workload.comm),
        part(identity.and_then(|it| it.unit.as_ref())),
        part(container.map(|container| &container.id)),
        part(identity.and_then(|it| it.pod.as_ref())),
    ]
    .into()
}

/// The name of a process; empty when nobody is known.
pub(super) fn process(workload: Option<&Workload>) -> String {
    workload.map(|it| comm(&it.comm)).unwrap_or_default()
}

/// A name as the kernel has it. Bytes that are no UTF-8 are replaced, controls are written out: it is
/// what whoever runs the process made it.
pub(super) fn comm(comm: &[u8; 16]) -> String {
    let end = comm.iter().position(|byte| *byte == 0).unwrap_or(16);
    clean(&String::from_utf8_lossy(&comm[..end]))
}

/// Without what would change a terminal: these values are shown in many. Done before members are told
/// apart, so that no two of them can become one series.
pub(super) fn clean(text: &str) -> String {
    if !text.chars().any(is_unseen) {
        return text.to_owned();
    }
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unseen(c) {
            clean.extend(c.escape_unicode());
        } else {
            clean.push(c);
        }
    }
    clean
}

/// Controls, and characters that reorder or end lines.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
        )
}

/// Addresses in the short form; an IPv4 one in IPv6's clothes is an IPv4 one.
pub(super) fn address(address: IpAddr) -> String {
    address.to_canonical().to_string()
}

/// What namespaces are called: their name, else their inode.
pub(super) struct Namespaces(FxHashMap<NetnsIdentity, String>);

impl Namespaces {
    pub(super) fn of(census: &Census) -> Self {
        let names = census.namespaces.iter().filter_map(|namespace| {
            let name = namespace.name.as_deref()?;
            Some((namespace.identity, clean(name)))
        });
        Self(names.collect())
    }

    /// Empty for sockets whose namespace is not known.
    pub(super) fn name(&self, netns: NetnsIdentity) -> String {
        match self.0.get(&netns) {
            Some(name) => name.clone(),
            None if netns.inode == 0 => String::new(),
            None => netns.inode.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_do_harm() {
        let mut name = [0; 16];
        name[..11].copy_from_slice(b"a\"\n\\{}\x1b[2J\xff");
        assert_eq!(comm(&name), "a\"\\u{a}\\{}\\u{1b}[2J\u{fffd}");
        assert_eq!(clean("köln \u{202e}x\u{2028}"), "köln \\u{202e}x\\u{2028}");
        assert_eq!(comm(b"0123456789abcdef"), "0123456789abcdef");
    }

    #[test]
    fn a_namespace_is_called_by_its_name_or_its_inode() {
        let named = |inode| NetnsIdentity { cookie: 1, inode };
        let names = Namespaces([(named(7), "blue".to_owned())].into_iter().collect());
        assert_eq!(names.name(named(7)), "blue");
        assert_eq!(names.name(named(8)), "8");
        assert_eq!(names.name(NetnsIdentity::default()), "");
    }
}
