//! Which process holds which socket, by the `iter/task_file` iterator: half a microsecond per file
//! descriptor, and no permission on other processes' `/proc` needed.

use std::io::{self, Read as _};
use std::path::Path;

use anyhow::Context as _;
use aya::programs::Iter;
use rustc_hash::FxHashSet;
use tcpmon_common::Holder;
use tcpmon_common::holder::HOLDER_SIZE;

use super::load::{kernel_btf, with_offsets};
use super::offsets::{BTF_PATH, Offsets};

const PROGRAM: &str = "holders";
const NAMESPACES: &str = "socket_namespaces";
/// The smallest ring the kernel allows: this object's ring is never written to.
const UNUSED_RING: u32 = 4096;

/// The loaded iterator.
pub struct Holders {
    ebpf: aya::Ebpf,
    /// The second iterator is there as well.
    tells_namespaces: bool,
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
        iterator(&mut ebpf, PROGRAM)?.load("task_file", &btf)?;
        let loaded = iterator(&mut ebpf, NAMESPACES)?.load("task_file", &btf);
        if let Err(error) = &loaded {
            log::debug!("namespaces kept by sockets alone are not seen: {error}");
        }
        Ok(Self {
            ebpf,
            tells_namespaces: loaded.is_ok(),
        })
    }

    /// Every TCP socket held by a process of this pid namespace, in no particular order.
    ///
    /// # Errors
    ///
    /// The kernel refuses the iterator or reading fails.
    pub fn scan(&mut self, mut on_holder: impl FnMut(Holder)) -> anyhow::Result<()> {
        read::<HOLDER_SIZE>(&mut self.ebpf, PROGRAM, |bytes| {
            if let Some(holder) = Holder::from_bytes(bytes) {
                on_holder(holder);
            }
        })
    }

    /// Inodes of the network namespaces in which a process of this pid namespace holds a socket, of
    /// whatever protocol. About half a microsecond per file descriptor.
    ///
    /// # Errors
    ///
    /// The kernel refuses the iterator or reading fails.
    pub fn namespaces(&mut self) -> anyhow::Result<FxHashSet<u32>> {
        anyhow::ensure!(self.tells_namespaces, "the iterator could not be loaded");
        let mut inodes = FxHashSet::default();
        read::<4>(&mut self.ebpf, NAMESPACES, |bytes| {
            inodes.insert(u32::from_ne_bytes(*bytes));
        })?;
        Ok(inodes)
    }
}

fn iterator<'a>(ebpf: &'a mut aya::Ebpf, name: &str) -> anyhow::Result<&'a mut Iter> {
    let program = ebpf.program_mut(name);
    Ok(program
        .context("the object has no such iterator")?
        .try_into()?)
}

/// Runs an iterator that writes records of `SIZE` bytes.
fn read<const SIZE: usize>(
    ebpf: &mut aya::Ebpf,
    name: &str,
    mut on_record: impl FnMut(&[u8; SIZE]),
) -> anyhow::Result<()> {
    let program = iterator(ebpf, name)?;
    let link = program.attach()?;
    let mut file = program.take_link(link)?.into_file()?;
    let mut buffer = vec![0; 64 << 10];
    let mut filled = 0;
    loop {
        let read = match file.read(&mut buffer[filled..]) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            // A million descriptors in a row that are none of TCP: `bpf_seq_read` (`kernel/bpf/bpf_iter.c`)
            // stops to let others run, and goes on there the next time.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error).context("reading the task/file iterator failed"),
        };
        filled += read;
        let (records, _) = buffer[..filled].as_chunks::<SIZE>();
        let whole = records.len() * SIZE;
        records.iter().for_each(&mut on_record);
        buffer.copy_within(whole..filled, 0);
        filled -= whole;
    }
}
