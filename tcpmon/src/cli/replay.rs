//! `tcpmon replay`: what was recorded, told again.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args as ClapArgs;

use super::output;
use crate::core::wire::{Capture, Connection};
use crate::failure::Failure;
use crate::source::pcap;
use crate::view::print::{self, WireFormat, WireLook};

const AFTER_HELP: &str = "\
Of a packet capture every connection is told, packet by packet, with the edges of the state machine
that its client and its server took. What only the answer of a side proves is shown with the packet
that brought it; what nobody answered moves nobody. `?` stands for a state that the capture does not
tell. Reads pcap and pcapng: Ethernet with VLAN tags, raw IP, Linux cooked (-i any), loopback; IPv4
and IPv6. `tcpmon explain 'FIN_WAIT1 -> FIN_WAIT2'` says what an edge means.

Examples:
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
    /// Only this connection, by its number in the list
    #[arg(long, value_name = "N")]
    connection: Option<usize>,
    /// Show every packet: else more than eight in a row that change nothing are one line
    #[arg(long)]
    all_packets: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t, env = "TCPMON_OUTPUT")]
    output: WireFormat,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    if !args.pcap {
        return Err(Failure::usage("replay reads packet captures only: say so with --pcap").into());
    }
    let name = args.file.display();
    let reading = match args.file.as_path() == Path::new("-") {
        true => pcap::read(io::stdin()),
        false => {
            let file = File::open(&args.file).with_context(|| format!("cannot open {name}"))?;
            pcap::read(file)
        }
    };
    let reading = reading.map_err(|sentence| anyhow::anyhow!("{name} {sentence}"))?;
    let end_ns = reading.span_ns.map_or(0, |(_, last)| last);
    let capture = Capture::replay(&reading.packets, end_ns);
    let connections = chosen(&capture, args.connection)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let look = WireLook {
        format: args.output,
        charset: output::charset(),
        all_packets: args.all_packets,
    };
    print::capture(&mut out, &reading, &connections, look)?;
    out.flush()?;
    if connections.is_empty() {
        output::remark(&format!("{name} has no TCP packet that could be read"));
    }
    Ok(())
}

/// The connections to be shown, with their numbers.
fn chosen(capture: &Capture, number: Option<usize>) -> anyhow::Result<Vec<(usize, &Connection)>> {
    let all = || (1..).zip(&capture.connections);
    let Some(number) = number else {
        return Ok(all().collect());
    };
    let found: Vec<_> = all().filter(|(at, _)| *at == number).collect();
    if found.is_empty() {
        let known = capture.connections.len();
        let message = format!("there is no connection {number}: the capture has {known}");
        return Err(Failure::usage(message).into());
    }
    Ok(found)
}
