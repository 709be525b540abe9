//! Chromium without a window, told what to do through its driver (W3C WebDriver).

use std::env;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::command::Running;
use crate::http::Http;
use crate::world::{check, within};

/// Nothing it does by itself is wanted here.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
];

/// A browser of its own. Dropping it ends it.
pub(crate) struct Browser {
    http: Http<TcpStream>,
    session: String,
    _driver: Running,
    _home: TempDir,
}

/// A command with an empty home, in the namespace of the calling thread.
fn at_home(program: &str, home: &Path) -> Command {
    let mut command = Command::new(program);
    let path = env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).env("HOME", home);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    command
}

/// Whether there is a browser; CI must have one.
pub(crate) fn is_there() -> bool {
    let is_there = ["chromium", "chromedriver"].iter().all(|program| {
        let version = Command::new(program).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    });
    if !is_there {
        eprintln!("skipped, because chromium and its driver are not installed");
        assert_ne!(
            env::var("CI").as_deref(),
            Ok("true"),
            "CI must have chromium"
        );
    }
    is_there
}

impl Browser {
    /// Starts one in the namespace of the calling thread.
    pub(crate) fn start() -> Self {
        let home = TempDir::new().expect("a directory");
        let mut command = at_home("chromedriver", home.path());
        command.arg("--port=0").stdout(Stdio::piped());
        let mut driver = Running(command.spawn().expect("the driver starts"));
        let output = driver.0.stdout.take().expect("a pipe");
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        let port = port.expect("the driver says its port");
        // What it says later is not wanted, and must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it listens");
        let mut browser = Self {
            http: Http::new(stream),
            session: String::new(),
            _driver: driver,
            _home: home,
        };
        let profile = browser._home.path().join("profile");
        let profile = format!("--user-data-dir={}", profile.display());
        let flags = [&FLAGS[..], &[&profile, "--window-size=1240,1180"]].concat();
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": flags},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let answer = browser.tell("POST", "", &wanted);
        let session = answer["sessionId"].as_str().expect("a session");
        browser.session = format!("/{session}");
        browser
    }

    #[track_caller]
    fn tell(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let body = match method {
            "POST" => body.to_string(),
            _ => String::new(),
        };
        let path = format!("/session{}{path}", self.session);
        let page = self.http.send(method, &path, &body);
        let mut answer: Value = serde_json::from_str(&page.body).expect("JSON");
        assert_eq!(page.status, 200, "{path}: {answer}");
        answer["value"].take()
    }

    /// Opens a page.
    pub(crate) fn open(&mut self, url: &str) {
        self.tell("POST", "/url", &json!({"url": url}));
    }

    /// The value of an expression.
    #[track_caller]
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let script = format!("return {expression}");
        self.tell(
            "POST",
            "/execute/sync",
            &json!({"script": script, "args": []}),
        )
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub(crate) fn shows(&mut self, expression: &str) {
        within(30, expression, || {
            let is_so = self.value(expression) == Value::Bool(true);
            check(is_so, || self.value("document.body.innerText").to_string())
        });
    }

    /// Presses the Tab key.
    pub(crate) fn tab(&mut self) {
        let key = |kind: &str| json!({"type": kind, "value": "\u{e004}"});
        let actions = json!({"actions": [{
            "type": "key", "id": "keys", "actions": [key("keyDown"), key("keyUp")],
        }]});
        self.tell("POST", "/actions", &actions);
    }

    /// What the page complained of.
    pub(crate) fn complaints(&mut self) -> Vec<Value> {
        match self.tell("POST", "/se/log", &json!({"type": "browser"})) {
            // What it tells of itself, such as that the network is slow, is no complaint.
            Value::Array(lines) => lines
                .into_iter()
                .filter(|line| line["level"] != "INFO")
                .collect(),
            other => panic!("no log: {other}"),
        }
    }

    /// Prefers `scheme`, light or dark.
    pub(crate) fn prefer(&mut self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        let command =
            json!({"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}});
        self.tell("POST", "/goog/cdp/execute", &command);
    }

    /// Lets pages that are opened from now on run scripts, or not.
    pub(crate) fn allow_scripts(&mut self, are_allowed: bool) {
        let command = json!({
            "cmd": "Emulation.setScriptExecutionDisabled",
            "params": {"value": !are_allowed},
        });
        self.tell("POST", "/goog/cdp/execute", &command);
    }

    /// Keeps what is to be seen for the documentation, where somebody wants that.
    pub(crate) fn keep(&mut self, name: &str) {
        if let Some(dir) = env::var_os("TCPMON_WRITE_FRAMES") {
            let image = self.tell("GET", "/screenshot", &Value::Null);
            let image = image.as_str().expect("an image");
            let image = BASE64_STANDARD.decode(image).expect("base64");
            std::fs::write(Path::new(&dir).join(name), image).expect("written");
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser before its driver; a test that fails must not fail twice.
        if !std::thread::panicking() {
            self.tell("DELETE", "", &Value::Null);
        }
    }
}
