//! The ways a kernel is booted, what runs in the guest each time, and what must come of it.

use super::guest::Said;

/// What a boot tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    /// The kernel tests.
    Suite,
    /// The kernel's BTF hidden: the classic tracepoint must do.
    NoBtf,
    /// tracefs not mounted: BTF must do.
    NoTracefs,
    /// `lockdown=confidentiality`: BTF must do.
    Lockdown,
    /// The modules of sock_diag not loaded: sockets that were there before are listed from `/proc`.
    NoSockDiag,
    /// Not root: CAP_BPF and CAP_PERFMON only, and perf events forbidden.
    Capabilities,
}

impl Variant {
    pub(super) const ALL: [Self; 6] = [
        Self::Suite,
        Self::NoBtf,
        Self::NoTracefs,
        Self::Lockdown,
        Self::NoSockDiag,
        Self::Capabilities,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Suite => "suite",
            Self::NoBtf => "no-btf",
            Self::NoTracefs => "no-tracefs",
            Self::Lockdown => "lockdown",
            Self::NoSockDiag => "no-sock-diag",
            Self::Capabilities => "capabilities",
        }
    }

    /// Words for the kernel's command line.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Suite | Self::NoBtf | Self::Capabilities => "",
            Self::NoTracefs => "tcpmon.tracefs=no",
            Self::Lockdown => "lockdown=confidentiality",
            Self::NoSockDiag => "tcpmon.sock_diag=no",
        }
    }

    /// How long it may take. Emulated, a kernel is some twenty times slower than it is.
    pub(super) const fn limit_s(self) -> u32 {
        match self {
            Self::Suite => 900,
            _ => 180,
        }
    }

    /// What is wrong with what the guest said; `None` when all is as it must be.
    pub(super) fn verdict(self, said: &Said) -> Option<String> {
        let Some(doctor) = &said.doctor else {
            return Some("tcpmon doctor gave no answer".into());
        };
        if let Some((name, found)) = self.taken_away()
            && !doctor
                .lacking
                .iter()
                .any(|(n, f)| n == name && f.contains(found))
        {
            return Some(format!(
                "{name} should be `{found}`, and is not: nothing was tried"
            ));
        }
        let wanted = match self {
            Self::NoBtf => "tracepoint",
            _ => "tp_btf",
        };
        match &doctor.rung {
            Err(reason) => return Some(format!("nothing attaches: {reason}")),
            Ok(rung) if !rung.starts_with(wanted) => {
                return Some(format!("the rung is {rung}, not {wanted}"));
            }
            Ok(_) => {}
        }
        if self == Self::Suite {
            return match &said.tests {
                None => Some("the tests gave no result".into()),
                Some(tests) if tests.failed > 0 => Some(format!("{} tests failed", tests.failed)),
                Some(tests) if tests.passed == 0 => Some("no test ran".into()),
                Some(_) => None,
            };
        }
        if !said.event {
            return Some("tcpmon watch saw no event".into());
        }
        let is_blind = self == Self::NoSockDiag && !said.listed;
        is_blind.then(|| "tcpmon ls does not list a listener that was there before".into())
    }

    /// What `tcpmon doctor` must miss, so that a guest in which nothing was taken away proves nothing:
    /// a feature, and words of what is found instead.
    const fn taken_away(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Suite => None,
            Self::NoBtf => Some(("BTF", "no /sys/kernel/btf")),
            Self::NoTracefs => Some(("classic tracepoint", "tracefs is not mounted")),
            Self::Lockdown => Some(("lockdown", "confidentiality")),
            Self::NoSockDiag => Some(("sock_diag", "/proc/net/tcp is read instead")),
            Self::Capabilities => Some(("capabilities to sweep", "CAP_SYS_ADMIN")),
        }
    }

    fn script(self, filter: &[String]) -> String {
        let body = match self {
            Self::Suite => {
                let words: Vec<String> = filter.iter().map(|word| format!(" '{word}'")).collect();
                let words = words.concat();
                return format!(
                    "{LIBRARY}doctor\nkernel-tests --test-threads 2 --show-output{words}\n"
                );
            }
            Self::NoBtf => "mount -t tmpfs none /sys/kernel/btf\n",
            Self::NoTracefs | Self::Lockdown => "",
            Self::NoSockDiag => {
                return format!("{LIBRARY}doctor && event && listed\n");
            }
            Self::Capabilities => {
                return format!("{LIBRARY}{CAPABILITIES}");
            }
        };
        format!("{LIBRARY}{body}doctor && event\n")
    }
}

const LIBRARY: &str = include_str!("ladder.sh");
/// Where memory for maps is limited (up to 5.10) root can raise the limit, this user cannot.
const CAPABILITIES: &str = "\
echo 3 > /proc/sys/kernel/perf_event_paranoid
caps=+bpf,+perfmon
as=\"/usr/bin/setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=$caps --ambient-caps=$caps\"
if ! doctor; then
  ulimit -l unlimited
  echo '@@ memlock unlimited'
  doctor
fi
event
";

/// The script of every variant by its name in the guest.
pub(super) fn scripts(filter: &[String]) -> Vec<(&'static str, String)> {
    Variant::ALL
        .iter()
        .map(|variant| (variant.name(), variant.script(filter)))
        .collect()
}

/// The tests a change is tried with on other kernels: loading, one life, TIME_WAIT, owners, and the
/// classic tracepoint.
pub(super) const SMOKE: &[&str] = &[
    "lifecycle::the_best_rung_of_this_kernel_is_tp_btf",
    "lifecycle::the_classic_tracepoint_tells_the_same_edges",
    "lifecycle::the_canary_sings_in_any_namespace_with_a_loopback",
    "opening::a_handshake_makes_both_ends_known",
    "closing::the_client_closes_first",
    "waiting::what_is_derived_is_what_the_kernel_lists",
    "owners::the_worker_that_accepted_is_named_not_the_master_that_listens",
];

#[cfg(test)]
mod tests {
    use super::super::guest::{Doctor, Tests};
    use super::*;

    /// What a guest says in which everything was taken away.
    fn said(rung: Result<&str, &str>) -> Said {
        Said {
            doctor: Some(Doctor {
                rung: rung.map(Into::into).map_err(Into::into),
                iterator: true,
                lacking: Variant::ALL
                    .iter()
                    .filter_map(|variant| variant.taken_away())
                    .map(|(name, found)| (name.into(), found.into()))
                    .collect(),
            }),
            event: true,
            listed: true,
            ..Said::default()
        }
    }

    #[test]
    fn without_btf_only_the_classic_tracepoint_is_right() {
        assert_eq!(Variant::NoBtf.verdict(&said(Ok("tracepoint"))), None);
        assert!(Variant::NoBtf.verdict(&said(Ok("tp_btf"))).is_some());
        assert!(Variant::Lockdown.verdict(&said(Ok("tracepoint"))).is_some());
        assert_eq!(Variant::Lockdown.verdict(&said(Ok("tp_btf"))), None);
        assert_eq!(
            Variant::Lockdown.verdict(&said(Err("EPERM"))).as_deref(),
            Some("nothing attaches: EPERM")
        );
    }

    #[test]
    fn a_guest_that_lacks_nothing_proves_nothing() {
        let mut whole = said(Ok("tp_btf"));
        whole.doctor.as_mut().expect("it has one").lacking.clear();
        assert!(Variant::Lockdown.verdict(&whole).is_some());
        assert!(Variant::Capabilities.verdict(&whole).is_some());
    }

    #[test]
    fn a_rung_that_does_not_fire_is_a_failure() {
        let silent = Said {
            event: false,
            ..said(Ok("tp_btf"))
        };
        assert!(Variant::NoTracefs.verdict(&silent).is_some());
    }

    #[test]
    fn without_sock_diag_the_listener_must_be_listed() {
        let blind = Said {
            listed: false,
            ..said(Ok("tp_btf"))
        };
        assert!(Variant::NoSockDiag.verdict(&blind).is_some());
        assert_eq!(Variant::NoSockDiag.verdict(&said(Ok("tp_btf"))), None);
        assert_eq!(Variant::Lockdown.verdict(&blind), None);
    }

    #[test]
    fn a_suite_that_ran_nothing_is_a_failure() {
        let with = |passed, failed| Said {
            tests: Some(Tests {
                passed,
                failed,
                ..Tests::default()
            }),
            ..said(Ok("tp_btf_no_cookie"))
        };
        assert_eq!(Variant::Suite.verdict(&with(3, 0)), None);
        assert!(Variant::Suite.verdict(&with(3, 1)).is_some());
        assert!(Variant::Suite.verdict(&with(0, 0)).is_some());
        assert!(Variant::Suite.verdict(&said(Ok("tp_btf"))).is_some());
    }

    #[test]
    fn the_suite_runs_the_tests_that_are_named() {
        let script = Variant::Suite.script(&["one".into(), "two".into()]);
        assert!(script.ends_with("--show-output 'one' 'two'\n"), "{script}");
    }
}
