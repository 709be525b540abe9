//! A directory with the last incidents, one file each: so many and so large, and no more.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::core::incident::is_file_name;

/// Owner and group read it; nobody else, since it names peers and processes.
const MODE: u32 = 0o640;
/// How the name ends of a file that is not finished.
const UNFINISHED: &str = ".part";

/// Where incidents are kept, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    /// The directory.
    pub directory: PathBuf,
    /// Files at most; the oldest goes first.
    pub max_files: u32,
    /// Bytes of one at most.
    pub max_file_size: u32,
}

/// One of our files.
#[derive(Debug)]
struct Kept {
    name: String,
    bytes: u64,
}

impl Keep {
    /// Removes what an agent that was killed left unfinished, and tries to make a file.
    ///
    /// # Errors
    ///
    /// Files cannot be made there.
    pub(super) fn check(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.directory)?.flatten() {
            if is_unfinished(&entry.file_name().to_string_lossy()) {
                fs::remove_file(entry.path())?;
            }
        }
        let path = self.unfinished("check");
        File::create_new(&path)?;
        fs::remove_file(path)
    }

    /// Writes `bytes` as `name`. Either the whole file is there under its name afterwards, or none.
    ///
    /// # Errors
    ///
    /// It could not be written, or the older ones not be listed or removed.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let unfinished = self.unfinished(name);
        let outcome = write_whole(&unfinished, bytes)
            .and_then(|()| self.make_room(bytes.len() as u64))
            .and_then(|()| fs::rename(&unfinished, self.directory.join(name)));
        if outcome.is_err() {
            // What cannot be removed either is removed at the next start.
            drop(fs::remove_file(&unfinished));
        }
        outcome
    }

    fn unfinished(&self, name: &str) -> PathBuf {
        self.directory.join(format!(".{name}{UNFINISHED}"))
    }

    /// Removes our oldest files until one more of `bytes` keeps the limits.
    fn make_room(&self, bytes: u64) -> io::Result<()> {
        let mut kept = self.kept()?;
        // Names begin with the time.
        kept.sort_by(|one, other| other.name.cmp(&one.name));
        let most_bytes = u64::from(self.max_files) * u64::from(self.max_file_size);
        let mut in_all = bytes + kept.iter().map(|file| file.bytes).sum::<u64>();
        while kept.len() >= self.max_files as usize || in_all > most_bytes {
            let Some(oldest) = kept.pop() else {
                break;
            };
            match fs::remove_file(self.directory.join(&oldest.name)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => in_all -= oldest.bytes,
            }
        }
        Ok(())
    }

    /// Our files. A link, a directory or a name of another shape is not ours.
    fn kept(&self) -> io::Result<Vec<Kept>> {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| is_file_name(name)) else {
                continue;
            };
            // Of the entry itself, not of what a link leads to.
            let Ok(about) = entry.metadata() else {
                continue;
            };
            if about.is_file() {
                kept.push(Kept {
                    name: name.to_owned(),
                    bytes: about.len(),
                });
            }
        }
        Ok(kept)
    }
}

fn is_unfinished(name: &str) -> bool {
    let stem = name
        .strip_prefix('.')
        .and_then(|name| name.strip_suffix(UNFINISHED));
    stem.is_some_and(|stem| stem == "check" || is_file_name(stem))
}

/// Writes a file nobody has made before, to the disk.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    // Whatever the umask is.
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn name(second: u32) -> String {
        format!("20261121T0850{second:02}.000000000Z-syn_flood-7.incident.json")
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("a directory").flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    fn keep(place: &tempfile::TempDir, max_files: u32, max_file_size: u32) -> Keep {
        Keep {
            directory: place.path().to_owned(),
            max_files,
            max_file_size,
        }
    }

    #[test]
    fn the_oldest_go_and_what_is_not_ours_stays() {
        let place = tempfile::tempdir().expect("a directory");
        let keep = keep(&place, 3, 100);
        let foreign = ["a.incident.json", "core", ".profile.part"];
        for name in foreign {
            fs::write(place.path().join(name), "precious").expect("written");
        }
        let link = name(0);
        symlink("core", place.path().join(&link)).expect("a link");
        for second in 1..=5 {
            keep.write(&name(second), b"{}").expect("written");
        }
        let mut wanted = vec![link, name(3), name(4), name(5)];
        wanted.extend(foreign.map(str::to_owned));
        wanted.sort();
        assert_eq!(names(place.path()), wanted);
        let about = fs::metadata(place.path().join(name(5))).expect("it is there");
        assert_eq!(about.permissions().mode() & 0o7777, MODE);
    }

    #[test]
    fn the_limit_of_all_bytes_holds_for_files_that_were_larger_once() {
        let place = tempfile::tempdir().expect("a directory");
        let before = keep(&place, 10, 1000);
        for second in 1..=4 {
            before.write(&name(second), &[b' '; 900]).expect("written");
        }
        let keep = keep(&place, 10, 200);
        keep.write(&name(5), &[b' '; 150]).expect("written");
        assert_eq!(
            names(place.path()),
            [name(3), name(4), name(5)],
            "1,950 of 2,000 bytes"
        );
    }

    #[test]
    fn a_name_that_is_taken_or_a_directory_that_is_gone_leaves_nothing_half_done() {
        let place = tempfile::tempdir().expect("a directory");
        let keep = keep(&place, 3, 100);
        fs::create_dir(place.path().join(name(1))).expect("made");
        keep.write(&name(1), b"{}").expect_err("it is a directory");
        assert_eq!(names(place.path()), [name(1)]);
        fs::remove_dir(place.path().join(name(1))).expect("removed");
        let path = place.path().to_owned();
        place.close().expect("removed");
        let error = keep.write(&name(2), b"{}").expect_err("no directory");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(
            keep.check().is_err() && !path.exists(),
            "it is not made either"
        );
    }

    #[test]
    fn the_check_removes_what_was_left_unfinished_and_nothing_else() {
        let place = tempfile::tempdir().expect("a directory");
        let keep = keep(&place, 3, 100);
        for name in [&keep.unfinished(&name(1)), &keep.unfinished("check")] {
            fs::write(name, "{").expect("written");
        }
        for name in [name(2), ".notes.part".into()] {
            fs::write(place.path().join(name), "{}").expect("written");
        }
        keep.check().expect("it can be written to");
        assert_eq!(names(place.path()), [".notes.part".into(), name(2)]);
    }
}
