//! `tcpmon replay`: what was recorded, told again.

mod moment;
mod pcap;
mod recording;
mod screen;

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::ls::{Plan, Shape};
use super::{connect, diagnose, output, top};
use crate::core::recording::Speed;
use crate::failure::Failure;
use crate::view::environment::ColorChoice;
use crate::view::print::OutputFormat;
use moment::Moment;

const AFTER_HELP: &str = "\
A recording of `tcpmon record` is shown as `tcpmon top` shows a machine, with the same verdicts, and
can be paused (Space), played from 0.25 to 64 times as fast or as fast as it can be read (- and +), and
searched ([ ] five seconds, { } a minute, < > to its ends). Without a terminal, or with --output, its
transitions are printed as `tcpmon watch` prints them; with --at the sockets of one moment as
`tcpmon ls` does; with --diagnose what was wrong then. Needs no privilege and no kernel of its own.

Of a packet capture (--pcap) every connection is told, packet by packet, with the edges of the state
machine that its client and its server took. What only the answer of a side proves is shown with the
packet that brought it; what nobody answered moves nobody. `?` stands for a state that the capture does
not tell. Reads pcap and pcapng: Ethernet with VLAN tags, raw IP, Linux cooked (-i any), loopback; IPv4
and IPv6. `tcpmon explain 'FIN_WAIT1 -> FIN_WAIT2'` says what an edge means.

Examples:
  tcpmon replay leak.rec                        look at it as with tcpmon top
  tcpmon replay leak.rec --diagnose             what was wrong at its end
  tcpmon replay leak.rec --at 90s 'state close-wait'
                                                the sockets a minute and a half after it began
  tcpmon replay leak.rec 'dport = :5432' --output jsonl
                                                every transition towards a database
  tcpdump -i any -w http.pcap 'tcp port 80'     capture some traffic (needs root)
  tcpmon replay --pcap http.pcap                what it means, state by state
  tcpmon replay --pcap http.pcap --connection 2 --all-packets
  tcpmon replay --pcap http.pcap --output jsonl | jq 'select(.server.state == \"CLOSE_WAIT\")'
                                                connections whose server has not closed";

/// Flags of `tcpmon replay`.
#[derive(Debug, ClapArgs)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The file is a packet capture, as tcpdump and Wireshark write it
    #[arg(long)]
    pcap: bool,
    /// What to replay; `-` is standard input
    file: PathBuf,
    /// Of a recording, which sockets, as in `tcpmon ls`
    #[arg(conflicts_with = "pcap")]
    filter: Vec<String>,
    /// The sockets of this moment: `90s` after the beginning, `-10s` before the end, `start`, `end`, or
    /// a time like 2026-01-02T03:04:05Z
    #[arg(
        long,
        value_name = "TIME",
        conflicts_with = "pcap",
        allow_hyphen_values = true
    )]
    at: Option<Moment>,
    /// What was wrong, at the end or at the moment of --at
    #[arg(long, conflicts_with = "pcap")]
    diagnose: bool,
    /// How fast: 0.25 to 64 times, or `max`
    #[arg(long, value_name = "FACTOR", conflicts_with = "pcap", default_value = "1", value_parser = Speed::parse)]
    speed: Speed,
    #[command(flatten)]
    shape: Shape,
    /// When to use colour; NO_COLOR is respected
    #[arg(long, value_enum, default_value_t)]
    color: ColorChoice,
    /// Leave the mouse to the terminal, to select text with
    #[arg(long)]
    no_mouse: bool,
    /// Of a capture, only this connection, by its number in the list
    #[arg(long, value_name = "N", requires = "pcap")]
    connection: Option<usize>,
    /// Of a capture, every packet: else more than eight in a row that change nothing are one line
    #[arg(long, requires = "pcap")]
    all_packets: bool,
    /// How to print
    #[arg(long, value_enum, env = "TCPMON_OUTPUT")]
    output: Option<OutputFormat>,
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    if !args.pcap {
        return recording::replay(args);
    }
    if args.shape.columns.is_some() || args.shape.limit.is_some() {
        let message =
            "-o and --limit are for recordings: a packet capture is told connection by connection";
        return Err(Failure::usage(message).into());
    }
    pcap::tell(&args)
}
