//! The page of every alert.

use std::collections::BTreeSet;

use tcpmon::core::explain::Topic;
use tcpmon::core::filter::Filter;

use super::repository;
use super::rules::rules;

pub(crate) const PAGES: &str = "docs/runbooks";
const SECTIONS: [&str; 5] = [
    "What it means",
    "What to look at first",
    "What causes it",
    "How to mend it",
    "When to silence it",
];

/// Lines between the fences of the language `fence`, of every page, with the page.
pub(crate) fn fenced(fence: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in repository::files(PAGES, ".md") {
        let text = repository::text(&path);
        for block in text.split(&format!("```{fence}\n")).skip(1) {
            let (block, _) = block.split_once("```").expect("a closing fence");
            found.extend(block.lines().map(|line| (path.clone(), line.to_owned())));
        }
    }
    found
}

#[test]
fn every_alert_has_its_page_and_every_page_its_alert() {
    let alerts: BTreeSet<String> = rules().alerts.into_iter().map(|alert| alert.name).collect();
    let pages = repository::files(PAGES, ".md").into_iter().map(|path| {
        let name = path
            .rsplit('/')
            .next()
            .and_then(|file| file.strip_suffix(".md"));
        name.expect("a page").to_owned()
    });
    assert_eq!(alerts, pages.collect());
}

#[test]
fn every_page_has_its_sections_in_order() {
    for path in repository::files(PAGES, ".md") {
        let text = repository::text(&path);
        let title = path.rsplit('/').next().expect("a file").replace(".md", "");
        assert!(text.starts_with(&format!("# {title}\n")), "{path}");
        let sections: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .collect();
        assert_eq!(sections, SECTIONS, "{path}");
        let bodies = text.split("\n## ").skip(1);
        let is_empty = |body: &str| body.lines().skip(1).all(|line| line.trim().is_empty());
        assert!(
            !bodies.into_iter().any(is_empty),
            "{path}: a section says nothing"
        );
    }
}

#[test]
fn commands_of_tcpmon_can_be_typed() {
    let (mut filters, mut topics) = (0, 0);
    for (path, line) in fenced("sh") {
        if let Some(rest) = line.strip_prefix("tcpmon ls '") {
            let (filter, _) = rest.split_once('\'').expect("a closing quote");
            let filter = filter.replace("PEER", "192.0.2.1").replace("PORT", "443");
            filter
                .parse::<Filter>()
                .unwrap_or_else(|error| panic!("{path}: {line}: {error}"));
            filters += 1;
        }
        if let Some(rest) = line.strip_prefix("tcpmon explain ") {
            let topic = rest.split_whitespace().next().expect("a topic");
            Topic::parse(topic).unwrap_or_else(|error| panic!("{path}: {line}: {error}"));
            topics += 1;
        }
    }
    assert!(
        filters > 3 && topics > 5,
        "{filters} filters and {topics} topics"
    );
}

#[test]
fn links_between_pages_lead_somewhere() {
    for path in repository::files(PAGES, ".md") {
        let text = repository::text(&path);
        for link in text.split("](").skip(1) {
            let (target, _) = link.split_once(')').expect("a closing parenthesis");
            let file = repository::at(&format!("{PAGES}/{target}"));
            assert!(file.is_file(), "{path}: {target}");
        }
    }
}
