//! One JSON document per line, each complete in itself: every line says its `schema`.

use std::io;

use serde::Serialize;

use super::json;
use crate::core::query::SCHEMA;

#[derive(Serialize)]
struct Line<'a, R> {
    schema: u32,
    #[serde(flatten)]
    row: &'a R,
}

/// Prints a line per row, of the shape that `schema` names.
pub(super) fn rows<R: Serialize>(
    out: &mut dyn io::Write,
    schema: u32,
    rows: &[R],
) -> io::Result<()> {
    rows.iter()
        .try_for_each(|row| json::document(out, &Line { schema, row }))
}

/// Prints one line.
pub(super) fn row<R: Serialize>(out: &mut dyn io::Write, row: &R) -> io::Result<()> {
    rows(out, SCHEMA, std::slice::from_ref(row))
}
