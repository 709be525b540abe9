//! What this machine offers and lacks, each with the way to mend it: the report of `tcpmon doctor`.

use std::fs;
use std::io;
use std::path::Path;

use super::bpf::tracepoint::{self, TRACEFS};
use super::bpf::{self, BTF_PATH};
use super::netns::{self, NAMED};
use super::procfs::{ProcRoot, cgroup};
use super::sockdiag::{DumpError, Dumper};
use crate::core::facts::StateSet;
use crate::privilege::{Held, LOADER, SWEEPER};
use tcpmon_common::State;

/// How a feature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// All there.
    Good,
    /// Something is less precise, or dearer.
    Limited,
    /// Something does not work.
    Missing,
}

impl Standing {
    /// The word in the report.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Limited => "limited",
            Self::Missing => "missing",
        }
    }
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    /// What was looked at.
    pub name: &'static str,
    /// How it stands.
    pub standing: Standing,
    /// What was found.
    pub found: String,
    /// What to do about it; empty when nothing is to be done.
    pub fix: String,
}

impl Feature {
    fn new(
        name: &'static str,
        standing: Standing,
        found: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            name,
            standing,
            found: found.into(),
            fix: fix.into(),
        }
    }

    fn good(name: &'static str, found: impl Into<String>) -> Self {
        Self::new(name, Standing::Good, found, "")
    }
}

/// Looks at everything that decides how well the machine can be watched.
#[must_use]
pub fn examine() -> Vec<Feature> {
    vec![
        programs(),
        btf(),
        loader_capabilities(),
        lockdown(),
        tracefs(),
        jit(),
        sock_diag(),
        namespaces(),
        sweeper_capabilities(),
        proc_mount(),
        cgroups(),
    ]
}

fn programs() -> Feature {
    if bpf::is_embedded() {
        return Feature::good("kernel programs", "in this binary");
    }
    Feature::new(
        "kernel programs",
        Standing::Missing,
        "this binary was built without them",
        "cargo xtask setup, then build again",
    )
}

fn btf() -> Feature {
    let path = Path::new(BTF_PATH);
    match bpf::missing_fields(path) {
        Ok(missing) if missing.is_empty() => Feature::good("BTF", BTF_PATH),
        // Each kernel has one of the two names of the minisock count.
        Ok(missing) => Feature::good("BTF", format!("{BTF_PATH}, without {}", missing.join(", "))),
        Err(_) => Feature::new(
            "BTF",
            Standing::Limited,
            format!("no {BTF_PATH}"),
            "boot a kernel with CONFIG_DEBUG_INFO_BTF=y; without it only the classic tracepoint works",
        ),
    }
}

fn loader_capabilities() -> Feature {
    capabilities("capabilities to attach", LOADER, Standing::Missing)
}

fn sweeper_capabilities() -> Feature {
    capabilities("capabilities to sweep", SWEEPER, Standing::Limited)
}

fn capabilities(
    name: &'static str,
    wanted: &[(caps::Capability, &'static str)],
    without: Standing,
) -> Feature {
    let Ok(held) = Held::read() else {
        return Feature::new(name, without, "cannot be read", "mount /proc");
    };
    let missing = held.missing(wanted);
    if missing.is_empty() {
        return Feature::good(name, "all there");
    }
    let purpose: Vec<String> = wanted
        .iter()
        .filter(|(capability, _)| !held.has(*capability))
        .map(|(capability, why)| format!("{capability} to {why}"))
        .collect();
    Feature::new(
        name,
        without,
        format!("without {}", missing.join(", ")),
        format!("run as root, or grant {}", purpose.join("; ")),
    )
}

fn lockdown() -> Feature {
    let text = fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
    match lockdown_mode(&text) {
        None => Feature::good("lockdown", "off"),
        Some("confidentiality") => Feature::new(
            "lockdown",
            Standing::Limited,
            "confidentiality",
            "the classic tracepoint cannot work; the BTF tracepoint does",
        ),
        Some(mode) => Feature::good("lockdown", format!("{mode}: no effect")),
    }
}

/// The mode in brackets in `/sys/kernel/security/lockdown`, unless it is `none`.
fn lockdown_mode(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('[')?;
    let (mode, _) = rest.split_once(']')?;
    (mode != "none").then_some(mode)
}

fn tracefs() -> Feature {
    const NAME: &str = "classic tracepoint";
    let paranoid = fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").unwrap_or_default();
    let paranoid = paranoid.trim();
    for root in TRACEFS {
        match tracepoint::is_known(Path::new(root)) {
            Ok(true) => {
                return Feature::good(
                    NAME,
                    format!("{root}, perf_event_paranoid={paranoid}; needed only without BTF"),
                );
            }
            Ok(false) => {
                return Feature::new(
                    NAME,
                    Standing::Limited,
                    "its record has another layout than we know",
                    "use a kernel with BTF",
                );
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Feature::new(
                    NAME,
                    Standing::Limited,
                    format!("no permission to read {root}"),
                    "run as root, or use a kernel with BTF",
                );
            }
            Err(_) => {}
        }
    }
    Feature::new(
        NAME,
        Standing::Limited,
        "tracefs is not mounted",
        "mount -t tracefs tracefs /sys/kernel/tracing; needed only without BTF",
    )
}

fn jit() -> Feature {
    let enabled = fs::read_to_string("/proc/sys/net/core/bpf_jit_enable").unwrap_or_default();
    if enabled.trim() == "0" {
        return Feature::new(
            "BPF JIT",
            Standing::Limited,
            "off: each transition costs several times as much",
            "sysctl -w net.core.bpf_jit_enable=1",
        );
    }
    Feature::good("BPF JIT", "on")
}

fn sock_diag() -> Feature {
    let states = StateSet::of(&[State::Listen]);
    let dump = Dumper::open()
        .map_err(DumpError::Io)
        .and_then(|mut dumper| dumper.dump(states, false, &mut |_| {}));
    match dump {
        Ok(_) => Feature::good("sock_diag", "works"),
        Err(error) => Feature::new(
            "sock_diag",
            Standing::Limited,
            format!("{error}: /proc/net/tcp is read instead, which tells less and costs more"),
            "modprobe tcp_diag: without it accept queue limits, drops and ages of older sockets are \
             unknown",
        ),
    }
}

fn namespaces() -> Feature {
    const NAME: &str = "network namespaces";
    let Ok(found) = netns::discover(&ProcRoot::default(), &NAMED) else {
        return Feature::new(NAME, Standing::Limited, "cannot be listed", "mount /proc");
    };
    let count = found.namespaces.len();
    let closed = found
        .namespaces
        .iter()
        .filter(|namespace| {
            netns::enter(namespace).is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
        })
        .count();
    if closed == 0 && found.denied == 0 {
        return Feature::good(NAME, format!("{count}, all can be entered"));
    }
    Feature::new(
        NAME,
        Standing::Limited,
        format!(
            "{count} found; cannot be entered: {closed}; processes that cannot be looked at: {}",
            found.denied
        ),
        "grant CAP_SYS_ADMIN and CAP_SYS_PTRACE; the stream still sees their transitions",
    )
}

fn proc_mount() -> Feature {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let hidden = mounts.lines().any(|line| {
        let mut words = line.split_whitespace();
        words.nth(1) == Some("/proc")
            && words.nth(1).is_some_and(|options| {
                options
                    .split(',')
                    .any(|option| option.starts_with("hidepid=") && option != "hidepid=0")
            })
    });
    if hidden {
        return Feature::new(
            "/proc",
            Standing::Limited,
            "mounted with hidepid: other users' processes may be hidden",
            "run as root or in the group of the gid= option",
        );
    }
    Feature::good("/proc", "shows all processes")
}

fn cgroups() -> Feature {
    match cgroup::v2_root(Path::new(cgroup::CGROUP_ROOT)) {
        Some(root) => Feature::good("cgroup v2", root.display().to_string()),
        None => Feature::new(
            "cgroup v2",
            Standing::Limited,
            "not mounted",
            "units and containers stay unknown; boot with systemd.unified_cgroup_hierarchy=1",
        ),
    }
}

#[cfg(any(test, fuzzing))]
pub mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lockdown_mode_is_the_one_in_brackets() {
        assert_eq!(
            lockdown_mode("none [integrity] confidentiality\n"),
            Some("integrity")
        );
        assert_eq!(lockdown_mode("[none] integrity confidentiality\n"), None);
        assert_eq!(lockdown_mode(""), None);
    }

    #[test]
    fn everything_that_is_not_good_says_what_to_do() {
        for feature in examine() {
            let is_good = feature.standing == Standing::Good;
            assert_eq!(is_good, feature.fix.is_empty(), "{feature:?}");
        }
    }
}
