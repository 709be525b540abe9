//! As much of PromQL as it takes to find the names in it; in rules, in prose and in templates alike.

/// A metric that is named somewhere, with the matchers behind it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reference<'a> {
    pub(crate) metric: &'a str,
    pub(crate) matchers: Vec<Matcher<'a>>,
}

/// `label="value"`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Matcher<'a> {
    pub(crate) label: &'a str,
    /// What is matched, as far as it is spelled out: `a` and `b` of `=~"a|b"`.
    pub(crate) values: Vec<&'a str>,
}

/// Metrics of tcpmon, and series recorded from them, that `text` names.
pub(crate) fn references(text: &str) -> Vec<Reference<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((reference, behind)) = next(rest) {
        rest = behind;
        if reference.metric.starts_with("tcpmon_") || reference.metric.find(":tcpmon_") > Some(0) {
            found.push(reference);
        }
    }
    found
}

/// The first name in `text`, whatever it is of, and what stands behind it.
pub(crate) fn next(text: &str) -> Option<(Reference<'_>, &str)> {
    let (metric, behind) = split(&text[text.find(is_name)?..], |c| !is_name(c));
    let matchers = block(behind, '{', '}').map_or_else(Vec::new, matchers);
    let metric = metric.trim_end_matches(':');
    Some((Reference { metric, matchers }, behind))
}

/// Labels that are aggregated by or matched on.
pub(crate) fn groupings(text: &str) -> Vec<&str> {
    const WORDS: [&str; 6] = [
        "by",
        "without",
        "on",
        "ignoring",
        "group_left",
        "group_right",
    ];
    let mut found = Vec::new();
    for word in WORDS {
        for (at, _) in text.match_indices(word) {
            let is_word = !text[..at].ends_with(is_name);
            let behind = text[at + word.len()..].trim_start_matches(' ');
            if let (true, Some(labels)) = (is_word, block(behind, '(', ')')) {
                let labels = labels.split(',').map(str::trim);
                found
                    .extend(labels.filter(|label| !label.is_empty() && label.chars().all(is_name)));
            }
        }
    }
    found
}

const fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// What stands between `open`, with which `text` begins, and the next `close` outside quotes.
fn block(text: &str, open: char, close: char) -> Option<&str> {
    let inside = text.strip_prefix(open)?;
    let mut quote = None;
    for (at, c) in inside.char_indices() {
        match quote {
            None if c == close => return Some(&inside[..at]),
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
    }
    None
}

fn matchers(inside: &str) -> Vec<Matcher<'_>> {
    let mut found = Vec::new();
    let mut rest = inside;
    while let Some(start) = rest.find(is_name) {
        let (label, behind) = split(&rest[start..], |c| !is_name(c));
        let (operator, behind) = split(behind.trim_start(), |c| !"=!~".contains(c));
        let (value, behind) = value(behind.trim_start());
        let values: Vec<&str> = match operator {
            "=" | "!=" => vec![value],
            _ => value.split('|').collect(),
        };
        let is_plain = |value: &&str| !value.is_empty() && value.chars().all(is_name);
        let values = values.into_iter().filter(is_plain).collect();
        found.push(Matcher { label, values });
        rest = behind;
    }
    found
}

/// The quoted value with which `text` begins, and what stands behind it; in a template it is not quoted.
fn value(text: &str) -> (&str, &str) {
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => text[1..].split_once(quote).unwrap_or((&text[1..], "")),
        _ => split(text, |c| c == ','),
    }
}

fn split(text: &str, ends: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

#[test]
fn names_and_matchers_are_found() {
    let text = r#"sum by (le, state) (tcpmon_a{x="1", y=~"b|c",z=%q} / on(job) level:tcpmon_b:sum) > `tcpmon_c`"#;
    let matcher = |label, values| Matcher { label, values };
    let reference = |metric, matchers| Reference { metric, matchers };
    assert_eq!(
        references(text),
        [
            reference(
                "tcpmon_a",
                vec![
                    matcher("x", vec!["1"]),
                    matcher("y", vec!["b", "c"]),
                    matcher("z", vec![]),
                ]
            ),
            reference("level:tcpmon_b:sum", vec![]),
            reference("tcpmon_c", vec![]),
        ]
    );
    assert_eq!(groupings(text), ["le", "state", "job"]);
    assert_eq!(groupings("based on (other) things; bygone (x)"), ["other"]);
}
