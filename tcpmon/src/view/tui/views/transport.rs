//! What the kernel says of a connection, in words: `struct tcp_info`.

use super::super::page::Page;
use super::lasted;
use crate::core::query::{TcpInfo, Transport};
use crate::view::format::{Charset, age, count};

/// The connection, as `ss -tiem` knows it.
pub(super) fn section(page: &mut Page, transport: &Transport, charset: Charset) {
    let read = age(transport.age_seconds, false, charset);
    // A second old is what every answer may be.
    page.heading(&match transport.age_seconds < 2.0 {
        true => "The connection, as the kernel has it now".to_owned(),
        false => format!("The connection, as the kernel had it {read} ago"),
    });
    let timer = transport.timer.as_deref().map(|timer| {
        let left = f64::from(transport.timer_milliseconds.unwrap_or(0)) / 1e3;
        format!("{timer} in {}", age(left, false, charset))
    });
    let mut facts = vec![("timer", timer)];
    if let Some(info) = &transport.info {
        facts.extend(of_info(info, charset));
    }
    facts.push(("control", transport.congestion_control.clone()));
    page.facts(facts);
}

fn of_info(info: &TcpInfo, charset: Charset) -> Vec<(&'static str, Option<String>)> {
    let micros = |us: u32| lasted(f64::from(us) / 1e6, charset);
    let millis = |ms: u32| age(f64::from(ms) / 1e3, false, charset);
    let best = info
        .min_rtt_us
        .map_or_else(String::new, |best| format!(", at best {}", micros(best)));
    let spread = charset.pick("±", "+-");
    let round_trip = format!(
        "{} {spread} {}{best}; time-out {}",
        micros(info.rtt_us),
        micros(info.rtt_variance_us),
        micros(info.rto_us)
    );
    vec![
        ("round trip", (info.rtt_us > 0).then_some(round_trip)),
        ("in flight", Some(in_flight(info))),
        ("resent", Some(resent(info))),
        ("window", Some(window(info))),
        (
            "data",
            Some(format!(
                "sent {} ago, received {} ago",
                millis(info.last_data_sent_ms),
                millis(info.last_data_received_ms)
            )),
        ),
        (
            "last ack",
            Some(format!("{} ago", millis(info.last_ack_received_ms))),
        ),
        ("moved", moved(info)),
        ("not sent", not_sent(info)),
        ("held up", held_up(info)),
        (
            "rate",
            info.delivery_rate
                .filter(|rate| *rate > 0)
                .map(|rate| format!("{} bytes/s lately", count(rate))),
        ),
        ("path MTU", Some(count(info.path_mtu.into()))),
    ]
}

fn in_flight(info: &TcpInfo) -> String {
    let sent = count(info.unacknowledged.into());
    match info.lost {
        0 => format!("{sent} segments"),
        lost => format!("{sent} segments, {} held to be lost", count(lost.into())),
    }
}

/// Retransmissions of its life, and what is unanswered now.
fn resent(info: &TcpInfo) -> String {
    let mut text = format!("{} segments in all", count(info.retransmitted_total.into()));
    for (unanswered, what) in [(info.retransmits, "time-outs"), (info.probes, "probes")] {
        if unanswered > 0 {
            text.push_str(&format!(", {unanswered} {what} unanswered"));
        }
    }
    text
}

fn window(info: &TcpInfo) -> String {
    let segments = count(info.congestion_window.into());
    let mut text = format!("{segments} segments of {}", count(info.send_mss.into()));
    if let Some(threshold) = info.slow_start_threshold {
        text.push_str(&format!(", threshold {}", count(threshold.into())));
    }
    if let Some(peer) = info.send_window {
        text.push_str(&format!("; the peer takes {} bytes", count(peer.into())));
    }
    text
}

fn moved(info: &TcpInfo) -> Option<String> {
    let acknowledged = count(info.bytes_acknowledged?);
    let received = count(info.bytes_received?);
    Some(format!(
        "{acknowledged} bytes acknowledged, {received} received"
    ))
}

fn not_sent(info: &TcpInfo) -> Option<String> {
    let bytes = info.bytes_not_sent?;
    Some(format!("{} bytes", count(bytes.into())))
}

/// Who holds up what is to be sent, in shares of the time with something to send.
fn held_up(info: &TcpInfo) -> Option<String> {
    let busy = info.busy_us.filter(|busy| *busy > 0)? as f64;
    let share = |us: Option<u64>| 100.0 * us.unwrap_or(0) as f64 / busy;
    let peer = share(info.receive_window_limited_us);
    let buffer = share(info.send_buffer_limited_us);
    (peer >= 1.0 || buffer >= 1.0).then(|| {
        format!("{peer:.0}% of its time by the peer's window, {buffer:.0}% by our send buffer")
    })
}
