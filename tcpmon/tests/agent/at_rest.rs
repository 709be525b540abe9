//! When nothing moves, the agent and `ss` have the same sockets, however the agent is attached.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use socket2::Socket;

use crate::net::{
    ANY_PORT_V6, address, begin_connect, half_close, listener, narrow_listener, pair, read_end,
    set_option, socket,
};
use crate::place::{in_namespace, mount_tracefs};
use crate::running::Agent;
use crate::ss;
use crate::world::{Home, check, in_workplace, within};

/// Sockets that stay as they are for as long as they are held.
struct Mixture {
    _held: Vec<OwnedFd>,
}

impl Mixture {
    /// A connection in every state that can be kept, in both families where that matters.
    fn make() -> Self {
        let mut held: Vec<OwnedFd> = Vec::new();
        let both = TcpListener::bind("[::]:0").expect("listens");
        let mapped = TcpStream::connect(("127.0.0.1", address(&both).port())).expect("connects");
        held.push(both.accept().expect("accepts").0.into());
        held.extend([both.into(), mapped.into()]);
        let deaf = TcpListener::bind("0.0.0.0:0").expect("listens");
        held.push(deaf.into());
        for listener in [listener(), TcpListener::bind(ANY_PORT_V6).expect("listens")] {
            connections(&listener, &mut held);
            held.push(listener.into());
        }
        half_open(&mut held);
        unanswered(&mut held);
        Self { _held: held }
    }
}

fn connections(listener: &TcpListener, held: &mut Vec<OwnedFd>) {
    // ESTABLISHED at both ends.
    let (client, server) = pair(listener);
    held.extend([client.into(), server.into()]);
    // FIN_WAIT2 with a process, CLOSE_WAIT.
    let (client, mut server) = pair(listener);
    half_close(&client);
    read_end(&mut server);
    held.extend([client.into(), server.into()]);
    // FIN_WAIT2 without, CLOSE_WAIT.
    let (client, mut server) = pair(listener);
    drop(client);
    read_end(&mut server);
    held.push(server.into());
    // TIME_WAIT.
    let (client, mut server) = pair(listener);
    drop(client);
    read_end(&mut server);
}

/// SYN_RECV: the listener wants to see data before the handshake counts.
fn half_open(held: &mut Vec<OwnedFd>) {
    let listener = listener();
    set_option(&listener, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, 30);
    let client = TcpStream::connect(address(&listener)).expect("connects");
    held.extend([listener.into(), client.into()]);
}

/// SYN_SENT: an accept queue that is full makes the listener drop every SYN.
fn unanswered(held: &mut Vec<OwnedFd>) {
    let listener = narrow_listener();
    let to: SocketAddr = address(&listener);
    let waiting = TcpStream::connect(to).expect("connects");
    let unanswered: Socket = socket();
    begin_connect(&unanswered, to);
    held.extend([listener.into(), waiting.into(), unanswered.into()]);
}

const STATES: [&str; 7] = [
    "CLOSE_WAIT",
    "ESTABLISHED",
    "FIN_WAIT2",
    "LISTEN",
    "SYN_RECV",
    "SYN_SENT",
    "TIME_WAIT",
];

/// The mixture made before the agent starts, and another made while it watches.
fn agrees(args: &[&str], rung: &str) {
    in_workplace_of(|home, netns| {
        let _before = Mixture::make();
        let agent = home(args);
        assert_eq!(agent.summary().health.rung, rung);
        ss::agree(&agent, netns);
        let _since = Mixture::make();
        within(5, "every state is there", || {
            let states = ss::states();
            check(states == STATES, || format!("{states:?}"))
        });
        let rows = ss::agree(&agent, netns);
        assert!(rows.len() > 40, "{}", rows.len());
        for state in STATES {
            assert!(rows.iter().any(|row| row.state == state), "{state}");
        }
    });
}

/// Runs `body` in a workplace; it starts its agent elsewhere.
fn in_workplace_of(body: impl FnOnce(&dyn Fn(&[&str]) -> Agent, u32) + Send) {
    in_namespace(|_| {
        let home = Home::here();
        in_workplace(|netns| {
            let start = |args: &[&str]| {
                home.visit(|| {
                    mount_tracefs();
                    Agent::start(args)
                })
            };
            body(&start, netns);
        });
    });
}

#[test]
fn every_socket_is_there_and_no_other() {
    agrees(&[], "tp_btf");
}

#[test]
fn the_classic_tracepoint_serves_and_agrees() {
    agrees(&["--kernel.attach", "tracepoint"], "tracepoint");
}

#[test]
fn without_any_program_audits_alone_serve_and_agree() {
    agrees(&["--kernel.attach", "none"], "sock_diag");
}

const WITHOUT_SOCK_DIAG: [&str; 2] = ["--kernel.sock-diag", "off"];

#[test]
fn without_sock_diag_the_lists_of_proc_serve_and_agree() {
    agrees(&WITHOUT_SOCK_DIAG, "tp_btf");
}

#[test]
fn without_any_program_and_sock_diag_the_lists_of_proc_alone_serve_and_agree() {
    let args = ["--kernel.attach", "none"];
    agrees(&[&args[..], &WITHOUT_SOCK_DIAG].concat(), "proc");
}
