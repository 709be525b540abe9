//! A real server, met by curl.

mod papers;

use std::fs;
use std::net::TcpStream;
use std::process::{Command, Stdio};

use super::*;
use crate::core::series::Budget;
use crate::view::api::fixture;
use papers::{Authority, Papers};

/// A server with its files, and what curl has to know of it.
struct Stage {
    papers: Papers,
    address: SocketAddr,
}

impl Stage {
    /// Serves what `config` wants; `None` where there is no curl, which CI must have.
    fn set(config: Option<&str>) -> Option<Self> {
        let curl = Command::new("curl").arg("--version").output();
        if curl.is_err() {
            eprintln!("skipped, because curl is not installed");
            let is_ci = std::env::var("CI").as_deref() == Ok("true");
            assert!(!is_ci, "CI must have curl");
            return None;
        }
        let papers = Papers::new();
        let config_file = config.map(|text| papers.config(text));
        let web = Web::open(Options {
            listen_addresses: vec!["127.0.0.1:0".parse().unwrap()],
            takes_systemd_sockets: false,
            config_file,
            telemetry_path: "/metrics".into(),
            host_names: vec!["metrics.internal".into()],
            has_page: true,
        })
        .unwrap();
        let address = web.listeners[0].local_addr().unwrap();
        let mailbox = fixture::owner(true);
        let (_, budget) = tokio::sync::watch::channel(Budget::default());
        let exporter = Exporter::new(mailbox.clone(), budget);
        tokio::spawn(web.serve(mailbox, exporter).unwrap());
        Some(Self { papers, address })
    }

    /// What curl says about `path`: its exit code, the status, and the answer with its headers.
    async fn ask(&self, scheme: &str, path: &str, more: &[&str]) -> (i32, u16, String) {
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--include",
            "--max-time",
            "20",
            "--noproxy",
            "*",
        ]);
        curl.args(["--write-out", "\n%{http_code} %{http_version}"]);
        curl.args(more)
            .arg(format!("{scheme}://{}{path}", self.address));
        curl.stdin(Stdio::null()).env_remove("CURL_HOME");
        // The server runs on the other threads.
        let output = tokio::task::spawn_blocking(move || curl.output());
        let output = output.await.unwrap().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (answer, last) = text.rsplit_once('\n').unwrap();
        let status = last.split(' ').next().unwrap().parse().unwrap();
        let answer = format!("{answer}\n{last}");
        (output.status.code().unwrap(), status, answer)
    }

    /// The status of `path` for somebody who knows the authority and shows `more`; 0 without an answer.
    async fn status(&self, path: &str, more: &[&str]) -> u16 {
        let ca = self.papers.path("ca.pem");
        self.ask("https", path, &[&["--cacert", &ca], more].concat())
            .await
            .1
    }
}

const TLS: &str = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n";

#[tokio::test(flavor = "multi_thread")]
async fn without_a_file_it_is_plain_http_for_local_names() {
    let Some(stage) = Stage::set(None) else {
        return;
    };
    let (_, status, answer) = stage.ask("http", "/metrics", &[]).await;
    assert_eq!(status, 200, "{answer}");
    assert!(
        answer.contains("tcpmon_sockets{state=\"LISTEN\"} 12"),
        "{answer}"
    );
    let (_, status, answer) = stage.ask("http", "/metrics", &["--head"]).await;
    assert_eq!(status, 200);
    assert!(
        answer.to_lowercase().contains("content-length: "),
        "{answer}"
    );
    assert!(!answer.contains("tcpmon_sockets"), "{answer}");
    let (_, status, answer) = stage.ask("http", "/metrics", &["--compressed"]).await;
    assert_eq!(status, 200);
    assert!(
        answer.contains("tcpmon_sockets{state=\"LISTEN\"} 12"),
        "{answer}"
    );
    assert!(
        answer.to_lowercase().contains("content-encoding: gzip"),
        "{answer}"
    );
    for (host, expected) in [
        ("evil.example", 403),
        ("localhost", 200),
        ("metrics.internal:1", 200),
    ] {
        let host = format!("Host: {host}");
        assert_eq!(
            stage.ask("http", "/", &["-H", &host]).await.1,
            expected,
            "{host}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_and_a_password_are_wanted_when_the_file_wants_them() {
    let hash = bcrypt::hash("wonder", 4).unwrap();
    let config = format!("{TLS}basic_auth_users:\n  alice: {hash}\n");
    let Some(stage) = Stage::set(Some(&config)) else {
        return;
    };
    assert_eq!(stage.status("/metrics", &["-u", "alice:wonder"]).await, 200);
    for wrong in [&["-u", "alice:x"][..], &["-u", "bob:wonder"], &[]] {
        assert_eq!(stage.status("/metrics", wrong).await, 401, "{wrong:?}");
    }
    let ca = stage.papers.path("ca.pem");
    let (_, _, answer) = stage.ask("https", "/", &["--cacert", &ca]).await;
    assert!(
        answer.to_lowercase().contains("www-authenticate: basic"),
        "{answer}"
    );
    let (_, status, answer) = stage.ask("http", "/", &[]).await;
    assert_eq!(status, 400, "{answer}");
    assert!(answer.contains("this address speaks HTTPS"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_replaced_is_used_at_once() {
    let Some(stage) = Stage::set(Some(TLS)) else {
        return;
    };
    assert_eq!(stage.status("/-/healthy", &[]).await, 200);
    let other = Authority::new("other");
    stage.papers.serve_as(&other);
    let (code, status, _) = stage
        .ask(
            "https",
            "/-/healthy",
            &["--cacert", &stage.papers.path("ca.pem")],
        )
        .await;
    assert_eq!(
        (code, status),
        (60, 0),
        "the old authority did not sign that"
    );
    fs::write(stage.papers.path("ca.pem"), other.pem()).unwrap();
    assert_eq!(stage.status("/-/healthy", &[]).await, 200);
    // A key that does not fit lets nobody in, and the next that fits does.
    let good = fs::read(stage.papers.path("server.key")).unwrap();
    fs::copy(
        stage.papers.path("client.key"),
        stage.papers.path("server.key"),
    )
    .unwrap();
    assert_eq!(stage.status("/-/healthy", &[]).await, 0);
    fs::write(stage.papers.path("server.key"), good).unwrap();
    assert_eq!(stage.status("/-/healthy", &[]).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_broken_answers_nobody_until_it_is_mended() {
    let Some(stage) = Stage::set(Some("")) else {
        return;
    };
    assert_eq!(stage.ask("http", "/-/healthy", &[]).await.1, 200);
    stage.papers.config("unheard: of\n");
    let (_, status, answer) = stage.ask("http", "/-/healthy", &[]).await;
    assert_eq!(status, 500);
    assert!(answer.contains("the agent's log says why"), "{answer}");
    stage
        .papers
        .config("http_server_config:\n  headers:\n    X-Frame-Options: sameorigin\n");
    let (_, status, answer) = stage.ask("http", "/", &[]).await;
    assert_eq!(status, 200);
    let frames = answer
        .to_lowercase()
        .matches("x-frame-options: sameorigin")
        .count();
    assert_eq!(frames, 1, "in the place of ours: {answer}");
    stage
        .papers
        .config("rate_limit:\n  interval: 1h\n  burst: 2\n");
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(stage.ask("http", "/-/healthy", &[]).await.1);
    }
    assert_eq!(statuses, [200, 200, 429]);
}

#[tokio::test(flavor = "multi_thread")]
async fn client_certificates_are_asked_for_as_the_file_says() {
    const NOBODY: usize = 0;
    const OURS: usize = 1;
    const FOREIGN: usize = 2;
    for (kind, admitted) in [
        ("NoClientCert", &[NOBODY, OURS, FOREIGN][..]),
        ("RequestClientCert", &[NOBODY, OURS, FOREIGN]),
        ("RequireAnyClientCert", &[OURS, FOREIGN]),
        ("VerifyClientCertIfGiven", &[NOBODY, OURS]),
        ("RequireAndVerifyClientCert", &[OURS]),
    ] {
        let ca = if kind == "NoClientCert" {
            ""
        } else {
            "  client_ca_file: ca.pem\n"
        };
        let Some(stage) = Stage::set(Some(&format!("{TLS}{ca}  client_auth_type: {kind}\n")))
        else {
            return;
        };
        for (who, name) in [
            (NOBODY, None),
            (OURS, Some("client")),
            (FOREIGN, Some("foreign")),
        ] {
            for version in ["1.2", "1.3"] {
                let status = stage.status_of(name, version).await;
                let expected = if admitted.contains(&who) { 200 } else { 0 };
                assert_eq!(status, expected, "{kind}, {name:?}, TLS {version}");
            }
        }
    }
}

impl Stage {
    /// The status for somebody with the certificate called `name`.
    async fn status_of(&self, name: Option<&str>, version: &str) -> u16 {
        let mut more = vec!["--tls-max".to_owned(), version.to_owned()];
        if let Some(name) = name {
            for (flag, end) in [("--cert", "pem"), ("--key", "key")] {
                more.push(flag.to_owned());
                more.push(self.papers.path(&format!("{name}.{end}")));
            }
        }
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        self.status("/-/healthy", &more).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_names_that_are_listed_come_in() {
    for (allowed, expected) in [
        ("scraper.example", 200),
        ("192.0.2.7", 200),
        ("2001:db8::7", 200),
        ("ops@example.org", 200),
        ("spiffe://example.org/scraper", 200),
        ("Scraper.example", 0),
        ("example", 0),
        ("other.example", 0),
    ] {
        let config = format!(
            "{TLS}  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n  \
             client_allowed_sans:\n    - nobody.example\n    - \"{allowed}\"\n"
        );
        let Some(stage) = Stage::set(Some(&config)) else {
            return;
        };
        assert_eq!(
            stage.status_of(Some("client"), "1.3").await,
            expected,
            "{allowed}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_suites_and_curves_are_those_of_the_file() {
    let gcm = "ECDHE-ECDSA-AES256-GCM-SHA384";
    for (settings, curl, expected) in [
        ("", &["--tls-max", "1.2"][..], 200),
        ("  min_version: TLS13\n", &["--tls-max", "1.2"], 0),
        ("  min_version: TLS13\n", &[], 200),
        ("  max_version: TLS12\n", &["--tlsv1.3"], 0),
        ("  max_version: TLS12\n", &[], 200),
        (
            "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n",
            &["--tls-max", "1.2", "--ciphers", gcm],
            200,
        ),
        (
            "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n",
            &["--tls-max", "1.2", "--ciphers", gcm],
            0,
        ),
        // The list is about TLS 1.2 alone.
        (
            "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n",
            &["--tlsv1.3"],
            200,
        ),
        (
            "  curve_preferences: [CurveP384]\n",
            &["--curves", "P-384"],
            200,
        ),
        (
            "  curve_preferences: [CurveP384]\n",
            &["--curves", "X25519"],
            0,
        ),
    ] {
        let Some(stage) = Stage::set(Some(&format!("{TLS}{settings}"))) else {
            return;
        };
        assert_eq!(
            stage.status("/-/healthy", curl).await,
            expected,
            "{settings} {curl:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_spoken_over_tls_unless_the_file_forbids_it() {
    for (config, expected) in [("true", " 2"), ("false", " 1.1")] {
        let config = format!("{TLS}http_server_config:\n  http2: {config}\n");
        let Some(stage) = Stage::set(Some(&config)) else {
            return;
        };
        let ca = stage.papers.path("ca.pem");
        let (_, status, answer) = stage
            .ask("https", "/metrics", &["--http2", "--cacert", &ca])
            .await;
        assert_eq!(status, 200, "{answer}");
        assert!(answer.ends_with(expected), "{answer}");
        assert!(
            answer.contains("tcpmon_sockets{state=\"LISTEN\"} 12"),
            "{answer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_is_never_finished_holds_up_nobody() {
    let Some(stage) = Stage::set(Some(TLS)) else {
        return;
    };
    let _silent: Vec<TcpStream> = (0..8)
        .map(|_| TcpStream::connect(stage.address).unwrap())
        .collect();
    assert_eq!(stage.status("/-/healthy", &[]).await, 200);
}
