//! What a word of a filter may become.

use std::collections::BTreeSet;

use crate::core::filter;
use crate::core::query::Picture;

/// Words between conditions.
const JOINTS: [&str; 3] = ["and", "or", "not"];
/// Operators, after which a value stands.
const OPERATORS: [char; 5] = ['=', '<', '>', '~', '!'];
/// Names that are offered of each kind.
const MOST: usize = 200;

/// The names that are on the machine now, as a filter has them. Those that need quotes are left out:
/// a word cannot become one.
#[derive(Debug, Default)]
pub(in super::super) struct Names {
    processes: BTreeSet<String>,
    pids: BTreeSet<String>,
    units: BTreeSet<String>,
    containers: BTreeSet<String>,
    namespaces: BTreeSet<String>,
}

impl Names {
    /// Those in a picture.
    pub(in super::super) fn of(picture: &Picture) -> Self {
        let rows = || picture.processes.processes.iter();
        Self {
            processes: plain(rows().map(|row| row.process.as_str())),
            pids: plain(rows().map(|row| row.pid.to_string())),
            units: plain(rows().filter_map(|row| row.unit.as_deref())),
            containers: plain(rows().filter_map(|row| row.container.as_deref())),
            namespaces: namespaces(picture),
        }
    }

    fn under(&self, key: &str) -> Option<&BTreeSet<String>> {
        match key {
            "proc" => Some(&self.processes),
            "pid" => Some(&self.pids),
            "unit" => Some(&self.units),
            "container" => Some(&self.containers),
            "netns" => Some(&self.namespaces),
            _ => None,
        }
    }
}

/// Those of what is shown: names, and the inode of a namespace that has none.
fn namespaces(picture: &Picture) -> BTreeSet<String> {
    let sockets = picture.sockets.iter().flat_map(|it| &it.sockets);
    let sockets = sockets.map(|row| (&row.netns_name, row.netns));
    let listed = picture.namespaces.iter().flat_map(|it| &it.namespaces);
    let listed = listed.map(|row| (&row.name, row.netns));
    let names = sockets
        .chain(listed)
        .filter_map(|(name, inode)| match name {
            Some(name) => Some(name.clone()),
            None => inode.map(|inode| inode.to_string()),
        });
    plain(names)
}

fn plain<N: Into<String>>(names: impl Iterator<Item = N>) -> BTreeSet<String> {
    let names = names.map(Into::into);
    let plain = names.filter(|name: &String| {
        !name.is_empty() && filter::quoted(name) == *name && last_word(name) == name
    });
    plain.take(MOST).collect()
}

/// The words that begin with the one at the end of `before`, and may stand there.
pub(super) fn candidates(before: &str, names: &Names) -> Vec<String> {
    let word = last_word(before);
    let key = key_before(&before[..before.len() - word.len()]);
    if let Some(names) = key.and_then(|key| names.under(key)) {
        let fits = names.iter().filter(|name| name.starts_with(word));
        return fits.cloned().collect();
    }
    let wanted: Vec<&'static str> = match key {
        Some("state" | "exclude") => filter::state_words().collect(),
        Some(_) => Vec::new(),
        None => filter::keys().chain(JOINTS).collect(),
    };
    let word = word.to_ascii_lowercase();
    let fits = wanted.into_iter().filter(|it| it.starts_with(&word));
    fits.map(str::to_owned).collect()
}

/// What is to be appended: what all candidates have in common, and a blank where it is one.
pub(super) fn rest(before: &str, names: &Names) -> Option<String> {
    let word = last_word(before);
    let candidates = candidates(before, names);
    let (first, others) = candidates.split_first()?;
    let common = others.iter().fold(first.len(), |common, other| {
        let same = first.char_indices().zip(other.chars());
        let end = same
            .take_while(|((_, one), other)| one == other)
            .last()
            .map_or(0, |((at, c), _)| at + c.len_utf8());
        common.min(end)
    });
    let rest = first.get(word.len()..common)?;
    let blank = if others.is_empty() { " " } else { "" };
    let rest = format!("{rest}{blank}");
    (!rest.is_empty()).then_some(rest)
}

fn last_word(text: &str) -> &str {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    &text[text.trim_end_matches(is_word).len()..]
}

/// The key whose value is to follow.
fn key_before(text: &str) -> Option<&'static str> {
    let text = text.trim_end();
    let bare = text.trim_end_matches(OPERATORS);
    let word = last_word(bare.trim_end());
    filter::keys().find(|key| key.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let set = |names: &[&str]| plain(names.iter().copied());
        Names {
            processes: set(&["nginx", "ngrep", "größe", "größer", "two words", "", "and"]),
            pids: set(&["17", "1234"]),
            units: set(&["web@1.service", "db.service"]),
            containers: set(&["4f797c539e6c"]),
            namespaces: set(&["host", "lab-1", "4026532177"]),
        }
    }

    #[test]
    fn completed() {
        for (before, expected) in [
            ("", None),
            ("sta", Some("te ")),
            ("s", None),
            ("sp", Some("ort ")),
            ("state est", Some("ablished ")),
            ("state = est", Some("ablished ")),
            ("not (state!=time", Some("-wait ")),
            ("STATE Est", Some("ablished ")),
            ("pid = 1 an", Some("d ")),
            ("proc = sta", None),
            ("state = estab and ag", Some("e ")),
            ("größe", None),
            ("proc = n", Some("g")),
            ("proc ~ ngi", Some("nx ")),
            ("proc = g", Some("röße")),
            ("unit = web@", Some("1.service ")),
            ("unit=d", Some("b.service ")),
            ("container = 4", Some("f797c539e6c ")),
            ("pid = 12", Some("34 ")),
            ("proc = N", None),
            ("netns = h", Some("ost ")),
            ("netns = 4", Some("026532177 ")),
        ] {
            assert_eq!(rest(before, &names()).as_deref(), expected, "{before}");
        }
    }

    #[test]
    fn every_candidate_begins_with_what_is_there() {
        for word in candidates("state c", &names()) {
            assert!(word.starts_with('c'), "{word}");
        }
        assert_eq!(candidates("state zzz", &names()), [""; 0]);
    }

    #[test]
    fn what_needs_quotes_is_not_offered() {
        assert_eq!(candidates("proc = t", &names()), [""; 0]);
        assert_eq!(
            candidates("proc = a", &names()),
            [""; 0],
            "a word of the language"
        );
    }
}
