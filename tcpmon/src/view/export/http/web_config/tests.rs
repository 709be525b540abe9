//! A table of files, judged by us and by promtool.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;

use super::*;

/// Who takes a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// Both.
    Both,
    /// Neither; ours says this, and where.
    Neither(u64, &'static str),
    /// Only promtool: the library for TLS cannot do it, or it would be of no use. Ours says this, and
    /// where.
    OnlyByPromtool(u64, &'static str),
    /// Only ours: promtool may be older than what it is about.
    OnlyByUs,
    /// Ours says this, and where; what promtool says depends on its age.
    NotByUs(u64, &'static str),
}
use Taken::{Both, Neither, NotByUs, OnlyByPromtool, OnlyByUs};

const HASH: &str = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG";

/// `TLS` is replaced by a section with a certificate and its key, `HASH` by a hash.
const TABLE: &[(&str, Taken)] = &[
    ("", Both),
    ("# nothing\n", Both),
    ("{}\n", Both),
    ("---\n", Both),
    ("tls_server_config:\n", Both),
    ("tls_server_config: {}\n", Both),
    ("TLS", Both),
    ("TLS  min_version: TLS13\n", Both),
    ("TLS  min_version: TLS12\n  max_version: TLS12\n", Both),
    ("TLS  prefer_server_cipher_suites: false\n", Both),
    ("TLS  cipher_suites: []\n", Both),
    (
        "TLS  cipher_suites:\n  - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\n  - TLS_AES_128_GCM_SHA256\n",
        Both,
    ),
    (
        "TLS  curve_preferences: [X25519, CurveP256, CurveP384]\n",
        Both,
    ),
    ("TLS  client_auth_type: RequireAnyClientCert\n", Both),
    ("TLS  client_auth_type: RequestClientCert\n", Both),
    ("TLS  client_auth_type: NoClientCert\n", Both),
    ("TLS  client_auth_type: ''\n", Both),
    (
        "TLS  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: cert.pem\n",
        Both,
    ),
    (
        "TLS  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: cert.pem\n",
        Both,
    ),
    ("http_server_config:\n  http2: false\n", Both),
    ("http_server_config:\n  http2: yes\n", Both),
    ("http_server_config:\n", Both),
    (
        "http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=31536000\n    \
         X-Frame-Options: deny\n    X-Content-Type-Options: nosniff\n    \
         Content-Security-Policy: default-src 'self'\n    X-XSS-Protection: '0'\n",
        Both,
    ),
    ("basic_auth_users:\n  alice: HASH\n  bob: HASH\n", Both),
    ("basic_auth_users:\n  123: HASH\n", Both),
    ("basic_auth_users: {}\n", Both),
    // Not without TLS at all: then none of it is used.
    ("tls_server_config:\n  min_version: TLS13\n", Both),
    // Wrong by both.
    ("unheard: of\n", Neither(1, "unknown field")),
    ("TLS  unheard: of\n", Neither(4, "unknown field")),
    (
        "http_server_config:\n  unheard: of\n",
        Neither(2, "unknown field"),
    ),
    (
        "tls_server_config:\n  cert_file: cert.pem\n",
        Neither(2, "key or key_file is missing"),
    ),
    (
        "tls_server_config:\n  key_file: key.pem\n",
        Neither(2, "cert or cert_file is missing"),
    ),
    (
        "tls_server_config:\n  client_auth_type: RequireAnyClientCert\n",
        Neither(2, "cert or cert_file is missing"),
    ),
    (
        "TLS  client_auth_type: Sometimes\n",
        Neither(4, "unknown variant `Sometimes`"),
    ),
    (
        "TLS  client_ca_file: cert.pem\n",
        Neither(2, "has no effect without client_auth_type"),
    ),
    (
        "TLS  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: missing.pem\n",
        Neither(0, "missing.pem: cannot be read: No such file"),
    ),
    (
        "tls_server_config:\n  cert_file: missing.pem\n  key_file: key.pem\n",
        Neither(0, "missing.pem: cannot be read: No such file"),
    ),
    (
        "tls_server_config:\n  cert_file: key.pem\n  key_file: key.pem\n",
        Neither(2, "key.pem has no certificate in it"),
    ),
    (
        "tls_server_config:\n  cert_file: cert.pem\n  key_file: cert.pem\n",
        Neither(2, "has no private key that can be used"),
    ),
    (
        "tls_server_config:\n  cert_file: cert.pem\n  key_file: other.key\n",
        Neither(2, "cannot be used together"),
    ),
    (
        "TLS  min_version: TLS14\n",
        Neither(4, "`TLS14` is no version of TLS"),
    ),
    (
        "TLS  cipher_suites: [TLS_NULL]\n",
        Neither(4, "`TLS_NULL` is no cipher suite"),
    ),
    (
        "TLS  curve_preferences: [P256]\n",
        Neither(4, "`P256` is no curve"),
    ),
    ("TLS  cipher_suites: 5\n", Neither(4, "")),
    ("http_server_config:\n  http2: 5\n", Neither(2, "")),
    (
        "http_server_config:\n  headers:\n    X-Powered-By: us\n",
        Neither(3, "the header `X-Powered-By` cannot be set"),
    ),
    (
        "http_server_config:\n  headers:\n    x-frame-options: deny\n",
        Neither(3, "the header `x-frame-options` cannot be set"),
    ),
    (
        "http_server_config:\n  headers:\n    X-Frame-Options: allow\n",
        Neither(3, "must be deny or sameorigin"),
    ),
    (
        "basic_auth_users:\n  alice: plain\n",
        Neither(2, "the password of `alice` is no bcrypt hash"),
    ),
    (
        "basic_auth_users:\n  alice:\n",
        Neither(2, "the password of `alice` is no bcrypt hash"),
    ),
    (
        "basic_auth_users:\n  alice: HASH\n  alice: HASH\n",
        Neither(3, ""),
    ),
    ("basic_auth_users: [alice]\n", Neither(1, "")),
    ("tls_server_config: [\n", Neither(0, "")),
    ("\tx: y\n", Neither(1, "")),
    // What the library cannot do, or what nothing could come of.
    (
        "TLS  min_version: TLS10\n",
        OnlyByPromtool(4, "TLS10 is not supported here"),
    ),
    (
        "TLS  max_version: TLS11\n",
        OnlyByPromtool(4, "TLS11 is not supported here"),
    ),
    (
        "TLS  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]\n",
        OnlyByPromtool(4, "because it uses CBC"),
    ),
    (
        "TLS  curve_preferences: [CurveP521]\n",
        OnlyByPromtool(4, "CurveP521 is not supported here"),
    ),
    (
        "TLS  min_version: TLS13\n  max_version: TLS12\n",
        OnlyByPromtool(2, "min_version is above max_version"),
    ),
    (
        "TLS  client_auth_type: RequireAndVerifyClientCert\n",
        OnlyByPromtool(2, "client_ca_file does not say by what"),
    ),
    (
        "TLS  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: key.pem\n",
        OnlyByPromtool(2, "key.pem has no certificate in it"),
    ),
    (
        "TLS  max_version: TLS12\n  cipher_suites: [TLS_AES_128_GCM_SHA256]\n",
        OnlyByPromtool(2, "leave nothing to agree on"),
    ),
    // Go moved these from its list when it was already old.
    (
        "TLS  cipher_suites: [TLS_RSA_WITH_AES_128_GCM_SHA256]\n",
        NotByUs(4, "because it exchanges keys by RSA"),
    ),
    // Younger than some promtools.
    (
        "TLS  client_auth_type: RequireAnyClientCert\n  client_allowed_sans: [a.example]\n",
        OnlyByUs,
    ),
    (
        "TLS  client_auth_type: RequestClientCert\n  client_allowed_sans: [a.example]\n",
        NotByUs(2, "client_allowed_sans needs client_auth_type"),
    ),
    ("rate_limit:\n  interval: 1s\n  burst: 10\n", OnlyByUs),
    ("rate_limit:\n  interval: 0s\n", OnlyByUs),
    (
        "rate_limit:\n  interval: 1d\n  burst: 1\n",
        NotByUs(2, "`1d` is no duration"),
    ),
    (
        "rate_limit:\n  interval: -1s\n  burst: 1\n",
        NotByUs(2, "`-1s` is no duration"),
    ),
    (
        "rate_limit:\n  interval: 1s\n",
        NotByUs(2, "no burst of at least 1"),
    ),
];

/// A directory with `cert.pem`, `key.pem` and a key that belongs to neither.
fn place() -> (TempDir, String) {
    let place = TempDir::new().unwrap();
    let make = || generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let CertifiedKey { cert, signing_key } = make();
    let keep = |name: &str, text: &str| fs::write(place.path().join(name), text).unwrap();
    keep("cert.pem", &cert.pem());
    keep("key.pem", &signing_key.serialize_pem());
    keep("other.key", &make().signing_key.serialize_pem());
    let tls = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n";
    (place, tls.to_owned())
}

/// promtool on `PATH`, or where `cargo xtask setup --tests` unpacks it; `None` where there is none, which
/// CI must have.
fn promtool() -> Option<PathBuf> {
    let unpacked = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../target/tools/usr/bin/promtool"
    );
    for path in ["promtool", unpacked] {
        if Command::new(path).arg("--version").output().is_ok() {
            return Some(path.into());
        }
    }
    eprintln!("skipped, because promtool is not installed");
    let is_ci = std::env::var("CI").as_deref() == Ok("true");
    assert!(!is_ci, "CI must have promtool");
    None
}

/// What is wrong with our verdict on a file; nothing if it is as the table has it.
fn complaint(ours: &Result<Source, Wrong>, taken: Taken) -> Option<String> {
    let (line, part) = match (taken, ours) {
        (Both | OnlyByUs, Ok(_)) => return None,
        (Both | OnlyByUs, Err(wrong)) => return Some(wrong.to_string()),
        (Neither(line, part) | OnlyByPromtool(line, part) | NotByUs(line, part), _) => (line, part),
    };
    let Err(wrong) = ours else {
        return Some("we take it".into());
    };
    let sentence = wrong.to_string();
    let is_so = sentence.contains(part) && (line == 0 || wrong.line == Some(line));
    (!is_so || sentence.contains('\n')).then_some(sentence)
}

#[test]
fn the_verdict_is_that_of_promtool_but_for_what_is_said() {
    let (place, tls) = place();
    let promtool = promtool();
    let mut complaints = Vec::new();
    for (text, taken) in TABLE {
        let text = match *text {
            "TLS" => tls.clone(),
            text => text
                .replace("TLS ", &format!("{tls} "))
                .replace("HASH", HASH),
        };
        let path = place.path().join("web.yml");
        fs::write(&path, &text).unwrap();
        if let Some(complaint) = complaint(&Source::open(&path), *taken) {
            complaints.push(format!("{taken:?}: {complaint}\n{text}"));
        }
        let Some(promtool) = &promtool else {
            continue;
        };
        let output = Command::new(promtool)
            .args(["check", "web-config"])
            .arg(&path)
            .output()
            .unwrap();
        let expected = match taken {
            Both | OnlyByPromtool(..) => true,
            Neither(..) => false,
            OnlyByUs | NotByUs(..) => continue,
        };
        if output.status.success() != expected {
            complaints.push(format!("{taken:?}: promtool: {output:?}\n{text}"));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}

#[test]
fn pem_may_stand_in_the_file_itself() {
    let (place, _) = place();
    let indented = |name: &str| {
        let text = fs::read_to_string(place.path().join(name)).unwrap();
        text.replace('\n', "\n    ").trim_end().to_owned()
    };
    let text = format!(
        "tls_server_config:\n  cert: |\n    {}\n  key: |\n    {}\n  client_ca: |\n    {}\n  \
         client_auth_type: RequireAndVerifyClientCert\n",
        indented("cert.pem"),
        indented("key.pem"),
        indented("cert.pem")
    );
    let path = place.path().join("web.yml");
    fs::write(&path, text).unwrap();
    let config = Source::open(&path).unwrap().now().unwrap();
    assert!(config.tls.is_some());
}

#[test]
fn what_has_not_changed_is_not_made_again() {
    let (place, tls) = place();
    let path = place.path().join("web.yml");
    fs::write(&path, tls).unwrap();
    let source = Source::open(&path).unwrap();
    let first = source.now().unwrap();
    assert!(Arc::ptr_eq(&first, &source.now().unwrap()));
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    fs::write(place.path().join("cert.pem"), cert.pem()).unwrap();
    fs::write(place.path().join("key.pem"), signing_key.serialize_pem()).unwrap();
    assert!(!Arc::ptr_eq(&first, &source.now().unwrap()));
}

#[test]
fn what_is_no_file_or_too_large_is_refused() {
    let place = TempDir::new().unwrap();
    assert!(check(place.path()).is_err_and(|error| error.to_string().ends_with("is no file")));
    let large = place.path().join("large");
    fs::write(&large, "#".repeat(1 << 21)).unwrap();
    assert!(check(&large).is_err_and(|error| error.to_string().contains("more than 1 MiB")));
    let binary = place.path().join("binary");
    fs::write(&binary, [0xff, 0xfe, 0x80]).unwrap();
    assert!(check(&binary).is_err_and(|error| error.to_string().ends_with("is not UTF-8")));
}
