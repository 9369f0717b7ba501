//! What lies over the page and takes the keys: forms, questions, help, palette.
//!
//! Promise: an overlay reads a [`Scene`] and returns an [`Outcome`]; it never changes the model itself.

mod deny;
mod explain;
mod help;
mod kill;
mod mode;
mod palette;
mod question;
mod rename;
mod rule;
mod start;

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

pub use deny::DenyForm;
pub use explain::ExplainPage;
pub use help::HelpPage;
pub use kill::KillQuestion;
pub use mode::{ModeForm, Wish};
pub use palette::Palette;
pub use question::QuestionForm;
pub use rename::RenameForm;
pub use rule::RuleForm;
pub use start::StartForm;

use super::action::Action;
use super::clock::Moment;
use super::effect::Target;
use super::fixture::Fixture;
use super::keymap::Context;
use super::questions::QuestionId;
use super::settings::Settings;
use super::sight::PromptRef;
use super::theme::Role;
use super::widget::{Brush, frame, width};
use crate::domain::{HostId, Prompt};
use crate::fleet::FleetState;
use crate::protocol::StartSession;
use crate::transport::asking::Answer;

/// What an overlay may read.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    pub fleet: &'a FleetState,
    pub settings: &'a Settings,
    pub now: Moment,
    /// The whole terminal.
    pub area: Rect,
    /// How many questions of hosts wait, with the one that is open.
    pub questions: usize,
}

impl Scene<'_> {
    pub fn style(&self, role: Role) -> Style {
        self.settings.theme.style(role)
    }
}

/// What follows from a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing but what the overlay shows.
    Stay,
    Close,
    /// Closes, then does it.
    Do(Command),
    /// Does it and stays until the answer comes.
    Ask(Command),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Run(Action),
    Select(Target),
    Start {
        host: HostId,
        start: StartSession,
        attach: bool,
    },
    Kill {
        target: Target,
        name: String,
    },
    Rename {
        target: Target,
        name: String,
    },
    /// Keeps the screen as one that was judged wrong.
    Store(Box<Fixture>),
    /// Says no to exactly this prompt, with words.
    Deny {
        of: PromptRef,
        prompt: Box<Prompt>,
        message: String,
    },
    /// Adds a rule, and says yes to exactly this prompt once it is there.
    AddRule {
        of: PromptRef,
        prompt: Box<Prompt>,
        text: String,
    },
    SetMode {
        target: Target,
        name: String,
        wish: Wish,
    },
    /// Answers a host's question.
    Answer {
        id: QuestionId,
        answer: Answer,
    },
}

#[derive(Debug)]
pub enum Overlay {
    Start(Box<StartForm>),
    Kill(KillQuestion),
    Rename(RenameForm),
    Explain(Box<ExplainPage>),
    Help(HelpPage),
    Palette(Palette),
    Question(Box<QuestionForm>),
    Deny(Box<DenyForm>),
    Rule(Box<RuleForm>),
    Mode(Box<ModeForm>),
}

impl Overlay {
    pub fn contexts(&self) -> &'static [Context] {
        match self {
            Self::Kill(_) => &[Context::Confirm],
            Self::Explain(page) => page.contexts(),
            Self::Question(form) => form.contexts(),
            Self::Rule(form) => form.contexts(),
            _ => &[Context::Form],
        }
    }

    /// Takes a key; `action` is what the keymap makes of it here.
    pub fn key(&mut self, key: KeyEvent, action: Option<Action>, scene: &Scene<'_>) -> Outcome {
        if let Self::Question(form) = self {
            // Closing it is an answer, and it may be too early for one.
            return form.key(key, action, scene);
        }
        if let Self::Explain(page) = self {
            // Leaving its menu is not leaving it.
            return page.key(action, scene);
        }
        if action == Some(Action::Cancel) {
            return Outcome::Close;
        }
        match self {
            Self::Question(_) | Self::Explain(_) => Outcome::Stay,
            Self::Start(form) => form.key(key, action, scene),
            Self::Kill(question) => question.key(action),
            Self::Rename(form) => form.key(key, action),
            Self::Help(page) => page.key(key, action, scene),
            Self::Palette(palette) => palette.key(key, action, scene),
            Self::Deny(form) => form.key(key, action),
            Self::Rule(form) => form.key(key, action),
            Self::Mode(form) => form.key(key, action),
        }
    }

    pub fn paste(&mut self, text: &str, scene: &Scene<'_>) {
        match self {
            Self::Start(form) => form.paste(text, scene),
            Self::Kill(_) | Self::Explain(_) => {}
            Self::Rename(form) => form.paste(text),
            Self::Help(page) => page.paste(text),
            Self::Palette(palette) => palette.paste(text),
            Self::Question(form) => form.paste(text, scene),
            Self::Deny(form) => form.paste(text),
            Self::Rule(form) => form.paste(text),
            Self::Mode(form) => form.paste(text),
        }
    }

    /// Where it lies on `screen`.
    pub fn area(&self, screen: Rect, scene: &Scene<'_>) -> Rect {
        match self {
            Self::Start(_) => centred(screen, 84, 14),
            Self::Kill(_) => centred(screen, 66, kill::ROWS),
            Self::Rename(_) => centred(screen, 60, 7),
            Self::Explain(page) => page.area(screen, scene),
            Self::Help(page) => centred(screen, help::COLUMNS, page.height(scene).min(34)),
            Self::Palette(_) => centred(screen, 76, 20),
            Self::Question(form) => form.area(screen),
            Self::Deny(_) => centred(screen, 76, deny::ROWS),
            Self::Rule(form) => {
                let columns = 90.min(screen.width);
                centred(screen, columns, form.height(columns))
            }
            Self::Mode(_) => centred(screen, 76, mode::ROWS),
        }
    }

    pub fn draw(&self, buffer: &mut Buffer, area: Rect, scene: &Scene<'_>) {
        match self {
            Self::Start(form) => form.draw(buffer, area, scene),
            Self::Kill(question) => question.draw(buffer, area, scene),
            Self::Rename(form) => form.draw(buffer, area, scene),
            Self::Explain(page) => page.draw(buffer, area, scene),
            Self::Help(page) => page.draw(buffer, area, scene),
            Self::Palette(palette) => palette.draw(buffer, area, scene),
            Self::Question(form) => form.draw(buffer, area, scene),
            Self::Deny(form) => form.draw(buffer, area, scene),
            Self::Rule(form) => form.draw(buffer, area, scene),
            Self::Mode(form) => form.draw(buffer, area, scene),
        }
    }
}

fn centred(screen: Rect, columns: u16, rows: u16) -> Rect {
    let width = columns.min(screen.width.saturating_sub(2));
    let height = rows.min(screen.height.saturating_sub(2));
    Rect::new(
        screen.x + (screen.width - width) / 2,
        // A little above the middle, where the eye rests.
        screen.y + (screen.height - height) * 2 / 5,
        width,
        height,
    )
}

/// Draws the frame with its title and returns what is inside.
fn open_frame(buffer: &mut Buffer, area: Rect, title: &str, scene: &Scene<'_>) -> Rect {
    let glyphs = scene.settings.glyphs;
    frame(buffer, area, glyphs, false, scene.style(Role::Rule));
    let line = Rect { height: 1, ..area };
    Brush::new(buffer, line, glyphs)
        .skip(2)
        .keep(2)
        .put(&format!(" {title} "), scene.style(Role::Name));
    inner(area)
}

/// What is inside of a frame, with a blank at each side.
fn inner(area: Rect) -> Rect {
    Rect::new(
        area.x + 2.min(area.width),
        area.y + 1.min(area.height),
        area.width.saturating_sub(4),
        area.height.saturating_sub(2),
    )
}

/// Writes keys with what they do into the lower edge of a frame, as many as fit. The first one and the way out,
/// which is the last, go last.
fn foot(buffer: &mut Buffer, area: Rect, hints: &[(Action, &str)], scene: &Scene<'_>) {
    if area.height < 2 {
        return;
    }
    let line = Rect::new(area.x, area.bottom() - 1, area.width, 1);
    let mut brush = Brush::new(buffer, line, scene.settings.glyphs);
    brush.skip(2).keep(2);
    let keymap = &scene.settings.keymap;
    let mut shown: Vec<_> = hints
        .iter()
        .filter_map(|(action, words)| Some((keymap.chords(*action).next()?.to_string(), words)))
        .collect();
    let wide = |(key, words): &(String, &&str)| width(key) + width(words) + 3;
    while shown.iter().map(wide).sum::<u16>() > brush.room() && shown.len() > 1 {
        // What is done and how to leave say the most.
        let at = if shown.len() > 2 { shown.len() - 2 } else { 1 };
        shown.remove(at);
    }
    for (key, words) in &shown {
        brush
            .put(" ", scene.style(Role::Text))
            .put(key, scene.style(Role::Key))
            .put(&format!(" {words} "), scene.style(Role::Text));
    }
}

/// The line `index` of an area, if it is inside.
fn line(area: Rect, index: u16) -> Rect {
    if index < area.height {
        Rect::new(area.x, area.y + index, area.width, 1)
    } else {
        Rect::new(area.x, area.bottom(), 0, 0)
    }
}

/// The first entry to show so that `chosen` of `count` is among `room`.
fn first_shown(chosen: usize, room: usize) -> usize {
    (chosen + 1).saturating_sub(room.max(1))
}
