//! One process, or all of its name: on one host or on many.

use super::board::{Dashboard, JOB, Row, Variable};
use super::panel::{Unit, course, number, stack, table};

const INSTANCE: Variable = Variable {
    name: "instance",
    label: "Host",
    query: r#"label_values(tcpmon_process_sockets{job=~"$job"}, instance)"#,
    several: true,
};

const PROCESS: Variable = Variable {
    name: "process",
    label: "Process",
    query: r#"label_values(tcpmon_process_sockets{job=~"$job", instance=~"$instance"}, process)"#,
    several: false,
};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "tcpmon-process",
        title: "tcpmon / Process",
        description: "The TCP connections of one process: what it leaks, what it waits for, what it runs out of.",
        variables: vec![JOB, INSTANCE, PROCESS],
        rows: vec![wrong(), sockets(), serves(), connects()],
    }
}

fn wrong() -> Row {
    Row {
        title: "What is wrong",
        panels: vec![
            number("Sockets", Unit::Count, "In all states.").ask(
                r#"sum(tcpmon_process_sockets{job=~"$job", instance=~"$instance", process="$process"})"#,
                "sockets",
            ),
            number("CLOSE_WAIT", Unit::Count, "Connections whose peer has hung up and that it has not closed.").ask(
                concat!(
                    r#"sum(tcpmon_process_sockets{job=~"$job", instance=~"$instance", process="$process", "#,
                    r#"state="CLOSE_WAIT"})"#,
                ),
                "CLOSE_WAIT",
            ),
            number("Open files", Unit::Ratio, "Of its limit; of several processes, the nearest to it.").ask(
                concat!(
                    r#"max(tcpmon_process_open_files{job=~"$job", instance=~"$instance", process="$process"} / "#,
                    r#"tcpmon_process_max_open_files)"#,
                ),
                "open",
            ),
            table(
                "What is wrong now",
                Unit::Count,
                "Verdicts that stand on it. `tcpmon diagnose` on the host says more.",
            )
                .wide(12)
                .ask(
                    concat!(
                        r#"process_verdict_severity:tcpmon_verdicts:sum{job=~"$job", instance=~"$instance", "#,
                        r#"process="$process"}"#,
                    ),
                    "",
                )
                .opens("instance", "tcpmon-host"),
        ],
    }
}

fn sockets() -> Row {
    Row {
        title: "Its sockets",
        panels: vec![
            stack("Sockets by state", Unit::Count, "CLOSE_WAIT that only rises is a leak.").ask(
                r#"sum by (state) (tcpmon_process_sockets{job=~"$job", instance=~"$instance", process="$process"})"#,
                "{{state}}",
            ),
            course(
                "Oldest socket of each state",
                Unit::Seconds,
                "How long it has been in the state, at least. LISTEN and ESTABLISHED are left out.",
            )
            .ask(
                concat!(
                    r#"time() - min by (state) (tcpmon_process_oldest_socket_timestamp_seconds{job=~"$job", "#,
                    r#"instance=~"$instance", process="$process", state!="LISTEN", state!="ESTABLISHED"})"#,
                ),
                "{{state}}",
            ),
            course("Open files", Unit::Count, "And the limit; on each host, of the process nearest to it.")
                .ask(
                    r#"tcpmon_process_open_files{job=~"$job", instance=~"$instance", process="$process"}"#,
                    "{{instance}} {{unit}}",
                )
                .ask(
                    r#"tcpmon_process_max_open_files{job=~"$job", instance=~"$instance", process="$process"}"#,
                    "{{instance}} {{unit}}: limit",
                ),
            course("Sockets by host", Unit::Count, "The ten hosts on which it has most.").ask(
                concat!(
                    r#"topk(10, sum by (instance) (tcpmon_process_sockets{job=~"$job", instance=~"$instance", "#,
                    r#"process="$process"}))"#,
                ),
                "{{instance}}",
            ),
            course(
                "Connections that ended badly",
                Unit::PerSecond,
                "Otherwise than in order, by the reason; no line before the first.",
            )
            .wide(24)
            .ask(
                concat!(
                    r#"sum by (reason) (rate(tcpmon_process_connection_endings_total{job=~"$job", "#,
                    r#"instance=~"$instance", process="$process"}[$__rate_interval]))"#,
                ),
                "{{reason}}",
            ),
        ],
    }
}

fn serves() -> Row {
    Row {
        title: "What it serves",
        panels: vec![
            course("Accept queues", Unit::Ratio, "Connections that wait to be accepted, of the most that may.")
                .wide(8)
                .ask(
                    concat!(
                        r#"tcpmon_listener_accept_queue_length{job=~"$job", instance=~"$instance", "#,
                        r#"process="$process"} / (tcpmon_listener_accept_queue_limit > 0)"#,
                    ),
                    "{{instance}} port {{port}}",
                ),
            course("Drops", Unit::PerSecond, "SYNs and handshakes dropped at its listeners.").wide(8).ask(
                concat!(
                    r#"rate(tcpmon_listener_drops_total{job=~"$job", instance=~"$instance", "#,
                    r#"process="$process"}[$__rate_interval])"#,
                ),
                "{{instance}} port {{port}}",
            ),
            course("Half-open connections", Unit::Count, "Handshakes towards its ports that are not finished.")
                .wide(8)
                .ask(
                    r#"tcpmon_listener_half_open_connections{job=~"$job", instance=~"$instance", process="$process"}"#,
                    "{{instance}} port {{port}}",
                ),
        ],
    }
}

fn connects() -> Row {
    Row {
        title: "What it connects to",
        panels: vec![
            course("Local ports left", Unit::Ratio, "Towards each destination; at 0 connect() fails.").ask(
                r#"tcpmon_destination_port_headroom_ratio{job=~"$job", instance=~"$instance", process="$process"}"#,
                "{{instance}} to port {{remote_port}}",
            ),
            course("Local ports held", Unit::Count, "Towards each destination, TIME_WAIT included.").ask(
                r#"tcpmon_destination_ports_used{job=~"$job", instance=~"$instance", process="$process"}"#,
                "{{instance}} to port {{remote_port}}",
            ),
            course("TIME_WAIT", Unit::Count, "Connections it closed first, towards each destination.").ask(
                r#"tcpmon_destination_time_wait_sockets{job=~"$job", instance=~"$instance", process="$process"}"#,
                "{{instance}} to port {{remote_port}}",
            ),
            course("Connections that failed", Unit::PerSecond, "Towards each destination, by the reason.").ask(
                concat!(
                    r#"sum by (remote_port, reason) (rate(tcpmon_destination_connect_failures_total{job=~"$job", "#,
                    r#"instance=~"$instance", process="$process"}[$__rate_interval]))"#,
                ),
                "to port {{remote_port}}: {{reason}}",
            ),
        ],
    }
}
