//! Answers as servers give them, and the hosts that they make.

use proptest::prelude::*;

use super::*;
use crate::core::verdict::Severity;

/// `job=tcpmon instance=a`: labels as they are written here.
fn labels(text: &str) -> Labels {
    let pairs = text.split_whitespace().filter_map(|it| it.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn sample(text: &str, value: f64) -> Sample {
    Sample {
        labels: labels(text),
        value,
    }
}

fn answers(of: &[(Topic, &[(&str, f64)])]) -> Answers {
    let mut answers = Answers::default();
    for (topic, samples) in of {
        let samples = samples.iter().map(|(text, value)| sample(text, *value));
        answers.0.insert(*topic, samples.collect());
    }
    answers
}

fn named<'a>(hosts: &'a [Host], name: &str) -> &'a Host {
    hosts
        .iter()
        .find(|host| host.name() == name)
        .expect("a host of that name")
}

/// The names, those in the most trouble first.
fn order(hosts: &[Host]) -> Vec<&str> {
    hosts.iter().map(Host::name).collect()
}

const A: &str = "job=tcpmon instance=a";
const B: &str = "job=tcpmon instance=b";
const C: &str = "job=tcpmon instance=c";
const A_1: &str = "job=tcpmon instance=a version=1 revision=x";
const B_1: &str = "job=tcpmon instance=b version=1 revision=x";

#[test]
fn nothing_is_no_host() {
    assert!(hosts(&Answers::default()).is_empty());
}

#[test]
fn a_host_is_up_down_vanished_or_no_agent() {
    let hosts = hosts(&answers(&[
        (Topic::Agent, &[(A_1, 2.0), (B_1, 3.0)]),
        (
            Topic::LastSeen,
            &[
                (A, 2.0),
                (B, 3.0),
                (C, 500.0),
                ("job=tcpmon instance=d", 900.0),
            ],
        ),
        (
            Topic::Up,
            &[
                (A, 1.0),
                (B, 1.0),
                (C, 0.0),
                ("job=tcpmon instance=e", 0.0),
                ("job=tcpmon instance=f", 1.0),
                ("job=other instance=g", 0.0),
            ],
        ),
    ]));
    let presence = |name| named(&hosts, name).presence;
    assert_eq!(presence("a"), Presence::Up);
    assert_eq!(presence("c"), Presence::Down, "it was seen before");
    assert_eq!(presence("d"), Presence::Vanished);
    assert_eq!(presence("e"), Presence::Down, "it was never seen");
    assert_eq!(presence("f"), Presence::NoData);
    assert!(!order(&hosts).contains(&"g"), "no agent was ever there");
    assert_eq!(named(&hosts, "c").age_seconds, Some(500.0));
    assert_eq!(named(&hosts, "e").age_seconds, None);
    assert_eq!(order(&hosts), ["c", "e", "f", "d", "a", "b"]);
}

#[test]
fn a_host_that_was_there_for_a_moment_is_remembered_without_an_age() {
    let hosts = hosts(&answers(&[(Topic::LastSeen, &[(A, -1.0)])]));
    assert_eq!(hosts[0].presence, Presence::Vanished);
    assert_eq!(hosts[0].age_seconds, None);
}

#[test]
fn a_job_of_many_things_has_no_agent_wherever_something_is_down() {
    let hosts = hosts(&answers(&[
        (Topic::Agent, &[("job=pods instance=a version=1", 2.0)]),
        (
            Topic::Up,
            &[
                ("job=pods instance=a", 1.0),
                ("job=pods instance=x", 1.0),
                ("job=pods instance=y", 1.0),
                ("job=pods instance=z", 0.0),
            ],
        ),
    ]));
    assert_eq!(order(&hosts), ["a"]);
}

#[test]
fn a_fleet_that_is_down_as_a_whole_is_not_forgotten() {
    let hosts = hosts(&answers(&[
        (Topic::LastSeen, &[(A, 60.0), (B, 60.0)]),
        (Topic::Up, &[(A, 0.0), (B, 0.0), (C, 0.0)]),
    ]));
    assert_eq!(order(&hosts), ["a", "b", "c"]);
    assert!(hosts.iter().all(|host| host.presence == Presence::Down));
}

#[test]
fn two_clusters_may_have_hosts_of_one_name() {
    let hosts = hosts(&answers(&[
        (
            Topic::Agent,
            &[
                ("job=t instance=a cluster=x version=1", 1.0),
                ("job=t instance=a cluster=y version=2", 2.0),
            ],
        ),
        (
            Topic::Sockets,
            &[
                ("job=t instance=a cluster=y", 20.0),
                ("job=t instance=a cluster=x", 10.0),
                ("job=t instance=a", 99.0),
            ],
        ),
    ]));
    let found = hosts.iter().map(|host| {
        let cluster = host.labels["cluster"].as_str();
        (cluster, host.version.as_deref(), host.sockets)
    });
    assert_eq!(
        found.collect::<Vec<_>>(),
        [("x", Some("1"), Some(10)), ("y", Some("2"), Some(20))]
    );
}

#[test]
fn an_agent_that_was_just_renewed_is_one_host() {
    let hosts = hosts(&answers(&[(
        Topic::Agent,
        &[
            ("job=t instance=a version=2 revision=y", 1.0),
            ("job=t instance=a version=1 revision=x", 61.0),
        ],
    )]));
    assert_eq!(hosts.len(), 1);
    assert_eq!(hosts[0].version.as_deref(), Some("2"));
    assert_eq!(hosts[0].age_seconds, Some(1.0));
}

#[test]
fn verdicts_that_are_not_answered_are_unknown_and_those_that_do_not_stand_are_none() {
    let without = hosts(&answers(&[(Topic::Agent, &[(A_1, 1.0)])]));
    assert_eq!(without[0].count(Severity::Critical), None);
    let all_well = hosts(&answers(&[
        (Topic::Agent, &[(A_1, 1.0)]),
        (Topic::Verdicts, &[]),
    ]));
    assert_eq!(all_well[0].count(Severity::Critical), Some(0));
    assert_eq!(all_well[0].trouble, Trouble::None);
    let down = hosts(&answers(&[
        (Topic::LastSeen, &[(A, 60.0)]),
        (Topic::Verdicts, &[]),
    ]));
    assert_eq!(down[0].count(Severity::Critical), None);
}

#[test]
fn trouble_ranks_and_names_its_process() {
    let leak = |who: &str, severity: &str| {
        format!("{who} verdict=close_wait_leak severity={severity} process=payments unit=p.service")
    };
    let (a, b) = (leak(A, "warning"), leak(B, "critical"));
    let ports = format!("{B} verdict=port_exhaustion severity=critical process=crawler");
    let verdict = |who: &str, verdict: &str, severity: &str| {
        format!("{who} verdict={verdict} severity={severity}")
    };
    let hosts = hosts(&answers(&[
        (
            Topic::Agent,
            &[
                (A_1, 1.0),
                (B_1, 1.0),
                ("job=tcpmon instance=c version=1", 1.0),
            ],
        ),
        (Topic::Up, &[("job=tcpmon instance=d", 0.0)]),
        (
            Topic::Verdicts,
            &[
                (&verdict(A, "close_wait_leak", "warning"), 3.0),
                (&verdict(B, "port_exhaustion", "critical"), 1.0),
                (&verdict(B, "close_wait_leak", "critical"), 2.0),
                (&verdict(B, "half_dead", "suspicious"), 7.0),
                (&verdict(C, "of_a_newer_agent", "unheard_of"), 1.0),
            ],
        ),
        (Topic::Culprits, &[(&ports, 1.0), (&b, 2.0), (&a, 3.0)]),
    ]));
    assert_eq!(order(&hosts), ["b", "d", "a", "c"]);
    let b = &hosts[0];
    assert_eq!(
        b.culprit.as_deref(),
        Some("payments"),
        "a leak before others"
    );
    assert_eq!(
        b.worst().map(|it| it.verdict.as_str()),
        Some("close_wait_leak")
    );
    let counts = Severity::ALL.map(|severity| b.count(severity));
    assert_eq!(counts, [Some(7), Some(0), Some(3)]);
}

#[test]
fn of_equal_trouble_more_of_it_goes_first() {
    let pile = |who: &str| format!("{who} state=CLOSE_WAIT");
    let hosts = hosts(&answers(&[
        (
            Topic::Agent,
            &[
                (A_1, 1.0),
                (B_1, 1.0),
                ("job=tcpmon instance=c version=1", 1.0),
            ],
        ),
        (
            Topic::PileUps,
            &[(&pile(A), 1.0), (&pile(B), 5.0), (&pile(C), 1.0)],
        ),
        (Topic::Headroom, &[(A, 0.9), (C, 0.3)]),
    ]));
    assert_eq!(order(&hosts), ["b", "c", "a"]);
}

#[test]
fn a_clock_is_wrong_only_where_the_scrape_cannot_explain_it() {
    let skew = |ahead, duration: Option<f64>| {
        let mut given = answers(&[(Topic::Agent, &[(A_1, 1.0)]), (Topic::Clock, &[(A, ahead)])]);
        if let Some(duration) = duration {
            given
                .0
                .insert(Topic::ScrapeDuration, vec![sample(A, duration)]);
        }
        hosts(&given)[0].clock_skew.map(|skew| skew.certain())
    };
    assert_eq!(skew(0.004, Some(0.01)), Some(None));
    assert_eq!(skew(92.0, Some(0.5)), Some(Some(91.5)));
    assert_eq!(skew(-3.0, Some(0.5)), Some(Some(-3.0)));
    assert_eq!(skew(92.0, None), None, "nothing bounds it");
    assert_eq!(skew(f64::NAN, Some(0.5)), None);
}

#[test]
fn old_data_and_lost_events_blur() {
    let hosts = hosts(&answers(&[
        (Topic::Agent, &[(A_1, 121.0), (B_1, 1.0)]),
        (Topic::Lost, &[(A, 0.0), (B, 12.3)]),
    ]));
    assert!(named(&hosts, "a").is_stale() && !named(&hosts, "b").is_stale());
    assert!(hosts.iter().all(|host| host.trouble == Trouble::Blurred));
}

#[test]
fn processes_and_destinations_of_one_host() {
    let target = labels("job=tcpmon instance=a container=tcpmon");
    let of = |name: &str, more: &str| {
        format!("__name__=tcpmon_{name} job=tcpmon instance=a container=tcpmon {more}")
    };
    // The target has a container of its own, so that Prometheus renames that of the process.
    let payments = "process=payments unit=p.service exported_container=0123";
    let to = "process=payments netns=host remote_port=443";
    let found = inside(
        &answers(&[
            (
                Topic::Processes,
                &[
                    (
                        &of("process_sockets", &format!("{payments} state=CLOSE_WAIT")),
                        48.0,
                    ),
                    (
                        &of("process_sockets", &format!("{payments} state=LISTEN")),
                        0.0,
                    ),
                    (
                        &of("process_sockets", "process=nginx state=ESTABLISHED"),
                        500.0,
                    ),
                    (&of("process_open_files", payments), 66.0),
                    (&of("process_max_open_files", payments), 1024.0),
                    (
                        &of(
                            "process_verdicts",
                            &format!("{payments} verdict=close_wait_leak severity=critical"),
                        ),
                        1.0,
                    ),
                ],
            ),
            (
                Topic::OldestCloseWait,
                &[(&format!("{payments} state=CLOSE_WAIT"), 149.5)],
            ),
            (
                Topic::Destinations,
                &[
                    (&of("destination_ports_used", to), 28_000.0),
                    (&of("destination_ports_usable", to), 28_232.0),
                    (&of("destination_port_headroom_ratio", to), 0.0082),
                    (&of("destination_time_wait_sockets", to), 27_000.0),
                    (
                        &of("destination_ports_used", "netns=host remote_port=53"),
                        3.0,
                    ),
                ],
            ),
            (Topic::ConnectFailures, &[(to, 1.5)]),
        ]),
        &target,
    );
    let names: Vec<_> = found
        .processes
        .iter()
        .map(|it| it.id.process.as_str())
        .collect();
    assert_eq!(
        names,
        ["payments", "nginx", ""],
        "an owner nobody knows is there, too"
    );
    let payments = &found.processes[0];
    assert_eq!(payments.id.unit.as_deref(), Some("p.service"));
    assert_eq!(payments.id.container.as_deref(), Some("0123"));
    assert_eq!(
        found.processes[1].id.container, None,
        "that is the target's"
    );
    assert_eq!(payments.states, [("CLOSE_WAIT".to_owned(), 48)].into());
    assert_eq!(payments.oldest_close_wait_seconds, Some(149.5));
    assert_eq!(payments.worst(), Some(Severity::Critical));
    assert_eq!(
        (payments.open_files, payments.max_open_files),
        (Some(66), Some(1024))
    );
    let destinations = found.destinations_of("payments");
    assert_eq!(destinations.len(), 1);
    assert_eq!(destinations[0].ports_used, Some(28_000));
    assert_eq!(destinations[0].failures_per_second, Some(1.5));
    assert_eq!(found.destinations_of("").len(), 1);
}

#[test]
fn the_queries_are_as_many_whatever_there_is() {
    let scope = Scope {
        chosen: "cluster=\"x\"".parse().expect("matchers"),
        host: Some(labels("job=t instance=a\"b")),
    };
    for topic in Topic::HOSTS.into_iter().chain(Topic::INSIDE) {
        let query = topic.query(&scope, &Rules::new());
        assert!(
            query.contains("{cluster=\"x\",instance=\"a\\\"b\",job=\"t\""),
            "{query}"
        );
        assert_eq!(query.matches('(').count(), query.matches(')').count());
    }
    let everything = Topic::Sockets.query(&Scope::default(), &Rules::new());
    assert_eq!(everything, "sum without (state) (tcpmon_sockets{})");
}

#[test]
fn a_recording_rule_is_asked_where_there_is_one() {
    let rules = Rules::from(["instance:tcpmon_sockets:sum".to_owned()]);
    let query = |topic: Topic| topic.query(&Scope::default(), &rules);
    assert_eq!(query(Topic::Sockets), "instance:tcpmon_sockets:sum{}");
    assert!(query(Topic::Headroom).starts_with("min without"));
}

proptest! {
    #[test]
    fn any_answers_make_hosts_in_order(
        all in prop::collection::vec((0..16_usize, 0..4_u8, prop::num::f64::ANY, 0..3_u8), 0..40)
    ) {
        let topics: Vec<Topic> = Topic::HOSTS.into_iter().chain(Topic::INSIDE).collect();
        let mut answers = Answers::default();
        for (topic, instance, value, more) in all {
            let more = ["", "version=1", "verdict=x severity=critical process=p"][more as usize];
            let text = format!("job=t instance={instance} {more}");
            answers.0.entry(topics[topic]).or_default().push(sample(&text, value));
        }
        let found = hosts(&answers);
        prop_assert!(found.is_sorted_by(|one, other| one.trouble >= other.trouble));
        for host in &found {
            let within = inside(&answers, &host.labels);
            prop_assert!(within.processes.len() <= 40);
        }
    }
}
