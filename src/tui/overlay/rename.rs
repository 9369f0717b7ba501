//! A new name for a session.

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Command, Outcome, Scene, foot, line, open_frame};
use crate::domain::Session;
use crate::fleet::Host;
use crate::tui::action::Action;
use crate::tui::effect::Target;
use crate::tui::theme::Role;
use crate::tui::widget::{Brush, Input};

#[derive(Clone, Debug)]
pub struct RenameForm {
    target: Target,
    old: String,
    name: Input,
    /// What the agent said to the last try: message and hint.
    error: Option<(String, String)>,
}

impl RenameForm {
    pub fn new(host: &Host, session: &Session) -> Self {
        Self {
            target: Target::new(&host.id, &session.id),
            old: session.name.clone(),
            name: Input::new(&session.name),
            error: None,
        }
    }

    pub fn fail(&mut self, message: String, hint: String) {
        self.error = Some((message, hint));
    }

    pub fn paste(&mut self, text: &str) {
        self.name.paste(text);
    }

    pub fn key(&mut self, key: KeyEvent, action: Option<Action>) -> Outcome {
        if action == Some(Action::Accept) {
            let name = self.name.text().trim().to_owned();
            if name.is_empty() || name == self.old {
                return Outcome::Close;
            }
            return Outcome::Ask(Command::Rename {
                target: self.target.clone(),
                name,
            });
        }
        if self.name.key(key) {
            self.error = None;
        }
        Outcome::Stay
    }

    pub fn draw(&self, buffer: &mut Buffer, area: Rect, scene: &Scene<'_>) {
        let inner = open_frame(buffer, area, &format!("Rename {}", self.old), scene);
        let glyphs = scene.settings.glyphs;
        let row = line(inner, 1);
        Brush::new(buffer, row, glyphs).put("name", scene.style(Role::Muted));
        let field = Rect {
            x: row.x + 8.min(row.width),
            width: row.width.saturating_sub(8),
            ..row
        };
        self.name.draw(buffer, field, scene.style(Role::Text), true);
        let (message, hint, role) = match &self.error {
            Some((message, hint)) => (message.as_str(), hint.as_str(), Role::Error),
            None => ("letters, digits, - and _", "", Role::Muted),
        };
        Brush::new(buffer, line(inner, 3), glyphs)
            .put(message, scene.style(role))
            .skip(2)
            .put(hint, scene.style(Role::Muted));
        foot(
            buffer,
            area,
            &[(Action::Accept, "rename"), (Action::Cancel, "cancel")],
            scene,
        );
    }
}
