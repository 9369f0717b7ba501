//! The first run: a to-do list, not a wizard.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::style;
use crate::fleet::ConnectionState;
use crate::tui::about;
use crate::tui::action::Action;
use crate::tui::model::Model;
use crate::tui::theme::Role;
use crate::tui::widget::{Brush, wrap};

/// Columns from which the notes at the right are shown.
const NOTES_FROM: u16 = 72;

pub fn draw(model: &Model, buffer: &mut Buffer, area: Rect) {
    let glyphs = model.settings.glyphs;
    let muted = style(model, Role::Muted);
    let airy = area.height >= 12;
    let mut y = area.y + if airy { 2 } else { 0 };
    let mut next = |lines: u16| {
        let line = Rect {
            y,
            height: u16::from(y < area.bottom()),
            ..area
        };
        y = y.saturating_add(lines);
        line
    };
    Brush::new(buffer, next(2), glyphs)
        .skip(3)
        .put("Nothing runs here yet.", style(model, Role::Name));
    let entries = [
        (Action::Start, "start a tool in a folder", tools(model)),
        (
            Action::Demo,
            "try it with three stand-in tools",
            "real tmux, no account".to_owned(),
        ),
        (Action::Help, "all keys", String::new()),
    ];
    for (action, words, note) in entries {
        let key = model
            .settings
            .keymap
            .chords(action)
            .next()
            .map(ToString::to_string)
            .unwrap_or_default();
        let mut brush = Brush::new(buffer, next(1), glyphs);
        brush
            .skip(3)
            .column(&key, 4, style(model, Role::Key))
            .column(words, 41, style(model, Role::Text));
        if area.width >= NOTES_FROM {
            brush.keep(1).put(&note, muted);
        }
    }
    next(1);
    for host in &model.fleet.hosts {
        // Among several, each has its own page.
        if model.fleet.hosts.len() > 1 {
            break;
        }
        let failure = match (
            &host.connection,
            about::failure(host).or(host.trouble.as_ref()),
        ) {
            (_, Some(failure)) => failure,
            (ConnectionState::Connecting | ConnectionState::Asking, None) => {
                Brush::new(buffer, next(1), glyphs).skip(3).put(
                    &format!("Connecting to {}{}", host.id, glyphs.ellipsis()),
                    muted,
                );
                continue;
            }
            (_, None) => continue,
        };
        for text in wrap(&failure.message, area.width.saturating_sub(6)) {
            Brush::new(buffer, next(1), glyphs)
                .skip(3)
                .put(&text, style(model, Role::Error));
        }
        for text in wrap(&failure.hint, area.width.saturating_sub(6)) {
            Brush::new(buffer, next(1), glyphs)
                .skip(3)
                .put(&text, muted);
        }
    }
    if model.fleet.hosts.iter().any(crate::fleet::Host::is_live) {
        for text in wrap(
            "Tools that already run in tmux appear by themselves.",
            area.width.saturating_sub(6),
        ) {
            Brush::new(buffer, next(1), glyphs)
                .skip(3)
                .put(&text, muted);
        }
        if !model.servers.is_empty() {
            Brush::new(buffer, next(1), glyphs)
                .skip(3)
                .keep(1)
                .put(&format!("Watching: {}.", model.servers.join(", ")), muted);
        }
    }
}

fn tools(model: &Model) -> String {
    let mut found: Vec<_> = model
        .fleet
        .hosts
        .iter()
        .flat_map(|host| &host.tools)
        .filter(|tool| tool.program.is_some() && tool.id != "demo")
        .map(|tool| tool.short.as_str())
        .collect();
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [] => String::new(),
        [first @ .., last] if found.len() <= 5 => {
            let mut words = first.join(", ");
            if !words.is_empty() {
                words.push_str(", ");
            }
            format!("{words}{last} found")
        }
        more => format!("{} and {} more found", more[..4].join(", "), more.len() - 4),
    }
}
