//! Who forgot to close.

use std::fs;
use std::net::TcpStream;

use tcpmon::core::query::{OwnerSource, SocketRow};

use crate::net::{ANY_PORT, read_end};
use crate::place::{in_namespace, now_ns};
use crate::puppet::Puppet;
use crate::running::Agent;
use crate::world::{Home, check, in_workplace, within};

const LEAKS: usize = 50;
/// How far two readings of the same moment may differ.
const TOLERANCE_S: f64 = 0.05;

/// A process that has accepted connections and does not close them though the other side has.
struct Leak {
    leaky: Puppet,
    _client: Puppet,
    port: u16,
    /// The descriptors it forgot.
    fds: Vec<u32>,
    /// The first and the last was closed between these.
    closed_ns: (u64, u64),
}

impl Leak {
    fn plant() -> Self {
        let mut leaky = Puppet::start("leaky");
        let mut client = Puppet::start("client");
        let port = leaky.ask("listen");
        let mut clients = Vec::new();
        let mut fds = Vec::new();
        for _ in 0..LEAKS {
            clients.push(client.ask(&format!("connect {port}")));
            fds.push(leaky.ask("accept").parse().expect("a descriptor"));
        }
        fds.sort_unstable();
        let began_ns = now_ns();
        for fd in clients {
            client.ask(&format!("close {fd}"));
        }
        Self {
            leaky,
            _client: client,
            port: port.parse().expect("a port"),
            fds,
            closed_ns: (began_ns, now_ns()),
        }
    }

    /// Waits until the agent names the process and every descriptor, and compares these with what
    /// `/proc` says. Returns the rows, and when they were asked for and answered.
    fn named(&self, agent: &Agent, netns: u32) -> (Vec<SocketRow>, (u64, u64)) {
        let filter = format!("state close-wait and netns = {netns}");
        let found = within(15, "the leak is named", || {
            let asked_ns = now_ns();
            let rows = agent.ls(&filter);
            let answered_ns = now_ns();
            check(rows.len() == LEAKS, || format!("{} rows", rows.len()))?;
            let named = rows.iter().all(|row| row.fd.is_some());
            check(named, || format!("{rows:#?}"))?;
            Ok((rows, (asked_ns, answered_ns)))
        });
        let rows = &found.0;
        let pid = self.leaky.pid();
        for row in rows {
            assert_eq!(
                (row.pid, row.process.as_deref()),
                (Some(pid), Some("leaky"))
            );
            assert_eq!(row.owner_source, Some(OwnerSource::FdTable));
            assert_eq!((row.local_port, row.accepted), (self.port, Some(true)));
            let (fd, inode) = (row.fd.expect("named"), row.inode.expect("known"));
            let link = fs::read_link(format!("/proc/{pid}/fd/{fd}")).expect("it is open");
            assert_eq!(link.to_str(), Some(format!("socket:[{inode}]").as_str()));
        }
        let mut fds: Vec<u32> = rows.iter().filter_map(|row| row.fd).collect();
        fds.sort_unstable();
        assert_eq!(fds, self.fds);
        found
    }
}

fn seconds(from_ns: u64, to_ns: u64) -> f64 {
    to_ns.saturating_sub(from_ns) as f64 / 1e9
}

#[test]
fn a_planted_leak_is_named_with_its_age() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        in_workplace(|netns| {
            let leak = Leak::plant();
            let (rows, (asked_ns, answered_ns)) = leak.named(&agent, netns);
            let youngest = seconds(leak.closed_ns.1, asked_ns) - TOLERANCE_S;
            let oldest = seconds(leak.closed_ns.0, answered_ns) + TOLERANCE_S;
            for row in rows {
                assert!(!row.age_is_lower_bound, "{row:?}");
                let age = row.age_seconds;
                assert!(
                    (youngest..=oldest).contains(&age),
                    "{youngest}..={oldest}: {row:?}"
                );
            }
        });
    });
}

#[test]
fn a_leak_older_than_the_agent_is_named_and_its_age_is_a_lower_bound() {
    in_namespace(|_| {
        let home = Home::here();
        in_workplace(|netns| {
            let leak = Leak::plant();
            let agent = home.visit(|| Agent::start(&[]));
            let (rows, (_, answered_ns)) = leak.named(&agent, netns);
            let oldest = seconds(leak.closed_ns.0, answered_ns) + TOLERANCE_S;
            for row in rows {
                assert!(row.age_is_lower_bound, "{row:?}");
                assert!(row.age_seconds <= oldest, "{oldest}: {row:?}");
            }
        });
    });
}

#[test]
fn connections_nobody_accepted_are_the_listeners() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        in_workplace(|netns| {
            let mut deaf = Puppet::start("deaf");
            let port: u16 = deaf.ask("listen").parse().expect("a port");
            for _ in 0..10 {
                drop(TcpStream::connect((ANY_PORT.ip(), port)).expect("connects"));
            }
            let filter = format!("state close-wait and netns = {netns}");
            let named = |agent: &Agent| {
                let rows = within(10, "the listener is named", || {
                    let rows = agent.ls(&filter);
                    let named = rows.iter().all(|row| row.pid == Some(deaf.pid()));
                    check(rows.len() == 10 && named, || format!("{rows:#?}"))?;
                    Ok(rows)
                });
                for row in rows {
                    assert_eq!(row.accepted, Some(false), "{row:?}");
                    assert_eq!(row.owner_source, Some(OwnerSource::Listener), "{row:?}");
                    assert_eq!(row.process.as_deref(), Some("deaf"), "{row:?}");
                    assert_eq!((row.fd, row.local_port), (None, port), "{row:?}");
                }
            };
            named(&agent);
            // An agent that comes later knows it too.
            named(&agent.home().visit(|| Agent::start(&[])));
        });
    });
}

#[test]
fn a_connection_accepted_and_closed_leaves_no_row_behind() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        in_workplace(|netns| {
            let mut server = Puppet::start("server");
            let port = server.ask("listen");
            let to = (ANY_PORT.ip(), port.parse().expect("a port"));
            let mut client = TcpStream::connect(to).expect("connects");
            let fd = server.ask("accept");
            server.ask(&format!("close {fd}"));
            read_end(&mut client);
            drop(client);
            within(5, "only what the kernel has is left", || {
                let rows = agent.ls(&format!("netns = {netns}"));
                let mut states: Vec<_> = rows.iter().map(|row| row.state.as_str()).collect();
                states.sort_unstable();
                check(states == ["LISTEN", "TIME_WAIT"], || format!("{rows:#?}"))
            });
        });
    });
}
