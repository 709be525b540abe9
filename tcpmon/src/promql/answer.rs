//! What the API answers, decoded. Total: any bytes are an answer or an error.

use hyper::StatusCode;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::error::{Address, QueryError};
use crate::core::fleet::{Course, Labels, Sample};

/// A moment in seconds since 1970 and a value, which is text because JSON has no infinity.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(super) struct Point(f64, String);

#[derive(Debug, Deserialize)]
pub(super) struct VectorItem {
    metric: Labels,
    /// Missing for native histograms, which nothing here asks for.
    value: Option<Point>,
}

#[derive(Debug, Deserialize)]
pub(super) struct MatrixItem {
    metric: Labels,
    #[serde(default)]
    values: Vec<Point>,
}

/// The data of an answer, by its kind.
#[derive(Debug, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
pub(super) enum Data {
    /// Series at one moment.
    Vector(Vec<VectorItem>),
    /// Series over time.
    Matrix(Vec<MatrixItem>),
    /// One number.
    Scalar(IgnoredAny),
    /// Text.
    String(IgnoredAny),
}

impl Data {
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Vector(_) => "vector",
            Self::Matrix(_) => "matrix",
            Self::Scalar(_) => "scalar",
            Self::String(_) => "string",
        }
    }
}

#[derive(Deserialize)]
struct Envelope {
    status: String,
    data: Option<Data>,
    #[serde(default)]
    error: String,
    #[serde(default, rename = "errorType")]
    error_type: String,
}

/// The data of an answer with this status.
pub(super) fn decode(
    body: &[u8],
    status: StatusCode,
    address: &Address,
) -> Result<Data, QueryError> {
    let envelope = serde_json::from_slice::<Envelope>(body);
    let no_prometheus = |why: String| QueryError::NotPrometheus(address.clone(), why);
    match envelope {
        Ok(Envelope {
            status,
            data: Some(data),
            ..
        }) if status == "success" => Ok(data),
        // A proxy before the server has words of its own for this.
        _ if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            Err(QueryError::Denied(address.clone(), status))
        }
        Ok(envelope) if envelope.status == "error" => Err(QueryError::Refused {
            address: address.clone(),
            kind: envelope.error_type,
            message: envelope.error,
        }),
        _ if status.is_redirection() => Err(no_prometheus(format!(
            "it answers {status}: give the URL that it leads to"
        ))),
        _ if !status.is_success() => Err(no_prometheus(format!("it answers {status}"))),
        Ok(_) => Err(no_prometheus("its answer has no data".to_owned())),
        Err(error) => Err(no_prometheus(format!(
            "its answer is not JSON as expected, {error}"
        ))),
    }
}

/// A number as Prometheus writes it: `1.5`, `NaN`, `+Inf`. What is none is no number.
fn number(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

/// The samples, and the moment they are of; 0 without a sample.
pub(super) fn samples(items: Vec<VectorItem>) -> (f64, Vec<Sample>) {
    let mut time = 0.0;
    let samples = items.into_iter().filter_map(|item| {
        let Point(at, value) = item.value?;
        time = at;
        Some(Sample {
            labels: item.metric,
            value: number(&value),
        })
    });
    let samples = samples.collect();
    (time, samples)
}

/// The courses.
pub(super) fn courses(items: Vec<MatrixItem>) -> Vec<Course> {
    let courses = items.into_iter().map(|item| {
        let points = item.values.into_iter();
        Course {
            labels: item.metric,
            points: points
                .map(|Point(at, value)| (at, number(&value)))
                .collect(),
        }
    });
    courses.collect()
}
