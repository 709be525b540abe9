//! `tcpmon top` in a terminal, with a real agent and real sockets.

use std::path::Path;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::net::{listener, pair};
use crate::place::in_namespace;
use crate::planted::{impatient, leak};
use crate::running::Agent;
use crate::tmux::{Terminal, keep};
use crate::world::{check, in_workplace, within};

const TOP: &str = env!("CARGO_BIN_EXE_tcpmon");

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn a_leak_is_three_keys_away_from_its_oldest_socket_and_the_advice() {
    in_namespace(|_| {
        let place = TempDir::new().expect("a directory");
        let agent = impatient(&place, "leaky");
        in_workplace(|_| {
            let (leaky, port) = leak("leaky", 12);
            let socket = agent.socket();
            let top = [TOP, "top", "--socket", text(&socket)];
            let Some(terminal) = Terminal::start((100, 30), &top) else {
                return;
            };
            let who = format!("leaky[{}]", leaky.pid());
            let sentence = format!("{who} has not closed 12 connections");
            // Other tests of this machine may be in worse trouble, and stand above or come in between.
            let page = within(30, "the page of the leak", || {
                let screen = terminal.screen();
                let selected = screen.lines().find(|line| line.starts_with('▸'));
                match selected {
                    Some(line) if line.contains(&sentence) => {
                        keep("1-overview.txt", &screen);
                        terminal.press(&["Enter"]);
                    }
                    Some(_) => terminal.press(&["Down"]),
                    None => {}
                }
                let page = terminal.screen();
                let is_open = page.contains("Overview › close_wait_leak");
                check(is_open, || format!("\n{page}"))?;
                let is_ours = page.contains(&sentence) && page.contains("evidence");
                if !is_ours {
                    terminal.press(&["Escape"]);
                }
                check(is_ours, || format!("\n{page}"))?;
                Ok(page)
            });
            keep("2-verdict.txt", &page);
            terminal.press(&["Enter"]);
            let oldest = format!("127.0.0.1:{port}");
            let list = terminal.shows(&["its sockets", "oldest first", "of 12", &oldest]);
            keep("3-sockets.txt", &list);
            terminal.press(&["Enter"]);
            let owner = format!("{who}: it holds the descriptor");
            let run = format!("ls -l /proc/{}/fd/", leaky.pid());
            let advice = "close() when read() returns 0";
            let how = "ESTABLISHED → CLOSE_WAIT: ";
            let page = terminal.shows(&[&owner, "descriptor  fd ", how, &run, advice]);
            keep("4-socket.txt", &page);
            // What the kernel says of the connection stands further down, and may come a second later.
            within(30, "the connection", || {
                terminal.press(&["NPage"]);
                let page = terminal.screen();
                let parts = ["The connection, as the kernel has it now", "path MTU"];
                let is_there = parts.iter().all(|part| page.contains(part));
                check(is_there, || format!("\n{page}"))
            });
            terminal.press(&["Escape"]);
            terminal.shows(&["oldest first"]);
            terminal.press(&["8"]);
            keep(
                "5-diagram.txt",
                &terminal.shows(&["CLOSE_WAIT", "8 Diagram"]),
            );
            terminal.press(&["q"]);
        });
    });
}

#[test]
fn an_agent_that_comes_back_is_found_again() {
    in_namespace(|_| {
        let mut agent = Agent::start(&[]);
        let (place, socket) = (agent.place(), agent.socket());
        let top = [TOP, "top", "--socket", text(&socket)];
        let Some(terminal) = Terminal::start((100, 30), &top) else {
            return;
        };
        // The agent's answer, and not only the frame around it: what never came cannot be stale.
        terminal.shows(&["what is wrong", "LISTEN", "tp_btf"]);
        terminal.press(&["7"]);
        terminal.shows(&["events, newest first"]);
        agent.signal(Signal::SIGTERM);
        assert_eq!(agent.code(), Some(0));
        terminal.shows(&["STALE", "! "]);
        let _agent = agent.home().visit(|| Agent::start_in(place, &[]));
        terminal.hides("STALE");
        let listener = listener();
        // The stream is asked for again about a second after it broke off.
        within(20, "a transition on the screen", || {
            drop(pair(&listener));
            let screen = terminal.screen();
            let is_shown = screen.contains("SYN_SENT → ESTABLISHED");
            check(is_shown, || format!("\n{screen}"))
        });
    });
}

#[test]
fn the_terminal_is_given_back_and_fits_every_size() {
    in_namespace(|_| {
        let agent = Agent::start(&[]);
        let socket = agent.socket();
        let Some(terminal) = Terminal::start((100, 30), &["/bin/sh", "-i"]) else {
            return;
        };
        let top = format!("{TOP} top --socket {}", text(&socket));
        terminal.press(&[&top, "Enter"]);
        terminal.shows(&["what is wrong"]);
        terminal.resize(60, 12);
        terminal.shows(&["1 Over"]);
        terminal.resize(40, 10);
        terminal.shows(&["terminal too small", "need 60x12, have 40x10"]);
        terminal.resize(120, 40);
        terminal.shows(&["1 Overview", "nearest limits"]);
        terminal.press(&["C-z"]);
        terminal.shows(&["Stopped"]);
        terminal.press(&["stty -a | grep -o ' icanon' && fg", "Enter"]);
        terminal.shows(&["what is wrong"]);
        terminal.press(&["q"]);
        terminal.hides("what is wrong");
        terminal.press(&[
            "stty -a | grep -o ' echo ' && echo all is $((40 + 2))",
            "Enter",
        ]);
        terminal.shows(&["all is 42", " icanon"]);
    });
}
