//! A server that says what it is told to, and what is made of it.

use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::config::HttpConfig;
use super::*;
use crate::core::fleet::Question;
use crate::failure::{Failure, exit};

const JSON: &str = "application/json";
/// One agent, whatever was asked.
const ONE: &str = r#"{"status":"success","data":{"resultType":"vector","result":[
    {"metric":{"job":"tcpmon","instance":"web-1","version":"1.2"},"value":[1700000000.5,"2.5"]}
],"stats":{}},"warnings":["some"]}"#;

/// Answers every request so; returns the URL, and what was asked.
async fn serve(status: &'static str, kind: &str, body: &str) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let served = tokio::spawn(async move {
        let mut asked = Vec::new();
        // As long as somebody asks; the test ends it.
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !is_complete(&request) {
                let mut piece = [0; 4096];
                match stream.read(&mut piece).await {
                    Ok(0) | Err(_) => break,
                    Ok(length) => request.extend_from_slice(&piece[..length]),
                }
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let is_last = request.starts_with("GET /stop");
            asked.push(request);
            let _ = stream.write_all(answer.as_bytes()).await;
            if is_last {
                break;
            }
        }
        asked
    });
    (url, served)
}

/// Whether a request has all of its body.
fn is_complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_it = name.eq_ignore_ascii_case("content-length");
        is_it.then(|| value.trim().parse::<usize>().ok())?
    });
    body.len() >= length.unwrap_or(0)
}

fn options(url: &str) -> Options {
    Options {
        url: url.to_owned(),
        config: None,
        timeout: Duration::from_secs(10),
    }
}

async fn error(url: &str) -> QueryError {
    let server = Server::new(&options(url)).unwrap();
    server.ask(&Question::default()).await.unwrap_err()
}

#[tokio::test]
async fn an_answer_is_asked_for_with_a_form_and_read() {
    let (url, served) = serve("200 OK", JSON, ONE).await;
    let server = Server::new(&options(&format!("{url}/prefix/"))).unwrap();
    let fleet = server.ask(&Question::default()).await.unwrap();
    assert_eq!(fleet.hosts.len(), 1);
    assert_eq!(fleet.hosts[0].name(), "web-1");
    assert_eq!(fleet.queries, 12);
    drop(
        tokio::net::TcpStream::connect(url.trim_start_matches("http://"))
            .await
            .unwrap()
            .write_all(b"GET /stop HTTP/1.1\r\n\r\n")
            .await,
    );
    let asked = served.await.unwrap();
    assert_eq!(asked.len(), 1 + 12 + 1, "the rules, the topics, the end");
    for request in &asked[..13] {
        assert!(
            request.starts_with("POST /prefix/api/v1/query HTTP/1.1\r\n"),
            "{request}"
        );
        let body = request.split("\r\n\r\n").nth(1).unwrap();
        assert!(
            body.starts_with("query=") && body.contains("&timeout=10"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn errors_say_what_to_do_and_have_their_exit_codes() {
    let refused = r#"{"status":"error","errorType":"execution","error":"too \u001b[2J many"}"#;
    let empty = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;
    for (status, kind, body, code, parts) in [
        (
            "401 Unauthorized",
            "text/plain",
            "no",
            exit::NOT_PERMITTED,
            ["401", "--prometheus.config"],
        ),
        (
            "403 Forbidden",
            JSON,
            "{}",
            exit::NOT_PERMITTED,
            ["403", "--prometheus.config"],
        ),
        (
            "404 Not Found",
            "text/html",
            "<html>",
            exit::NO_AGENT,
            ["no Prometheus server", "404"],
        ),
        (
            "302 Found",
            "text/html",
            "",
            exit::NO_AGENT,
            ["302", "leads to"],
        ),
        (
            "200 OK",
            "text/html",
            "<html>",
            exit::NO_AGENT,
            ["no Prometheus server", "not JSON"],
        ),
        (
            "200 OK",
            JSON,
            "{}",
            exit::NO_AGENT,
            ["no Prometheus server", "not JSON"],
        ),
        (
            "422 Unprocessable Entity",
            JSON,
            refused,
            exit::ERROR,
            ["execution", "too \\x1b[2J many"],
        ),
        (
            "200 OK",
            JSON,
            empty,
            exit::NO_AGENT,
            ["no data of a tcpmon agent", "scrape"],
        ),
    ] {
        let (url, _served) = serve(status, kind, body).await;
        let error = error(&url).await;
        let sentence = error.to_string();
        assert_eq!(error.failure().code, code, "{sentence}");
        for part in parts {
            assert!(sentence.contains(part), "{sentence}");
        }
        assert!(!sentence.contains(char::is_control), "{sentence:?}");
    }
}

#[tokio::test]
async fn nobody_and_silence_are_said() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let sentence = error(&url).await.to_string();
    let expected = format!("no Prometheus server answers at {url} (");
    assert!(
        sentence.starts_with(&expected) && sentence.contains("refused"),
        "{sentence}"
    );
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let server = Server::new(&Options {
        timeout: Duration::from_millis(50),
        ..options(&url)
    });
    let error = server.unwrap().ask(&Question::default()).await.unwrap_err();
    assert!(error.to_string().contains("within 50ms"), "{error}");
    assert_eq!(error.failure().code, exit::NO_AGENT);
}

#[test]
fn a_url_that_cannot_be_used_is_refused() {
    for (url, part) in [
        ("localhost:9090", "neither http://"),
        ("ftp://host", "neither http://"),
        ("/api", "no host"),
        ("http://us er/", "no URL"),
        ("http://user:password@host", "--prometheus.config"),
        ("http://host/?x=1", "question mark"),
    ] {
        let error = Server::new(&options(url)).unwrap_err();
        assert_eq!(Failure::code_of(&error), exit::USAGE);
        let sentence = format!("{error:#}");
        assert!(sentence.contains(part), "{sentence}");
        assert!(!sentence.contains("password@"), "{sentence}");
    }
    assert!(Server::new(&options("https://host:9090/prefix")).is_ok());
}

/// A directory with a file of that text, and what reading it gives.
fn read(text: &str) -> (TempDir, anyhow::Result<HttpConfig>) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("secret"), "s3cret\n").unwrap();
    let path = directory.path().join("http.yml");
    std::fs::write(&path, text).unwrap();
    let config = HttpConfig::read(&path);
    (directory, config)
}

#[test]
fn a_file_says_how_to_get_in() {
    for (text, header) in [
        ("", None),
        ("# nothing\n", None),
        (
            "basic_auth:\n  username: u\n  password_file: secret\n",
            Some("Basic dTpzM2NyZXQ="),
        ),
        ("basic_auth: {username: u, password: p}", Some("Basic dTpw")),
        ("basic_auth: {username: u}", Some("Basic dTo=")),
        (
            "authorization: {credentials_file: secret}",
            Some("Bearer s3cret"),
        ),
        (
            "authorization: {type: Token, credentials: x}",
            Some("Token x"),
        ),
        ("bearer_token_file: secret", Some("Bearer s3cret")),
        ("bearer_token: x", Some("Bearer x")),
    ] {
        let (_directory, config) = read(text);
        let value = config.expect(text).authorization().unwrap();
        let value = value.as_ref().map(|value| value.to_str().unwrap());
        assert_eq!(value, header, "{text}");
    }
}

#[test]
fn a_file_that_cannot_be_used_is_refused_and_tells_no_secret() {
    for (text, part) in [
        ("basic_auth: {user: u}", "user"),
        (
            "basic_auth: {username: u, password: s3cret, password_file: secret}",
            "keep one",
        ),
        ("basic_auth: {password: s3cret}", "no username"),
        (
            "bearer_token: s3cret\nauthorization: {credentials: x}",
            "more than one",
        ),
        ("bearer_token_file: nowhere", "nowhere"),
        ("bearer_token: \"s3cret\\nx\"", "line break"),
        (
            "tls_config: {insecure_skip_verify: true}",
            "insecure_skip_verify",
        ),
        ("tls_config: {cert_file: secret}", "go together"),
        ("oauth2: {}", "oauth2"),
        ("- s3cret", "http.yml"),
        ("{", "http.yml"),
    ] {
        let (_directory, config) = read(text);
        let error = config.expect_err(text);
        assert_eq!(Failure::code_of(&error), exit::USAGE);
        let sentence = error.to_string();
        assert!(sentence.contains(part), "{sentence}");
        assert!(!sentence.contains("s3cret"), "{sentence}");
        assert_eq!(sentence.lines().count(), 1, "{sentence}");
    }
    for text in [
        "tls_config: {ca_file: secret}",
        "tls_config: {ca_file: none}",
    ] {
        let (_directory, config) = read(text);
        let error = config.unwrap().connector().unwrap_err();
        assert!(error.to_string().contains("certificates"), "{error}");
    }
}

#[tokio::test]
async fn what_the_file_says_is_sent() {
    let (url, served) = serve("200 OK", JSON, ONE).await;
    let (directory, _) = read("bearer_token_file: secret");
    let server = Server::new(&Options {
        config: Some(directory.path().join("http.yml")),
        ..options(&url)
    });
    let server = server.unwrap();
    server.ask(&Question::default()).await.unwrap();
    std::fs::write(directory.path().join("secret"), "other").unwrap();
    server.ask(&Question::default()).await.unwrap();
    drop(
        tokio::net::TcpStream::connect(url.trim_start_matches("http://"))
            .await
            .unwrap()
            .write_all(b"GET /stop HTTP/1.1\r\n\r\n")
            .await,
    );
    let asked = served.await.unwrap();
    let has = |request: &String, token: &str| {
        request
            .to_lowercase()
            .contains(&format!("authorization: bearer {token}\r\n"))
    };
    assert!(asked[..13].iter().all(|request| has(request, "s3cret")));
    assert!(
        asked[13..25].iter().all(|request| has(request, "other")),
        "a token is replaced"
    );
}
