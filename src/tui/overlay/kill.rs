//! The question before a session is ended. The safe answer is the default.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Command, Outcome, Scene, foot, line, open_frame};
use crate::domain::Session;
use crate::fleet::Host;
use crate::tui::action::Action;
use crate::tui::effect::Target;
use crate::tui::look;
use crate::tui::rows::{home, short_dir};
use crate::tui::theme::Role;
use crate::tui::widget::{Brush, wrap};

/// Rows of the question with its frame.
pub const ROWS: u16 = 8;

#[derive(Clone, Debug)]
pub struct KillQuestion {
    target: Target,
    name: String,
    place: String,
    state: String,
    over: bool,
}

impl KillQuestion {
    pub fn new(host: &Host, session: &Session) -> Self {
        let (word, more) = look::words(session);
        Self {
            target: Target::new(&host.id, &session.id),
            name: session.name.clone(),
            place: format!(
                "{} in {} on {}",
                session.tool,
                short_dir(&session.dir, home(host)),
                host.id
            ),
            state: format!("{word} {more}").trim().to_owned(),
            over: session.state.is_over(),
        }
    }

    pub fn key(&mut self, action: Option<Action>) -> Outcome {
        match action {
            Some(Action::ConfirmYes) => Outcome::Do(Command::Kill {
                target: self.target.clone(),
                name: self.name.clone(),
            }),
            Some(Action::ConfirmNo) => Outcome::Close,
            _ => Outcome::Stay,
        }
    }

    pub fn draw(&self, buffer: &mut Buffer, area: Rect, scene: &Scene<'_>) {
        let inner = open_frame(buffer, area, "End a session", scene);
        let glyphs = scene.settings.glyphs;
        Brush::new(buffer, line(inner, 1), glyphs)
            .put(
                if self.over { "Remove " } else { "Kill " },
                scene.style(Role::Text),
            )
            .put(&self.name, scene.style(Role::Name))
            .put("?", scene.style(Role::Text));
        Brush::new(buffer, line(inner, 2), glyphs)
            .put(&self.place, scene.style(Role::Muted))
            .put(&format!(" {} ", glyphs.dot()), scene.style(Role::Muted))
            .put(&self.state, scene.style(Role::Muted));
        let follows = if self.over {
            "Its last screen and history go."
        } else {
            "Its program ends and its history goes. This cannot be undone."
        };
        for (row, text) in (4..inner.height).zip(wrap(follows, inner.width)) {
            Brush::new(buffer, line(inner, row), glyphs).put(&text, scene.style(Role::Text));
        }
        let yes = if self.over { "remove" } else { "kill" };
        foot(
            buffer,
            area,
            &[(Action::ConfirmYes, yes), (Action::ConfirmNo, "keep it")],
            scene,
        );
    }
}
