//! A page of the book.

use ratatui::text::Line;

use super::super::page;
use super::super::theme::Theme;
use crate::core::explain::Topic;
use crate::view::print::{self, ExplainFormat, Look};

pub(in super::super) fn page(topic: Topic, theme: Theme, columns: u16) -> Vec<Line<'static>> {
    let mut text = Vec::new();
    let look = Look {
        columns,
        charset: theme.charset(),
        color: false,
    };
    // A vector takes everything.
    drop(print::explain_topic(
        &mut text,
        topic,
        ExplainFormat::Table,
        look,
    ));
    page::printed(&text, theme, columns)
}
