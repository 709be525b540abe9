//! What is scraped, to the letter. `UPDATE_GOLDEN=1 cargo test view::export` rewrites it.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tcpmon_common::State;

use super::exporter::Exporter;
use super::fixture::{census, snapshot};
use super::metrics::Renderer;
use crate::core::census::{Census, Workload};
use crate::core::fsm::{EDGES, is_announced};
use crate::core::series::{Budget, DEFAULT_LIMIT, LEAST_LIMIT, LabelSet, Labels};
use crate::core::snapshot::Snapshot;
use crate::core::table::Process;

const BUILD: &str = "tcpmon_build_info{version=\"0.0.0\",revision=\"0\",rustversion=\"1\"} 1";

fn text_of(snapshot: &Snapshot) -> String {
    let text = Renderer::default().render(snapshot, &census(), Budget::default());
    String::from_utf8(text.unwrap()).unwrap()
}

/// Series without their values, and the metrics they belong to.
fn series(text: &str) -> Vec<(&str, &str)> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            value.parse::<f64>().expect("a number");
            (series, series.split('{').next().unwrap())
        })
        .collect()
}

fn value(text: &str, series: &str) -> Option<f64> {
    text.lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
        .map(|value| value.parse().unwrap())
}

#[test]
fn a_scrape_to_the_letter() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/view/export/golden/scrape.prom");
    // A release must not change the file.
    let lines = text_of(&snapshot());
    let lines = lines.lines().map(|line| {
        let is_build = line.starts_with("tcpmon_build_info{");
        if is_build { BUILD } else { line }
    });
    let text = lines.map(|line| format!("{line}\n")).collect::<String>();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    for (line, (got, want)) in (1..).zip(text.lines().zip(golden.lines())) {
        assert_eq!(got, want, "{}:{line}", path.display());
    }
    assert_eq!(text, golden);
}

#[test]
fn every_series_is_there_once_and_described() {
    let text = text_of(&snapshot());
    let mut seen = BTreeSet::new();
    for (series, name) in series(&text) {
        assert!(seen.insert(series), "{series} is there twice");
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .filter_map(|suffix| name.strip_suffix(suffix))
            .find(|family| text.contains(&format!("# TYPE {family} histogram\n")))
            .unwrap_or(name);
        for line in ["HELP", "TYPE"] {
            let line = format!("# {line} {family} ");
            assert_eq!(text.matches(&line).count(), 1, "{line}");
        }
        let is_counter = text.contains(&format!("# TYPE {family} counter\n"));
        assert_eq!(is_counter, family.ends_with("_total"), "{family}");
    }
}

#[test]
fn every_state_and_edge_is_there_before_it_happens() {
    let text = text_of(&Snapshot {
        totals: Default::default(),
        counters: Default::default(),
        states: Default::default(),
        ..snapshot()
    });
    for state in State::RFC {
        let series = format!("tcpmon_sockets{{state=\"{state}\"}}");
        assert_eq!(value(&text, &series), Some(0.0), "{series}");
        let series = format!("tcpmon_state_duration_seconds_count{{state=\"{state}\"}}");
        assert_eq!(value(&text, &series), Some(0.0), "{series}");
    }
    for edge in EDGES.iter().filter(|edge| is_announced(**edge)) {
        let (from, to) = (edge.from, edge.to);
        let series = format!("tcpmon_transitions_total{{from=\"{from}\",to=\"{to}\"}}");
        assert_eq!(value(&text, &series), Some(0.0), "{series}");
    }
    let series = "tcpmon_silent_transitions_total{from=\"TIME_WAIT\",to=\"CLOSE\"}";
    assert_eq!(value(&text, series), Some(0.0));
    // A moment that never was is no series.
    assert!(!text.contains("\ntcpmon_oldest_socket_timestamp_seconds{"));
}

#[test]
fn the_buckets_of_a_histogram_add_up() {
    let text = text_of(&snapshot());
    let bucket = |le: &str| {
        let name = "tcpmon_state_duration_seconds_bucket";
        value(
            &text,
            &format!("{name}{{state=\"CLOSE_WAIT\",le=\"{le}\"}}"),
        )
    };
    let counts = ["0.001", "0.005", "86400", "+Inf"].map(bucket);
    assert_eq!(counts, [Some(1.0), Some(2.0), Some(2.0), Some(3.0)]);
    let half_open = "tcpmon_state_duration_seconds_sum{state=\"SYN_RECV\"}";
    assert_eq!(value(&text, half_open), Some(3.0));
}

#[test]
fn what_is_unknown_is_left_out() {
    let text = text_of(&Snapshot {
        program: None,
        process: None,
        ..snapshot()
    });
    assert!(!text.contains("tcpmon_program_"));
    assert!(!text.contains("process_cpu"));
}

/// A machine with so many programs, each at a destination of its own.
fn crowded(programs: u16) -> Census {
    let mut census = census();
    let group = census.groups[1].clone();
    for number in 0..programs {
        let mut comm = [0; 16];
        let name = format!("worker-{number}");
        comm[..name.len()].copy_from_slice(name.as_bytes());
        let mut group = group.clone();
        group.process = Some(Process {
            pid: number.into(),
            comm,
        });
        group.workload = group.workload.map(|of| Workload { comm, ..of });
        census.groups.push(group);
    }
    census
}

#[test]
fn series_are_counted_as_a_server_counts_them() {
    let text = text_of(&snapshot());
    let counted = value(&text, "tcpmon_series").unwrap();
    assert_eq!(counted as usize, series(&text).len());
}

#[test]
fn the_limit_holds_and_what_is_left_out_is_counted() {
    let mut renderer = Renderer::default();
    for limit in [LEAST_LIMIT, 3000, 1500, DEFAULT_LIMIT] {
        let budget = Budget {
            limit,
            ..Budget::default()
        };
        let text = renderer.render(&snapshot(), &crowded(2000), budget);
        let text = String::from_utf8(text.unwrap()).unwrap();
        let series = series(&text).len();
        assert!(series <= limit as usize, "{series} of {limit}");
        // A part is left for members that grow.
        assert!(series > limit as usize * 3 / 4, "{series} of {limit}");
        let dropped = value(&text, "tcpmon_series_dropped{set=\"process\"}");
        assert!(dropped > Some(0.0), "{dropped:?}");
        let others = "tcpmon_process_sockets{process=\"other\",unit=\"\",container=\"\",\
                      pod_uid=\"\",state=\"TIME_WAIT\"}";
        assert!(value(&text, others) > Some(230.0));
    }
}

#[test]
fn a_set_that_is_off_has_no_series() {
    for set in LabelSet::ALL {
        let others = Labels::default().words().filter(|word| *word != set.name());
        let budget = Budget {
            labels: Labels::of_words(others).unwrap(),
            ..Budget::default()
        };
        let text = Renderer::default().render(&snapshot(), &census(), budget);
        let text = String::from_utf8(text.unwrap()).unwrap();
        for other in LabelSet::ALL {
            let sockets = format!("\ntcpmon_{}_", other.name());
            assert_eq!(
                text.contains(&sockets),
                other != set,
                "{sockets} without {set:?}"
            );
        }
        let dropped = format!("tcpmon_series_dropped{{set=\"{}\"}}", set.name());
        assert_eq!(value(&text, &dropped), Some(0.0));
    }
}

#[test]
fn every_metric_is_in_the_document() {
    let page = super::reference::markdown().unwrap();
    let text = text_of(&snapshot());
    let described = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    for line in described {
        let (name, kind) = line.split_once(' ').unwrap();
        let starts = [format!("- `{name}`, {kind}: "), format!("- `{name}{{")];
        let items = page
            .lines()
            .filter(|line| starts.iter().any(|start| line.starts_with(start)));
        assert_eq!(items.count(), 1, "{name}");
    }
}

#[tokio::test]
async fn another_budget_counts_at_once() {
    let (budget_sender, budget) = tokio::sync::watch::channel(Budget::default());
    let exporter = Exporter::new(crate::view::api::fixture::owner(true), budget);
    let told = async || {
        let text = exporter.scrape().await.unwrap();
        std::str::from_utf8(&text)
            .unwrap()
            .contains("tcpmon_process_sockets")
    };
    assert!(told().await);
    budget_sender.send_replace(Budget {
        labels: Labels::NONE,
        ..Budget::default()
    });
    assert!(!told().await);
}

#[test]
fn promtool_accepts_a_scrape() {
    let tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut tool) = tool else {
        println!("skipped: no promtool in PATH");
        return;
    };
    let mut input = tool.stdin.take().unwrap();
    input.write_all(text_of(&snapshot()).as_bytes()).unwrap();
    drop(input);
    let output = tool.wait_with_output().unwrap();
    let findings = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && findings.is_empty(), "{findings}");
}
