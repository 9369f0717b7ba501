//! The screen under the alternate one, kept as the bytes that paint it.
//!
//! Nobody sees it until the program leaves, which most do once a day. As a second grid it would cost 32 bytes a cell, 150
//! kB for a usual pane; painted it is a few kilobytes. Promise: two are equal exactly when their screens look the same.

use super::filter::Filter;
use super::leaving::{Grid, Leaving};
use super::paint;
use super::screen::{Size, blank_screen};
use crate::term::Fed;
use std::sync::Arc;

/// Cheap to clone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Under(Arc<[u8]>);

impl Under {
    /// Puts the cells of a grid away.
    pub fn of(grid: &vt100::Screen) -> Self {
        Self(paint::cells(grid).into())
    }

    /// What paints it on a blank emulator, whose pen is then as before.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Draws it on a blank grid of its size; the cursor moves.
    pub fn draw(&self, grid: &mut Grid) {
        let (rows, cols) = grid.screen().size();
        // The grid is right whatever comes of the drawing, which nobody needs.
        let _outcome =
            Filter::new(Size::new(cols.get(), rows.get())).feed(&self.0, grid, &mut Fed::default());
    }

    /// Returns it as a grid.
    pub fn grid(&self, size: Size) -> vt100::Screen {
        std::mem::replace(self.parser(size).screen_mut(), blank_screen())
    }

    /// Returns it cut or padded to another size, as the grid does it whose cursor is in this row.
    pub fn resized(&self, before: Size, now: Size, row: u16) -> Self {
        let mut parser = self.parser(before);
        parser.process(format!("\x1b[{}H", row + 1).as_bytes());
        parser.screen_mut().clear_scrollback();
        let (rows, cols) = now.for_vt100();
        parser.screen_mut().set_size(rows, cols);
        Self::of(parser.screen())
    }

    fn parser(&self, size: Size) -> Grid {
        let (rows, cols) = size.for_vt100();
        let mut parser = Grid::new_with_callbacks(rows, cols, 0, Leaving::default());
        self.draw(&mut parser);
        parser
    }
}
