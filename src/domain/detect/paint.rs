//! How cells are painted, as far as rules can care: some tools mark a chosen button or what is at stake by nothing else.

use std::fmt;

/// One cell's paint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paint {
    /// Stands for a colour and means nothing by itself: two cells with the same number have the same background.
    pub background: u32,
    /// Whether foreground and background are swapped.
    pub inverse: bool,
}

/// A picture that can be asked for its paint, so that only the few cells that matter are ever looked at.
pub trait Painted: fmt::Debug {
    /// The paint of a cell, by row and column from 0. Outside the picture it is the default.
    fn paint(&self, row: u16, col: u16) -> Paint;
}
