//! The compiled kernel programs, embedded in the binary by `build.rs`.

/// The object; empty in a build without the eBPF toolchain.
pub(super) static OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tcpmon-ebpf"));

/// Whether this binary carries the kernel programs.
#[must_use]
pub fn is_embedded() -> bool {
    !OBJECT.is_empty()
}
