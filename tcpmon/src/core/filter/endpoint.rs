//! Reads `ADDRESS[/LENGTH][:PORT]`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::ast::{Endpoint, Network};
use super::error::{FilterError, quote};
use super::value::{Value, is_number};

/// Reads what `src` and `dst` compare with, as `ss` writes it: `10.0.0.1`, `10.0.0.0/8`, `10/8`,
/// `10.0.0.1:443`, `2001:db8::/32`, `[2001:db8::1]:443`, `:443`; `*` for any address or any port.
///
/// Without brackets an IPv6 address takes all of the text: `::1:80` is one address.
///
/// # Errors
/// It is none of these, or any address with any port.
pub(super) fn endpoint(value: &Value) -> Result<Endpoint, FilterError> {
    let text = value.text.as_str();
    let address_end = address_end(text);
    let address = &text[..address_end];
    let network = match address {
        "" | "*" => None,
        _ => Some(network(value, address)?),
    };
    let port = match &text[address_end..] {
        "" | ":*" => None,
        tail if tail.starts_with(':') => Some(value.port_at(address_end + 1)?),
        _ => return Err(not_an_address(value)),
    };
    match (network, port) {
        (Some(network), Some(port)) => Ok(Endpoint::Both(network, port)),
        (Some(network), None) => Ok(Endpoint::Network(network)),
        (None, Some(port)) => Ok(Endpoint::Port(port)),
        (None, None) => Err(value
            .error(0, "expected an address or a port")
            .hint("like 10.0.0.0/8, [::1]:443 or :443")),
    }
}

/// Where the address with its prefix length ends: at the port or at the end of the text.
fn address_end(text: &str) -> usize {
    let (closed, length) = match (text.find(']'), text.find('/')) {
        (Some(close), _) => (close + 1, text[close..].find('/').map(|at| close + at)),
        (None, slash) => (0, slash),
    };
    let whole_is_address = closed == 0 && text.parse::<Ipv6Addr>().is_ok();
    if whole_is_address {
        return text.len();
    }
    // After a prefix length or a bracket the next colon begins the port.
    let colon = match (length, closed) {
        (Some(slash), _) => text[slash..].find(':').map(|at| slash + at),
        (None, 0) => text.rfind(':'),
        (None, close) => text[close..].find(':').map(|at| close + at),
    };
    colon.unwrap_or(text.len())
}

/// Reads `ADDRESS[/LENGTH]`, the address or both in brackets.
fn network(value: &Value, text: &str) -> Result<Network, FilterError> {
    let (text, bracketed) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((inside, ""))) => (inside.to_owned(), true),
        Some(Some((inside, after))) if after.starts_with('/') && !inside.contains('/') => {
            (format!("{inside}{after}"), true)
        }
        Some(_) => return Err(not_an_address(value)),
        None => (text.to_owned(), false),
    };
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text.as_str(), None),
    };
    let address = match parse_address(address, length.is_some()) {
        Some(IpAddr::V4(_)) | None if bracketed => return Err(not_an_address(value)),
        Some(address) => address,
        None => return Err(not_an_address(value)),
    };
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let parsed = match length {
        None => Some(longest),
        Some(digits) => is_number(digits).then(|| digits.parse().ok()).flatten(),
    };
    parsed
        .and_then(|length| Network::new(address, length))
        .ok_or_else(|| {
            let shown = quote(length.unwrap_or_default());
            let message = format!("{shown} is not a prefix length");
            let offset = value.text.find('/').map_or(0, |at| at + 1);
            value.error(offset, message).hint(format!("0 to {longest}"))
        })
}

/// An address; with `short`, IPv4 may leave out trailing zeros: `10` is `10.0.0.0`.
fn parse_address(text: &str, short: bool) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if !short {
        return None;
    }
    let given = text.split('.').count();
    let padded = format!("{text}{}", ".0".repeat(4_usize.checked_sub(given)?));
    padded.parse().ok().map(|v4: Ipv4Addr| v4.into())
}

fn not_an_address(value: &Value) -> FilterError {
    let text = &value.text;
    let hint = if text.contains('%') {
        "addresses have no zone here"
    } else if is_number(text) {
        "a port is written with a colon: :443"
    } else if text.matches(':').count() > 1 {
        "an IPv6 address with a port needs brackets: [::1]:443"
    } else {
        "like 10.0.0.0/8, [::1]:443 or :443; host names are not looked up"
    };
    value
        .error(0, format!("{} is not an address", quote(text)))
        .hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        Value {
            at: 0,
            quoted: false,
            text: text.into(),
        }
    }

    fn net(address: &str, length: u8) -> Network {
        Network::new(address.parse().expect("an address"), length).expect("a network")
    }

    #[test]
    fn good() {
        for (text, expected) in [
            (":443", Endpoint::Port(443)),
            ("*:443", Endpoint::Port(443)),
            ("10.0.0.1", Endpoint::Network(net("10.0.0.1", 32))),
            ("10.0.0.1:*", Endpoint::Network(net("10.0.0.1", 32))),
            ("10.0.0.1:443", Endpoint::Both(net("10.0.0.1", 32), 443)),
            ("10.1.2.3/8", Endpoint::Network(net("10.0.0.0", 8))),
            ("10/8", Endpoint::Network(net("10.0.0.0", 8))),
            (
                "193.233.7/24:80",
                Endpoint::Both(net("193.233.7.0", 24), 80),
            ),
            ("0.0.0.0/0", Endpoint::Network(net("0.0.0.0", 0))),
            ("::", Endpoint::Network(net("::", 128))),
            ("::1", Endpoint::Network(net("::1", 128))),
            ("::1:80", Endpoint::Network(net("::1:80", 128))),
            ("[::1]", Endpoint::Network(net("::1", 128))),
            ("[::1]:443", Endpoint::Both(net("::1", 128), 443)),
            ("2001:db8::/32", Endpoint::Network(net("2001:db8::", 32))),
            (
                "2001:db8::/32:443",
                Endpoint::Both(net("2001:db8::", 32), 443),
            ),
            (
                "[2001:db8::/32]:443",
                Endpoint::Both(net("2001:db8::", 32), 443),
            ),
            (
                "[2001:db8::]/32:443",
                Endpoint::Both(net("2001:db8::", 32), 443),
            ),
            ("[2001:db8::]/32", Endpoint::Network(net("2001:db8::", 32))),
            ("::ffff:10.0.0.1", Endpoint::Network(net("10.0.0.1", 32))),
            (
                "[::ffff:10.0.0.1]:80",
                Endpoint::Both(net("10.0.0.1", 32), 80),
            ),
            ("::ffff:10.0.0.0/104", Endpoint::Network(net("10.0.0.0", 8))),
        ] {
            assert_eq!(endpoint(&value(text)), Ok(expected), "{text}");
        }
    }

    #[test]
    fn bad() {
        for (text, position) in [
            ("", 0),
            ("*", 0),
            ("*:*", 0),
            (":*", 0),
            (":", 1),
            ("10", 0),
            ("10.0.0", 0),
            ("10.0.0.1.2/8", 0),
            ("10.0.0.256", 0),
            ("10.0.0.01", 0),
            ("10.0.0.1/33", 9),
            ("10.0.0.1/", 9),
            ("10.0.0.1/+8", 9),
            ("10.0.0.1/8/8", 9),
            ("10.0.0.1:", 9),
            ("10.0.0.1:https", 9),
            ("10.0.0.1:70000", 9),
            ("::1/129", 4),
            ("[::1]/129", 6),
            ("[::1/8]/8", 0),
            ("[::1", 0),
            ("::1]", 0),
            ("[::1]443", 0),
            ("[::1]:", 6),
            ("[10.0.0.1]:80", 0),
            ("[]:80", 0),
            ("fe80::1%eth0", 0),
            ("example.org", 0),
            ("example.org:443", 0),
            ("/8", 0),
            ("*/8", 0),
        ] {
            let error = endpoint(&value(text)).expect_err(text);
            assert_eq!(error.position, position, "{text}: {error}");
        }
    }

    #[test]
    fn the_hint_fits_the_mistake() {
        for (text, hint) in [
            ("fe80::1%eth0", "no zone"),
            ("::1::80", "needs brackets"),
            ("443", "with a colon"),
            ("example.org", "not looked up"),
        ] {
            let error = endpoint(&value(text)).expect_err(text).to_string();
            assert!(error.contains(hint), "{error}");
        }
    }
}
