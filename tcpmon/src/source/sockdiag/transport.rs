//! What the kernel says of one connection: `struct tcp_info` (`include/uapi/linux/tcp.h`) and the
//! name of its congestion control. Total: any bytes give an answer.

use super::bytes::{take, take_u32};
use super::row::{ATTRIBUTE_TYPE, INET_DIAG_INFO, Row, TIMER_MINISOCK, take_attribute};
use crate::core::facts::Timer;
use crate::core::query::{TcpInfo, Transport};

const INET_DIAG_CONG: u16 = 4;
/// Bytes of `struct inet_diag_msg`.
const MESSAGE_SIZE: usize = 72;
/// `TCP_INFINITE_SSTHRESH` of `include/net/tcp.h`.
const NO_THRESHOLD: u32 = 0x7fff_ffff;
/// A name of a congestion control is shorter: `TCP_CA_NAME_MAX` of `include/net/tcp.h`.
const LONGEST_NAME: usize = 16;

/// Decodes the payload of a row message; `None` when it ends inside `struct inet_diag_msg`.
#[must_use]
pub fn decode(payload: &[u8]) -> Option<Transport> {
    let row = Row::decode(payload)?;
    let timer = match row.timer {
        TIMER_MINISOCK => Some("time_wait"),
        number => Timer::from_kernel(number).name(),
    };
    let mut transport = Transport {
        age_seconds: 0.0,
        recv_queue: row.recv_queue,
        send_queue: row.send_queue,
        timer: timer.map(Into::into),
        timer_milliseconds: timer.map(|_| row.expires_ms),
        congestion_control: None,
        info: None,
    };
    let mut rest = payload.get(MESSAGE_SIZE..)?;
    while let Some((kind, value)) = take_attribute(&mut rest) {
        match kind & ATTRIBUTE_TYPE {
            INET_DIAG_INFO => transport.info = info(value),
            INET_DIAG_CONG => transport.congestion_control = name(value),
            _ => {}
        }
    }
    Some(transport)
}

/// A word of printable ASCII, as the kernel's names of these are.
fn name(value: &[u8]) -> Option<String> {
    let end = value.iter().position(|byte| *byte == 0);
    let name = &value[..end.unwrap_or(value.len())];
    let is_name = !name.is_empty() && name.len() <= LONGEST_NAME;
    let is_plain = name.iter().all(u8::is_ascii_graphic);
    (is_name && is_plain).then(|| String::from_utf8_lossy(name).into_owned())
}

/// The structure grows at its end; what an older kernel lacks is unknown. `None` when it has not even
/// what Linux 2.6 had.
fn info(bytes: &[u8]) -> Option<TcpInfo> {
    let at = |offset: usize| take_u32(&mut bytes.get(offset..)?);
    let long = |offset: usize| take(&mut bytes.get(offset..)?).map(u64::from_ne_bytes);
    let [_, _, retransmits, probes, backoff] = take(&mut { bytes })?;
    Some(TcpInfo {
        retransmits,
        probes,
        backoff,
        rto_us: at(8)?,
        send_mss: at(16)?,
        unacknowledged: at(24)?,
        lost: at(32)?,
        last_data_sent_ms: at(44)?,
        last_data_received_ms: at(52)?,
        last_ack_received_ms: at(56)?,
        path_mtu: at(60)?,
        rtt_us: at(68)?,
        rtt_variance_us: at(72)?,
        slow_start_threshold: at(76).filter(|threshold| *threshold < NO_THRESHOLD),
        congestion_window: at(80)?,
        retransmitted_total: at(100)?,
        bytes_acknowledged: long(120),
        bytes_received: long(128),
        bytes_not_sent: at(144),
        // All ones before the first measurement.
        min_rtt_us: at(148).filter(|rtt| *rtt != u32::MAX),
        delivery_rate: long(160),
        busy_us: long(168),
        receive_window_limited_us: long(176),
        send_buffer_limited_us: long(184),
        send_window: at(228),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len() + 4).expect("short");
        let mut out = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        out.extend(value);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    /// Every word holds its own offset.
    fn words(length: usize) -> Vec<u8> {
        let offsets = (0..length).step_by(4);
        offsets
            .flat_map(|offset| u32::try_from(offset).expect("short").to_ne_bytes())
            .collect()
    }

    #[test]
    fn every_word_is_read_from_its_place() {
        let mut payload = vec![0; MESSAGE_SIZE];
        payload[2] = 1;
        payload.extend(attribute(INET_DIAG_CONG, b"cubic\0"));
        payload.extend(attribute(INET_DIAG_INFO, &words(248)));
        let transport = decode(&payload).expect("whole");
        assert_eq!(transport.congestion_control.as_deref(), Some("cubic"));
        assert_eq!(transport.timer.as_deref(), Some("retransmit"));
        let info = transport.info.expect("whole");
        assert_eq!(
            (info.rto_us, info.rtt_us, info.send_window),
            (8, 68, Some(228))
        );
        assert_eq!(info.bytes_received, Some(132 << 32 | 128));
        assert_eq!(
            (info.retransmitted_total, info.min_rtt_us),
            (100, Some(148))
        );
    }

    #[test]
    fn an_older_kernel_tells_less() {
        let read = |length| info(&words(length));
        assert_eq!(read(100), None, "shorter than it ever was");
        let old = read(104).expect("the first fields");
        assert_eq!((old.bytes_acknowledged, old.send_window), (None, None));
        assert_eq!(old.retransmitted_total, 100);
    }

    #[test]
    fn a_name_is_a_word() {
        assert_eq!(name(b"bbr\0\0"), Some("bbr".to_owned()));
        for odd in [&b""[..], b"\0", b"a\x1b[2Jb", &[b'x'; 40]] {
            assert_eq!(name(odd), None, "{odd:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert_eq!(decode(&bytes).is_some(), bytes.len() >= MESSAGE_SIZE);
        }
    }
}
