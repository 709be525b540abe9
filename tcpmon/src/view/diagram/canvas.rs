//! A grid of characters in which lines join.

use super::super::format::Charset;
use super::Text;

/// Directions in which a cell's line leaves it.
const UP: u8 = 1;
const DOWN: u8 = 2;
const LEFT: u8 = 4;
const RIGHT: u8 = 8;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Cell {
    Blank,
    /// Directions, joined by or.
    Line(u8),
    /// The one direction it points in.
    Head(u8),
    Char(char),
}

#[derive(Debug)]
pub(super) struct Canvas {
    width: usize,
    cells: Vec<Cell>,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            cells: vec![Cell::Blank; width * height],
        }
    }

    /// `None` outside.
    fn at(&mut self, column: u16, row: u16) -> Option<&mut Cell> {
        let column = usize::from(column);
        if column >= self.width {
            return None;
        }
        self.cells.get_mut(usize::from(row) * self.width + column)
    }

    fn put(&mut self, column: u16, row: u16, cell: Cell) {
        if let Some(place) = self.at(column, row) {
            *place = cell;
        }
    }

    fn join(&mut self, column: u16, row: u16, directions: u8) {
        if let Some(place) = self.at(column, row) {
            let before = match place {
                Cell::Line(before) => *before,
                _ => 0,
            };
            *place = Cell::Line(before | directions);
        }
    }

    pub(super) fn word(&mut self, column: u16, row: u16, word: &str) {
        for (at, c) in (column..).zip(word.chars()) {
            self.put(at, row, Cell::Char(c));
        }
    }

    pub(super) fn text(&mut self, text: &Text<'_>) {
        self.word(text.column, text.row, text.words);
    }

    /// A rectangle with these corners.
    pub(super) fn frame(&mut self, (left, top): (u16, u16), (right, bottom): (u16, u16)) {
        let corners = [
            (left, top),
            (right, top),
            (right, bottom),
            (left, bottom),
            (left, top),
        ];
        for pair in corners.windows(2) {
            self.segment(pair[0], pair[1]);
        }
    }

    /// A line through `points` with an arrow's head at the last one.
    pub(super) fn line(&mut self, points: &[(u16, u16)]) {
        for pair in points.windows(2) {
            self.segment(pair[0], pair[1]);
        }
        if let [.., before, (column, row)] = points {
            self.put(
                *column,
                *row,
                Cell::Head(direction(*before, (*column, *row))),
            );
        }
    }

    /// A straight piece, both ends included.
    fn segment(&mut self, from: (u16, u16), to: (u16, u16)) {
        let forward = direction(from, to);
        let (columns, rows) = (sorted(from.0, to.0), sorted(from.1, to.1));
        for column in columns.0..=columns.1 {
            for row in rows.0..=rows.1 {
                let mut directions = 0;
                if (column, row) != to {
                    directions |= forward;
                }
                if (column, row) != from {
                    directions |= opposite(forward);
                }
                self.join(column, row, directions);
            }
        }
    }

    pub(super) fn lines(&self, charset: Charset) -> Vec<String> {
        let shown = |cell: &Cell| match (*cell, charset) {
            (Cell::Blank, _) => ' ',
            (Cell::Char(c), _) => c,
            (Cell::Line(directions), Charset::Unicode) => unicode(directions),
            (Cell::Line(directions), Charset::Ascii) => ascii(directions),
            (Cell::Head(direction), charset) => head(direction, charset),
        };
        self.cells
            .chunks(self.width)
            .map(|row| {
                row.iter()
                    .map(shown)
                    .collect::<String>()
                    .trim_end()
                    .to_owned()
            })
            .collect()
    }
}

const fn sorted(a: u16, b: u16) -> (u16, u16) {
    if a < b { (a, b) } else { (b, a) }
}

const fn direction(from: (u16, u16), to: (u16, u16)) -> u8 {
    if to.0 > from.0 {
        RIGHT
    } else if to.0 < from.0 {
        LEFT
    } else if to.1 < from.1 {
        UP
    } else {
        DOWN
    }
}

const fn opposite(direction: u8) -> u8 {
    match direction {
        UP => DOWN,
        DOWN => UP,
        LEFT => RIGHT,
        _ => LEFT,
    }
}

fn unicode(directions: u8) -> char {
    // In the order of the bits: up 1, down 2, left 4, right 8.
    const SHAPES: [char; 16] = [
        ' ', '│', '│', '│', '─', '┘', '┐', '┤', '─', '└', '┌', '├', '─', '┴', '┬', '┼',
    ];
    SHAPES[usize::from(directions & 15)]
}

const fn ascii(directions: u8) -> char {
    match directions & 15 {
        0 => ' ',
        1..=3 => '|',
        LEFT | RIGHT | 12 => '-',
        _ => '+',
    }
}

const fn head(direction: u8, charset: Charset) -> char {
    match (charset, direction) {
        (Charset::Unicode, UP) => '▲',
        (Charset::Unicode, DOWN) => '▼',
        (Charset::Unicode, LEFT) => '◀',
        (Charset::Unicode, _) => '▶',
        (Charset::Ascii, UP) => '^',
        (Charset::Ascii, DOWN) => 'v',
        (Charset::Ascii, LEFT) => '<',
        (Charset::Ascii, _) => '>',
    }
}
