//! The grid of a table: headings and the rows on the screen, whatever they are rows of.

use ratatui::style::Style;
use ratatui::text::Line;

use super::super::cursor::Cursor;
use super::super::place::Order;
use super::super::rows::Rows;
use super::super::theme::Theme;
use super::super::widths::{self, Placed};
use super::exactly;
use crate::view::format::{endpoint_bounded, pad_left, pad_right, sanitise_bounded};

/// The mark of the selection and the mark of trouble.
const GUTTER: usize = 2;

/// What a grid is drawn from.
pub(in super::super) struct Grid<'a> {
    pub(in super::super) theme: Theme,
    pub(in super::super) rows: &'a dyn Rows,
    /// Indexes of the rows, in the order they are shown.
    pub(in super::super) shown: &'a [usize],
    pub(in super::super) cursor: &'a Cursor,
    pub(in super::super) order: Order,
    /// The widths that its columns would like.
    pub(in super::super) widths: &'a [usize],
    /// The width of the screen.
    pub(in super::super) columns: usize,
}

impl Grid<'_> {
    fn placed(&self) -> Vec<Placed> {
        let room = self.columns.saturating_sub(GUTTER);
        widths::place(&self.rows.heads(), self.widths, room)
    }

    /// The column of the table at a column of the screen.
    pub(in super::super) fn column_at(&self, column: u16) -> Option<usize> {
        let mut left = GUTTER;
        let placed = self.placed();
        let found = placed.iter().find(|it| {
            left += it.width + 1;
            usize::from(column) < left
        });
        found.map(|it| it.column)
    }

    /// The headings, and below them at most `visible` rows.
    pub(in super::super) fn lines(&self, visible: usize) -> Vec<Line<'static>> {
        let placed = self.placed();
        let titles = placed.iter().map(|it| align(it, &self.title(it)));
        let heading = format!("{:GUTTER$}{}", "", titles.collect::<Vec<_>>().join(" "));
        let heading = Line::styled(exactly(&heading, self.columns), self.theme.heading());
        let rows = self.shown.iter().enumerate().skip(self.cursor.offset());
        let rows = rows.take(visible).map(|(index, row)| {
            let is_selected = index == self.cursor.index();
            self.line(*row, &placed, is_selected)
        });
        std::iter::once(heading).chain(rows).collect()
    }

    /// The title, with an arrow where the table is sorted by it.
    fn title(&self, it: &Placed) -> String {
        let charset = self.theme.charset();
        match self.order {
            Some((column, descending)) if column == it.column => {
                let arrow = match descending {
                    true => charset.pick("▼", "v"),
                    false => charset.pick("▲", "^"),
                };
                format!("{}{arrow}", it.head.title)
            }
            _ => it.head.title.to_owned(),
        }
    }

    fn line(&self, row: usize, placed: &[Placed], is_selected: bool) -> Line<'static> {
        let charset = self.theme.charset();
        let is_trouble = self.rows.stands_out(row);
        let mut text = String::new();
        text.push_str(if is_selected {
            charset.pick("▸", ">")
        } else {
            " "
        });
        text.push_str(if is_trouble { "!" } else { " " });
        let cells = placed.iter().map(|it| {
            let cell = self.rows.cell(row, it.column, charset);
            let is_endpoint = matches!(
                it.head.title,
                "LOCAL" | "REMOTE" | "DESTINATION" | "LISTENS ON"
            );
            let cell = match is_endpoint {
                true => endpoint_bounded(&cell, it.width, charset),
                false => sanitise_bounded(&cell, it.width, charset),
            };
            align(it, &cell)
        });
        text.push_str(&cells.collect::<Vec<_>>().join(" "));
        let style = match is_trouble {
            true => self.theme.trouble(),
            false => Style::new(),
        };
        let style = match is_selected {
            true => style.patch(self.theme.selected()),
            false => style,
        };
        Line::styled(exactly(&text, self.columns), style)
    }
}

fn align(it: &Placed, cell: &str) -> String {
    match it.head.is_number {
        true => pad_left(cell, it.width),
        false => pad_right(cell, it.width),
    }
}
