//! The list: who needs you, then every context with its sessions, in aligned columns.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::style;
use crate::domain::{Origin, Session, SessionState};
use crate::fleet::{ConnectionState, Host};
use crate::tui::about;
use crate::tui::clock::{AGE_WIDTH, age};
use crate::tui::look;
use crate::tui::model::Model;
use crate::tui::questions::subject;
use crate::tui::rows::{Density, Part, Row, rows};
use crate::tui::theme::Role;
use crate::tui::widget::{Brush, select, short_name, width};

/// Columns of the list from which the tool is shown: its page names it as well, so it comes after the name.
const TOOL_FROM: u16 = 54;
/// Columns of the tool: the longest short name of one that is known here.
const TOOL: u16 = 8;
/// The most columns of a name: longer ones are rare, and what the session does needs the rest.
const NAME: u16 = 18;
/// The least columns that a part of a word is shown in.
const LEAST: u16 = 5;
/// Columns of the list below which “approve” is left out before what is asked: the glyph says it.
const VERB_FROM: u16 = 44;

/// Widths of the columns; they depend on the list's width alone, so that nothing moves.
#[derive(Clone, Copy)]
struct Columns {
    name: u16,
    /// 0 when there is no room for it.
    tool: u16,
    words: u16,
    /// Whether who needs you has a badge as well: in a narrow list what is asked needs the room, and the session's row
    /// in its context has it.
    badges: bool,
}

impl Columns {
    fn of(list: u16, density: Density) -> Self {
        // Marker, glyph, a space; before the age a space, behind it one.
        let fixed = 3 + 1 + AGE_WIDTH + 1;
        let rest = list.saturating_sub(fixed);
        let tool = if list < TOOL_FROM { 0 } else { TOOL };
        let gaps = 1 + u16::from(tool > 0);
        let rest = rest.saturating_sub(tool + gaps);
        let name = (rest / 2).min(NAME);
        Self {
            name,
            tool,
            words: rest - name,
            badges: list >= VERB_FROM || density == Density::Flat,
        }
    }
}

pub fn draw(model: &Model, buffer: &mut Buffer, area: Rect, density: Density) {
    let rows = rows(&model.fleet, &model.filter, density);
    let columns = Columns::of(area.width, density);
    if rows.is_empty() {
        let line = Rect {
            height: area.height.min(1),
            ..area
        };
        Brush::new(buffer, line, model.settings.glyphs)
            .skip(1)
            .put("nothing matches the filter", style(model, Role::Muted));
        return;
    }
    for (y, row) in (area.top()..area.bottom()).zip(rows.iter().skip(model.list_top)) {
        let line = Rect {
            y,
            height: 1,
            ..area
        };
        match row {
            Row::Gap => {}
            Row::Title(count) => {
                let needs_you = style(model, Role::NeedsYou);
                let mut brush = Brush::new(buffer, line, model.settings.glyphs);
                brush.skip(1).put("NEEDS YOU", needs_you).keep(1);
                let room = brush.room();
                brush.column_right(&count.to_string(), room, needs_you);
            }
            Row::Group { host, dir, count } => {
                draw_group(model, buffer, line, host, dir.as_deref(), *count);
            }
            Row::Session {
                host,
                session,
                part,
            } => {
                draw_session(model, buffer, line, (host, session), *part, columns);
            }
        }
        if row.selects().is_some() && row.selects() == model.selection {
            select(buffer, line, style(model, Role::Selection));
            Brush::new(buffer, line, model.settings.glyphs).put(
                model.settings.glyphs.bar(),
                style(model, Role::Selection).patch(style(model, Role::Key)),
            );
        }
    }
    draw_more(model, buffer, area, rows.len());
}

fn draw_group(
    model: &Model,
    buffer: &mut Buffer,
    line: Rect,
    host: &Host,
    dir: Option<&str>,
    count: usize,
) {
    let glyphs = model.settings.glyphs;
    let muted = style(model, Role::Muted);
    let asks = model.asks(&host.id);
    let (glyph, word, role) = look::host(glyphs, host, asks, model.now.unix);
    let status = format!("{glyph} {word}");
    let right = if count > 0 {
        format!("{count} {} ", glyphs.dot())
    } else {
        String::new()
    };
    let columns = width(&right) + width(&status);
    // A host without sessions has no folder to show: there stands why.
    let about = match (dir, model.questions.of(&host.id), about::failure(host)) {
        (Some(dir), _, _) => dir.to_owned(),
        (None, Some(waiting), _) => subject(&waiting.question).to_owned(),
        (None, None, Some(failure)) => look::reason(host, &failure.message),
        (None, None, None) => match (&host.connection, &host.trouble) {
            (ConnectionState::Connecting, _) => host.step.to_owned(),
            (_, Some(trouble)) => look::reason(host, &trouble.message),
            _ => String::new(),
        },
    };
    let mut brush = Brush::new(buffer, line, glyphs);
    brush.skip(1).keep(1);
    let room = brush.room();
    let left = room.saturating_sub(columns + 2);
    let host_columns = width(host.id.as_str()).min(left);
    brush
        .put_within(host.id.as_str(), host_columns, style(model, Role::Name))
        .skip(1)
        .column(&about, left.saturating_sub(host_columns + 1), muted);
    let rest = brush.room();
    brush
        .skip(rest.saturating_sub(columns))
        .put(&right, muted)
        .put(&status, style(model, role));
}

fn draw_session(
    model: &Model,
    buffer: &mut Buffer,
    line: Rect,
    (host, session): (&Host, &Session),
    part: Part,
    columns: Columns,
) {
    let glyphs = model.settings.glyphs;
    let look = glyphs.state(&session.state);
    let faded = !host.is_live() || session.state.is_over();
    let role = |role: Role| style(model, if faded { Role::Stale } else { role });
    let working = matches!(session.state, SessionState::Working { .. });
    let glyph = if working && !faded && !model.settings.reduced_motion {
        glyphs.turning(model.now.mono)
    } else {
        look.glyph
    };
    let quiet = matches!(session.state, SessionState::Idle | SessionState::Unknown);
    let mut brush = Brush::new(buffer, line, glyphs);
    brush
        .skip(1)
        .put(glyph, role(look.role))
        .skip(1)
        .column(
            &short_name(&session.name, columns.name, glyphs),
            columns.name,
            role(if quiet { Role::Idle } else { Role::Text }),
        )
        .skip(1);
    if columns.tool > 0 {
        brush
            .column(short_tool(host, session), columns.tool, role(Role::Muted))
            .skip(1);
    }
    let badge =
        look::badge(host, session, model.now.unix).filter(|_| part == Part::Tree || columns.badges);
    let badge_wide = badge.as_ref().map_or(0, |(words, _)| width(words) + 1);
    let mut words = columns.words.saturating_sub(badge_wide);
    let (word, more) = match part {
        Part::Waiting => {
            let wants = look::wants(session);
            let is_narrow = badge.is_some() || line.width < VERB_FROM;
            let short = wants.strip_prefix("approve ").filter(|_| is_narrow);
            (short.unwrap_or(&wants).to_owned(), String::new())
        }
        Part::Tree => look::words(session),
    };
    let mut put = |brush: &mut Brush<'_>, text: &str, role: ratatui::style::Style| {
        let wanted = width(&crate::tui::widget::clean(text));
        // A letter or two of a word say nothing.
        let wide = if wanted > words && words < LEAST {
            0
        } else {
            wanted.min(words)
        };
        brush.put_within(text, wide, role);
        words -= wide;
    };
    put(&mut brush, &word, role(look.role));
    if !more.is_empty() {
        put(&mut brush, " ", role(Role::Text));
        put(&mut brush, &more, role(Role::Text));
    }
    if let (Origin::Foreign(server), Part::Tree) = (&session.origin, part) {
        put(
            &mut brush,
            &format!(" {} ", glyphs.dot()),
            role(Role::Muted),
        );
        put(&mut brush, server, role(Role::Muted));
    }
    brush.skip(words + 1);
    if let Some((words, badge)) = &badge {
        brush.put(words, role(*badge)).skip(1);
    }
    let shown = age(host.age(session.since, model.now.unix));
    brush.column_right(&shown, AGE_WIDTH, role(Role::Muted));
}

/// The tool's short name, as far as the host told it.
pub fn short_tool<'a>(host: &'a Host, session: &'a Session) -> &'a str {
    host.tools
        .iter()
        .find(|tool| tool.id == session.tool)
        .map_or(session.tool.as_str(), |tool| tool.short.as_str())
}

/// Says in the last column that there is more above or below.
fn draw_more(model: &Model, buffer: &mut Buffer, area: Rect, rows: usize) {
    let glyphs = model.settings.glyphs;
    let shown = usize::from(area.height);
    let edge = Rect {
        x: area.right().saturating_sub(1),
        width: 1,
        height: 1,
        ..area
    };
    if model.list_top > 0 {
        Brush::new(buffer, edge, glyphs).put(glyphs.pick("↑", "^"), style(model, Role::Muted));
    }
    if model.list_top + shown < rows {
        let edge = Rect {
            y: area.bottom().saturating_sub(1),
            ..edge
        };
        Brush::new(buffer, edge, glyphs).put(glyphs.pick("↓", "v"), style(model, Role::Muted));
    }
}
