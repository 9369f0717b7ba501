//! The open prompt: what is asked, whole, how that is known, and the keys that answer it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::bar::words;
use super::style;
use crate::domain::{Answer, Prompt, PromptKind};
use crate::tui::action::Action;
use crate::tui::keymap::Context;
use crate::tui::layout::{MEDIUM, PromptBox, answerable, chip};
use crate::tui::look;
use crate::tui::model::Model;
use crate::tui::theme::Role;
use crate::tui::widget::{Brush, width};

/// What is offered for an open prompt, in this order.
pub const KEYS: [Action; 7] = [
    Action::Approve,
    Action::Deny,
    Action::Attach,
    Action::ApproveWithRule,
    Action::DenyWithWords,
    Action::Type,
    Action::NextWaiting,
];

pub fn draw(model: &Model, buffer: &mut Buffer, shown: &PromptBox) {
    let Some((host, session, prompt)) = model.open_prompt() else {
        return;
    };
    let glyphs = model.settings.glyphs;
    let muted = style(model, Role::Muted);
    let role = match prompt.kind {
        PromptKind::Login | PromptKind::Question => Role::Question,
        _ => Role::NeedsYou,
    };
    let line = |index: usize| {
        let index = u16::try_from(index)
            .unwrap_or(u16::MAX)
            .min(shown.area.height);
        Rect {
            y: shown.area.y + index,
            height: u16::from(index < shown.area.height),
            ..shown.area
        }
    };
    let mut brush = Brush::new(buffer, line(0), glyphs);
    let label = chip(prompt.kind);
    if shown.indent > 3 {
        brush.skip(1).put(label, model.settings.theme.chip(role));
    } else {
        brush
            .skip(1)
            .put(glyphs.state(&session.state).glyph, style(model, role));
    }
    let facts = if look::pending(prompt).is_some() {
        style(model, Role::NeedsYou)
    } else {
        muted
    };
    let last = shown.subject.len() - 1;
    for (index, text) in shown.subject.iter().enumerate() {
        let mut brush = Brush::new(buffer, line(index), glyphs);
        let cut = index == last && !shown.whole || index + shown.warned > last;
        brush.skip(shown.indent).put(
            text,
            style(model, if cut { Role::Error } else { Role::Name }),
        );
        if index == last && shown.facts_inline {
            brush.skip(3).put(&shown.facts, facts);
        }
    }
    let keys = shown.area.height.saturating_sub(1);
    if !shown.facts_inline && !shown.facts.is_empty() {
        Brush::new(buffer, line(usize::from(keys) - 1), glyphs)
            .skip(shown.indent)
            .keep(1)
            .put(&shown.facts, facts);
    }
    let mut brush = Brush::new(buffer, line(usize::from(keys)), glyphs);
    brush.skip(if shown.indent > 3 { 3 } else { 1 });
    if let Some((words, role)) = look::badge(host, session, model.now.unix) {
        let at = Rect {
            x: shown.area.right().saturating_sub(width(&words) + 1),
            width: width(&words).min(shown.area.width),
            ..line(usize::from(keys))
        };
        brush.keep(width(&words) + 2);
        Brush::new(brush.buffer(), at, glyphs).put(&words, style(model, role));
    }
    let target = crate::tui::effect::Target::new(&host.id, &session.id);
    if let Some(answer) = model.answer_under_way(&target, prompt.id) {
        let answer = if answer == Answer::Yes { "yes" } else { "no" };
        brush
            .put("answered ", muted)
            .put(answer, style(model, Role::Name))
            .put(glyphs.ellipsis(), muted);
        return;
    }
    draw_keys(model, &mut brush, prompt, shown.whole);
}

/// The keys that answer `prompt`, as many as there is room for; those that do so only once it has been read whole.
pub fn draw_keys(model: &Model, brush: &mut Brush<'_>, prompt: &Prompt, is_read: bool) {
    let gap = if model.area.width < MEDIUM { 2 } else { 3 };
    if !answerable(prompt) {
        brush
            .put("attach or type to answer", style(model, Role::Text))
            .skip(gap);
    } else if !is_read && model.inbox.is_some() {
        let key = model
            .settings
            .keymap
            .shown(Action::ScrollDown, model.contexts());
        let words = format!(
            "{} reads on, then it can be answered",
            key.unwrap_or_default()
        );
        brush
            .put(words.trim(), style(model, Role::NeedsYou))
            .skip(gap);
    }
    for action in KEYS {
        let answers = action.spec().contexts.contains(&Context::Prompt);
        if model.offers(action)
            && (is_read || !answers)
            && let Some(key) = model.settings.keymap.shown(action, model.contexts())
        {
            let words = words(model, action.spec());
            if width(&key) + 1 + width(words) > brush.room() {
                break;
            }
            brush
                .put(&key, style(model, Role::Key))
                .skip(1)
                .put(words, style(model, Role::Text))
                .skip(gap);
        }
    }
}
