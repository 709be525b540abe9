//! An owner that knows the answers by heart.

use tokio::sync::mpsc;

use crate::core::query::{EventRow, SocketsQuestion};
use crate::mailbox::{Letter, Mailbox};
use crate::view::export;
use crate::view::fixture;

/// A mailbox whose owner has [`fixture`]s, and has done its first audit or not. A watcher gets one
/// event and then waits.
pub(crate) fn owner(is_ready: bool) -> Mailbox {
    let (mailbox, mut letters) = Mailbox::new();
    tokio::spawn(async move {
        let mut watchers: Vec<mpsc::Sender<EventRow>> = Vec::new();
        while let Some(letter) = letters.recv().await {
            match letter {
                Letter::Summary(answer) => drop(answer.send(fixture::summary())),
                Letter::Picture(wants, answer) => {
                    drop(answer.send(Box::new(fixture::picture(&wants))));
                }
                Letter::Socket(_, answer) => drop(answer.send(fixture::socket_answer())),
                Letter::Sockets(question, answer) => drop(answer.send(sockets(&question))),
                Letter::Endings(answer) => drop(answer.send(fixture::endings())),
                Letter::Namespaces(answer) => drop(answer.send(fixture::namespaces())),
                Letter::Verdicts(answer) => drop(answer.send(fixture::verdicts())),
                Letter::Processes(_, answer) => drop(answer.send(fixture::processes())),
                Letter::Listeners(_, answer) => drop(answer.send(fixture::listeners())),
                Letter::Destinations(_, answer) => drop(answer.send(fixture::destinations())),
                Letter::Process(pid, answer) => drop(answer.send(fixture::process(pid))),
                Letter::Census(answer) => {
                    let snapshot = Box::new(export::fixture::snapshot());
                    drop(answer.send((snapshot, Box::new(export::fixture::census()))));
                }
                Letter::Snapshot(answer) => {
                    drop(answer.send(Box::new(export::fixture::snapshot())));
                }
                Letter::Record(_, batches, answer) => {
                    drop(answer.send(fixture::recording_header()));
                    batches.send(fixture::batch()).await.ok();
                }
                Letter::Ready(answer) => drop(answer.send(is_ready)),
                Letter::Watch(_, _, rows) => {
                    rows.send(fixture::event()).await.ok();
                    watchers.push(rows);
                }
            }
        }
    });
    mailbox
}

fn sockets(question: &SocketsQuestion) -> crate::core::query::Sockets {
    fixture::sockets(fixture::rows(question.limit.unwrap_or(3)))
}
