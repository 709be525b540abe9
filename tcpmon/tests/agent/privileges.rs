//! What the agent may do once it runs.

use std::collections::BTreeMap;
use std::fs;

use crate::place::in_namespace;
use crate::running::Agent;

/// `include/uapi/linux/capability.h`.
const CAP_DAC_READ_SEARCH: u32 = 2;
const CAP_SYS_PTRACE: u32 = 19;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// What ARCHITECTURE.md promises of the sweeper.
const SWEEPER: u64 = 1 << CAP_DAC_READ_SEARCH
    | 1 << CAP_SYS_PTRACE
    | 1 << CAP_SYS_ADMIN
    | 1 << CAP_PERFMON
    | 1 << CAP_BPF;

#[test]
fn only_the_sweeper_has_privileges_and_no_thread_can_gain_one() {
    in_namespace(|_| {
        let place = tempfile::tempdir().expect("a directory");
        let directory = place.path().to_str().expect("UTF-8");
        let agent = Agent::start(&["--incident.directory", directory]);
        // Old kernels want this one for reading counters; then the log says so.
        let keeps_bpf = agent.log().iter().any(|line| line.contains("CAP_BPF kept"));
        let others = if keeps_bpf { 1 << CAP_BPF } else { 0 };
        let tasks = fs::read_dir(format!("/proc/{}/task", agent.pid())).expect("it lives");
        let mut sweepers = 0;
        let mut threads = 0;
        for task in tasks.flatten() {
            // A helper of the runtime may end meanwhile.
            let Ok(text) = fs::read_to_string(task.path().join("status")) else {
                continue;
            };
            let status = fields(&text);
            let set = |name: &str| u64::from_str_radix(status[name], 16).expect("a set");
            let is_sweeper = status["Name"] == "sweeper";
            let expected = if is_sweeper { SWEEPER } else { others };
            for name in ["CapEff", "CapPrm"] {
                assert_eq!(set(name), expected, "{name} of {text}");
            }
            for name in ["CapInh", "CapAmb"] {
                assert_eq!(set(name), 0, "{name} of {text}");
            }
            assert_eq!(status["NoNewPrivs"], "1", "{text}");
            sweepers += u32::from(is_sweeper);
            threads += 1;
        }
        assert_eq!(sweepers, 1);
        assert!(
            threads >= 5,
            "main, sweeper, incidents and two of the runtime, not {threads}"
        );
    });
}

fn fields(text: &str) -> BTreeMap<&str, &str> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.map(|(name, value)| (name, value.trim())).collect()
}
