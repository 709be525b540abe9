//! Local ports that run out.

use tcpmon::core::facts::PortRange;
use tcpmon::core::verdict::{Evidence, Kind, Severity};

use super::{BACKEND, DATABASE, faulty};
use crate::scenario::{At, Expected, Scenario};
use crate::world::{Netns, World};

const fn ports(who: &'static str, crossed: u64) -> Expected {
    let at = At::Peer("10.0.0.9", 5432);
    Expected::new(Kind::PortExhaustion, at, who, crossed)
}

pub(super) const ALL: &[Scenario] = &[
    // Half of the thousand ports are used 25 s after the beginning, 95 % after 47.5 s.
    faulty(
        "by TIME_WAIT, to one peer of many",
        by_time_wait,
        &[ports("batch", 85).reaches(Severity::Critical, 107)],
    ),
    faulty(
        "by TIME_WAIT, foretold",
        foretold,
        &[ports("batch", 85).reaches(Severity::Critical, 116)],
    ),
    faulty(
        "by connections that stay",
        by_live,
        &[ports("pool", 110).reaches(Severity::Critical, 155)],
    ),
    faulty(
        "EADDRNOTAVAIL",
        no_port,
        &[ports("app", 60).reaches(Severity::Critical, 60)],
    ),
    faulty(
        "EADDRNOTAVAIL at the first connection, the range not known",
        no_port_at_first,
        &[ports("app", 60).reaches(Severity::Critical, 60)],
    ),
    faulty(
        "odd range, reserved ports, a listener among them",
        odd_range,
        &[ports("app", 10).reaches(Severity::Critical, 60)],
    ),
    faulty(
        "by TIME_WAIT, and then mended with a pool",
        mended,
        &[ports("app", 30)
            .reaches(Severity::Critical, 57)
            .over(160, 260)],
    ),
];

fn by_time_wait(world: &mut World) {
    connect_and_close(world, 50, 150);
}

/// 17 a second would use 1020 ports in the end.
fn foretold(world: &mut World) {
    connect_and_close(world, 59, 150);
}

fn connect_and_close(world: &mut World, every_ms: u64, until: u64) {
    world.set_port_range(40_000, 40_999);
    let batch = world.start("batch");
    let other = world.start("other");
    world.wait(60);
    world.every(every_ms, until, |world, round| {
        if let Some(conn) = world.connect(batch, DATABASE) {
            world.close(batch, conn);
        }
        if round % 4 == 0
            && let Some(conn) = world.connect(other, BACKEND)
        {
            world.close(other, conn);
        }
    });
}

/// Ten a second that stay: half of a thousand ports after 50 s.
fn by_live(world: &mut World) {
    world.set_port_range(40_000, 40_999);
    let pool = world.start("pool");
    world.limit_files(pool, 100_000);
    world.wait(60);
    world.every(100, 200, |world, _| {
        world.connect(pool, DATABASE);
    });
}

fn no_port(world: &mut World) {
    world.set_port_range(40_000, 40_005);
    let app = world.start("app");
    world.wait(60);
    for _ in 0..6 {
        world.connect(app, DATABASE);
    }
    let failed = world.connect(app, DATABASE).is_none();
    world.expect("no port is left", failed);
    world.every(10_000, 150, |world, _| {
        world.connect(app, DATABASE);
    });
}

fn no_port_at_first(world: &mut World) {
    world.set(Netns(0), |limits| limits.local_ports = None);
    let sshd = world.start("sshd");
    world.listen(sshd, 22, 128);
    let app = world.start("app");
    world.wait(60);
    world.every(10_000, 150, |world, _| {
        world.connect(app, DATABASE);
    });
}

/// Of 101 ports the last is never used, ten are reserved, and somebody listens on one.
fn odd_range(world: &mut World) {
    world.set_port_range(40_000, 40_100);
    world.set(Netns(0), |limits| {
        limits.reserved_ports = Some(vec![PortRange {
            low: 40_010,
            high: 40_019,
        }]);
    });
    let other = world.start("other");
    world.listen(other, 40_050, 10);
    let app = world.start("app");
    world.wait(10);
    for _ in 0..80 {
        world.connect(app, DATABASE);
    }
    world.wait(50);
    for _ in 0..5 {
        world.connect(app, DATABASE);
    }
    world.wait(30);
    let usable = world
        .judge
        .verdicts()
        .iter()
        .find_map(|verdict| match verdict.evidence {
            Evidence::Ports(ports) => ports.usable,
            _ => None,
        });
    world.expect(&format!("89 are usable: {usable:?}"), usable == Some(89));
    let more = (0..10)
        .filter(|_| world.connect(app, DATABASE).is_some())
        .count();
    world.expect(&format!("4 more connect: {more}"), more == 4);
}

/// Two hundred connections that come and go within a minute, of two hundred ports; then a pool.
fn mended(world: &mut World) {
    world.set_port_range(40_000, 40_199);
    let app = world.start("app");
    world.every(300, 120, |world, _| {
        if let Some(conn) = world.connect(app, DATABASE) {
            world.close(app, conn);
        }
    });
    let Some(conn) = world.connect(app, DATABASE) else {
        return world.wait(180);
    };
    world.every(1000, 300, |world, _| world.talk(conn));
}
