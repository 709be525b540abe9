//! What must hold for every input of every decoder: one function each, which `cargo xtask fuzz`
//! calls with bytes it makes up, and the tests with the bytes kept in `fuzz/corpus`.
//!
//! Compiled into tests, and under the `--cfg fuzzing` that cargo-fuzz sets; there is no feature for
//! it, so that nothing that is shipped can contain it. Decoders that are private stay so: their
//! functions stand beside them, in a `fuzz.rs`, and are only named here.

use tcpmon_common::record::RECORD_SIZE;
use tcpmon_common::{Holder, Record, State};

use crate::core::cgroup::Identity;
use crate::core::query::SocketsQuestion;
use crate::core::table::Table;
use crate::source::procfs::{fd, limits, netstat, own, process, sockstat};
use crate::source::sockdiag::message::{Body, Messages};
use crate::source::sockdiag::row::Row;

pub use crate::client::fuzz::answer;
pub use crate::config::fuzz::config;
pub use crate::promql::fuzz::{http_config, promql};
pub use crate::replay::fuzz::{recording, replay};
pub use crate::source::bpf::fuzz::{btf, program_stats, tracepoint};
pub use crate::source::features::fuzz::lockdown;
pub use crate::source::pcap::fuzz::pcap;
pub use crate::view::export::http::web_config::fuzz::web_config;

/// A decoder and what must hold for it; whether it takes these bytes for what it decodes.
pub type Harness = fn(&[u8]) -> bool;

/// Every decoder, by the name of its target and its corpus.
pub const TARGETS: &[(&str, Harness)] = &[
    ("answer", answer),
    ("btf", btf),
    ("cgroup", cgroup),
    ("config", config),
    ("fd_link", fd_link),
    ("filter", filter),
    ("http_config", http_config),
    ("limits", limits),
    ("lockdown", lockdown),
    ("netlink", netlink),
    ("netstat", netstat),
    ("own", own),
    ("pcap", pcap),
    ("process", process),
    ("program_stats", program_stats),
    ("promql", promql),
    ("record", record),
    ("recording", recording),
    ("replay", replay),
    ("row", row),
    ("sockstat", sockstat),
    ("stream", stream),
    ("tracepoint", tracepoint),
    ("web_config", web_config),
];

/// As the readers of text files do it: what is not UTF-8 is replaced.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Records of the ring and of the iterator: what is decoded has every byte in it.
pub fn record(bytes: &[u8]) -> bool {
    let record = Record::from_bytes(bytes);
    if let Some(record) = &record {
        assert_eq!(record.to_bytes(), bytes);
    }
    let holder = Holder::from_bytes(bytes);
    if let Some(holder) = &holder {
        let words = [holder.sock, holder.cookie, holder.inode].map(u64::to_ne_bytes);
        let halves = [holder.pid, holder.fd].map(u32::to_ne_bytes);
        let again = [words.as_flattened(), halves.as_flattened(), &holder.comm].concat();
        assert_eq!(again, bytes);
    }
    record.is_some() || holder.is_some()
}

/// Records one after another, and the table they make: whatever they say, its counts and its rows
/// agree.
pub fn stream(bytes: &[u8]) -> bool {
    let mut table = Table::new();
    let mut now_ns = 0;
    // More only takes longer.
    for bytes in bytes.chunks_exact(RECORD_SIZE).take(64) {
        let Some(record) = Record::from_bytes(bytes) else {
            continue;
        };
        now_ns = record.time_ns;
        if let Some(change) = table.apply(&record) {
            assert!(!table.row(change.id, now_ns).state.is_empty());
        }
        if record.reserved != 0 {
            table.expire(now_ns, 8);
        }
    }
    let in_states: u64 = State::RFC
        .into_iter()
        .map(|state| table.in_state(state))
        .sum();
    assert_eq!(in_states, table.len() as u64);
    let rows = table.sockets(&SocketsQuestion::default(), now_ns).sockets;
    assert_eq!(rows.len(), table.len());
    table.totals().applied > table.totals().odd_records
}

/// A datagram of a sock_diag dump, with its rows.
pub fn netlink(bytes: &[u8]) -> bool {
    let mut well_formed = !bytes.is_empty();
    let mut left = bytes.len() / size_of::<[u32; 4]>() + 1;
    for message in Messages::new(bytes) {
        assert!(left > 0, "more messages than headers fit");
        left -= 1;
        match message.map(|message| message.body) {
            Ok(Body::Row(payload)) => well_formed &= row(payload),
            Ok(Body::Done(errno) | Body::Error(errno)) => assert_ne!(errno, i32::MIN),
            Ok(Body::Other) => {}
            Err(_) => well_formed = false,
        }
    }
    well_formed
}

/// The payload of one row.
pub fn row(bytes: &[u8]) -> bool {
    let row = Row::decode(bytes);
    // `struct inet_diag_msg`, after which everything is optional.
    assert_eq!(row.is_some(), bytes.len() >= 72);
    let fact = row.and_then(|row| row.fact());
    if let Some(fact) = &fact {
        assert_eq!(fact.state, fact.state.folded());
        let (local, remote) = (fact.tuple.local_address(), fact.tuple.remote_address());
        assert_eq!(local.is_ipv4(), remote.is_ipv4());
    }
    fact.is_some()
}

/// `/proc/PID/net/netstat`.
pub fn netstat(bytes: &[u8]) -> bool {
    let counters = netstat::parse(&text(bytes));
    counters != netstat::TcpExt::default() && counters.events().iter().any(Option::is_some)
}

/// `/proc/PID/net/sockstat`.
pub fn sockstat(bytes: &[u8]) -> bool {
    sockstat::parse(&text(bytes)) != sockstat::Sockstat::default()
}

/// `/proc/PID/limits` and settings below `/proc/sys/net`.
pub fn limits(bytes: &[u8]) -> bool {
    let text = text(bytes);
    let ports = limits::parse_port_range(&text);
    if let Some(ports) = &ports {
        assert!(ports.low <= ports.high);
        let again = format!("{}\t{}\n", ports.low, ports.high);
        assert_eq!(limits::parse_port_range(&again).as_ref(), Some(ports));
    }
    let setting = limits::parse_setting(&text);
    ports.is_some() || setting.is_some() || limits::parse_max_open_files(&text).is_some()
}

/// `/proc/PID/stat`.
pub fn process(bytes: &[u8]) -> bool {
    let comm = process::parse_stat_name(bytes).unwrap_or_default();
    assert_eq!(comm[15], 0, "the kernel ends every name with a NUL");
    let stat = process::parse_stat(bytes);
    stat.is_some_and(|stat| stat.born_ns() >= stat.start_ticks)
}

/// `/proc/PID/cgroup`, and what its path says; also the text as a path, as a walk finds it.
pub fn cgroup(bytes: &[u8]) -> bool {
    let text = text(bytes);
    let path = process::parse_cgroup(&text);
    let identities = [path.unwrap_or_default(), &text].map(Identity::from_path);
    for identity in &identities {
        let container = identity.container.as_ref().map(|container| &container.id);
        let names = [&identity.unit, &identity.pod].map(Option::as_ref);
        for name in names.into_iter().chain([container]).flatten() {
            let is_plain = |b: u8| b.is_ascii_alphanumeric() || b":-_.\\@".contains(&b);
            assert!(name.bytes().all(is_plain), "{name:?}");
            assert!((1..=255).contains(&name.len()), "{name:?}");
        }
    }
    identities.iter().any(|found| *found != Identity::default())
}

/// The target of a link in `/proc/PID/fd`.
pub fn fd_link(bytes: &[u8]) -> bool {
    let inode = fd::parse_socket_link(&text(bytes));
    if let Some(inode) = inode {
        let again = fd::parse_socket_link(&format!("socket:[{inode}]"));
        assert_eq!(again, Some(inode));
    }
    inode.is_some()
}

/// `/proc/self/status` and `/proc/stat`, from which the agent tells what it costs.
pub fn own(bytes: &[u8]) -> bool {
    let text = text(bytes);
    own::parse_resident_bytes(&text).is_some() || own::parse_boot_time(&text).is_some()
}

/// The filter language.
pub fn filter(bytes: &[u8]) -> bool {
    crate::core::filter::check::any_text(&text(bytes))
}

#[cfg(test)]
mod tests;
