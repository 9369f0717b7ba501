//! What is right instead: the states, and for a permission its kinds.
//!
//! Promise: what is kept is the screen that was seen when the menu opened, whatever the session shows since.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::{Scene, first_shown, foot, line};
use crate::domain::Explanation;
use crate::tui::action::Action;
use crate::tui::fixture::{LABELS, Label};
use crate::tui::theme::Role;
use crate::tui::widget::{Brush, select};

#[derive(Clone, Debug)]
pub(super) struct Menu {
    pub(super) judged: Explanation,
    chosen: usize,
}

impl Menu {
    pub(super) fn new(judged: Explanation) -> Self {
        Self { judged, chosen: 0 }
    }

    /// Takes a key; returns the label that was chosen with it.
    pub(super) fn key(&mut self, action: Option<Action>) -> Option<Label> {
        let last = LABELS.len() - 1;
        match action {
            Some(Action::NextItem) => self.chosen = (self.chosen + 1).min(last),
            Some(Action::PreviousItem) => self.chosen = self.chosen.saturating_sub(1),
            Some(Action::Accept) => return LABELS.get(self.chosen).copied(),
            _ => {}
        }
        None
    }

    pub(super) fn draw(&self, buffer: &mut Buffer, area: Rect, inner: Rect, scene: &Scene<'_>) {
        let glyphs = scene.settings.glyphs;
        Brush::new(buffer, line(inner, 0), glyphs)
            .put("What does this screen show?", scene.style(Role::Text));
        let room = usize::from(inner.height.saturating_sub(2));
        let first = first_shown(self.chosen, room);
        let shown = LABELS.iter().enumerate().skip(first);
        for (index, (place, label)) in (2..inner.height).zip(shown) {
            let row = line(inner, index);
            let is_chosen = place == self.chosen;
            let marker = if is_chosen { glyphs.bar() } else { " " };
            Brush::new(buffer, row, glyphs)
                .put(marker, scene.style(Role::Key))
                .column(label.state, 9, scene.style(Role::Name))
                .skip(1)
                .column(label.kind, 8, scene.style(Role::Text))
                .skip(1)
                .put(label.about, scene.style(Role::Muted));
            if is_chosen {
                select(buffer, row, scene.style(Role::Selection));
            }
        }
        let hints = [
            (Action::Accept, "keep the screen"),
            (Action::NextItem, "next"),
            (Action::Cancel, "back"),
        ];
        foot(buffer, area, &hints, scene);
    }
}
