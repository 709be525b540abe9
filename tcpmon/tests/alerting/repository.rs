//! Files of the repository.

use std::fs;
use std::path::{Path, PathBuf};

/// The file or directory at `path`, which is relative to the repository.
pub(crate) fn at(path: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("a workspace").join(path)
}

/// The text of the file at `path`.
#[track_caller]
pub(crate) fn text(path: &str) -> String {
    fs::read_to_string(at(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The paths of the files in `directory` whose names end in `extension`, in their order.
#[track_caller]
pub(crate) fn files(directory: &str, extension: &str) -> Vec<String> {
    let entries =
        fs::read_dir(at(directory)).unwrap_or_else(|error| panic!("{directory}: {error}"));
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.into_string().expect("UTF-8"));
    let mut paths: Vec<String> = names
        .filter(|name| name.ends_with(extension))
        .map(|name| format!("{directory}/{name}"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{directory} has no {extension}");
    paths
}
