//! What the filter draws on: the bytes that are sent on, and the grid that has seen some of them.
//!
//! Bytes are collected and shown to the grid as late as possible: when somebody asks where the cursor is, or at the end.

use super::changed::ChangedRows;
use super::pen::{Pen, write_number};
use crate::term::Colour;
use crate::term::leaving::Grid;
use crate::term::under::Under;

/// Private-use stand-in for U+FFFD, which the grid refuses to hold; [`crate::term::CellRef::text`] turns it back.
pub const REPLACEMENT_STAND_IN: &str = "\u{10fffd}";

/// How much one feed may draw before its bytes are thrown away and the screen is sent as a whole instead. Four bytes can
/// fill a screen (`ESC # 8`), so without a limit a small input would make gigabytes; no screen of a tool comes near this.
const DRAWN_LIMIT: usize = 1 << 20;

pub struct Canvas<'a> {
    vt: &'a mut Grid,
    drawn: &'a mut Vec<u8>,
    /// Where this feed's part of `drawn` begins.
    start: usize,
    /// How much of `drawn` the grid has seen.
    shown: usize,
    has_overflown: bool,
    /// The pen after all of `drawn`.
    ink: Pen,
    changed: &'a mut ChangedRows,
    pub cols: u16,
    pub rows: u16,
}

impl<'a> Canvas<'a> {
    pub fn new(
        vt: &'a mut Grid,
        drawn: &'a mut Vec<u8>,
        ink: Pen,
        changed: &'a mut ChangedRows,
    ) -> Self {
        let (rows, cols) = vt.screen().size();
        Self {
            start: drawn.len(),
            shown: drawn.len(),
            has_overflown: false,
            vt,
            drawn,
            ink,
            changed,
            cols: cols.get(),
            rows: rows.get(),
        }
    }

    /// Whether something of what was drawn has been thrown away.
    pub fn has_overflown(&self) -> bool {
        self.has_overflown
    }

    pub fn put(&mut self, bytes: &[u8]) {
        self.drawn.extend_from_slice(bytes);
    }

    /// The bytes, to write into.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        self.drawn
    }

    /// Writes a control sequence with one number.
    pub fn csi(&mut self, n: u16, last: u8) {
        self.put(b"\x1b[");
        write_number(n, self.drawn);
        self.drawn.push(last);
    }

    fn csi_pair(&mut self, first: u16, second: u16, last: u8) {
        self.put(b"\x1b[");
        write_number(first, self.drawn);
        self.drawn.push(b';');
        write_number(second, self.drawn);
        self.drawn.push(last);
    }

    /// Makes the next drawing use this pen.
    pub fn ink(&mut self, pen: Pen) {
        let pen = pen.drawable();
        pen.write_change(self.ink, self.drawn);
        self.ink = pen;
    }

    /// Makes the next clearing or scrolling fill with the pen's background; a mirror does the same with its own pen.
    pub fn ink_background(&mut self, pen: Pen) {
        if pen.bg != self.ink.bg {
            self.ink(pen);
        }
    }

    /// The pen after everything that was drawn.
    pub fn current_ink(&self) -> Pen {
        self.ink
    }

    /// Lets the grid see everything that was drawn so far, and returns it.
    pub fn show(&mut self) -> &vt100::Screen {
        if let Some(news) = self.drawn.get(self.shown..)
            && !news.is_empty()
        {
            let cursor = self.vt.screen().cursor_position();
            self.changed.draw(news, cursor, self.cols);
            self.vt.process(news);
            if self.drawn.len() - self.start > DRAWN_LIMIT {
                self.drawn.truncate(self.start);
                self.has_overflown = true;
            }
            self.shown = self.drawn.len();
        }
        self.vt.screen()
    }

    /// Makes the screen blank and returns what it showed; the cursor and the scroll region are then those of a new screen.
    pub fn enter_alternate(&mut self) -> Under {
        let under = Under::of(self.show());
        self.vt.callbacks_mut().is_alternate = true;
        self.blank(None);
        self.tell(b"\x1b[?1049h");
        under
    }

    /// Shows again what was hidden; the cursor and the scroll region are then anywhere.
    pub fn leave_alternate(&mut self, under: &Under) {
        self.show();
        self.blank(Some(under));
        self.vt.callbacks_mut().is_alternate = false;
        self.tell(b"\x1b[?47l");
    }

    /// Clears the grid, which has seen everything, and draws on it; only the pen stays.
    fn blank(&mut self, under: Option<&Under>) {
        *self.changed = ChangedRows::default();
        self.vt.process(b"\x1b[m\x1b[r\x1b[2J");
        if let Some(under) = under {
            under.draw(self.vt);
        }
        let mut pen = Vec::new();
        self.ink.write_change(Pen::default(), &mut pen);
        self.vt.process(&pen);
    }

    /// Writes a sequence that only mirrors have to see: the grid, which has seen everything else, is past it.
    fn tell(&mut self, bytes: &[u8]) {
        self.drawn.extend_from_slice(bytes);
        self.shown = self.drawn.len();
    }

    /// Returns (row, column); the column is the width of the screen while a wrap is pending.
    pub fn cursor(&mut self) -> (u16, u16) {
        self.show().cursor_position()
    }

    /// Whether the last thing drawn took the cursor to the first column.
    pub fn has_returned(&self) -> bool {
        self.drawn.last() == Some(&b'\r')
    }

    /// Moves the cursor; a column beyond the last one means a pending wrap there.
    pub fn goto(&mut self, row: u16, col: u16) {
        if col < self.cols {
            self.csi_pair(row + 1, col + 1, b'H');
            return;
        }
        // Only drawing in the last column leaves a wrap pending, so what stands there is drawn again.
        let last = self.cols - 1;
        let screen = self.show();
        let start = match screen.cell(row, last) {
            Some(cell) if cell.is_wide_continuation() => last.saturating_sub(1),
            _ => last,
        };
        let cell = screen
            .cell(row, start)
            .filter(|cell| cell.has_contents())
            .cloned();
        let bg = screen
            .cell(row, start)
            .map_or(Colour::Default, |cell| cell.bgcolor().into());
        self.csi_pair(row + 1, start + 1, b'H');
        if let Some(cell) = cell {
            self.ink(Pen::from(&cell));
            self.put(cell.contents().as_bytes());
        } else {
            self.ink(Pen::filling(bg));
            self.put(b" ");
        }
    }

    /// Keeps the rule that under a pending wrap the last cell is not empty, by which the state can be drawn at all.
    pub fn settle(&mut self) {
        let cols = self.cols;
        let (row, col) = self.cursor();
        let has_contents = |cell: &vt100::Cell| cell.has_contents() || cell.is_wide_continuation();
        if col >= cols && !self.show().cell(row, cols - 1).is_some_and(has_contents) {
            self.goto(row, cols);
        }
    }

    /// Sets the scroll region (first and last row); the cursor moves.
    pub fn region(&mut self, (top, bottom): (u16, u16)) {
        self.csi_pair(top + 1, bottom + 1, b'r');
    }

    /// Fills whole rows with a colour, as tmux does with rows that it made room for. The cursor stays.
    pub fn fill_rows(&mut self, rows: std::ops::Range<u16>, bg: Colour) {
        if bg == Colour::Default || rows.is_empty() {
            return;
        }
        let (row, col) = self.cursor();
        self.ink(Pen::filling(bg));
        for filled in rows {
            self.goto(filled, 0);
            self.put(b"\x1b[2K");
        }
        self.goto(row, col);
    }
}
