use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;

use super::*;
use crate::core::series::Budget;
use crate::mailbox::Letter;
use crate::view::api::fixture;
use crate::view::export::page::HTML;

async fn respond(site: Site, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    site.answer(request.body(Body::empty()).unwrap()).await
}

async fn bytes(response: Response) -> Vec<u8> {
    let body = response.into_body().collect().await.unwrap();
    body.to_bytes().to_vec()
}

async fn ask(site: Site, method: &str, path: &str) -> (u16, String, String) {
    let response = respond(site, method, path, &[]).await;
    let status = response.status().as_u16();
    let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap();
    let kind = kind.to_owned();
    let text = String::from_utf8(bytes(response).await).unwrap();
    (status, kind, text)
}

fn site_of(mailbox: Mailbox, telemetry_path: &str, has_page: bool) -> Site {
    let (_, budget) = tokio::sync::watch::channel(Budget::default());
    let exporter = Exporter::new(mailbox.clone(), budget);
    Site::new(mailbox, exporter, telemetry_path.into(), has_page)
}

fn site_at(path: &str) -> Site {
    site_of(fixture::owner(true), path, true)
}

fn site() -> Site {
    site_at("/metrics")
}

#[tokio::test]
async fn metrics_say_what_they_are() {
    let (status, kind, text) = ask(site(), "GET", "/metrics").await;
    assert_eq!((status, kind.as_str()), (200, CONTENT_TYPE));
    assert!(text.contains("\ntcpmon_sockets{state=\"LISTEN\"} 12\n"));
}

#[tokio::test]
async fn metrics_can_be_elsewhere() {
    for path in ["/", "/a/b"] {
        let site = site_at(path);
        let (status, kind, _) = ask(site, "GET", path).await;
        assert_eq!((status, kind.as_str()), (200, CONTENT_TYPE));
    }
}

#[tokio::test]
async fn the_page_and_the_links_in_its_place_lead_on() {
    for has_page in [true, false] {
        let site = site_of(fixture::owner(true), "/numbers", has_page);
        let (status, kind, page) = ask(site, "GET", "/").await;
        assert_eq!((status, kind.as_str()), (200, HTML));
        assert_eq!(page.contains("<svg"), has_page);
        for word in [
            "tcpmon ",
            env!("CARGO_PKG_VERSION"),
            "href=\"/numbers\"",
            "href=\"/-/healthy\"",
            "href=\"/-/ready\"",
        ] {
            assert!(page.contains(word), "{word}");
        }
    }
}

#[tokio::test]
async fn without_the_page_nothing_of_it_is_there() {
    for path in ["/-/page.json", "/-/page.css", "/-/page.js", "/-/icon.svg"] {
        for has_page in [true, false] {
            let site = site_of(fixture::owner(true), "/metrics", has_page);
            let expected = if has_page { 200 } else { 404 };
            assert_eq!(ask(site, "GET", path).await.0, expected, "{path}");
        }
    }
}

#[tokio::test]
async fn metrics_are_compressed_for_those_who_want_it() {
    let plain = ask(site(), "GET", "/metrics").await.2;
    let gzip = [("accept-encoding", "gzip")];
    let response = respond(site(), "GET", "/metrics", &gzip).await;
    assert_eq!(response.headers()[header::CONTENT_ENCODING], "gzip");
    assert_eq!(response.headers()[header::VARY], "Accept-Encoding");
    assert_eq!(response.headers()[header::CONTENT_TYPE], CONTENT_TYPE);
    let bytes = bytes(response).await;
    let text = std::io::read_to_string(flate2::read::GzDecoder::new(bytes.as_slice())).unwrap();
    assert_eq!(text, plain);
    let neither = [("accept-encoding", "*;q=0")];
    let response = respond(site(), "GET", "/metrics", &neither).await;
    assert_eq!(response.status(), StatusCode::NOT_ACCEPTABLE);
}

#[tokio::test(start_paused = true)]
async fn a_scraper_that_is_about_to_give_up_is_told() {
    // An owner that takes the question and never answers.
    let (mailbox, mut letters) = Mailbox::new();
    let owner = tokio::spawn(async move {
        let mut kept: Vec<Letter> = Vec::new();
        while let Some(letter) = letters.recv().await {
            kept.push(letter);
        }
    });
    let began = tokio::time::sleep(Duration::ZERO).deadline();
    let site = site_of(mailbox, "/metrics", true);
    let said = [("x-prometheus-scrape-timeout-seconds", "10")];
    let response = respond(site, "GET", "/metrics", &said).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(began.elapsed(), Duration::from_millis(9500));
    let text = String::from_utf8(bytes(response).await).unwrap();
    assert!(
        text.starts_with("the metrics could not be had within 9.5 s"),
        "{text}"
    );
    owner.abort();
}

#[tokio::test]
async fn health_is_told_apart_from_readiness() {
    let (status, _, text) = ask(site(), "GET", "/-/healthy").await;
    assert_eq!((status, text.as_str()), (200, "tcpmon is healthy\n"));
    assert_eq!(ask(site(), "GET", "/-/ready").await.0, 200);
    let early = site_of(fixture::owner(false), "/metrics", true);
    let (status, _, text) = ask(early, "GET", "/-/ready").await;
    assert_eq!(status, 503);
    assert!(text.contains("first audit"), "{text}");
}

#[tokio::test]
async fn anything_else_is_refused_in_a_sentence() {
    let (status, kind, text) = ask(site(), "GET", "/v1/sockets").await;
    assert_eq!((status, kind.as_str()), (404, PLAIN));
    assert_eq!(text, "there is nothing here; metrics are at /metrics\n");
    for path in ["/metrics", "/", "/-/ready", "/-/page.json", "/-/page.js"] {
        let (status, kind, _) = ask(site(), "POST", path).await;
        assert_eq!((status, kind.as_str()), (405, PLAIN));
    }
}

#[tokio::test]
async fn a_stopping_agent_says_so() {
    let (mailbox, letters) = Mailbox::new();
    drop(letters);
    for path in ["/metrics", "/", "/-/page.json", "/-/ready"] {
        let site = site_of(mailbox.clone(), "/metrics", true);
        let (status, _, text) = ask(site, "GET", path).await;
        assert_eq!((status, text.as_str()), (503, "the agent is stopping\n"));
    }
}
