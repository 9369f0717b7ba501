//! How a text that is being edited is drawn, whether it has one line or many.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::widgets::Widget as _;
use ratatui_textarea::TextArea;

/// Draws the text; `focused` shows the cursor, and scrolls to it.
pub(super) fn draw_field(
    field: &TextArea<'static>,
    buffer: &mut Buffer,
    area: Rect,
    style: Style,
    focused: bool,
) {
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return;
    }
    let mut shown = field.clone();
    shown.set_style(style);
    let cursor = if focused {
        Style::default().add_modifier(Modifier::REVERSED)
    } else {
        style
    };
    shown.set_cursor_style(cursor);
    shown.render(area, buffer);
}
