//! Draws the model. Nothing here changes it, and nothing here knows a place that `layout` did not give.

mod bar;
mod empty;
mod host;
mod inbox;
mod list;
mod log;
mod pane;
mod prompt;
mod toasts;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::layout::{self, Layout, SMALLEST, density, layout};
use super::model::Model;
use super::overlay::Overlay;
use super::theme::Role;
use super::widget::Brush;

/// Draws everything into `buffer`, whatever its size.
pub fn draw(model: &Model, buffer: &mut Buffer) {
    let area = buffer.area;
    if layout::too_small(area) {
        draw_too_small(model, buffer);
        return;
    }
    let page = layout(model, area);
    bar::draw_top(model, buffer, page.top);
    draw_rules(model, buffer, &page);
    if let Some(area) = page.empty {
        empty::draw(model, buffer, area);
    }
    if let Some(area) = page.list {
        list::draw(model, buffer, area, density(buffer.area));
    }
    if let Some(pane) = page.pane {
        match page.frame {
            Some(frame) => pane::draw_typing(model, buffer, frame, pane),
            None => pane::draw(model, buffer, pane),
        }
    }
    if let Some(inbox) = page.inbox {
        inbox::draw(model, buffer, inbox);
    }
    if let Some(prompt) = &page.prompt {
        prompt::draw(model, buffer, prompt);
    }
    if let Some(area) = page.log {
        log::draw(model, buffer, area);
    }
    bar::draw_hints(model, buffer, page.hints);
    let scene = model.scene();
    // A note must not cover what somebody is about to trust.
    let asks = matches!(model.overlays.last(), Some(Overlay::Question(_)));
    let notes = if model.overlays.is_empty() || asks {
        page.notes
    } else {
        Rect::new(area.x, area.y + 1, area.width, area.height - 2)
    };
    if asks {
        toasts::draw(model, buffer, notes, area);
    }
    for overlay in &model.overlays {
        overlay.draw(buffer, overlay.area(area, &scene), &scene);
    }
    if !asks {
        toasts::draw(model, buffer, notes, area);
    }
}

fn style(model: &Model, role: Role) -> Style {
    model.settings.theme.style(role)
}

fn draw_rules(model: &Model, buffer: &mut Buffer, page: &Layout) {
    let glyphs = model.settings.glyphs;
    let rule = style(model, Role::Rule);
    for area in &page.rules {
        Brush::new(buffer, *area, glyphs).rule(rule);
    }
    let Some(divider) = page.divider else {
        return;
    };
    for y in divider.top()..divider.bottom() {
        let line = Rect {
            y,
            height: 1,
            ..divider
        };
        Brush::new(buffer, line, glyphs).put(glyphs.divider(), rule);
    }
    // Where the lines meet, they join.
    for (y, joint) in [
        (divider.y.checked_sub(1), glyphs.pick("┬", "+")),
        (Some(divider.bottom()), glyphs.pick("┴", "+")),
    ] {
        if let Some(y) = y
            && page.rules.iter().any(|rule| rule.y == y)
        {
            Brush::new(
                buffer,
                Rect {
                    y,
                    height: 1,
                    ..divider
                },
                glyphs,
            )
            .put(joint, rule);
        }
    }
}

fn draw_too_small(model: &Model, buffer: &mut Buffer) {
    let area = buffer.area;
    let (columns, rows) = SMALLEST;
    let words = format!(
        "needs {columns}{}{rows}, has {}{0}{}",
        model.settings.glyphs.pick("×", "x"),
        area.width,
        area.height
    );
    let waiting = model.waiting().len();
    let line = Rect {
        height: area.height.min(1),
        ..area
    };
    Brush::new(buffer, line, model.settings.glyphs).put(&words, style(model, Role::Text));
    if waiting > 0 && area.height > 1 {
        let line = Rect {
            y: area.y + 1,
            height: 1,
            ..area
        };
        Brush::new(buffer, line, model.settings.glyphs)
            .put(&format!("{waiting} need you"), style(model, Role::NeedsYou));
    }
}
