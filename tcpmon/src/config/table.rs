//! The one table of the configuration: every key with its place, its documentation and what is
//! allowed. Reading, checking, showing, comparing and the example file all go through it.

use std::path::PathBuf;
use std::time::Duration;

use super::Config;
use super::value::{
    Choice, Count, HttpPath, Interval, Nanoseconds, OptionalPath, Path, RingSize, Share, Size,
    Switch, Value, Within, Words,
};
use super::web;
use crate::core::series::{LEAST_LIMIT, MOST_LIMIT};
use crate::core::verdict::Thresholds;
use crate::core::verdict::fields::{self, Field};
use crate::core::verdict::thresholds::REMEMBERED_NS;

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// So many of anything at one endpoint are trouble by every measure.
const MANY: u32 = 1_000_000;
/// More files in one directory nobody looks through.
const MOST_FILES: u32 = 10_000;
/// An incident with less says too little.
const LEAST_FILE: u32 = 16 << 10;
const MOST_FILE: u32 = 64 << 20;
/// Retransmissions the kernel makes by default before it gives up (`TCP_RETR2` in `net/tcp.h`).
const MOST_UNANSWERED: u8 = 15;

/// Keys of one table of the file.
pub(super) struct Section<'a> {
    /// Its name in brackets; empty for the keys above the first bracket.
    pub(super) name: String,
    pub(super) doc: &'static str,
    pub(super) keys: Vec<Key<'a>>,
}

/// A key of the file.
pub(super) struct Key<'a> {
    /// Its name with that of its section.
    pub(super) path: String,
    pub(super) doc: &'static str,
    pub(super) value: Box<dyn Value + 'a>,
    /// The key whose value this one's must not exceed.
    pub(super) at_most: Option<String>,
    /// Whether a change takes effect on SIGHUP, and not only at the next start.
    pub(super) is_live: bool,
}

impl<'a> Key<'a> {
    pub(super) fn new(path: &str, doc: &'static str, value: impl Value + 'a) -> Self {
        Self {
            path: path.to_owned(),
            doc,
            value: Box::new(value),
            at_most: None,
            is_live: false,
        }
    }

    fn live(self) -> Self {
        Self {
            is_live: true,
            ..self
        }
    }

    /// The name without that of the section.
    pub(super) fn name(&self) -> &str {
        self.path
            .rsplit_once('.')
            .map_or(&self.path, |(_, name)| name)
    }

    /// The value as a sentence has it.
    pub(super) fn shown(&self) -> String {
        self.written().unwrap_or_else(|| "not set".into())
    }

    /// The value as the file has it; `None` when nothing is set.
    pub(super) fn written(&self) -> Option<String> {
        Some(self.value.write()?.to_string())
    }
}

/// Everything but the rules for some, in the order of the file.
pub(super) fn sections(config: &mut Config) -> Vec<Section<'_>> {
    let Config {
        socket,
        listen_addresses,
        systemd_socket,
        telemetry_path,
        host_names,
        page,
        web_config_file,
        budget,
        log_level,
        log_format,
        audit_interval,
        ring_size,
        attach,
        sock_diag,
        incident_directory,
        incident_max_files,
        incident_max_file_size,
        policy,
    } = config;
    let section = |name: &str, doc, keys| Section {
        name: name.to_owned(),
        doc,
        keys,
    };
    let interval = Interval {
        value: audit_interval,
        least: SECOND,
        most: HOUR,
    };
    let audit = "Time between two comparisons of the table with the kernel's own lists; longer when \
                 that would cost more than a 150th of a processor";
    let listing = "Whether to list sockets over sock_diag; off, from /proc/net/tcp, is for trying that \
                   out";
    let mut sections = vec![
        section(
            "",
            "",
            vec![Key::new(
                "socket",
                "Unix socket for the other commands, mode 0660",
                Path(socket),
            )],
        ),
        section(
            "web",
            "Metrics for Prometheus, and a page for people",
            vec![
                Key::new(
                    "web.listen-address",
                    "Address of the metrics; may be given several times",
                    web::Addresses(listen_addresses),
                ),
                Key::new(
                    "web.systemd-socket",
                    "Serve the sockets systemd passes instead of listening",
                    Switch(systemd_socket),
                ),
                Key::new(
                    "web.telemetry-path",
                    "Path of the metrics",
                    HttpPath(telemetry_path),
                ),
                Key::new(
                    "web.page",
                    "Show the state diagram at /, without any address in it; a list of links if not",
                    Switch(page),
                ),
                Key::new(
                    "web.host-names",
                    "Names a loopback address answers to, besides localhost and IP addresses",
                    web::HostNames(host_names),
                ),
            ],
        ),
        section(
            "web.config",
            "",
            vec![Key::new(
                "web.config.file",
                "File with TLS, client certificates and passwords, as every Prometheus exporter has it",
                OptionalPath(web_config_file),
            )],
        ),
        section(
            "metrics",
            "What is told group by group",
            vec![
                Key::new(
                    "metrics.labels",
                    "What has series of its own; remote_address tells the addresses of destinations \
                     apart, and there may be very many",
                    Words(&mut budget.labels),
                )
                .live(),
                Key::new(
                    "metrics.series-limit",
                    "Series in one scrape at most; what is beyond stands together as `other`",
                    Within {
                        value: &mut budget.limit,
                        least: LEAST_LIMIT,
                        most: MOST_LIMIT,
                    },
                )
                .live(),
            ],
        ),
        section(
            "log",
            "The log, on stderr",
            vec![
                Key::new("log.level", "How much to log", Choice(log_level)).live(),
                Key::new("log.format", "How a log line looks", Choice(log_format)),
            ],
        ),
        section(
            "audit",
            "",
            vec![Key::new("audit.interval", audit, interval).live()],
        ),
        section(
            "ring",
            "",
            vec![Key::new(
                "ring.size",
                "Size of the ring between kernel and agent",
                RingSize(ring_size),
            )],
        ),
        section(
            "kernel",
            "",
            vec![
                Key::new(
                    "kernel.attach",
                    "How to attach to the kernel",
                    Choice(attach),
                ),
                Key::new("kernel.sock-diag", listing, Choice(sock_diag)),
            ],
        ),
    ];
    let incidents = incidents(
        incident_directory,
        incident_max_files,
        incident_max_file_size,
    );
    let doc = "Incidents: verdicts that become critical, with their evidence, each in a file";
    sections.push(section("incident", doc, incidents));
    let first = sections.len();
    add_thresholds(&mut sections, "verdicts", "", policy.general.fields());
    let enabled = Switch(&mut policy.enabled);
    let enabled = Key::new("verdicts.enabled", "Whether anything is judged", enabled).live();
    sections[first].keys.insert(0, enabled);
    sections
}

fn incidents<'a>(
    directory: &'a mut Option<PathBuf>,
    max_files: &'a mut u32,
    max_file_size: &'a mut u32,
) -> Vec<Key<'a>> {
    let files = Count {
        value: max_files,
        most: MOST_FILES,
    };
    let size = Size {
        value: max_file_size,
        least: LEAST_FILE,
        most: MOST_FILE,
    };
    vec![
        Key::new(
            "incident.directory",
            "Directory for the evidence of verdicts that become critical; without one none is saved",
            OptionalPath(directory),
        ),
        Key::new(
            "incident.max-files",
            "Incidents kept at most; the oldest goes first",
            files,
        ),
        Key::new(
            "incident.max-file-size",
            "Size of one incident at most; what does not fit is left out",
            size,
        ),
    ]
}

/// Every key of `thresholds`, in sections below `top`.
pub(super) fn thresholds<'a>(top: &str, thresholds: &'a mut Thresholds) -> Vec<Section<'a>> {
    let mut sections = Vec::new();
    add_thresholds(&mut sections, top, "", thresholds.fields());
    sections
}

fn add_thresholds<'a>(
    sections: &mut Vec<Section<'a>>,
    name: &str,
    doc: &'static str,
    fields: Vec<Field<'a>>,
) {
    let mut section = Section {
        name: name.to_owned(),
        doc,
        keys: Vec::new(),
    };
    let mut groups = Vec::new();
    for Field { name, doc, value } in fields {
        let path = format!("{}.{}", section.name, name.trim_end_matches("_ns"));
        let most = MANY.into();
        section.keys.push(match value {
            fields::Value::Group(members) => {
                groups.push((path, doc, members));
                continue;
            }
            fields::Value::U64(value) if name.ends_with("_ns") => {
                let (least, most) = duration_range(&path);
                let value = Nanoseconds { value, least, most };
                Key::new(&path, doc, value)
            }
            fields::Value::U64(value) => Key::new(&path, doc, Count { value, most }),
            fields::Value::U32(value) => Key::new(&path, doc, Count { value, most: MANY }),
            fields::Value::U8(value) => {
                let most = MOST_UNANSWERED;
                Key::new(&path, doc, Count { value, most })
            }
            fields::Value::Share(value) => Key::new(&path, doc, Share(value)),
        });
    }
    for key in &mut section.keys {
        key.is_live = true;
        key.at_most = bound(&key.path);
    }
    sections.push(section);
    for (path, doc, members) in groups {
        add_thresholds(sections, &path, doc, members);
    }
}

/// The least and the most of a threshold that is a duration.
fn duration_range(path: &str) -> (Duration, Duration) {
    match path.rsplit('.').next() {
        // Some want to know at once, and no longer.
        Some("rise" | "fall" | "for") => (Duration::ZERO, HOUR),
        Some("recent") => (SECOND, Duration::from_nanos(REMEMBERED_NS)),
        _ => (MILLISECOND, 30 * DAY),
    }
}

/// What must not exceed what, within a section.
const BOUNDS: [(&str, &str, &str); 5] = [
    ("close_wait", "age", "leak_age"),
    ("close_wait", "suspicious", "leak"),
    ("accept", "age", "stuck"),
    ("ports", "critical_headroom", "warning_headroom"),
    ("orphans", "warning_fill", "critical_fill"),
];

fn bound(path: &str) -> Option<String> {
    let (section, name) = path.rsplit_once('.')?;
    let last = section.rsplit('.').next();
    let mut bounds = BOUNDS.iter();
    let (.., above) = bounds.find(|(within, below, _)| Some(*within) == last && *below == name)?;
    Some(format!("{section}.{above}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_documented_and_its_default_is_allowed() {
        let mut config = Config::default();
        let mut sections = sections(&mut config);
        let mut bounds = 0;
        for key in sections.iter_mut().flat_map(|section| &mut section.keys) {
            assert!(!key.doc.is_empty(), "{}", key.path);
            let written = key.value.write().expect(&key.path);
            assert_eq!(key.value.read(&written), Some(()), "{}", key.path);
            assert_eq!(key.value.write(), Some(written), "{}", key.path);
            bounds += usize::from(key.at_most.is_some());
        }
        assert_eq!(
            bounds,
            BOUNDS.len(),
            "every bound is of a key that is there"
        );
    }
}
