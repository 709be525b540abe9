//! Who the processes are, and what limits them and their namespaces.

use std::fs;

use tcpmon::core::facts::{NamespaceLimits, PortRange};
use tcpmon::core::query::{Namespaces, ProcessAnswer, ProcessRow, Processes};

use crate::place::{Namespace, in_namespace};
use crate::puppet::Puppet;
use crate::running::Agent;
use crate::world::{check, in_workplace, within};

const LEAKS: u64 = 5;

/// The row of a process, once it is as it should be.
#[track_caller]
fn row_when(agent: &Agent, pid: u32, is_right: impl Fn(&ProcessRow) -> bool) -> ProcessRow {
    within(20, "the process is described", || {
        let all: Processes = agent.api("/v1/processes");
        let mut rows = all.processes.into_iter().filter(|row| row.pid == pid);
        let (row, other) = (rows.next(), rows.next());
        match (row, other) {
            (Some(row), None) if is_right(&row) => Ok(row),
            odd => Err(format!("{odd:#?}")),
        }
    })
}

fn is_seen(row: &ProcessRow) -> bool {
    row.presence.as_deref() == Some("seen")
}

/// A process with connections its peers have closed.
fn leaky(client: &mut Puppet) -> Puppet {
    let mut leaky = Puppet::start("leaky");
    leaky.ask("limit 64");
    let port = leaky.ask("listen");
    for _ in 0..LEAKS {
        let fd = client.ask(&format!("connect {port}"));
        leaky.ask("accept");
        client.ask(&format!("close {fd}"));
    }
    leaky
}

#[test]
fn a_leaking_process_is_described_as_proc_describes_it() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        in_workplace(|_| {
            let mut client = Puppet::start("client");
            let mut leaky = leaky(&mut client);
            let pid = leaky.pid();
            let in_close_wait = |row: &ProcessRow| row.states.get("CLOSE_WAIT") == Some(&LEAKS);
            let row = row_when(&agent, pid, |row| is_seen(row) && in_close_wait(row));
            assert_eq!(row.process, "leaky");
            assert_eq!(
                (row.states.get("LISTEN"), row.sockets),
                (Some(&1), LEAKS + 1)
            );
            let program = fs::read_link(format!("/proc/{pid}/exe")).expect("it runs");
            assert_eq!(row.executable.as_deref(), program.to_str());
            assert!(!row.executable_deleted);
            assert_eq!((row.uid, row.user.as_deref()), (Some(0), Some("root")));
            let open = fs::read_dir(format!("/proc/{pid}/fd"))
                .expect("it runs")
                .count();
            assert_eq!(
                (row.fd_open, row.fd_limit),
                (u64::try_from(open).ok(), Some(64))
            );
            let oldest = row.oldest_close_wait_age_seconds.expect("it leaks");
            assert!(row.age_seconds > Some(oldest) && !row.oldest_close_wait_is_lower_bound);
            let group = fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("it runs");
            let path = row.cgroup.expect("the kernel has control groups");
            assert!(
                group
                    .lines()
                    .any(|line| line.ends_with(&format!(":{path}"))),
                "{group}"
            );

            // It is looked at again: what it opens more is noticed.
            leaky.ask("listen");
            row_when(&agent, pid, |row| {
                row.fd_open == u64::try_from(open + 1).ok()
            });
        });
    });
}

#[test]
fn a_process_that_executes_another_program_keeps_its_sockets_and_has_its_name() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        in_workplace(|_| {
            let mut server = Puppet::start("before");
            let port = server.ask("listen");
            let first = row_when(&agent, server.pid(), is_seen);
            assert_eq!(first.process, "before");
            server.exec("cat");
            let after = row_when(&agent, server.pid(), |row| row.process == "cat");
            assert_eq!(after.sockets, 1);
            assert_ne!(first.executable, after.executable);
            let rows = agent.ls(&format!("sport = :{port} and state listening"));
            let named: Vec<_> = rows
                .iter()
                .map(|row| (row.pid, row.process.as_deref()))
                .collect();
            assert_eq!(named, [(Some(server.pid()), Some("cat"))]);
        });
    });
}

#[test]
fn all_holders_of_a_socket_are_counted() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        in_workplace(|netns| {
            let mut server = Puppet::start("server");
            let mut taker = Puppet::start("taker");
            let port = server.ask("listen");
            let mut child = server.fork("child");
            taker.ask(&format!("connect {port}"));
            let accepted = child.ask("accept");
            child.pass(&accepted, &mut taker);
            // Who holds what is looked up when something new is to be named.
            taker.ask(&format!("connect {port}"));
            child.ask("accept");
            let filter = format!("netns = {netns}");
            let counted = within(15, "every holder is counted", || {
                let rows = agent.ls(&filter);
                let known = rows.iter().all(|row| row.fd.is_some());
                check(rows.len() == 5 && known, || format!("{rows:#?}"))?;
                let counted = rows.into_iter().map(|row| (row.state, row.holders));
                let mut counted: Vec<(String, Option<u32>)> = counted.collect();
                counted.sort_unstable();
                Ok(counted)
            });
            // The listener was inherited, one accepted connection was passed on; the other and both
            // of the taker's own ends have one holder.
            let connection = |holders| ("ESTABLISHED".to_owned(), holders);
            let mut expected = vec![connection(None); 3];
            expected.extend([connection(Some(2)), ("LISTEN".to_owned(), Some(2))]);
            assert_eq!(counted, expected);
        });
    });
}

#[test]
fn a_command_line_is_read_for_who_owns_sockets_and_nobody_else() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        in_workplace(|_| {
            let mut server = Puppet::start("server");
            let idle = Puppet::start("idle");
            server.ask("listen");
            let pid = server.pid();
            row_when(&agent, pid, |_| true);
            let answer: ProcessAnswer = agent.api(&format!("/v1/process?pid={pid}"));
            assert!(
                answer
                    .process
                    .is_some_and(|row| row.pid == pid && is_seen(&row))
            );
            let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).expect("it runs");
            let line: Vec<_> = line.split_terminator('\0').map(str::to_owned).collect();
            assert_eq!(
                (answer.command_line, answer.command_line_truncated),
                (Some(line), false)
            );

            let answer: ProcessAnswer = agent.api(&format!("/v1/process?pid={}", idle.pid()));
            assert_eq!((answer.process, answer.command_line), (None, None));
        });
    });
}

#[test]
fn the_limits_of_each_namespace_are_its_own() {
    in_namespace(|home| {
        let limits_of = |agent: &Agent, netns: u32| -> NamespaceLimits {
            within(20, "the limits are read", || {
                let all: Namespaces = agent.api("/v1/namespaces");
                let mut rows = all.namespaces.into_iter();
                let row = rows.find(|row| row.netns == Some(netns));
                row.and_then(|row| row.limits)
                    .ok_or_else(|| format!("none of {netns}"))
            })
        };
        let agent = Agent::start(&[]);
        in_workplace(|netns| {
            let here = Namespace::current();
            here.set("ipv4/ip_local_port_range", "40000 40100");
            here.set("ipv4/ip_local_reserved_ports", "80,40010-40019,40100");
            here.set("ipv4/tcp_max_tw_buckets", "17");
            here.set("ipv4/tcp_fin_timeout", "3");
            let mut server = Puppet::start("server");
            server.ask("listen");
            let limits = limits_of(&agent, netns);
            let range = |low, high| PortRange { low, high };
            assert_eq!(limits.local_ports, Some(range(40000, 40100)));
            let reserved = vec![range(80, 80), range(40010, 40019), range(40100, 40100)];
            assert_eq!(limits.reserved_ports, Some(reserved));
            assert_eq!(limits.reserved_local_ports(), Some(11));
            assert_eq!(
                (limits.max_minisocks, limits.fin_timeout_s),
                (Some(17), Some(3))
            );
            for (name, value) in [
                ("core/somaxconn", limits.somaxconn),
                ("ipv4/tcp_tw_reuse", limits.tw_reuse),
                ("ipv4/tcp_tw_reuse_delay", limits.tw_reuse_delay_ms),
                ("ipv4/tcp_timestamps", limits.timestamps),
                ("ipv4/tcp_max_syn_backlog", limits.max_syn_backlog),
                ("ipv4/tcp_syncookies", limits.syncookies),
                ("ipv4/tcp_keepalive_time", limits.keepalive_time_s),
                ("ipv4/tcp_keepalive_intvl", limits.keepalive_interval_s),
                ("ipv4/tcp_keepalive_probes", limits.keepalive_probes),
                ("ipv4/tcp_retries2", limits.retries2),
                ("ipv4/tcp_syn_retries", limits.syn_retries),
                ("ipv4/tcp_orphan_retries", limits.orphan_retries),
            ] {
                assert_eq!(
                    value.map(|value| value.to_string()),
                    here.get(name),
                    "{name}"
                );
            }
        });
        // The agent's own, where it listens.
        let own = limits_of(&agent, home.0.inode);
        let range = home
            .get("ipv4/ip_local_port_range")
            .expect("every kernel has it");
        let range: Vec<u16> = range
            .split('\t')
            .map(|port| port.parse().expect("a port"))
            .collect();
        let local = own.local_ports.expect("it was read");
        assert_eq!([local.low, local.high], range[..]);
        let all: Namespaces = agent.api("/v1/namespaces");
        let machine = all.machine;
        assert!(machine.orphans.is_some() && machine.memory_pages.is_some());
        assert!(machine.max_open_files > machine.open_files);
    });
}
