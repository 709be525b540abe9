//! Limits of the kernel.

use tcpmon::core::verdict::{Kind, Severity};

use super::{client, faulty};
use crate::scenario::{At, Expected, Scenario};
use crate::world::{Netns, World};

pub(super) const ALL: &[Scenario] = &[
    // Nine tenths of a thousand buckets are full 30 s after the beginning.
    faulty(
        "tcp_max_tw_buckets reached",
        time_wait_overflow,
        &[Expected::new(
            Kind::TimeWaitOverflow,
            At::Namespace,
            "web",
            90,
        )],
    ),
    faulty(
        "orphans near tcp_max_orphans",
        orphans,
        &[Expected::of_nobody(Kind::OrphansNearLimit, At::Machine, 60)
            .reaches(Severity::Critical, 120)],
    ),
];

fn time_wait_overflow(world: &mut World) {
    world.set(Netns(0), |limits| limits.max_minisocks = Some(1000));
    let web = world.start("web");
    let listener = world.listen(web, 80, 511);
    world.wait(60);
    world.every(33, 150, |world, round| {
        if let Some(conn) = world.serve(web, listener, client(round)) {
            world.close(web, conn);
        }
    });
}

fn orphans(world: &mut World) {
    world.wait(60);
    world.more_orphans = 35_000;
    world.wait(60);
    world.more_orphans = 60_000;
    world.wait(60);
}
