//! Listeners whose queues are not emptied, or filled on purpose.

use tcpmon::core::verdict::{Kind, Severity};

use super::{client, faulty};
use crate::scenario::{At, Expected, Scenario};
use crate::world::{Conn, Netns, Pid, World};

const WEB: At = At::Port(80);

pub(super) const ALL: &[Scenario] = &[
    // The first in the queue waits from 60 s on.
    faulty(
        "accept() stuck, peers wait",
        stuck,
        &[Expected::new(Kind::AcceptStuck, WEB, "web", 70).reaches(Severity::Warning, 90)],
    ),
    faulty(
        "accept() stuck, peers hang up",
        stuck_and_left,
        &[Expected::new(Kind::AcceptStuck, WEB, "web", 70).reaches(Severity::Warning, 90)],
    ),
    faulty(
        "accept() stuck until the queue is full",
        stuck_and_full,
        &[Expected::new(Kind::AcceptStuck, WEB, "web", 70).reaches(Severity::Critical, 125)],
    ),
    faulty(
        "accept() stuck in eight workers that share the listener",
        stuck_workers,
        &[Expected::new(Kind::AcceptStuck, WEB, "worker-0", 70).reaches(Severity::Warning, 90)],
    ),
    faulty(
        "accept() stuck for a while",
        stuck_for_a_while,
        &[Expected::new(Kind::AcceptStuck, WEB, "web", 70)
            .reaches(Severity::Warning, 90)
            .over(150, 170)],
    ),
    faulty(
        "accept() stuck until it drops, then mended",
        full_and_mended,
        &[Expected::new(Kind::AcceptStuck, WEB, "web", 70)
            .reaches(Severity::Critical, 125)
            .over(230, 245)],
    ),
    faulty(
        "accept() stuck before the agent started",
        stuck_before,
        &[Expected::new(Kind::AcceptStuck, WEB, "web", 60).reaches(Severity::Warning, 60)],
    ),
    faulty(
        "out of files: accept() fails",
        out_of_files,
        &[
            Expected::new(Kind::CloseWaitLeak, WEB, "leaky", 120).reaches(Severity::Critical, 120),
            Expected::new(Kind::AcceptStuck, WEB, "leaky", 120).reaches(Severity::Warning, 140),
        ],
    ),
    faulty(
        "accept() stuck in one of eight with SO_REUSEPORT",
        one_of_eight,
        &[Expected::new(Kind::AcceptStuck, WEB, "worker-3", 70).reaches(Severity::Warning, 95)],
    ),
    // Twenty a second come, ten are accepted: forty wait after four seconds, fifty after five.
    faulty(
        "accepting too slowly: the queue overflows",
        overflow,
        &[Expected::new(Kind::AcceptQueueOverflow, WEB, "slow", 64)
            .reaches(Severity::Critical, 74)],
    ),
    faulty(
        "full queue without drops",
        full,
        &[Expected::new(Kind::AcceptQueueOverflow, WEB, "slow", 75).at_most(Severity::Warning)],
    ),
    faulty(
        "SYN flood, answered with cookies",
        flood_with_cookies,
        &[Expected::new(Kind::SynFlood, WEB, "web", 61).at_most(Severity::Warning)],
    ),
    faulty(
        "SYN flood without cookies",
        flood_without_cookies,
        &[Expected::new(Kind::SynFlood, WEB, "web", 61).reaches(Severity::Critical, 65)],
    ),
    faulty(
        "SYN flood without cookies, small tcp_max_syn_backlog",
        flood_small_backlog,
        &[Expected::new(Kind::SynFlood, WEB, "web", 61).reaches(Severity::Critical, 65)],
    ),
    faulty(
        "SYN flood on eight listeners with SO_REUSEPORT",
        flood_on_eight,
        &[Expected::of_nobody(Kind::SynFlood, WEB, 61).at_most(Severity::Warning)],
    ),
    faulty(
        "more clients than the backlog, cookies come back",
        real_burst,
        &[Expected::new(Kind::SynFlood, WEB, "web", 61)
            .reaches(Severity::Suspicious, 61)
            .at_most(Severity::Suspicious)],
    ),
];

/// A web server that serves ten a second for a minute.
fn serve_a_minute(world: &mut World, backlog: u32) -> (Pid, Conn) {
    let web = world.start("web");
    let listener = world.listen(web, 80, backlog);
    world.every(100, 60, |world, round| {
        if let Some(conn) = world.serve(web, listener, client(round)) {
            world.peer_closes(conn);
            world.close(web, conn);
        }
    });
    (web, listener)
}

/// Accepts whoever waits, and is done with them at once.
fn serve_all(world: &mut World, pid: Pid, listener: Conn) {
    while let Some(conn) = world.accept(pid, listener) {
        world.peer_closes(conn);
        world.close(pid, conn);
    }
}

fn stuck(world: &mut World) {
    let (_, listener) = serve_a_minute(world, 511);
    world.every(1000, 200, |world, round| {
        world.arrive(listener, client(round));
    });
}

fn stuck_and_left(world: &mut World) {
    let (_, listener) = serve_a_minute(world, 511);
    world.every(1000, 200, |world, round| {
        if let Some(conn) = world.arrive(listener, client(round)) {
            world.pass(500);
            world.peer_closes(conn);
        }
    });
}

fn stuck_and_full(world: &mut World) {
    let (_, listener) = serve_a_minute(world, 128);
    world.every(500, 250, |world, round| {
        world.arrive(listener, client(round));
    });
}

fn stuck_workers(world: &mut World) {
    let names = (0..8).map(|number| format!("worker-{number}"));
    let workers: Vec<Pid> = names.map(|name| world.start(&name)).collect();
    let listener = world.listen(workers[0], 80, 511);
    for worker in &workers[1..] {
        world.share(listener, *worker);
    }
    world.every(100, 60, |world, round| {
        let worker = workers[round as usize % 8];
        if let Some(conn) = world.serve(worker, listener, client(round)) {
            world.peer_closes(conn);
            world.close(worker, conn);
        }
    });
    world.every(1000, 200, |world, round| {
        world.arrive(listener, client(round));
    });
}

/// Eight workers, each with a listener of its own.
fn eight(world: &mut World, backlog: u32) -> Vec<(Pid, Conn)> {
    let names = (0..8).map(|number| format!("worker-{number}"));
    let workers = names.map(|name| {
        let worker = world.start(&name);
        (worker, world.listen(worker, 80, backlog))
    });
    workers.collect()
}

/// The third stops; the others accept every five seconds, and somebody waits there most of the time.
fn one_of_eight(world: &mut World) {
    let workers = eight(world, 511);
    world.every(100, 250, |world, round| {
        let (_, listener) = workers[round as usize % 8];
        world.arrive(listener, client(round));
        if round % 50 != 49 {
            return;
        }
        for (place, (worker, listener)) in workers.iter().enumerate() {
            if place != 3 || round < 600 {
                serve_all(world, *worker, *listener);
            }
        }
    });
}

fn flood_on_eight(world: &mut World) {
    let workers = eight(world, 128);
    world.wait(60);
    world.every(1, 150, |world, round| {
        let (_, listener) = workers[round as usize % 8];
        world.half_open(listener, client(round));
    });
}

fn stuck_for_a_while(world: &mut World) {
    let (web, listener) = serve_a_minute(world, 511);
    world.every(1000, 120, |world, round| {
        world.arrive(listener, client(round));
    });
    serve_all(world, web, listener);
    world.every(100, 300, |world, round| {
        if let Some(conn) = world.serve(web, listener, client(round)) {
            world.peer_closes(conn);
            world.close(web, conn);
        }
    });
}

fn full_and_mended(world: &mut World) {
    let (web, listener) = serve_a_minute(world, 128);
    world.every(500, 200, |world, round| {
        world.arrive(listener, client(round));
    });
    world.every(100, 300, |world, round| {
        serve_all(world, web, listener);
        world.arrive(listener, client(round));
    });
}

fn stuck_before(world: &mut World) {
    world.without_agent();
    let web = world.start("web");
    let listener = world.listen(web, 80, 511);
    for number in 0..20 {
        world.arrive(listener, client(number));
    }
    world.wait(60);
    world.start_agent();
    world.wait(100);
}

/// Thirty seconds after the first leak no file is left, and whoever connects then waits for ever.
fn out_of_files(world: &mut World) {
    let leaky = world.start("leaky");
    world.limit_files(leaky, 510);
    let listener = world.listen(leaky, 80, 511);
    world.wait(60);
    world.every(100, 250, |world, round| {
        if world.free_files(leaky) == 0 && round % 10 != 0 {
            return;
        }
        if let Some(conn) = world.arrive(listener, client(round)) {
            world.peer_closes(conn);
            world.accept(leaky, listener);
        }
    });
}

fn serve_slowly(world: &mut World, backlog: u32, every_ms: u64, until: u64) {
    let slow = world.start("slow");
    let listener = world.listen(slow, 80, backlog);
    world.wait(60);
    world.every(50, until, |world, round| {
        world.arrive(listener, client(round));
        if round % (every_ms / 50) == 0
            && let Some(conn) = world.accept(slow, listener)
        {
            world.peer_closes(conn);
            world.close(slow, conn);
        }
    });
}

fn overflow(world: &mut World) {
    serve_slowly(world, 50, 100, 200);
}

/// Filled to nine tenths at 65 s; from then on as many are accepted as come.
fn full(world: &mut World) {
    let slow = world.start("slow");
    let listener = world.listen(slow, 80, 100);
    world.wait(60);
    world.every(50, 200, |world, round| {
        world.arrive(listener, client(round));
        if round >= 95
            && let Some(conn) = world.accept(slow, listener)
        {
            world.peer_closes(conn);
            world.close(slow, conn);
        }
    });
}

fn flood(world: &mut World, backlog: u32) {
    let (web, listener) = serve_a_minute(world, backlog);
    world.every(5, 150, |world, round| {
        world.half_open(listener, client(round));
        if round % 100 == 0
            && let Some(conn) = world.serve(web, listener, client(round))
        {
            world.peer_closes(conn);
            world.close(web, conn);
        }
    });
}

fn flood_with_cookies(world: &mut World) {
    flood(world, 128);
}

fn flood_without_cookies(world: &mut World) {
    world.set(Netns(0), |limits| limits.syncookies = Some(0));
    flood(world, 128);
}

fn flood_small_backlog(world: &mut World) {
    world.set(Netns(0), |limits| {
        limits.syncookies = Some(0);
        limits.max_syn_backlog = Some(256);
    });
    flood(world, 4096);
}

/// Two hundred clients a second, some of them far away: their handshakes fill the backlog, and the
/// others get a cookie, which they answer.
fn real_burst(world: &mut World) {
    let (web, listener) = serve_a_minute(world, 64);
    world.every(5, 120, |world, round| {
        world.half_open(listener, client(round));
        if round > 64
            && let Some(conn) = world.answer_cookie(listener, client(round))
        {
            world.accept(web, listener);
            world.peer_closes(conn);
            world.close(web, conn);
        }
    });
}
