//! The selected session: a line that says what it is, and its screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::list::short_tool;
use super::style;
use crate::domain::{Origin, Session, SessionState};
use crate::fleet::{ConnectionState, Host};
use crate::tui::action::Action;
use crate::tui::clock::rough_age;
use crate::tui::effect::Target;
use crate::tui::layout::{Pane, notice};
use crate::tui::look;
use crate::tui::model::{Model, Selection};
use crate::tui::rows::{home, short_dir};
use crate::tui::theme::Role;
use crate::tui::widget::{Brush, ScreenView, frame, width, window};

pub fn draw(model: &Model, buffer: &mut Buffer, pane: Pane) {
    let Some((host, session)) = model.selected() else {
        if let (Some(Selection::Host(_)), Some(host)) = (&model.selection, model.selected_host()) {
            super::host::draw(model, buffer, pane, host);
            return;
        }
        Brush::new(buffer, pane.header, model.settings.glyphs)
            .put("nothing is selected", style(model, Role::Muted));
        return;
    };
    draw_header(model, buffer, pane.header, host, session);
    draw_notice(model, buffer, pane.notice);
    draw_screen(model, buffer, pane.body, host, session);
}

fn draw_notice(model: &Model, buffer: &mut Buffer, area: Rect) {
    for (y, (text, role)) in (area.top()..area.bottom()).zip(notice(model, area.width)) {
        let line = Rect {
            y,
            height: 1,
            ..area
        };
        Brush::new(buffer, line, model.settings.glyphs).put(&text, style(model, role));
    }
}

fn draw_header(model: &Model, buffer: &mut Buffer, area: Rect, host: &Host, session: &Session) {
    let glyphs = model.settings.glyphs;
    let muted = style(model, Role::Muted);
    let target = Target::new(&host.id, &session.id);
    let old = |then: u64| {
        rough_age(model.now.unix.saturating_sub(then))
            .trim()
            .to_owned()
    };
    let (now, role) = match (&host.connection, scrolled(model, &target)) {
        (ConnectionState::Connected, Some(up)) => (format!("{up} lines back"), Role::NeedsYou),
        (ConnectionState::Connected, None) => ("live".to_owned(), Role::Muted),
        (ConnectionState::Connecting | ConnectionState::Asking, _) => match host.away_since {
            Some(since) => (format!("last screen, {} old", old(since)), Role::Error),
            None => ("not connected yet".to_owned(), Role::Muted),
        },
        (ConnectionState::Stale { since }, _) => (format!("stale {}", old(*since)), Role::NeedsYou),
        (ConnectionState::Lost { since }, _) => {
            (format!("last screen, {} old", old(*since)), Role::Error)
        }
    };
    let size = format!("{}{}{}", session.cols, glyphs.pick("×", "x"), session.rows);
    let columns = width(&size) + 2 + width(&now);
    let mut brush = Brush::new(buffer, area, glyphs);
    let left = brush.room().saturating_sub(columns + 2);
    let mut parts = vec![short_tool(host, session).to_owned()];
    if let Origin::Foreign(server) = &session.origin {
        parts.push(format!("tmux {server}"));
    }
    parts.push(short_dir(&session.dir, home(host)));
    let step = format!(" {} ", glyphs.step());
    let name = width(&crate::tui::widget::clean(&session.name)).min(left);
    brush.put_within(&session.name, name, style(model, Role::Name));
    let mut left = left - name;
    if let Some((words, role)) = look::badge(host, session, model.now.unix)
        && width(&words) < left
    {
        left -= width(&words) + 1;
        brush.skip(1).put(&words, style(model, role));
    }
    brush.put_within(&format!("{step}{}", parts.join(&step)), left, muted);
    let gap = brush.room().saturating_sub(columns);
    brush
        .skip(gap)
        .put(&size, muted)
        .skip(2)
        .put(&now, style(model, role));
}

fn scrolled(model: &Model, target: &Target) -> Option<u32> {
    model
        .scroll
        .as_ref()
        .filter(|scroll| scroll.target == *target && scroll.up > 0)
        .map(|scroll| scroll.up)
}

fn draw_screen(model: &Model, buffer: &mut Buffer, area: Rect, host: &Host, session: &Session) {
    let target = Target::new(&host.id, &session.id);
    let glyphs = model.settings.glyphs;
    let Some(mirror) = model.mirror(&target) else {
        draw_unknown(model, buffer, area, host);
        return;
    };
    let screen = mirror.screen();
    let up = scrolled(model, &target).unwrap_or(0);
    let mut window = window(screen, area, up);
    let typed_into = model.typing.as_ref() == Some(&target);
    if matches!(session.state, SessionState::Working { .. }) && !typed_into {
        // The cursor of a busy program is wherever it writes; following it would make the picture jump.
        window.left = 0;
    }
    let above = u32::try_from(-window.top)
        .ok()
        .filter(|above| *above > 0)
        .and_then(|above| {
            model
                .scroll
                .as_ref()?
                .picture(above, area.height, screen.size().cols)
        });
    let view = ScreenView {
        screen,
        above: above.as_ref().map(crate::term::Emulator::screen),
        window,
        glyphs,
        colours: model.settings.theme.colours,
        mark: style(model, Role::Muted),
        stale: (!host.is_live()).then(|| style(model, Role::Stale)),
        cursor: host.is_live() && !session.state.is_over(),
    };
    view.draw(buffer, area);
}

/// In place of a screen that is not known: why.
fn draw_unknown(model: &Model, buffer: &mut Buffer, area: Rect, host: &Host) {
    let mut lines: Vec<String> = match &host.connection {
        // The lines above say why.
        ConnectionState::Lost { .. } => {
            vec!["its screen was never seen".to_owned()]
        }
        _ => vec![format!(
            "waiting for its screen{}",
            model.settings.glyphs.ellipsis()
        )],
    };
    lines.truncate(usize::from(area.height));
    for (y, text) in (area.top()..area.bottom()).zip(lines) {
        Brush::new(
            buffer,
            Rect {
                y,
                height: 1,
                ..area
            },
            model.settings.glyphs,
        )
        .put(&text, style(model, Role::Muted));
    }
}

/// Typing mode: the session fills the page inside a heavy frame.
pub fn draw_typing(model: &Model, buffer: &mut Buffer, area: Rect, pane: Pane) {
    let glyphs = model.settings.glyphs;
    let typing = style(model, Role::Typing);
    frame(buffer, area, glyphs, true, typing);
    let Some((host, session)) = model
        .typing
        .as_ref()
        .and_then(|target| model.session(target))
    else {
        return;
    };
    let leave = model.settings.keymap.chords(Action::LeaveTyping).next();
    let leave = format!(
        " {} leaves ",
        leave.map(ToString::to_string).unwrap_or_default()
    );
    let mut brush = Brush::new(buffer, pane.header, glyphs);
    brush.skip(2).keep(3);
    let columns = brush.room().saturating_sub(width(&leave) + 1);
    let chip = " TYPING ";
    let place = format!(
        " on {} {} {} ",
        host.id,
        glyphs.step(),
        short_tool(host, session)
    );
    let left = columns.saturating_sub(width(chip) + 2);
    let name = width(&crate::tui::widget::clean(&session.name)).min(left);
    brush
        .put(" ", typing)
        .put(chip, model.settings.theme.chip(Role::Typing))
        .put(" ", typing)
        .put_within(&session.name, name, style(model, Role::Name));
    if width(&place) <= left - name {
        brush.put(&place, style(model, Role::Muted));
    } else {
        brush.put(" ", typing);
    }
    let gap = brush.room().saturating_sub(width(&leave));
    brush.skip(gap).put(&leave, style(model, Role::Name));
    draw_screen(model, buffer, pane.body, host, session);
}
