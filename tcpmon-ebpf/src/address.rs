//! Sixteen-byte addresses as two words, the widest loads the verifier allows.

/// `AF_INET6` of `include/linux/socket.h`.
pub const AF_INET6: u16 = 10;

/// An address in network order, as it lies in a record.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub struct Address(pub [u64; 2]);

impl Address {
    /// An IPv4 address: four bytes, the rest zero.
    #[inline(always)]
    pub fn v4(raw: u32) -> Self {
        let bytes = raw.to_ne_bytes();
        let word = u64::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3], 0, 0, 0, 0]);
        Self([word, 0])
    }

    /// The bytes in network order.
    #[inline(always)]
    pub fn bytes(self) -> [u8; 16] {
        // SAFETY: both are sixteen plain bytes.
        unsafe { core::mem::transmute(self.0) }
    }
}
