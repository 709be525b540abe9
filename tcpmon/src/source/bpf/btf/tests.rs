use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

const INT: u32 = 1;
const HEADER_WORDS: usize = HEADER_BYTES / 4;

/// A blob in the making.
struct Builder {
    types: Vec<u32>,
    strings: Vec<u8>,
    ids: u32,
}

impl Builder {
    /// Begins with type 1, an `int`.
    fn new() -> Self {
        let mut builder = Self {
            types: Vec::new(),
            strings: vec![0],
            ids: 0,
        };
        builder.add(1, "int", 4, &[32]);
        builder
    }

    fn name(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return 0;
        }
        let at = self.strings.len() as u32;
        self.strings.extend_from_slice(name.as_bytes());
        self.strings.push(0);
        at
    }

    /// A type of any kind; `info` is the kind, or the whole info when it has entries or a flag.
    fn add(&mut self, info: u32, name: &str, size_or_id: u32, rest: &[u32]) -> u32 {
        let info = if info < 0x80 { info << 24 } else { info };
        let name = self.name(name);
        self.types.extend([name, info, size_or_id]);
        self.types.extend(rest);
        self.ids += 1;
        self.ids
    }

    /// A structure or union with members of name, type and offset.
    fn composite(&mut self, kind: u32, name: &str, members: &[(&str, u32, u32)]) -> u32 {
        let mut rest = Vec::new();
        for &(name, id, offset) in members {
            rest.extend([self.name(name), id, offset]);
        }
        self.add(kind << 24 | members.len() as u32, name, 0, &rest)
    }

    fn finish(&self) -> Vec<u8> {
        let types: Vec<u8> = self.types.iter().flat_map(|w| w.to_ne_bytes()).collect();
        let lengths = [types.len() as u32, self.strings.len() as u32];
        let mut blob = header(lengths[0], lengths[1]);
        blob.extend(types);
        blob.extend(&self.strings);
        blob
    }
}

fn header(types: u32, strings: u32) -> Vec<u8> {
    let mut blob = MAGIC.to_ne_bytes().to_vec();
    blob.extend([VERSION, 0]);
    let words = [HEADER_BYTES as u32, 0, types, types, strings];
    blob.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
    assert_eq!(blob.len(), HEADER_WORDS * 4);
    blob
}

/// One type of every kind, and all the ways a field can be reached or not.
fn sample() -> Vec<u8> {
    let mut builder = Builder::new();
    for (info, rest) in [
        (6 << 24 | 2, 4),  // enum
        (7, 0),            // forward declaration
        (12, 0),           // function
        (13 << 24 | 3, 6), // function prototype
        (14, 1),           // variable
        (15 << 24 | 1, 3), // section
        (16, 0),           // float
        (17, 1),           // declaration tag
        (19 << 24 | 2, 6), // enum of 64 bits
    ] {
        // Named as a structure is, which must not be taken for it.
        builder.add(info, "outer", 0, &vec![7; rest]);
    }
    let inner = builder.composite(KIND_STRUCT, "inner", &[("a", INT, 0), ("b", INT, 32)]);
    let mut qualified = inner;
    for kind in [
        KIND_TYPEDEF,
        KIND_CONST,
        KIND_VOLATILE,
        KIND_RESTRICT,
        KIND_TYPE_TAG,
    ] {
        qualified = builder.add(kind, "inner_t", qualified, &[]);
    }
    let pointer = builder.add(2, "", inner, &[]);
    let array = builder.add(3, "", 0, &[inner, INT, 4]);
    let union = builder.composite(KIND_UNION, "", &[("u", INT, 0), ("in_union", inner, 0)]);
    let anonymous = builder.composite(KIND_STRUCT, "", &[("x", INT, 0), ("", union, 64)]);
    let members = [
        ("plain", INT, 0),
        ("nested", qualified, 32),
        ("pointer", pointer, 128),
        ("array", array, 192),
        ("", anonymous, 512),
        ("", INT, 640),
        ("unaligned", INT, 641),
        ("nowhere", 9999, 704),
        ("far", inner, u32::MAX - 31),
    ];
    builder.composite(KIND_STRUCT, "outer", &members);
    let members = [
        ("whole", INT, 8),
        ("bit", INT, 16 | 1 << 24),
        ("byte", INT, 24 | 8 << 24),
        ("nested", inner, 32),
    ];
    builder.composite(1 << 7 | KIND_STRUCT, "flags", &members);
    // Structures of the same name, of which the first is without the field.
    builder.composite(KIND_STRUCT, "twin", &[("other", INT, 0)]);
    builder.composite(
        KIND_STRUCT,
        "twin",
        &[("same", INT, 8), ("differs", INT, 16)],
    );
    builder.composite(
        KIND_STRUCT,
        "twin",
        &[("same", INT, 8), ("differs", INT, 24)],
    );
    let own = builder.ids + 1;
    builder.composite(KIND_STRUCT, "itself", &[("", own, 0), ("", own, 0)]);
    let own = builder.ids + 1;
    builder.add(KIND_TYPEDEF, "endless", own, &[]);
    builder.composite(
        KIND_STRUCT,
        "last",
        &[("endless", own, 0), ("end", INT, 32)],
    );
    builder.finish()
}

const PATHS: &[(&str, &[&str], Option<u32>)] = &[
    ("outer", &["plain"], Some(0)),
    ("outer", &["nested"], Some(4)),
    ("outer", &["nested", "b"], Some(8)),
    ("outer", &["pointer"], Some(16)),
    ("outer", &["pointer", "b"], None),
    ("outer", &["array"], Some(24)),
    ("outer", &["array", "b"], None),
    ("outer", &["x"], Some(64)),
    ("outer", &["u"], Some(72)),
    ("outer", &["in_union", "b"], Some(76)),
    ("outer", &["unaligned"], None),
    ("outer", &["nowhere"], Some(88)),
    ("outer", &["nowhere", "a"], None),
    ("outer", &["far", "b"], None),
    ("outer", &["plain", "a"], None),
    ("outer", &["missing"], None),
    ("outer", &["plai"], None),
    ("outer", &["plainer"], None),
    ("oute", &["plain"], None),
    ("inner_t", &["a"], None),
    ("", &["x"], None),
    ("missing", &["plain"], None),
    ("flags", &["whole"], Some(1)),
    ("flags", &["bit"], None),
    ("flags", &["byte"], None),
    ("flags", &["nested", "b"], Some(8)),
    ("twin", &["other"], Some(0)),
    ("twin", &["same"], Some(1)),
    ("twin", &["differs"], None),
    ("itself", &["a"], None),
    ("last", &["endless", "a"], None),
    ("last", &["end"], Some(4)),
];

fn error(blob: &[u8]) -> String {
    format!("{:#}", Btf::parse(blob.to_vec()).expect_err("not BTF"))
}

fn exercise(blob: Vec<u8>) {
    if let Ok(btf) = Btf::parse(blob) {
        for (structure, path, _) in PATHS {
            let _ = btf.offset(structure, path);
        }
    }
}

#[test]
fn fields_are_found_where_they_are() {
    let btf = Btf::parse(sample()).expect("sample");
    for (structure, path, expected) in PATHS {
        assert_eq!(
            btf.offset(structure, path),
            *expected,
            "{structure} {path:?}"
        );
    }
}

#[test]
fn a_longer_header_is_stepped_over() {
    let mut blob = sample();
    blob[4..8].copy_from_slice(&32_u32.to_ne_bytes());
    blob.splice(HEADER_BYTES..HEADER_BYTES, [0xff; 8]);
    let btf = Btf::parse(blob).expect("longer header");
    assert_eq!(btf.offset("last", &["end"]), Some(4));
}

#[test]
fn an_empty_blob_has_no_types() {
    let btf = Btf::parse(header(0, 0)).expect("empty");
    assert_eq!(btf.offset("outer", &["plain"]), None);
}

#[test]
fn what_is_wrong_is_said() {
    let blob = sample();
    assert_eq!(error(b""), "it is not BTF");
    assert_eq!(error(b"\x7fELF"), "it is not BTF");
    assert_eq!(error(&blob[..HEADER_BYTES - 1]), "its header is cut short");
    assert_eq!(error(&blob[..HEADER_BYTES]), "its types are cut short");
    let cut = &blob[..blob.len() - 1];
    assert_eq!(error(cut), "its strings are cut short");

    let mut foreign = blob.clone();
    foreign[..2].reverse();
    assert_eq!(error(&foreign), "it is BTF of the other byte order");

    let mut later = blob;
    later[2] = 2;
    assert_eq!(error(&later), "its header is not of version 1");

    let mut unknown = Builder::new();
    unknown.add(20, "", 0, &[]);
    let expected = "its type 2 is of kind 20, which is unknown";
    assert_eq!(error(&unknown.finish()), expected);

    let mut short = Builder::new();
    short.add(KIND_STRUCT << 24 | 1, "outer", 0, &[0, 0]);
    assert_eq!(error(&short.finish()), "its type 2 is cut short");
}

#[test]
fn the_file_is_named() {
    let file = tempfile::NamedTempFile::new().expect("temporary file");
    fs::write(file.path(), &sample()[..HEADER_BYTES]).expect("write");
    let error = Btf::read(file.path()).expect_err("cut short");
    let expected = format!(
        "cannot read the kernel's types from {}: its types are cut short",
        file.path().display()
    );
    assert_eq!(format!("{error:#}"), expected);
}

#[test]
fn every_truncation_is_an_error() {
    let blob = sample();
    for length in 0..blob.len() {
        assert!(Btf::parse(blob[..length].to_vec()).is_err(), "{length}");
    }
}

proptest! {
    #[test]
    fn any_bytes_give_an_answer(bytes in vec(any::<u8>(), 0..400)) {
        exercise(bytes.clone());
        // The same past the checks of the header.
        let (types, strings) = bytes.split_at(bytes.len() / 2);
        let mut blob = header(types.len() as u32, strings.len() as u32);
        blob.extend(bytes);
        exercise(blob);
    }

    #[test]
    fn any_damage_gives_an_answer(
        bytes in vec((any::<Index>(), any::<u8>()), 0..8),
        words in vec((any::<Index>(), 0_u32..64), 0..8),
        end in any::<Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut blob = sample();
        for (at, byte) in bytes {
            let at = at.index(blob.len());
            blob[at] = byte;
        }
        // Small numbers where ids, lengths and names are: cycles and overlaps.
        for (at, word) in words {
            let at = at.index(blob.len() / 4 - 1) * 4;
            blob[at..at + 4].copy_from_slice(&word.to_ne_bytes());
        }
        if is_cut {
            blob.truncate(end.index(blob.len()));
        }
        exercise(blob);
    }
}
