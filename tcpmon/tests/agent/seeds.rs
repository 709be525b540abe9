//! Sockets and namespaces that were there before the agent, and namespaces that go.

use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;

use crate::net::{address, listener, pair, port, read_end};
use crate::place::{in_inner_namespace, in_namespace, now_ns};
use crate::puppet::Puppet;
use crate::running::Agent;
use crate::world::{Home, check, in_workplace, within};

/// A listener, a connection and a TIME_WAIT entry, made before any agent is there.
struct Seeds {
    listener: TcpListener,
    connection: (TcpStream, TcpStream),
    waiting_port: u16,
    /// The TIME_WAIT entry was made between these.
    waiting_ns: (u64, u64),
}

impl Seeds {
    fn sow() -> Self {
        let listener = listener();
        let connection = pair(&listener);
        let (client, mut server) = pair(&listener);
        let waiting_port = port(&client);
        drop(client);
        read_end(&mut server);
        let began_ns = now_ns();
        drop(server);
        Self {
            listener,
            connection,
            waiting_port,
            waiting_ns: (began_ns, now_ns()),
        }
    }

    /// The agent has found them, with what the kernel tells of their past.
    fn found(&self, agent: &Agent, netns: u32) {
        let own = std::process::id();
        let (listening, connected) = (address(&self.listener).port(), port(&self.connection.0));
        within(10, "the holders of the seeds are known", || {
            let rows = agent.ls(&format!(
                "netns = {netns} and pid = {own} and state != time-wait"
            ));
            let of = |local, remote| {
                rows.iter().any(|row| {
                    (row.local_port, row.remote_port) == (local, remote)
                        && row.age_is_lower_bound
                        && row.fd.is_some()
                })
            };
            let all = of(listening, 0) && of(connected, listening) && of(listening, connected);
            check(all, || format!("{rows:#?}"))
        });
        let asked_ns = now_ns();
        let filter = format!("netns = {netns} and sport = {}", self.waiting_port);
        let rows = agent.ls(&filter);
        let answered_ns = now_ns();
        let [row] = &rows[..] else {
            panic!("one socket, not {rows:#?}");
        };
        assert_eq!(
            (row.state.as_str(), row.kind.as_str()),
            ("TIME_WAIT", "minisock")
        );
        assert!(!row.age_is_lower_bound, "{row:?}");
        let youngest = (asked_ns - self.waiting_ns.1) as f64 / 1e9 - 1.5;
        let oldest = (answered_ns - self.waiting_ns.0) as f64 / 1e9 + 1.5;
        assert!(
            (youngest..=oldest).contains(&row.age_seconds),
            "{youngest}..={oldest}: {row:?}"
        );
        let remaining = row.remaining_seconds.expect("a minisock has a timer");
        assert!((row.age_seconds + remaining - 60.0).abs() < 8.0, "{row:?}");
    }
}

#[test]
fn sockets_older_than_the_agent_are_found_at_home_and_elsewhere() {
    in_namespace(|namespace| {
        let home = Home::here();
        let near = Seeds::sow();
        in_workplace(|netns| {
            let far = Seeds::sow();
            let agent = home.visit(|| Agent::start(&[]));
            near.found(&agent, namespace.0.inode);
            far.found(&agent, netns);
        });
    });
}

/// Two processes in a namespace that only they keep, with connections between them that nobody has
/// accepted: the end of the listener resets them, so that no TIME_WAIT entry is left, whose end
/// with its namespace the kernel tells nobody.
fn settle() -> (u32, Puppet, Puppet) {
    let settled = Mutex::new(None);
    in_inner_namespace(|namespace| {
        let mut server = Puppet::start("server");
        let mut client = Puppet::start("client");
        let port = server.ask("listen");
        for _ in 0..5 {
            client.ask(&format!("connect {port}"));
        }
        *settled.lock().expect("no panic") = Some((namespace.0.inode, server, client));
    });
    settled.into_inner().expect("no panic").expect("settled")
}

#[test]
fn a_namespace_that_comes_is_seen_and_one_that_goes_leaves_nothing() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        let (netns, mut server, mut client) = settle();
        let filter = format!("netns = {netns}");
        within(5, "the namespace is seen", || {
            let rows = agent.ls(&filter);
            check(rows.len() == 11, || format!("{rows:#?}"))
        });
        server.kill();
        client.kill();
        within(15, "nothing is left of it", || {
            let rows = agent.ls(&filter);
            check(rows.is_empty(), || format!("{rows:#?}"))
        });
    });
}
