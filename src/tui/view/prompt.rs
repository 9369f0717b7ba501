//! The open prompt: what is asked, whole, how that is known, and the keys that answer it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::bar::words;
use super::style;
use crate::domain::{Answer, PromptKind};
use crate::tui::action::Action;
use crate::tui::layout::{PromptBox, answerable, chip};
use crate::tui::model::Model;
use crate::tui::theme::Role;
use crate::tui::widget::{Brush, width};

/// What is offered for an open prompt, in this order.
pub const KEYS: [Action; 5] = [
    Action::Approve,
    Action::Deny,
    Action::Attach,
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
    let last = shown.subject.len() - 1;
    for (index, text) in shown.subject.iter().enumerate() {
        let mut brush = Brush::new(buffer, line(index), glyphs);
        let cut = index == last && !shown.whole;
        brush.skip(shown.indent).put(
            text,
            style(model, if cut { Role::Error } else { Role::Name }),
        );
        if index == last && shown.facts_inline {
            brush.skip(3).put(&shown.facts, muted);
        }
    }
    let keys = shown.area.height.saturating_sub(1);
    if !shown.facts_inline && !shown.facts.is_empty() {
        Brush::new(buffer, line(usize::from(keys) - 1), glyphs)
            .skip(shown.indent)
            .keep(1)
            .put(&shown.facts, muted);
    }
    let mut brush = Brush::new(buffer, line(usize::from(keys)), glyphs);
    let gap = if shown.indent > 3 { 3 } else { 2 };
    brush.skip(if shown.indent > 3 { 3 } else { 1 });
    let target = crate::tui::effect::Target::new(&host.id, &session.id);
    if let Some(answer) = model.answer_under_way(&target, prompt.id) {
        let answer = if answer == Answer::Yes { "yes" } else { "no" };
        brush
            .put("answered ", muted)
            .put(answer, style(model, Role::Name))
            .put(glyphs.ellipsis(), muted);
        return;
    }
    if !answerable(prompt) {
        brush
            .put("attach or type to answer", style(model, Role::Text))
            .skip(gap);
    }
    for action in KEYS {
        let answers = matches!(action, Action::Approve | Action::Deny);
        if model.offers(action)
            && (shown.whole || !answers)
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
