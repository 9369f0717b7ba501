//! Short notes in the upper right corner, newest on top.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::style;
use crate::tui::clock::age;
use crate::tui::layout::side_by_side;
use crate::tui::model::Model;
use crate::tui::theme::Role;
use crate::tui::toast::Level;
use crate::tui::widget::{Brush, clean, fill, width, wrap};

/// The widest a note gets, in columns.
const WIDEST: u16 = 72;
/// From this age on it is said, in milliseconds: only errors stand that long.
const AGED: u64 = 10_000;

pub fn draw(model: &Model, buffer: &mut Buffer, area: Rect) {
    let glyphs = model.settings.glyphs;
    let bar = style(model, Role::Bar);
    let widest = WIDEST.min(area.width.saturating_sub(2));
    let mut y = area.y + 1;
    for toast in model.toasts.iter().rev() {
        let stood = model.now.since(toast.at);
        let text = if stood >= AGED {
            format!("{} ({} ago)", toast.text, age(stood))
        } else {
            toast.text.clone()
        };
        let mut lines: Vec<_> = wrap(&text, widest.saturating_sub(5))
            .into_iter()
            .map(|text| (text, Role::Text))
            .collect();
        if !toast.hint.is_empty() {
            lines.extend(
                wrap(&toast.hint, widest.saturating_sub(5))
                    .into_iter()
                    .map(|text| (text, Role::Muted)),
            );
        }
        let needed = lines
            .iter()
            .map(|(text, _)| width(&clean(text)))
            .max()
            .unwrap_or(0)
            + 5;
        // A ragged rest of the page beside it would read like a part of it.
        let (columns, gap) = if side_by_side(area) {
            (needed, 1)
        } else {
            (area.width, 0)
        };
        let glyph = match toast.level {
            Level::Done => glyphs.pick("✓", "+"),
            Level::Refused => glyphs.pick("▲", "!"),
            Level::Failed => glyphs.pick("✗", "x"),
        };
        for (index, (text, role)) in lines.iter().enumerate() {
            if y + 1 >= area.bottom() {
                return;
            }
            let line = Rect::new(area.right().saturating_sub(columns + gap), y, columns, 1);
            fill(buffer, line, bar);
            let mut brush = Brush::new(buffer, line, glyphs);
            brush.skip(1);
            if index == 0 {
                brush
                    .put(glyph, bar.patch(style(model, toast.level.role())))
                    .skip(1);
            } else {
                brush.skip(2);
            }
            brush.put(text, bar.patch(style(model, *role)));
            y += 1;
        }
    }
}
