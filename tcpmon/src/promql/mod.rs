//! Asks a Prometheus-compatible server over its HTTP API: `/api/v1/query` and `/api/v1/query_range`
//! alone, as Prometheus, Thanos, Mimir and VictoriaMetrics have them.

mod answer;
mod config;
mod error;
mod fleet;
#[cfg(any(test, fuzzing))]
pub mod fuzz;

use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode, Uri, header};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::OnceCell;
use tokio::time::timeout;

pub use error::QueryError;

use answer::Data;
use config::HttpConfig;
use error::Address;

use crate::core::fleet::{Course, Rules, Sample};
use crate::failure::Failure;

/// An answer has at most so many bytes; a series takes about 200.
const ANSWER_LIMIT: usize = 1 << 28;

/// Where the server is and how to ask it.
#[derive(Clone, Debug)]
pub struct Options {
    /// `http://host:9090`, with the path where the API is below one.
    pub url: String,
    /// A file in the format of Prometheus' `http_config`.
    pub config: Option<PathBuf>,
    /// Time for each answer.
    pub timeout: Duration,
}

/// A server. Connections are kept and used again.
#[derive(Debug)]
pub struct Server {
    address: Address,
    base: String,
    config: HttpConfig,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
    rules: OnceCell<Rules>,
}

impl Server {
    /// A server to be asked. Connects when it is asked something.
    ///
    /// # Errors
    ///
    /// The URL or the file cannot be used.
    pub fn new(options: &Options) -> anyhow::Result<Self> {
        let base = base(&options.url)?;
        let config = match &options.config {
            Some(path) => HttpConfig::read(path)?,
            None => HttpConfig::default(),
        };
        let connector = config.connector()?;
        Ok(Self {
            address: Address(base.clone()),
            base,
            config,
            client: Client::builder(TokioExecutor::new()).build(connector),
            timeout: options.timeout,
            rules: OnceCell::new(),
        })
    }

    /// The series that `query` selects or makes now, and the server's time in seconds since 1970.
    async fn instant(&self, query: &str) -> Result<(f64, Vec<Sample>), QueryError> {
        let timeout = self.timeout.as_secs_f64().to_string();
        let form = [("query", query), ("timeout", &timeout)];
        match self.post("/api/v1/query", &form).await? {
            Data::Vector(items) => Ok(answer::samples(items)),
            other => Err(self.unexpected(&other)),
        }
    }

    /// The courses of what `query` selects, over the `seconds` before `end`.
    async fn range(
        &self,
        query: &str,
        end: f64,
        seconds: f64,
        step: f64,
    ) -> Result<Vec<Course>, QueryError> {
        let [start, end, step, timeout] =
            [end - seconds, end, step, self.timeout.as_secs_f64()].map(|number| number.to_string());
        let form = [
            ("query", query),
            ("start", &start),
            ("end", &end),
            ("step", &step),
            ("timeout", &timeout),
        ];
        match self.post("/api/v1/query_range", &form).await? {
            Data::Matrix(items) => Ok(answer::courses(items)),
            other => Err(self.unexpected(&other)),
        }
    }

    fn unexpected(&self, data: &Data) -> QueryError {
        let why = format!("it answered with a {}", data.kind());
        QueryError::NotPrometheus(self.address.clone(), why)
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<Data, QueryError> {
        let answered = timeout(self.timeout, self.exchange(path, form)).await;
        let (status, body) =
            answered.unwrap_or_else(|_| Err(QueryError::late(&self.address, self.timeout)))?;
        answer::decode(&body, status, &self.address)
    }

    async fn exchange(
        &self,
        path: &str,
        form: &[(&str, &str)],
    ) -> Result<(StatusCode, Bytes), QueryError> {
        let unusable = |why: String| QueryError::Unusable(self.address.clone(), why);
        let mut request = Request::post(format!("{}{path}", self.base))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .header(
                header::USER_AGENT,
                concat!("tcpmon/", env!("CARGO_PKG_VERSION")),
            );
        // Read anew each time: tokens are replaced while a screen is open.
        if let Some(value) = self.config.authorization().map_err(unusable)? {
            request = request.header(header::AUTHORIZATION, value);
        }
        let request = request
            .body(Full::from(encode(form)))
            .map_err(|error| unusable(error.to_string()))?;
        let response = self.client.request(request).await;
        let response = response.map_err(|error| QueryError::unreachable(&self.address, &error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_LIMIT);
        let body = body.collect().await;
        let body = body.map_err(|error| QueryError::broken_off(&self.address, &*error))?;
        Ok((status, body.to_bytes()))
    }
}

/// The URL without the slash at its end.
fn base(url: &str) -> anyhow::Result<String> {
    let refused = |why: &str| {
        let example = "write http://host:9090, or with the path that the API is below";
        Failure::usage(format!("--prometheus: {why}: {example}"))
    };
    let uri: Uri = url
        .parse()
        .map_err(|error| refused(&format!("this is no URL ({error})")))?;
    let authority = uri
        .authority()
        .ok_or_else(|| refused("this is no URL, there is no host in it"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(refused("the URL begins with neither http:// nor https://").into());
    }
    // What is on the command line, everybody on the machine can read.
    if authority.as_str().contains('@') {
        return Err(Failure::usage(
            "--prometheus: the URL has a user in it, which everybody on this machine can read: put \
             it into a file and name that with --prometheus.config",
        )
        .into());
    }
    if uri.query().is_some() {
        return Err(refused("the URL has a question mark in it").into());
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// A form as browsers send it.
fn encode(form: &[(&str, &str)]) -> String {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    let fields = form.iter().map(|(name, value)| {
        let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
        format!("{name}={value}")
    });
    fields.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests;
