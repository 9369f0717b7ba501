//! Screens as bytes: the whole of one, or what changed between two.
//!
//! The bytes are for an [`Emulator`](super::Emulator), in the language of [`Fed::drawn`](super::Fed::drawn). Written here
//! rather than by `vt100`, whose own writer leaves out the scroll region and the screen under the alternate one and takes
//! the saved cursor, which belongs to the filter, for itself.

use super::filter::{Pen, Region, write_number};
use super::modes::Modes;
use super::screen::{CellRef, Screen, blank_parser};
use super::under::Under;

/// Whether two grids of one size look the same, down to where lines were wrapped.
pub fn shows_the_same(one: &vt100::Screen, other: &vt100::Screen) -> bool {
    let (_, cols) = one.size();
    changed_rows(other, one).all(|row| {
        one.row_wrapped(row) == other.row_wrapped(row)
            && (0..cols.get()).all(|col| cell(one, row, col) == cell(other, row, col))
    })
}

/// Returns the rows that may differ. The grid compares rows ten times as fast as anybody can who asks it for cells, but
/// more strictly than it shows.
fn changed_rows<'a>(
    from: &'a vt100::Screen,
    to: &'a vt100::Screen,
) -> impl Iterator<Item = u16> + 'a {
    let (_, cols) = to.size();
    let changes = to.rows_diff(from, 0, cols.get());
    (0..)
        .zip(changes)
        .filter(|(_, change)| !change.is_empty())
        .map(|(row, _)| row)
}

/// Returns what brings a blank emulator of the same size to `screen`.
pub fn keyframe(screen: &Screen) -> Vec<u8> {
    let mut painter = Painter::new(&screen.vt);
    let blank = painter.blank();
    if let Some(under) = &screen.under {
        painter.out.extend_from_slice(under.bytes());
        painter.enter_alternate();
    }
    painter.paint(&blank, &screen.vt);
    painter.finish(Modes::from(&blank), screen);
    painter.out
}

/// Returns what paints the cells of a grid on a blank one of the same size. The pen is as before.
pub fn cells(grid: &vt100::Screen) -> Vec<u8> {
    let mut painter = Painter::new(grid);
    let blank = painter.blank();
    painter.paint(&blank, grid);
    painter.ink(Pen::default());
    painter.out
}

/// Returns what brings an emulator of the same size to `screen`, whatever it shows.
pub fn repaint(screen: &Screen) -> Vec<u8> {
    let rows = screen.size().rows;
    let blank =
        "\x1b[m\x1b[H\x1b[2J\x1b[?25h\x1b[?1l\x1b>\x1b[?2004l\x1b[?1000l\x1b[?1005;1006l\x1b[0 q";
    let mut out = format!("\x1b[?47l\x1b[1;{rows}r{blank}").into_bytes();
    out.extend(keyframe(screen));
    out
}

/// Returns what brings an emulator that shows `previous`, of the same size, to `screen`; nothing when they are equal.
pub fn difference(screen: &Screen, previous: &Screen) -> Vec<u8> {
    let mut painter = Painter::new(&screen.vt);
    painter.begin(previous);
    match (&previous.under, &screen.under) {
        (None, None) => painter.paint(&previous.vt, &screen.vt),
        (Some(before), Some(now)) if before == now => painter.paint(&previous.vt, &screen.vt),
        (before, now) => {
            let grid =
                |under: &Option<Under>| under.as_ref().map(|under| under.grid(screen.size()));
            if before.is_some() {
                painter.leave_alternate();
            }
            let (before, under) = (grid(before), grid(now));
            painter.paint(
                before.as_ref().unwrap_or(&previous.vt),
                under.as_ref().unwrap_or(&screen.vt),
            );
            if under.is_some() {
                painter.enter_alternate();
                painter.paint(&painter.blank(), &screen.vt);
            }
        }
    }
    painter.finish(Modes::from(&previous.vt), screen);
    painter.out
}

fn cell(screen: &vt100::Screen, row: u16, col: u16) -> Option<CellRef<'_>> {
    screen.cell(row, col).map(CellRef::new)
}

/// Writes bytes and knows what they do to the receiver's cursor, pen and scroll region.
struct Painter {
    out: Vec<u8>,
    rows: u16,
    cols: u16,
    /// The column is the width of the screen while a wrap is pending; `None` when the position is not certain.
    cursor: Option<(u16, u16)>,
    pen: Pen,
    region: Region,
}

impl Painter {
    /// A painter whose receiver is blank.
    fn new(grid: &vt100::Screen) -> Self {
        let (rows, cols) = grid.size();
        let (rows, cols) = (rows.get(), cols.get());
        Self {
            out: Vec::new(),
            rows,
            cols,
            cursor: Some((0, 0)),
            pen: Pen::default(),
            region: (0, rows - 1),
        }
    }

    /// Starts from a receiver that shows `previous`. While cells are painted, the whole screen has to scroll: that is how
    /// a line is made to wrap.
    fn begin(&mut self, previous: &Screen) {
        let (row, col) = previous.vt.cursor_position();
        self.cursor = Some((row, col));
        self.pen = Pen::from(&previous.vt);
        self.region = previous.region;
    }

    fn blank(&self) -> vt100::Screen {
        let mut parser = blank_parser();
        let size = super::Size {
            cols: self.cols,
            rows: self.rows,
        }
        .for_vt100();
        parser.screen_mut().set_size(size.0, size.1);
        parser.screen().clone()
    }

    fn enter_alternate(&mut self) {
        // The receiver takes its cursor along, and a pending wrap would put a blank on the new screen.
        self.out.extend_from_slice(b"\r\x1b[?1049h");
        self.cursor = None;
    }

    fn leave_alternate(&mut self) {
        self.out.extend_from_slice(b"\x1b[?47l");
        self.cursor = None;
    }

    fn csi(&mut self, numbers: &[u16], last: u8) {
        self.out.extend_from_slice(b"\x1b[");
        for (index, number) in numbers.iter().enumerate() {
            if index > 0 {
                self.out.push(b';');
            }
            write_number(*number, &mut self.out);
        }
        self.out.push(last);
    }

    fn goto(&mut self, row: u16, col: u16) {
        match self.cursor {
            Some(here) if here == (row, col) => {}
            Some((from, _)) if col == 0 && from + 1 == row && self.region == (0, self.rows - 1) => {
                self.out.extend_from_slice(b"\r\n");
            }
            Some((from, here)) if from == row && here < col => self.csi(&[col - here], b'C'),
            _ => self.csi(&[row + 1, col + 1], b'H'),
        }
        self.cursor = Some((row, col));
    }

    fn ink(&mut self, pen: Pen) {
        pen.write_change(self.pen, &mut self.out);
        self.pen = pen;
    }

    fn set_region(&mut self, region: Region) {
        if self.region != region {
            self.csi(&[region.0 + 1, region.1 + 1], b'r');
            self.region = region;
            self.cursor = Some((0, 0));
        }
    }

    /// Draws a cell that has contents at the cursor.
    fn put(&mut self, cell: CellRef<'_>) {
        self.ink(cell.pen());
        // The stand-in for U+FFFD goes as U+FFFD, so what is sent is what is meant.
        self.out.extend_from_slice(cell.text().as_bytes());
        let width = if cell.is_wide() { 2 } else { 1 };
        self.cursor = self.cursor.map(|(row, col)| (row, col + width));
    }

    /// Brings the grid that is shown from one state to another: first the cells, then where lines wrap.
    fn paint(&mut self, from: &vt100::Screen, to: &vt100::Screen) {
        let mut changed = Vec::new();
        for row in changed_rows(from, to) {
            changed.push((row, self.paint_row(from, to, row)));
        }
        for (row, has_changed) in changed {
            let (was, is) = (from.row_wrapped(row), to.row_wrapped(row));
            if is && (has_changed || !was) {
                self.wrap(to, row);
            } else if was && !is {
                self.unwrap(to, row);
            }
        }
    }

    /// Paints the cells of a row that differ, left to right; says whether there were any.
    fn paint_row(&mut self, from: &vt100::Screen, to: &vt100::Screen, row: u16) -> bool {
        let mut has_changed = false;
        let mut col = 0;
        while let Some(wanted) = cell(to, row, col) {
            let width = if wanted.is_wide() { 2 } else { 1 };
            if cell(from, row, col) == Some(wanted) {
                col += width;
                continue;
            }
            has_changed = true;
            self.goto(row, col);
            if wanted.text().is_empty() {
                col = self.erase(to, row, col);
            } else {
                self.put(wanted);
                col += width;
            }
        }
        has_changed
    }

    /// Erases from the cursor on, as far as the cells are to be empty and of one colour; returns where that ends.
    fn erase(&mut self, to: &vt100::Screen, row: u16, col: u16) -> u16 {
        let bg = cell(to, row, col).map(|first| first.bg());
        let is_part = |at: &u16| {
            cell(to, row, *at).is_some_and(|next| next.text().is_empty() && Some(next.bg()) == bg)
        };
        let end = (col..self.cols)
            .find(|at| !is_part(at))
            .unwrap_or(self.cols);
        self.ink(Pen::filling(bg.unwrap_or_default()));
        if end == self.cols {
            self.out.extend_from_slice(b"\x1b[K");
        } else {
            self.csi(&[end - col], b'X');
        }
        end
    }

    /// Draws the last cell of a row at its end; returns it.
    fn draw_last<'a>(&mut self, to: &'a vt100::Screen, row: u16) -> Option<CellRef<'a>> {
        let last = self.cols - 1;
        let is_second_half = cell(to, row, last).is_some_and(|cell| cell.is_wide_continuation());
        let col = if is_second_half {
            last.saturating_sub(1)
        } else {
            last
        };
        let last = cell(to, row, col)?;
        self.goto(row, col);
        Some(last)
    }

    /// Makes a row wrap into the next one, which only drawing across the edge does. Its last cell is never empty, and
    /// neither scrolls: the last row never wraps.
    fn wrap(&mut self, to: &vt100::Screen, row: u16) {
        self.set_region((0, self.rows - 1));
        let Some(last) = self.draw_last(to, row) else {
            return;
        };
        self.put(last);
        let Some(first) = cell(to, row + 1, 0) else {
            return;
        };
        if first.text().is_empty() {
            self.out.push(b' ');
            self.cursor = None;
            self.goto(row + 1, 0);
            self.ink(first.pen());
            self.csi(&[1], b'X');
        } else {
            self.cursor = Some((row + 1, 0));
            self.put(first);
        }
    }

    /// Makes a row no longer wrap: erasing its last cell does it.
    fn unwrap(&mut self, to: &vt100::Screen, row: u16) {
        let Some(last) = self.draw_last(to, row) else {
            return;
        };
        self.ink(Pen::filling(last.bg()));
        self.csi(&[1], b'X');
        if !last.text().is_empty() {
            self.put(last);
        }
    }

    /// Sets everything that is not a cell.
    fn finish(&mut self, before: Modes, screen: &Screen) {
        Modes::from(&screen.vt).write_change(before, &mut self.out);
        self.set_region(screen.region);
        self.place_cursor(screen);
        self.ink(Pen::from(&screen.vt));
    }

    fn place_cursor(&mut self, screen: &Screen) {
        let (row, col) = screen.vt.cursor_position();
        if col < self.cols {
            self.goto(row, col);
        } else if self.cursor != Some((row, col))
            && let Some(last) = self.draw_last(&screen.vt, row)
        {
            self.put(last);
        }
    }
}
