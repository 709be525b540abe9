use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::*;
use crate::core::series::Budget;
use crate::view::api::fixture;

async fn ask(router: Router, method: &str, path: &str) -> (u16, String, String) {
    let request = Request::builder().method(method).uri(path);
    let request = request.body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap();
    let kind = kind.to_owned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, kind, String::from_utf8(body.to_vec()).unwrap())
}

fn site() -> Router {
    router_of(fixture::owner(true), "/metrics")
}

fn router_of(mailbox: Mailbox, telemetry_path: &str) -> Router {
    let (_, budget) = tokio::sync::watch::channel(Budget::default());
    let exporter = Exporter::new(mailbox.clone(), budget);
    router(mailbox, exporter, telemetry_path.into())
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
        let site = router_of(fixture::owner(true), path);
        let (status, kind, _) = ask(site, "GET", path).await;
        assert_eq!((status, kind.as_str()), (200, CONTENT_TYPE));
    }
}

#[tokio::test]
async fn the_landing_page_leads_on() {
    let (status, kind, page) = ask(site(), "GET", "/").await;
    assert_eq!((status, kind.as_str()), (200, HTML));
    for word in ["tcpmon ", env!("CARGO_PKG_VERSION"), "href=\"/metrics\""] {
        assert!(page.contains(word), "{word}");
    }
}

#[tokio::test]
async fn health_is_told_apart_from_readiness() {
    let (status, _, text) = ask(site(), "GET", "/-/healthy").await;
    assert_eq!((status, text.as_str()), (200, "tcpmon is healthy\n"));
    assert_eq!(ask(site(), "GET", "/-/ready").await.0, 200);
    let early = router_of(fixture::owner(false), "/metrics");
    let (status, _, text) = ask(early, "GET", "/-/ready").await;
    assert_eq!(status, 503);
    assert!(text.contains("first audit"), "{text}");
}

#[tokio::test]
async fn anything_else_is_refused_in_a_sentence() {
    let (status, kind, text) = ask(site(), "GET", "/v1/sockets").await;
    assert_eq!((status, kind.as_str()), (404, PLAIN));
    assert_eq!(text, "there is nothing here; metrics are at /metrics\n");
    for path in ["/metrics", "/", "/-/ready"] {
        let (status, kind, _) = ask(site(), "POST", path).await;
        assert_eq!((status, kind.as_str()), (405, PLAIN));
    }
}

#[tokio::test]
async fn a_stopping_agent_says_so() {
    let (mailbox, letters) = Mailbox::new();
    drop(letters);
    for path in ["/metrics", "/-/ready"] {
        let site = router_of(mailbox.clone(), "/metrics");
        let (status, _, text) = ask(site, "GET", path).await;
        assert_eq!((status, text.as_str()), (503, "the agent is stopping\n"));
    }
}
