//! Short notes in the upper right corner, newest on top; in the inbox below what is read.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::style;
use crate::tui::layout::side_by_side;
use crate::tui::model::Model;
use crate::tui::notes::{EDGES, notes};
use crate::tui::theme::Role;
use crate::tui::widget::{Brush, clean, fill, width};

/// Draws as many lines as fit `area`; `screen` is the whole terminal.
pub fn draw(model: &Model, buffer: &mut Buffer, area: Rect, screen: Rect) {
    let glyphs = model.settings.glyphs;
    let bar = style(model, Role::Bar);
    let mut y = area.y;
    for note in notes(model, screen.width) {
        let widest = note.lines.iter().map(|(text, _)| width(&clean(text)));
        let needed = widest.max().unwrap_or(0) + EDGES;
        // A ragged rest of the page beside it would read like a part of it.
        let (columns, gap) = if side_by_side(screen) {
            (needed, 1)
        } else {
            (screen.width, 0)
        };
        for (index, (text, role)) in note.lines.iter().enumerate() {
            if y >= area.bottom() {
                return;
            }
            let line = Rect::new(area.right().saturating_sub(columns + gap), y, columns, 1);
            fill(buffer, line, bar);
            let mut brush = Brush::new(buffer, line, glyphs);
            brush.skip(1);
            if index == 0 {
                brush
                    .put(
                        note.glyph(glyphs),
                        bar.patch(style(model, note.level.role())),
                    )
                    .skip(1);
            } else {
                brush.skip(2);
            }
            brush.put(text, bar.patch(style(model, *role)));
            y += 1;
        }
    }
}
