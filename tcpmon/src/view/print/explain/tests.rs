//! What `tcpmon explain` prints, to the letter.

use super::*;

const NARROW: Look = Look {
    columns: 80,
    charset: Charset::Ascii,
    color: false,
};

fn page(name: &str, format: ExplainFormat, look: Look) -> String {
    let topic = Topic::parse(name).expect("a topic");
    let mut out = Vec::new();
    explain_topic(&mut out, topic, format, look).unwrap();
    String::from_utf8(out).unwrap()
}

fn overview(format: ExplainFormat, look: Look) -> String {
    let mut out = Vec::new();
    explain_overview(&mut out, format, look).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn text_of_a_state_an_edge_an_ending_and_a_verdict() {
    for (name, golden) in [
        ("CLOSE_WAIT", include_str!("golden/close_wait.txt")),
        (
            "FIN_WAIT2 -> CLOSE",
            include_str!("golden/fin_wait2-close.txt"),
        ),
        ("no_port", include_str!("golden/no_port.txt")),
        ("accept_stuck", include_str!("golden/accept_stuck.txt")),
    ] {
        let printed = page(name, ExplainFormat::Table, NARROW);
        assert_eq!(printed, golden, "\n{printed}");
    }
}

#[test]
fn sentences_wrap_and_what_is_to_be_copied_does_not() {
    for columns in [0, 40, 80, 100, 500] {
        let look = Look { columns, ..NARROW };
        let most = usize::from(columns.clamp(30, 100));
        for topic in Topic::all() {
            for line in page(
                &format!("{} {}", topic.kind(), topic.name()),
                ExplainFormat::Table,
                look,
            )
            .lines()
            {
                // Commands, files and edges stand on lines of their own, four blanks in.
                let is_copied = line.starts_with("    ") && !line.starts_with("     ");
                let is_one_word = line.split_whitespace().count() == 1;
                let fits = line.len() <= most || is_copied || is_one_word || !line.starts_with(' ');
                assert!(fits, "{columns}: {line}");
            }
        }
    }
}

#[test]
fn color_only_adds_codes() {
    let plain = page("close-wait", ExplainFormat::Table, NARROW);
    assert!(!plain.contains('\x1b'));
    let look = Look {
        color: true,
        ..NARROW
    };
    let mut colored = page("close-wait", ExplainFormat::Table, look);
    assert!(colored.contains("\x1b[1mMeaning\x1b[0m"));
    for code in ["\x1b[0m", "\x1b[1m", "\x1b[33m", "\x1b[36m"] {
        colored = colored.replace(code, "");
    }
    assert_eq!(colored, plain);
}

#[test]
fn the_overview_has_the_diagram_that_fits_and_names_everything() {
    for (columns, part) in [
        (79, "needs 80 columns"),
        (80, "[   ESTABLISHED    ]"),
        (100, "|    ESTABLISHED     |"),
    ] {
        let look = Look { columns, ..NARROW };
        let text = overview(ExplainFormat::Table, look);
        assert!(text.contains(part) && text.is_ascii(), "{columns}");
        for topic in Topic::all() {
            assert!(text.contains(&topic.name()), "{}", topic.name());
        }
    }
    let look = Look {
        charset: Charset::Unicode,
        ..NARROW
    };
    assert!(overview(ExplainFormat::Table, look).contains('▼'));
}

#[test]
fn json_names_the_kind_and_the_schema() {
    for topic in Topic::all() {
        let asked = format!("{} {}", topic.kind(), topic.name());
        let printed = page(&asked, ExplainFormat::Json, NARROW);
        let value: serde_json::Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(value["schema"], SCHEMA, "{printed}");
        assert_eq!(value["kind"], topic.kind());
        assert_eq!(value["name"], topic.name());
    }
    let value: serde_json::Value =
        serde_json::from_str(&overview(ExplainFormat::Json, NARROW)).unwrap();
    assert_eq!(value["states"].as_array().map(Vec::len), Some(11));
    assert_eq!(
        value["edges"].as_array().map(Vec::len),
        Some(explain::edges().count())
    );
}

#[test]
fn the_book_has_every_page() {
    let book = overview(ExplainFormat::Markdown, NARROW);
    for topic in Topic::all() {
        let title = format!("\n### {}", topic.name());
        assert!(book.contains(&title), "{title}");
    }
    for heading in ["States", "Edges", "Endings", "Verdicts"] {
        assert_eq!(
            book.matches(&format!("\n## {heading}\n")).count(),
            1,
            "{heading}"
        );
    }
}
