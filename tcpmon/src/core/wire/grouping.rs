//! Which packets belong together.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::connection::Connection;
use super::story::{self, Successor};
use super::{Flags, Packet};

/// What a capture tells: its connections in the order of their first packets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Capture {
    /// The connections.
    pub connections: Vec<Connection>,
}

impl Capture {
    /// Runs the state machine over the TCP packets of a capture, in its order. `end_ns`: when its
    /// last packet of any kind was captured, nanoseconds since the epoch.
    #[must_use]
    pub fn replay(packets: &[Packet], end_ns: u64) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        let mut current: HashMap<(SocketAddr, SocketAddr), usize> = HashMap::new();
        for packet in packets {
            let (a, b) = (packet.source, packet.destination);
            let key = (a.min(b), a.max(b));
            let known = current.get(&key).copied();
            if let Some(index) = known.filter(|index| groups[*index].takes(packet)) {
                groups[index].add(packet);
                continue;
            }
            if let Some(index) = known {
                groups[index].successor = Some(Successor {
                    number: packet.number,
                    time_ns: packet.time_ns,
                });
            }
            current.insert(key, groups.len());
            groups.push(Group::new(packet));
        }
        let connections = groups.iter().map(|group| group.tell(end_ns)).collect();
        Self { connections }
    }
}

/// The packets of one connection.
#[derive(Debug)]
struct Group {
    packets: Vec<Packet>,
    /// SYNs by sender.
    syns: Vec<(SocketAddr, u32)>,
    /// Something other than SYNs that open was seen.
    is_under_way: bool,
    successor: Option<Successor>,
}

impl Group {
    fn new(packet: &Packet) -> Self {
        let mut group = Self {
            packets: Vec::new(),
            syns: Vec::new(),
            is_under_way: false,
            successor: None,
        };
        group.add(packet);
        group
    }

    /// Whether the packet belongs to this connection: all do but a SYN that opens another.
    fn takes(&self, packet: &Packet) -> bool {
        if !packet.flags.has(Flags::SYN) || packet.flags.has(Flags::ACK) {
            return true;
        }
        let syn = self.syns.iter().find(|(from, _)| *from == packet.source);
        match syn {
            Some((_, seq)) => *seq == packet.seq,
            // The other side opens, too, and has not heard of us.
            None => !self.is_under_way,
        }
    }

    fn add(&mut self, packet: &Packet) {
        let has_syn = packet.flags.has(Flags::SYN);
        if has_syn && !self.syns.iter().any(|(from, _)| *from == packet.source) {
            self.syns.push((packet.source, packet.seq));
        }
        self.is_under_way |= !has_syn || packet.flags.has(Flags::ACK);
        self.packets.push(*packet);
    }

    /// Address of the client, and whether it is known to be that.
    fn client(&self) -> Option<(SocketAddr, bool)> {
        let first = self.packets.first()?;
        let opens =
            |packet: &&Packet| packet.flags.has(Flags::SYN) && !packet.flags.has(Flags::ACK);
        if let Some(packet) = self.packets.iter().find(opens) {
            return Some((packet.source, true));
        }
        let answers = |packet: &&Packet| packet.flags.has(Flags::SYN);
        if let Some(packet) = self.packets.iter().find(answers) {
            return Some((packet.destination, true));
        }
        // A guess, and said to be one: services have the lower ports.
        let (a, b) = (first.source, first.destination);
        Some((if a.port() >= b.port() { a } else { b }, false))
    }

    fn tell(&self, end_ns: u64) -> Connection {
        // A group has a packet from its beginning.
        let nobody = SocketAddr::from(([0, 0, 0, 0], 0));
        let (client, opener_is_known) = self.client().unwrap_or((nobody, false));
        story::tell(
            &self.packets,
            client,
            opener_is_known,
            self.successor,
            end_ns,
        )
    }
}
