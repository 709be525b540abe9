//! An agent that runs.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::de::DeserializeOwned;
use tcpmon::core::query::{NamespaceRow, Namespaces, SocketRow, Sockets, Summary};
use tempfile::TempDir;

use crate::command::{Ran, Running, run, tcpmon};
use crate::http::Http;
use crate::world::{Home, check, within};

/// What it has logged so far.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn lines(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn add(&self, line: String) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    }
}

/// A real agent: a process of its own, with a socket and a port of its own. Dropping it ends it.
pub(crate) struct Agent {
    process: Running,
    place: Arc<TempDir>,
    address: SocketAddr,
    home: Home,
    log: Log,
}

impl Agent {
    /// Starts one in the namespace of the calling thread, and waits for its first audit. It audits
    /// every second unless `args` say otherwise.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_in(Arc::new(TempDir::new().expect("a directory")), args)
    }

    /// As [`Agent::start`], with its socket in a directory that is there.
    pub(crate) fn start_in(place: Arc<TempDir>, args: &[&str]) -> Self {
        let socket = socket_in(&place);
        let mut command = tcpmon(&["agent", "--web.listen-address", "127.0.0.1:0"]);
        command.arg("--socket").arg(&socket).args(args);
        if !args.contains(&"--audit.interval") && !args.contains(&"--config") {
            command.args(["--audit.interval", "1s"]);
        }
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = Running(command.spawn().expect("the agent starts"));
        let stderr = process.0.stderr.take().expect("a pipe");
        let log = Log::default();
        let writer = log.clone();
        // Ends with the agent.
        thread::spawn(move || {
            let lines = BufReader::new(stderr).lines();
            lines
                .map_while(Result::ok)
                .for_each(|line| writer.add(line));
        });
        let address = within(20, "an agent that listens", || {
            let lines = log.lines();
            let status = process.0.try_wait().expect("it is our child");
            check(status.is_none(), || format!("it ended: {lines:#?}")).expect("it goes on");
            let address = lines.iter().find_map(|line| {
                let (_, rest) = line.split_once("listening: metrics=http")?;
                rest.split_once("://")?.1.split('/').next()
            });
            address.map_or_else(
                || Err(format!("{lines:#?}")),
                |address| Ok(address.parse().expect("an address")),
            )
        });
        let agent = Self {
            process,
            place,
            address,
            home: Home::here(),
            log,
        };
        let mut http = agent.http();
        within(20, "the first audit", || {
            let page = http.get("/-/ready");
            check(page.status == 200, || page.body)
        });
        agent
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.0.id()
    }

    /// Where it serves metrics and its page.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it makes its socket.
    pub(crate) fn place(&self) -> Arc<TempDir> {
        Arc::clone(&self.place)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        socket_in(&self.place)
    }

    /// The namespace it lives in.
    pub(crate) const fn home(&self) -> &Home {
        &self.home
    }

    /// A connection to its port, from its own namespace.
    pub(crate) fn http(&self) -> Http<TcpStream> {
        let stream = self.home.visit(|| TcpStream::connect(self.address));
        let stream = stream.expect("it listens");
        let patience = Some(Duration::from_secs(60));
        stream.set_read_timeout(patience).expect("SO_RCVTIMEO");
        Http::new(stream)
    }

    /// The machine at a glance.
    pub(crate) fn summary(&self) -> Summary {
        self.api("/v1/summary")
    }

    /// The answer of the local API at `path`.
    #[track_caller]
    pub(crate) fn api<T: DeserializeOwned>(&self, path: &str) -> T {
        let stream = UnixStream::connect(self.socket()).expect("it listens");
        let page = Http::new(stream).get(path);
        assert_eq!(page.status, 200, "{}", page.body);
        serde_json::from_str(&page.body).expect("the document that was asked for")
    }

    /// The network namespaces it knows sockets in.
    pub(crate) fn namespaces(&self) -> Vec<NamespaceRow> {
        let stream = UnixStream::connect(self.socket()).expect("it listens");
        let page = Http::new(stream).get("/v1/namespaces");
        assert_eq!(page.status, 200, "{}", page.body);
        let answer: Namespaces = serde_json::from_str(&page.body).expect("namespaces");
        answer.namespaces
    }

    /// A number of its metrics without labels.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let page = self.http().get("/metrics").body;
        let prefix = format!("{name} ");
        let number = page.lines().find_map(|line| line.strip_prefix(&prefix));
        let number = number.and_then(|number| number.parse().ok());
        number.unwrap_or_else(|| panic!("{name} in {page}"))
    }

    /// Audits that have ended.
    pub(crate) fn audits(&self) -> u64 {
        self.metric("tcpmon_audits_total")
    }

    /// Runs a client command with this agent's socket.
    pub(crate) fn client(&self, args: &[&str]) -> Ran {
        let socket = self.socket();
        let socket = socket.to_str().expect("UTF-8");
        run(&[args, &["--socket", socket]].concat())
    }

    /// What `tcpmon ls` answers.
    #[track_caller]
    pub(crate) fn ls(&self, filter: &str) -> Vec<SocketRow> {
        let text = self.client(&["ls", filter, "--output", "json"]).succeeded();
        let answer: Sockets = serde_json::from_str(&text).expect("sockets");
        assert_eq!(answer.matched, Some(answer.sockets.len() as u64));
        answer.sockets
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).expect("a process id"));
        kill(pid, signal).expect("it lives");
    }

    /// Waits for its end and returns its exit code.
    #[track_caller]
    pub(crate) fn code(&mut self) -> Option<i32> {
        self.process.code()
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lines()
    }

    /// Waits until it has logged a line with `part` in it.
    #[track_caller]
    pub(crate) fn logged(&self, part: &str) -> String {
        within(10, part, || {
            let lines = self.log();
            let line = lines.iter().find(|line| line.contains(part));
            line.cloned().ok_or_else(|| format!("{lines:#?}"))
        })
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the agent's log: {:#?}", self.log());
        }
    }
}

fn socket_in(place: &TempDir) -> PathBuf {
    Path::new(place.path()).join("tcpmon.sock")
}
