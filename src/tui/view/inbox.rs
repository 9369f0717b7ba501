//! The inbox: every open prompt of every host, whole, oldest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::list::short_tool;
use super::{prompt, style};
use crate::domain::Answer;
use crate::tui::cards::{Card, INDENT, Line, cards};
use crate::tui::clock::{AGE_WIDTH, age};
use crate::tui::layout::{InboxPage, MEDIUM};
use crate::tui::look;
use crate::tui::model::Model;
use crate::tui::theme::Role;
use crate::tui::widget::{Brush, select, short_name, width};

/// Columns of a session's name.
const NAME: u16 = 18;
/// Columns of a tool's name.
const TOOL: u16 = 9;
/// Columns of a prompt's kind.
const KIND: u16 = 9;

pub fn draw(model: &Model, buffer: &mut Buffer, page: InboxPage) {
    let Some(inbox) = &model.inbox else {
        return;
    };
    let glyphs = model.settings.glyphs;
    let cards = cards(model, page.body.width);
    let muted = style(model, Role::Muted);
    let mut brush = Brush::new(buffer, page.title, glyphs);
    brush
        .skip(1)
        .keep(1)
        .put("INBOX", style(model, Role::NeedsYou));
    if !cards.is_empty() {
        let marked = match inbox.marked.len() {
            0 => String::new(),
            count => format!("{count} marked {} ", glyphs.dot()),
        };
        let right = format!("{marked}{} open, oldest first", cards.len());
        let room = brush.room();
        brush.column_right(&right, room, muted);
    }
    if cards.is_empty() {
        let line = Rect {
            height: page.body.height.min(1),
            ..page.body
        };
        Brush::new(buffer, line, glyphs)
            .skip(1)
            .put("Nobody waits for you.", muted);
        return;
    }
    let rows = usize::from(page.body.height);
    for card in &cards {
        let is_chosen = model.target() == Some(&card.of.target);
        for (index, line) in card.lines.iter().enumerate() {
            let place = card.first + index;
            let Some(y) = place.checked_sub(inbox.top).filter(|y| *y < rows) else {
                continue;
            };
            let row = Rect {
                y: page.body.y + u16::try_from(y).unwrap_or(page.body.height),
                height: 1,
                ..page.body
            };
            draw_line(model, buffer, row, card, line, is_chosen);
        }
        if is_chosen {
            let is_whole = card.is_whole(inbox.top, rows);
            draw_keys(model, buffer, page.keys, card, is_whole);
        }
    }
    draw_more(model, buffer, page.body, inbox.top, &cards);
}

fn draw_line(
    model: &Model,
    buffer: &mut Buffer,
    row: Rect,
    card: &Card<'_>,
    line: &Line,
    is_chosen: bool,
) {
    let glyphs = model.settings.glyphs;
    match line {
        Line::Gap => return,
        Line::Head => draw_head(model, buffer, row, card),
        Line::Place => {
            let tool = short_tool(card.host, card.session);
            let kind = card.prompt.kind.word();
            let dot = glyphs.dot();
            let words = format!("{kind} {dot} {tool} {dot} {}", card.place());
            Brush::new(buffer, row, glyphs)
                .skip(INDENT)
                .keep(1)
                .put(&words, style(model, Role::Muted));
        }
        Line::Text(text, role) => {
            Brush::new(buffer, row, glyphs)
                .skip(INDENT)
                .put(text, style(model, *role));
        }
    }
    if is_chosen {
        let selection = style(model, Role::Selection);
        if matches!(line, Line::Head) {
            select(buffer, row, selection);
        }
        // A bar down the whole card says which one keys mean.
        let bar = style(model, Role::Key);
        let bar = if matches!(line, Line::Head) {
            selection.patch(bar)
        } else {
            bar
        };
        Brush::new(buffer, row, glyphs).put(glyphs.bar(), bar);
    }
}

fn draw_head(model: &Model, buffer: &mut Buffer, row: Rect, card: &Card<'_>) {
    let Card {
        host,
        session,
        prompt,
        ..
    } = card;
    let glyphs = model.settings.glyphs;
    let look = glyphs.state(&session.state);
    let muted = style(model, Role::Muted);
    let is_marked = model
        .inbox
        .as_ref()
        .is_some_and(|inbox| inbox.marked.contains(&card.of));
    let mark = if is_marked {
        glyphs.pick("✓", "+")
    } else {
        " "
    };
    let badge = look::badge(host, session, model.now.unix);
    let badge_wide = badge.as_ref().map_or(0, |(words, _)| width(words) + 1);
    let mut brush = Brush::new(buffer, row, glyphs);
    brush
        .skip(1)
        .put(look.glyph, style(model, look.role))
        .put(mark, style(model, Role::Key))
        .skip(1)
        .keep(1);
    let right = AGE_WIDTH + 1 + badge_wide;
    let name = if row.width < MEDIUM {
        brush.room().saturating_sub(right + 1)
    } else {
        NAME
    };
    brush
        .column(
            &short_name(&session.name, name, glyphs),
            name,
            style(model, Role::Name),
        )
        .skip(1);
    if row.width >= MEDIUM {
        brush
            .column(short_tool(host, session), TOOL, muted)
            .skip(1)
            .column(prompt.kind.word(), KIND, style(model, look.role))
            .skip(1);
        let place = brush.room().saturating_sub(right);
        brush.column(&card.place(), place, muted);
    }
    if let Some((words, role)) = &badge {
        brush.put(words, style(model, *role)).skip(1);
    }
    let shown = age(host.age(prompt.since, model.now.unix));
    let room = brush.room();
    brush.column_right(&shown, room, muted);
}

fn draw_keys(model: &Model, buffer: &mut Buffer, row: Rect, card: &Card<'_>, is_whole: bool) {
    let glyphs = model.settings.glyphs;
    let mut brush = Brush::new(buffer, row, glyphs);
    brush.skip(1).keep(1);
    if let Some(answer) = model.answer_under_way(&card.of.target, card.of.prompt) {
        let answer = if answer == Answer::Yes { "yes" } else { "no" };
        brush
            .put("answered ", style(model, Role::Muted))
            .put(answer, style(model, Role::Name))
            .put(glyphs.ellipsis(), style(model, Role::Muted));
        return;
    }
    let reading = model.sight.reading(&card.of, card.prompt, model.now);
    let was_read = reading == crate::tui::sight::Reading::Whole;
    prompt::draw_keys(model, &mut brush, card.prompt, is_whole || was_read);
}

/// Says in the last column that there is more above or below.
fn draw_more(model: &Model, buffer: &mut Buffer, area: Rect, top: usize, cards: &[Card<'_>]) {
    let glyphs = model.settings.glyphs;
    let muted = style(model, Role::Muted);
    let edge = Rect {
        x: area.right().saturating_sub(1),
        width: 1,
        height: area.height.min(1),
        ..area
    };
    if top > 0 {
        Brush::new(buffer, edge, glyphs).put(glyphs.pick("↑", "^"), muted);
    }
    if cards
        .last()
        .is_some_and(|last| last.end() > top + usize::from(area.height))
    {
        let edge = Rect {
            y: area.bottom().saturating_sub(1),
            ..edge
        };
        Brush::new(buffer, edge, glyphs).put(glyphs.pick("↓", "v"), muted);
    }
}
