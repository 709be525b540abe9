//! All hosts: from the recorded series, so that ten thousand of them are no burden.

use super::board::{Dashboard, JOB, Row};
use super::panel::{Unit, course, number, stack, table};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "tcpmon-fleet",
        title: "tcpmon / Fleet",
        description: "Which hosts have trouble with TCP connections, and which kind.",
        variables: vec![JOB],
        rows: vec![wrong(), connections(), limits(), belief()],
    }
}

fn wrong() -> Row {
    Row {
        title: "What is wrong",
        panels: vec![
            number("Hosts watched", Unit::Count, "Agents that answer.")
                .ask(r#"sum(job:tcpmon_agents_up:sum{job=~"$job"})"#, "up"),
            number("Hosts not watched", Unit::Count, "Agents that do not answer.").ask(
                r#"sum(job:tcpmon_agents:count{job=~"$job"} - job:tcpmon_agents_up:sum{job=~"$job"})"#,
                "down",
            ),
            number("Hosts, critical", Unit::Count, "Hosts on which connections fail or will within the hour.")
                .ask(
                    r#"sum(instance_severity:tcpmon_verdicts:sum{job=~"$job", severity="critical"} > bool 0)"#,
                    "critical",
                ),
            number("Hosts, warning", Unit::Count, "Hosts on which somebody should mend something.").ask(
                r#"sum(instance_severity:tcpmon_verdicts:sum{job=~"$job", severity="warning"} > bool 0)"#,
                "warning",
            ),
            number("Sockets", Unit::Count, "In all states, on all hosts.")
                .ask(r#"sum(job_state:tcpmon_sockets:sum{job=~"$job"})"#, "sockets"),
            number("Transitions", Unit::PerSecond, "Changes of state in a second, on all hosts.")
                .ask(r#"sum(job_from_to:tcpmon_transitions:rate5m{job=~"$job"})"#, "transitions"),
            table(
                "What is wrong now",
                Unit::Count,
                "Every verdict that stands, with the process where one is to blame. Click a host or a process.",
            )
            .ask(r#"process_verdict_severity:tcpmon_verdicts:sum{job=~"$job"}"#, "")
            .opens("instance", "tcpmon-host")
            .opens("process", "tcpmon-process"),
            course("Hosts by verdict", Unit::Count, "On how many hosts a verdict stands, suspicions left out.").ask(
                concat!(
                    r#"sum by (verdict) (job_verdict_severity:tcpmon_verdicts:count{job=~"$job", "#,
                    r#"severity=~"warning|critical"})"#,
                ),
                "{{verdict}}",
            ),
            course("Hosts with most verdicts", Unit::Count, "The ten hosts with most verdicts of any severity.").ask(
                r#"topk(10, sum by (instance) (instance_severity:tcpmon_verdicts:sum{job=~"$job"}))"#,
                "{{instance}}",
            ),
        ],
    }
}

fn connections() -> Row {
    Row {
        title: "Connections",
        panels: vec![
            stack("Sockets by state", Unit::Count, "Of all hosts together.")
                .ask(r#"sum by (state) (job_state:tcpmon_sockets:sum{job=~"$job"})"#, "{{state}}"),
            course("Hosts with most sockets", Unit::Count, "The ten hosts with most sockets.")
                .ask(r#"topk(10, instance:tcpmon_sockets:sum{job=~"$job"})"#, "{{instance}}"),
            course("Transitions", Unit::PerSecond, "The ten edges of the state machine that are taken most.").ask(
                r#"topk(10, sum by (from, to) (job_from_to:tcpmon_transitions:rate5m{job=~"$job"}))"#,
                "{{from}} to {{to}}",
            ),
            course("Why connections ended", Unit::PerSecond, "Sockets that went to CLOSE, by the reason.")
                .ask(r#"sum by (reason) (job_reason:tcpmon_closes:rate5m{job=~"$job"})"#, "{{reason}}"),
            course(
                "Time in a state, 99th percentile",
                Unit::Seconds,
                "Of the sockets that left the state in the last five minutes; no line where none did.",
            )
            .ask(
                concat!(
                    r#"histogram_quantile(0.99, sum by (state, le) "#,
                    r#"(job_state_le:tcpmon_state_duration_seconds_bucket:rate5m{job=~"$job"}))"#,
                ),
                "{{state}}",
            ),
            course("Hosts whose connections fail", Unit::PerSecond, "Refused, reset, timed out, unreachable, no port.")
                .ask(r#"topk(10, instance:tcpmon_failed_closes:rate5m{job=~"$job"})"#, "{{instance}}"),
        ],
    }
}

fn limits() -> Row {
    Row {
        title: "Nearest limits",
        panels: vec![
            course(
                "Local ports left",
                Unit::Ratio,
                "The ten hosts with fewest ports left towards some destination.",
            )
            .ask(
                r#"bottomk(10, instance:tcpmon_destination_port_headroom:min{job=~"$job"})"#,
                "{{instance}}",
            ),
            course(
                "Accept queues",
                Unit::Ratio,
                "The ten hosts with the fullest accept queue.",
            )
            .ask(
                r#"topk(10, instance:tcpmon_listener_accept_queue_used:max{job=~"$job"})"#,
                "{{instance}}",
            ),
            course(
                "Open files",
                Unit::Ratio,
                "The ten hosts with the process nearest its limit of open files.",
            )
            .ask(
                r#"topk(10, instance:tcpmon_process_open_files_used:max{job=~"$job"})"#,
                "{{instance}}",
            ),
            course(
                "TIME_WAIT",
                Unit::Ratio,
                "The ten hosts with a namespace nearest net.ipv4.tcp_max_tw_buckets.",
            )
            .ask(
                r#"topk(10, instance:tcpmon_namespace_time_wait_used:max{job=~"$job"})"#,
                "{{instance}}",
            ),
        ],
    }
}

fn belief() -> Row {
    Row {
        title: "Can it be believed?",
        panels: vec![
            course(
                "Events lost",
                Unit::PerSecond,
                "Transitions that did not reach the agent; audits make up for them.",
            )
            .wide(8)
            .ask(
                r#"topk(10, instance:tcpmon_events_lost:rate5m{job=~"$job"})"#,
                "{{instance}}",
            ),
            course(
                "Corrections",
                Unit::PerSecond,
                "Sockets that audits had to correct.",
            )
            .wide(8)
            .ask(
                r#"topk(10, instance:tcpmon_drift:rate5m{job=~"$job"})"#,
                "{{instance}}",
            ),
            course("Series", Unit::Count, "What the agents cost Prometheus.")
                .wide(8)
                .ask(r#"job:tcpmon_series:sum{job=~"$job"}"#, "{{job}}"),
            table(
                "Agents by version",
                Unit::Count,
                "How many agents run which version.",
            )
            .wide(12)
            .ask(r#"job_version:tcpmon_agents:count{job=~"$job"}"#, ""),
            table(
                "Agents",
                Unit::Count,
                "1 for an agent that answers, 0 for one that does not.",
            )
            .wide(12)
            .ask(r#"sort(up{job=~"$job"})"#, "")
            .opens("instance", "tcpmon-host"),
        ],
    }
}
