//! The last events of all hosts, newest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::style;
use crate::tui::clock::{AGE_WIDTH, age};
use crate::tui::look;
use crate::tui::model::Model;
use crate::tui::theme::Role;
use crate::tui::widget::{Brush, short_name};

/// Columns of a session's name.
const NAME: u16 = 18;

pub fn draw(model: &Model, buffer: &mut Buffer, area: Rect) {
    let room = usize::from(area.height);
    let mut lines: Vec<_> = model
        .fleet
        .hosts
        .iter()
        .flat_map(|host| {
            let newest = host.log.iter().rev().take(room);
            newest.map(move |line| (host.age(line.at, model.now.unix), line))
        })
        .collect();
    // Stable: of one host's lines at the same moment, the later one stays above.
    lines.sort_by_key(|(age, _)| *age);
    for (y, (ago, line)) in (area.top()..area.bottom()).zip(lines) {
        let (word, role) = look::event(line.what);
        let name = short_name(&line.name, NAME, model.settings.glyphs);
        Brush::new(
            buffer,
            Rect {
                y,
                height: 1,
                ..area
            },
            model.settings.glyphs,
        )
        .skip(1)
        .column_right(&age(ago), AGE_WIDTH, style(model, Role::Muted))
        .skip(2)
        .column(&name, NAME, style(model, Role::Text))
        .skip(1)
        .column(word, 15, style(model, role))
        .put(&line.detail, style(model, Role::Text));
    }
}
