//! What is judged how. Labelled scenarios, with precision and recall, are in `tests/judge`.

mod doubt;
mod facts;
mod policy;
mod properties;
