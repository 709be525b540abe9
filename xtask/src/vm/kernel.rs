//! Debian's kernels: downloaded and unpacked once, never installed.

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::suite;
use crate::apt;
use crate::sh::{in_path, sh};

/// A series of kernels, and the suite that has it when the machine's own does not.
pub(super) struct Series {
    pub(super) name: &'static str,
    suite: &'static str,
    /// Among the few that every change is tried on.
    pub(super) smoke: bool,
}

/// The matrix: the oldest that can work, two that are widely run, and the newest.
pub(super) const ALL: &[Series] = &[
    Series {
        name: "5.10",
        suite: "bullseye",
        smoke: false,
    },
    Series {
        name: "6.1",
        suite: "bookworm",
        smoke: true,
    },
    Series {
        name: "6.12",
        suite: "trixie",
        smoke: true,
    },
    Series {
        name: "7.2",
        suite: "forky",
        smoke: false,
    },
];

/// The unpacked packages of a kernel.
pub(super) struct Kernel {
    pub(super) root: PathBuf,
    /// What to boot.
    pub(super) image: PathBuf,
}

impl Kernel {
    /// The kernel unpacked at `root`.
    pub(super) fn find(root: PathBuf) -> Result<Self> {
        let image = image(&root)?;
        Ok(Self { root, image })
    }
}

impl Series {
    /// Where below `cache` the kernel is; it is fetched when it is not there.
    pub(super) fn fetch(&self, cache: &Path) -> Result<PathBuf> {
        let root = cache.join(format!("linux-{}", self.name));
        if root.exists() {
            return Ok(root);
        }
        if in_path("apt-get").is_none() {
            bail!("there is no apt-get to fetch Linux {} with", self.name);
        }
        let mut options = Vec::new();
        let mut packages = self.packages(&options);
        if packages.is_empty() {
            let dir = cache.join("apt").join(self.suite);
            options = suite::options(self.suite, &dir)
                .with_context(|| format!("the suite {} cannot be reached", self.suite))?;
            packages = self.packages(&options);
        }
        if packages.is_empty() {
            bail!("no suite at hand has Linux {}", self.name);
        }
        let partial = cache.join("partial");
        if partial.exists() {
            fs::remove_dir_all(&partial)
                .with_context(|| format!("cannot remove {}", partial.display()))?;
        }
        for package in packages {
            apt::unpack(&package, &partial, &options)?;
        }
        fs::rename(&partial, &root).with_context(|| format!("cannot make {}", root.display()))?;
        Ok(root)
    }

    fn packages(&self, options: &[String]) -> Vec<String> {
        let names = sh("apt-cache").args(options).args(["pkgnames", "linux-"]);
        choose(&names.stdout().unwrap_or_default(), self.name)
    }
}

/// The packages of the newest kernel of a series. Debian has split them since 7.2.
fn choose(names: &str, series: &str) -> Vec<String> {
    let newest = |kind: &str| {
        let begin = format!("linux-{kind}-{series}.");
        names
            .lines()
            .filter(|name| name.starts_with(&begin) && name.ends_with("-cloud-amd64"))
            .max_by(|a, b| by_numbers(a, b))
    };
    if let Some(binary) = newest("binary") {
        return vec![
            binary.to_owned(),
            binary.replacen("linux-binary-", "linux-modules-", 1),
        ];
    }
    newest("image").map(str::to_owned).into_iter().collect()
}

/// Compares names by the numbers in them: `6.1.0-9` is before `6.1.0-56`.
fn by_numbers(a: &str, b: &str) -> Ordering {
    let numbers = |text: &str| -> Vec<u64> {
        let words = text.split(|c: char| !c.is_ascii_digit());
        words.filter_map(|word| word.parse().ok()).collect()
    };
    numbers(a).cmp(&numbers(b))
}

/// `boot/vmlinuz-RELEASE`, or `usr/lib/modules/RELEASE/vmlinuz` since 7.2.
fn image(root: &Path) -> Result<PathBuf> {
    let in_boot = entries(&root.join("boot")).into_iter().find(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz-"))
    });
    let releases = entries(&root.join("usr/lib/modules")).into_iter();
    in_boot
        .or_else(|| {
            releases
                .map(|dir| dir.join("vmlinuz"))
                .find(|path| path.is_file())
        })
        .with_context(|| format!("there is no kernel below {}", root.display()))
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_a_series_is_chosen() {
        let names = "\
linux-image-6.1.0-9-cloud-amd64
linux-image-6.1.0-56-cloud-amd64
linux-image-6.1.0-56-cloud-amd64-dbg
linux-image-6.1.0-57-amd64
linux-image-6.1.0-56-cloud-amd64-unsigned
linux-image-6.12.117+deb12-cloud-amd64
";
        assert_eq!(choose(names, "6.1"), ["linux-image-6.1.0-56-cloud-amd64"]);
        assert_eq!(
            choose(names, "6.12"),
            ["linux-image-6.12.117+deb12-cloud-amd64"]
        );
        assert_eq!(choose(names, "5.10"), [""; 0]);
    }

    #[test]
    fn the_image_is_found_in_either_place() {
        for place in ["boot/vmlinuz-6.1.0", "usr/lib/modules/7.2.9/vmlinuz"] {
            let root = tempfile::tempdir().expect("a directory");
            assert!(image(root.path()).is_err());
            let file = root.path().join(place);
            fs::create_dir_all(file.parent().expect("it has one")).expect("made");
            fs::write(&file, "").expect("written");
            assert_eq!(image(root.path()).expect("found"), file);
        }
    }

    #[test]
    fn a_split_kernel_comes_with_its_modules() {
        let names = "\
linux-image-7.2.12+deb14-cloud-amd64
linux-binary-7.2.12+deb14-cloud-amd64
linux-binary-7.2.9+deb14-cloud-amd64
linux-binary-unsigned-7.2.12+deb14-cloud-amd64
";
        let both = [
            "linux-binary-7.2.12+deb14-cloud-amd64",
            "linux-modules-7.2.12+deb14-cloud-amd64",
        ];
        assert_eq!(choose(names, "7.2"), both);
    }
}
