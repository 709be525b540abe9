//! Every query of every dashboard, asked of a real Prometheus that scrapes a real agent on a machine
//! with a leak, some churn and some failures.

use std::fs;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use socket2::SockRef;
use tempfile::TempDir;

use crate::net::{ANY_PORT, listener, pair};
use crate::place::in_namespace;
use crate::planted::{impatient, leak};
use crate::prometheus::{Prometheus, shipped};
use crate::world::{check, in_workplace, within};

const NAME: &str = "scatterbrain";
const DASHBOARDS: [&str; 3] = ["fleet", "host", "process"];

/// What is asked somewhere in `json`, with where.
fn queries(json: &Value, place: &str, found: &mut Vec<(String, String)>) {
    let title = json["title"].as_str();
    let place = title.map_or_else(|| place.to_owned(), |title| format!("{place} › {title}"));
    if let Some(expr) = json["expr"].as_str() {
        found.push((place.clone(), expr.to_owned()));
    }
    // The choices of a variable, as a question that lists them.
    if let Some(inside) = json["definition"]
        .as_str()
        .and_then(|text| text.strip_prefix("label_values("))
    {
        let (metric, label) = inside
            .trim_end_matches(')')
            .rsplit_once(", ")
            .expect("a label");
        found.push((
            format!("{place} › ${label}"),
            format!("count by ({label}) ({metric})"),
        ));
    }
    match json {
        Value::Array(parts) => parts.iter().for_each(|part| queries(part, &place, found)),
        Value::Object(parts) => parts.values().for_each(|part| queries(part, &place, found)),
        _ => {}
    }
}

fn all_queries() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for name in DASHBOARDS {
        let path = format!("deploy/grafana/dashboards/{name}.json");
        let text = fs::read_to_string(shipped(&path)).expect("shipped");
        queries(
            &serde_json::from_str(&text).expect("JSON"),
            name,
            &mut found,
        );
    }
    assert!(found.len() > 80, "only {} queries", found.len());
    found
}

#[test]
fn every_query_has_an_answer() {
    in_namespace(|_| {
        let place = TempDir::new().expect("a directory");
        let agent = impatient(&place, NAME);
        let Some(prometheus) = Prometheus::start(agent.address(), None) else {
            return;
        };
        in_workplace(|_| {
            let (mut leaky, port) = leak(NAME, 12);
            let peers = listener();
            let destination = peers.local_addr().expect("is bound").port();
            leaky.ask(&format!("connect {destination}"));
            let instance = agent.address().to_string();
            let mut unanswered: Vec<(String, String)> = all_queries()
                .into_iter()
                .map(|(place, query)| {
                    let query = query
                        .replace("$job", "tcpmon")
                        .replace("$instance", &instance);
                    let query = query
                        .replace("$process", NAME)
                        .replace("$__rate_interval", "15s");
                    (place, query)
                })
                .collect();
            within(45, "an answer to every query", || {
                // A client that resets, so that connections end badly; and some that end well.
                let client = TcpStream::connect((ANY_PORT.ip(), port)).expect("connects");
                leaky.ask("accept");
                SockRef::from(&client)
                    .set_linger(Some(Duration::ZERO))
                    .expect("SO_LINGER");
                drop(client);
                drop(pair(&peers));
                unanswered.retain(|(_, query)| match prometheus.query(query) {
                    Ok(series) => series.is_empty(),
                    Err(error) => panic!("{query}: {error}"),
                });
                check(unanswered.is_empty(), || {
                    format!("no data: {unanswered:#?}")
                })
            });
        });
    });
}
