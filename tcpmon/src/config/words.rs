//! Words and sizes, as flags and the file have them.

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogLevel {
    /// Only what ends the agent or makes its figures wrong.
    Error,
    /// Also what limits the view.
    Warn,
    /// Also what was chosen at the start, and reloads.
    #[default]
    Info,
    /// Also why it was chosen.
    Debug,
}

impl LogLevel {
    /// For the `log` crate.
    #[must_use]
    pub const fn filter(self) -> log::LevelFilter {
        match self {
            Self::Error => log::LevelFilter::Error,
            Self::Warn => log::LevelFilter::Warn,
            Self::Info => log::LevelFilter::Info,
            Self::Debug => log::LevelFilter::Debug,
        }
    }
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// `time=… level=… msg="…"`.
    #[default]
    Logfmt,
    /// One JSON object per line.
    Json,
}

/// How to attach to the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Attach {
    /// The best that works.
    #[default]
    Auto,
    /// Only the BTF tracepoint.
    TpBtf,
    /// Only the classic tracepoint.
    Tracepoint,
    /// No kernel program: the table is made of sock_diag dumps alone.
    None,
}

/// Whether to list sockets over sock_diag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum SockDiag {
    /// Where the kernel has it.
    #[default]
    Auto,
    /// Never: sockets are listed from `/proc/net/tcp`, as on a kernel without it.
    Off,
}

/// Reads a size such as `65536`, `64KiB` or `8MiB`.
///
/// # Errors
///
/// It is no such thing, or does not fit 32 bits.
pub fn parse_size(text: &str) -> Result<u32, String> {
    let (digits, factor) = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)]
        .into_iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))
        .unwrap_or((text, 1));
    digits
        .trim()
        .parse::<u32>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| format!("`{text}` is no size: write bytes, or 64KiB, 8MiB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_unit() {
        for (text, bytes) in [
            ("4096", 4096),
            ("64KiB", 65536),
            ("8 MiB", 8 << 20),
            ("1GiB", 1 << 30),
        ] {
            assert_eq!(parse_size(text), Ok(bytes));
        }
        for text in ["", "8MB", "-1", "5GiB", "99999999999", "MiB"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
