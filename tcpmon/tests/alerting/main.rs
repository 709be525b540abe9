//! The rules, alerts, runbooks and dashboards that are shipped: they name only what the program has,
//! and belong together. That they work is shown with real servers in the target `agent`.

mod names;
mod promql;
mod promtool;
mod repository;
mod rules;
mod runbooks;
mod vocabulary;

#[path = "../common/tools.rs"]
mod tools;
