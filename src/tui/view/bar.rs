//! The top bar with the counts, and the bar of keys at the bottom.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::style;
use crate::domain::SessionState;
use crate::tui::action::{Action, Spec, TABLE};
use crate::tui::keymap::Context;
use crate::tui::layout::enter_looks;
use crate::tui::model::Model;
use crate::tui::overlay::Overlay;
use crate::tui::theme::Role;
use crate::tui::widget::{Brush, fill, width};

/// Columns from which the counts have words.
const WORDS_FROM: u16 = 100;
/// Columns from which the bar names the host that asks.
const MEDIUM: u16 = 60;
/// The most columns of its name.
const NAME: usize = 20;

pub fn draw_top(model: &Model, buffer: &mut Buffer, area: Rect) {
    let glyphs = model.settings.glyphs;
    let sessions = model.sessions().count();
    let hosts = model.fleet.hosts.len();
    let plural =
        |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let mut right = Vec::new();
    let live = model.fleet.hosts.iter().filter(|host| host.is_live());
    match live.count() {
        _ if hosts < 2 => {}
        live if live < hosts => right.push(format!("{live} of {hosts} hosts")),
        _ => right.push(plural(hosts, "host")),
    }
    if sessions > 0 && area.width >= WORDS_FROM {
        right.push(plural(sessions, "session"));
    }
    let right = right.join(&format!(" {} ", glyphs.dot()));
    let asked = asked(model, area.width);
    let mut brush = Brush::new(buffer, area, glyphs);
    brush
        .skip(1)
        .put("cm-tui", style(model, Role::Name))
        .skip(3);
    if sessions == 0 {
        brush.put("no sessions yet", style(model, Role::Muted));
        draw_right(model, &mut brush, &asked, &right);
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
    draw_right(model, &mut brush, &asked, &right);
}

/// The questions that wait behind what has the keys: they are to be seen on every page.
fn asked(model: &Model, columns: u16) -> String {
    let glyph = model.settings.glyphs.pick("▲", "!");
    let first = model.questions.iter().next();
    match (model.questions_aside(), first) {
        (0, _) | (_, None) => String::new(),
        (count, _) if columns < MEDIUM => {
            format!("{glyph} {count} ask{}", if count == 1 { "s" } else { "" })
        }
        (1, Some(waiting)) => format!(
            "{glyph} {} asks you",
            crate::term::sanitize::label(waiting.host.as_str(), NAME)
        ),
        (count, _) => format!("{glyph} {count} hosts ask you"),
    }
}

/// At the right end: what hosts ask, and how much there is, as far as there is room.
fn draw_right(model: &Model, brush: &mut Brush<'_>, asked: &str, right: &str) {
    brush.keep(1);
    let room = brush.room();
    let wide = width(asked) + if asked.is_empty() { 0 } else { 3 } + width(right);
    let right = if wide < room { right } else { "" };
    let gap = if asked.is_empty() || right.is_empty() {
        0
    } else {
        3
    };
    let columns = width(asked) + gap + width(right);
    brush
        .skip(room.saturating_sub(columns))
        .put(asked, style(model, Role::NeedsYou))
        .skip(gap)
        .put(right, style(model, Role::Muted));
}

pub fn draw_hints(model: &Model, buffer: &mut Buffer, area: Rect) {
    let glyphs = model.settings.glyphs;
    let bar = style(model, Role::Bar);
    fill(buffer, area, bar);
    let muted = bar.patch(style(model, Role::Muted));
    let key = bar.patch(style(model, Role::Name));
    let mut brush = Brush::new(buffer, area, glyphs);
    brush.skip(1).keep(1);
    if !model.overlays.is_empty() {
        // It may cover the top bar.
        let mut asked = asked(model, area.width);
        let waiting = model.waiting().len();
        if waiting > 0 {
            let look = glyphs.state(&SessionState::Approval);
            let gap = if asked.is_empty() { "" } else { "  " };
            let count = if area.width < MEDIUM {
                format!("{}{waiting}", look.glyph)
            } else {
                format!("{} {waiting} need you", look.glyph)
            };
            asked = format!("{asked}{gap}{count}");
        }
        let at = Rect {
            x: area.right().saturating_sub(width(&asked) + 1),
            width: width(&asked).min(area.width),
            ..area
        };
        brush.keep(width(&asked) + if asked.is_empty() { 0 } else { 2 });
        Brush::new(brush.buffer(), at, glyphs).put(&asked, bar.patch(style(model, Role::NeedsYou)));
    }
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
    if let Some(Overlay::Question(form)) = model.overlays.last() {
        // Its keys stand in its frame, in the words that fit what is asked.
        let host = crate::term::sanitize::label(form.host().as_str(), NAME);
        brush.put(&format!("{host} waits for your answer"), muted);
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
    if !model.overlays.is_empty() && area.width >= MEDIUM {
        // The keys of what lies on top stand in its frame, in its own words. A narrow one has no room for all of them.
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
        .filter(|spec| {
            let looks = spec.action == Action::Attach && enter_looks(model);
            model.offers(spec.action) || (looks && model.selection.is_some())
        })
        // Enter says it already.
        .filter(|spec| enter_looks(model) || model.host_action() != Some(spec.action))
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
    if spec.action == Action::Attach && enter_looks(model) {
        return Action::Open.spec().hint;
    }
    match (spec.action, model.host_action()) {
        (Action::Approve, _) if model.marked() > 1 => "approve marked",
        (Action::Deny, _) if model.marked() > 1 => "deny marked",
        (Action::Attach, Some(action)) => action.spec().hint,
        _ => spec.hint,
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
