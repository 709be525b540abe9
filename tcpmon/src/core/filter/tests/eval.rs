//! Which sockets a filter matches.

use std::cell::Cell;
use std::net::IpAddr;

use tcpmon_common::State;

use crate::core::filter::{Filter, Known, Subject};

const CONTAINER: &str = "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970";

struct Socket {
    state: State,
    local: (&'static str, u16),
    remote: (&'static str, u16),
    process: Option<&'static str>,
    pid: Option<u32>,
    unit: Option<&'static str>,
    container: Option<&'static str>,
    netns: Option<u32>,
    netns_name: Option<&'static str>,
    age_ns: u64,
    asked: Cell<u32>,
}

/// A connection of nginx that its peer has closed, five minutes ago.
fn nginx() -> Socket {
    Socket {
        state: State::CloseWait,
        local: ("10.1.2.3", 443),
        remote: ("192.0.2.7", 50_000),
        process: Some("nginx"),
        pid: Some(5),
        unit: Some("nginx.service"),
        container: Some(CONTAINER),
        netns: Some(4_026_531_840),
        netns_name: Some("web.service"),
        age_ns: 300_000_000_000,
        asked: Cell::new(0),
    }
}

/// A socket nobody is known to own.
fn orphan() -> Socket {
    Socket {
        process: None,
        pid: None,
        unit: None,
        container: None,
        netns: None,
        netns_name: None,
        ..nginx()
    }
}

impl Socket {
    fn with<T>(&self, value: T) -> T {
        self.asked.set(self.asked.get() + 1);
        value
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

impl Subject for Socket {
    fn state(&self) -> State {
        self.with(self.state)
    }
    fn local_address(&self) -> IpAddr {
        self.with(address(self.local.0))
    }
    fn local_port(&self) -> u16 {
        self.with(self.local.1)
    }
    fn remote_address(&self) -> IpAddr {
        self.with(address(self.remote.0))
    }
    fn remote_port(&self) -> u16 {
        self.with(self.remote.1)
    }
    fn process(&self) -> Option<&str> {
        self.with(self.process)
    }
    fn pid(&self) -> Option<u32> {
        self.with(self.pid)
    }
    fn unit(&self) -> Option<&str> {
        self.with(self.unit)
    }
    fn container(&self) -> Option<&str> {
        self.with(self.container)
    }
    fn netns(&self) -> Option<u32> {
        self.with(self.netns)
    }
    fn netns_name(&self) -> Option<&str> {
        self.with(self.netns_name)
    }
    fn age_ns(&self) -> u64 {
        self.with(self.age_ns)
    }
}

fn matches(filter: &str, socket: &Socket) -> bool {
    let filter: Filter = filter.parse().unwrap_or_else(|e| panic!("{filter}: {e}"));
    filter.matches(socket)
}

#[test]
fn keys_and_operators() {
    for (filter, expected) in [
        ("", true),
        ("state close-wait", true),
        ("state != close-wait", false),
        ("exclude established", true),
        ("state connected", true),
        ("sport 443", true),
        ("sport != 443", false),
        ("sport < 443", false),
        ("sport <= 443", true),
        ("sport > 442", true),
        ("sport >= 444", false),
        ("dport 443", false),
        ("dport >= 50000", true),
        ("src 10.1.2.3", true),
        ("src 10/8", true),
        ("src 10/8:443", true),
        ("src 10/8:80", false),
        ("src != 10/8:80", true),
        ("src 11/8", false),
        ("dst 192.0.2.0/29", true),
        ("dst 192.0.2.8/29", false),
        ("dst :50000", true),
        ("dst != :50000", false),
        ("dst ::/0", false),
        ("dst 0.0.0.0/0", true),
        ("proc nginx", true),
        ("proc Nginx", false),
        ("proc ngin", false),
        ("proc ~ gin", true),
        ("proc ~ x11", false),
        ("proc != nginx", false),
        ("proc != apache", true),
        ("pid 5", true),
        ("pid != 5", false),
        ("pid < 6", true),
        ("unit nginx.service", true),
        ("unit nginx", true),
        ("unit != nginx", false),
        ("unit ngin", false),
        ("unit ~ ngin", true),
        ("container 4f797c", true),
        ("container 797c", false),
        ("container != 4f79", false),
        ("container ~ 797c", true),
        ("netns 4026531840", true),
        ("netns != 4026531840", false),
        ("netns != 1", true),
        ("netns web.service", true),
        ("netns = web", true),
        ("netns != web", false),
        ("netns != lab", true),
        ("netns we", false),
        ("netns ~ we", true),
        ("netns \"4026531840\"", false),
        ("age > 299s", true),
        ("age > 5m", false),
        ("age >= 5m", true),
        ("age < 5m", false),
        ("age <= 5m", true),
    ] {
        assert_eq!(matches(filter, &nginx()), expected, "{filter}");
    }
}

#[test]
fn not_binds_before_and_before_or() {
    for (filter, expected) in [
        ("pid 5 or pid 6 and pid 7", true),
        ("(pid 5 or pid 6) and pid 7", false),
        ("pid 5 or pid 6 pid 7", true),
        ("not pid 5 or pid 5", true),
        ("not (pid 5 or pid 5)", false),
        ("not pid 6 and pid 5", true),
        ("not not pid 5", true),
    ] {
        assert_eq!(matches(filter, &nginx()), expected, "{filter}");
    }
}

#[test]
fn comparisons_with_the_unknown_do_not_match() {
    for key in ["proc", "pid", "unit", "container", "netns"] {
        for operator in ["=", "!="] {
            let filter = format!("{key} {operator} 5");
            assert!(!matches(&filter, &orphan()), "{filter}");
            assert!(matches(&format!("not {filter}"), &orphan()), "not {filter}");
        }
    }
    assert!(!matches("pid < 9", &orphan()));
    assert!(!matches("proc ~ 5", &orphan()));
    assert!(!matches("netns != lab", &orphan()));
}

#[test]
fn groups_of_states_are_those_of_ss() {
    use State::{Close, Listen, NewSynRecv, SynRecv, SynSent, TimeWait};
    let without = |missing: &[State]| {
        State::ALL
            .into_iter()
            .filter(|s| !missing.contains(s))
            .collect::<Vec<_>>()
    };
    for (group, expected) in [
        ("all", without(&[])),
        ("connected", without(&[Close, Listen])),
        ("synchronized", without(&[Close, Listen, SynSent])),
        ("bucket", vec![SynRecv, TimeWait, NewSynRecv]),
        ("big", without(&[SynRecv, TimeWait, NewSynRecv])),
        ("syn-recv", vec![SynRecv, NewSynRecv]),
    ] {
        for state in State::ALL {
            let found = matches(&format!("state {group}"), &Socket { state, ..nginx() });
            assert_eq!(found, expected.contains(&state), "{group} {state}");
        }
    }
}

#[test]
fn mapped_addresses_are_ipv4_addresses() {
    let mapped = Socket {
        local: ("::ffff:10.1.2.3", 443),
        remote: ("2001:db8::7", 50_000),
        ..nginx()
    };
    for (filter, expected) in [
        ("src 10.1.2.3", true),
        ("src 10/8:443", true),
        ("src 11/8", false),
        ("src != 10/8", false),
        ("src 0.0.0.0/0", true),
        ("src ::ffff:10.1.2.3", true),
        ("src ::ffff:10.0.0.0/104", true),
        ("src ::/0", true),
        ("dst 2001:db8::/32", true),
        ("dst 2001:db9::/32", false),
        ("dst ::/0", true),
        ("dst 0.0.0.0/0", false),
        ("dst [2001:db8::7]:50000", true),
    ] {
        assert_eq!(matches(filter, &mapped), expected, "{filter}");
    }
    for filter in ["src ::ffff:10.1.2.3", "src [::ffff:10.0.0.0/104]:443"] {
        assert!(matches(filter, &nginx()), "{filter}");
    }
}

#[test]
fn a_name_the_kernel_cut_off_still_matches() {
    let cut = Socket {
        process: Some("systemd-resolve"),
        ..nginx()
    };
    for (filter, expected) in [
        ("proc systemd-resolved", true),
        ("proc systemd-resolve", true),
        ("proc != systemd-resolved", false),
        ("proc systemd-resolv", false),
        ("proc systemd-networkd", false),
    ] {
        assert_eq!(matches(filter, &cut), expected, "{filter}");
    }
}

#[test]
fn only_what_decides_is_asked_for() {
    let socket = nginx();
    assert!(!matches(
        "state established and pid 5 and unit nginx",
        &socket
    ));
    assert_eq!(socket.asked.get(), 1);
    assert!(matches("sport 443 or container 4f79", &socket));
    assert_eq!(socket.asked.get(), 2);
}

#[test]
fn states_that_cannot_match_are_known_beforehand() {
    for (text, can, cannot) in [
        (
            "state close-wait",
            State::CloseWait,
            Some(State::Established),
        ),
        (
            "state close-wait and pid = 1",
            State::CloseWait,
            Some(State::TimeWait),
        ),
        ("state close-wait or pid = 1", State::TimeWait, None),
        (
            "not state close-wait",
            State::TimeWait,
            Some(State::CloseWait),
        ),
        ("not (pid = 1 and state close-wait)", State::CloseWait, None),
        (
            "not (pid = 1 or state close-wait)",
            State::Listen,
            Some(State::CloseWait),
        ),
        (
            "state connected and exclude time-wait",
            State::SynSent,
            Some(State::Listen),
        ),
        ("age > 1s", State::Listen, None),
        ("", State::Listen, None),
    ] {
        let filter: Filter = text.parse().expect(text);
        let in_state = |state| Known {
            state: Some(state),
            ..Known::default()
        };
        assert!(filter.can_match(&in_state(can)), "{text}");
        assert!(
            cannot.is_none_or(|state| !filter.can_match(&in_state(state))),
            "{text}"
        );
    }
}
