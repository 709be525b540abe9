//! The filter language, the same in `ls`, `watch`, `top` and the local API.

use std::fmt;
use std::str::FromStr;

/// A parsed filter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter;

/// Why a text is not a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// Where in the text, in bytes.
    pub position: usize,
    /// What is wrong there, one sentence without its full stop.
    pub message: String,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {})", self.message, self.position)
    }
}

impl std::error::Error for FilterError {}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim().is_empty() {
            return Ok(Self);
        }
        Err(FilterError {
            position: text.len() - text.trim_start().len(),
            message: "filters are not understood yet".to_owned(),
        })
    }
}
