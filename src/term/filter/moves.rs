//! Moving the cursor and whole lines, where the grid and tmux differ: tab stops, the scroll region, origin mode, the colour
//! of what scrolls in, and the alternate screen.

use super::translate::Translator;
use crate::term::Colour;

impl Translator<'_> {
    /// Writes a sequence that clears or moves cells, with the program's own background for those that become free.
    pub(super) fn clear(&mut self, kind: u16, last: u8) {
        self.state.has_guessed |= self.state.pen_is_guess;
        self.canvas.ink_background(self.state.pen);
        self.canvas.csi(kind, last);
    }

    /// Returns the row that a program means by a number from 0 up.
    pub(super) fn row(&self, row: u16) -> u16 {
        let (top, bottom) = self.state.region;
        let row = match self.state.origin {
            true if row > bottom - top => bottom,
            true => row + top,
            false => row,
        };
        row.min(self.canvas.rows - 1)
    }

    pub(super) fn home(&mut self) {
        self.canvas.goto(self.row(0), 0);
    }

    pub(super) fn backspace(&mut self) {
        let (row, col) = self.canvas.cursor();
        if col > 0 {
            self.canvas.put(b"\x08");
        } else if row > 0 && self.canvas.show().row_wrapped(row - 1) {
            self.canvas.goto(row - 1, self.canvas.cols - 1);
        }
    }

    pub(super) fn tab(&mut self) {
        let (row, col) = self.canvas.cursor();
        if col < self.canvas.cols - 1 {
            self.canvas
                .goto(row, self.state.tabs.next(col, self.canvas.cols));
        }
    }

    pub(super) fn back_tab(&mut self, count: u16) {
        let (row, col) = self.canvas.cursor();
        let mut col = col.min(self.canvas.cols - 1);
        for _ in 0..count.min(self.canvas.cols) {
            col = self.state.tabs.previous(col);
        }
        self.canvas.goto(row, col);
    }

    pub(super) fn line_feed(&mut self) {
        let bg = self.state.pen.bg;
        let has_returned = self.canvas.has_returned();
        let fills = bg != Colour::Default && self.canvas.cursor().0 == self.state.region.1;
        self.canvas.ink_background(self.state.pen);
        self.canvas.put(b"\n");
        if fills {
            let bottom = self.state.region.1;
            self.canvas.fill_rows(bottom..bottom + 1, bg);
        }
        if !has_returned {
            self.canvas.settle();
        }
    }

    pub(super) fn reverse_line_feed(&mut self) {
        let (top, _) = self.state.region;
        let (row, col) = self.canvas.cursor();
        if row == top {
            self.canvas.ink_background(self.state.pen);
            self.canvas.put(b"\x1bM");
            self.canvas.fill_rows(top..top + 1, self.state.pen.bg);
            self.canvas.settle();
        } else if row > 0 {
            self.canvas.goto(row - 1, col);
        }
    }

    pub(super) fn up(&mut self, count: u16) {
        let (top, _) = self.state.region;
        let (row, col) = self.canvas.cursor();
        let most = if row < top { row } else { row - top };
        self.canvas
            .goto(row - count.min(most), col.min(self.canvas.cols - 1));
    }

    pub(super) fn down(&mut self, count: u16) {
        let (_, bottom) = self.state.region;
        let (row, col) = self.canvas.cursor();
        let most = if row > bottom {
            self.canvas.rows - 1 - row
        } else {
            bottom - row
        };
        self.canvas
            .goto(row + count.min(most), col.min(self.canvas.cols - 1));
    }

    pub(super) fn insert_cells(&mut self, count: u16) {
        let count = count.min(self.canvas.cols);
        self.clear(count, b'@');
        if self.state.pen.bg != Colour::Default {
            self.clear(count, b'X');
        }
    }

    pub(super) fn delete_cells(&mut self, count: u16) {
        self.clear(count.min(self.canvas.cols), b'P');
        let (row, col) = self.canvas.cursor();
        if self.state.pen.bg != Colour::Default && col < self.canvas.cols {
            let count = count.min(self.canvas.cols - col);
            self.canvas.goto(row, self.canvas.cols - count);
            self.clear(0, b'K');
            self.canvas.goto(row, col);
        }
    }

    /// Inserts or deletes lines. Outside the scroll region tmux moves everything down to the end of the screen.
    pub(super) fn move_lines(&mut self, count: u16, last: u8) {
        let (top, bottom) = self.state.region;
        let (row, col) = self.canvas.cursor();
        let is_inside = (top..=bottom).contains(&row);
        let end = if is_inside {
            bottom
        } else {
            self.canvas.rows - 1
        };
        let count = count.min(end + 1 - row);
        if !is_inside {
            self.canvas.region((0, end));
            self.canvas.goto(row, col);
        }
        self.clear(count, last);
        if !is_inside {
            self.canvas.region((top, bottom));
            self.canvas.goto(row, col);
        }
        let filled = if last == b'L' {
            row..row + count
        } else {
            end + 1 - count..end + 1
        };
        self.canvas.fill_rows(filled, self.state.pen.bg);
        self.canvas.settle();
    }

    pub(super) fn scroll(&mut self, count: u16, last: u8) {
        let (top, bottom) = self.state.region;
        let count = count.min(bottom + 1 - top);
        self.clear(count, last);
        let filled = if last == b'S' {
            bottom + 1 - count..bottom + 1
        } else {
            top..top + count
        };
        self.canvas.fill_rows(filled, self.state.pen.bg);
        self.canvas.settle();
    }

    pub(super) fn set_region(&mut self, first: u16, last: u16) {
        let end = self.canvas.rows - 1;
        let (top, bottom) = ((first - 1).min(end), (last - 1).min(end));
        if top < bottom {
            self.state.region = (top, bottom);
            self.canvas.region((top, bottom));
            self.canvas.goto(0, 0);
        }
    }

    /// The alternate screen of tmux starts blank but shares cursor and scroll region with the primary one.
    pub(super) fn enter_alternate(&mut self, saves_cursor: bool) {
        let (row, col) = self.canvas.cursor();
        if self.state.under.is_some() {
            return;
        }
        if saves_cursor {
            self.state.before_alternate = Some((row, col));
        }
        self.state.pen_before_alternate = self.state.pen;
        self.state.under = Some(self.canvas.enter_alternate());
        self.canvas.region(self.state.region);
        self.canvas.goto(row, col);
    }

    pub(super) fn leave_alternate(&mut self, restores_cursor: bool) {
        let (mut row, mut col) = self.canvas.cursor();
        if restores_cursor && let Some(before) = self.state.before_alternate {
            (row, col) = before;
            self.state.pen = self.state.pen_before_alternate;
        }
        if let Some(under) = self.state.under.take() {
            self.canvas.leave_alternate(&under);
            self.canvas.region(self.state.region);
        }
        self.canvas
            .goto(row.min(self.canvas.rows - 1), col.min(self.canvas.cols - 1));
    }
}
