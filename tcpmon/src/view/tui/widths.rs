//! How wide the columns of the table are. They grow with what they have shown and do not shrink,
//! or the table would twitch with every snapshot.

use crate::core::query::SocketRow;
use crate::view::column::Column;
use crate::view::format::{Charset, width};

/// The columns that a screen may show, in order.
const COLUMNS: [Column; 9] = [
    Column::State,
    Column::Age,
    Column::Local,
    Column::Remote,
    Column::Process,
    Column::Pid,
    Column::Fd,
    Column::Netns,
    Column::Unit,
];

/// What goes first when the screen is too narrow even for shortened columns.
const SACRIFICES: [Column; 3] = [Column::Fd, Column::Pid, Column::Local];

/// What is only shown when everything else is shown in full.
const LUXURIES: [Column; 2] = [Column::Unit, Column::Netns];

/// The widest a column grows, whatever a name holds.
const WIDEST: usize = 47;

/// A column that is shown, and its width.
pub(super) type Placed = (Column, usize);

/// The width that each column would like.
#[derive(Debug)]
pub(super) struct Widths([usize; COLUMNS.len()]);

impl Widths {
    /// What most values need.
    pub(super) fn new() -> Self {
        Self(COLUMNS.map(|column| match column {
            Column::State => 11,
            Column::Local | Column::Remote => 16,
            Column::Process => 10,
            Column::Age | Column::Pid => 7,
            Column::Fd => 4,
            Column::Netns => 10,
            _ => column.title().len(),
        }))
    }

    /// Makes room for `rows`.
    pub(super) fn grow(&mut self, rows: &[SocketRow], charset: Charset) {
        for (column, widest) in COLUMNS.iter().zip(&mut self.0) {
            let cells = rows.iter().map(|row| width(&column.cell(row, charset)));
            *widest = cells.fold(*widest, usize::max).min(WIDEST);
        }
    }

    /// The columns for a screen with `available` places; there is a blank after each but the last.
    pub(super) fn place(&self, available: usize) -> Vec<Placed> {
        let mut placed: Vec<Placed> = COLUMNS.into_iter().zip(self.0).collect();
        for luxury in LUXURIES {
            if total(&placed) > available {
                placed.retain(|(column, _)| *column != luxury);
            }
        }
        for sacrifice in SACRIFICES {
            if least(&placed) > available {
                placed.retain(|(column, _)| *column != sacrifice);
            }
        }
        shorten(&mut placed, available);
        placed
    }
}

/// Takes a place from the column that has most to spare until all fit.
fn shorten(placed: &mut [Placed], available: usize) {
    for _ in available..total(placed) {
        let widest = placed
            .iter_mut()
            .max_by_key(|(column, wide)| wide.saturating_sub(minimum(*column)));
        if let Some((_, wide)) = widest {
            *wide = wide.saturating_sub(1);
        }
    }
}

/// Less than this says nothing.
fn minimum(column: Column) -> usize {
    match column {
        Column::Local | Column::Remote => 13,
        Column::Process => 8,
        // Cut numbers and states mislead.
        _ => usize::MAX,
    }
}

fn least(placed: &[Placed]) -> usize {
    let shortest = placed
        .iter()
        .map(|(column, wide)| (*wide).min(minimum(*column)));
    shortest.sum::<usize>() + placed.len().saturating_sub(1)
}

fn total(placed: &[Placed]) -> usize {
    placed.iter().map(|(_, wide)| wide).sum::<usize>() + placed.len().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::fixture;

    fn titles(widths: &Widths, available: usize) -> Vec<&'static str> {
        let placed = widths.place(available);
        assert!(total(&placed) <= available, "{placed:?} in {available}");
        placed.iter().map(|(column, _)| column.title()).collect()
    }

    #[test]
    fn columns_come_with_the_width() {
        let widths = Widths::new();
        let basic = ["STATE", "AGE", "LOCAL", "REMOTE", "PROCESS", "PID", "FD"];
        assert_eq!(
            titles(&widths, 58),
            ["STATE", "AGE", "LOCAL", "REMOTE", "PROCESS"]
        );
        assert_eq!(titles(&widths, 78), basic);
        assert_eq!(titles(&widths, 98)[7..], ["NETNS"]);
        assert_eq!(titles(&widths, 158)[7..], ["NETNS", "UNIT/CONTAINER"]);
    }

    #[test]
    fn long_endpoints_are_shortened_before_columns_go() {
        let mut rows = fixture::rows(1);
        rows[0].local_address = "2001:db8:85a3:1234:5678:8a2e:370:7334".to_owned();
        rows[0].remote_address = rows[0].local_address.clone();
        rows[0].process = Some("x".repeat(500));
        let mut widths = Widths::new();
        widths.grow(&rows, Charset::Unicode);
        assert_eq!(titles(&widths, 78).len(), 7);
        assert_eq!(titles(&widths, 58).len(), 5);
        assert_eq!(titles(&widths, 300).len(), 9);
    }

    #[test]
    fn columns_do_not_shrink() {
        let mut widths = Widths::new();
        widths.grow(&fixture::rows(6), Charset::Unicode);
        let before = widths.0;
        widths.grow(&[], Charset::Unicode);
        assert_eq!(widths.0, before);
    }
}
