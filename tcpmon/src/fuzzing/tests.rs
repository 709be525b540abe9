use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// A corpus is for replaying in moments: what a fuzzer finds beyond stays outside the repository.
const MAX_FILES: usize = 60;
const MAX_BYTES: usize = 1 << 20;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|e| panic!("{directory:?}: {e}"));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("entry").path()).collect();
    paths.sort();
    paths
}

fn names(directory: &Path) -> BTreeSet<String> {
    let name = |path: PathBuf| Some(path.file_stem()?.to_str()?.to_owned());
    files(directory).into_iter().filter_map(name).collect()
}

#[test]
fn the_corpus_of_every_decoder_holds() {
    let mut bytes = 0;
    for (name, harness) in TARGETS {
        let files = files(&fuzz().join("corpus").join(name));
        assert!(
            (2..=MAX_FILES).contains(&files.len()),
            "{name}: {} files",
            files.len()
        );
        let mut taken = 0;
        for file in &files {
            let input = fs::read(file).expect("readable");
            bytes += input.len();
            // Its panic says what; which file it was stands above.
            println!("{}", file.display());
            taken += usize::from(harness(&input));
        }
        // Bytes of one kind only would be a corpus that has gone stale.
        assert!(
            (1..files.len()).contains(&taken),
            "{name}: {taken} of {} taken",
            files.len()
        );
    }
    assert!(bytes <= MAX_BYTES, "{bytes} bytes");
}

#[test]
fn every_decoder_has_a_target_and_a_corpus() {
    let known: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(known.len(), TARGETS.len());
    assert_eq!(names(&fuzz().join("fuzz_targets")), known);
    assert_eq!(names(&fuzz().join("corpus")), known);
}
