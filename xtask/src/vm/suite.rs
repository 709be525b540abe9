//! Another suite of the distribution, seen by an apt that has only that one: nothing of the machine's
//! own apt changes.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context as _, Result, bail};

use crate::sh::sh;

/// apt's options for `suite`, whose lists are below `dir`; they are fetched when they are not there.
pub(super) fn options(suite: &str, dir: &Path) -> Result<Vec<String>> {
    let options = paths(dir);
    let fetched = dir.join("fetched");
    if fetched.exists() {
        return Ok(options);
    }
    let codename = codename(&read(Path::new("/etc/os-release"))?)
        .context("/etc/os-release has no VERSION_CODENAME")?;
    let mut found = false;
    for source in own_sources() {
        let text = rewritten(&read(&source)?, &source, &codename, suite);
        if text.is_empty() {
            continue;
        }
        found = true;
        write(&dir.join("sources").join(file_name(&source)), &text)?;
    }
    if !found {
        bail!("apt's own sources do not name the suite {codename}");
    }
    for place in ["lists/partial", "cache/archives/partial"] {
        let place = dir.join(place);
        fs::create_dir_all(&place).with_context(|| format!("cannot create {}", place.display()))?;
    }
    sh("apt-get")
        .args(&options)
        .args(["-o", "APT::Update::Error-Mode=any", "update"])
        .downloads()
        .run()?;
    write(&fetched, "")?;
    Ok(options)
}

fn paths(dir: &Path) -> Vec<String> {
    let dir = dir.display();
    [
        "Dir::Etc::sourcelist=/dev/null".to_owned(),
        format!("Dir::Etc::sourceparts={dir}/sources"),
        format!("Dir::State::Lists={dir}/lists"),
        format!("Dir::Cache={dir}/cache"),
        "APT::Sandbox::User=root".to_owned(),
        "Acquire::Languages=none".to_owned(),
        // A suite that is not maintained any more is not signed anew.
        "Acquire::Check-Valid-Until=false".to_owned(),
    ]
    .into_iter()
    .flat_map(|option| ["-o".to_owned(), option])
    .collect()
}

fn own_sources() -> Vec<PathBuf> {
    let apt = Path::new("/etc/apt");
    let mut sources = vec![apt.join("sources.list")];
    let parts = fs::read_dir(apt.join("sources.list.d"));
    sources.extend(parts.into_iter().flatten().flatten().map(|e| e.path()));
    sources.retain(|path| path.is_file());
    sources
}

fn file_name(path: &Path) -> &Path {
    path.file_name().map_or(path, Path::new)
}

fn codename(os_release: &str) -> Option<String> {
    let value = os_release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))?;
    Some(value.trim_matches('"').to_owned())
}

/// The sources in `text` that name the suite `own`, naming `other` instead; nothing of the rest.
fn rewritten(text: &str, file: &Path, own: &str, other: &str) -> String {
    if file.extension().is_some_and(|end| end == "sources") {
        let stanzas = text.split("\n\n").filter_map(|s| stanza(s, own, other));
        stanzas.collect::<Vec<_>>().join("\n")
    } else {
        text.lines().filter_map(|l| line(l, own, other)).collect()
    }
}

/// A stanza `Suites: own own-updates` of deb822, with `Suites: other`.
fn stanza(text: &str, own: &str, other: &str) -> Option<String> {
    let mut named = false;
    let mut stanza = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match line.split_once(':') {
            Some(("Suites", suites)) => {
                named |= suites.split_whitespace().any(|suite| suite == own);
                stanza.push_str(&format!("Suites: {other}\n"));
            }
            Some(("Types", _)) => stanza.push_str("Types: deb\n"),
            Some(("Components", _)) => stanza.push_str("Components: main\n"),
            _ => stanza.push_str(&format!("{line}\n")),
        }
    }
    named.then_some(stanza)
}

/// A line `deb [options] URI own components`, with `other main`.
fn line(text: &str, own: &str, other: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let suite = words.iter().position(|word| *word == own)?;
    if words.first() != Some(&"deb") || suite < 2 {
        return None;
    }
    Some(format!("{} {other} main\n", words[..suite].join(" ")))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    let dir = path.parent().map_or_else(env::temp_dir, Path::to_owned);
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANZAS: &str = "\
Types: deb deb-src
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
";

    #[test]
    fn of_stanzas_only_the_distribution_is_taken() {
        let file = Path::new("debian.sources");
        let expected = "\
Types: deb
URIs: http://mirror.example/debian
Suites: forky
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
";
        assert_eq!(rewritten(STANZAS, file, "bookworm", "forky"), expected);
        assert_eq!(rewritten(STANZAS, file, "trixie", "forky"), "");
    }

    #[test]
    fn of_lines_only_the_distribution_is_taken() {
        let text = "\
# deb http://mirror.example/debian bookworm main
deb [arch=amd64 trusted=no] http://mirror.example/debian bookworm main contrib
deb-src http://mirror.example/debian bookworm main
deb http://mirror.example/debian bookworm-updates main
deb https://vendor.example/apt tool-bookworm main
";
        assert_eq!(
            rewritten(text, Path::new("sources.list"), "bookworm", "bullseye"),
            "deb [arch=amd64 trusted=no] http://mirror.example/debian bullseye main\n"
        );
    }

    #[test]
    fn the_suite_of_the_machine_is_read() {
        let text = "ID=debian\nVERSION_CODENAME=bookworm\n";
        assert_eq!(codename(text).as_deref(), Some("bookworm"));
        assert_eq!(codename("ID=arch\n"), None);
    }
}
