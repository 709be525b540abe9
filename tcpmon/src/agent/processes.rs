//! Questions about processes. What is on record is answered at once; a command line is not kept, and
//! the sweeper is asked for it.

use tokio::sync::oneshot::Sender;

use super::Agent;
use crate::clock;
use crate::core::facts::{CommandLine, ProcessFact};
use crate::core::query::{ProcessAnswer, Processes, SCHEMA};
use crate::source::sweep::Job;

/// Who waits for the sweeper's word on which process.
#[derive(Default)]
pub(super) struct Asked(Vec<(u32, Sender<ProcessAnswer>)>);

impl Asked {
    /// Takes a question; `true` when nobody is waiting for the same answer already.
    fn add(&mut self, pid: u32, answer: Sender<ProcessAnswer>) -> bool {
        self.0.retain(|(_, answer)| !answer.is_closed());
        let is_first = self.0.iter().all(|(asked, _)| *asked != pid);
        self.0.push((pid, answer));
        is_first
    }

    fn take(&mut self, pid: u32) -> impl Iterator<Item = Sender<ProcessAnswer>> + use<> {
        let answered = self.0.extract_if(.., |(asked, _)| *asked == pid);
        let answered: Vec<_> = answered.map(|(_, answer)| answer).collect();
        answered.into_iter()
    }
}

impl Agent {
    pub(super) fn processes(&mut self, limit: Option<usize>) -> Processes {
        let now_ns = self.catch_up();
        self.table.process_rows(limit, now_ns)
    }

    /// Only processes that own sockets are anybody's business here.
    pub(super) fn ask_for_process(&mut self, pid: u32, answer: Sender<ProcessAnswer>) {
        self.drain();
        if !self.table.owns_sockets(pid) {
            drop(answer.send(self.process_answer(pid, None)));
            return;
        }
        if self.asked.add(pid, answer) && self.jobs.send(Job::Process(pid)).is_err() {
            self.tell(pid, None);
        }
    }

    pub(super) fn answer_process(&mut self, fact: ProcessFact, line: Option<CommandLine>) {
        let pid = fact.pid;
        self.table.describe_processes(&[fact]);
        self.tell(pid, line);
    }

    fn tell(&mut self, pid: u32, line: Option<CommandLine>) {
        let told = self.process_answer(pid, line);
        for answer in self.asked.take(pid) {
            drop(answer.send(told.clone()));
        }
    }

    fn process_answer(&self, pid: u32, line: Option<CommandLine>) -> ProcessAnswer {
        let process = self.table.process_row(pid, clock::boottime_ns());
        // One that ended meanwhile, or another with its pid, is not who was asked for.
        let line = line.filter(|_| process.is_some());
        ProcessAnswer {
            schema: SCHEMA,
            command_line_truncated: line.as_ref().is_some_and(|line| line.truncated),
            command_line: line.map(|line| line.arguments),
            process,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn the_sweeper_is_asked_once_and_everybody_is_told() {
        let mut asked = Asked::default();
        let (first, _waits) = oneshot::channel();
        let (second, _waits_too) = oneshot::channel();
        let (other, _waits_for_another) = oneshot::channel();
        assert!(asked.add(7, first) && !asked.add(7, second) && asked.add(8, other));
        assert_eq!(asked.take(7).count(), 2);
        assert_eq!((asked.take(7).count(), asked.take(8).count()), (0, 1));
    }

    #[test]
    fn who_left_is_forgotten() {
        let mut asked = Asked::default();
        for pid in 0..100 {
            let (answer, waits) = oneshot::channel();
            assert!(asked.add(pid, answer));
            drop(waits);
        }
        assert_eq!(asked.0.len(), 1);
    }
}
