//! `/proc/net/tcp` and `/proc/net/tcp6`: the sockets of a namespace as text (`net/ipv4/tcp_ipv4.c`,
//! `net/ipv6/tcp_ipv6.c`), for kernels without sock_diag. Four times as dear as that, and it tells
//! less: no cookie, no control group, no limit of an accept queue, no drops, no bound of an age.
//!
//! The kernel takes up its walk at a bucket and a number of sockets in it after every page or so of
//! text (`tcp_seek_last_pos`): when that bucket changes meanwhile, a row may come twice or not at
//! all.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::str::SplitAsciiWhitespace;

use tcpmon_common::State;

use crate::core::facts::{DumpRow, Kind, StateSet, Timer};
use crate::core::tuple::{Family, Tuple};
use crate::source::procfs::{ProcRoot, number};

/// Rows handed over at once.
const CHUNK_ROWS: usize = 4096;
/// The kernel writes about a page per read, whatever is offered.
const BUFFER_BYTES: usize = 64 << 10;
/// Both tables of the namespace of the calling thread. Without IPv6 the second is missing.
const TABLES: [(&str, Family); 2] = [
    ("thread-self/net/tcp", Family::Ipv4),
    ("thread-self/net/tcp6", Family::Ipv6),
];
/// `USER_HZ`, in which the kernel tells times to programs on every architecture we know.
const TICK_MS: u32 = 10;
/// `tr` of a request that waits for its ACK, and of a full socket that retransmits.
const TIMER_RETRANSMIT: u8 = 1;
/// `tr` of a minisock, and of nothing else (`get_timewait4_sock`).
const TIMER_MINISOCK: u8 = 3;

/// Lists the sockets in `states` of the namespace the calling thread is in.
///
/// # Errors
/// When `/proc` is not mounted or cannot be read.
pub fn dump_own(
    root: &ProcRoot,
    states: StateSet,
    on_rows: &mut dyn FnMut(&[DumpRow]),
) -> io::Result<()> {
    let mut chunk = Vec::with_capacity(CHUNK_ROWS);
    for (table, family) in TABLES {
        each_row(root, table, family, &mut |row| {
            if states.contains(row.state) {
                chunk.push(row);
            }
            if chunk.len() >= CHUNK_ROWS {
                on_rows(&chunk);
                chunk.clear();
            }
            true
        })?;
    }
    if !chunk.is_empty() {
        on_rows(&chunk);
    }
    Ok(())
}

/// The listeners of the namespace the calling thread is in. The kernel lists them first, so that
/// this does not cost a walk over all connections.
///
/// # Errors
/// As [`dump_own`].
pub fn own_listeners(root: &ProcRoot) -> io::Result<Vec<DumpRow>> {
    let mut rows = Vec::new();
    for (table, family) in TABLES {
        each_row(root, table, family, &mut |row| {
            let listens = row.state == State::Listen;
            rows.extend(listens.then_some(row));
            listens
        })?;
    }
    Ok(rows)
}

/// Hands every row of a table to `on_row`, until that returns `false`.
fn each_row(
    root: &ProcRoot,
    table: &str,
    family: Family,
    on_row: &mut dyn FnMut(DumpRow) -> bool,
) -> io::Result<()> {
    let file = match File::open(root.0.join(table)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && family == Family::Ipv6 => {
            return Ok(());
        }
        other => other?,
    };
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, file);
    let mut line = String::new();
    while reader.read_line(&mut line)? != 0 {
        // The first line is a heading, which is no row.
        if let Some(row) = parse(&line, family)
            && !on_row(row)
        {
            break;
        }
        line.clear();
    }
    Ok(())
}

/// One line as a fact; `None` when it is none.
#[must_use]
pub fn parse(line: &str, family: Family) -> Option<DumpRow> {
    let mut words = line.split_ascii_whitespace();
    words.next()?.strip_suffix(':')?;
    let (local, local_port) = end(&mut words, family)?;
    let (remote, remote_port) = end(&mut words, family)?;
    let state = State::from_kernel(i64::from(hex8(words.next()?)?))?;
    let (send_queue, recv_queue) = words.next()?.split_once(':')?;
    let (timer, when) = words.next()?.split_once(':')?;
    let timer = hex8(timer)?;
    let retransmits = hex32(words.next()?)?;
    let uid = number(words.next()?)?;
    let probes = number(words.next()?)?;
    let inode = number(words.next()?)?;
    let is_listener = state == State::Listen;
    Some(DumpRow {
        cookie: 0,
        state: state.folded(),
        kind: kind(state, timer, inode),
        tuple: Tuple {
            family,
            local_port,
            remote_port,
            local,
            remote,
        },
        inode,
        uid,
        recv_queue: hex32(recv_queue)?,
        // Of a listener the kernel writes nothing here, where sock_diag has the queue's limit.
        send_queue: (!is_listener).then_some(hex32(send_queue)?),
        expires_ms: hex32(when)?.saturating_mul(TICK_MS),
        timer: Timer::from_kernel(timer),
        unanswered: unanswered(Timer::from_kernel(timer), retransmits, probes),
        cgroup: 0,
        drops: None,
        last_ack_ms: None,
    })
}

/// What sock_diag tells in one number by the timer that runs (`inet_sk_diag_fill` of
/// `net/ipv4/inet_diag.c`), `get_tcp4_sock` of `net/ipv4/tcp_ipv4.c` writes in two columns.
fn unanswered(timer: Timer, retransmits: u32, probes: u32) -> u8 {
    let count = match timer {
        Timer::Retransmit => retransmits,
        Timer::Keepalive | Timer::ZeroWindowProbe => probes,
        Timer::None => 0,
    };
    u8::try_from(count).unwrap_or(u8::MAX)
}

/// A fast open child, not accepted yet, looks like a request here: no inode, and retransmitting.
const fn kind(state: State, timer: u8, inode: u32) -> Kind {
    match (state, timer) {
        (State::TimeWait, _) | (State::FinWait2, TIMER_MINISOCK) => Kind::Minisock,
        (State::NewSynRecv, _) => Kind::Request,
        (State::SynRecv, TIMER_RETRANSMIT) if inode == 0 => Kind::Request,
        _ => Kind::Full,
    }
}

/// An address and its port. Addresses are written as numbers in the order of the machine, 32 bits at
/// a time.
fn end(words: &mut SplitAsciiWhitespace<'_>, family: Family) -> Option<([u8; 16], u16)> {
    let (address, port) = words.next()?.split_once(':')?;
    let count = match family {
        Family::Ipv4 => 1,
        Family::Ipv6 => 4,
    };
    if address.len() != count * 8 || !address.is_ascii() || port.len() != 4 {
        return None;
    }
    let mut bytes = [0; 16];
    for (index, out) in bytes.chunks_exact_mut(4).take(count).enumerate() {
        let word = hex32(&address[index * 8..index * 8 + 8])?;
        out.copy_from_slice(&word.to_ne_bytes());
    }
    Some((bytes, u16::try_from(hex32(port)?).ok()?))
}

fn hex8(text: &str) -> Option<u8> {
    u8::try_from(hex32(text)?).ok()
}

/// The kernel writes a number without sign; one too large for us is as good as the largest.
fn hex32(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let number = u64::from_str_radix(text, 16).ok()?;
    Some(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
