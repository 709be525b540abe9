//! A fleet: so many hosts, a few of them in trouble, one that is down, and their targets.

use std::net::SocketAddr;

use crate::exporter::Exporter;
use crate::hosts::{Fault, Host};
use crate::prometheus::Target;

/// Seconds that one clock is ahead.
pub(crate) const AHEAD: u64 = 92;

/// The hosts that are in trouble, by their numbers.
pub(crate) const LEAKING: u64 = 17;
pub(crate) const EXHAUSTING: u64 = 23;
pub(crate) const SKEWED: u64 = 8;
pub(crate) const DOWN: u64 = 3;

/// A fleet that is served.
pub(crate) struct Stage {
    pub(crate) exporter: Exporter,
    pub(crate) targets: Vec<Target>,
    /// Bound, and nobody listens: whoever connects is refused, and nobody else gets the port.
    _nobody: socket2::Socket,
}

impl Stage {
    /// A fleet of `count` hosts, at least [`EXHAUSTING`]. `now`: ns since 1970.
    pub(crate) fn set(count: u64, now: fn() -> u64) -> anyhow::Result<Self> {
        let numbers = 1..=count.max(EXHAUSTING);
        let hosts: Vec<Host> = numbers
            .map(|number| {
                let fault = match number {
                    LEAKING => Fault::Leak,
                    EXHAUSTING => Fault::Ports,
                    SKEWED => Fault::Clock(AHEAD),
                    _ => Fault::None,
                };
                Host::new(number, fault)
            })
            .collect();
        let names: Vec<String> = hosts.iter().map(|host| host.name.clone()).collect();
        let exporter = Exporter::start(hosts, now)?;
        let (nobody, refusing) = nobody()?;
        let down = name(DOWN);
        let targets = names.into_iter().map(|instance| Target {
            path: format!("/{instance}/metrics"),
            address: match instance == down {
                true => refusing,
                false => exporter.address,
            },
            instance,
        });
        Ok(Self {
            targets: targets.collect(),
            exporter,
            _nobody: nobody,
        })
    }
}

/// What host `number` is called.
pub(crate) fn name(number: u64) -> String {
    format!("web-{number:03}")
}

fn nobody() -> anyhow::Result<(socket2::Socket, SocketAddr)> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    socket.bind(&any.into())?;
    let address = socket.local_addr()?.as_socket();
    Ok((socket, address.unwrap_or(any)))
}
