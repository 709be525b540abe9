//! Random things done to TCP sockets in a network namespace, and what must come of them.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::sync::Mutex;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tcpmon_common::State;

use crate::dice::Dice;
use crate::model::{Connection, Expected, Holder, Place, Span, canonical, local};
use crate::net::{begin_connect, disconnect};
use crate::place::{in_inner_namespace, now_ns};
use crate::puppet::Puppet;
use crate::ss::spell;
use crate::world::Home;

const BACKLOG: i32 = 64;
/// Fewer than the backlog, so that no handshake waits.
const MOST_QUEUED: usize = 20;
/// A puppet costs as much as a hundred connections.
const MOST_PUPPETS: usize = 2;

/// How a client speaks to a server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    V4,
    V6,
    /// IPv4 through a socket of IPv6.
    Mapped,
}

impl Way {
    fn socket(self) -> Socket {
        let domain = match self {
            Self::V4 => Domain::IPV4,
            Self::V6 | Self::Mapped => Domain::IPV6,
        };
        let socket = Socket::new(domain, Type::STREAM, None).expect("a socket");
        // What must come does: only a failing test waits so long.
        let patience = Some(Duration::from_secs(5));
        socket.set_read_timeout(patience).expect("SO_RCVTIMEO");
        socket
    }

    fn loopback(self, port: u16) -> SocketAddr {
        match self {
            Self::V4 => (Ipv4Addr::LOCALHOST, port).into(),
            Self::V6 => (Ipv6Addr::LOCALHOST, port).into(),
            Self::Mapped => (Ipv4Addr::LOCALHOST.to_ipv6_mapped(), port).into(),
        }
    }
}

struct Listener {
    socket: Socket,
    ways: &'static [Way],
    since: Span,
    /// Connections nobody has accepted.
    queue: VecDeque<usize>,
    /// Its queue holds one connection for good; these are those that knock in vain.
    knocking: Option<Vec<Knocking>>,
}

/// A socket in SYN_SENT.
struct Knocking {
    socket: Socket,
    way: Way,
    since: Span,
}

/// A namespace, and all there is in it.
pub(crate) struct Churn {
    pub(crate) home: Home,
    pub(crate) netns: u32,
    _resident: Puppet,
    listeners: Vec<Listener>,
    connections: Vec<Connection>,
    puppets: Vec<Option<Puppet>>,
    /// Sockets that are not connected any more.
    spare: Vec<(Way, Socket)>,
}

impl Churn {
    /// In a namespace of its own.
    pub(crate) fn new() -> Self {
        let made = Mutex::new(None);
        in_inner_namespace(|namespace| {
            *made.lock().expect("no panic") = Some(Self {
                home: Home::here(),
                netns: namespace.0.inode,
                _resident: Puppet::start("resident"),
                listeners: Vec::new(),
                connections: Vec::new(),
                puppets: Vec::new(),
                spare: Vec::new(),
            });
        });
        made.into_inner().expect("no panic").expect("made")
    }

    /// Does one thing. Where there is nothing to do it to, nothing.
    pub(crate) fn step(&mut self, dice: &mut Dice) {
        match dice.below(100) {
            0..5 => self.listen(dice),
            5..7 => self.listen_deaf(dice),
            7..33 => self.connect(dice),
            33..50 => self.accept(dice),
            50..58 => self.with_end(dice, |connection, side| {
                if connection.may_write(side) {
                    connection.half_close(side);
                }
            }),
            58..68 => self.with_end(dice, |connection, side| connection.close(side, drop)),
            68..74 => self.with_end(dice, |connection, side| connection.reset(side, abort)),
            74..82 => self.with_end(dice, |connection, side| {
                if connection.may_write(side) {
                    connection.write(side);
                }
            }),
            82..85 => self.with_end(dice, Connection::read),
            85..89 => self.disconnect(dice),
            89..91 => self.refused(dice),
            91..93 => self.knock(dice),
            93..94 => self.stop_knocking(dice),
            94..96 => self.close_listener(dice),
            96..98 => self.listen_again(dice),
            98..99 => self.puppet_connects(),
            _ => self.kill_puppet(),
        }
    }

    /// Every row of the namespace.
    pub(crate) fn expected(&self) -> Vec<Expected> {
        let connections = self.connections.iter().flat_map(Connection::expected);
        let listeners = self.listeners.iter().map(|listener| Expected {
            line: {
                let at = local(&listener.socket);
                let nowhere: SocketAddr = match at {
                    SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                    SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
                };
                spell(State::Listen.name(), canonical(at), canonical(nowhere))
            },
            since: Some(listener.since),
        });
        let knocking = self.listeners.iter().flat_map(|listener| {
            let to = local(&listener.socket).port();
            let knocking = listener.knocking.iter().flatten();
            knocking.map(move |one| Expected {
                line: spell(
                    State::SynSent.name(),
                    canonical(local(&one.socket)),
                    canonical(one.way.loopback(to)),
                ),
                since: Some(one.since),
            })
        });
        connections.chain(listeners).chain(knocking).collect()
    }

    fn listen(&mut self, dice: &mut Dice) {
        let ways: &'static [Way] = [
            &[Way::V4, Way::Mapped][..],
            &[Way::V6],
            &[Way::V6, Way::V4, Way::Mapped],
        ][dice.below(3)];
        let everywhere = ways.len() == 3 || dice.below(3) == 0;
        self.add_listener(ways, everywhere, BACKLOG);
    }

    fn add_listener(&mut self, ways: &'static [Way], everywhere: bool, backlog: i32) -> usize {
        let (socket, since) = self.home.visit(|| {
            let socket = ways[0].socket();
            let mut at = ways[0].loopback(0);
            if everywhere {
                at.set_ip(match at {
                    SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                    SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
                });
            }
            if at.is_ipv6() {
                socket.set_only_v6(ways.len() == 1).expect("IPV6_V6ONLY");
            }
            socket.bind(&at.into()).expect("binds");
            let since = timed(|| socket.listen(backlog).expect("listens"));
            (socket, since)
        });
        self.listeners.push(Listener {
            socket,
            ways,
            since,
            queue: VecDeque::new(),
            knocking: None,
        });
        self.listeners.len() - 1
    }

    /// A listener whose accept queue is full.
    fn listen_deaf(&mut self, dice: &mut Dice) {
        let ways = [&[Way::V4, Way::Mapped][..], &[Way::V6]][dice.below(2)];
        let listener = self.add_listener(ways, false, 0);
        self.connect_to(listener, ways[0], None);
        self.listeners[listener].knocking = Some(Vec::new());
    }

    /// One of the listeners that `choice` takes.
    fn listener(&self, dice: &mut Dice, choice: impl Fn(&Listener) -> bool) -> Option<usize> {
        let numbered = self.listeners.iter().enumerate();
        let chosen: Vec<usize> = numbered
            .filter_map(|(number, listener)| choice(listener).then_some(number))
            .collect();
        dice.pick(&chosen)
    }

    fn connect(&mut self, dice: &mut Dice) {
        let has_room = |one: &Listener| one.knocking.is_none() && one.queue.len() < MOST_QUEUED;
        let Some(listener) = self.listener(dice, has_room) else {
            return self.listen(dice);
        };
        let ways = self.listeners[listener].ways;
        let way = ways[dice.below(ways.len())];
        // A socket that was connected before, if there is one of the kind.
        let used = self.spare.iter().position(|(kind, _)| *kind == way);
        let used = used.map(|at| self.spare.swap_remove(at).1);
        self.connect_to(listener, way, used);
    }

    fn connect_to(&mut self, listener: usize, way: Way, used: Option<Socket>) {
        let to = way.loopback(local(&self.listeners[listener].socket).port());
        let socket = used.unwrap_or_else(|| self.home.visit(|| way.socket()));
        let since = timed(|| socket.connect(&to.into()).expect("connects"));
        let at = canonical(local(&socket));
        self.add_connection(listener, Holder::Test(socket), at, canonical(to), since);
    }

    fn add_connection(
        &mut self,
        listener: usize,
        client: Holder,
        at: Place,
        to: Place,
        since: Span,
    ) {
        let queue = &mut self.listeners[listener].queue;
        queue.push_back(self.connections.len());
        self.connections
            .push(Connection::new(client, at, to, since));
    }

    fn accept(&mut self, dice: &mut Dice) {
        let waits = |one: &Listener| one.knocking.is_none() && !one.queue.is_empty();
        if let Some(listener) = self.listener(dice, waits) {
            let listener = &mut self.listeners[listener];
            let number = listener.queue.pop_front().expect("not empty");
            let (socket, _) = listener.socket.accept().expect("somebody waits");
            let patience = Some(Duration::from_secs(5));
            socket.set_read_timeout(patience).expect("SO_RCVTIMEO");
            let connection = &mut self.connections[number];
            connection.ends[1].holder = Holder::Test(socket);
            connection.settle();
        }
    }

    /// Does something to an end the test has.
    fn with_end(&mut self, dice: &mut Dice, action: impl FnOnce(&mut Connection, usize)) {
        if let Some((number, side)) = self.end(dice) {
            action(&mut self.connections[number], side);
        }
    }

    fn end(&self, dice: &mut Dice) -> Option<(usize, usize)> {
        let all = (0..self.connections.len()).flat_map(|number| [(number, 0), (number, 1)]);
        let ours: Vec<(usize, usize)> = all
            .filter(|(number, side)| {
                let end = &self.connections[*number].ends[*side];
                matches!(end.holder, Holder::Test(_))
            })
            .collect();
        dice.pick(&ours)
    }

    /// `connect(2)` to `AF_UNSPEC`: the socket is kept for another connection.
    fn disconnect(&mut self, dice: &mut Dice) {
        let Some((number, side)) = self.end(dice) else {
            return;
        };
        let socket = self.connections[number].reset(side, |holder| {
            let Holder::Test(socket) = holder else {
                panic!("the test has it");
            };
            disconnect(&socket);
            socket
        });
        // What was accepted may be bound to the port of its listener.
        if side == 0 {
            let is_ipv4 = self.connections[number].is_ipv4();
            let way = match socket.domain().expect("SO_DOMAIN") {
                Domain::IPV4 => Way::V4,
                _ if is_ipv4 => Way::Mapped,
                _ => Way::V6,
            };
            self.spare.push((way, socket));
        }
    }

    fn refused(&mut self, dice: &mut Dice) {
        let way = [Way::V4, Way::V6, Way::Mapped][dice.below(3)];
        let socket = self.home.visit(|| {
            let silent = way.socket();
            silent.bind(&way.loopback(0).into()).expect("binds");
            let socket = way.socket();
            let error = socket.connect(&silent.local_addr().expect("is bound"));
            let error = error.expect_err("nobody listens");
            assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
            socket
        });
        self.spare.push((way, socket));
    }

    fn knock(&mut self, dice: &mut Dice) {
        let Some(listener) = self.listener(dice, |one| one.knocking.is_some()) else {
            return self.listen_deaf(dice);
        };
        let listener = &mut self.listeners[listener];
        let way = listener.ways[dice.below(listener.ways.len())];
        let to = way.loopback(local(&listener.socket).port());
        let socket = self.home.visit(|| way.socket());
        let since = timed(|| begin_connect(&socket, to));
        let knocking = listener.knocking.as_mut().expect("it is deaf");
        knocking.push(Knocking { socket, way, since });
    }

    fn stop_knocking(&mut self, dice: &mut Dice) {
        let some = |one: &Listener| one.knocking.iter().flatten().next().is_some();
        if let Some(listener) = self.listener(dice, some) {
            let knocking = self.listeners[listener].knocking.as_mut();
            let knocking = knocking.expect("somebody knocks");
            drop(knocking.swap_remove(dice.below(knocking.len())));
        }
    }

    fn close_listener(&mut self, dice: &mut Dice) {
        if let Some(number) = self.listener(dice, |_| true) {
            let Listener {
                socket,
                queue,
                knocking,
                ..
            } = self.listeners.swap_remove(number);
            drop(knocking);
            drop(socket);
            self.forget_queue(queue);
        }
    }

    /// Stops listening, and listens again with the same socket.
    fn listen_again(&mut self, dice: &mut Dice) {
        let hears = |one: &Listener| one.knocking.is_none();
        if let Some(number) = self.listener(dice, hears) {
            let listener = &mut self.listeners[number];
            if dice.below(2) == 0 {
                disconnect(&listener.socket);
            } else {
                let end = listener.socket.shutdown(Shutdown::Both);
                end.expect("shuts down");
            }
            let queue = std::mem::take(&mut listener.queue);
            listener.since = timed(|| listener.socket.listen(BACKLOG).expect("listens"));
            self.forget_queue(queue);
        }
    }

    /// Connections nobody accepted end with their listener.
    fn forget_queue(&mut self, queue: VecDeque<usize>) {
        for number in queue {
            self.connections[number].reset(1, drop);
        }
    }

    /// Another process connects, and the test accepts.
    fn puppet_connects(&mut self) {
        if self.puppets.len() == MOST_PUPPETS {
            return;
        }
        let mut puppet = self.home.visit(|| Puppet::start("holder"));
        let listener = self.add_listener(&[Way::V4, Way::Mapped], false, BACKLOG);
        let to = local(&self.listeners[listener].socket);
        for _ in 0..3 {
            let since = timed(|| drop(puppet.ask(&format!("connect {}", to.port()))));
            let (server, client) = self.listeners[listener].socket.accept().expect("connected");
            let patience = Some(Duration::from_secs(5));
            server.set_read_timeout(patience).expect("SO_RCVTIMEO");
            let client = canonical(client.as_socket().expect("IPv4"));
            let holder = Holder::Puppet(self.puppets.len());
            let mut connection = Connection::new(holder, client, canonical(to), since);
            connection.ends[1].holder = Holder::Test(server);
            self.connections.push(connection);
        }
        self.puppets.push(Some(puppet));
    }

    /// All that the process has is closed.
    fn kill_puppet(&mut self) {
        let Some(number) = self.puppets.iter().position(Option::is_some) else {
            return;
        };
        let mut puppet = self.puppets[number].take();
        let began_ns = now_ns();
        for connection in &mut self.connections {
            if matches!(connection.ends[0].holder, Holder::Puppet(of) if of == number) {
                connection.close_after(began_ns, 0, |_| {
                    // With the first, all.
                    if let Some(mut puppet) = puppet.take() {
                        puppet.kill();
                    }
                });
            }
        }
    }
}

fn timed(action: impl FnOnce()) -> Span {
    let began_ns = now_ns();
    action();
    (began_ns, now_ns())
}

fn abort(holder: Holder) {
    if let Holder::Test(socket) = &holder {
        let at_once = Some(Duration::ZERO);
        socket.set_linger(at_once).expect("SO_LINGER");
    }
    drop(holder);
}
