//! Machines in order: nothing may be said of them.

use super::{BACKEND, DATABASE, client, healthy};
use crate::scenario::Scenario;
use crate::world::{Conn, Netns, Peer, World};

pub(super) const ALL: &[Scenario] = &[
    healthy("idle host", idle),
    healthy("keep-alive pool of a client", pool),
    healthy(
        "pool whose server hung up all idle connections",
        pool_hung_up,
    ),
    healthy(
        "pool whose server hangs up one connection after the other",
        pool_dies_slowly,
    ),
    healthy(
        "pools of two processes, one dying, one connecting",
        two_pools,
    ),
    healthy("deploy: everything closes, another pid listens", deploy),
    healthy("workers recycled one after the other", recycling),
    healthy("CLOSE_WAIT of 20 to 45 s that turns over", slow_drain),
    healthy("CLOSE_WAIT of 20 to 110 s that turns over", slower_drain),
    healthy("half-closed downloads to slow readers", half_close),
    healthy("clients that reset what they closed", resets),
    healthy("two long uploads after the client's FIN", two_uploads),
    healthy(
        "connections idle for an hour, with keepalive",
        idle_for_long,
    ),
    healthy("a few lost SYNs", lost_syns),
    healthy("a few lost segments", lost_segments),
    healthy("a reader that pauses for minutes", paused_reader),
    healthy("connections refused in a storm", refused),
    healthy("namespaces come and go", namespaces),
    healthy("agent started late", agent_late),
    healthy(
        "two listeners of one program on a port, one with old drops",
        two_listeners,
    ),
];

fn idle(world: &mut World) {
    let sshd = world.start("sshd");
    world.listen(sshd, 22, 128);
    world.wait(600);
}

fn pool(world: &mut World) {
    let app = world.start("app");
    let pool: Vec<Conn> = (0..20)
        .filter_map(|_| world.connect(app, DATABASE))
        .collect();
    world.every(1000, 600, |world, round| {
        world.talk(pool[round as usize % pool.len()]);
    });
}

fn pool_hung_up(world: &mut World) {
    let app = world.start("app");
    let pool: Vec<Conn> = (0..20)
        .filter_map(|_| world.connect(app, DATABASE))
        .collect();
    world.wait(60);
    for conn in pool {
        world.peer_closes(conn);
    }
    world.wait(3600);
}

fn pool_dies_slowly(world: &mut World) {
    let app = world.start("app");
    let pool: Vec<Conn> = (0..20)
        .filter_map(|_| world.connect(app, DATABASE))
        .collect();
    world.every(10_000, 400, |world, round| {
        if let Some(conn) = pool.get(round as usize) {
            world.peer_closes(*conn);
        }
    });
}

fn two_pools(world: &mut World) {
    let (quiet, busy) = (world.start("quiet"), world.start("busy"));
    let pool: Vec<Conn> = (0..20)
        .filter_map(|_| world.connect(quiet, DATABASE))
        .collect();
    world.every(2000, 400, |world, round| {
        if let Some(conn) = pool.get(round as usize / 4) {
            world.peer_closes(*conn);
        }
        if let Some(conn) = world.connect(busy, DATABASE) {
            world.peer_closes(conn);
            world.close(busy, conn);
        }
    });
}

fn deploy(world: &mut World) {
    for release in 1..=3 {
        let web = world.start("web");
        let listener = world.listen(web, 80, 511);
        for number in 0..200 {
            world.serve(web, listener, client(number));
        }
        world.wait(45);
        // Some clients leave first; the program that is going does not care for them any more.
        let leaving: Vec<Conn> = (200..230)
            .filter_map(|number| world.serve(web, listener, client(number)))
            .collect();
        for conn in leaving {
            world.peer_closes(conn);
        }
        world.every(1000, release * 60, |_, _| {});
        world.exit(web);
        world.wait(2);
    }
}

/// Workers share a listener; each serves for a while and is replaced.
fn recycling(world: &mut World) {
    let master = world.start("master");
    let listener = world.listen(master, 80, 511);
    let mut workers: Vec<_> = (0..4).map(|_| world.start("worker")).collect();
    for worker in &workers {
        world.share(listener, *worker);
    }
    world.every(100, 400, |world, round| {
        let place = round as usize % workers.len();
        if round % 200 == 199 {
            world.exit(workers[place]);
            workers[place] = world.start("worker");
            world.share(listener, workers[place]);
        }
        if let Some(conn) = world.serve(workers[place], listener, client(round)) {
            world.peer_closes(conn);
            world.pass(3);
            world.close(workers[place], conn);
        }
    });
}

/// 20 to 45 s.
fn slow_drain(world: &mut World) {
    drain(world, 51);
}

/// 20 to 110 s.
fn slower_drain(world: &mut World) {
    drain(world, 181);
}

/// Two connections a second; the program takes its time to notice that a peer is gone: from 20 s on,
/// up to so many half-seconds more.
fn drain(world: &mut World, spread: u64) {
    let web = world.start("reports");
    let listener = world.listen(web, 80, 511);
    let mut leaving: Vec<(u64, Conn)> = Vec::new();
    world.every(500, 900, |world, round| {
        if let Some(conn) = world.serve(web, listener, client(round)) {
            world.peer_closes(conn);
            leaving.push((round + 40 + round * 67 % spread, conn));
        }
        leaving.retain(|(due, conn)| {
            if *due <= round {
                world.close(web, *conn);
            }
            *due > round
        });
    });
}

fn half_close(world: &mut World) {
    let web = world.start("mirror");
    let listener = world.listen(web, 80, 511);
    let readers: Vec<Conn> = (0..20)
        .filter_map(|number| world.serve(web, listener, client(number)))
        .collect();
    for conn in &readers {
        world.peer_becomes(*conn, Peer::Full);
        world.send(*conn, 500_000);
        world.peer_closes(*conn);
    }
    world.wait(400);
    for conn in readers {
        world.peer_acknowledges(conn);
        world.close(web, conn);
    }
    world.wait(60);
}

/// Two a second hang up on a slow program and reset its answer 40 s later.
fn resets(world: &mut World) {
    let web = world.start("reports");
    let listener = world.listen(web, 80, 511);
    let mut left: Vec<Conn> = Vec::new();
    world.every(500, 400, |world, round| {
        if let Some(conn) = world.serve(web, listener, client(round)) {
            world.peer_closes(conn);
            left.push(conn);
        }
        if let Some(conn) = round.checked_sub(80).and_then(|old| left.get(old as usize)) {
            world.peer_resets(*conn);
        }
    });
}

fn two_uploads(world: &mut World) {
    let web = world.start("web");
    let listener = world.listen(web, 80, 511);
    for number in 0..2 {
        if let Some(conn) = world.serve(web, listener, client(number)) {
            world.peer_closes(conn);
        }
    }
    world.wait(600);
}

fn idle_for_long(world: &mut World) {
    let broker = world.start("broker");
    let listener = world.listen(broker, 1883, 511);
    for number in 0..300 {
        if let Some(conn) = world.serve(broker, listener, client(number)) {
            world.keep_alive(conn);
        }
    }
    world.wait(3600);
}

fn lost_syns(world: &mut World) {
    let app = world.start("app");
    world.every(5000, 300, |world, round| {
        if let Some(conn) = world.connect_unanswered(app, DATABASE) {
            world.pass(1000 + round % 3 * 2000);
            world.peer_acknowledges(conn);
            world.close(app, conn);
        }
    });
}

fn lost_segments(world: &mut World) {
    let app = world.start("app");
    let pool: Vec<Conn> = (0..20)
        .filter_map(|_| world.connect(app, DATABASE))
        .collect();
    world.every(10_000, 300, |world, _| {
        for conn in &pool {
            world.peer_becomes(*conn, Peer::Gone);
            world.send(*conn, 1000);
        }
        world.pass(5000);
        for conn in &pool {
            world.peer_acknowledges(*conn);
        }
    });
}

fn paused_reader(world: &mut World) {
    let video = world.start("video");
    let listener = world.listen(video, 443, 511);
    for number in 0..10 {
        if let Some(conn) = world.serve(video, listener, client(number)) {
            world.peer_becomes(conn, Peer::Full);
            world.send(conn, 100_000);
        }
    }
    world.wait(900);
}

fn refused(world: &mut World) {
    let app = world.start("app");
    world.every(5, 60, |world, _| world.connect_refused(app, BACKEND));
    world.wait(60);
}

fn namespaces(world: &mut World) {
    let mut before: Option<Netns> = None;
    world.every(10_000, 300, |world, _| {
        let netns = world.namespace();
        let pod = world.start("pod");
        let listener = world.listen_in(netns, pod, 80, 128);
        for number in 0..20 {
            if let Some(conn) = world.serve(pod, listener, client(number)) {
                world.peer_closes(conn);
            }
            world.connect_in(netns, pod, DATABASE);
        }
        world.pass(3000);
        world.exit(pod);
        if let Some(before) = before.replace(netns) {
            world.remove_namespace(before);
        }
    });
}

fn agent_late(world: &mut World) {
    world.without_agent();
    let web = world.start("web");
    let listener = world.listen(web, 80, 511);
    let app = world.start("app");
    for number in 0..300 {
        world.serve(web, listener, client(number));
        let conn = world.connect(app, DATABASE);
        if let Some(conn) = conn.filter(|_| number % 2 == 0) {
            world.close(app, conn);
        }
    }
    let pool: Vec<Conn> = (0..20)
        .filter_map(|_| world.connect(app, BACKEND))
        .collect();
    for conn in pool {
        world.peer_closes(conn);
    }
    world.wait(40);
    world.start_agent();
    world.wait(300);
}

/// One of them dropped a hundred connections before the agent began.
fn two_listeners(world: &mut World) {
    world.without_agent();
    let web = world.start("web");
    let old = world.listen(web, 80, 10);
    let new = world.listen(web, 80, 10);
    for number in 0..111 {
        world.arrive(old, client(number));
    }
    while let Some(conn) = world.accept(web, old) {
        world.peer_closes(conn);
        world.close(web, conn);
    }
    world.start_agent();
    world.every(1000, 120, |world, round| {
        if let Some(conn) = world.serve(web, new, client(round)) {
            world.peer_closes(conn);
            world.close(web, conn);
        }
    });
}
