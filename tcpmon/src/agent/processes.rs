//! Questions about processes. What is on record is answered at once; a command line is not kept, and
//! the sweeper is asked for it.

use tokio::sync::oneshot::Sender;

use super::Agent;
use crate::clock;
use crate::core::facts::{CommandLine, ProcessFact};
use crate::core::query::{ProcessAnswer, Processes, SCHEMA};
use crate::source::sweep::Job;

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
        if self.asked_processes.add(pid, answer) && self.jobs.send(Job::Process(pid)).is_err() {
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
        for answer in self.asked_processes.take(&pid) {
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
