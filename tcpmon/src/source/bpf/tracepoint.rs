//! The classic tracepoint's record as tracefs describes it (`f_show` in
//! `kernel/trace/trace_events.c`): whether it is the one that `tcpmon-ebpf/src/classic.rs` reads.

use std::path::Path;
use std::{fs, io};

/// Where tracefs is mounted.
pub const TRACEFS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
const FORMAT: &str = "events/sock/inet_sock_set_state/format";

/// Name, offset and bytes of every field that is read.
const FIELDS: [(&str, u32, u32); 11] = [
    ("skaddr", 8, 8),
    ("oldstate", 16, 4),
    ("newstate", 20, 4),
    ("sport", 24, 2),
    ("dport", 26, 2),
    ("family", 28, 2),
    ("protocol", 30, 2),
    ("saddr[4]", 32, 4),
    ("daddr[4]", 36, 4),
    ("saddr_v6[16]", 40, 16),
    ("daddr_v6[16]", 56, 16),
];

/// Whether the record below the tracefs at `root` is the one we read.
///
/// # Errors
///
/// The description cannot be read: no tracefs is mounted there, or there is no permission.
pub fn is_known(root: &Path) -> io::Result<bool> {
    fs::read(root.join(FORMAT)).map(|bytes| has_fields(&String::from_utf8_lossy(&bytes)))
}

/// Whether `format` has every field where it is read.
pub(super) fn has_fields(format: &str) -> bool {
    FIELDS
        .iter()
        .all(|wanted| format.lines().filter_map(field).any(|it| it == *wanted))
}

/// Name, offset and size in a line `field:TYPE NAME; offset:N; size:N; signed:N;`.
fn field(line: &str) -> Option<(&str, u32, u32)> {
    let mut parts = line.trim_start().split(';').map(str::trim);
    let declaration = parts.next()?.strip_prefix("field:")?;
    // A pointer's star may stand at its name.
    let name = declaration.split_whitespace().next_back()?;
    let offset = parts.next()?.strip_prefix("offset:")?.parse().ok()?;
    let size = parts.next()?.strip_prefix("size:")?.parse().ok()?;
    Some((name.trim_start_matches('*'), offset, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &str = "\
name: inet_sock_set_state
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;

\tfield:const void * skaddr;\toffset:8;\tsize:8;\tsigned:0;
\tfield:int oldstate;\toffset:16;\tsize:4;\tsigned:1;
\tfield:int newstate;\toffset:20;\tsize:4;\tsigned:1;
\tfield:__u16 sport;\toffset:24;\tsize:2;\tsigned:0;
\tfield:__u16 dport;\toffset:26;\tsize:2;\tsigned:0;
\tfield:__u16 family;\toffset:28;\tsize:2;\tsigned:0;
\tfield:__u16 protocol;\toffset:30;\tsize:2;\tsigned:0;
\tfield:__u8 saddr[4];\toffset:32;\tsize:4;\tsigned:0;
\tfield:__u8 daddr[4];\toffset:36;\tsize:4;\tsigned:0;
\tfield:__u8 saddr_v6[16];\toffset:40;\tsize:16;\tsigned:0;
\tfield:__u8 daddr_v6[16];\toffset:56;\tsize:16;\tsigned:0;
";

    #[test]
    fn the_layout_is_recognised_and_another_is_not() {
        assert!(has_fields(KNOWN));
        assert!(has_fields(&KNOWN.replace("* skaddr", "*skaddr")));
        for (from, to) in [
            ("offset:30;", "offset:31;"),
            ("offset:56;\tsize:16;", "offset:56;\tsize:8;"),
            ("__u16 sport;", "__u16 sport_be;"),
            ("saddr[4]", "saddr[8]"),
            ("field:int oldstate", "int oldstate"),
        ] {
            let other = KNOWN.replace(from, to);
            assert_ne!(other, KNOWN);
            assert!(!has_fields(&other), "{to}");
        }
        assert!(!has_fields(""));
    }

    #[test]
    fn without_tracefs_it_is_an_error() {
        assert!(is_known(Path::new("/nonexistent")).is_err());
    }
}
