//! What has a series per member: processes, listeners, destinations, namespaces.

use anyhow::Result;

use super::family::{Family, Set, seconds};
use crate::core::ending::Ending;
use crate::core::series::destination::{DestinationSums, FAILURES};
use crate::core::series::listener::ListenerSums;
use crate::core::series::namespace::NamespaceSums;
use crate::core::series::process::{ByState, ProcessSums, STATES};
use crate::core::series::{LabelSet, Labels, Member, REMOTE_ADDRESS, Row, Sets};

pub(super) fn families(sets: &Sets, labels: Labels) -> Result<Vec<Family>> {
    let mut families = processes(&sets.processes.rows)?;
    families.extend(listeners(&sets.listeners.rows)?);
    let mut names = vec!["netns", "remote_port", "process"];
    if labels.has_remote_address() {
        names.push(REMOTE_ADDRESS);
    }
    families.extend(destinations(&sets.destinations.rows, &names)?);
    families.extend(namespaces(&sets.namespaces.rows)?);
    Ok(families)
}

fn processes(rows: &[Row<ProcessSums>]) -> Result<Vec<Family>> {
    let set = Set {
        set: LabelSet::Process,
        labels: &["process", "unit", "container", "pod_uid"],
    };
    let files = |pick: fn((u64, u64)) -> u64| {
        let known = rows.iter();
        known.filter_map(move |row| Some((&row.member, [], pick(row.sums.files?) as f64)))
    };
    Ok(vec![
        set.gauges(
            "tcpmon_process_sockets",
            "Sockets in each TCP state of all processes of that name in that unit, container and pod.",
            ["state"],
            rows.iter()
                .flat_map(|row| by_state(&row.member, &row.sums.sockets)),
        )?,
        set.gauges(
            "tcpmon_process_oldest_socket_timestamp_seconds",
            "When the socket that has been in the state for longest entered it, or was first known to \
             be in it, since 1970; no series while there is none.",
            ["state"],
            rows.iter().flat_map(|row| {
                let oldest = STATES.iter().zip(row.sums.oldest_unix_ns);
                oldest.filter_map(|(state, oldest)| {
                    Some((&row.member, [state.name()], moment(oldest?)))
                })
            }),
        )?,
        set.gauges(
            "tcpmon_process_open_files",
            "Open file descriptors of the process that is nearest its limit.",
            [],
            files(|(open, _)| open),
        )?,
        set.gauges(
            "tcpmon_process_max_open_files",
            "The limit of open file descriptors of that process.",
            [],
            files(|(_, most)| most),
        )?,
        set.gauges(
            "tcpmon_process_verdicts",
            "Verdicts that stand on these processes, by kind and severity; no series for those that do \
             not.",
            ["verdict", "severity"],
            rows.iter().flat_map(|row| {
                let verdicts = row.sums.verdicts.iter();
                verdicts.map(|((kind, severity), count)| {
                    (&row.member, [kind.name(), severity.name()], *count as f64)
                })
            }),
        )?,
        set.counters(
            "tcpmon_process_connection_endings_total",
            "Connections of these processes that ended otherwise than in order, by the reason; no \
             series before the first.",
            ["reason"],
            rows.iter().flat_map(|row| {
                let endings = Ending::ALL.iter().zip(row.counters);
                let endings = endings.filter(|(_, count)| *count > 0);
                endings.map(|(ending, count)| (&row.member, [ending.name()], count))
            }),
        )?,
    ])
}

fn by_state<'a>(
    member: &'a Member,
    sockets: &'a ByState,
) -> impl Iterator<Item = (&'a Member, [&'a str; 1], f64)> {
    let counts = STATES.iter().zip(sockets);
    counts.map(move |(state, count)| (member, [state.name()], *count as f64))
}

/// To the millisecond: the two clocks it is told from are not read at the same moment, and a value
/// that changes with every scrape costs who stores it.
fn moment(unix_ns: u64) -> f64 {
    const MILLISECOND: u64 = 1_000_000;
    seconds((unix_ns + MILLISECOND / 2) / MILLISECOND * MILLISECOND)
}

fn listeners(rows: &[Row<ListenerSums>]) -> Result<Vec<Family>> {
    let set = Set {
        set: LabelSet::Listener,
        labels: &["netns", "address", "port", "process"],
    };
    let known = |pick: fn(&ListenerSums) -> Option<u64>| {
        let known = rows.iter();
        known.filter_map(move |row| Some((&row.member, [], pick(&row.sums)? as f64)))
    };
    Ok(vec![
        set.gauges(
            "tcpmon_listener_accept_queue_length",
            "Connections that wait to be accepted, as of the last look, about once a second.",
            [],
            known(|sums| sums.queue),
        )?,
        set.gauges(
            "tcpmon_listener_accept_queue_limit",
            "The longest the accept queue may be. The kernel lets one more in.",
            [],
            known(|sums| sums.limit),
        )?,
        set.counters(
            "tcpmon_listener_drops_total",
            "SYNs and handshakes dropped at the listener, as of the last look.",
            [],
            rows.iter().map(|row| (&row.member, [], row.counters[0])),
        )?,
        set.gauges(
            "tcpmon_listener_half_open_connections",
            "Handshakes that have begun towards the port; listeners on the same port all show them.",
            [],
            rows.iter()
                .map(|row| (&row.member, [], row.sums.half_open() as f64)),
        )?,
    ])
}

fn destinations(rows: &[Row<DestinationSums>], labels: &[&str]) -> Result<Vec<Family>> {
    let set = Set {
        set: LabelSet::Destination,
        labels,
    };
    Ok(vec![
        set.gauges(
            "tcpmon_destination_ports_used",
            "Local ports held towards the destination, at all its addresses together.",
            [],
            rows.iter().map(|row| (&row.member, [], row.sums.used as f64)),
        )?,
        set.gauges(
            "tcpmon_destination_ports_usable",
            "Local ports there are towards each address of the destination for connections that do not \
             choose one; the fewest. Not to be summed.",
            [],
            rows.iter()
                .filter_map(|row| Some((&row.member, [], row.sums.usable? as f64))),
        )?,
        set.gauges(
            "tcpmon_destination_port_headroom_ratio",
            "The part of these ports that is free, 0 to 1, at the address with the fewest, whoever \
             holds the others. Not to be summed.",
            [],
            rows.iter()
                .filter_map(|row| Some((&row.member, [], row.sums.headroom?))),
        )?,
        set.gauges(
            "tcpmon_destination_time_wait_sockets",
            "Sockets in TIME_WAIT towards the destination.",
            [],
            rows.iter()
                .map(|row| (&row.member, [], row.sums.time_wait as f64)),
        )?,
        set.counters(
            "tcpmon_destination_connect_failures_total",
            "Connections that could not be made, or were lost for want of an answer, by the reason.",
            ["reason"],
            rows.iter().flat_map(|row| {
                FAILURES.iter().map(|ending| {
                    let count = row.counters[*ending as usize];
                    (&row.member, [ending.name()], count)
                })
            }),
        )?,
    ])
}

fn namespaces(rows: &[Row<NamespaceSums>]) -> Result<Vec<Family>> {
    let set = Set {
        set: LabelSet::Namespace,
        labels: &["netns"],
    };
    Ok(vec![
        set.gauges(
            "tcpmon_namespace_sockets",
            "Sockets in each TCP state in the network namespace.",
            ["state"],
            rows.iter()
                .flat_map(|row| by_state(&row.member, &row.sums.sockets)),
        )?,
        set.gauges(
            "tcpmon_namespace_time_wait_limit",
            "Most TIME_WAIT and FIN_WAIT2 entries in the namespace (tcp_max_tw_buckets). Not to be \
             summed.",
            [],
            rows.iter()
                .filter_map(|row| Some((&row.member, [], row.sums.time_wait_limit? as f64))),
        )?,
    ])
}
