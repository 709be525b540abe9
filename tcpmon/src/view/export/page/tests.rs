//! That the page says what is so, to whom it may be said.

use axum::http::header;

use super::*;
use crate::core::query::VerdictRow;
use crate::core::verdict::Kind;
use crate::view::fixture;

fn page() -> Page {
    Page::new(&fixture::summary(), &fixture::verdicts())
}

/// A verdict about a destination, with addresses in every place it may have one.
fn ports() -> VerdictRow {
    VerdictRow {
        verdict: Kind::PortExhaustion,
        severity: Severity::Critical,
        what: "local ports from 10.0.3.17 to 192.0.2.44:5432 run out: 28,000 of 28,231 are taken"
            .into(),
        source_address: Some("10.0.3.17".into()),
        destination_address: Some("192.0.2.44".into()),
        destination_port: Some(5432),
        ..fixture::verdicts().verdicts.remove(0)
    }
}

#[test]
fn every_state_and_every_edge_of_the_picture_is_in_it() {
    let html = page().html("/metrics");
    for state in State::RFC {
        for place in ["data-state", "data-row"] {
            let place = format!("{place}=\"{}\"", state.name());
            assert_eq!(html.matches(&place).count(), 1, "{place}");
        }
    }
    for path in crate::view::diagram::FULL.edges {
        let place = format!("data-edge=\"{}-{}\"", path.from.name(), path.to.name());
        assert_eq!(html.matches(&place).count(), 1, "{place}");
    }
}

#[test]
fn an_edge_that_is_taken_is_lit_and_says_how_often() {
    let page = page();
    let html = page.html("/metrics");
    assert_eq!(html.matches("class=\"edge lit\"").count(), page.edges.len());
    let lit = html.split("<g class=\"edge lit\" data-edge=\"FIN_WAIT2-TIME_WAIT\">");
    let lit = lit.last().and_then(|rest| rest.split("</g>").next());
    assert!(lit.is_some_and(|lit| lit.contains("140/s")), "{lit:?}");
}

#[test]
fn a_verdict_turns_its_state() {
    let (mut summary, mut verdicts) = (fixture::summary(), fixture::verdicts());
    verdicts.verdicts.clear();
    for state in &mut summary.states {
        state.oldest_age_seconds = (state.sockets > 0).then_some(1.0);
    }
    let level = |verdicts: &Verdicts| {
        let page = Page::new(&summary, verdicts);
        let states = page.states.iter();
        let state = states
            .clone()
            .find(|now| now.state == State::CloseWait)
            .unwrap();
        state.level
    };
    assert!(level(&verdicts) <= Level::Calm);
    for severity in Severity::ALL {
        let row = VerdictRow {
            verdict: Kind::CloseWaitLeak,
            severity,
            ..fixture::verdicts().verdicts.remove(0)
        };
        verdicts.verdicts.insert(0, row);
        assert_eq!(level(&verdicts), Level::from(severity));
        assert_eq!(level(&verdicts).name(), severity.name());
    }
}

#[test]
fn nothing_on_it_has_an_address() {
    let mut verdicts = fixture::verdicts();
    verdicts.verdicts.push(ports());
    verdicts.verdicts.push(VerdictRow {
        what: "something about 2001:db8::1 that nobody thought of".into(),
        ..ports()
    });
    let page = Page::new(&fixture::summary(), &verdicts);
    for text in [page.html("/metrics"), page.json()] {
        for address in ["10.0.3.17", "192.0.2.44", "2001:db8", "127.0.0.1", "::1"] {
            assert!(!text.contains(address), "{address} in {text}");
        }
    }
    let sentence = words::sentence(&ports());
    assert_eq!(
        sentence,
        "local ports to one destination, port 5432, run out: 28,000 of 28,231 are taken"
    );
    assert!(
        words::sentence(&verdicts.verdicts[verdicts.verdicts.len() - 1])
            .contains("port_exhaustion")
    );
}

#[test]
fn addresses_are_found_and_nothing_else_is() {
    for text in [
        "from 10.0.0.1",
        "10.0.0.1:80",
        "(10.0.0.1),",
        "to [2001:db8::1]:443;",
        "2001:db8::1",
        "fe80::1%eth0",
        "::ffff:10.0.0.1",
        "127.0.0.1.",
    ] {
        assert!(words::has_address(text), "{text}");
    }
    for text in [
        "payments[5731] has not closed 48 connections on port 8443 whose peer hung up, the oldest 2m29s ago",
        "28,000 of 28,231 are taken; 1.5/s",
        "at 12:30:00",
        "std::fs: 1.2.3",
        "",
    ] {
        assert!(!words::has_address(text), "{text}");
    }
}

#[test]
fn names_are_text_and_nothing_more() {
    let mut verdicts = fixture::verdicts();
    verdicts.verdicts[0].what = format!("<script>alert(1)</script>&\"{}", fixture::HOSTILE);
    let mut summary = fixture::summary();
    summary.host = "<b>\"'&".into();
    let page = Page::new(&summary, &verdicts);
    let html = page.html("/metrics");
    assert!(
        !html.contains("<script>alert") && !html.contains("<b>"),
        "{html}"
    );
    assert!(html.contains("&lt;script&gt;alert(1)"), "{html}");
    assert!(!html.chars().any(|c| c.is_control()), "{html}");
    assert!(!html.contains('\u{202e}'));
}

#[test]
fn the_script_needs_nothing_that_the_page_does_not_have() {
    let page = page();
    let html = page.html("/metrics");
    for place in page.texts.keys() {
        assert!(html.contains(&format!("data-text=\"{place}\"")), "{place}");
    }
    // What an attribute may not have in it, or the policy would have to allow.
    for forbidden in [
        " style=",
        " onclick=",
        " onload=",
        "javascript:",
        "<style",
        "http://",
        "https://",
    ] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    for forbidden in ["innerHTML", "eval(", "http://", "https://"] {
        assert!(!SCRIPT.contains(forbidden), "{forbidden}");
    }
    assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
}

#[test]
fn what_the_script_reads_is_what_the_page_is_made_of() {
    let json: serde_json::Value = serde_json::from_str(&page().json()).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["states"].as_array().unwrap().len(), State::RFC.len());
    assert_eq!(json["edges"][0]["from"], "SYN_RECV");
    assert_eq!(json["texts"]["events"], "31.2k/s");
    assert!(json["verdicts"][0]["sentence"].is_string());
}

#[test]
fn the_headline_counts_the_worst_first() {
    let mut verdicts = fixture::verdicts();
    verdicts.verdicts.clear();
    assert_eq!(words::headline(&verdicts), "Nothing is wrong.");
    for severity in [Severity::Warning, Severity::Critical, Severity::Warning] {
        verdicts.verdicts.push(VerdictRow {
            severity,
            ..ports()
        });
    }
    assert_eq!(
        words::headline(&verdicts),
        "What is wrong: 1 critical, 2 warning."
    );
    verdicts.judged_age_seconds = None;
    assert_eq!(words::headline(&verdicts), "Nothing has been judged yet.");
}

#[test]
fn a_browser_is_told_to_trust_nothing_else() {
    let response = answer(HTML, "");
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY]
        .to_str()
        .unwrap();
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(
        !policy.contains("unsafe") && !policy.contains('*'),
        "{policy}"
    );
    assert_eq!(
        response.headers()[header::X_CONTENT_TYPE_OPTIONS],
        "nosniff"
    );
}

/// The colours of the style sheet by name: the light ones, and those with the dark ones over them.
fn colours() -> [BTreeMap<&'static str, [f64; 3]>; 2] {
    let (light, rest) = STYLE.split_once("@media").unwrap();
    let dark = rest.split_once("\n}\n").unwrap().0;
    let read = |text: &'static str| {
        text.lines().filter_map(|line| {
            let (name, value) = line.trim().strip_prefix("--")?.split_once(": #")?;
            let value = value.strip_suffix(';')?;
            let part = |at: usize| u8::from_str_radix(value.get(at..at + 2)?, 16).ok();
            let [red, green, blue] = [part(0)?, part(2)?, part(4)?].map(f64::from);
            Some((name, [red, green, blue]))
        })
    };
    let light: BTreeMap<_, _> = read(light).collect();
    let mut both = light.clone();
    both.extend(read(dark));
    [light, both]
}

/// WCAG 2 relative luminance.
fn luminance(colour: [f64; 3]) -> f64 {
    let [red, green, blue] = colour.map(|part| {
        let part = part / 255.0;
        if part <= 0.04045 {
            part / 12.92
        } else {
            ((part + 0.055) / 1.055_f64).powf(2.4)
        }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

#[test]
fn text_can_be_read_on_its_ground() {
    const PAIRS: [(&str, &[&str]); 6] = [
        (
            "ink",
            &[
                "paper",
                "card",
                "accent-soft",
                "suspicious-soft",
                "warning-soft",
                "critical-soft",
            ],
        ),
        (
            "quiet",
            &[
                "paper",
                "card",
                "accent-soft",
                "suspicious-soft",
                "warning-soft",
                "critical-soft",
            ],
        ),
        ("accent", &["paper", "card"]),
        ("suspicious", &["paper", "suspicious-soft"]),
        ("warning", &["paper", "warning-soft"]),
        ("critical", &["paper", "critical-soft"]),
    ];
    for colours in colours() {
        for (text, grounds) in PAIRS {
            for ground in grounds {
                let (one, other) = (luminance(colours[text]), luminance(colours[ground]));
                let contrast = (one.max(other) + 0.05) / (one.min(other) + 0.05);
                assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.2}");
            }
        }
        for text in ["suspicious", "warning", "critical"] {
            let (one, other) = (luminance(colours[text]), luminance(colours["on-mark"]));
            let contrast = (one.max(other) + 0.05) / (one.min(other) + 0.05);
            assert!(contrast >= 4.5, "the mark of {text}: {contrast:.2}");
        }
    }
}
