use futures_util::StreamExt as _;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;

use super::*;
use crate::core::query::EventRow;
use crate::mailbox::{Letter, Mailbox};
use crate::view::api::fixture::owner;
use crate::view::api::listen::ApiListener;
use crate::view::api::server::serve;
use crate::view::fixture;

/// A client of an agent whose owner is behind `mailbox`.
async fn agent(mailbox: Mailbox) -> (TempDir, UnixClient) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("s");
    let listener = ApiListener::bind(&path).await.unwrap();
    tokio::spawn(serve(listener, mailbox));
    (directory, UnixClient::new(path))
}

/// A client of somebody who answers every request with `answer` and leaves.
fn impostor(answer: impl Into<Vec<u8>>) -> (TempDir, UnixClient) {
    let answer = answer.into();
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            drop(stream.read(&mut [0; 4096]).await);
            drop(stream.write_all(&answer).await);
        }
    });
    (directory, UnixClient::new(path))
}

fn response(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn chunked(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n")
}

async fn sentence(client: &UnixClient) -> String {
    client.summary().await.unwrap_err().to_string()
}

#[tokio::test]
async fn answers_arrive_as_they_were_given() {
    let (_directory, client) = agent(owner(true)).await;
    assert_eq!(client.summary().await.unwrap(), fixture::summary());
    let question = SocketsQuestion {
        filter: "state close-wait and proc = \"é & =+%\"".parse().unwrap(),
        limit: Some(1000),
        ..SocketsQuestion::default()
    };
    let sockets = client.sockets(&question).await.unwrap().sockets;
    let given = fixture::rows(1000);
    assert_eq!((&sockets[..5], sockets.len()), (&given[..5], given.len()));
}

#[tokio::test]
async fn every_document_arrives() {
    let (_directory, client) = agent(owner(true)).await;
    assert_eq!(client.listeners(5).await.unwrap(), fixture::listeners());
    let destinations = client.destinations(5).await.unwrap();
    assert_eq!(destinations, fixture::destinations());
    let processes = client.processes(Some(5)).await.unwrap();
    assert_eq!(processes, fixture::processes());
    assert_eq!(client.namespaces().await.unwrap(), fixture::namespaces());
}

#[tokio::test]
async fn the_question_reaches_the_owner() {
    let (mailbox, mut letters) = Mailbox::new();
    let (_directory, client) = agent(mailbox).await;
    let asked = SocketsQuestion {
        filter: "unit ~ \"é & =+%#\"".parse().unwrap(),
        sort: crate::core::query::Sort::Newest,
        limit: Some(3),
    };
    let question = asked.clone();
    let asking = tokio::spawn(async move { client.sockets(&question).await });
    let Some(Letter::Sockets(question, answer)) = letters.recv().await else {
        panic!("another letter");
    };
    assert_eq!(question.filter, asked.filter);
    assert_eq!((question.sort, question.limit), (asked.sort, asked.limit));
    answer.send(fixture::sockets(Vec::new())).unwrap();
    assert!(asking.await.unwrap().unwrap().sockets.is_empty());
}

#[tokio::test]
async fn events_arrive_until_the_agent_stops() {
    let (mailbox, mut letters) = Mailbox::new();
    let (_directory, client) = agent(mailbox).await;
    let filter: Filter = "pid = 1".parse().unwrap();
    // The stream begins before the first event.
    let mut events = client.watch(&filter, None).await.unwrap();
    let Some(Letter::Watch(asked, None, rows)) = letters.recv().await else {
        panic!("another letter");
    };
    assert_eq!(asked, filter);
    for pid in 0..1000 {
        let mut event = fixture::event();
        event.socket.pid = Some(pid);
        rows.send(event.clone()).await.unwrap();
        assert_eq!(events.next().await.unwrap().unwrap(), event);
    }
    drop(rows);
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn the_owner_learns_that_the_client_left() {
    let (mailbox, mut letters) = Mailbox::new();
    let (_directory, client) = agent(mailbox).await;
    let events = client.watch(&Filter::default(), None).await.unwrap();
    let Some(Letter::Watch(_, _, rows)) = letters.recv().await else {
        panic!("another letter");
    };
    drop(events);
    rows.closed().await;
}

#[tokio::test]
async fn a_refusal_is_the_agents_own_sentence() {
    let (mailbox, letters) = Mailbox::new();
    drop(letters);
    let (_directory, client) = agent(mailbox).await;
    let error = client.summary().await.unwrap_err();
    assert_eq!(error.to_string(), "the agent is stopping");
    assert!(matches!(error, ClientError::Refused { status: 503, .. }));
    let body = r#"{"schema":1,"error":"filter: no","position":4,"more":true}"#;
    let (_directory, client) = impostor(response("400 Bad Request", body));
    let Err(ClientError::Refused {
        status,
        message,
        position,
    }) = client.watch(&Filter::default(), None).await
    else {
        panic!("not refused");
    };
    assert_eq!((status, position), (400, Some(4)));
    assert_eq!(message, "filter: no");
}

#[tokio::test]
async fn nobody_there_is_no_agent() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("s");
    let client = UnixClient::new(&path);
    let nothing = client.summary().await.unwrap_err();
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let dead = client.summary().await.unwrap_err();
    for error in [nothing, dead] {
        assert!(matches!(error, ClientError::NoAgent { .. }), "{error:?}");
        let expected = format!("no agent answers at {}: start one", path.display());
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}

#[tokio::test]
async fn fields_of_a_later_release_are_left_alone() {
    let mut document = serde_json::to_value(fixture::summary()).unwrap();
    document["later"] = serde_json::json!({"a": [1]});
    document["health"]["later"] = true.into();
    let (_directory, client) = impostor(response("200 OK", &document.to_string()));
    assert_eq!(client.summary().await.unwrap(), fixture::summary());
}

#[tokio::test]
async fn another_schema_is_said_whether_it_fits_or_not() {
    let mut fits = serde_json::to_value(fixture::summary()).unwrap();
    fits["schema"] = 2.into();
    for body in [fits.to_string(), r#"{"schema":2}"#.to_owned()] {
        let (_directory, client) = impostor(response("200 OK", &body));
        let sentence = sentence(&client).await;
        assert!(sentence.contains("speaks version 2"), "{sentence}");
    }
}

#[tokio::test]
async fn whoever_is_no_agent_is_told_apart() {
    for (answer, expected) in [
        (String::new(), "broke off its answer"),
        ("SSH-2.0-OpenSSH\r\n\r\n".to_owned(), "does not speak as"),
        ("\0\u{7f}".repeat(5000), "does not speak as"),
        (response("200 OK", "<html>"), "does not speak as"),
        (response("200 OK", "{\"schema\":1}"), "does not speak as"),
        (
            response("404 Not Found", "\x1b[2J"),
            "answered 404 Not Found",
        ),
        (response("302 Found", ""), "answered 302 Found"),
        (
            response("200 OK", "{}").replace(": 2", ": 99"),
            "broke off its answer",
        ),
        (chunked("{\"schema\":1,"), "broke off its answer"),
        (
            response("200 OK", "").replace(": 0", ": 2000000000"),
            "broke off its answer",
        ),
    ] {
        let (_directory, client) = impostor(answer.clone());
        let sentence = sentence(&client).await;
        assert!(sentence.contains(expected), "{answer:.40}: {sentence}");
    }
}

#[tokio::test]
async fn a_refusal_without_end_is_cut() {
    let body = "x".repeat(1 << 17);
    let (_directory, client) = impostor(response("500 Oops", &body));
    let sentence = sentence(&client).await;
    assert!(
        sentence.ends_with("larger than 65536 bytes: ask for less"),
        "{sentence}"
    );
}

fn line(event: &EventRow) -> String {
    let mut line = serde_json::to_value(event).unwrap();
    line["schema"] = 1.into();
    format!("{line}\n")
}

#[tokio::test]
async fn a_broken_stream_gives_what_was_whole_and_then_the_error() {
    let event = fixture::event();
    let (one, cut) = (line(&event), &line(&event)[..40]);
    for (body, expected) in [
        (format!("{one}{one}{cut}"), "broke off its answer"),
        (format!("{one}{one}garbage\n"), "does not speak as"),
        (
            format!("{one}{one}{}", " ".repeat(2 << 20)),
            "more than 1048576 bytes",
        ),
    ] {
        let (_directory, client) = impostor(response("200 OK", &body));
        let events = client.watch(&Filter::default(), None).await.unwrap();
        let items: Vec<_> = events.collect().await;
        let [Ok(first), Ok(second), Err(error)] = &items[..] else {
            panic!("{items:?}");
        };
        assert_eq!((first, second), (&event, &event));
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_says_nothing_is_not_waited_for() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("s");
    let _listener = UnixListener::bind(&path).unwrap();
    let client = UnixClient::new(&path);
    let expected = format!("the agent at {} did not answer within 10 s", path.display());
    assert_eq!(sentence(&client).await, expected);
    let Err(error) = client.watch(&Filter::default(), None).await else {
        panic!("an answer");
    };
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_full_queue_is_no_agent_that_answers() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("s");
    let socket = tokio::net::UnixSocket::new_stream().unwrap();
    socket.bind(&path).unwrap();
    let _listener = socket.listen(1).unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = tokio::net::UnixStream::connect(&path).await {
        waiting.push(stream);
    }
    let error = UnixClient::new(&path).summary().await.unwrap_err();
    assert!(matches!(error, ClientError::NoAgent { .. }), "{error:?}");
    assert!(ApiListener::bind(&path).await.is_err());
}

#[tokio::test]
async fn a_recording_arrives_frame_by_frame() {
    let (_directory, client) = agent(owner(true)).await;
    let mut recording = client.record(&Filter::default()).await.unwrap();
    assert_eq!(recording.header(), &fixture::recording_header());
    let frame = recording.next().await.unwrap().unwrap();
    assert_eq!(frame.payload, fixture::batch().payload);
    assert_eq!(frame.to_ns, fixture::batch().to_ns);
    assert_eq!(recording.next().await.unwrap(), None);
}

#[tokio::test]
async fn what_is_no_recording_is_not_taken_for_one() {
    for (answer, expected) in [
        (
            response("404 Not Found", "{}"),
            "is of a release that cannot record",
        ),
        (
            response("200 OK", "{\"schema\":1}"),
            "does not speak as a tcpmon agent does",
        ),
        (
            response("200 OK", ""),
            "does not speak as a tcpmon agent does",
        ),
        (chunked("tcpmonR\n"), "broke off its answer"),
    ] {
        let (_directory, client) = impostor(answer);
        let error = client.record(&Filter::default()).await.err();
        let sentence = error.expect("it is none").to_string();
        assert!(sentence.contains(expected), "{sentence}");
    }
}
