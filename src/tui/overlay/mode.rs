//! Who answers a session's prompts when no person does.
//!
//! Promise: the mode that says yes to everything is never one key away: it wants a word typed out, and says when it ends.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Command, Outcome, Scene, foot, line, open_frame};
use crate::domain::{Mode, Session};
use crate::fleet::Host;
use crate::tui::action::Action;
use crate::tui::effect::Target;
use crate::tui::theme::Role;
use crate::tui::widget::{Brush, Input, width};

/// Rows with the frame.
pub const ROWS: u16 = 12;
/// For how many hours the mode can last. Eight is offered: a working day.
const HOURS: [u32; 5] = [1, 2, 4, 8, 24];
/// Columns of the names of fields.
const LABEL: u16 = 8;
/// The word that confirms, besides the session's name.
const CONFIRMATION: &str = "yes";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Mode,
    Hours,
    Screen,
    DryRun,
    Confirmation,
}

/// What a session's mode shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    pub mode: Mode,
    pub screen: bool,
    pub dry_run: bool,
    /// `None` for the host's default.
    pub hours: Option<u32>,
}

#[derive(Clone, Debug)]
pub struct ModeForm {
    target: Target,
    name: String,
    /// What it is now, in words.
    now: String,
    stopped: String,
    wish: Wish,
    hours: u32,
    field: Field,
    typed: Input,
    is_asking: bool,
    /// What is wrong with the last try: message and hint.
    error: Option<(String, String)>,
}

impl ModeForm {
    pub fn new(host: &Host, session: &Session) -> Self {
        let auto = &session.auto;
        Self {
            target: Target::new(&host.id, &session.id),
            name: session.name.clone(),
            now: auto.mode.word().to_owned(),
            stopped: auto.stopped.clone(),
            wish: Wish {
                mode: auto.mode,
                screen: auto.screen,
                dry_run: auto.dry_run,
                hours: None,
            },
            hours: 8,
            field: Field::Mode,
            typed: Input::default(),
            is_asking: false,
            error: None,
        }
    }

    pub fn fail(&mut self, message: String, hint: String) {
        self.is_asking = false;
        self.error = Some((message, hint));
    }

    pub fn paste(&mut self, text: &str) {
        if self.field == Field::Confirmation {
            self.typed.paste(text);
        }
    }

    /// The fields there are, in their order.
    fn fields(&self) -> &'static [Field] {
        match self.wish.mode {
            Mode::Ask => &[Field::Mode],
            Mode::Policy => &[Field::Mode, Field::Screen, Field::DryRun],
            Mode::Yes => &[
                Field::Mode,
                Field::Hours,
                Field::Screen,
                Field::DryRun,
                Field::Confirmation,
            ],
        }
    }

    pub fn key(&mut self, key: KeyEvent, action: Option<Action>) -> Outcome {
        match action {
            Some(Action::Accept) => return self.accept(),
            Some(Action::NextField | Action::NextItem) => self.go(1),
            Some(Action::PreviousField | Action::PreviousItem) => {
                self.go(self.fields().len().saturating_sub(1));
            }
            _ => self.change(key),
        }
        Outcome::Stay
    }

    fn accept(&mut self) -> Outcome {
        if self.is_asking {
            return Outcome::Stay;
        }
        let typed = self.typed.text().trim();
        if self.wish.mode == Mode::Yes && typed != CONFIRMATION && typed != self.name {
            self.field = Field::Confirmation;
            let message = format!("type {CONFIRMATION} or {} to confirm", self.name);
            self.error = Some((message, String::new()));
            return Outcome::Stay;
        }
        self.is_asking = true;
        self.error = None;
        let hours = (self.wish.mode == Mode::Yes).then_some(self.hours);
        Outcome::Ask(Command::SetMode {
            target: self.target.clone(),
            name: self.name.clone(),
            wish: Wish { hours, ..self.wish },
        })
    }

    fn go(&mut self, by: usize) {
        let fields = self.fields();
        let at = fields.iter().position(|field| *field == self.field);
        let next = (at.unwrap_or(0) + by) % fields.len();
        self.field = fields.get(next).copied().unwrap_or(Field::Mode);
    }

    fn change(&mut self, key: KeyEvent) {
        if self.field == Field::Confirmation {
            if self.typed.key(key) {
                self.error = None;
            }
            return;
        }
        let by = match key.code {
            KeyCode::Right | KeyCode::Char(' ' | 'l') => 1,
            KeyCode::Left | KeyCode::Char('h') => 2,
            KeyCode::Char(c) if self.field == Field::Mode => {
                self.choose(c);
                return;
            }
            _ => return,
        };
        self.error = None;
        match self.field {
            Field::Mode => {
                const MODES: [Mode; 3] = [Mode::Ask, Mode::Policy, Mode::Yes];
                let at = MODES.iter().position(|mode| *mode == self.wish.mode);
                let next = (at.unwrap_or(0) + by) % MODES.len();
                self.wish.mode = MODES.get(next).copied().unwrap_or_default();
            }
            Field::Hours => {
                let at = HOURS.iter().position(|hours| *hours == self.hours);
                let step = if by == 1 { 1 } else { HOURS.len() - 1 };
                let next = (at.unwrap_or(0) + step) % HOURS.len();
                self.hours = HOURS.get(next).copied().unwrap_or(8);
            }
            Field::Screen => self.wish.screen = !self.wish.screen,
            Field::DryRun => self.wish.dry_run = !self.wish.dry_run,
            Field::Confirmation => {}
        }
    }

    /// A letter goes to the mode that begins with it.
    fn choose(&mut self, letter: char) {
        let modes = [Mode::Ask, Mode::Policy, Mode::Yes];
        let chosen = modes
            .into_iter()
            .find(|mode| mode.word().starts_with(letter));
        if let Some(mode) = chosen {
            self.wish.mode = mode;
            self.error = None;
        }
    }

    pub fn draw(&self, buffer: &mut Buffer, area: Rect, scene: &Scene<'_>) {
        let title = format!("Who answers {} when you do not", self.name);
        let inner = open_frame(buffer, area, &title, scene);
        let mut y = 0;
        let mut next = || {
            y += 1;
            line(inner, y - 1)
        };
        self.draw_mode(buffer, next(), scene);
        let about = match self.wish.mode {
            Mode::Ask => "nobody: every prompt waits for a person",
            Mode::Policy => "the rules of its host; what they do not allow waits",
            Mode::Yes => "yes to every permission; questions, trust and plans wait",
        };
        let muted = scene.style(Role::Muted);
        let glyphs = scene.settings.glyphs;
        Brush::new(buffer, next(), glyphs)
            .skip(LABEL)
            .put(about, muted);
        for field in self.fields() {
            let row = match field {
                Field::Mode => continue,
                _ => next(),
            };
            self.draw_field(buffer, row, *field, scene);
        }
        let (message, hint, role) = match &self.error {
            Some((message, hint)) => (message.as_str(), hint.as_str(), Role::Error),
            None if self.is_asking => ("asking", "", Role::Muted),
            None if !self.stopped.is_empty() => (self.stopped.as_str(), "", Role::Error),
            None => ("", "", Role::Muted),
        };
        let below = inner.height.saturating_sub(2);
        let stopped = if self.error.is_none() && !self.is_asking && !message.is_empty() {
            "switched off by itself: "
        } else {
            ""
        };
        Brush::new(buffer, line(inner, below), glyphs)
            .put(stopped, scene.style(role))
            .put(message, scene.style(role));
        Brush::new(buffer, line(inner, below + 1), glyphs).put(hint, muted);
        foot(
            buffer,
            area,
            &[
                (Action::Accept, "set it"),
                (Action::NextField, "next"),
                (Action::Cancel, "keep"),
            ],
            scene,
        );
    }

    fn label(&self, buffer: &mut Buffer, row: Rect, field: Field, word: &str, scene: &Scene<'_>) {
        let glyphs = scene.settings.glyphs;
        let (marker, role) = if self.field == field {
            (glyphs.bar(), Role::Name)
        } else {
            (" ", Role::Muted)
        };
        Brush::new(buffer, row, glyphs)
            .put(marker, scene.style(Role::Key))
            .put(word, scene.style(role));
    }

    fn draw_mode(&self, buffer: &mut Buffer, row: Rect, scene: &Scene<'_>) {
        self.label(buffer, row, Field::Mode, "mode", scene);
        let mut brush = Brush::new(buffer, row, scene.settings.glyphs);
        brush.skip(LABEL);
        for mode in [Mode::Ask, Mode::Policy, Mode::Yes] {
            let is_chosen = self.wish.mode == mode;
            let open = if is_chosen { "(*) " } else { "( ) " };
            let role = if is_chosen { Role::Name } else { Role::Muted };
            brush
                .put(open, scene.style(role))
                .put(mode.word(), scene.style(role))
                .skip(1);
        }
        let now = format!(
            "arrows choose {} now: {}",
            scene.settings.glyphs.dot(),
            self.now
        );
        if width(&now) < brush.room() {
            brush.skip(1).put(&now, scene.style(Role::Muted));
        }
    }

    fn draw_field(&self, buffer: &mut Buffer, row: Rect, field: Field, scene: &Scene<'_>) {
        let glyphs = scene.settings.glyphs;
        let text = scene.style(Role::Text);
        let tick = |on: bool| if on { "[x] " } else { "[ ] " };
        let (word, shown) = match field {
            Field::Mode => return,
            Field::Hours => ("ends", format!("in {} h, by itself (arrows)", self.hours)),
            Field::Screen => (
                "screen",
                format!(
                    "{}also from the screen, if a second source agrees (space)",
                    tick(self.wish.screen)
                ),
            ),
            Field::DryRun => (
                "dry",
                format!(
                    "{}only record what it would answer (space)",
                    tick(self.wish.dry_run)
                ),
            ),
            Field::Confirmation => {
                let word = format!("type {CONFIRMATION} or {}", self.name);
                let wide = width(&word) + 3;
                self.label(buffer, row, field, &word, scene);
                let at = Rect {
                    x: row.x + wide.min(row.width),
                    width: row.width.saturating_sub(wide),
                    ..row
                };
                self.typed.draw(buffer, at, text, self.field == field);
                return;
            }
        };
        self.label(buffer, row, field, word, scene);
        Brush::new(buffer, row, glyphs)
            .skip(LABEL)
            .put(&shown, text);
    }
}
