//! Answers requests.

use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::serve::Listener;
use axum::{Json, Router};

use super::body;
use super::routes::{BadQuestion, Question, Refusal};
use crate::mailbox::{Mailbox, Stopped};

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";
const RECORDING: &str = "application/vnd.tcpmon.recording";

/// Answers on `listener` from the owner behind `mailbox`, until it is dropped.
pub async fn serve<L>(listener: L, mailbox: Mailbox)
where
    L: Listener<Addr: std::fmt::Debug>,
{
    // It never ends, and so never with an error.
    let _ = axum::serve(listener, router(mailbox)).await;
}

/// Answers requests on the unix socket from the owner behind `mailbox`.
fn router(mailbox: Mailbox) -> Router {
    // One handler instead of routes: `Question` alone knows which path asks what.
    Router::new().fallback(answer).with_state(mailbox)
}

async fn answer(State(mailbox): State<Mailbox>, method: Method, uri: Uri) -> Response {
    let question = match Question::parse(uri.path(), uri.query()) {
        // Only what exists has methods.
        Err(BadQuestion::NoSuchPath) => {
            return refuse(StatusCode::NOT_FOUND, &(&BadQuestion::NoSuchPath).into());
        }
        _ if method != Method::GET => {
            let refusal = Refusal::new("only GET is understood here: nothing can be changed");
            let response = refuse(StatusCode::METHOD_NOT_ALLOWED, &refusal);
            return ([(header::ALLOW, "GET")], response).into_response();
        }
        Err(bad) => return refuse(StatusCode::BAD_REQUEST, &Refusal::from(&bad)),
        Ok(question) => question,
    };
    let response = ask(&mailbox, question).await;
    response
        .unwrap_or_else(|stopped| refuse(StatusCode::SERVICE_UNAVAILABLE, &Refusal::new(stopped)))
}

async fn ask(mailbox: &Mailbox, question: Question) -> Result<Response, Stopped> {
    Ok(match question {
        Question::Summary => Json(mailbox.summary().await?).into_response(),
        Question::Endings => Json(mailbox.endings().await?).into_response(),
        Question::Namespaces => Json(mailbox.namespaces().await?).into_response(),
        Question::Verdicts => Json(mailbox.verdicts().await?).into_response(),
        Question::Processes(limit) => Json(mailbox.processes(limit).await?).into_response(),
        Question::Listeners(limit) => Json(mailbox.listeners(limit).await?).into_response(),
        Question::Destinations(limit) => Json(mailbox.destinations(limit).await?).into_response(),
        Question::Process(pid) => Json(mailbox.process(pid).await?).into_response(),
        Question::Sockets(question) => {
            let sockets = mailbox.sockets(question).await?;
            streamed(JSON, Body::from_stream(body::sockets(sockets)))
        }
        Question::Picture(wants) => Json(mailbox.picture(*wants).await?).into_response(),
        Question::Socket(question) => Json(mailbox.socket(question).await?).into_response(),
        Question::Record(filter) => {
            let recording = mailbox.record(filter).await?;
            streamed(RECORDING, Body::from_stream(body::recording(recording)))
        }
        Question::Events(filter, most) => {
            let rows = mailbox.watch(filter, most).await?;
            streamed(NDJSON, Body::from_stream(body::events(rows)))
        }
    })
}

fn streamed(kind: &'static str, body: Body) -> Response {
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}

fn refuse(status: StatusCode, refusal: &Refusal) -> Response {
    (status, Json(refusal)).into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;
    use crate::core::query::{
        Destinations, Endings, EventRow, Listeners, Namespaces, Picture, ProcessAnswer, Processes,
        SocketAnswer, Sockets, Summary,
    };
    use crate::core::recording::{FRAME_HEAD, FrameHead, Header, preamble};
    use crate::mailbox::Letter;
    use crate::view::api::fixture::owner;
    use crate::view::fixture;

    async fn respond(mailbox: Mailbox, method: &str, target: &str) -> Response {
        let request = Request::builder().method(method).uri(target);
        let request = request.body(Body::empty()).unwrap();
        router(mailbox).oneshot(request).await.unwrap()
    }

    async fn text(response: Response) -> String {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    async fn refusal(method: &str, target: &str) -> (u16, Refusal) {
        let response = respond(owner(true), method, target).await;
        let status = response.status().as_u16();
        let kind = &response.headers()[header::CONTENT_TYPE];
        assert_eq!(kind, JSON);
        (status, serde_json::from_str(&text(response).await).unwrap())
    }

    #[tokio::test]
    async fn summary() {
        let response = respond(owner(true), "GET", "/v1/summary").await;
        assert_eq!(response.status(), StatusCode::OK);
        let summary: Summary = serde_json::from_str(&text(response).await).unwrap();
        assert_eq!(summary, fixture::summary());
    }

    #[tokio::test]
    async fn endings_and_namespaces() {
        let response = respond(owner(true), "GET", "/v1/endings").await;
        let endings: Endings = serde_json::from_str(&text(response).await).unwrap();
        assert_eq!(endings, fixture::endings());
        let response = respond(owner(true), "GET", "/v1/namespaces").await;
        let namespaces: Namespaces = serde_json::from_str(&text(response).await).unwrap();
        assert_eq!(namespaces, fixture::namespaces());
    }

    #[tokio::test]
    async fn processes() {
        let response = respond(owner(true), "GET", "/v1/processes").await;
        let processes: Processes = serde_json::from_str(&text(response).await).unwrap();
        assert_eq!(processes, fixture::processes());
        let response = respond(owner(true), "GET", "/v1/process?pid=1234").await;
        let answer: ProcessAnswer = serde_json::from_str(&text(response).await).unwrap();
        assert_eq!(answer.process.map(|process| process.pid), Some(1234));
    }

    #[tokio::test]
    async fn listeners_and_destinations() {
        let response = respond(owner(true), "GET", "/v1/listeners").await;
        let listeners: Listeners = serde_json::from_str(&text(response).await).unwrap();
        assert_eq!(listeners, fixture::listeners());
        let response = respond(owner(true), "GET", "/v1/destinations?limit=9").await;
        let destinations: Destinations = serde_json::from_str(&text(response).await).unwrap();
        assert_eq!(destinations, fixture::destinations());
    }

    #[tokio::test]
    async fn a_picture_has_what_was_asked_for() {
        let target = "/v1/picture?processes=5&sockets=7&listeners=2&cookie=9";
        let response = respond(owner(true), "GET", target).await;
        let picture: Picture = serde_json::from_str(&text(response).await).unwrap();
        let sockets = picture.sockets.expect("asked for");
        assert_eq!(sockets.sockets.len(), 7);
        assert_eq!(picture.socket, Some(fixture::socket_answer()));
        assert!(picture.listeners.is_some() && picture.destinations.is_none());
        let response = respond(owner(true), "GET", "/v1/socket?cookie=9").await;
        let socket: SocketAnswer = serde_json::from_str(&text(response).await).unwrap();
        assert_eq!(socket, fixture::socket_answer());
    }

    #[tokio::test]
    async fn sockets() {
        let response = respond(owner(true), "GET", "/v1/sockets?limit=5").await;
        assert_eq!(response.headers()[header::CONTENT_TYPE], JSON);
        let sockets: Sockets = serde_json::from_str(&text(response).await).unwrap();
        assert_eq!(sockets, fixture::sockets(fixture::rows(5)));
    }

    #[tokio::test]
    async fn the_question_reaches_the_owner() {
        let (mailbox, mut letters) = Mailbox::new();
        let target = "/v1/sockets?filter=pid+1&sort=newest&limit=7";
        let asking = tokio::spawn(respond(mailbox, "GET", target));
        let Some(Letter::Sockets(question, answer)) = letters.recv().await else {
            panic!("another letter");
        };
        assert_eq!(question.filter.to_string(), "pid = 1");
        assert_eq!(question.sort, crate::core::query::Sort::Newest);
        assert_eq!(question.limit, Some(7));
        answer.send(fixture::sockets(Vec::new())).unwrap();
        assert_eq!(asking.await.unwrap().status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn events_come_one_per_line_as_they_happen() {
        let response = respond(owner(true), "GET", "/v1/events").await;
        assert_eq!(response.headers()[header::CONTENT_TYPE], NDJSON);
        let mut body = response.into_body();
        let frame = body.frame().await.unwrap().unwrap();
        let line = String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap();
        assert!(
            line.starts_with("{\"schema\":1,") && line.ends_with("}\n"),
            "{line}"
        );
        let event: EventRow = serde_json::from_str(&line).unwrap();
        assert_eq!(event, fixture::event());
    }

    #[tokio::test]
    async fn a_recording_begins_as_a_file_does() {
        let response = respond(owner(true), "GET", "/v1/record").await;
        assert_eq!(response.headers()[header::CONTENT_TYPE], RECORDING);
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let frames = bytes.strip_prefix(&preamble()).unwrap();
        let (head, rest) = frames.split_first_chunk::<FRAME_HEAD>().unwrap();
        let head = FrameHead::parse(head).unwrap();
        let first = head.unpack(&rest[..head.length]).unwrap();
        let header = Header::parse(&first.payload);
        assert_eq!(header, Some(fixture::recording_header()));
        let (head, rest) = rest[head.length..].split_first_chunk().unwrap();
        let items = FrameHead::parse(head).unwrap().unpack(rest).unwrap();
        assert_eq!(items.payload, fixture::batch().payload);
    }

    #[tokio::test]
    async fn the_owner_learns_that_a_watcher_left() {
        let (mailbox, mut letters) = Mailbox::new();
        let response = respond(mailbox, "GET", "/v1/events?filter=pid+1&most=50").await;
        let Some(Letter::Watch(filter, most, rows)) = letters.recv().await else {
            panic!("another letter");
        };
        assert_eq!((filter.to_string().as_str(), most), ("pid = 1", Some(50)));
        drop(response);
        rows.closed().await;
    }

    #[tokio::test]
    async fn events_end_with_the_agent() {
        let (mailbox, mut letters) = Mailbox::new();
        let response = respond(mailbox, "GET", "/v1/events").await;
        drop(letters.recv().await);
        assert_eq!(text(response).await, "");
    }

    #[tokio::test]
    async fn refusals_are_json() {
        let (status, refused) = refusal("GET", "/v1/sockets?filter=stat+x").await;
        assert_eq!((status, refused.position), (400, Some(0)));
        let (status, refused) = refusal("GET", "/v1/sockets?limit=x").await;
        assert_eq!((status, refused.position), (400, None));
        let (status, refused) = refusal("POST", "/metrics").await;
        assert_eq!((status, refused.schema), (404, 1));
        for method in ["POST", "DELETE", "HEAD", "OPTIONS"] {
            let response = respond(owner(true), method, "/v1/events?x").await;
            assert_eq!(response.status(), 405);
            assert_eq!(response.headers()[header::ALLOW], "GET");
        }
    }

    #[tokio::test]
    async fn a_stopping_agent_says_so() {
        for target in ["/v1/summary", "/v1/sockets", "/v1/events"] {
            let (mailbox, letters) = Mailbox::new();
            drop(letters);
            let response = respond(mailbox, "GET", target).await;
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            let refusal: Refusal = serde_json::from_str(&text(response).await).unwrap();
            assert_eq!(refusal, Refusal::new("the agent is stopping"));
        }
    }
}
