//! Programs that forget `close()`.

use tcpmon::core::verdict::{Evidence, Kind, Severity};
use tcpmon_common::State;

use super::{BACKEND, client, faulty};
use crate::scenario::{At, Expected, Scenario};
use crate::world::{Conn, Pid, World};

const fn leak(at: At, who: &'static str, crossed: u64) -> Expected {
    Expected::new(Kind::CloseWaitLeak, at, who, crossed)
}

const WEB: At = At::Port(80);

pub(super) const ALL: &[Scenario] = &[
    // The third lingers at 1830 s, the fifth at 3030 s, and it is two minutes old at 3120 s.
    faulty(
        "slow leak, one in ten minutes",
        slow,
        &[leak(WEB, "slow", 1830).reaches(Severity::Warning, 3120)],
    ),
    faulty("fast leak, ten a second", fast, &[leak(WEB, "fast", 120)]),
    faulty(
        "fifty at once, then nothing",
        burst,
        &[leak(WEB, "burst", 120).reaches(Severity::Warning, 180)],
    ),
    faulty(
        "one of eight workers",
        one_of_eight,
        &[leak(WEB, "worker-3", 120).reaches(Severity::Warning, 125)],
    ),
    faulty(
        "beside heavy healthy traffic",
        beside_traffic,
        &[leak(WEB, "web", 120)],
    ),
    faulty(
        "beside connections that turn over slowly",
        beside_slow_ones,
        &[leak(WEB, "web", 60).reaches(Severity::Warning, 140)],
    ),
    faulty(
        "of a client without bound",
        client_leak,
        &[leak(At::Peer("10.0.0.10", 8080), "crawler", 120)],
    ),
    // The fourth is opened while three linger, and the sixth makes five more than one.
    faulty(
        "of a client, slow",
        slow_client_leak,
        &[leak(At::Peer("10.0.0.10", 8080), "crawler", 2400).reaches(Severity::Warning, 3630)],
    ),
    faulty(
        "near the limit of open files",
        near_limit,
        &[leak(WEB, "leaky", 120).reaches(Severity::Critical, 6580)],
    ),
    faulty(
        "mended after a while",
        mended,
        &[leak(WEB, "web", 120).over(270, 285)],
    ),
    faulty(
        "older than the agent, holders seen only later",
        agent_late,
        &[Expected::of_nobody(Kind::CloseWaitLeak, WEB, 60).reaches(Severity::Warning, 120)],
    ),
    faulty(
        "ended by a restart",
        restart,
        &[leak(WEB, "web", 120).over(330, 345)],
    ),
];

/// A connection whose peer hangs up and that nobody closes.
fn forget(world: &mut World, pid: Pid, listener: Conn, number: u64) -> Option<Conn> {
    let conn = world.serve(pid, listener, client(number))?;
    world.peer_closes(conn);
    Some(conn)
}

fn serve(world: &mut World, pid: Pid, listener: Conn, number: u64) {
    if let Some(conn) = forget(world, pid, listener, number) {
        world.close(pid, conn);
    }
}

fn slow(world: &mut World) {
    let slow = world.start("slow");
    let listener = world.listen(slow, 80, 511);
    world.every(10_000, 7200, |world, round| {
        if round > 0 && round % 60 == 0 {
            forget(world, slow, listener, round);
        } else {
            serve(world, slow, listener, round);
        }
    });
}

fn fast(world: &mut World) {
    let fast = world.start("fast");
    world.limit_files(fast, 100_000);
    let listener = world.listen(fast, 80, 511);
    world.wait(60);
    world.every(100, 300, |world, round| {
        forget(world, fast, listener, round);
    });
}

fn burst(world: &mut World) {
    let pid = world.start("burst");
    let listener = world.listen(pid, 80, 511);
    world.wait(60);
    for number in 0..50 {
        forget(world, pid, listener, number);
    }
    world.wait(900);
}

/// Forty connections a second over all; the third worker forgets one of four of its.
fn one_of_eight(world: &mut World) {
    let names = (0..8).map(|number| format!("worker-{number}"));
    let workers: Vec<Pid> = names.map(|name| world.start(&name)).collect();
    let listener = world.listen(workers[0], 80, 511);
    for worker in &workers[1..] {
        world.share(listener, *worker);
    }
    world.wait(60);
    world.every(100, 400, |world, round| {
        let worker = workers[round as usize % 8];
        if round % 32 == 3 {
            forget(world, worker, listener, round);
        } else {
            serve(world, worker, listener, round);
        }
    });
}

fn beside_traffic(world: &mut World) {
    let web = world.start("web");
    let listener = world.listen(web, 80, 511);
    world.wait(60);
    world.every(4, 150, |world, round| {
        if round % 250 == 0 {
            forget(world, web, listener, round);
        } else {
            serve(world, web, listener, round);
        }
    });
}

/// Of two a second one in eight is forgotten; the others take 20 to 45 s.
fn beside_slow_ones(world: &mut World) {
    let web = world.start("web");
    let listener = world.listen(web, 80, 511);
    let mut leaving: Vec<(u64, Conn)> = Vec::new();
    world.every(500, 1200, |world, round| {
        if let Some(conn) = forget(world, web, listener, round)
            && round % 8 != 0
        {
            leaving.push((round + 40 + round * 7 % 51, conn));
        }
        leaving.retain(|(due, conn)| {
            if *due <= round {
                world.close(web, *conn);
            }
            *due > round
        });
    });
}

fn client_leak(world: &mut World) {
    let crawler = world.start("crawler");
    world.wait(60);
    world.every(1000, 400, |world, _| {
        if let Some(conn) = world.connect(crawler, BACKEND) {
            world.peer_closes(conn);
        }
    });
}

fn slow_client_leak(world: &mut World) {
    let crawler = world.start("crawler");
    world.every(600_000, 10_800, |world, round| {
        if round > 0
            && let Some(conn) = world.connect(crawler, BACKEND)
        {
            world.peer_closes(conn);
        }
    });
}

/// One in ten seconds against a limit of 1024: an hour before the end it is critical, and the end
/// comes when it was foretold.
fn near_limit(world: &mut World) {
    let leaky = world.start("leaky");
    let listener = world.listen(leaky, 80, 511);
    world.wait(60);
    let (mut foretold, mut failed) = (None, None);
    world.every(10_000, 10_300, |world, round| {
        if world.free_files(leaky) == 0 {
            failed.get_or_insert(world.seconds());
            return;
        }
        forget(world, leaky, listener, round);
        if foretold.is_none()
            && let Some((now, left)) = seconds_left(world)
        {
            foretold = Some((now, now + left));
        }
    });
    let is_right = foretold.zip(failed).is_some_and(|((now, end), failed)| {
        let left: f64 = failed - now;
        (end - failed).abs() <= 0.2 * left
    });
    world.expect(
        &format!("foretold {foretold:?}, failed {failed:?}"),
        is_right,
    );
}

/// The first prediction that made a verdict critical.
fn seconds_left(world: &World) -> Option<(f64, f64)> {
    let verdicts = world.judge.verdicts();
    let critical = verdicts
        .iter()
        .find(|verdict| verdict.severity == Severity::Critical)?;
    match critical.evidence {
        Evidence::Leak(leak) => Some((world.seconds(), leak.seconds_left?)),
        _ => None,
    }
}

fn mended(world: &mut World) {
    let web = world.start("web");
    let listener = world.listen(web, 80, 511);
    world.limit_files(web, 100_000);
    world.wait(60);
    let mut forgotten = Vec::new();
    world.every(200, 240, |world, round| {
        forgotten.extend(forget(world, web, listener, round));
    });
    for conn in forgotten {
        world.close(web, conn);
    }
    world.every(200, 500, |world, round| serve(world, web, listener, round));
}

/// A hundred connections have been forgotten for an hour when the agent starts. Nobody can look
/// into processes at first, and two listen on the port.
fn agent_late(world: &mut World) {
    world.without_agent();
    world.sees_holders = false;
    let old = world.start("old");
    let listener = world.listen(old, 80, 511);
    for number in 0..100 {
        forget(world, old, listener, number);
    }
    world.wait(40);
    world.start_agent();
    world.wait(200);
    world.sees_holders = true;
    world.wait(200);
    let held = world
        .judge
        .verdicts()
        .iter()
        .all(|verdict| verdict.subject.process.is_some());
    world.expect("the verdict names the process", held);
}

fn restart(world: &mut World) {
    let web = world.start("web");
    let listener = world.listen(web, 80, 511);
    world.wait(60);
    world.every(200, 240, |world, round| {
        forget(world, web, listener, round);
    });
    world.wait(60);
    world.exit(web);
    let web = world.start("web");
    let listener = world.listen(web, 80, 511);
    world.every(200, 500, |world, round| serve(world, web, listener, round));
    let open = world.table.in_state(State::CloseWait);
    world.expect("no connection is left", open == 0);
}
