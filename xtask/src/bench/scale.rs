//! What many sockets cost that only sit there.

use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};

use super::agent::{Agent, Kept, Metrics};
use super::held::Held;
use super::report::{Report, median};
use super::timed;

/// Sockets held, one after the other; the last is measured in full.
const SIZES: [u64; 3] = [10_000, 100_000, 500_000];
/// Repetitions of what takes milliseconds.
const TIMES: usize = 21;
/// Repetitions of `ss`.
const SS_TIMES: usize = 3;
/// Between two looks at an agent that rests. Each costs it half a millisecond.
const LOOK: Duration = Duration::from_secs(10);
/// A little longer than the agent's longest pause between two audits, in looks.
const LOOKS: usize = 93;
const AUDITS: &str = "tcpmon_audits_total";
const CPU: &str = "process_cpu_seconds_total";
const SWEEPS: &str = "tcpmon_sweep_cpu_seconds_total";

/// One size, measured.
struct Size {
    sockets: u64,
    ready_cpu: f64,
    seed_cpu: f64,
    rss: f64,
    scrape: f64,
    ls: f64,
    ss: f64,
}

/// Measures all sizes; the largest for about a quarter of an hour, most of which it rests.
pub(super) fn measure(report: &mut Report) -> Result<()> {
    let mut sizes = Vec::new();
    for sockets in SIZES {
        eprintln!("holding {sockets} sockets");
        let held = Held::open(sockets, 1)?;
        let agent = Agent::start()?;
        let seeded = agent.seeded()?;
        sizes.push(one(&agent, &held, &seeded)?);
        if Some(&sockets) == SIZES.last() {
            at_rest(report, &agent, &seeded)?;
        }
        agent.stop()?;
    }
    side_by_side(report, &sizes);
    Ok(())
}

fn one(agent: &Agent, held: &Held, seeded: &Metrics) -> Result<Size> {
    let sockets = seeded.sum("tcpmon_sockets");
    if sockets < held.sockets as f64 {
        bail!("the agent has {sockets} sockets of {}", held.sockets);
    }
    let mut scrapes = Vec::new();
    let mut lists = Vec::new();
    for _ in 0..TIMES {
        let (seconds, scrape) = timed(|| agent.metrics());
        scrape?;
        scrapes.push(seconds);
        let (seconds, list) = timed(|| agent.ls(20));
        list?;
        lists.push(seconds);
    }
    let ss: Vec<f64> = (0..SS_TIMES).map(|_| held.ss()).collect::<Result<_>>()?;
    Ok(Size {
        sockets: held.sockets,
        ready_cpu: seeded.sum(CPU),
        seed_cpu: seeded.sum(SWEEPS),
        rss: agent.metrics()?.sum("process_resident_memory_bytes"),
        scrape: median(&scrapes),
        ls: median(&lists),
        ss: median(&ss),
    })
}

/// From after the seed to the end of the next audit: the agent's rest, and what it rests for.
fn at_rest(report: &mut Report, agent: &Agent, seeded: &Metrics) -> Result<()> {
    let mut longest = Longest::default();
    longest.see(seeded);
    let mut scraper = agent.keep()?;
    let before = scraper.metrics()?;
    let (seconds, after) = timed(|| longest.until_audit(&mut scraper, &before));
    let after = after?;
    let audit = after.sum("tcpmon_audit_duration_seconds");
    let sweeps = after.grew(&before, SWEEPS);
    report.add(
        "all sweeps of one rest",
        &format!("{:.0} ms of CPU", sweeps * 1e3),
        &format!(
            "sweeper and owner, with the scan of holders and the looks at queues of that time; it took {:.0} ms",
            audit * 1e3
        ),
    );
    for kind in [
        "audit",
        "holders",
        "minisocks",
        "cgroups",
        "queues",
        "processes",
    ] {
        let of_kind = |metrics: &Metrics| metrics.sum_of(SWEEPS, &format!("kind=\"{kind}\""));
        let grew = of_kind(&after) - of_kind(&before);
        report.add(
            &format!("of them, {kind}"),
            &format!("{:.0} ms of CPU", grew * 1e3),
            "",
        );
    }
    let cpu = after.grew(&before, CPU);
    report.add(
        "CPU at rest",
        &format!("{:.2} % of a processor", cpu / seconds * 100.0),
        &format!("{seconds:.0} s from after the seed to the end of the next audit, no traffic"),
    );
    report.add(
        "of that without sweeps",
        &format!("{:.2} %", (cpu - sweeps) / seconds * 100.0),
        "ten looks at the ring a second, the judge, and one scrape in ten seconds on a connection that is kept",
    );
    report.add(
        "longest turn of the loop",
        &format!("{:.1} ms of CPU", longest.cpu * 1e3),
        &format!(
            "seed, scan of holders and audits included; by the clock {:.1} ms, with what others ran",
            longest.wall * 1e3
        ),
    );
    Ok(())
}

/// The longest turns of the agent's loop in all scrapes seen: one scrape tells of a minute at least.
#[derive(Default)]
struct Longest {
    wall: f64,
    cpu: f64,
}

impl Longest {
    fn see(&mut self, metrics: &Metrics) {
        let wall = metrics.sum("tcpmon_agent_longest_turn_seconds");
        let cpu = metrics.sum("tcpmon_agent_longest_turn_cpu_seconds");
        (self.wall, self.cpu) = (self.wall.max(wall), self.cpu.max(cpu));
    }

    /// Waits until another audit has ended.
    fn until_audit(&mut self, scraper: &mut Kept, before: &Metrics) -> Result<Metrics> {
        for _ in 0..LOOKS {
            thread::sleep(LOOK);
            let metrics = scraper.metrics()?;
            self.see(&metrics);
            if metrics.grew(before, AUDITS) > 0.0 {
                return Ok(metrics);
            }
        }
        bail!("no audit within {} s", LOOK.as_secs() * LOOKS as u64)
    }
}

fn side_by_side(report: &mut Report, sizes: &[Size]) {
    let mut row = |what: &str, how: &str, value: &dyn Fn(&Size) -> String| {
        let values: Vec<String> = sizes.iter().map(value).collect();
        report.add(what, &values.join(" · "), how);
    };
    row("sockets", "side by side from here on", &|size| {
        size.sockets.to_string()
    });
    row(
        "seed, ms of CPU",
        "first dump and comparison; sweeper and owner",
        &|size| format!("{:.0}", size.seed_cpu * 1e3),
    );
    row(
        "until ready, ms of CPU",
        "all of the agent, loading the programs included",
        &|size| format!("{:.0}", size.ready_cpu * 1e3),
    );
    row("resident memory, MiB", "", &|size| {
        format!("{:.0}", size.rss / f64::from(1 << 20))
    });
    row(
        "one scrape of /metrics, ms",
        "median, with the connection",
        &|size| format!("{:.2}", size.scrape * 1e3),
    );
    row(
        "tcpmon ls --limit 20, ms",
        "median, a process each time",
        &|size| format!("{:.1}", size.ls * 1e3),
    );
    row(
        "ss -tan, ms",
        "median by the clock, in the same run",
        &|size| format!("{:.0}", size.ss * 1e3),
    );
    if let [small, .., large] = sizes {
        let bytes = (large.rss - small.rss) / (large.sockets - small.sockets) as f64;
        report.add(
            "resident memory per socket",
            &format!("{bytes:.0} bytes"),
            "what the largest has more than the smallest, the sweep's buffers included",
        );
    }
}
