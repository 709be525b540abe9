//! As much of HTTP/1.1 as it takes to ask the agent: one connection for any number of questions, so
//! that asking changes no TCP state.

use std::io::{BufRead as _, BufReader, Read, Write};

/// A connection to the agent.
pub(crate) struct Http<S>(BufReader<S>);

/// An answer.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Page {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(known, _)| known == name);
        header.map(|(_, value)| value.as_str())
    }
}

impl<S: Read + Write> Http<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self(BufReader::new(stream))
    }

    /// The answer to `GET`.
    pub(crate) fn get(&mut self, path: &str) -> Page {
        self.ask("GET", path)
    }

    /// The answer, whose length the agent has to say.
    pub(crate) fn ask(&mut self, method: &str, path: &str) -> Page {
        self.send(method, path, "")
    }

    /// As [`Http::ask`], with a body.
    pub(crate) fn send(&mut self, method: &str, path: &str, body: &str) -> Page {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.0
            .get_mut()
            .write_all(request.as_bytes())
            .expect("asks");
        let status = self.line();
        let status = status.split(' ').nth(1).expect("a status line");
        let status = status.parse().expect("a status");
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut page = Page {
            status,
            headers,
            body: String::new(),
        };
        let length = page.header("content-length").expect("a length");
        let mut body = vec![0; length.parse().expect("a number")];
        self.0.read_exact(&mut body).expect("the whole answer");
        page.body = String::from_utf8(body).expect("UTF-8");
        page
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("an answer");
        line.trim_end().to_owned()
    }
}
