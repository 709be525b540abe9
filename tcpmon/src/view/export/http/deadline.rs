//! How long a scraper will wait.

use std::time::Duration;

use axum::http::HeaderMap;

use super::pace::REQUEST;

/// What Prometheus says its time-out is, in seconds, possibly with a fraction.
const HEADER: &str = "x-prometheus-scrape-timeout-seconds";
/// Left for the way: an answer that comes too late is none.
const LEEWAY: Duration = Duration::from_millis(500);

/// Within what time the answer has to be ready. Never longer than a request may take at all; half of a
/// time-out that is very short.
pub(super) fn of(headers: &HeaderMap) -> Duration {
    let most = REQUEST - 2 * LEEWAY;
    let said = headers
        .get(HEADER)
        .and_then(|value| value.to_str().ok()?.trim().parse::<f64>().ok())
        .filter(|seconds| *seconds > 0.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    said.map_or(most, |said| {
        said.saturating_sub(LEEWAY).max(said / 2).min(most)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_ready_before_the_scraper_gives_up() {
        for (value, seconds) in [
            (Some("10"), 9.5),
            (Some("10.000000"), 9.5),
            (Some(" 1.5 "), 1.0),
            (Some("0.2"), 0.1),
            (Some("3600"), 29.0),
            (Some("1e300"), 29.0),
            (Some("0"), 29.0),
            (Some("-5"), 29.0),
            (Some("NaN"), 29.0),
            (Some("soon"), 29.0),
            (None, 29.0),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(HEADER, value.parse().unwrap());
            }
            assert_eq!(of(&headers), Duration::from_secs_f64(seconds), "{value:?}");
        }
    }
}
