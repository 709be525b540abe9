//! Trouble that tests make.

use std::net::TcpStream;

use tcpmon::core::verdict::Kind;
use tempfile::TempDir;

use crate::net::ANY_PORT;
use crate::puppet::Puppet;
use crate::running::Agent;

/// A server called `name` that accepts connections whose peers leave, and closes none; and its port.
pub(crate) fn leak(name: &str, connections: usize) -> (Puppet, u16) {
    let mut leaky = Puppet::start(name);
    let port: u16 = leaky.ask("listen").parse().expect("a port");
    for _ in 0..connections {
        let client = TcpStream::connect((ANY_PORT.ip(), port)).expect("connects");
        leaky.ask("accept");
        drop(client);
    }
    (leaky, port)
}

/// An agent that calls a leak of the server `name` one at once, and soon says that it is over. It judges
/// nobody else: other tests leak, too.
pub(crate) fn impatient(place: &TempDir, name: &str) -> Agent {
    let mut text = String::from(
        "[audit]\ninterval = \"1s\"\n\
         [verdicts]\nfall = \"1s\"\n\
         [verdicts.close_wait]\nage = \"20days\"\nleak_age = \"20days\"\n",
    );
    for kind in Kind::ALL {
        if kind != Kind::CloseWaitLeak {
            text.push_str(&format!(
                "[[verdicts.ignore]]\nverdict = \"{}\"\n",
                kind.name()
            ));
        }
    }
    text.push_str(&format!(
        "[[verdicts.override]]\nprocess = \"{name}\"\n\
         close_wait.age = \"200ms\"\nclose_wait.leak_age = \"500ms\"\n",
    ));
    let file = place.path().join("impatient.toml");
    std::fs::write(&file, text).expect("written");
    Agent::start(&["--config", file.to_str().expect("UTF-8")])
}
