//! What a word of a filter may become.

use crate::core::filter;

/// Words between conditions.
const JOINTS: [&str; 3] = ["and", "or", "not"];
/// Operators, after which a value stands.
const OPERATORS: [char; 5] = ['=', '<', '>', '~', '!'];

/// The words that begin with the one at the end of `before`, and may stand there.
pub(super) fn candidates(before: &str) -> Vec<&'static str> {
    let word = last_word(before);
    let wanted: Vec<&'static str> = match key_before(&before[..before.len() - word.len()]) {
        Some("state" | "exclude") => filter::state_words().collect(),
        Some(_) => Vec::new(),
        None => filter::keys().chain(JOINTS).collect(),
    };
    let word = word.to_ascii_lowercase();
    let fits = wanted.into_iter().filter(|it| it.starts_with(&word));
    fits.collect()
}

/// What is to be appended: what all candidates have in common, and a blank where it is one.
pub(super) fn rest(before: &str) -> Option<String> {
    let word = last_word(before);
    let candidates = candidates(before);
    let (first, others) = candidates.split_first()?;
    let common = others.iter().fold(first.len(), |common, other| {
        let same = first.bytes().zip(other.bytes());
        common.min(same.take_while(|(one, other)| one == other).count())
    });
    let rest = first.get(word.len()..common)?;
    let blank = if others.is_empty() { " " } else { "" };
    let rest = format!("{rest}{blank}");
    (!rest.is_empty()).then_some(rest)
}

fn last_word(text: &str) -> &str {
    let is_word = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
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
        ] {
            assert_eq!(rest(before).as_deref(), expected, "{before}");
        }
    }

    #[test]
    fn every_candidate_begins_with_what_is_there() {
        for word in candidates("state c") {
            assert!(word.starts_with('c'), "{word}");
        }
        assert_eq!(candidates("state zzz"), [""; 0]);
    }
}
