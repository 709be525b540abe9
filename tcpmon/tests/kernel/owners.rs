//! Who is named: never the process that happens to run, always the one that holds or acts.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpStream};

use tcpmon::core::query::{OwnerSource, SocketRow};
use tcpmon::source::bpf::Rung;
use tcpmon::source::bpf::holders::Holders;
use tcpmon::source::procfs::process::TICK_NS;
use tcpmon::source::procfs::{ProcRoot, fd};
use tcpmon_common::record::flag;
use tcpmon_common::{Holder, State};

use crate::harness::Watch;
use crate::net::{await_unread, listener, port, read_end, read_reset};
use crate::place::in_namespace;
use crate::puppet::Puppet;
use crate::scenario::text;

/// Process, name, descriptor and source of a row.
type Named<'a> = (
    Option<u32>,
    Option<&'a str>,
    Option<u32>,
    Option<OwnerSource>,
);

fn named(row: &SocketRow) -> Named<'_> {
    (row.pid, row.process.as_deref(), row.fd, row.owner_source)
}

fn number(descriptor: &str) -> Option<u32> {
    descriptor.parse().ok()
}

fn one_in(watch: &mut Watch, state: State) {
    watch.until(state.name(), |watch| {
        (watch.table.in_state(state) == 1).then_some(())
    });
}

/// The lie this guards against: on loopback the server's socket goes to CLOSE_WAIT while the client
/// is the current process.
#[test]
fn the_peer_who_runs_at_that_moment_is_never_named() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let mut server = Puppet::start("the-server");
        let mut client = Puppet::start("the-client");
        let port = server.ask("listen");
        let theirs = client.ask(&format!("connect {port}"));
        let leaked = server.ask("accept");
        client.ask(&format!("close {theirs}"));
        watch.expect(&[
            "server CLOSE =the-server> LISTEN",
            "client CLOSE =the-client> SYN_SENT -> ESTABLISHED =the-client> \
             FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (orphan_fin_wait2)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSE_WAIT",
        ]);
        let record = watch
            .seen
            .iter()
            .find(|seen| seen.change.edge.to == State::CloseWait)
            .expect("it was seen")
            .record;
        assert_eq!((record.pid, record.tid, record.comm), (0, 0, [0; 16]));
        assert!(!record.has(flag::TASK));

        let port = port.parse().expect("a port");
        let pid = Some(server.pid());
        let row = watch.row(port, "CLOSE_WAIT");
        let inherited = (pid, Some("the-server"), None, Some(OwnerSource::Listener));
        assert_eq!(named(&row), inherited, "before anybody was seen with it");

        assert!(watch.table.wants_holders());
        watch.scan_holders();
        let row = watch.row(port, "CLOSE_WAIT");
        let held = (
            pid,
            Some("the-server"),
            number(&leaked),
            Some(OwnerSource::FdTable),
        );
        assert_eq!(named(&row), held);
        assert!(row.inode.is_some());
        assert_eq!(row.accepted, Some(true));
        assert!(!watch.table.wants_holders(), "nothing is left to ask");
    });
}

/// Of several holders the oldest is named, so both sources have to tell the same age.
#[test]
fn the_iterator_and_proc_agree_on_when_a_holder_began() {
    in_namespace(|_| {
        let Ok(mut holders) = Holders::load() else {
            println!("skipped, because this kernel has no iterator over open files");
            return;
        };
        let mut server = Puppet::start("the-server");
        let listening = number(&server.ask("listen"));
        let of_server = |found: &[Holder]| {
            let found = found.iter().find(|holder| holder.pid == server.pid());
            found.map(|holder| (holder.born_ns / TICK_NS, holder.comm))
        };
        let (mut told, mut read) = (Vec::new(), Vec::new());
        holders
            .scan(|holder| told.push(holder))
            .expect("a whole scan");
        fd::scan(&ProcRoot::default(), fd::Wanted::All, &mut |holder| {
            read.push(holder)
        })
        .expect("proc");
        assert!(listening.is_some() && of_server(&read).is_some());
        assert_eq!(of_server(&told), of_server(&read));
    });
}

/// A read of an iterator is given up by the kernel (`bpf_seq_read`, `kernel/bpf/bpf_iter.c`) after a
/// million objects of which none was written, and goes on there the next time.
#[test]
fn a_million_files_that_are_no_sockets_do_not_end_the_search_for_holders() {
    const FILES: usize = 1_100_000;
    in_namespace(|_| {
        let Ok(mut holders) = Holders::load() else {
            println!("skipped, because this kernel has no iterator over open files");
            return;
        };
        let mut first = Puppet::start("full");
        let each: usize = first.ask("fill 200000").parse().expect("a number");
        if each < 1000 {
            println!("skipped, because a process may have only {each} open files more");
            return;
        }
        let others: Vec<Puppet> = (0..FILES / each).map(|_| first.fork("full")).collect();
        let mut server = Puppet::start("the-server");
        server.ask("listen");
        let mut pids = Vec::new();
        holders
            .scan(|holder| pids.push(holder.pid))
            .expect("a whole scan");
        assert!(pids.contains(&server.pid()));
        assert!((others.len() + 1) * each >= FILES);
    });
}

#[test]
fn a_client_is_named_when_it_connects_and_confirmed_by_its_descriptor() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let mut client = Puppet::start("a-client");
        let port = listener.local_addr().expect("is bound").port();
        let descriptor = client.ask(&format!("connect {port}"));
        let (server, peer) = listener.accept().expect("accepts");
        watch.until("both ends", |watch| {
            (watch.table.in_state(State::Established) == 2).then_some(())
        });
        let pid = Some(client.pid());
        let row = watch.row(peer.port(), "ESTABLISHED");
        let seen = (pid, Some("a-client"), None, Some(OwnerSource::Connect));
        assert_eq!(named(&row), seen);
        watch.scan_holders();
        let row = watch.row(peer.port(), "ESTABLISHED");
        let held = (
            pid,
            Some("a-client"),
            number(&descriptor),
            Some(OwnerSource::FdTable),
        );
        assert_eq!(named(&row), held);
        drop(server);
    });
}

#[test]
fn the_worker_that_accepted_is_named_not_the_master_that_listens() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let mut master = Puppet::start("the-master");
        let port: u16 = master.ask("listen").parse().expect("a port");
        let mut worker = master.fork("the-worker");
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connects");
        let accepted = worker.ask("accept");
        one_in(&mut watch, State::Listen);
        watch.until("both ends", |watch| {
            (watch.table.in_state(State::Established) == 2).then_some(())
        });
        let row = watch.row(port, "ESTABLISHED");
        assert_eq!(
            (row.pid, row.owner_source),
            (Some(master.pid()), Some(OwnerSource::Listener))
        );

        watch.scan_holders();
        let row = watch.row(port, "ESTABLISHED");
        let worker_pid = Some(worker.pid());
        let held = (
            worker_pid,
            Some("the-worker"),
            number(&accepted),
            Some(OwnerSource::FdTable),
        );
        assert_eq!(named(&row), held);

        worker.ask(&format!("close {accepted}"));
        read_end(&mut client);
        watch.expect(&[
            "server CLOSE =the-master> LISTEN",
            "client CLOSE => SYN_SENT -> ESTABLISHED -> CLOSE_WAIT",
            "server LISTEN -> SYN_RECV -> ESTABLISHED =the-worker> FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (orphan_fin_wait2)",
        ]);
        let row = watch.row(port, "FIN_WAIT2");
        let closed = (
            worker_pid,
            Some("the-worker"),
            None,
            Some(OwnerSource::Close),
        );
        assert_eq!(
            named(&row),
            closed,
            "after close() the closer is what is left to name"
        );
    });
}

#[test]
fn a_socket_passed_on_belongs_to_who_took_it() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let (mut maker, mut taker) = (Puppet::start("the-maker"), Puppet::start("the-taker"));
        let listening = listener.local_addr().expect("is bound").port();
        let made = maker.ask(&format!("connect {listening}"));
        let (mut server, peer) = listener.accept().expect("accepts");
        let taken = maker.pass(&made, &mut taker);
        maker.kill();
        watch.until("both ends", |watch| {
            (watch.table.in_state(State::Established) == 2).then_some(())
        });
        assert_eq!(watch.row(peer.port(), "ESTABLISHED").pid, Some(maker.pid()));
        watch.scan_holders();
        let row = watch.row(peer.port(), "ESTABLISHED");
        let taker_pid = Some(taker.pid());
        let held = (
            taker_pid,
            Some("the-taker"),
            number(&taken),
            Some(OwnerSource::FdTable),
        );
        assert_eq!(named(&row), held);

        taker.ask(&format!("close {taken}"));
        read_end(&mut server);
        watch.expect(&[
            "server CLOSE => LISTEN",
            "client CLOSE =the-maker> SYN_SENT -> ESTABLISHED =the-taker> \
             FIN_WAIT1 -> FIN_WAIT2 -> CLOSE (orphan_fin_wait2)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED -> CLOSE_WAIT",
        ]);
    });
}

#[test]
fn a_thread_that_closes_is_named_by_its_process() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        if watch.stream.rung() != Rung::TpBtf {
            println!("skipped, because programs of this kernel see the name of a thread only");
            return;
        }
        let listener = listener();
        let mut client = Puppet::start("many-threads");
        let listening = listener.local_addr().expect("is bound").port();
        let descriptor = client.ask(&format!("connect {listening}"));
        let (mut server, _) = listener.accept().expect("accepts");
        let tid = client.ask(&format!("close-in-thread {descriptor}"));
        read_end(&mut server);
        let record = watch.until("the close", |watch| {
            let mut closes = watch.seen.iter();
            let close = closes.find(|seen| seen.change.edge.to == State::FinWait1)?;
            Some(close.record)
        });
        assert_eq!(record.pid, client.pid());
        assert_eq!(record.tid.to_string(), tid);
        assert_ne!(record.tid, record.pid);
        assert_eq!(text(&record.comm), "many-threads");
    });
}

#[test]
fn a_killed_process_with_unread_data_resets_and_is_named() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let mut server = Puppet::start("the-victim");
        let port: u16 = server.ask("listen").parse().expect("a port");
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connects");
        server.ask("accept");
        client.write_all(b"unread").expect("sends");
        server.kill();
        read_reset(&mut client);
        watch.expect(&[
            "server CLOSE =the-victim> LISTEN =the-victim> CLOSE (listener_closed)",
            "client CLOSE => SYN_SENT -> ESTABLISHED -> CLOSE (reset)",
            "server LISTEN -> SYN_RECV -> ESTABLISHED =the-victim> CLOSE (aborted_by_owner)",
        ]);
        let last = watch.of_port(port);
        assert!(
            last.iter()
                .all(|seen| [0, server.pid()].contains(&seen.record.pid))
        );
    });
}

#[test]
fn a_killed_process_that_has_read_all_closes_in_order() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let mut client = Puppet::start("the-victim");
        let listening = listener.local_addr().expect("is bound").port();
        client.ask(&format!("connect {listening}"));
        let (mut server, _) = listener.accept().expect("accepts");
        client.kill();
        read_end(&mut server);
        drop(server);
        watch.until("the end of the server's socket", |watch| {
            let mut closing = [State::FinWait1, State::CloseWait, State::LastAck].into_iter();
            let is_over = closing.all(|state| watch.table.in_state(state) == 0);
            (watch.lives().len() == 3 && is_over).then_some(())
        });
        let lines = watch.lines();
        let orderly = "client CLOSE =the-victim> SYN_SENT -> ESTABLISHED =the-victim> FIN_WAIT1 ";
        assert!(lines[1].starts_with(orderly), "{lines:#?}");
    });
}

#[test]
fn a_connection_nobody_accepted_has_no_descriptor_to_find() {
    in_namespace(|namespace| {
        let mut watch = Watch::open(namespace);
        let listener = listener();
        let listening = listener.local_addr().expect("is bound").port();
        let mut client = TcpStream::connect(("127.0.0.1", listening)).expect("connects");
        one_in(&mut watch, State::Listen);
        watch.until("both ends", |watch| {
            (watch.table.in_state(State::Established) == 2).then_some(())
        });
        watch.scan_holders();
        let row = watch.row(listening, "ESTABLISHED");
        assert_eq!((row.accepted, row.inode, row.fd), (Some(false), None, None));
        assert_eq!(row.owner_source, Some(OwnerSource::Listener));
        assert_eq!(
            watch.row(port(&client), "ESTABLISHED").pid,
            Some(std::process::id())
        );

        let (mut server, _) = listener.accept().expect("accepts");
        server.write_all(b"x").expect("sends");
        await_unread(&client);
        watch.scan_holders();
        let row = watch.row(listening, "ESTABLISHED");
        assert_eq!(
            (row.accepted, row.owner_source),
            (Some(true), Some(OwnerSource::FdTable))
        );
        client.flush().expect("nothing to do");
    });
}
