//! A peer at the other end of a cable.

use std::process::Command;

use super::program::Program;
use crate::place::Namespace;
use crate::world::Home;

/// Address of the calling thread's end.
pub(super) const NEAR: &str = "10.9.0.1";
/// Address of the other end.
pub(super) const FAR: &str = "10.9.0.2";
/// In the same network, and nobody has it.
pub(super) const NOBODY: &str = "10.9.0.99";

const NEAR_MAC: &str = "02:00:00:09:00:01";
const FAR_MAC: &str = "02:00:00:09:00:02";
const NO_MAC: &str = "02:00:00:09:00:63";

/// A cable from the namespace of the calling thread to another, and a server at its far end.
pub(super) struct Link {
    far: Home,
    pub(super) server: Program,
}

impl Link {
    /// Makes one. Everybody's hardware address is known for good: who falls silent is not asked after.
    pub(super) fn make() -> Self {
        let far = Home::fresh();
        let listens = ["careful", "--address", "0.0.0.0"];
        let server = far.visit(|| Program::python("server.py", &listens));
        let pid = server.pid().to_string();
        ip(&format!(
            "link add near0 address {NEAR_MAC} type veth peer name far0 address {FAR_MAC} netns {pid}"
        ));
        far.visit(|| {
            ip(&format!("addr add {FAR}/24 dev far0"));
            ip("link set far0 up");
            ip(&format!(
                "neigh replace {NEAR} lladdr {NEAR_MAC} dev far0 nud permanent"
            ));
        });
        ip(&format!("addr add {NEAR}/24 dev near0"));
        ip("link set near0 up");
        ip(&format!(
            "neigh replace {FAR} lladdr {FAR_MAC} dev near0 nud permanent"
        ));
        ip(&format!(
            "neigh replace {NOBODY} lladdr {NO_MAC} dev near0 nud permanent"
        ));
        // Nobody waits for the orphans of a scene that is over.
        Namespace::current().set("ipv4/tcp_orphan_retries", "1");
        Self { far, server }
    }

    /// The far end drops whatever comes, without a word.
    pub(super) fn silence(&self) {
        self.far
            .visit(|| ip(&format!("addr del {FAR}/24 dev far0")));
    }

    /// Runs `body` at the far end.
    pub(super) fn over_there<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        self.far.visit(body)
    }
}

/// Runs `ip` in the namespace of the calling thread.
#[track_caller]
pub(super) fn ip(words: &str) {
    let output = Command::new("ip")
        .args(words.split(' '))
        .output()
        .expect("iproute2 is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {words}: {said}");
}
