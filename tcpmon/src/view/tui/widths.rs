//! Which columns a table shows, and how wide. They grow with what they have shown and do not shrink,
//! or the table would twitch with every snapshot.

use super::rows::Head;

/// Columns of this rank and beyond are shown where all others are shown in full.
const LUXURY: u8 = 5;

/// A column that is shown, and its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) column: usize,
    pub(super) head: Head,
    pub(super) width: usize,
}

/// The columns for a screen with `available` places; there is a blank after each but the last.
pub(super) fn place(heads: &[Head], widths: &[usize], available: usize) -> Vec<Placed> {
    let mut placed: Vec<Placed> = heads
        .iter()
        .enumerate()
        .map(|(column, head)| {
            let least = head.usual.max(head.title.len() + 1);
            let width = widths.get(column).copied().unwrap_or(0).max(least);
            Placed {
                column,
                head: *head,
                width,
            }
        })
        .collect();
    while let Some(column) = dispensable(&placed, available) {
        placed.retain(|it| it.column != column);
    }
    shorten(&mut placed, available);
    placed
}

/// The column that is left out next, if one has to be.
fn dispensable(placed: &[Placed], available: usize) -> Option<usize> {
    // Of equal rank the last goes first.
    let dearest = placed.iter().rev().max_by_key(|it| it.head.rank)?;
    let needed = match dearest.head.rank {
        0 => return None,
        LUXURY.. => total(placed),
        _ => least(placed),
    };
    (needed > available).then_some(dearest.column)
}

/// Takes a place from the column that has most to spare until all fit.
fn shorten(placed: &mut [Placed], available: usize) {
    for _ in available..total(placed) {
        let widest = placed.iter_mut().max_by_key(|it| spare(it));
        if let Some(it) = widest {
            it.width = it.width.saturating_sub(1);
        }
    }
}

/// Cut numbers mislead: only text has something to spare.
fn spare(it: &Placed) -> usize {
    match it.head.is_number {
        true => 0,
        false => it.width.saturating_sub(it.head.least),
    }
}

fn least(placed: &[Placed]) -> usize {
    let shortest = placed.iter().map(|it| it.width - spare(it));
    shortest.sum::<usize>() + placed.len().saturating_sub(1)
}

fn total(placed: &[Placed]) -> usize {
    placed.iter().map(|it| it.width).sum::<usize>() + placed.len().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn head(title: &'static str, usual: usize, rank: u8, is_number: bool) -> Head {
        Head {
            title,
            usual,
            least: 5,
            rank,
            is_number,
        }
    }

    const HEADS: [Head; 4] = [
        head("NAME", 20, 0, false),
        head("COUNT", 8, 0, true),
        head("UNIT", 15, 2, false),
        head("AGE", 7, 1, true),
    ];

    fn titles(widths: &[usize], available: usize) -> Vec<&'static str> {
        let placed = place(&HEADS, widths, available);
        assert!(total(&placed) <= available, "{placed:?} in {available}");
        placed.iter().map(|it| it.head.title).collect()
    }

    #[test]
    fn columns_come_with_the_width() {
        assert_eq!(titles(&[], 15), ["NAME", "COUNT"]);
        assert_eq!(titles(&[], 22), ["NAME", "COUNT", "AGE"]);
        assert_eq!(titles(&[], 60), ["NAME", "COUNT", "UNIT", "AGE"]);
    }

    #[test]
    fn text_is_shortened_before_columns_go_and_numbers_never() {
        assert_eq!(titles(&[400, 8, 15, 7], 30).len(), 4);
        const DEAR: [Head; 2] = [HEADS[0], head("PATH", 9, LUXURY, false)];
        assert_eq!(place(&DEAR, &[30, 9], 39).len(), 1);
        let placed = place(&HEADS, &[400, 8, 400, 7], 40);
        assert_eq!((placed[1].width, placed[3].width), (8, 7));
        assert!(placed[0].width.abs_diff(placed[2].width) <= 1, "{placed:?}");
    }
}
