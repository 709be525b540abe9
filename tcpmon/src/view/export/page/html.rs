//! The page as HTML.

use maud::{DOCTYPE, Markup, html};

use super::{ICON_PATH, Page, SCRIPT_PATH, STYLE_PATH, StateNow, VerdictNow, diagram};
use crate::core::explain;

/// The page.
pub(super) fn page(page: &Page, telemetry_path: &str) -> String {
    let body = html! {
        header {
            h1 { span class="brand" { "tcpmon" } " " span class="host" { (page.host) } }
            p class="pulse" data-pulse="still" { "as it was when this page was sent" }
            noscript { p class="hint" { "Without JavaScript this is a still: load it again for what is now." } }
        }
        main {
            section class="wrong" aria-labelledby="wrong" {
                h2 id="wrong" data-text="verdict" { (page.text("verdict")) }
                p class="unseen" role="status" aria-live="polite" {}
                ul class="verdicts" {
                    @for verdict in &page.verdicts { (self::verdict(verdict)) }
                }
                p class="more" hidden[page.more_verdicts == 0] {
                    span data-more { (page.more_verdicts) } " more: " code { "tcpmon diagnose" }
                    " on the machine lists them all."
                }
            }
            dl class="figures" {
                (figure(page, "sockets", "sockets"))
                (figure(page, "events", "transitions"))
                (figure(page, "lost", "events lost"))
                (figure(page, "drift", "corrections"))
                (figure(page, "namespaces", "namespaces"))
                (figure(page, "audited", "last audit"))
                (figure(page, "uptime", "watching for"))
            }
            section class="picture" aria-label="State diagram" {
                (diagram::diagram(page))
            }
            section class="states" aria-labelledby="states" {
                h2 id="states" { "Every state" }
                (table(page))
            }
            @if !page.limits.is_empty() {
                section class="limits" aria-labelledby="limits" {
                    h2 id="limits" { "What limits the view" }
                    ul { @for limit in &page.limits { li { (limit) } } }
                }
            }
        }
        footer { (footer(telemetry_path, &format!("Linux {}", page.kernel))) }
        script src=(SCRIPT_PATH) defer {}
    };
    document(&format!("tcpmon · {}", page.host), &body)
}

/// Links alone: what stands there when the page is off.
pub(in super::super) fn links(telemetry_path: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let links = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { "tcpmon" } }
            body {
                h1 { "tcpmon " (version) }
                p { "TCP connection states of this machine." }
                ul {
                    li { a href=(telemetry_path) { "Metrics" } }
                    li { a href="/-/healthy" { "Healthy" } }
                    li { a href="/-/ready" { "Ready" } }
                }
                p {
                    "Single connections are shown on the machine itself: " code { "tcpmon top" } ", "
                    code { "tcpmon ls" } "."
                }
            }
        }
    };
    links.into_string()
}

fn document(title: &str, body: &Markup) -> String {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" type="image/svg+xml" href=(ICON_PATH);
                link rel="stylesheet" href=(STYLE_PATH);
            }
            body { (body) }
        }
    };
    document.into_string()
}

fn figure(page: &Page, place: &'static str, name: &str) -> Markup {
    html! {
        div { dt { (name) } dd data-text=(place) { (page.text(place)) } }
    }
}

fn verdict(verdict: &VerdictNow) -> Markup {
    html! {
        li class=(verdict.severity.name()) {
            span class="severity" { (verdict.severity.name()) }
            span class="sentence" { (verdict.sentence) }
            span class="since" { "for " (verdict.since) }
        }
    }
}

fn table(page: &Page) -> Markup {
    html! {
        table {
            thead {
                tr {
                    th scope="col" { "state" }
                    th scope="col" class="number" { "sockets" }
                    th scope="col" class="number" { "entered" }
                    th scope="col" class="number" { "oldest" }
                    th scope="col" { "what it means" }
                }
            }
            tbody { @for state in &page.states { (row(state)) } }
        }
    }
}

fn row(now: &StateNow) -> Markup {
    let name = now.state.name();
    html! {
        tr id=(name) class=(now.level.name()) data-row=(name) {
            th scope="row" { (name) }
            td class="number" data-cell="shown" { (now.shown) }
            td class="number" data-cell="rate" { (now.rate) }
            td class="number" data-cell="oldest" { (now.oldest) }
            td class="meaning" { (explain::state(now.state).meaning) }
        }
    }
}

fn footer(telemetry_path: &str, machine: &str) -> Markup {
    html! {
        nav aria-label="Other pages" {
            a href=(telemetry_path) { "Metrics" } " "
            a href="/-/healthy" { "Healthy" } " "
            a href="/-/ready" { "Ready" }
        }
        p {
            "Aggregates alone. Single connections are shown on the machine itself: "
            code { "tcpmon top" } ", " code { "tcpmon diagnose" } "."
        }
        p class="version" { "tcpmon " (env!("CARGO_PKG_VERSION")) " · " (machine) }
    }
}
