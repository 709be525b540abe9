//! What must hold for every input of the decoders here: see [`crate::fuzzing`].

use super::btf::Btf;
use super::fdinfo::ProgramStats;
use super::offsets::{Offsets, missing};
use super::tracepoint;

/// The kernel's types; whether every field without which nothing works is in them.
pub fn btf(bytes: &[u8]) -> bool {
    let Ok(btf) = Btf::parse(bytes.to_vec()) else {
        return false;
    };
    let missing = missing(&btf);
    let found = Offsets::find(&btf);
    if let Ok(Offsets(found)) = &found {
        // A structure has less than 2³² bits (`struct btf_member`).
        assert!(found.iter().all(|(_, offset)| *offset < 1 << 29));
    } else {
        assert!(!missing.is_empty());
    }
    found.is_ok()
}

/// The format of the classic tracepoint; whether it is the one the kernel program reads.
pub fn tracepoint(bytes: &[u8]) -> bool {
    tracepoint::has_fields(&String::from_utf8_lossy(bytes))
}

/// `/proc/self/fdinfo/FD` of a program.
pub fn program_stats(bytes: &[u8]) -> bool {
    ProgramStats::parse(&String::from_utf8_lossy(bytes)) != ProgramStats::default()
}
