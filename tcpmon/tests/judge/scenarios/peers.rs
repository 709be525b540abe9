//! Peers that do not answer, and sockets that stay in a passing state.

use tcpmon::core::verdict::{Kind, Severity};

use super::{BACKEND, DATABASE, client, faulty};
use crate::scenario::{At, Expected, Scenario};
use crate::world::{Conn, Peer, Pid, World};

const PEER: At = At::Peer("10.0.0.9", 5432);
const WEB: At = At::Port(80);

pub(super) const ALL: &[Scenario] = &[
    // Six retransmissions have gone out 12.6 s after the first segment.
    faulty(
        "peer gone behind a firewall",
        half_dead,
        &[Expected::new(Kind::HalfDead, PEER, "app", 72)],
    ),
    faulty(
        "one peer gone",
        one_half_dead,
        &[Expected::new(Kind::HalfDead, PEER, "app", 72)
            .reaches(Severity::Suspicious, 72)
            .at_most(Severity::Suspicious)],
    ),
    faulty(
        "window closed, and then gone",
        zero_window_gone,
        &[Expected::new(Kind::HalfDead, WEB, "video", 72)],
    ),
    faulty(
        "window closed, and our FIN behind the data",
        zero_window_closed,
        &[Expected::new(Kind::FinWait1Stuck, WEB, "video", 120)],
    ),
    faulty(
        "orphans in FIN_WAIT1 behind a firewall",
        fin_wait1,
        &[Expected::new(Kind::FinWait1Stuck, PEER, "app", 121)],
    ),
    faulty(
        "orphans in FIN_WAIT1, and it passes",
        fin_wait1_passes,
        &[Expected::new(Kind::FinWait1Stuck, PEER, "app", 120).over(190, 205)],
    ),
    faulty(
        "SYNs to a host that drops them",
        syn_sent,
        &[Expected::new(Kind::SynSentStuck, PEER, "app", 72)],
    ),
    faulty(
        "LAST_ACK without an answer",
        last_ack,
        &[Expected::new(Kind::LastAckStuck, WEB, "web", 121)],
    ),
    faulty(
        "CLOSING without an answer",
        closing,
        &[Expected::new(Kind::ClosingStuck, WEB, "web", 121)],
    ),
    faulty(
        "FIN_WAIT2 held by a half-closed client",
        fin_wait2,
        &[Expected::new(Kind::FinWait2Stuck, PEER, "sender", 660)],
    ),
];

fn connect(world: &mut World, pid: Pid, count: usize) -> Vec<Conn> {
    (0..count)
        .filter_map(|_| world.connect(pid, DATABASE))
        .collect()
}

fn silence(world: &mut World, count: usize) {
    let app = world.start("app");
    let pool = connect(world, app, 20);
    world.wait(60);
    for (number, conn) in pool.iter().enumerate() {
        if number < count {
            world.peer_becomes(*conn, Peer::Gone);
        }
        world.send(*conn, 300);
    }
    world.every(1000, 400, |world, round| {
        world.talk(pool[count + round as usize % (20 - count)]);
    });
}

fn half_dead(world: &mut World) {
    silence(world, 10);
}

fn one_half_dead(world: &mut World) {
    silence(world, 1);
}

/// Connections whose readers take nothing.
fn unread(world: &mut World) -> (Pid, Vec<Conn>) {
    let video = world.start("video");
    let listener = world.listen(video, 80, 511);
    let conns: Vec<Conn> = (0..10)
        .filter_map(|number| world.serve(video, listener, client(number)))
        .collect();
    world.wait(60);
    for conn in &conns {
        world.peer_becomes(*conn, Peer::Full);
        world.send(*conn, 100_000);
    }
    (video, conns)
}

fn zero_window_gone(world: &mut World) {
    let (_, conns) = unread(world);
    for conn in conns {
        world.peer_becomes(conn, Peer::FullAndGone);
    }
    world.wait(200);
}

fn zero_window_closed(world: &mut World) {
    let (video, conns) = unread(world);
    for conn in conns {
        world.close(video, conn);
    }
    world.wait(200);
}

/// Five every five seconds, each closed to a peer that is gone.
fn fin_wait1(world: &mut World) {
    let app = world.start("app");
    world.wait(60);
    world.every(1000, 300, |world, _| {
        if let Some(conn) = world.connect(app, DATABASE) {
            world.peer_becomes(conn, Peer::Gone);
            world.close(app, conn);
        }
    });
}

fn fin_wait1_passes(world: &mut World) {
    let app = world.start("app");
    let pool = connect(world, app, 20);
    world.wait(60);
    for conn in pool {
        world.peer_becomes(conn, Peer::Gone);
        world.close(app, conn);
    }
    world.wait(300);
}

fn syn_sent(world: &mut World) {
    let app = world.start("app");
    world.wait(60);
    world.every(1000, 300, |world, _| {
        world.connect_unanswered(app, DATABASE);
        if let Some(conn) = world.connect(app, BACKEND) {
            world.peer_closes(conn);
            world.close(app, conn);
        }
    });
}

fn serve_and_lose(world: &mut World, lose: fn(&mut World, Pid, Conn)) {
    let web = world.start("web");
    let listener = world.listen(web, 80, 511);
    world.wait(60);
    world.every(1000, 300, |world, round| {
        if let Some(conn) = world.serve(web, listener, client(round)) {
            lose(world, web, conn);
        }
    });
}

fn last_ack(world: &mut World) {
    serve_and_lose(world, |world, web, conn| {
        world.peer_closes(conn);
        world.peer_becomes(conn, Peer::Gone);
        world.close(web, conn);
    });
}

fn closing(world: &mut World) {
    serve_and_lose(world, |world, web, conn| {
        world.peer_becomes(conn, Peer::Gone);
        world.close(web, conn);
        world.peer_closes(conn);
    });
}

fn fin_wait2(world: &mut World) {
    let sender = world.start("sender");
    let conns = connect(world, sender, 10);
    world.wait(60);
    for conn in conns {
        world.peer_becomes(conn, Peer::Lingering);
        world.shutdown(sender, conn);
    }
    world.wait(900);
}
