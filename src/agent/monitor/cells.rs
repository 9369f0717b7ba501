//! The paint of a screen's cells, as the detector asks for it.

use crate::domain::detect::{Paint, Painted};
use crate::term::{Colour, Screen};

/// A screen that can be asked for its paint.
#[derive(Clone, Copy, Debug)]
pub struct Cells<'a>(pub &'a Screen);

impl Painted for Cells<'_> {
    fn paint(&self, row: u16, col: u16) -> Paint {
        self.0
            .cell(row, col)
            .map_or_else(Paint::default, |cell| Paint {
                background: number(cell.bg()),
                inverse: cell.inverse(),
            })
    }
}

/// A number of its own for each colour.
fn number(colour: Colour) -> u32 {
    match colour {
        Colour::Default => 0,
        Colour::Indexed(index) => 1 << 8 | u32::from(index),
        Colour::Rgb(red, green, blue) => u32::from_be_bytes([1, red, green, blue]),
    }
}
