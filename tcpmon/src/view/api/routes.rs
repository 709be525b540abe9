//! Questions as paths, and paths as questions: the one place that server and client share.

use std::fmt;
use std::str::FromStr;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::core::filter::{Filter, FilterError};
use crate::core::query::{DEFAULT_ROWS, SCHEMA, SocketQuestion, SocketsQuestion, Sort, Wants};
use crate::core::recording;

const SUMMARY: &str = "/v1/summary";
const SOCKETS: &str = "/v1/sockets";
const EVENTS: &str = "/v1/events";
const ENDINGS: &str = "/v1/endings";
const NAMESPACES: &str = "/v1/namespaces";
const VERDICTS: &str = "/v1/verdicts";
const RECORD: &str = "/v1/record";
const PROCESSES: &str = "/v1/processes";
const PROCESS: &str = "/v1/process";
const LISTENERS: &str = "/v1/listeners";
const DESTINATIONS: &str = "/v1/destinations";
const SOCKET: &str = "/v1/socket";
const PICTURE: &str = "/v1/picture";

const FILTER: &str = "filter";
const SORT: &str = "sort";
const LIMIT: &str = "limit";
const PID: &str = "pid";
const COOKIE: &str = "cookie";
/// Of events: so many in a second.
const MOST: &str = "most";
/// Of a picture: how many of what, and whether.
const OF_SOCKETS: &str = "sockets";
const OF_PROCESSES: &str = "processes";
const OF_LISTENERS: &str = "listeners";
const OF_DESTINATIONS: &str = "destinations";
const OF_NAMESPACES: &str = "namespaces";
const OF_HISTORY: &str = "history";

/// What can be asked.
#[derive(Clone, Debug)]
pub enum Question {
    /// The machine at a glance.
    Summary,
    /// Sockets.
    Sockets(SocketsQuestion),
    /// One socket, and what the kernel says of it.
    Socket(SocketQuestion),
    /// All of a screen.
    Picture(Box<Wants>),
    /// Transitions from now on, at most so many in a second.
    Events(Filter, Option<u32>),
    /// Everything the table knows and is told of matching sockets, as a recording.
    Record(Filter),
    /// Connections that ended otherwise than in order.
    Endings,
    /// The network namespaces.
    Namespaces,
    /// What is wrong.
    Verdicts,
    /// The processes that own sockets, at most so many.
    Processes(Option<usize>),
    /// The listening sockets, at most so many.
    Listeners(usize),
    /// The destinations, at most so many.
    Destinations(usize),
    /// One of them, and what it was started with.
    Process(u32),
}

impl Question {
    /// Path and query of the request that asks this.
    #[must_use]
    pub fn target(&self) -> String {
        match self {
            Self::Summary => SUMMARY.to_owned(),
            Self::Endings => ENDINGS.to_owned(),
            Self::Namespaces => NAMESPACES.to_owned(),
            Self::Verdicts => VERDICTS.to_owned(),
            Self::Processes(None) => PROCESSES.to_owned(),
            Self::Processes(Some(limit)) => limited(PROCESSES, *limit),
            Self::Listeners(limit) => limited(LISTENERS, *limit),
            Self::Destinations(limit) => limited(DESTINATIONS, *limit),
            Self::Process(pid) => {
                let mut target = Target::new(PROCESS);
                target.add(PID, &pid.to_string());
                target.text
            }
            Self::Socket(question) => {
                let mut target = Target::new(SOCKET);
                target.number(COOKIE, Some(question.cookie));
                target.text
            }
            Self::Sockets(question) => {
                let mut target = Target::new(SOCKETS);
                target.sockets(question);
                target.number(LIMIT, question.limit);
                target.text
            }
            Self::Picture(wants) => {
                let mut target = Target::new(PICTURE);
                target.number(OF_PROCESSES, Some(wants.processes));
                target.number(OF_LISTENERS, wants.listeners);
                target.number(OF_DESTINATIONS, wants.destinations);
                target.number(OF_NAMESPACES, wants.namespaces.then_some(1));
                target.number(OF_HISTORY, wants.history.then_some(1));
                target.number(COOKIE, wants.socket.map(|socket| socket.cookie));
                if let Some(question) = &wants.sockets {
                    target.number(OF_SOCKETS, Some(question.limit.unwrap_or(usize::MAX)));
                    target.sockets(question);
                }
                target.text
            }
            Self::Events(filter, most) => {
                let mut target = Target::new(EVENTS);
                target.filter(filter);
                target.number(MOST, *most);
                target.text
            }
            Self::Record(filter) => {
                let mut target = Target::new(RECORD);
                target.filter(filter);
                target.text
            }
        }
    }

    /// The question that a request for `path` asks.
    ///
    /// # Errors
    ///
    /// There is no such path, or what the query says is not understood: nothing is ignored, since
    /// an ignored filter would show everything.
    pub fn parse(path: &str, query: Option<&str>) -> Result<Self, BadQuestion> {
        let known: &[&'static str] = match path {
            SUMMARY | ENDINGS | NAMESPACES | VERDICTS => &[],
            PROCESSES | LISTENERS | DESTINATIONS => &[LIMIT],
            PROCESS => &[PID],
            SOCKET => &[COOKIE],
            SOCKETS => &[FILTER, SORT, LIMIT],
            PICTURE => &[
                OF_PROCESSES,
                OF_LISTENERS,
                OF_DESTINATIONS,
                OF_NAMESPACES,
                OF_HISTORY,
                OF_SOCKETS,
                FILTER,
                SORT,
                COOKIE,
            ],
            EVENTS => &[FILTER, MOST],
            RECORD => &[FILTER],
            _ => return Err(BadQuestion::NoSuchPath),
        };
        let parameters = Parameters::parse(query.unwrap_or_default(), known)?;
        Ok(match path {
            SOCKETS => Self::Sockets(SocketsQuestion {
                filter: parameters.filter()?,
                sort: parameters.sort()?,
                limit: parameters.limit()?,
            }),
            SOCKET => Self::Socket(parameters.cookie()?.ok_or_else(no_cookie)?),
            PICTURE => Self::Picture(Box::new(parameters.wants()?)),
            EVENTS => Self::Events(parameters.filter()?, parameters.rows(MOST)?),
            RECORD => Self::Record(lasting(parameters.filter()?)?),
            ENDINGS => Self::Endings,
            NAMESPACES => Self::Namespaces,
            VERDICTS => Self::Verdicts,
            PROCESSES => Self::Processes(parameters.limit()?),
            LISTENERS => Self::Listeners(parameters.limit()?.unwrap_or(DEFAULT_ROWS)),
            DESTINATIONS => Self::Destinations(parameters.limit()?.unwrap_or(DEFAULT_ROWS)),
            PROCESS => Self::Process(parameters.pid()?),
            _ => Self::Summary,
        })
    }
}

/// Why a request asks nothing that can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadQuestion {
    /// Nothing is at that path.
    NoSuchPath,
    /// The query is not understood.
    Query(String),
    /// The filter is not understood.
    Filter(FilterError),
}

impl fmt::Display for BadQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchPath => write!(
                f,
                "there is nothing here; ask for {SUMMARY}, {SOCKETS}, {SOCKET}, {VERDICTS}, \
                 {EVENTS}, {ENDINGS}, {NAMESPACES}, {LISTENERS}, {DESTINATIONS}, {PROCESSES}, \
                 {PROCESS}, {PICTURE} or {RECORD}"
            ),
            Self::Query(message) => f.write_str(message),
            Self::Filter(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BadQuestion {}

/// The answer to a request that is not answered otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Why, in one sentence.
    pub error: String,
    /// Where in the filter, as a byte offset; `null` when it is not about the filter.
    pub position: Option<usize>,
}

impl Refusal {
    /// A refusal that is not about the filter.
    #[must_use]
    pub fn new(error: impl fmt::Display) -> Self {
        Self {
            schema: SCHEMA,
            error: error.to_string(),
            position: None,
        }
    }
}

impl From<&BadQuestion> for Refusal {
    fn from(bad: &BadQuestion) -> Self {
        let position = match bad {
            BadQuestion::Filter(error) => Some(error.position),
            BadQuestion::NoSuchPath | BadQuestion::Query(_) => None,
        };
        Self {
            position,
            ..Self::new(bad)
        }
    }
}

const fn sort_name(sort: Sort) -> &'static str {
    match sort {
        Sort::Age => "age",
        Sort::Newest => "newest",
    }
}

/// A filter that the same sockets match all the time.
fn lasting(filter: Filter) -> Result<Filter, BadQuestion> {
    match recording::refuse(&filter) {
        Some(sentence) => Err(BadQuestion::Query(sentence.to_owned())),
        None => Ok(filter),
    }
}

fn limited(path: &str, limit: usize) -> String {
    let mut target = Target::new(path);
    target.add(LIMIT, &limit.to_string());
    target.text
}

/// A path that gets its query.
struct Target {
    text: String,
    separator: char,
}

impl Target {
    fn new(path: &str) -> Self {
        Self {
            text: path.to_owned(),
            separator: '?',
        }
    }

    fn filter(&mut self, filter: &Filter) {
        if !filter.is_empty() {
            self.add(FILTER, &filter.to_string());
        }
    }

    /// Which sockets, and in which order.
    fn sockets(&mut self, question: &SocketsQuestion) {
        self.filter(&question.filter);
        if question.sort != Sort::default() {
            self.add(SORT, sort_name(question.sort));
        }
    }

    fn number(&mut self, name: &str, value: Option<impl fmt::Display>) {
        if let Some(value) = value {
            self.add(name, &value.to_string());
        }
    }

    fn add(&mut self, name: &str, value: &str) {
        self.text.push(self.separator);
        self.separator = '&';
        self.text.push_str(name);
        self.text.push('=');
        self.text
            .extend(utf8_percent_encode(value, NON_ALPHANUMERIC));
    }
}

/// The query of a request.
struct Parameters(Vec<(&'static str, String)>);

impl Parameters {
    fn parse(query: &str, known: &[&'static str]) -> Result<Self, BadQuestion> {
        let mut parameters = Self(Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            let Some(known_name) = known.iter().find(|known| **known == name) else {
                return Err(unknown(&name, known));
            };
            if parameters.get(known_name).is_some() {
                return Err(BadQuestion::Query(format!("{name} is there twice")));
            }
            parameters.0.push((known_name, value));
        }
        Ok(parameters)
    }

    fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| *known == name)?;
        Some(value)
    }

    fn filter(&self) -> Result<Filter, BadQuestion> {
        let text = self.get(FILTER).unwrap_or_default();
        text.parse().map_err(BadQuestion::Filter)
    }

    fn sort(&self) -> Result<Sort, BadQuestion> {
        let Some(value) = self.get(SORT) else {
            return Ok(Sort::default());
        };
        [Sort::Age, Sort::Newest]
            .into_iter()
            .find(|sort| sort_name(*sort) == value)
            .ok_or_else(|| BadQuestion::Query(format!("{SORT} is age or newest, not {value:?}")))
    }

    fn pid(&self) -> Result<u32, BadQuestion> {
        let value = self.get(PID).unwrap_or_default();
        value.parse().map_err(|_| {
            BadQuestion::Query(format!("{PID} is the number of a process, not {value:?}"))
        })
    }

    fn limit(&self) -> Result<Option<usize>, BadQuestion> {
        self.rows(LIMIT)
    }

    /// A number of rows; `None` when nothing is said of it.
    fn rows<N: FromStr>(&self, name: &str) -> Result<Option<N>, BadQuestion> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let rows = value.parse();
        rows.map(Some)
            .map_err(|_| BadQuestion::Query(format!("{name} is a number of rows, not {value:?}")))
    }

    fn cookie(&self) -> Result<Option<SocketQuestion>, BadQuestion> {
        let Some(value) = self.get(COOKIE) else {
            return Ok(None);
        };
        let cookie = value.parse().map_err(|_| no_cookie())?;
        Ok(Some(SocketQuestion { cookie }))
    }

    fn wants(&self) -> Result<Wants, BadQuestion> {
        let limit: Option<usize> = self.rows(OF_SOCKETS)?;
        let question = SocketsQuestion {
            filter: self.filter()?,
            sort: self.sort()?,
            limit,
        };
        if limit.is_none() && question != SocketsQuestion::default() {
            let sentence = format!("{FILTER} and {SORT} are of sockets: say how many {OF_SOCKETS}");
            return Err(BadQuestion::Query(sentence));
        }
        let is_wanted = |name| {
            let wanted: Option<u8> = self.rows(name)?;
            Ok(wanted.is_some_and(|wanted| wanted > 0))
        };
        Ok(Wants {
            sockets: limit.map(|_| question),
            socket: self.cookie()?,
            processes: self.rows(OF_PROCESSES)?.unwrap_or(0),
            listeners: self.rows(OF_LISTENERS)?,
            destinations: self.rows(OF_DESTINATIONS)?,
            namespaces: is_wanted(OF_NAMESPACES)?,
            history: is_wanted(OF_HISTORY)?,
        })
    }
}

fn no_cookie() -> BadQuestion {
    BadQuestion::Query(format!(
        "{COOKIE} is the number of a socket, as the rows of {SOCKETS} have it"
    ))
}

fn unknown(name: &str, known: &[&str]) -> BadQuestion {
    BadQuestion::Query(match known {
        [] => format!("nothing can be chosen here, not {name:?} either"),
        _ => format!("there is no {name:?}; choose by {}", known.join(", ")),
    })
}

/// Percent-escapes, and `+` for a space as in HTML forms.
fn decode(text: &str) -> Result<String, BadQuestion> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    match decoded {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(BadQuestion::Query(
            "the query is not UTF-8 behind its percent-escapes".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests;
