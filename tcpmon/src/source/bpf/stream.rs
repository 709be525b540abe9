//! The attached program: its ring, its counters, its diagnostics.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use anyhow::Context as _;
use aya::maps::{MapData, PerCpuArray, RingBuf};
use aya::programs::Program;
use aya_log::EbpfLogger;
use tcpmon_common::counter::{Runs, WORDS};
use tcpmon_common::{Counters, Record};

use super::fdinfo::ProgramStats;
use super::load::{self, COUNTER_MAP, Options, RING_MAP, Rung, STAND_IN};

/// The stream of transitions. Dropping it detaches the program.
pub struct Stream {
    ring: RingBuf<MapData>,
    counters: PerCpuArray<MapData, [u64; WORDS]>,
    logger: Option<EbpfLogger<&'static dyn log::Log>>,
    rung: Rung,
    ring_bytes: u32,
    program: &'static str,
    delivered: u64,
    undecodable: u64,
    // The programs and links live as long as this does.
    ebpf: Option<aya::Ebpf>,
}

/// What one drain found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Records handed on.
    pub records: usize,
    /// The ring was seen empty; `false` means the budget ended first.
    pub empty: bool,
}

/// Events during which the program was at work on that CPU already, because they came in an interrupt
/// of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skips {
    /// Recorded and counted all the same, by the program's stand-in.
    pub stood_in: u64,
    /// Neither recorded nor counted. Those of other protocols are among them.
    pub missed: u64,
}

impl Stream {
    /// Loads and attaches the best rung `options` allow.
    ///
    /// # Errors
    ///
    /// No rung works; the message has the reason of each.
    pub fn open(options: &Options) -> anyhow::Result<Self> {
        let (mut ebpf, rung, program) = load::load(options)?;
        let logger = EbpfLogger::init(&mut ebpf)
            .inspect_err(|error| log::debug!("no diagnostics from the program: {error}"))
            .ok();
        let ring = ebpf.take_map(RING_MAP).context("the object has no ring")?;
        let counters = ebpf
            .take_map(COUNTER_MAP)
            .context("the object has no counters")?;
        Ok(Self {
            ring: RingBuf::try_from(ring)?,
            counters: PerCpuArray::try_from(counters)?,
            logger,
            rung,
            ring_bytes: options.ring_bytes,
            program,
            delivered: 0,
            undecodable: 0,
            ebpf: Some(ebpf),
        })
    }

    /// The rung that worked.
    #[must_use]
    pub const fn rung(&self) -> Rung {
        self.rung
    }

    /// Size of the ring in bytes.
    #[must_use]
    pub const fn ring_bytes(&self) -> u32 {
        self.ring_bytes
    }

    /// Records taken from the ring so far.
    #[must_use]
    pub const fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Records of another layout; always 0 unless program and agent do not belong together.
    #[must_use]
    pub const fn undecodable(&self) -> u64 {
        self.undecodable
    }

    /// A descriptor that becomes readable when the program wakes the reader.
    ///
    /// # Errors
    ///
    /// The process has no free file descriptor.
    pub fn readiness(&self) -> io::Result<OwnedFd> {
        self.ring.as_fd().try_clone_to_owned()
    }

    /// Detaches the program: no record comes any more. Those in the ring can still be drained, and
    /// the counters read.
    pub fn detach(&mut self) {
        self.ebpf = None;
    }

    /// Hands on at most `budget` records, each out of the ring before the next is read.
    pub fn drain(&mut self, budget: usize, mut on_record: impl FnMut(&Record)) -> Drained {
        let mut records = 0;
        while records < budget {
            let Some(item) = self.ring.next() else {
                self.delivered += records as u64;
                return Drained {
                    records,
                    empty: true,
                };
            };
            records += 1;
            match Record::from_bytes(&item) {
                Some(record) => {
                    drop(item);
                    on_record(&record);
                }
                None => self.undecodable += 1,
            }
        }
        self.delivered += records as u64;
        Drained {
            records,
            empty: false,
        }
    }

    /// The counters of both programs, summed over the CPUs.
    ///
    /// # Errors
    ///
    /// The kernel refuses the map lookup (before 5.19 it needs CAP_BPF).
    pub fn counters(&self) -> anyhow::Result<Counters> {
        let mut sum = Counters::ZERO;
        for runs in Runs::ALL {
            sum.add(&self.counters_of(runs)?);
        }
        Ok(sum)
    }

    fn counters_of(&self, runs: Runs) -> anyhow::Result<Counters> {
        let per_cpu = self.counters.get(&(runs as u32), 0);
        let per_cpu = per_cpu.context("cannot read the counters of the program")?;
        let mut sum = Counters::ZERO;
        for words in per_cpu.iter() {
            sum.add(&Counters::from_words(words));
        }
        Ok(sum)
    }

    /// What the kernel skipped the program for.
    ///
    /// # Errors
    ///
    /// As [`Stream::counters`] and [`Stream::program_stats`].
    pub fn skips(&self) -> anyhow::Result<Skips> {
        self.skips_of(&self.program_stats()?)
    }

    /// The same, where the figures have been read just now.
    ///
    /// # Errors
    ///
    /// As [`Stream::counters`].
    pub fn skips_of(&self, stats: &ProgramStats) -> anyhow::Result<Skips> {
        // In this order: what is skipped between the two readings is not taken for missed.
        let skipped = stats.recursion_misses;
        let stood_in = self.counters_of(Runs::StandIn)?.events();
        Ok(Skips {
            stood_in,
            missed: skipped.saturating_sub(stood_in),
        })
    }

    /// What the kernel tells about the program; the time of its stand-in is part of it.
    ///
    /// # Errors
    ///
    /// `/proc` is not mounted, or the program is detached.
    pub fn program_stats(&self) -> anyhow::Result<ProgramStats> {
        let ebpf = self.ebpf.as_ref().context("the program is detached")?;
        let mut stats = stats_of(ebpf, self.program)?;
        if let Ok(stand_in) = stats_of(ebpf, STAND_IN) {
            stats.run_time_ns += stand_in.run_time_ns;
        }
        Ok(stats)
    }

    /// Passes the program's rare diagnostics to the log.
    pub fn flush_diagnostics(&mut self) {
        if let Some(logger) = &mut self.logger {
            logger.flush();
        }
    }
}

fn stats_of(ebpf: &aya::Ebpf, program: &str) -> anyhow::Result<ProgramStats> {
    let fd = match ebpf.program(program) {
        Some(Program::BtfTracePoint(program)) => program.fd()?,
        Some(Program::TracePoint(program)) => program.fd()?,
        _ => anyhow::bail!("the program is not loaded"),
    };
    Ok(ProgramStats::read(fd.as_fd())?)
}
