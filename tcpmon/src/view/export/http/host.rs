//! Which names an address on loopback answers to.
//!
//! A page of the Internet whose name resolves to 127.0.0.1 is let into a browser's loopback as its own
//! (DNS rebinding). Its name is then in `Host`; an IP address or `localhost` never is.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::{HeaderMap, Uri, Version, header};

/// The sentence for a request that is not let in; `None` lets it in.
///
/// `local`: where it arrived. `names`: what is configured.
pub(super) fn refusal(
    local: SocketAddr,
    version: Version,
    uri: &Uri,
    headers: &HeaderMap,
    names: &[String],
) -> Option<String> {
    if !local.ip().to_canonical().is_loopback() {
        return None;
    }
    // HTTP/2 and proxies say it in the target of the request.
    let host = match uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok()),
    };
    let Some(host) = host else {
        // Scripts may still speak HTTP/1.0; browsers never do.
        let may_lack = version < Version::HTTP_11;
        return (!may_lack).then(|| "the request does not say for which host it is\n".into());
    };
    (!is_ours(host, names)).then(|| {
        "this address answers to IP addresses and localhost alone: ask for one of these, or name \
         the host in --web.host-names\n"
            .into()
    })
}

/// Whether `host`, with a port or without, is an IP address, `localhost` or one of `names`.
fn is_ours(host: &str, names: &[String]) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        return rest
            .split_once(']')
            .is_some_and(|(address, _)| address.parse::<Ipv6Addr>().is_ok());
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let name = name.strip_suffix('.').unwrap_or(name);
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    name.parse::<IpAddr>().is_ok() || is("localhost") || names.iter().any(|known| is(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: &str = "127.0.0.1:9934";

    fn asked(local: &str, version: Version, uri: &str, host: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        if let Some(host) = host {
            headers.insert(header::HOST, host.parse().unwrap());
        }
        let names = ["metrics.internal".to_owned()];
        let (local, uri) = (local.parse().unwrap(), uri.parse().unwrap());
        refusal(local, version, &uri, &headers, &names).is_none()
    }

    #[test]
    fn loopback_answers_to_names_that_nobody_else_can_have() {
        for (host, expected) in [
            ("127.0.0.1:9934", true),
            ("127.0.0.1", true),
            ("[::1]:9934", true),
            ("[::1]", true),
            ("192.0.2.1:80", true),
            ("localhost:9934", true),
            ("LocalHost", true),
            ("localhost.:9934", true),
            ("metrics.internal:9934", true),
            ("METRICS.internal", true),
            ("evil.example", false),
            ("evil.example:9934", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("[evil.example]", false),
            ("[::1", false),
            ("", false),
            (":9934", false),
        ] {
            for local in [LOOPBACK, "[::1]:9934", "[::ffff:127.0.0.1]:9934"] {
                assert_eq!(
                    asked(local, Version::HTTP_11, "/", Some(host)),
                    expected,
                    "{host}"
                );
            }
        }
    }

    #[test]
    fn other_addresses_answer_to_any_name() {
        for local in ["192.0.2.7:9934", "[2001:db8::1]:9934"] {
            assert!(asked(local, Version::HTTP_11, "/", Some("web-1.example")));
            assert!(asked(local, Version::HTTP_11, "/", None));
        }
    }

    #[test]
    fn the_target_of_a_request_counts_more() {
        let evil = "http://evil.example/metrics";
        assert!(!asked(LOOPBACK, Version::HTTP_2, evil, None));
        assert!(!asked(LOOPBACK, Version::HTTP_11, evil, Some("localhost")));
        let ours = "http://127.0.0.1/metrics";
        assert!(asked(LOOPBACK, Version::HTTP_2, ours, None));
    }

    #[test]
    fn only_old_requests_may_lack_a_host() {
        assert!(asked(LOOPBACK, Version::HTTP_10, "/", None));
        assert!(!asked(LOOPBACK, Version::HTTP_11, "/", None));
    }
}
