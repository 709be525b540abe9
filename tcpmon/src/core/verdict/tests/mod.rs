//! What is judged how.

mod policy;
