//! The local API: single connections, as JSON over HTTP on a unix socket. It only answers; nothing
//! can be changed through it.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/summary` | [`Summary`](crate::core::query::Summary) |
//! | `GET /v1/sockets?filter=&sort=age\|newest&limit=N` | [`Sockets`](crate::core::query::Sockets) |
//! | `GET /v1/endings` | [`Endings`](crate::core::query::Endings) |
//! | `GET /v1/namespaces` | [`Namespaces`](crate::core::query::Namespaces) |
//! | `GET /v1/events?filter=` | one [`EventRow`](crate::core::query::EventRow) per line, without end |
//!
//! Every document and every line says its `schema`. What is refused is answered by a
//! [`Refusal`](routes::Refusal).

pub(crate) mod body;
pub mod listen;
pub mod routes;
pub mod server;

#[cfg(test)]
pub(crate) mod fixture;
