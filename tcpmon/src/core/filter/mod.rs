//! The filter language, the same in `ls`, `watch`, `top` and the local API.

/// A parsed filter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter;
