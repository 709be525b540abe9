//! Each bad file with its sentence.

use super::*;

/// What is in the file, and what is said of it behind the name of the file.
const SENTENCES: &[(&str, &str)] = &[
    (
        "[web]\nlisten-addres = \"x\"\n",
        "2:1: there is no key web.listen-addres: the nearest is listen-address",
    ),
    (
        "[verdict]\nfall = \"1s\"\n",
        "1:2: there is no key verdict: the nearest is verdicts",
    ),
    (
        "[verdicts.close-wait]\nage = \"1s\"\n",
        "1:11: there is no key verdicts.close-wait: the nearest is close_wait",
    ),
    (
        "[audit]\ninterval = \"soon\"\n",
        "2:12: audit.interval is \"soon\": it must be a duration from \"1s\" to \"1h\"",
    ),
    (
        "[audit]\ninterval = \"10ms\"\n",
        "2:12: audit.interval is \"10ms\": it must be a duration from \"1s\" to \"1h\"",
    ),
    (
        "[log]\nlevel = \"loud\"\n",
        "2:9: log.level is \"loud\": it must be one of \"error\", \"warn\", \"info\", \"debug\"",
    ),
    (
        "[metrics]\nseries-limit = 999\n",
        "2:16: metrics.series-limit is 999: it must be a whole number from 1000 to 1000000",
    ),
    (
        "[metrics]\nlabels = [\"process\", \"pid\"]\n",
        "2:10: metrics.labels is [\"process\", \"pid\"]: it must be a list of some of \"process\", \
         \"listener\", \"destination\", \"namespace\", \"remote_address\", each once, and the last only \
         with \"destination\"",
    ),
    (
        "[incident]\nmax-files = 0\n",
        "2:13: incident.max-files is 0: it must be a whole number from 1 to 10000",
    ),
    (
        "[incident]\nmax-file-size = \"1KiB\"\n",
        "2:17: incident.max-file-size is \"1KiB\": it must be a size from \"16KiB\" to \"64MiB\"",
    ),
    (
        "[incident]\ndirectory = 1\n",
        "2:13: incident.directory is 1: it must be a path, or \"\" for none",
    ),
    ("web = 1\n", "1:7: web is 1: it must be a table, [web]"),
    (
        "[verdicts]\nenabled = \"no\"\n",
        "2:11: verdicts.enabled is \"no\": it must be true or false",
    ),
    (
        "[verdicts.close_wait]\nage = 30\n",
        "2:7: verdicts.close_wait.age is 30: it must be a duration from \"1ms\" to \"30days\"",
    ),
    (
        "[verdicts.close_wait]\nleak = 0\n",
        "2:8: verdicts.close_wait.leak is 0: it must be a whole number from 1 to 1000000",
    ),
    (
        "[verdicts.close_wait]\nleak = 99999999999999999999\n",
        "2:8: verdicts.close_wait.leak is 99999999999999999999: it must be a whole number from 1 to 1000000",
    ),
    (
        "[verdicts.half_dead]\nunanswered = 16\n",
        "2:14: verdicts.half_dead.unanswered is 16: it must be a whole number from 1 to 15",
    ),
    (
        "[verdicts.close_wait]\ncritical_share = 1.5\n",
        "2:18: verdicts.close_wait.critical_share is 1.5: it must be a share above 0 and not above 1",
    ),
    (
        "[verdicts.time_wait]\nfill = nan\n",
        "2:8: verdicts.time_wait.fill is nan: it must be a share above 0 and not above 1",
    ),
    (
        "[verdicts.ports]\nrecent = \"5m\"\n",
        "2:10: verdicts.ports.recent is \"5m\": it must be a duration from \"1s\" to \"2m\"",
    ),
    (
        "[verdicts.close_wait]\nage = \"5m\"\n",
        "2:7: verdicts.close_wait.age is \"5m\": it must be not above verdicts.close_wait.leak_age, \
         which is \"2m\"",
    ),
    (
        "[verdicts.ports]\nwarning_headroom = 0.01\n",
        "2:20: verdicts.ports.warning_headroom is 0.01: it must be not below \
         verdicts.ports.critical_headroom, which is 0.05",
    ),
    (
        "[verdicts.orphans]\nwarning_fill = 0.5\ncritical_fill = 0.4\n",
        "2:16: verdicts.orphans.warning_fill is 0.5: it must be not above \
         verdicts.orphans.critical_fill, which is 0.4",
    ),
    (
        "[verdicts.override]\nprocess = \"nginx\"\n",
        "1:1: verdicts.override is [verdicts.override]: it must be a list of tables, each below its own \
         [[verdicts.override]]",
    ),
    (
        "[[verdicts.override]]\nclose_wait.age = \"1s\"\n",
        "1:1: this rule of verdicts.override is refused: it is for nobody in particular: give it \
         process or unit",
    ),
    (
        "[[verdicts.override]]\nprocess = \"a-very-long-process\"\n",
        "2:11: verdicts.override.process is \"a-very-long-process\": it must be a name of 1 to 15 bytes, \
         which is all the kernel keeps of it (/proc/PID/comm)",
    ),
    (
        "[[verdicts.override]]\nunit = \"payments\"\n",
        "2:8: verdicts.override.unit is \"payments\": it must be a unit that holds processes, with its \
         suffix, written as \"payments.service\"",
    ),
    (
        "[[verdicts.override]]\nprocess = \"a\"\nclose_wait.age = \"5m\"\n",
        "3:18: verdicts.override.close_wait.age is \"5m\": it must be not above \
         verdicts.override.close_wait.leak_age, which is \"2m\"",
    ),
    (
        "[[verdicts.override]]\nprocess = \"a\"\nfall = \"5m\"\n",
        "3:8: verdicts.override.fall has no effect: it is one for all: set it in [verdicts]",
    ),
    (
        "[[verdicts.override]]\nprocess = \"a\"\ntime_wait.fill = 0.1\n",
        "3:18: verdicts.override.time_wait.fill has no effect: that is not judged process by process: \
         set it in its section above",
    ),
    (
        "[[verdicts.override]]\nunit = \"a.service\"\nstuck.closing.count = 9\n",
        "3:23: verdicts.override.stuck.closing.count has no effect: that is judged by destination, where \
         no unit is known: name the process alone",
    ),
    (
        "[[verdicts.ignore]]\n",
        "1:1: this rule of verdicts.ignore is refused: it would ignore everything: give it process, unit, \
         verdict or port, or write enabled = false in [verdicts]",
    ),
    (
        "[[verdicts.ignore]]\nverdict = \"time_wait_overflow\"\nport = 80\n",
        "1:1: this rule of verdicts.ignore is refused: it would never fit: that verdict is about no port",
    ),
    (
        "[[verdicts.ignore]]\nverdict = \"port_exhaustion\"\nunit = \"a.service\"\n",
        "1:1: this rule of verdicts.ignore is refused: it would never fit: of that verdict no unit is known",
    ),
    (
        "[[verdicts.ignore]]\nverdict = \"orphans_near_limit\"\nprocess = \"a\"\n",
        "1:1: this rule of verdicts.ignore is refused: it would never fit: that verdict is about no process",
    ),
    (
        "[[verdicts.ignore]]\nport = 65536\n",
        "2:8: verdicts.ignore.port is 65536: it must be a port from 1 to 65535",
    ),
    (
        "[[verdicts.ignore]]\nproces = \"a\"\n",
        "2:1: there is no key verdicts.ignore.proces: the nearest is process",
    ),
];

#[test]
fn each_bad_file_has_its_sentence() {
    for (text, sentence) in SENTENCES {
        let found = parse(text).expect_err(text);
        assert_eq!(found, format!("tcpmon.toml:{sentence}"), "{text}");
    }
}

#[test]
fn a_file_that_is_no_toml_is_refused_at_its_place() {
    for (text, place) in [
        ("[web\n", "1:"),
        ("\n[log]\nlevel = \n", "3:"),
        ("a = 1\na = 2\n", "2:1: "),
    ] {
        let found = parse(text).expect_err(text);
        assert!(
            found.starts_with(&format!("tcpmon.toml:{place}")),
            "{found}"
        );
        assert!(!found.contains('\n'), "one sentence: {found}");
    }
}

#[test]
fn a_path_of_metrics_is_plain_and_hides_no_health_check() {
    let config = |path: &str| format!("[web]\ntelemetry-path = {}\n", toml::Value::from(path));
    for path in [
        "",
        "metrics",
        "/-/ready",
        "/-/healthy",
        "/a b",
        "/{x}",
        "/a?b",
        "/\"><b>",
        "/é",
    ] {
        parse(&config(path)).expect_err(path);
    }
    for path in ["/metrics", "/", "/a/b"] {
        assert_eq!(parsed(&config(path)).telemetry_path, path);
    }
}

#[test]
fn every_verdict_can_be_ignored_by_its_name() {
    for kind in Kind::ALL {
        let text = format!("[[verdicts.ignore]]\nverdict = \"{}\"\n", kind.name());
        assert_eq!(parsed(&text).policy.ignore[0].kind, Some(kind));
    }
    let sentence = parse("[[verdicts.ignore]]\nverdict = \"leak\"\n").expect_err("no such verdict");
    assert!(
        Kind::ALL.iter().all(|kind| sentence.contains(kind.name())),
        "{sentence}"
    );
}
