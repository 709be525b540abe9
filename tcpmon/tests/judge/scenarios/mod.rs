//! The scenarios. Times in their expectations follow from the thresholds: a socket lingers in
//! CLOSE_WAIT after 30 s, growth is known after four readings, and so on.

mod busy;
mod healthy;
mod leaks;
mod limits;
mod peers;
mod ports;
mod queues;

use std::net::{IpAddr, Ipv4Addr};

use crate::scenario::Scenario;

/// Every scenario.
pub(crate) fn all() -> impl Iterator<Item = &'static Scenario> {
    let groups = [
        healthy::ALL,
        busy::ALL,
        leaks::ALL,
        queues::ALL,
        ports::ALL,
        peers::ALL,
        limits::ALL,
    ];
    groups.into_iter().flatten()
}

const fn healthy(name: &'static str, play: fn(&mut crate::world::World)) -> Scenario {
    Scenario {
        name,
        play,
        expected: &[],
    }
}

const fn faulty(
    name: &'static str,
    play: fn(&mut crate::world::World),
    expected: &'static [crate::scenario::Expected],
) -> Scenario {
    Scenario {
        name,
        play,
        expected,
    }
}

/// The address and port of the `number`th client of a service.
fn client(number: u64) -> (IpAddr, u16) {
    let [.., high, low] = (number / 20_000).to_be_bytes();
    let port = 20_000 + (number % 20_000) as u16;
    (IpAddr::V4(Ipv4Addr::new(192, 0, high, low)), port)
}

const DATABASE: (IpAddr, u16) = (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 9)), 5432);
const BACKEND: (IpAddr, u16) = (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 10)), 8080);
