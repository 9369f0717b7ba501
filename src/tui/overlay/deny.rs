//! The words that go with a no.
//!
//! Promise: it denies the prompt it was opened for or none. It is opened only where the tool takes words.

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Command, Outcome, Scene, foot, line, open_frame};
use crate::domain::Prompt;
use crate::tui::action::Action;
use crate::tui::sight::PromptRef;
use crate::tui::subject;
use crate::tui::theme::Role;
use crate::tui::widget::{Brush, Input};

/// Rows with the frame.
pub const ROWS: u16 = 8;

#[derive(Clone, Debug)]
pub struct DenyForm {
    of: PromptRef,
    name: String,
    prompt: Prompt,
    words: Input,
}

impl DenyForm {
    pub fn new(of: PromptRef, name: String, prompt: Prompt) -> Self {
        Self {
            of,
            name,
            prompt,
            words: Input::default(),
        }
    }

    pub fn paste(&mut self, text: &str) {
        self.words.paste(text);
    }

    pub fn key(&mut self, key: KeyEvent, action: Option<Action>) -> Outcome {
        if action == Some(Action::Accept) {
            return Outcome::Do(Command::Deny {
                of: self.of.clone(),
                prompt: Box::new(self.prompt.clone()),
                message: self.words.text().trim().to_owned(),
            });
        }
        self.words.key(key);
        Outcome::Stay
    }

    pub fn draw(&self, buffer: &mut Buffer, area: Rect, scene: &Scene<'_>) {
        let inner = open_frame(buffer, area, &format!("Deny {}", self.name), scene);
        let glyphs = scene.settings.glyphs;
        Brush::new(buffer, line(inner, 1), glyphs)
            .put(subject::text(&self.prompt), scene.style(Role::Name));
        let row = line(inner, 3);
        Brush::new(buffer, row, glyphs).put("why", scene.style(Role::Muted));
        let field = Rect {
            x: row.x + 5.min(row.width),
            width: row.width.saturating_sub(5),
            ..row
        };
        self.words
            .draw(buffer, field, scene.style(Role::Text), true);
        Brush::new(buffer, line(inner, 5), glyphs).put(
            "the tool is told this with the no",
            scene.style(Role::Muted),
        );
        foot(
            buffer,
            area,
            &[(Action::Accept, "deny"), (Action::Cancel, "back")],
            scene,
        );
    }
}
