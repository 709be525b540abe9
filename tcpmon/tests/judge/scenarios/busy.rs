//! Machines under load, and in order.

use std::net::{IpAddr, Ipv4Addr};

use super::{BACKEND, DATABASE, client, healthy};
use crate::scenario::Scenario;
use crate::world::{Conn, Netns, World};

pub(super) const ALL: &[Scenario] = &[
    healthy("burst of 10,000 short connections", burst),
    healthy("CLOSE_WAIT of milliseconds at 5,000/s", brief_close_wait),
    healthy("a proxy with both sides", proxy),
    healthy("batch client with 4,000 connections to one peer", batch),
    healthy("a pool as large as 70 % of the ports", large_pool),
    healthy(
        "short connections that level off at 70 % of the ports",
        level_off,
    ),
    healthy("TIME_WAIT in tens of thousands on a server", time_wait),
    healthy("TIME_WAIT on loopback, taken over", loopback),
    healthy("TIME_WAIT at half of the buckets", half_of_the_buckets),
    healthy("accept queue full for a second, again and again", spike),
    healthy("half-open connections far below the backlog", handshakes),
    healthy(
        "half-open connections of eight listeners on a port",
        handshakes_of_eight,
    ),
    healthy("a tenth of the orphans", some_orphans),
];

fn serve_briefly(world: &mut World, web: crate::world::Pid, listener: Conn, number: u64) {
    if let Some(conn) = world.serve(web, listener, client(number)) {
        world.peer_closes(conn);
        world.close(web, conn);
    }
}

fn burst(world: &mut World) {
    let web = world.start("web");
    let listener = world.listen(web, 80, 511);
    world.wait(10);
    world.every(1, 20, |world, number| {
        serve_briefly(world, web, listener, number)
    });
    world.wait(100);
}

fn brief_close_wait(world: &mut World) {
    let web = world.start("web");
    let listener = world.listen(web, 80, 511);
    let mut before: Vec<Conn> = Vec::new();
    world.every(2, 20, |world, round| {
        for conn in before.drain(..) {
            world.close(web, conn);
        }
        for number in 0..10 {
            if let Some(conn) = world.serve(web, listener, client(round * 10 + number)) {
                world.peer_closes(conn);
                before.push(conn);
            }
        }
    });
}

fn proxy(world: &mut World) {
    let proxy = world.start("proxy");
    let listener = world.listen(proxy, 80, 511);
    world.every(20, 180, |world, number| {
        let front = world.serve(proxy, listener, client(number));
        let back = world.connect(proxy, BACKEND);
        if let (Some(front), Some(back)) = (front, back) {
            world.peer_closes(back);
            world.close(proxy, back);
            world.close(proxy, front);
        }
    });
}

fn batch(world: &mut World) {
    let batch = world.start("batch");
    world.limit_files(batch, 65_536);
    let mut conns = Vec::new();
    world.every(10, 50, |world, round| {
        if round < 4000 {
            conns.extend(world.connect(batch, DATABASE));
        }
    });
    world.wait(100);
    for conn in conns {
        world.close(batch, conn);
    }
    world.wait(100);
}

fn large_pool(world: &mut World) {
    world.set_port_range(40_000, 40_999);
    let app = world.start("app");
    for _ in 0..700 {
        world.connect(app, DATABASE);
    }
    world.wait(300);
}

/// 11.6/s closed by the client: 700 of a thousand ports are in TIME_WAIT in the end.
fn level_off(world: &mut World) {
    world.set_port_range(40_000, 40_999);
    let app = world.start("app");
    world.every(86, 300, |world, _| {
        if let Some(conn) = world.connect(app, DATABASE) {
            world.close(app, conn);
        }
    });
}

fn time_wait(world: &mut World) {
    let web = world.start("web");
    let listener = world.listen(web, 80, 511);
    world.every(2, 90, |world, number| {
        if let Some(conn) = world.serve(web, listener, client(number)) {
            world.close(web, conn);
        }
    });
    world.wait(70);
}

/// Three times as many connections a minute as there are ports.
fn loopback(world: &mut World) {
    world.set_port_range(40_000, 40_999);
    let app = world.start("app");
    let redis = (IpAddr::V4(Ipv4Addr::LOCALHOST), 6379);
    world.every(20, 180, |world, _| {
        if let Some(conn) = world.connect(app, redis) {
            world.close(app, conn);
        } else {
            world.expect("a port is taken over", false);
        }
    });
}

fn half_of_the_buckets(world: &mut World) {
    world.set(Netns(0), |limits| limits.max_minisocks = Some(2000));
    let web = world.start("web");
    let listener = world.listen(web, 80, 511);
    world.every(60, 180, |world, number| {
        if let Some(conn) = world.serve(web, listener, client(number)) {
            world.close(web, conn);
        }
    });
}

fn spike(world: &mut World) {
    let web = world.start("web");
    let listener = world.listen(web, 80, 100);
    world.every(20_000, 200, |world, round| {
        world.pass(500);
        for number in 0..100 {
            world.arrive(listener, client(round * 100 + number));
        }
        world.pass(1000);
        while let Some(conn) = world.accept(web, listener) {
            world.peer_closes(conn);
            world.close(web, conn);
        }
    });
}

fn handshakes(world: &mut World) {
    let web = world.start("web");
    let listener = world.listen(web, 80, 511);
    world.every(1000, 200, |world, round| {
        world.half_open(listener, client(round))
    });
}

/// Together as many as one of them could have, so a few for each.
fn handshakes_of_eight(world: &mut World) {
    let listeners: Vec<Conn> = (0..8)
        .map(|_| {
            let worker = world.start("worker");
            world.listen(worker, 80, 64)
        })
        .collect();
    world.every(1000, 200, |world, round| {
        world.half_open(listeners[round as usize % 8], client(round));
    });
}

fn some_orphans(world: &mut World) {
    world.more_orphans = 6500;
    world.wait(120);
}
