//! Who answers which letter.

use super::Agent;
use crate::mailbox::Letter;

impl Agent {
    pub(super) fn answer(&mut self, letter: Letter) {
        // Whoever asked may have gone; then nobody misses the answer.
        match letter {
            Letter::Summary(answer) => drop(answer.send(self.summary())),
            Letter::Picture(wants, answer) => drop(answer.send(Box::new(self.picture(&wants)))),
            Letter::Socket(question, answer) => self.ask_for_socket(question, answer),
            Letter::Sockets(question, answer) => {
                let now_ns = self.catch_up();
                drop(answer.send(self.table.sockets(&question, now_ns)));
            }
            Letter::Endings(answer) => drop(answer.send(self.endings())),
            Letter::Namespaces(answer) => {
                drop(answer.send(self.table.namespaces_and_machine()));
            }
            Letter::Verdicts(answer) => drop(answer.send(self.verdicts())),
            Letter::Processes(limit, answer) => drop(answer.send(self.processes(limit))),
            Letter::Listeners(limit, answer) => {
                let now_ns = self.catch_up();
                drop(answer.send(self.table.listener_rows(limit, now_ns)));
            }
            Letter::Destinations(limit, answer) => {
                drop(answer.send(self.table.destination_rows(limit)));
            }
            Letter::Process(pid, answer) => self.ask_for_process(pid, answer),
            Letter::Snapshot(answer) => drop(answer.send(Box::new(self.snapshot()))),
            Letter::Census(answer) => {
                self.censuses.add(answer);
                self.count_on();
            }
            Letter::Watch(filter, most, rows) => self.watchers.add(filter, most, rows),
            Letter::Record(filter, batches, answer) => self.record(filter, batches, answer),
            Letter::Ready(answer) => drop(answer.send(self.audits.count > 0)),
        }
    }
}
