//! The top bar with the counts, and the bar of keys at the bottom.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::style;
use crate::domain::SessionState;
use crate::tui::action::{Action, Spec, TABLE};
use crate::tui::keymap::Context;
use crate::tui::layout::side_by_side;
use crate::tui::model::{Model, Page};
use crate::tui::theme::Role;
use crate::tui::widget::{Brush, fill, width};

/// Columns from which the counts have words.
const WORDS_FROM: u16 = 100;

pub fn draw_top(model: &Model, buffer: &mut Buffer, area: Rect) {
    let glyphs = model.settings.glyphs;
    let sessions = model.sessions().count();
    let hosts = model.fleet.hosts.len();
    let plural =
        |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let mut right = Vec::new();
    if hosts > 1 {
        right.push(plural(hosts, "host"));
    }
    if sessions > 0 && area.width >= WORDS_FROM {
        right.push(plural(sessions, "session"));
    }
    let right = right.join(&format!(" {} ", glyphs.dot()));
    let mut brush = Brush::new(buffer, area, glyphs);
    brush
        .skip(1)
        .put("cm-tui", style(model, Role::Name))
        .skip(3);
    if sessions == 0 {
        brush.put("no sessions yet", style(model, Role::Muted));
        return;
    }
    let count = |wanted: fn(&SessionState) -> bool| {
        model
            .sessions()
            .filter(|(host, session)| host.is_live() && wanted(&session.state))
            .count()
    };
    let counts: [(usize, SessionState, &str); 5] = [
        (model.waiting().len(), SessionState::Approval, "need you"),
        (
            count(|state| matches!(state, SessionState::Working { .. })),
            SessionState::Working {
                activity: String::new(),
            },
            "working",
        ),
        (
            count(|state| *state == SessionState::Finished),
            SessionState::Finished,
            "done",
        ),
        (
            count(|state| matches!(state, SessionState::Error { .. })),
            SessionState::Error {
                text: String::new(),
            },
            "error",
        ),
        (
            count(|state| *state == SessionState::Idle),
            SessionState::Idle,
            "idle",
        ),
    ];
    for (count, state, words) in counts {
        let look = glyphs.state(&state);
        // Nothing of a kind is still a fact, and keeps the others in place.
        let style = style(model, if count == 0 { Role::Muted } else { look.role });
        brush.put(look.glyph, style);
        if area.width >= WORDS_FROM {
            brush.put(&format!(" {count} {words}"), style).skip(3);
        } else {
            brush.put(&count.to_string(), style).skip(1);
        }
    }
    brush.keep(1);
    let room = brush.room();
    if width(&right) < room {
        brush.column_right(&right, room, style(model, Role::Muted));
    }
}

pub fn draw_hints(model: &Model, buffer: &mut Buffer, area: Rect) {
    let glyphs = model.settings.glyphs;
    let bar = style(model, Role::Bar);
    fill(buffer, area, bar);
    let muted = bar.patch(style(model, Role::Muted));
    let key = bar.patch(style(model, Role::Name));
    let mut brush = Brush::new(buffer, area, glyphs);
    brush.skip(1).keep(1);
    if model.typing.is_some() {
        let leave = model.settings.keymap.chords(Action::LeaveTyping).next();
        brush
            .put(
                &format!("every key goes to the session {} ", glyphs.dot()),
                muted,
            )
            .put(&leave.map(ToString::to_string).unwrap_or_default(), key)
            .put(" back to commands", muted);
        let note = "answering by key is off here";
        let room = brush.room();
        if room > width(note) + 2 {
            brush.column_right(note, room, muted);
        }
        return;
    }
    if model.filter.editing {
        draw_filter(model, &mut brush, key, muted);
        return;
    }
    if !model.chord.is_empty() {
        draw_chord(model, &mut brush, key, muted);
        return;
    }
    let contexts = model.contexts();
    let (left, right): (Vec<_>, Vec<_>) = hints(model, contexts)
        .into_iter()
        .partition(|(_, _, rank)| *rank < 90);
    let right_width: u16 = right
        .iter()
        .map(|(key, words, _)| width(key) + width(words) + 3)
        .sum();
    let columns = brush.room().saturating_sub(right_width);
    let mut used = 0;
    for (shown, words, _) in left {
        let wide = width(&shown) + width(&words) + 3;
        if used + wide > columns {
            break;
        }
        used += wide;
        brush.put(&shown, key).skip(1).put(&words, muted).skip(2);
    }
    let gap = brush.room().saturating_sub(right_width.saturating_sub(2));
    brush.skip(gap);
    for (shown, words, _) in right {
        brush.put(&shown, key).skip(1).put(&words, muted).skip(2);
    }
}

/// Keys that work now, with their words and place, smallest place first.
fn hints(model: &Model, contexts: &[Context]) -> Vec<(String, String, u8)> {
    let prompt = contexts.contains(&Context::Prompt);
    let mut hints: Vec<_> = TABLE
        .iter()
        .filter(|spec| {
            spec.contexts
                .iter()
                .any(|context| contexts.contains(context))
        })
        // The prompt has its own line for these.
        .filter(|spec| !spec.contexts.contains(&Context::Prompt))
        .filter(|spec| !(prompt && super::prompt::KEYS.contains(&spec.action)))
        .filter(|spec| model.offers(spec.action))
        .filter_map(|spec| {
            let rank = spec.rank?;
            let key = model.settings.keymap.shown(spec.action, contexts)?;
            Some((key, words(model, spec).to_owned(), rank))
        })
        .collect();
    hints.sort_by_key(|(_, _, rank)| *rank);
    hints
}

/// The words of a hint, where the page changes what a key does.
pub fn words(model: &Model, spec: &'static Spec) -> &'static str {
    let opens =
        spec.action == Action::Attach && !side_by_side(model.area) && model.page == Page::List;
    if opens {
        Action::Open.spec().hint
    } else {
        spec.hint
    }
}

fn draw_filter(model: &Model, brush: &mut Brush<'_>, key: Style, muted: Style) {
    let matching = model
        .sessions()
        .filter(|(host, session)| model.filter.matches(host, session))
        .count();
    let count = format!("{matching} of {}", model.sessions().count());
    brush
        .put("/", key)
        .put(&model.filter.text, key)
        .put(" ", key.add_modifier(ratatui::style::Modifier::REVERSED))
        .skip(2)
        .put(&count, muted)
        .skip(3);
    for (action, words) in [(Action::Accept, "keep"), (Action::Cancel, "clear")] {
        if let Some(chord) = model.settings.keymap.shown(action, &[Context::Filter]) {
            brush.put(&chord, key).skip(1).put(words, muted).skip(2);
        }
    }
}

fn draw_chord(model: &Model, brush: &mut Brush<'_>, key: Style, muted: Style) {
    for pressed in &model.chord {
        brush.put(&pressed.to_string(), key).skip(1);
    }
    brush.put(model.settings.glyphs.ellipsis(), muted).skip(2);
    let next = model
        .settings
        .keymap
        .continuations(model.contexts(), &model.chord);
    for (chord, action) in next {
        for pressed in chord.0.iter().skip(model.chord.len()) {
            brush.put(&pressed.to_string(), key).skip(1);
        }
        brush.put(action.spec().hint, muted).skip(2);
    }
}
