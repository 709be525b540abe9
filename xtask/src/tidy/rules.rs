//! The rules themselves: pure functions of a file's path and text.

use std::fmt;

use super::token::{Path, Token, Tokens, paths};

const MAX_LINES: usize = 600;
const MAX_COLUMNS: usize = 120;
/// How far above an `unsafe` its reason may begin.
const REASON_LINES: usize = 6;

/// Marks of unfinished work, spelled so that this file has none.
const UNFINISHED: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];
/// Places beside the repository: nothing in it may depend on where it was written.
const ELSEWHERE: [&str; 2] = [concat!("/wo", "rk/"), concat!("../sha", "red")];
/// Where inputs for decoders are kept. They may have any words, and need not be text.
const CORPUS: &str = "fuzz/corpus";
/// Where people's own files are: an input is to come from a machine without telling whose.
const HOMES: [&str; 2] = [concat!("/ho", "me/"), concat!("/ro", "ot/")];

/// Paths that may not appear in one part of the tree.
struct Ban {
    inside: &'static str,
    /// Parts of it that may have them.
    except: &'static [&'static str],
    /// Each matches itself and what is below it. A last `*` completes a name; a leading `*`
    /// stands for any beginning.
    paths: &'static [&'static str],
    reason: &'static str,
}

const BANS: &[Ban] = &[
    Ban {
        inside: "tcpmon/src/core",
        except: &[],
        paths: &["crate::source", "crate::view", "crate::agent"],
        reason: "core knows nothing of those who use it",
    },
    Ban {
        inside: "tcpmon/src/core",
        except: &[],
        paths: &[
            "tokio",
            "aya",
            "ratatui",
            "prometheus",
            "axum",
            "hyper",
            "nix",
            "libc",
            "std::fs",
            "std::net::Tcp*",
            "*::time::Instant",
            "*::time::SystemTime",
        ],
        reason: "core is pure: facts and time come in as arguments",
    },
    Ban {
        inside: "tcpmon/src/source",
        except: &[],
        paths: &["crate::view"],
        reason: "sources and views never import each other",
    },
    Ban {
        inside: "tcpmon/src/view",
        except: &[],
        paths: &["crate::source"],
        reason: "sources and views never import each other",
    },
    Ban {
        inside: "tcpmon/src",
        except: &["tcpmon/src/source/bpf"],
        paths: &["aya", "aya_log", "aya_obj"],
        reason: "aya belongs to source/bpf",
    },
    Ban {
        inside: "tcpmon/src",
        except: &["tcpmon/src/view/tui"],
        paths: &["ratatui", "crossterm"],
        reason: "the terminal belongs to view/tui",
    },
    Ban {
        inside: "tcpmon/src",
        except: &["tcpmon/src/view/export"],
        paths: &["prometheus"],
        reason: "the metrics crate belongs to view/export",
    },
    Ban {
        inside: "tcpmon/src",
        except: &["tcpmon/src/view"],
        paths: &["axum", "maud"],
        reason: "what HTTP servers answer belongs to view",
    },
    Ban {
        inside: "tcpmon/src",
        except: &["tcpmon/src/view/export/http", "tcpmon/src/promql"],
        paths: &[
            "rustls",
            "tokio_rustls",
            "x509_parser",
            "bcrypt",
            "serde_saphyr",
        ],
        reason: "TLS and passwords belong to view/export/http, which serves, and promql, which asks",
    },
    Ban {
        inside: "tcpmon/src",
        // The tests are of how long something waits, by a clock of the runtime that stands still.
        except: &[
            "tcpmon/src/clock",
            "tcpmon/src/view/export/http/tests",
            "tcpmon/src/view/export/http/pace/tests",
        ],
        paths: &["*::Instant::now", "*::SystemTime::now", "*::clock_gettime"],
        reason: "only clock.rs reads time; take it as an argument",
    },
];

/// A broken rule.
#[derive(Debug, PartialEq)]
pub(super) struct Finding {
    path: String,
    line: usize,
    sentence: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            line,
            sentence,
        } = self;
        write!(f, "{path}:{line}: {sentence}")
    }
}

/// What is wrong with the file at `path`, a path relative to the repository, in order of lines.
pub(super) fn findings(path: &str, text: &str) -> Vec<Finding> {
    let mut found = elsewhere(text);
    if is_corpus(path) {
        found.extend(homes(text));
    } else {
        found.extend(unfinished_words(text));
    }
    if path.ends_with(".rs") {
        found.extend(sizes(text));
        found.extend(unfinished_macros(text));
        found.extend(banned_paths(path, text));
        if !within(path, "tcpmon-ebpf") {
            found.extend(unexplained_unsafe(text));
        }
    }
    found.sort();
    found.dedup();
    let finding = |(line, sentence)| Finding {
        path: path.into(),
        line,
        sentence,
    };
    found.into_iter().map(finding).collect()
}

/// Whether the file at `path` is an input for a decoder, which has rules even where it is no text.
pub(super) fn is_corpus(path: &str) -> bool {
    within(path, CORPUS)
}

/// Whether `path` is the module `part` or below it.
fn within(path: &str, part: &str) -> bool {
    path.strip_prefix(part)
        .is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
}

type Found = Vec<(usize, String)>;

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

fn unfinished_words(text: &str) -> Found {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    numbered(text)
        .filter_map(|(line, text)| {
            let word = text
                .split(|c| !is_word(c))
                .find(|word| UNFINISHED.contains(word))?;
            Some((line, format!("{word}: finish it or write an issue")))
        })
        .collect()
}

fn unfinished_macros(text: &str) -> Found {
    let mut tokens = Tokens::new(text).peekable();
    let mut found = Found::new();
    while let Some((line, token)) = tokens.next() {
        if let Token::Word(word @ ("todo" | "unimplemented")) = token
            && matches!(tokens.peek(), Some((_, Token::Mark('!'))))
        {
            found.push((line, format!("{word}!: finish it or write an issue")));
        }
    }
    found
}

fn elsewhere(text: &str) -> Found {
    numbered(text)
        .filter(|(_, text)| ELSEWHERE.iter().any(|place| names(text, place)))
        .map(|(line, _)| {
            let sentence = "a path outside the repository: nothing here may depend on it";
            (line, sentence.into())
        })
        .collect()
}

fn homes(text: &str) -> Found {
    numbered(text)
        .filter(|(_, text)| HOMES.iter().any(|place| text.contains(place)))
        .map(|(line, _)| {
            (
                line,
                "a path of somebody's machine: put another there".into(),
            )
        })
        .collect()
}

/// Whether `text` has `place` as the beginning of a path, not in the middle of another.
fn names(text: &str, place: &str) -> bool {
    text.match_indices(place)
        .any(|(at, _)| !text[..at].ends_with(|c: char| c.is_alphanumeric() || "_-.}".contains(c)))
}

fn sizes(text: &str) -> Found {
    let long = numbered(text).filter_map(|(line, text)| {
        let columns = text.chars().count();
        (columns > MAX_COLUMNS).then(|| {
            let sentence = format!("{columns} columns: at most {MAX_COLUMNS} can be read");
            (line, sentence)
        })
    });
    let lines = text.lines().count();
    let tall = (lines > MAX_LINES).then(|| {
        let sentence = format!("{lines} lines: split the file, {MAX_LINES} is the most");
        (MAX_LINES + 1, sentence)
    });
    long.chain(tall).collect()
}

fn unexplained_unsafe(text: &str) -> Found {
    let lines: Vec<&str> = text.lines().collect();
    let explained = |line: usize| {
        let before = &lines[line.saturating_sub(1 + REASON_LINES)..line];
        before.iter().any(|line| line.contains("SAFETY:"))
    };
    Tokens::new(text)
        .filter(|(line, token)| *token == Token::Word("unsafe") && !explained(*line))
        .map(|(line, _)| {
            let sentence = "unsafe without a SAFETY: comment that says why it is sound";
            (line, sentence.into())
        })
        .collect()
}

fn banned_paths(file: &str, text: &str) -> Found {
    let bans: Vec<&Ban> = BANS
        .iter()
        .filter(|ban| within(file, ban.inside))
        .filter(|ban| !ban.except.iter().any(|part| within(file, part)))
        .collect();
    if bans.is_empty() {
        return Found::new();
    }
    let mut found = Found::new();
    for Path { line, segments } in paths(text) {
        let path = absolute(file, segments);
        let broken = |ban: &&&Ban| ban.paths.iter().any(|pattern| matches(pattern, &path));
        if let Some(ban) = bans.iter().find(broken) {
            found.push((line, format!("{}: {}", path.join("::"), ban.reason)));
        }
    }
    found
}

/// `super::…` as `crate::…`. Modules written inside the file are not followed: `super` in its test
/// module is taken for the file's parent.
fn absolute<'a>(file: &'a str, segments: Vec<&'a str>) -> Vec<&'a str> {
    let up = segments.iter().take_while(|name| **name == "super").count();
    if up == 0 {
        return segments;
    }
    let module = module(file);
    let stay = module.len().saturating_sub(up);
    let mut path = vec!["crate"];
    path.extend(&module[..stay]);
    path.extend(&segments[up..]);
    path
}

/// The module of a file below `src`: `["core", "filter"]` for `tcpmon/src/core/filter/mod.rs`.
fn module(file: &str) -> Vec<&str> {
    let inside = file.split_once("src/").map_or(file, |(_, inside)| inside);
    let inside = inside.trim_end_matches(".rs").trim_end_matches("/mod");
    inside.split('/').filter(|name| *name != "lib").collect()
}

fn matches(pattern: &str, path: &[&str]) -> bool {
    let names: Vec<&str> = pattern.split("::").collect();
    match names.split_first() {
        Some((&"*", names)) => (0..path.len()).any(|from| begins(&path[from..], names)),
        _ => begins(path, &names),
    }
}

/// Whether `path` begins with `names`. An import of everything may bring the last one in.
fn begins(path: &[&str], names: &[&str]) -> bool {
    path.len() >= names.len()
        && names
            .iter()
            .zip(path)
            .enumerate()
            .all(|(at, (name, segment))| {
                name == segment
                    || name
                        .strip_suffix('*')
                        .is_some_and(|name| segment.starts_with(name))
                    || at > 0 && *segment == "*"
            })
}

#[cfg(test)]
mod tests;
