//! What is refused with which sentence, what is read as it was written, and what has changed.

mod refused;
mod round_trip;

use super::*;
use crate::core::verdict::Kind;
use crate::core::verdict::thresholds::SECOND_NS;

fn parse(text: &str) -> Result<Config, String> {
    let mut config = Config::default();
    match file::parse("tcpmon.toml", text, &mut config) {
        Ok(_) => Ok(config),
        Err(failure) => Err(failure.message),
    }
}

fn parsed(text: &str) -> Config {
    parse(text).unwrap_or_else(|sentence| panic!("{sentence}\n{text}"))
}

#[test]
fn the_default_address_is_for_this_machine_alone() {
    let config = Config::default();
    let [address] = config.listen_addresses.as_slice() else {
        panic!("{:?}", config.listen_addresses);
    };
    assert!(address.ip().is_loopback());
    assert!(config.policy.enabled);
    assert_eq!(parsed(""), config);
}

#[test]
fn what_is_typed_goes_over_the_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("tcpmon.toml");
    let text =
        "socket = \"/tmp/a.sock\"\n[web]\ntelemetry-path = \"/m\"\n[audit]\ninterval = \"7s\"\n";
    std::fs::write(&path, text).expect("written");
    let typed = Layer {
        socket: Some("/tmp/b.sock".into()),
        ..Layer::default()
    };
    let (config, sources) = Config::load(typed, Some(&path)).expect("valid");
    assert_eq!(config.socket, Path::new("/tmp/b.sock"));
    assert_eq!(config.telemetry_path, "/m");
    assert_eq!(config.audit_interval, Duration::from_secs(7));
    assert_eq!(sources.get("audit.interval"), Some(&Source::File(5)));
    assert_eq!(sources.get("ring.size"), None);
}

#[test]
fn the_web_may_have_several_addresses_and_names() {
    let config = parsed(
        "[web]\nlisten-address = [\"127.0.0.1:1\", \"[::1]:2\"]\nhost-names = [\"a.b\", \"c\"]\n\
         page = false\n[web.config]\nfile = \"/etc/web.yml\"\n",
    );
    assert_eq!(config.listen_addresses.len(), 2);
    assert_eq!(config.host_names, ["a.b", "c"]);
    assert_eq!(
        config.web_config_file.as_deref(),
        Some(Path::new("/etc/web.yml"))
    );
    assert!(!config.page);
    for text in [
        "[web]\nlisten-address = []\n",
        "[web]\nlisten-address = [1]\n",
        "[web]\nlisten-address = [[\"127.0.0.1:1\"]]\n",
        "[web]\nhost-names = [\"a b\"]\n",
        "[web]\nhost-names = [\"a:1\"]\n",
        "[web]\ntelemetry-path = \"/-/page.css\"\n",
        "[web]\nconfig = \"/etc/web.yml\"\n",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_told_group_by_group_is_configured_and_changed_at_once() {
    let config = parsed("[metrics]\nlabels = [\"process\"]\nseries-limit = 2000\n");
    let labels = "process".parse().expect("a label");
    let limit = 2000;
    assert_eq!(config.budget, Budget { labels, limit });
    let none = parsed("[metrics]\nlabels = []\n");
    assert!(none.budget.labels.is_empty());
    let found = changes(&Config::default(), &config);
    assert!(found.at_start.is_empty(), "{found:?}");
    assert_eq!(
        found.live,
        [
            "metrics.labels [\"process\", \"listener\", \"destination\", \"namespace\"] -> \
             [\"process\"]",
            "metrics.series-limit 10000 -> 2000",
        ]
    );
    let mut over = config;
    let typed = Layer {
        metrics_labels: Some(Labels::NONE),
        metrics_series_limit: Some(1000),
        ..Layer::default()
    };
    typed.over(&mut over);
    let (labels, limit) = (Labels::NONE, 1000);
    assert_eq!(over.budget, Budget { labels, limit });
}

#[test]
fn incidents_are_configured_and_changed_at_the_next_start() {
    let text = "[incident]\ndirectory = \"/var/a\"\nmax-files = 9\nmax-file-size = \"20KiB\"\n";
    let config = parsed(text);
    let directory = config.incident_directory.as_deref();
    assert_eq!(directory, Some(Path::new("/var/a")));
    assert_eq!(config.incident_max_files, 9);
    assert_eq!(config.incident_max_file_size, 20 << 10);
    let none = parsed("[incident]\ndirectory = \"\"\n");
    assert_eq!(none, Config::default());
    let keys = ["directory", "max-files", "max-file-size"].map(|key| format!("incident.{key}"));
    let found = changes(&none, &config);
    assert_eq!((found.live, found.at_start), (Vec::new(), keys.to_vec()));

    let mut over = config;
    let typed = Layer {
        incident_directory: Some("/var/b".into()),
        incident_max_files: Some(10),
        incident_max_file_size: Some(30 << 10),
        ..Layer::default()
    };
    typed.over(&mut over);
    let directory = over.incident_directory.as_deref();
    assert_eq!(directory, Some(Path::new("/var/b")));
    let limits = (over.incident_max_files, over.incident_max_file_size);
    assert_eq!(limits, (10, 30 << 10));
}

#[test]
fn what_is_typed_must_be_allowed_too() {
    let typed = Layer {
        ring_size: Some(5000),
        ..Layer::default()
    };
    let failure = Config::load(typed, None).expect_err("no power of two");
    assert_eq!(
        failure.message,
        "ring.size is \"5000\": it must be a power of two from 4KiB to 1GiB, written as \"64KiB\" or \
         \"8MiB\""
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let failure = Config::load(Layer::default(), Some(Path::new("/nonexistent/x.toml")))
        .expect_err("no such file");
    assert!(failure.message.contains("/nonexistent/x.toml"));
}

#[test]
fn verdicts_are_configured_by_section_and_by_rule() {
    let text = r#"
        [verdicts]
        enabled = false
        fall = "1m"
        [verdicts.close_wait]
        age = "250ms"
        critical_share = 1
        [verdicts.stuck.syn_sent]
        count = 0x10
        [[verdicts.override]]
        process = "nginx"
        close_wait.leak = 50
        [verdicts.override.ports]
        critical_headroom = 0.01
        [[verdicts.override]]
        unit = "payments.service"
        accept.age = "20s"
        [[verdicts.ignore]]
        process = "wrk"
        verdict = "port_exhaustion"
        port = 443
    "#;
    let policy = parsed(text).policy;
    assert!(!policy.enabled);
    assert_eq!(policy.general.fall_ns, 60 * SECOND_NS);
    assert_eq!(policy.general.close_wait.age_ns, SECOND_NS / 4);
    assert!((policy.general.close_wait.critical_share - 1.0).abs() < f64::EPSILON);
    assert_eq!(policy.general.stuck.syn_sent.count, 16);

    let nginx = policy.thresholds(Some("nginx"), None);
    assert_eq!(nginx.close_wait.leak, 50);
    assert!((nginx.ports.critical_headroom - 0.01).abs() < f64::EPSILON);
    // What an override does not set is as for all.
    assert_eq!(nginx.close_wait.age_ns, SECOND_NS / 4);
    let payments = policy.thresholds(Some("java"), Some("payments.service"));
    assert_eq!(payments.accept.age_ns, 20 * SECOND_NS);
    assert_eq!(payments.close_wait.leak, policy.general.close_wait.leak);

    let ignores = |port| policy.ignores(Kind::PortExhaustion, Some("wrk"), None, Some(port));
    assert!(ignores(443) && !ignores(80));
}

#[test]
fn a_change_is_named_with_both_values() {
    let old = parsed("[ring]\nsize = \"4KiB\"\n[[verdicts.override]]\nprocess = \"a\"\n");
    let new = parsed(
        "[verdicts]\nfall = \"1m\"\n[[verdicts.override]]\nprocess = \"b\"\n\
         [[verdicts.ignore]]\nport = 22\n",
    );
    let found = changes(&old, &new);
    assert_eq!(
        found.live,
        [
            "verdicts.fall \"30s\" -> \"1m\"",
            "verdicts.override other rules",
            "verdicts.ignore no rule -> 1 rule",
        ]
    );
    assert_eq!(found.at_start, ["ring.size"]);
    assert_eq!(changes(&new, &new), Changes::default());
}
