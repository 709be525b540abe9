//! The kernel's description of its own types (BTF), read as far as finding a field needs.
//!
//! The format is `Documentation/bpf/btf.rst` and `include/uapi/linux/btf.h`. Whatever the bytes
//! are, reading them ends: with an answer, without one, or with an error that says what is wrong.

use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::Context as _;

const MAGIC: u16 = 0xeb9f;
const VERSION: u8 = 1;
/// `struct btf_header` up to the last field used here. Later kernels append to it.
const HEADER_BYTES: usize = 24;
/// `struct btf_type`: name, info, size or type.
const TYPE_BYTES: usize = 12;
/// `struct btf_member`: name, type, offset.
const MEMBER_BYTES: usize = 12;

const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_TYPEDEF: u32 = 8;
const KIND_VOLATILE: u32 = 9;
const KIND_CONST: u32 = 10;
const KIND_RESTRICT: u32 = 11;
const KIND_TYPE_TAG: u32 = 18;

/// Typedefs and qualifiers followed from one member: as many as the kernel itself follows.
const CHAIN_MAX: usize = 32;
/// Members looked at for one field. The largest structures of a kernel have some hundreds, so only
/// those that contain themselves get here.
const MEMBERS_MAX: usize = 1 << 16;

/// A BTF blob and where its types are.
#[derive(Debug)]
pub(super) struct Btf {
    blob: Vec<u8>,
    types: Range<usize>,
    strings: Range<usize>,
    /// Where in `types` each type begins. Type 0 is `void` and not there, so type 1 is the first.
    starts: Vec<u32>,
    /// The structures that have a name: the place of the name in `strings`, and the type's id.
    ///
    /// Less than a tenth of the types are, and few names are looked for: going through them takes
    /// less time than making a map of their names.
    structures: Vec<(u32, u32)>,
}

/// What all types begin with.
struct Type<'a> {
    kind: u32,
    /// Bit 31 of the info. In structures and unions: members say how many bits they have.
    flag: bool,
    /// Size, or id of another type.
    size_or_id: u32,
    /// The bytes that follow, which depend on the kind.
    rest: &'a [u8],
}

/// A member of a structure or union.
struct Member {
    name: u32,
    id: u32,
    bits: u32,
    is_bit_field: bool,
}

impl Btf {
    /// Reads the blob at `path`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or [`Self::parse`] does not take it.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        fs::read(path)
            .map_err(anyhow::Error::new)
            .and_then(Self::parse)
            .with_context(|| format!("cannot read the kernel's types from {}", path.display()))
    }

    /// Takes a blob: a header, types and strings.
    ///
    /// # Errors
    ///
    /// `blob` is not BTF, is of the other byte order, is cut short, or has a type of unknown kind:
    /// how long that is, and so where the next type begins, nothing tells.
    pub(super) fn parse(blob: Vec<u8>) -> anyhow::Result<Self> {
        match blob.first_chunk().copied().map(u16::from_ne_bytes) {
            Some(MAGIC) => {}
            Some(magic) if magic == MAGIC.swap_bytes() => {
                anyhow::bail!("it is BTF of the other byte order")
            }
            _ => anyhow::bail!("it is not BTF"),
        }
        let field = |at| word(&blob, at).context("its header is cut short");
        let [length, types_at, types_length, strings_at, strings_length] =
            [field(4)?, field(8)?, field(12)?, field(16)?, field(20)?].map(|value| value as usize);
        if blob.get(2) != Some(&VERSION) || length < HEADER_BYTES {
            anyhow::bail!("its header is not of version {VERSION}");
        }
        // Sections are placed from the end of the header.
        let section = |at: usize, bytes: usize| {
            let start = length.checked_add(at)?;
            let range = start..start.checked_add(bytes)?;
            (range.end <= blob.len()).then_some(range)
        };
        let types = section(types_at, types_length).context("its types are cut short")?;
        let strings = section(strings_at, strings_length).context("its strings are cut short")?;
        let mut btf = Self {
            blob,
            types,
            strings,
            starts: Vec::new(),
            structures: Vec::new(),
        };
        btf.index()?;
        Ok(btf)
    }

    /// The offset in bytes of the field that `path` leads to from `structure`: through structures
    /// and unions by member names, with anonymous ones left out as in C.
    ///
    /// `None` when there is no such field, it is behind a pointer or in an array, it is a bit field
    /// (which no plain load reads), or structures of the same name place it differently.
    pub(super) fn offset(&self, structure: &str, path: &[&str]) -> Option<u32> {
        let mut left = MEMBERS_MAX;
        let mut offsets = self
            .structures
            .iter()
            .filter(|(name, _)| self.is_named(*name, structure))
            .filter_map(|(_, id)| self.descend(*id, path, &mut left));
        let first = offsets.next()?;
        // Drivers reuse names. libbpf refuses to guess as well.
        offsets.all(|other| other == first).then_some(first)
    }

    /// Fills in `starts` and `structures`.
    fn index(&mut self) -> anyhow::Result<()> {
        let types = section(&self.blob, &self.types);
        // Kernels have a type in 25 bytes, and a structure in 330.
        let mut starts = Vec::with_capacity(types.len() / 20);
        let mut structures = Vec::with_capacity(types.len() / 256);
        let mut at = 0;
        let mut id = 0;
        while at < types.len() {
            id += 1;
            let bytes = types.get(at..).unwrap_or_default();
            let (name, info) = word(bytes, 0)
                .zip(word(bytes, 4))
                .with_context(|| format!("its type {id} is cut short"))?;
            let kind = kind(info);
            let rest = rest_bytes(kind, info)
                .with_context(|| format!("its type {id} is of kind {kind}, which is unknown"))?;
            if bytes.len() < TYPE_BYTES + rest {
                anyhow::bail!("its type {id} is cut short");
            }
            if kind == KIND_STRUCT && name != 0 {
                structures.push((name, id));
            }
            // The length of the section is a u32, and this is within.
            starts.push(at as u32);
            at += TYPE_BYTES + rest;
        }
        self.starts = starts;
        self.structures = structures;
        Ok(())
    }

    fn descend(&self, structure: u32, path: &[&str], left: &mut usize) -> Option<u32> {
        let mut id = structure;
        let mut bits = 0_u32;
        let mut is_bit_field = false;
        for name in path {
            let member = self.member(id, name, left)?;
            id = member.id;
            bits = bits.checked_add(member.bits)?;
            is_bit_field |= member.is_bit_field;
        }
        (!is_bit_field && bits.is_multiple_of(8)).then_some(bits / 8)
    }

    /// The member `name` of type `id`, its bits counted from the beginning of that type. `left` is
    /// how many members may still be looked at.
    fn member(&self, id: u32, name: &str, left: &mut usize) -> Option<Member> {
        // Anonymous structures and unions yet to be looked through. A list instead of recursion:
        // one that contains itself must not overflow the stack.
        let mut open = vec![(id, 0_u32)];
        while let Some((id, base)) = open.pop() {
            let Some(composite) = self.composite(id) else {
                continue;
            };
            for member in composite.rest.chunks_exact(MEMBER_BYTES) {
                *left = left.checked_sub(1)?;
                let mut member = Member::parse(member, composite.flag)?;
                let is_wanted = self.is_named(member.name, name);
                if is_wanted || self.is_named(member.name, "") {
                    member.bits = member.bits.checked_add(base)?;
                    if is_wanted {
                        return Some(member);
                    }
                    open.push((member.id, member.bits));
                }
            }
        }
        None
    }

    /// The structure or union that `id` is, through typedefs and qualifiers.
    fn composite(&self, mut id: u32) -> Option<Type<'_>> {
        for _ in 0..CHAIN_MAX {
            let found = self.type_of(id)?;
            match found.kind {
                KIND_STRUCT | KIND_UNION => return Some(found),
                KIND_TYPEDEF | KIND_VOLATILE | KIND_CONST | KIND_RESTRICT | KIND_TYPE_TAG => {
                    id = found.size_or_id;
                }
                _ => return None,
            }
        }
        None
    }

    fn type_of(&self, id: u32) -> Option<Type<'_>> {
        let index = (id as usize).checked_sub(1)?;
        let start = *self.starts.get(index)? as usize;
        let bytes = section(&self.blob, &self.types).get(start..)?;
        let info = word(bytes, 4)?;
        let kind = kind(info);
        Some(Type {
            kind,
            flag: info >> 31 != 0,
            size_or_id: word(bytes, 8)?,
            rest: bytes.get(TYPE_BYTES..)?.get(..rest_bytes(kind, info)?)?,
        })
    }

    /// Whether the string at `at` is `name`, without looking for the end of a longer one.
    fn is_named(&self, at: u32, name: &str) -> bool {
        section(&self.blob, &self.strings)
            .get(at as usize..)
            .and_then(|string| string.strip_prefix(name.as_bytes()))
            .is_some_and(|after| after.first() == Some(&0))
    }
}

impl Member {
    fn parse(bytes: &[u8], sized: bool) -> Option<Self> {
        let offset = word(bytes, 8)?;
        Some(Self {
            name: word(bytes, 0)?,
            id: word(bytes, 4)?,
            bits: if sized { offset & 0xff_ffff } else { offset },
            is_bit_field: sized && offset >> 24 != 0,
        })
    }
}

/// 7 bits since commit f7a6b9eaff3e of Linux, 5 before; the other two were 0.
fn kind(info: u32) -> u32 {
    info >> 24 & 0x7f
}

/// How many bytes a type has after its first [`TYPE_BYTES`]; `None` for an unknown kind.
fn rest_bytes(kind: u32, info: u32) -> Option<usize> {
    // 24 bits since the same commit, 16 before; the other eight were 0.
    let entries = (info & 0xff_ffff) as usize;
    Some(match kind {
        // Pointers, forward declarations, typedefs and qualifiers, functions, floats, type tags.
        2 | 7..=12 | 16 | 18 => 0,
        // Integers, variables, declaration tags.
        1 | 14 | 17 => 4,
        // Arrays.
        3 => 12,
        // Enumerators, parameters.
        6 | 13 => 8 * entries,
        // Members, section variables, enumerators of 64 bits.
        KIND_STRUCT | KIND_UNION | 15 | 19 => 12 * entries,
        _ => return None,
    })
}

fn section<'a>(blob: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    blob.get(range.clone()).unwrap_or_default()
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .copied()
        .map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests;
