//! Which process holds which socket, by the `iter/task_file` iterator: half a microsecond per file
//! descriptor, and no permission on other processes' `/proc` needed.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use aya::programs::Iter;
use tcpmon_common::Holder;
use tcpmon_common::holder::HOLDER_SIZE;

use super::load::{kernel_btf, with_offsets};
use super::offsets::{BTF_PATH, Offsets};

const PROGRAM: &str = "holders";
/// The smallest ring the kernel allows: this object's ring is never written to.
const UNUSED_RING: u32 = 4096;

/// The loaded iterator.
pub struct Holders {
    ebpf: aya::Ebpf,
}

impl Holders {
    /// Loads the iterator.
    ///
    /// # Errors
    ///
    /// The kernel has no BTF, no `iter/task_file` (before 5.8) or no `bpf_sock_from_file` (before
    /// 5.11), or refuses.
    pub fn load() -> anyhow::Result<Self> {
        let btf = kernel_btf()?;
        let offsets = Offsets::read(Path::new(BTF_PATH))?;
        let mut ebpf = with_offsets(&offsets, &btf, true, UNUSED_RING, u64::MAX)?;
        let program: &mut Iter = ebpf
            .program_mut(PROGRAM)
            .context("the object has no iterator")?
            .try_into()?;
        program.load("task_file", &btf)?;
        Ok(Self { ebpf })
    }

    /// Every TCP socket held by a process of this pid namespace, in no particular order.
    ///
    /// # Errors
    ///
    /// The kernel refuses the iterator or reading fails.
    pub fn scan(&mut self, mut on_holder: impl FnMut(Holder)) -> anyhow::Result<()> {
        let program: &mut Iter = self
            .ebpf
            .program_mut(PROGRAM)
            .context("the object has no iterator")?
            .try_into()?;
        let link = program.attach()?;
        let mut file = program.take_link(link)?.into_file()?;
        let mut buffer = vec![0; 64 << 10];
        let mut filled = 0;
        loop {
            let read = file
                .read(&mut buffer[filled..])
                .context("reading the task/file iterator failed")?;
            if read == 0 {
                return Ok(());
            }
            filled += read;
            let whole = filled - filled % HOLDER_SIZE;
            for bytes in buffer[..whole].chunks_exact(HOLDER_SIZE) {
                if let Some(holder) = Holder::from_bytes(bytes) {
                    on_holder(holder);
                }
            }
            buffer.copy_within(whole..filled, 0);
            filled -= whole;
        }
    }
}
