//! What `ss` says, to compare with what the agent says.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::process::Command;

use tcpmon::core::query::SocketRow;

use crate::running::Agent;
use crate::world::within;

/// How often each `STATE local remote` is there.
type Census = BTreeMap<String, i64>;

/// Waits until the agent and `ss`, run in the namespace of the calling thread, have the same
/// sockets there; fails with what differs.
#[track_caller]
pub(crate) fn agree(agent: &Agent, netns: u32) -> Vec<SocketRow> {
    within(15, "the agent agrees with ss", || compare(agent, netns))
}

/// Asks both once: the rows they agree on, or what differs.
pub(crate) fn compare(agent: &Agent, netns: u32) -> Result<Vec<SocketRow>, String> {
    let rows = agent.ls(&format!("netns = {netns}"));
    let mut difference = ours_alone();
    for row in &rows {
        *difference.entry(line(row)).or_default() -= 1;
    }
    difference.retain(|_, count| *count != 0);
    if difference.is_empty() {
        return Ok(rows);
    }
    let all: Vec<String> = difference
        .iter()
        .map(|(line, count)| match count {
            1.. => format!("only ss has {count} × {line}"),
            _ => format!("only the agent has {} × {line}", -count),
        })
        .collect();
    Err(all.join("\n"))
}

/// The states there are, each once, as `ss` run in the namespace of the calling thread tells.
pub(crate) fn states() -> Vec<String> {
    let mut states: Vec<String> = ours_alone()
        .into_keys()
        .filter_map(|line| Some(line.split_once(' ')?.0.to_owned()))
        .collect();
    states.dedup();
    states
}

fn ours_alone() -> Census {
    let output = Command::new("ss").args(["-H", "-t", "-a", "-n"]).output();
    let output = output.expect("ss is installed");
    assert!(output.status.success(), "{output:?}");
    let mut census = Census::new();
    for line in String::from_utf8(output.stdout).expect("UTF-8").lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [state, _, _, local, remote, ..] = words[..] else {
            panic!("five columns, not {line}");
        };
        let line = format!("{} {} {}", name(state), end(local), end(remote));
        *census.entry(line).or_default() += 1;
    }
    census
}

/// A row the way both sides are compared.
pub(crate) fn line(row: &SocketRow) -> String {
    let end = |address: &str, port| (canonical(address), port);
    let local = end(&row.local_address, row.local_port);
    let remote = end(&row.remote_address, row.remote_port);
    spell(&row.state, local, remote)
}

/// As [`line`], for a socket known from elsewhere: addresses have to be canonical.
pub(crate) fn spell(state: &str, local: (IpAddr, u16), remote: (IpAddr, u16)) -> String {
    format!("{state} {local:?} {remote:?}")
}

fn name(state: &str) -> String {
    match state {
        "ESTAB" => "ESTABLISHED".into(),
        "FIN-WAIT-1" => "FIN_WAIT1".into(),
        "FIN-WAIT-2" => "FIN_WAIT2".into(),
        other => other.replace('-', "_"),
    }
}

fn end(text: &str) -> String {
    let (address, port) = text.rsplit_once(':').expect("address:port");
    let address = address.trim_start_matches('[').trim_end_matches(']');
    let address = match address {
        // So ss writes a socket of both families.
        "*" => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        address => canonical(address),
    };
    let port: u16 = match port {
        "*" => 0,
        port => port.parse().expect("a port"),
    };
    format!("{:?}", (address, port))
}

/// IPv4 in IPv6 is IPv4.
fn canonical(address: &str) -> IpAddr {
    let address: IpAddr = address.parse().expect("an address");
    address.to_canonical()
}
