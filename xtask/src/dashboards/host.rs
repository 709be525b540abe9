//! One host.

use super::board::{Dashboard, JOB, Row, Variable};
use super::panel::{Unit, course, number, stack, table};

const INSTANCE: Variable = Variable {
    name: "instance",
    label: "Host",
    query: r#"label_values(tcpmon_build_info{job=~"$job"}, instance)"#,
    several: false,
};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "tcpmon-host",
        title: "tcpmon / Host",
        description: "The TCP connections of one host: what is wrong, what they do, how near limits are.",
        variables: vec![JOB, INSTANCE],
        rows: vec![
            wrong(),
            states(),
            processes(),
            listeners(),
            destinations(),
            namespaces(),
            agent(),
        ],
    }
}

fn wrong() -> Row {
    Row {
        title: "What is wrong",
        panels: vec![
            number("Sockets", Unit::Count, "In all states, in all network namespaces.")
                .ask(r#"sum(tcpmon_sockets{job=~"$job", instance="$instance"})"#, "sockets"),
            number("CLOSE_WAIT", Unit::Count, "Connections whose peer has hung up and that are not closed.")
                .ask(r#"sum(tcpmon_sockets{job=~"$job", instance="$instance", state="CLOSE_WAIT"})"#, "CLOSE_WAIT"),
            number("Oldest CLOSE_WAIT", Unit::Seconds, "How long the oldest has been in it, at least.").ask(
                concat!(
                    r#"max(time() - tcpmon_oldest_socket_timestamp_seconds{job=~"$job", instance="$instance", "#,
                    r#"state="CLOSE_WAIT"})"#,
                ),
                "age",
            ),
            number("TIME_WAIT", Unit::Count, "Connections this host closed first, kept for a minute.")
                .ask(r#"sum(tcpmon_sockets{job=~"$job", instance="$instance", state="TIME_WAIT"})"#, "TIME_WAIT"),
            number("Transitions", Unit::PerSecond, "Changes of state in a second.").ask(
                r#"sum(rate(tcpmon_transitions_total{job=~"$job", instance="$instance"}[$__rate_interval]))"#,
                "transitions",
            ),
            number("Events lost", Unit::PerSecond, "Transitions that did not reach the agent.").ask(
                r#"sum(rate(tcpmon_events_lost_total{job=~"$job", instance="$instance"}[$__rate_interval]))"#,
                "lost",
            ),
            table(
                "What is wrong now",
                Unit::Count,
                "Every verdict that stands, with the process where one is to blame. Click a process. `tcpmon \
                 diagnose` on the host says more.",
            )
            .ask(r#"process_verdict_severity:tcpmon_verdicts:sum{job=~"$job", instance="$instance"}"#, "")
            .opens("process", "tcpmon-process"),
        ],
    }
}

fn states() -> Row {
    Row {
        title: "States",
        panels: vec![
            stack("Sockets by state", Unit::Count, "In all network namespaces.")
                .ask(r#"sum by (state) (tcpmon_sockets{job=~"$job", instance="$instance"})"#, "{{state}}"),
            course(
                "Oldest socket of each state",
                Unit::Seconds,
                "How long it has been in the state, at least: of a socket older than the agent the age is a lower \
                 bound. LISTEN and ESTABLISHED are left out.",
            )
            .ask(
                concat!(
                    r#"time() - min by (state) (tcpmon_oldest_socket_timestamp_seconds{job=~"$job", "#,
                    r#"instance="$instance", state!="LISTEN", state!="ESTABLISHED"})"#,
                ),
                "{{state}}",
            ),
            course("Transitions", Unit::PerSecond, "The edges of the state machine that were taken most.").ask(
                concat!(
                    r#"topk(12, sum by (from, to) (rate(tcpmon_transitions_total{job=~"$job", "#,
                    r#"instance="$instance"}[$__rate_interval])))"#,
                ),
                "{{from}} to {{to}}",
            ),
            course("Why connections ended", Unit::PerSecond, "Sockets that went to CLOSE, by the reason.").ask(
                r#"sum by (reason) (rate(tcpmon_closes_total{job=~"$job", instance="$instance"}[$__rate_interval]))"#,
                "{{reason}}",
            ),
            course("Time in a state, median", Unit::Seconds, "Of the sockets that left it; no line where none did.")
                .ask(
                    concat!(
                        r#"histogram_quantile(0.5, sum by (state, le) "#,
                        r#"(rate(tcpmon_state_duration_seconds_bucket{job=~"$job", "#,
                        r#"instance="$instance"}[$__rate_interval])))"#,
                    ),
                    "{{state}}",
                ),
            course(
                "Time in a state, 99th percentile",
                Unit::Seconds,
                "Of the sockets that left it; no line where none did.",
            )
            .ask(
                concat!(
                    r#"histogram_quantile(0.99, sum by (state, le) "#,
                    r#"(rate(tcpmon_state_duration_seconds_bucket{job=~"$job", "#,
                    r#"instance="$instance"}[$__rate_interval])))"#,
                ),
                "{{state}}",
            ),
        ],
    }
}

fn processes() -> Row {
    Row {
        title: "Processes",
        panels: vec![
            course("Most sockets", Unit::Count, "The ten processes with most sockets.").wide(8).ask(
                r#"topk(10, sum by (process, unit) (tcpmon_process_sockets{job=~"$job", instance="$instance"}))"#,
                "{{process}} {{unit}}",
            ),
            course("Most CLOSE_WAIT", Unit::Count, "A line that only rises is a leak.").wide(8).ask(
                concat!(
                    r#"topk(10, sum by (process, unit) (tcpmon_process_sockets{job=~"$job", instance="$instance", "#,
                    r#"state="CLOSE_WAIT"}))"#,
                ),
                "{{process}} {{unit}}",
            ),
            course("Open files", Unit::Ratio, "The ten processes nearest their limit of open files.").wide(8).ask(
                concat!(
                    r#"topk(10, tcpmon_process_open_files{job=~"$job", instance="$instance"} / "#,
                    r#"tcpmon_process_max_open_files)"#,
                ),
                "{{process}} {{unit}}",
            ),
        ],
    }
}

fn listeners() -> Row {
    Row {
        title: "Listeners",
        panels: vec![
            course("Accept queues", Unit::Ratio, "The ten fullest; beyond 1 handshakes are dropped.").wide(8).ask(
                concat!(
                    r#"topk(10, tcpmon_listener_accept_queue_length{job=~"$job", instance="$instance"} / "#,
                    r#"(tcpmon_listener_accept_queue_limit > 0))"#,
                ),
                "{{process}} {{address}} {{port}}",
            ),
            course("Drops", Unit::PerSecond, "SYNs and handshakes dropped at listeners; the ten with most.")
                .wide(8)
                .ask(
                    concat!(
                        r#"topk(10, rate(tcpmon_listener_drops_total{job=~"$job", "#,
                        r#"instance="$instance"}[$__rate_interval]))"#,
                    ),
                    "{{process}} {{address}} {{port}}",
                ),
            course("Half-open connections", Unit::Count, "Handshakes that are not finished; the ten with most.")
                .wide(8)
                .ask(
                    r#"topk(10, tcpmon_listener_half_open_connections{job=~"$job", instance="$instance"})"#,
                    "{{process}} {{address}} {{port}}",
                ),
            course("The kernel's counters", Unit::PerSecond, "Overflows, drops and SYN cookies, of all listeners.")
                .wide(24)
                .ask(
                    r#"sum(rate(tcpmon_listen_overflows_total{job=~"$job", instance="$instance"}[$__rate_interval]))"#,
                    "accept queue overflows",
                )
                .ask(
                    r#"sum(rate(tcpmon_listen_drops_total{job=~"$job", instance="$instance"}[$__rate_interval]))"#,
                    "drops",
                )
                .ask(
                    r#"sum(rate(tcpmon_syncookies_sent_total{job=~"$job", instance="$instance"}[$__rate_interval]))"#,
                    "SYN cookies sent",
                )
                .ask(
                    concat!(
                        r#"sum(rate(tcpmon_syncookies_received_total{job=~"$job", "#,
                        r#"instance="$instance"}[$__rate_interval]))"#,
                    ),
                    "SYN cookies answered",
                )
                .ask(
                    concat!(
                        r#"sum(rate(tcpmon_request_queue_full_drops_total{job=~"$job", "#,
                        r#"instance="$instance"}[$__rate_interval]))"#,
                    ),
                    "SYNs dropped, backlog full",
                ),
        ],
    }
}

fn destinations() -> Row {
    Row {
        title: "Destinations",
        panels: vec![
            course(
                "Local ports left",
                Unit::Ratio,
                "The ten destinations with fewest ports left; at 0 connect() fails.",
            )
                .ask(
                    r#"bottomk(10, tcpmon_destination_port_headroom_ratio{job=~"$job", instance="$instance"})"#,
                    "{{process}} to port {{remote_port}}",
                ),
            course("Local ports held", Unit::Count, "The ten destinations with most, TIME_WAIT included.").ask(
                r#"topk(10, tcpmon_destination_ports_used{job=~"$job", instance="$instance"})"#,
                "{{process}} to port {{remote_port}}",
            ),
            course("TIME_WAIT", Unit::Count, "The ten destinations with most: connections closed first by this side.")
                .ask(
                    r#"topk(10, tcpmon_destination_time_wait_sockets{job=~"$job", instance="$instance"})"#,
                    "{{process}} to port {{remote_port}}",
                ),
            course("Connections that failed", Unit::PerSecond, "The ten destinations and reasons with most.").ask(
                concat!(
                    r#"topk(10, sum by (process, remote_port, reason) "#,
                    r#"(rate(tcpmon_destination_connect_failures_total{job=~"$job", "#,
                    r#"instance="$instance"}[$__rate_interval])))"#,
                ),
                "{{process}} to port {{remote_port}}: {{reason}}",
            ),
        ],
    }
}

fn namespaces() -> Row {
    Row {
        title: "Namespaces and the machine",
        panels: vec![
            course("Sockets by namespace", Unit::Count, "The ten network namespaces with most sockets.").wide(8).ask(
                r#"topk(10, sum by (netns) (tcpmon_namespace_sockets{job=~"$job", instance="$instance"}))"#,
                "{{netns}}",
            ),
            course("TIME_WAIT of its limit", Unit::Ratio, "The part of net.ipv4.tcp_max_tw_buckets that is taken.")
                .wide(8)
                .ask(
                    concat!(
                        r#"topk(10, sum by (netns) (tcpmon_namespace_sockets{job=~"$job", instance="$instance", "#,
                        r#"state="TIME_WAIT"}) / on (netns) max by (netns) "#,
                        r#"(tcpmon_namespace_time_wait_limit{job=~"$job", instance="$instance"}))"#,
                    ),
                    "{{netns}}",
                ),
            course("Orphans of their limit", Unit::Ratio, "The part of net.ipv4.tcp_max_orphans that is taken.")
                .wide(8)
                .ask(
                    r#"tcpmon_orphan_sockets{job=~"$job", instance="$instance"} / tcpmon_orphan_sockets_limit"#,
                    "orphans",
                ),
        ],
    }
}

fn agent() -> Row {
    Row {
        title: "The agent",
        panels: vec![
            course("Corrections", Unit::PerSecond, "Sockets that audits had to correct, by how they differed.")
                .wide(8)
                .ask(
                    r#"sum by (kind) (rate(tcpmon_drift_total{job=~"$job", instance="$instance"}[$__rate_interval]))"#,
                    "{{kind}}",
                ),
            course("Ring", Unit::Ratio, "The part of the ring between kernel and agent that is full.")
                .wide(8)
                .ask(r#"instance:tcpmon_ring_used:ratio{job=~"$job", instance="$instance"}"#, "used"),
            course("Audits", Unit::Seconds, "How long the last audit took, and how long the agent was busy at most.")
                .wide(8)
                .ask(r#"tcpmon_audit_duration_seconds{job=~"$job", instance="$instance"}"#, "audit")
                .ask(r#"tcpmon_agent_longest_turn_seconds{job=~"$job", instance="$instance"}"#, "longest turn"),
            course("Processors", Unit::Count, "How many processors the agent and its kernel program use.")
                .wide(8)
                .ask(
                    r#"rate(process_cpu_seconds_total{job=~"$job", instance="$instance"}[$__rate_interval])"#,
                    "agent",
                )
                .ask(
                    r#"rate(tcpmon_program_run_seconds_total{job=~"$job", instance="$instance"}[$__rate_interval])"#,
                    "kernel program",
                ),
            course("Memory", Unit::Bytes, "Resident memory of the agent, and its table of sockets.")
                .wide(8)
                .ask(r#"process_resident_memory_bytes{job=~"$job", instance="$instance"}"#, "resident")
                .ask(r#"tcpmon_table_bytes{job=~"$job", instance="$instance"}"#, "table"),
            course("Series", Unit::Count, "Series of a scrape, their limit, and those folded into `other`.")
                .wide(8)
                .ask(r#"tcpmon_series{job=~"$job", instance="$instance"}"#, "series")
                .ask(r#"tcpmon_series_limit{job=~"$job", instance="$instance"}"#, "limit")
                .ask(
                    r#"sum by (set) (tcpmon_series_dropped{job=~"$job", instance="$instance"})"#,
                    "folded: {{set}}",
                ),
        ],
    }
}
