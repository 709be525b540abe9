//! `cargo xtask load`: bounded TCP load on loopback, for benchmarks and for trying tcpmon out.

pub(crate) mod fleet;
pub(crate) mod hold;

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::socket::{Backlog, Shutdown, listen, shutdown};
use nix::unistd::Pid;

/// Connections towards one address before the next: fewer than a port range has.
const PER_ADDRESS: u64 = 20_000;

/// Make TCP connections on loopback, as many as said and no more
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(clap::Subcommand)]
enum Kind {
    /// Open and close connections: ten transitions each
    Churn {
        /// Threads, one per processor
        #[arg(long, default_value_t = 2)]
        workers: u64,
        /// Connections of each thread
        #[arg(long, default_value_t = 10_000)]
        connections: u64,
        /// At most so many connections a second of all threads [default: as many as there can be]
        #[arg(long)]
        per_second: Option<u64>,
    },
    /// Listen and stop listening: two transitions and no packet each time
    Tight {
        /// Times
        #[arg(long, default_value_t = 500_000)]
        rounds: u64,
    },
    /// Open connections and hold both ends until standard input ends
    Hold {
        /// How many
        #[arg(long, default_value_t = 10_000)]
        connections: u64,
        /// In so many processes at least; each has a name of its own
        #[arg(long, default_value_t = 1)]
        processes: u64,
    },
    /// Simulate a fleet of hosts, scraped by a Prometheus, for `tcpmon top --prometheus`
    Fleet {
        /// How many hosts
        #[arg(long, default_value_t = 200)]
        hosts: u64,
    },
    /// What one process of `hold` does
    #[command(hide = true)]
    HoldPart {
        #[arg(long)]
        index: u16,
        #[arg(long)]
        connections: u64,
    },
}

/// Runs `cargo xtask load`. The last line on stdout is `NAME NUMBER SECONDS`.
pub(crate) fn run(args: &Args) -> Result<()> {
    match args.kind {
        Kind::Churn {
            workers,
            connections,
            per_second,
        } => {
            // Of each thread, between the beginnings of two connections.
            let each = |rate: u64| Duration::from_secs_f64(workers as f64 / rate.max(1) as f64);
            let pace = per_second.map(each);
            let seconds = timed(|| churn(workers, connections, pace))?;
            println!("churn {} {seconds:.6}", workers * connections);
        }
        Kind::Tight { rounds } => {
            let seconds = timed(|| tight(rounds))?;
            println!("tight {rounds} {seconds:.6}");
        }
        Kind::Fleet { hosts } => fleet::run(hosts)?,
        Kind::Hold {
            connections,
            processes,
        } => hold::all(connections, processes)?,
        Kind::HoldPart { index, connections } => hold::part(index, connections)?,
    }
    Ok(())
}

fn timed(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    #[expect(clippy::disallowed_methods, reason = "a benchmark's load is timed")]
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64())
}

fn churn(workers: u64, connections: u64, pace: Option<Duration>) -> Result<()> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|worker| scope.spawn(move || churn_one(worker, connections, pace)))
            .collect();
        for thread in threads {
            match thread.join() {
                Ok(outcome) => outcome?,
                Err(_) => anyhow::bail!("a worker panicked"),
            }
        }
        Ok(())
    })
}

fn churn_one(worker: u64, connections: u64, pace: Option<Duration>) -> Result<()> {
    pin(worker)?;
    let mut pace = pace.map(Pace::new);
    let mut left = connections;
    for block in 0.. {
        if left == 0 {
            break;
        }
        let now = left.min(PER_ADDRESS);
        churn_address(address(worker, block), now, &mut pace)
            .context("a connection on loopback failed: is `lo` up and are there enough ports?")?;
        left -= now;
    }
    Ok(())
}

/// An address of its own for each block, so that TIME_WAIT never uses up the ports towards it.
fn address(worker: u64, block: u64) -> Ipv4Addr {
    let [.., high, low] = block.to_be_bytes();
    let [.., worker] = worker.to_be_bytes();
    Ipv4Addr::new(
        127,
        worker.wrapping_add(2),
        high,
        low.wrapping_add(1).max(1),
    )
}

/// Says when the next connection is due. Who is late makes up for it, so the rate is the one asked for.
struct Pace {
    every: Duration,
    due: Instant,
}

impl Pace {
    fn new(every: Duration) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a benchmark's load is paced")]
        let due = Instant::now();
        Self { every, due }
    }

    fn wait(&mut self) {
        #[expect(clippy::disallowed_methods, reason = "a benchmark's load is paced")]
        let now = Instant::now();
        thread::sleep(self.due.saturating_duration_since(now));
        self.due += self.every;
    }
}

fn churn_address(address: Ipv4Addr, connections: u64, pace: &mut Option<Pace>) -> io::Result<()> {
    let listener = TcpListener::bind(SocketAddrV4::new(address, 0))?;
    let to = listener.local_addr()?;
    for _ in 0..connections {
        if let Some(pace) = pace {
            pace.wait();
        }
        let client = TcpStream::connect(to)?;
        let (server, _) = listener.accept()?;
        drop(client);
        drop(server);
    }
    Ok(())
}

fn tight(rounds: u64) -> Result<()> {
    pin(1)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    for _ in 0..rounds {
        shutdown(listener.as_raw_fd(), Shutdown::Read)?;
        listen(&listener, Backlog::new(1)?)?;
    }
    Ok(())
}

/// Keeps the calling thread on one processor, if there are so many.
fn pin(processor: u64) -> Result<()> {
    let processors = thread::available_parallelism()?.get();
    let mut set = CpuSet::new();
    set.set(usize::try_from(processor)? % processors)?;
    sched_setaffinity(Pid::from_raw(0), &set).context("cannot choose a processor")
}
