//! The feature ladder: which way this kernel lets us watch it, found by trying.

use std::fmt;
use std::path::Path;

use anyhow::Context as _;
use aya::programs::{BtfTracePoint, TracePoint};
use aya::{Btf, Ebpf, EbpfLoader};

use super::object::OBJECT;
use super::offsets::{BTF_PATH, Offsets};
use super::tracepoint::{self, TRACEFS};
use crate::source::sockopt::netns_cookie;

/// How the kernel announces transitions to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rung {
    /// `tp_btf`, with the socket cookie made by the program (Linux 5.12).
    TpBtf,
    /// `tp_btf` on a kernel whose tracing programs cannot make cookies (5.8 to 5.11).
    TpBtfNoCookie,
    /// The classic tracepoint: a kernel without BTF.
    Tracepoint,
}

impl Rung {
    /// The name in metrics, in the API and in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TpBtf => "tp_btf",
            Self::TpBtfNoCookie => "tp_btf_no_cookie",
            Self::Tracepoint => "tracepoint",
        }
    }

    /// What the user loses on this rung, one sentence each.
    #[must_use]
    pub const fn limits(self) -> &'static [&'static str] {
        match self {
            Self::TpBtf => &[],
            Self::TpBtfNoCookie => &[
                "this kernel gives no socket cookies to programs: sockets are joined by address",
                THREAD_NAMES,
            ],
            Self::Tracepoint => &[
                THREAD_NAMES,
                "no BTF: the stream tells neither namespace nor cookie nor error, so audits do the \
                 joining and reasons for closing are unknown",
            ],
        }
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which rungs may be tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attach {
    /// The best that works.
    #[default]
    Auto,
    /// Only `tp_btf`.
    TpBtf,
    /// Only the classic tracepoint.
    Tracepoint,
}

/// How to load.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Which rungs may be tried.
    pub attach: Attach,
    /// Size of the ring in bytes: a power of two and a multiple of the page size.
    pub ring_bytes: u32,
    /// Pending bytes at which the reader is woken at once.
    pub wake_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            attach: Attach::Auto,
            ring_bytes: 8 << 20,
            wake_bytes: 256 << 10,
        }
    }
}

/// Where `bpf_get_current_task_btf` cannot be used.
const THREAD_NAMES: &str =
    "until it is seen holding the socket, a process has the name of the thread that acted";

/// Name of the ring map in the object.
pub(super) const RING_MAP: &str = "EVENTS";
/// Name of the counter map in the object.
pub(super) const COUNTER_MAP: &str = "COUNTERS";
/// The global with the place of a namespace's cookie.
const NETNS_COOKIE: &str = "OFF_NET_COOKIE";
const BTF_PROGRAM: &str = "set_state_btf";
/// What runs where the kernel skipped the first program.
pub(super) const STAND_IN: &str = "set_state_stand_in";
const CLASSIC_PROGRAM: &str = "set_state";

/// Loads and attaches the first rung that works.
///
/// # Errors
///
/// None works; the message has the reason of each.
pub(super) fn load(options: &Options) -> anyhow::Result<(Ebpf, Rung, &'static str)> {
    if !super::is_embedded() {
        anyhow::bail!(
            "this binary was built without the kernel programs: run `cargo xtask setup` and build again"
        );
    }
    raise_memlock();
    let ladder: &[Rung] = match options.attach {
        Attach::Auto => &[Rung::TpBtf, Rung::TpBtfNoCookie, Rung::Tracepoint],
        Attach::TpBtf => &[Rung::TpBtf, Rung::TpBtfNoCookie],
        Attach::Tracepoint => &[Rung::Tracepoint],
    };
    let mut reasons: Vec<(Rung, String)> = Vec::new();
    for rung in ladder {
        match try_rung(*rung, options) {
            Ok((ebpf, program)) => {
                for (rung, reason) in &reasons {
                    log::debug!("{rung}: {reason}");
                }
                return Ok((ebpf, *rung, program));
            }
            Err(error) => reasons.push((*rung, format!("{error:#}"))),
        }
    }
    // Two rungs that fail for one reason are one sentence.
    reasons.dedup_by(|next, first| next.1 == first.1);
    let reasons: Vec<String> = reasons
        .into_iter()
        .map(|(rung, reason)| format!("{rung}: {reason}"))
        .collect();
    anyhow::bail!("{}", reasons.join("; "))
}

fn try_rung(rung: Rung, options: &Options) -> anyhow::Result<(Ebpf, &'static str)> {
    match rung {
        Rung::TpBtf => Ok((load_btf(options, true)?, BTF_PROGRAM)),
        Rung::TpBtfNoCookie => Ok((load_btf(options, false)?, BTF_PROGRAM)),
        Rung::Tracepoint => Ok((load_classic(options)?, CLASSIC_PROGRAM)),
    }
}

fn load_btf(options: &Options, helpers: bool) -> anyhow::Result<Ebpf> {
    let btf = kernel_btf()?;
    let mut offsets = Offsets::read(Path::new(BTF_PATH))?;
    // Linux 5.10 has the field and fills it only when somebody asks; nobody else can read it there.
    if netns_cookie().is_ok_and(|cookie| cookie == 0) {
        offsets.0.retain(|(global, _)| *global != NETNS_COOKIE);
    }
    let mut ebpf = with_offsets(
        &offsets,
        &btf,
        helpers,
        options.ring_bytes,
        options.wake_bytes,
    )?;
    attach_btf(&mut ebpf, BTF_PROGRAM, &btf)?;
    // In this order: the kernel calls what was attached first first.
    if let Err(error) = attach_btf(&mut ebpf, STAND_IN, &btf) {
        log::warn!(
            "transitions in an interrupt of the program will be missed, and counted: {error:#}"
        );
    }
    Ok(ebpf)
}

fn attach_btf(ebpf: &mut Ebpf, name: &str, btf: &Btf) -> anyhow::Result<()> {
    let program = ebpf.program_mut(name);
    let program = program.with_context(|| format!("the object has no program {name}"))?;
    let program: &mut BtfTracePoint = program.try_into()?;
    program.load("inet_sock_set_state", btf)?;
    program.attach()?;
    Ok(())
}

/// The object with the running kernel's offsets written into it, not yet loaded into the kernel.
pub(super) fn with_offsets(
    offsets: &Offsets,
    btf: &Btf,
    helpers: bool,
    ring_bytes: u32,
    wake_bytes: u64,
) -> anyhow::Result<Ebpf> {
    let helpers = u8::from(helpers);
    let mut loader = EbpfLoader::new();
    loader
        .btf(Some(btf))
        .map_max_entries(RING_MAP, ring_bytes)
        .override_global("WAKE_BYTES", &wake_bytes, true)
        .override_global("HAS_COOKIE_HELPER", &helpers, true)
        .override_global("HAS_CURRENT_TASK", &helpers, true);
    for (global, offset) in &offsets.0 {
        loader.override_global(global, offset, true);
    }
    loader.load(OBJECT).context("cannot load the object")
}

pub(super) fn kernel_btf() -> anyhow::Result<Btf> {
    anyhow::ensure!(Path::new(BTF_PATH).exists(), "no BTF at {BTF_PATH}");
    Btf::parse_file(BTF_PATH, aya::Endianness::default())
        .with_context(|| format!("cannot read the kernel's types from {BTF_PATH}"))
}

fn load_classic(options: &Options) -> anyhow::Result<Ebpf> {
    // Where nothing can be read, attaching fails as well and says why.
    for root in TRACEFS {
        let is_other = tracepoint::is_known(Path::new(root)).is_ok_and(|known| !known);
        anyhow::ensure!(
            !is_other,
            "the record of sock:inet_sock_set_state has another layout than we know ({root})"
        );
    }
    let mut loader = EbpfLoader::new();
    loader
        .map_max_entries(RING_MAP, options.ring_bytes)
        .override_global("WAKE_BYTES", &options.wake_bytes, true);
    let mut ebpf = loader.load(OBJECT).context("cannot load the object")?;
    let program: &mut TracePoint = ebpf
        .program_mut(CLASSIC_PROGRAM)
        .context("the object has no tracepoint program")?
        .try_into()?;
    program.load()?;
    program.attach("sock", "inet_sock_set_state").context(
        "cannot attach to tracepoint sock:inet_sock_set_state; without tracefs, \
             `mount -t tracefs tracefs /sys/kernel/tracing` first",
    )?;
    Ok(ebpf)
}

/// Up to Linux 5.10 maps count against `RLIMIT_MEMLOCK`, 64 KiB by default. Later kernels do not
/// care, and where raising it is not allowed the load says so itself.
fn raise_memlock() {
    use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};
    if let Err(error) = setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY) {
        log::debug!("cannot raise RLIMIT_MEMLOCK: {error}");
    }
}
