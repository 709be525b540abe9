//! Questions as paths, and paths as questions: the one place that server and client share.

use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::core::filter::{Filter, FilterError};
use crate::core::query::{DEFAULT_ROWS, SCHEMA, SocketsQuestion, Sort};
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

const FILTER: &str = "filter";
const SORT: &str = "sort";
const LIMIT: &str = "limit";
const PID: &str = "pid";

/// What can be asked.
#[derive(Clone, Debug)]
pub enum Question {
    /// The machine at a glance.
    Summary,
    /// Sockets.
    Sockets(SocketsQuestion),
    /// Transitions from now on.
    Events(Filter),
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
            Self::Sockets(question) => {
                let mut target = Target::new(SOCKETS);
                target.filter(&question.filter);
                if question.sort != Sort::default() {
                    target.add(SORT, sort_name(question.sort));
                }
                if let Some(limit) = question.limit {
                    target.add(LIMIT, &limit.to_string());
                }
                target.text
            }
            Self::Events(filter) => filtered(EVENTS, filter),
            Self::Record(filter) => filtered(RECORD, filter),
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
            SOCKETS => &[FILTER, SORT, LIMIT],
            EVENTS | RECORD => &[FILTER],
            _ => return Err(BadQuestion::NoSuchPath),
        };
        let parameters = Parameters::parse(query.unwrap_or_default(), known)?;
        Ok(match path {
            SOCKETS => Self::Sockets(SocketsQuestion {
                filter: parameters.filter()?,
                sort: parameters.sort()?,
                limit: parameters.limit()?,
            }),
            EVENTS => Self::Events(parameters.filter()?),
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
                "there is nothing here; ask for {SUMMARY}, {SOCKETS}, {VERDICTS}, {EVENTS}, \
                 {ENDINGS}, {NAMESPACES}, {LISTENERS}, {DESTINATIONS}, {PROCESSES}, {PROCESS} or {RECORD}"
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

fn filtered(path: &str, filter: &Filter) -> String {
    let mut target = Target::new(path);
    target.filter(filter);
    target.text
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
        let Some(value) = self.get(LIMIT) else {
            return Ok(None);
        };
        let limit = value.parse();
        limit
            .map(Some)
            .map_err(|_| BadQuestion::Query(format!("{LIMIT} is a number of rows, not {value:?}")))
    }
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(target: &str) -> Result<Question, BadQuestion> {
        match target.split_once('?') {
            Some((path, query)) => Question::parse(path, Some(query)),
            None => Question::parse(target, None),
        }
    }

    fn sentence(target: &str) -> String {
        parse(target).expect_err(target).to_string()
    }

    #[test]
    fn a_plain_question_is_a_plain_path() {
        assert_eq!(Question::Summary.target(), "/v1/summary");
        let all = Question::Sockets(SocketsQuestion::default());
        assert_eq!(all.target(), "/v1/sockets");
        assert_eq!(Question::Events(Filter::default()).target(), "/v1/events");
        assert_eq!(Question::Process(17).target(), "/v1/process?pid=17");
        assert!(matches!(
            parse("/v1/process?pid=17"),
            Ok(Question::Process(17))
        ));
        assert_eq!(Question::Listeners(5).target(), "/v1/listeners?limit=5");
        assert!(matches!(
            parse("/v1/listeners?limit=5"),
            Ok(Question::Listeners(5))
        ));
        assert!(matches!(
            parse("/v1/destinations"),
            Ok(Question::Destinations(DEFAULT_ROWS))
        ));
        assert!(matches!(
            parse("/v1/processes"),
            Ok(Question::Processes(None))
        ));
    }

    #[test]
    fn what_people_write_is_understood() {
        for target in [
            "/v1/sockets?filter=state%20close-wait%20and%20dport%20=%20:443&sort=newest&limit=10",
            "/v1/sockets?limit=10&&sort=newest&filter=state+close-wait+and+dport+%3D+%3A443",
        ] {
            let Ok(Question::Sockets(question)) = parse(target) else {
                panic!("{target}");
            };
            let filter = question.filter.to_string();
            assert_eq!(filter, "state close-wait and dport = :443");
            assert_eq!((question.sort, question.limit), (Sort::Newest, Some(10)));
        }
    }

    #[test]
    fn nothing_is_ignored() {
        for (target, expected) in [
            (
                "/",
                "there is nothing here; ask for /v1/summary, /v1/sockets, /v1/verdicts, \
                 /v1/events, /v1/endings, /v1/namespaces, /v1/listeners, /v1/destinations, \
                 /v1/processes, /v1/process or /v1/record",
            ),
            ("/v1/process", "pid is the number of a process, not \"\""),
            (
                "/v1/process?pid=-1",
                "pid is the number of a process, not \"-1\"",
            ),
            (
                "/v1/processes?pid=1",
                "there is no \"pid\"; choose by limit",
            ),
            (
                "/v1/summary?filter=",
                "nothing can be chosen here, not \"filter\" either",
            ),
            (
                "/v1/events?filters=pid=1",
                "there is no \"filters\"; choose by filter",
            ),
            (
                "/v1/record?filter=age+%3E+5m",
                recording::refuse(&"age > 5m".parse().unwrap()).unwrap(),
            ),
            (
                "/v1/sockets?sort=size",
                "sort is age or newest, not \"size\"",
            ),
            (
                "/v1/sockets?limit=-1",
                "limit is a number of rows, not \"-1\"",
            ),
            ("/v1/sockets?limit", "limit is a number of rows, not \"\""),
            ("/v1/sockets?limit=1&limit=2", "limit is there twice"),
            (
                "/v1/sockets?filter=%ff",
                "the query is not UTF-8 behind its percent-escapes",
            ),
        ] {
            assert_eq!(sentence(target), expected);
        }
    }

    #[test]
    fn a_filter_error_has_its_place() {
        let bad = parse("/v1/sockets?filter=pid+%3D+1+and+stat+x").expect_err("no filter");
        let refusal = Refusal::from(&bad);
        assert_eq!(refusal.position, Some(12));
        assert!(refusal.error.starts_with("filter: "), "{}", refusal.error);
    }

    fn question() -> impl Strategy<Value = SocketsQuestion> {
        let text = "(state (listening|close-wait)|pid > [0-9]{1,5}|unit ~ \"[a-z&=+%#? é]{1,9}\")";
        let sort = prop_oneof![Just(Sort::Age), Just(Sort::Newest)];
        let filter = text.prop_map(|text| text.parse().expect("a filter"));
        (filter, sort, any::<Option<usize>>()).prop_map(|(filter, sort, limit)| SocketsQuestion {
            filter,
            sort,
            limit,
        })
    }

    proptest! {
        #[test]
        fn what_is_sent_is_what_arrives(sent in question()) {
            let target = Question::Sockets(sent.clone()).target();
            let Ok(Question::Sockets(got)) = parse(&target) else {
                panic!("{target}");
            };
            prop_assert_eq!(got.filter, sent.filter.clone());
            prop_assert_eq!((got.sort, got.limit), (sent.sort, sent.limit));
            let target = Question::Events(sent.filter.clone()).target();
            let Ok(Question::Events(got)) = parse(&target) else {
                panic!("{target}");
            };
            prop_assert_eq!(got, sent.filter.clone());
            let target = Question::Record(sent.filter.clone()).target();
            match parse(&target) {
                Ok(Question::Record(got)) => prop_assert_eq!(got, sent.filter),
                _ => prop_assert!(sent.filter.changes_with_time()),
            }
        }

        #[test]
        fn any_target_is_a_question_or_an_error(query in ".{0,99}") {
            for path in [SUMMARY, SOCKETS, EVENTS, RECORD] {
                drop(Question::parse(path, Some(&query)));
            }
        }
    }
}
