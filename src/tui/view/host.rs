//! A host that is selected itself, because nothing runs on it: how it is, and what to do.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{empty, style};
use crate::fleet::Host;
use crate::tui::action::Action;
use crate::tui::keymap::Context;
use crate::tui::layout::Pane;
use crate::tui::model::Model;
use crate::tui::theme::Role;
use crate::tui::widget::{Brush, width, wrap};
use crate::tui::{about, look};

pub fn draw(model: &Model, buffer: &mut Buffer, pane: Pane, host: &Host) {
    let glyphs = model.settings.glyphs;
    draw_header(model, buffer, pane.header, host);
    let is_well = host.is_live() && host.trouble.is_none();
    if is_well && model.sessions().next().is_none() {
        empty::draw(model, buffer, pane.body);
        return;
    }
    let mut said = about::host(model, host);
    if said.is_empty() {
        said = quiet(model, host);
    }
    let mut lines = Vec::new();
    for (words, role) in &said {
        let wrapped = wrap(words, pane.body.width);
        lines.extend(wrapped.into_iter().map(|line| (line, *role)));
    }
    for (y, (text, role)) in (pane.body.top()..pane.body.bottom()).zip(lines) {
        let line = Rect {
            y,
            height: 1,
            ..pane.body
        };
        Brush::new(buffer, line, glyphs).put(&text, style(model, role));
    }
}

fn draw_header(model: &Model, buffer: &mut Buffer, area: Rect, host: &Host) {
    let glyphs = model.settings.glyphs;
    let (glyph, word, role) = look::host(glyphs, host, model.asks(&host.id), model.now.unix);
    let columns = width(glyph) + 1 + width(&word);
    let mut brush = Brush::new(buffer, area, glyphs);
    let left = brush.room().saturating_sub(columns + 2);
    brush.column(host.id.as_str(), left, style(model, Role::Name));
    let gap = brush.room().saturating_sub(columns);
    brush
        .skip(gap)
        .put(glyph, style(model, role))
        .skip(1)
        .put(&word, style(model, role));
}

/// What to say of a host with which all is well.
fn quiet(model: &Model, host: &Host) -> Vec<(String, Role)> {
    let mut said = vec![("Nothing runs here yet.".to_owned(), Role::Name)];
    let key = model
        .settings
        .keymap
        .shown(Action::Start, &[Context::Fleet]);
    if let Some(key) = key {
        said.push((format!("{key} starts a tool in a folder."), Role::Text));
    }
    if let Some(welcome) = &host.welcome {
        let dot = model.settings.glyphs.dot();
        said.push((
            format!("{} {dot} {}", welcome.agent, welcome.home),
            Role::Muted,
        ));
    }
    said
}
