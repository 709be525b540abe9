//! Reading and writing the integers of a netlink message: the machine's own order.

/// Takes the next `N` bytes off `bytes`; `None`, with `bytes` untouched, when there are fewer.
pub(super) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*head)
}

/// Takes a 16-bit integer.
pub(super) fn take_u16(bytes: &mut &[u8]) -> Option<u16> {
    take(bytes).map(u16::from_ne_bytes)
}

/// Takes a 32-bit integer.
pub(super) fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    take(bytes).map(u32::from_ne_bytes)
}

/// Takes `length` bytes and the padding up to the next multiple of four (`NLMSG_ALIGN`); the last
/// of several items may lack its padding. `None` when fewer than `length` bytes are left.
pub(super) fn take_padded<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(length)?;
    let padding = length.next_multiple_of(4) - length;
    *bytes = rest.get(padding..).unwrap_or_default();
    Some(head)
}
